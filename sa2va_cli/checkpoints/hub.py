"""From the name of a model to a folder on this machine: alias, folder, or id on the Hugging Face hub.

Downloads go through ``huggingface_hub`` and its cache, so that HF_HOME, HF_ENDPOINT, HF_TOKEN and
HF_HUB_OFFLINE hold as everywhere. Only data is fetched: never a python file, never a pickle.
"""

import re
import textwrap
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from sa2va_cli.checkpoints.catalog import CATALOG, DEMO, DEMO_FOLDER, CatalogEntry, find, supported_aliases
from sa2va_cli.checkpoints.layout import read_layout
from sa2va_cli.checkpoints.loader import weight_files
from sa2va_cli.errors import ModelError

PATTERNS = ["*.json", "*.txt", "*.model", "*.safetensors", "*.jinja"]
"""Config, tokenizer, weights, chat template."""

CONNECT_SECONDS = 8.0
"""How long the hub may take to answer whether it knows a model."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def resolve(name: str) -> Path:
    """Finds a model's checkpoint folder, downloading it if it is not here yet.

    Args:
        name: a folder, an alias of the catalog, or a hub id. A folder that exists is preferred; one that
            happens to be called like an alias must hold a ``config.json``.

    Raises:
        ModelError: when there is no such model, or it cannot be had now.
    """
    folder = Path(name).expanduser()
    entry = find(name)
    if name and folder.is_dir() and (entry is None or (folder / "config.json").is_file()):
        return folder
    if entry is None and not _HUB_ID.fullmatch(name):
        raise ModelError(_unknown(name))
    if entry is not None and not entry.supported:
        raise ModelError(
            f"{entry.repository} is of the {entry.family} family, which is not supported yet; "
            f"supported: {', '.join(supported_aliases())}"
        )
    if entry is not None and entry.alias == DEMO:
        return _demo()
    return _from_hub(name if entry is None else entry.repository)


def _unknown(name: str) -> str:
    kind = "folder" if "/" in name or "\\" in name else "model"
    return (
        f"there is no {kind} {name!r}; name a checkpoint folder, a hub id such as {_first().repository}, "
        f"or one of {', '.join(CATALOG)}"
    )


def _first() -> CatalogEntry:
    return next(entry for entry in CATALOG.values() if entry.repository)


def _demo() -> Path:
    if not (DEMO_FOLDER / "config.json").is_file():
        raise ModelError(
            f"this installation has no demo model ({DEMO_FOLDER} is missing); install sa2va again"
        )
    return DEMO_FOLDER


def _from_hub(repository: str) -> Path:
    """Takes a model from the cache or downloads it."""
    try:
        folder = Path(snapshot_download(repository, allow_patterns=PATTERNS, local_files_only=True))
        if is_complete(folder):
            return folder
    except HFValidationError as error:
        raise ModelError(_unknown(repository)) from error
    except LocalEntryNotFoundError:
        pass  # not in the cache, or only in part
    _ask_hub(repository)
    try:
        return Path(snapshot_download(repository, allow_patterns=PATTERNS))
    except Exception as error:  # the hub's HTTP library, and so its errors, differs between versions
        raise ModelError(
            f"the download of {repository} stopped ({_one_line(error)}); run again to go on where it was"
        ) from error


def _ask_hub(repository: str) -> None:
    """Makes sure, before gigabytes come, that the hub answers and has a Sa2VA that can be loaded."""
    try:
        HfApi().model_info(repository, timeout=CONNECT_SECONDS)
        config = hf_hub_download(repository, "config.json", etag_timeout=CONNECT_SECONDS)
    except Exception as error:  # see _from_hub
        raise ModelError(_refusal(repository, error)) from error
    try:
        read_layout(Path(config).parent)
    except ModelError as error:
        raise ModelError(f"{repository} cannot be used: {str(error).partition(': ')[2]}") from error


def _refusal(repository: str, error: Exception) -> str:
    """What to tell a user whose model the hub does not give."""
    if isinstance(error, GatedRepoError):
        return f"{repository} is gated: accept its terms on the hub, then run 'hf auth login' or set HF_TOKEN"
    if isinstance(error, RepositoryNotFoundError):
        known = ", ".join(CATALOG)
        return f"the hub has no model {repository}, or HF_TOKEN does not open it; known models: {known}"
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return f"{repository} has no config.json, so it is not a Sa2VA checkpoint"
    return (
        f"{repository} is not in the cache and cannot be downloaded now ({_one_line(error)}); "
        f"copy {cache_folder(repository)} from a machine that has it, "
        f"name a checkpoint folder with --model, or try --model {DEMO}"
    )


def cache_folder(repository: str) -> Path:
    """Where the hub's cache keeps a model."""
    return Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def is_complete(folder: Path) -> bool:
    """Whether config, tokenizer and all weights are there: a download may have been interrupted."""
    tokenizer = any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model"))
    try:
        files = weight_files(folder)
    except ModelError:
        return False
    return tokenizer and (folder / "config.json").is_file() and all((folder / f).is_file() for f in files)


def _one_line(error: Exception) -> str:
    sentence = re.split(r"(?<=[.!])\s", " ".join(str(error).split()), maxsplit=1)[0].rstrip(".")
    return f"{type(error).__name__}: {textwrap.shorten(sentence, 120)}" if sentence else type(error).__name__
