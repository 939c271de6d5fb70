"""From the name of a model to something that segments, and what to say when memory runs out on the way."""

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sa2va_cli.checkpoints.parts import LM, VIT
from sa2va_cli.conversation import ChatEngine
from sa2va_cli.datatypes import AnySegmenter, ModelIdentity
from sa2va_cli.errors import OutOfMemoryError, UsageError, parameter
from sa2va_cli.events import Notice, Progress, Report
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.staging import require_temporary_folder
from sa2va_cli.tracks.fingerprint import fingerprint

if TYPE_CHECKING:
    from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
    from sa2va_cli.model.sam2 import Sam2
    from sa2va_cli.model.stock import StockEngine

Network = TypeVar("Network")
Model = TypeVar("Model")

Load = Callable[[ModelChoice, Placement], AnySegmenter]
"""Turns a choice of a model into a segmenter on a device. Tests put a fake one here."""


LoadChat = Callable[[ModelChoice, Placement], ChatEngine]
"""Turns a choice of a model into one that can be talked to."""


def import_network() -> None:
    """Imports all that ``load_segmenter`` needs, which takes longer than loading a small network."""
    import sa2va_cli.checkpoints.loader
    import sa2va_cli.model.network  # noqa: F401


def load_segmenter(choice: ModelChoice, placement: Placement) -> "NetworkSegmenter":
    """Loads a published or the bundled network.

    Args:
        choice: which one, and how it runs.
        placement: where, in which precision: what ``choice.placed()`` gave.

    Raises:
        ModelError: it is not available, or its files are not understood.
        OutOfMemoryError: it does not fit; found out before its weights are read where that is possible.
        OutputError: there is no folder for temporary files, which torch needs when it is imported.
        UsageError: what was chosen does not go with the placement.
    """
    choice.check(placement)
    require_temporary_folder()
    from sa2va_cli.checkpoints.hub import resolve
    from sa2va_cli.checkpoints.loader import load_network

    name = choice.name_on(placement)
    folder = resolve(name, masks=True)
    return _segmenter(load_network, choice, placement, name, folder)


def load_chat(choice: ModelChoice, placement: Placement) -> ChatEngine:
    """Loads a model that answers questions: a Sa2VA, which is a segmenter as well, or a chat model.

    The arguments and the errors are those of ``load_segmenter``.
    """
    choice.check(placement)
    require_temporary_folder()
    from sa2va_cli.checkpoints.hub import resolve
    from sa2va_cli.checkpoints.layout import find_stock, read_layout
    from sa2va_cli.checkpoints.loader import load_chat_network, load_network
    from sa2va_cli.model.network import NetworkTalker

    name = choice.name_on(placement)
    folder = resolve(name)
    if find_stock(folder):
        return _stock_engine(choice, placement, name, folder)
    if read_layout(folder).has_masks:
        return _segmenter(load_network, choice, placement, name, folder)
    network = _loaded(load_chat_network, choice, placement, name, folder)
    return NetworkTalker(network, _identity(name, folder, placement))


def _segmenter(
    load: "Callable[..., Sa2VANetwork]", choice: ModelChoice, placement: Placement, name: str, folder: Path
) -> "NetworkSegmenter":
    from sa2va_cli.model.network import NetworkSegmenter
    from sa2va_cli.runtime.compile_policy import compiling

    follows = None
    if choice.has_follower:
        from sa2va_cli.checkpoints.hub import resolve_follower

        follows = choice.follower, resolve_follower(choice.follower)
    network = _loaded(load, choice, placement, name, folder, follows)
    identity, follower = _identity(name, folder, placement), None
    if follows is not None:
        follower = _follower(follows[1], choice, placement)
        identity = replace(identity, follower=_identity(*follows, placement))
    return NetworkSegmenter(
        network,
        compiling=compiling(choice.compile, placement.device),
        identity=identity,
        follower=follower,
    )


def _follower(folder: Path, choice: ModelChoice, placement: Placement) -> "Sam2":
    import torch

    from sa2va_cli.checkpoints.followers import load_follower

    device = torch.device(placement.device)
    return load_follower(folder, device, placement.torch_dtype, side=choice.follow_size)


