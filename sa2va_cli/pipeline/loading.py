"""From the name of a model to something that segments, and what to say when memory runs out on the way."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from sa2va_cli.checkpoints.catalog import default_model
from sa2va_cli.datatypes import Segmenter
from sa2va_cli.errors import OutOfMemoryError
from sa2va_cli.media.reader import require_temporary_folder
from sa2va_cli.pipeline.device import Placement
from sa2va_cli.pipeline.options import ModelOptions

Load = Callable[[str, Placement], Segmenter]
"""Turns a model's name into a segmenter on a device. Tests put a fake one here."""

AS_USUAL = ModelOptions()


def model_name(asked: str | None, placement: Placement) -> str:
    """Returns the model's name: the one that was asked for, or the default for the device."""
    return default_model(placement.on_gpu) if asked is None else asked


def import_network() -> None:
    """Imports all that ``load_segmenter`` needs, which takes longer than loading a small network."""
    import sa2va_cli.checkpoints.loader
    import sa2va_cli.model.network  # noqa: F401


def load_segmenter(name: str, placement: Placement, options: ModelOptions = AS_USUAL) -> Segmenter:
    """Loads a published or the bundled network.

    Raises:
        ModelError: it is not available, or its files are not understood.
        OutOfMemoryError: it does not fit; found out before its weights are read where that is possible.
        OutputError: there is no folder for temporary files, which torch needs when it is imported.
        UsageError: the options do not go with the placement.
    """
    options.check(placement)
    require_temporary_folder()
    import torch

    from sa2va_cli.checkpoints.hub import resolve
    from sa2va_cli.checkpoints.loader import load_network
    from sa2va_cli.model.network import NetworkSegmenter
    from sa2va_cli.pipeline.compiling import compiling
    from sa2va_cli.pipeline.memory import check_fits, room_for_language

    folder = resolve(name)
    device, room = placement.device, None
    if options.spread:
        room = room_for_language(name, folder, placement)
        device = next(iter(room))
    else:
        check_fits(name, folder, placement, options.quantize)
    network = load_network(
        folder,
        torch.device(device),
        placement.torch_dtypes,
        attention=options.attention,
        quantize=options.quantize,
        room=room,
    )
    return NetworkSegmenter(network, compiling=compiling(options.compile, placement.device))


@contextmanager
def memory_errors_explained(model: str, placement: Placement) -> Generator[None, None, None]:
    """Turns every way of running out of memory into one error with advice.

    Raises:
        OutOfMemoryError: memory ran out inside.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        where = "the computer" if placement.device == "cpu" else placement.device
        advice = ["a smaller model (--model)", "fewer --keyframes"]
        if "fp32" in placement.dtypes.values():
            advice.append("--dtype bf16")
        if placement.device != "cpu":
            advice.append("--device cpu")
        raise OutOfMemoryError(
            f"{where} ran out of memory with {model} in {placement.dtype}; try {', '.join(advice)}"
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, numpy or a library below them could not get memory; torch need not be imported."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return any(sign in text for sign in ("out of memory", "can't allocate memory", "cannot allocate memory"))
