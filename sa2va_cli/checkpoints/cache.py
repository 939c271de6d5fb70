"""The Sa2VA models in the Hugging Face cache: which there are, how large they are, and removing them.

The cache is huggingface_hub's: ``models--OWNER--NAME`` with ``blobs`` (the files, named by their checksum),
``snapshots`` (a folder of links for each version) and ``refs`` (which version is ``main``).
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.checkpoints.catalog import CATALOG, FOLLOWERS, find
from sa2va_cli.checkpoints.files import CONFIG_FILE, is_complete
from sa2va_cli.checkpoints.hub import cache_folder, cache_root, find_local
from sa2va_cli.checkpoints.json_files import read_json_object
from sa2va_cli.errors import ModelError, OutputError

_OWN_FORMATS = ("sa2va_chat", "sa2va")
"""``model_type`` of a published config, ``format`` of a native one."""


@dataclass(frozen=True)
class CachedModel:
    """A model in the cache.

    Attributes:
        repository: its id on the hub.
        folder: where the cache has it.
        size: bytes on the disk.
        versions: how many versions of it there are.
        complete: whether one of them has all its files.
    """

    repository: str
    folder: Path
    size: int
    versions: int
    complete: bool


def cached_models() -> list[CachedModel]:
    """Lists what the cache has of Sa2VA models, begun downloads too; other models are left out."""
    found = []
    for folder in sorted(cache_root().glob("models--*--*")):
        repository = folder.name.removeprefix("models--").replace("--", "/")
        snapshots = sorted(folder.glob("snapshots/*/"))
        if find(repository) or any(_is_sa2va(snapshot) for snapshot in snapshots):
            complete = any(is_complete(snapshot) for snapshot in snapshots)
            found.append(CachedModel(repository, folder, size_on_disk(folder), len(snapshots), complete))
    return found


def present_models() -> dict[str, Path]:
    """The folders of the catalogue's models and followers that are here and complete, by alias."""
    here: dict[str, Path] = {}
    for alias, entry in (*CATALOG.items(), *FOLLOWERS.items()):
        if not entry.repository or cache_folder(entry.repository).is_dir():
            try:
                folder = find_local(alias)
            except ModelError:  # an installation without the demo model
                continue
            if folder is not None:
                here[alias] = folder
    return here


def size_on_disk(folder: Path) -> int:
    """Bytes of the files below a folder; links count nothing, as what they lead to is counted itself."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def remove(model: CachedModel) -> None:
    """Removes every version of a model from the cache.

    Raises:
        OutputError: the file system refuses.
    """
    try:
        shutil.rmtree(model.folder)
    except OSError as error:
        raise OutputError(f"{model.folder} cannot be removed: {error.strerror or error}") from error
    shutil.rmtree(cache_root() / ".locks" / model.folder.name, ignore_errors=True)


def _is_sa2va(snapshot: Path) -> bool:
    try:
        config = read_json_object(snapshot / CONFIG_FILE)
    except ModelError:
        return False
    return any(kind in _OWN_FORMATS for kind in (config.get("model_type"), config.get("format")))
