"""From the name of a model to a folder on this machine: alias, folder, or id on the Hugging Face hub.

Downloads go through ``huggingface_hub`` and its cache, so that HF_HOME, HF_ENDPOINT, HF_TOKEN and
HF_HUB_OFFLINE hold as everywhere. Only data is fetched: never a python file, never a pickle.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from sa2va_cli.checkpoints.catalog import (
    CATALOG,
    DEMO,
    DEMO_FOLDER,
    FOLLOWERS,
    NO_MASKS,
    OWN,
    CatalogEntry,
    find,
    refuse_without_masks,
)
from sa2va_cli.checkpoints.families.table import FAMILIES
from sa2va_cli.checkpoints.files import CONFIG_FILE, is_complete, is_follower, weight_files
from sa2va_cli.checkpoints.json_files import read_json_object
from sa2va_cli.errors import ModelError, parameter

PATTERNS = ["*.json", "*.txt", "*.model", "*.safetensors", "*.jinja"]
"""Config, tokenizer, weights, chat template."""

CONNECT_SECONDS = 8.0
"""How long the hub may take to answer whether it knows a model."""

# Answers of the hub that are final; after anything else a model in the cache will do.
_FINAL = (RepositoryNotFoundError, RevisionNotFoundError, ModelError)

_NAME, _DEMO = parameter("name", option="--model"), parameter("name", DEMO, option=f"--model {DEMO}")
_OTHERWISE_FOLLOWER = f"name a folder that has it, or leave {parameter('follower')} out"
_OTHERWISE = f"name a checkpoint folder with {_NAME}, or try {_DEMO}"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Pulled:
    """What came of fetching a model.

    Attributes:
        folder: the checkpoint.
        concern: why the hub could not be asked whether there is a newer version; empty when it was asked.
    """

    folder: Path
    concern: str = ""


def resolve(name: str, *, masks: bool = False) -> Path:
    """Finds a model's checkpoint folder, downloading it if it is not here yet.

    Args:
        name: a folder, an alias of the catalog, or a hub id. A folder that exists is preferred; one that
            happens to be called like an alias must hold a ``config.json``.
        masks: refuse one that is known to make none, before its weights are downloaded.

    Raises:
        ModelError: when there is no such model, or it cannot be had now.
    """
    place = _place(name)
    if masks and not isinstance(place, Path):
        refuse_without_masks(name)
    if isinstance(place, Path):
        return place
    if here := _cached(place):
        return here
    _ask_hub(place, _OTHERWISE, masks=masks)
    return _snapshot(place)


def resolve_follower(name: str) -> Path:
    """Finds a follower's folder, downloading it if it is not here yet.

    Args:
        name: an alias of ``catalog.FOLLOWERS``, a folder as transformers saves it, or a hub id.

    Raises:
        ModelError: when there is none of that name, or it cannot be had now.
    """
    place = _follower_place(name)
    if isinstance(place, Path):
        return place
    if here := _cached(place):
        return here
    _ask_hub(place, _OTHERWISE_FOLLOWER, follower=True)
    return _snapshot(place)


def locate_follower(name: str) -> Path | None:
    """Finds what ``resolve_follower`` would find, without downloading anything; None: the hub has it.

    Raises:
        ModelError: in the words of ``resolve_follower``.
    """
    place = _follower_place(name)
    if isinstance(place, Path):
        return place
    here = _cached(place)
    if here is None:
        _ask_for_page(place, None, _OTHERWISE_FOLLOWER)
    return here


def _follower_place(name: str) -> Path | str:
    try:
        place = _place(name)
    except ModelError as error:
        raise ModelError(f"there is no follower {name!r}; {_known_followers()}") from error
    entry = find(name)
    if entry is not None and not entry.only_follows and place in (entry.repository, DEMO_FOLDER):
        raise ModelError(f"{name} is no follower, but a model; {_known_followers()}")
    return place


def _known_followers() -> str:
    known = ", ".join((OWN, *FOLLOWERS))
    return f"name a folder as transformers saves a SAM 2, its hub id, or one of {known}"


def locate(name: str, *, masks: bool = False) -> Path | None:
    """Finds what ``resolve`` would find, without downloading anything.

    Args:
        name: as for ``resolve``.
        masks: refuse one that is known to make none.

    Returns:
        The checkpoint folder; None for a model that is not here, or only in part, and that the hub has.

    Raises:
        ModelError: when there is no such model, or it cannot be had now; in the words of ``resolve``.
    """
    place = _place(name)
    if masks and isinstance(place, str):
        refuse_without_masks(name)
    if masks and find(name) is None and not makes_masks(name):
        raise ModelError(f"{name} is {NO_MASKS}")
    if isinstance(place, Path):
        return place
    here = _cached(place)
    if here is None:
        _ask_for_page(place, None, _OTHERWISE)
    return here


def makes_masks(name: str) -> bool:
    """Whether a model makes masks, as far as that is known without asking the hub; True where it is not.

    Args:
        name: as for ``resolve``.

    Raises:
        ModelError: when there is no such model.
    """
    entry, folder = find(name), find_local(name)
    if folder is None or entry is not None:
        return entry is None or entry.has_masks
    from sa2va_cli.checkpoints.layout import read_layout  # brings torch along
    from sa2va_cli.checkpoints.stock import stock_architecture

    try:
        return read_layout(folder).has_masks
    except ModelError:
        return stock_architecture(read_json_object(folder / CONFIG_FILE)) is None


def knows_regions(name: str) -> bool:
    """Whether a model can be asked about regions of a picture; what is known of it is as for ``makes_masks``.

    Args:
        name: as for ``resolve``.

    Raises:
        ModelError: when there is no such model.
    """
    entry, folder = find(name), find_local(name)
    if entry is not None:
        return entry.family in FAMILIES and FAMILIES[entry.family].knows_regions
    if folder is None:
        return True
    from sa2va_cli.checkpoints.layout import read_layout  # brings torch along

    try:
        return FAMILIES[read_layout(folder).family].knows_regions
    except ModelError:
        return makes_masks(name)


def find_local(name: str, revision: str | None = None) -> Path | None:
    """Finds a model's checkpoint folder on this machine; None when it is not here, or only in part.

    Args:
        name: as for ``resolve``.
        revision: a branch, tag or commit on the hub; None for the main one.

    Raises:
        ModelError: when there is no such model.
    """
    place = _place(name)
    return place if isinstance(place, Path) else _cached(place, revision)


def pull(name: str, revision: str | None = None) -> Pulled:
    """Fetches what the hub has newer of a model than the cache.

    Files that are complete are not fetched again. A model that is here will do where the hub cannot be asked.

    Args:
        name: as for ``resolve``.
        revision: a branch, tag or commit on the hub; None for the main one.

    Raises:
        ModelError: when there is no such model or revision, or it cannot be had now.
    """
    place = _place(name)
    if isinstance(place, Path):
        if revision is not None:
            raise ModelError(
                f"{name} does not come from the hub, so it has no revisions; "
                f"leave {parameter('revision')} out"
            )
        return Pulled(place)
    try:
        _ask_hub(place, "or try again when it can be reached", revision)
    except ModelError as error:
        reason = error.__cause__
        here = None if isinstance(reason, _FINAL) else _cached(place, revision)
        if here is None or not isinstance(reason, Exception):
            raise
        return Pulled(here, _one_line(reason))
    return Pulled(_snapshot(place, revision))


def resolve_part(name: str) -> Path:
    """Finds a model that is no Sa2VA, such as the original SAM 2, downloading it if it is not here yet.

    Args:
        name: a folder or a hub id.

    Raises:
        ModelError: when there is no such model, or it cannot be had now.
    """
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder
    unknown = f"there is no folder {name!r}; name one, or a hub id such as facebook/sam2-hiera-large"
    if not _HUB_ID.fullmatch(name):
        raise ModelError(unknown)
    try:
        weight_files(here := Path(snapshot_download(name, allow_patterns=PATTERNS, local_files_only=True)))
    except HFValidationError as error:
        raise ModelError(unknown) from error
    except (LocalEntryNotFoundError, ModelError):
        _ask_for_page(name, None, "or name a folder that has it")
        return _snapshot(name)
    return here


def _place(name: str) -> Path | str:
    """A folder, or the id of a model on the hub.

    Raises:
        ModelError: when it can be neither.
    """
    folder = Path(name).expanduser()
    entry = find(name)
    if name and folder.is_dir() and (entry is None or (folder / CONFIG_FILE).is_file()):
        return folder
    if entry is None and not _HUB_ID.fullmatch(name):
        raise ModelError(_unknown(name))
    if entry is not None and entry.alias == DEMO:
        return _demo()
    return name if entry is None else entry.repository


def _unknown(name: str) -> str:
    kind = "folder" if "/" in name or "\\" in name else "model"
    return (
        f"there is no {kind} {name!r}; name a checkpoint folder, a hub id such as {_first().repository}, "
        f"or one of {', '.join(CATALOG)}"
    )


def _first() -> CatalogEntry:
    return next(entry for entry in CATALOG.values() if entry.repository)


def _demo() -> Path:
    if not (DEMO_FOLDER / CONFIG_FILE).is_file():
        raise ModelError(
            f"this installation has no demo model ({DEMO_FOLDER} is missing); install sa2va again"
        )
    return DEMO_FOLDER


def _cached(repository: str, revision: str | None = None) -> Path | None:
    """The snapshot in the cache, if it is complete."""
    try:
        folder = Path(
            snapshot_download(repository, revision=revision, allow_patterns=PATTERNS, local_files_only=True)
        )
    except HFValidationError as error:
        raise ModelError(_unknown(repository)) from error
    except LocalEntryNotFoundError:
        return None
    return folder if is_complete(folder) else None


def _snapshot(repository: str, revision: str | None = None) -> Path:
    """Downloads what is missing."""
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=PATTERNS))
    except Exception as error:  # the hub's HTTP library, and so its errors, differs between versions
        raise ModelError(
            f"the download of {repository} stopped ({_one_line(error)}); "
            "run again to go on after the last complete file"
        ) from error


def _ask_for_page(repository: str, revision: str | None, otherwise: str) -> None:
    """Makes sure that the hub answers and knows a model; ``otherwise`` is what to do when it does not."""
    try:
        HfApi().model_info(repository, revision=revision, timeout=CONNECT_SECONDS)
    except Exception as error:  # see _snapshot
        raise ModelError(_refusal(repository, revision, error, otherwise)) from error


def _ask_hub(
    repository: str,
    otherwise: str,
    revision: str | None = None,
    *,
    masks: bool = False,
    follower: bool = False,
) -> None:
    """Makes sure, before gigabytes come, that the hub answers and has a model that can be loaded."""
    _ask_for_page(repository, revision, otherwise)
    try:
        config = hf_hub_download(repository, CONFIG_FILE, revision=revision, etag_timeout=CONNECT_SECONDS)
    except Exception as error:  # see _snapshot
        raise ModelError(_refusal(repository, revision, error, otherwise)) from error
    # They bring torch along.
    from sa2va_cli.checkpoints.layout import find_stock, read_layout, require_masks

    folder = Path(config).parent
    try:
        written = read_json_object(Path(config))
        if follower:
            from sa2va_cli.checkpoints.followers import require_follower

            require_follower(written, "it")
        elif is_follower(written) and not masks:
            return
        elif masks:
            require_masks(read_layout(folder), "it")
        else:
            find_stock(folder)
    except ModelError as error:
        reason = str(error).removeprefix(f"{folder}: ").replace(config, f"its {CONFIG_FILE}")
        raise ModelError(f"{repository} cannot be used: {reason}") from error


def _refusal(repository: str, revision: str | None, error: Exception, otherwise: str) -> str:
    """The message for a user whose model the hub does not give."""
    if isinstance(error, GatedRepoError):
        return f"{repository} is gated: accept its terms on the hub, then run 'hf auth login' or set HF_TOKEN"
    if isinstance(error, RevisionNotFoundError):
        return f"{repository} has no revision {revision!r}; name a branch, a tag or a commit of its page"
    if isinstance(error, RepositoryNotFoundError):
        known = ", ".join(CATALOG)
        return f"the hub has no model {repository}, or HF_TOKEN does not open it; known models: {known}"
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return f"{repository} has no config.json, so it is not a Sa2VA checkpoint"
    return (
        f"{repository} is not in the cache and cannot be downloaded now ({_one_line(error)}); "
        f"copy {cache_folder(repository)} from a machine that has it, {otherwise}"
    )


def cache_root() -> Path:
    """The folder of the hub's cache; HF_HUB_CACHE or HF_HOME move it."""
    return Path(HF_HUB_CACHE)


def cache_folder(repository: str) -> Path:
    """The folder of a model in the hub's cache."""
    return cache_root() / f"models--{repository.replace('/', '--')}"


def _one_line(error: Exception) -> str:
    sentence = re.split(r"(?<=[.!])\s", " ".join(str(error).split()), maxsplit=1)[0].rstrip(".")
    return f"{type(error).__name__}: {textwrap.shorten(sentence, 120)}" if sentence else type(error).__name__