def _loaded(
    load: Callable[..., Network],
    choice: ModelChoice,
    placement: Placement,
    name: str,
    folder: Path,
    follower: tuple[str, Path] | None = None,
) -> Network:
    """A network of one of the families, once it is known to fit, with its follower where it has one."""
    import torch

    from sa2va_cli.runtime.memory_forecast import check_fits, room_for_language

    device, room = placement.device, None
    if choice.spread:
        room = room_for_language(name, folder, placement, follower)
        device = next(iter(room))
    else:
        check_fits(name, folder, placement, choice.quantize, follower)
    return load(
        folder,
        torch.device(device),
        placement.torch_dtypes,
        attention=choice.attention,
        quantize=choice.quantize,
        room=room,
    )


def _stock_engine(choice: ModelChoice, placement: Placement, name: str, folder: Path) -> "StockEngine":
    """A chat model that transformers runs itself; it has one precision for all parts.

    Raises:
        UsageError: its parts are to have several.
    """
    import torch

    from sa2va_cli.checkpoints.stock_loader import load_stock
    from sa2va_cli.checkpoints.stock_processor import load_processor
    from sa2va_cli.model.stock import StockEngine
    from sa2va_cli.runtime.memory_forecast import check_fits, room_for_all

    dtype, other = (placement.torch_dtypes[group] for group in (LM, VIT))
    if dtype != other:
        raise UsageError(
            f"{parameter('dtype', placement.dtype)} is more than one precision, and {name} has one for all "
            f"of it; use {parameter('dtype', placement.dtypes[LM])}"
        )
    room = room_for_all(name, folder, placement) if choice.spread else None
    if room is None:
        check_fits(name, folder, placement, choice.quantize)
    model = load_stock(
        folder,
        torch.device(placement.device),
        dtype,
        attention=choice.attention,
        quantize=choice.quantize,
        room=room,
    )
    processor, takes_videos = load_processor(folder, model.config)
    return StockEngine(model, processor, _identity(name, folder, placement), takes_videos=takes_videos)


def _identity(name: str, folder: Path, placement: Placement) -> ModelIdentity:
    """Names the weights in a folder; a revision is what the Hugging Face cache calls a snapshot's folder."""
    files = sorted(folder.glob("*.safetensors"))
    weights = None
    if files:
        mark = fingerprint(files)
        weights = hashlib.sha256("".join((mark.head, mark.tail, mark.sizes)).encode()).hexdigest()
    resolved = folder.absolute()
    revision = resolved.name if resolved.parent.name == "snapshots" else None
    return ModelIdentity(name, revision, weights, placement.device, placement.dtype)


def load_announced(
    load: Callable[[ModelChoice, Placement], Model], choice: ModelChoice, placement: Placement, report: Report
) -> Model:
    """Loads a model, and says before what was chosen and what is loaded.

    Args:
        load: a ``Load`` or ``LoadChat``, with its errors.
        choice: which model, and how it runs.
        placement: where.
        report: is told.
    """
    announce(placement, report)
    report(Progress(f"loading {choice.name_on(placement)}"))
    return load(choice, placement)


def announce(placement: Placement, report: Report) -> None:
    """Says what was chosen, before the model is loaded: that may take long, or fail."""
    if placement.concern:
        report(Notice(placement.concern, "warning"))
    if placement.chosen:
        report(Notice(placement.chosen))


@contextmanager
def memory_errors_explained(
    model: str, placement: Placement, seen: str = "keyframes"
) -> Generator[None, None, None]:
    """Turns every way of running out of memory into one error with advice.

    Args:
        model: its name.
        placement: where it runs.
        seen: the option that says how many frames the language model sees.

    Raises:
        OutOfMemoryError: memory ran out inside.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        where = "the computer" if placement.device == "cpu" else placement.device
        advice = [
            f"a smaller model ({parameter('name', option='--model')})",
            f"fewer {parameter(seen)}",
        ]
        if "fp32" in placement.dtypes.values():
            advice.append(parameter("dtype", "bf16"))
        if placement.device != "cpu":
            advice.append(parameter("device", "cpu"))
        raise OutOfMemoryError(
            f"{where} ran out of memory with {model} in {placement.dtype}; try {', '.join(advice)}"
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, numpy or a library below them could not get memory; torch need not be imported."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return any(sign in text for sign in ("out of memory", "can't allocate memory", "cannot allocate memory"))
