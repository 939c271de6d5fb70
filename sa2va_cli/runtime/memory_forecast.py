"""How much memory a model needs and how much there is, before anything is loaded."""

import os
from contextlib import suppress
from pathlib import Path

from sa2va_cli.checkpoints.catalog import CATALOG, FOLLOWERS
from sa2va_cli.checkpoints.files import read_headers
from sa2va_cli.checkpoints.parts import LM, SAM2, Counts, count
from sa2va_cli.checkpoints.spreading import HOST
from sa2va_cli.errors import OutOfMemoryError, parameter
from sa2va_cli.runtime.device import Placement, gpus, read_dtype

BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}
"""Of one parameter, by precision."""

QUANTISED_BITS = {"8bit": 8.0, "4bit": 4.127}
"""Of one quantised weight; four bits come with scales that are quantised themselves (QLoRA, section 3)."""

SPREAD_SHARE = 0.9
"""Part of the free memory of each device that a spread language model may take; the rest is for its work.

The same part as in transformers (``device_map="auto"``)."""

GB = 1_000_000_000

_MEMORY = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def weights_bytes(folder: Path, dtype: str, quantize: str | None = None) -> int:
    """Bytes of a checkpoint's parameters in a precision, from the headers of its files.

    Args:
        folder: the checkpoint.
        dtype: as in ``Placement``.
        quantize: a name in ``QUANTISED_BITS``, or None.

    Raises:
        ModelError: the weights are missing or damaged.
    """
    return bytes_of(count(read_headers(folder)), dtype, quantize)


def bytes_of(counts: Counts, dtype: str, quantize: str | None = None) -> int:
    """Bytes of parameters in a precision; the arguments are those of ``weights_bytes``."""
    dtypes = read_dtype(dtype)
    whole = sum(number * BYTES[dtypes[group]] for group, number in counts.groups.items())
    if quantize is None:
        return whole
    return int(whole - counts.quantisable * (BYTES[dtypes[LM]] - QUANTISED_BITS[quantize] / 8))


def free_bytes(device: str) -> int | None:
    """Bytes that can still be had on a device; None where that cannot be told.

    Args:
        device: as in ``Placement``. An Apple GPU shares the memory of the processor.
    """
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return free_host_bytes()


def free_host_bytes() -> int | None:
    """Bytes of memory that a program can still have; within a container, at most what that is allowed."""
    free = [value for value in (_available(), _left_in_group()) if value is not None]
    return min(free) if free else None


def total_host_bytes() -> int | None:
    """Bytes of memory in the machine."""
    with suppress(ValueError, OSError, AttributeError):  # os.sysconf is not everywhere
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _available() -> int | None:
    """What Linux could free, and its free swap; elsewhere all the memory there is."""
    with suppress(OSError, ValueError, KeyError):
        rows = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
        return sum(int(rows[name].split()[0]) * 1024 for name in ("MemAvailable", "SwapFree"))  # in kB
    return total_host_bytes()


def _left_in_group() -> int | None:
    """What the control group of a container leaves (cgroup v2); its file cache can be given up."""
    with suppress(OSError, ValueError):
        limit = int((_GROUP / "memory.max").read_text())
        used = int((_GROUP / "memory.current").read_text())
        lines = (_GROUP / "memory.stat").read_text().splitlines()
        cache = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        return max(0, limit - used + cache)
    return None


def check_fits(
    model: str,
    folder: Path,
    placement: Placement,
    quantize: str | None = None,
    follower: tuple[str, Path] | None = None,
) -> None:
    """Makes sure that a model's weights fit, before they are read.

    What a run needs besides (pictures, the language model's cache) is not counted: a model that is refused
    cannot run, one that is not may still run out of memory.

    Args:
        model: its name, for the message.
        folder: its checkpoint.
        placement: where it is to run, and in which precision.
        quantize: a name in ``QUANTISED_BITS``, or None.
        follower: name and checkpoint of the network that follows what the model finds; None for its own.

    Raises:
        OutOfMemoryError: it does not fit; says what would.
        ModelError: the weights are missing or damaged.
    """
    free = free_bytes(placement.device)
    counts = count(read_headers(folder))
    needed = bytes_of(counts, placement.dtype, quantize)
    where = "the computer" if placement.device in ("cpu", "mps") else placement.device
    if follower is not None:
        beside = follower_bytes(follower[1], placement.dtype)
        if free is not None and needed <= free < needed + beside:
            raise OutOfMemoryError(
                f"{model} needs {gigabytes(needed)} in {placement.dtype}, the follower {follower[0]} "
                f"{gigabytes(beside)} more, and {where} has {gigabytes(free)} free; "
                + _what_follows(free - needed, placement.dtype)
            )
        needed += beside
    if free is None or needed <= free:
        return
    how = f"{placement.dtype} with {quantize} layers" if quantize else placement.dtype
    raise OutOfMemoryError(
        f"{model} needs {gigabytes(needed)} in {how}, and {where} has {gigabytes(free)} free; "
        + _what_fits(counts, free, placement, quantize)
    )


def follower_bytes(folder: Path, dtype: str) -> int:
    """Bytes of a follower's parameters in a precision; the arguments are those of ``weights_bytes``."""
    return sum(header.parameters for header in read_headers(folder)) * BYTES[read_dtype(dtype)[SAM2]]


def _what_follows(free: int, dtype: str) -> str:
    """Advice: the largest follower that fits beside a model, or none."""
    each = BYTES[read_dtype(dtype)[SAM2]]
    sizes = [(entry.counts.total * each, alias) for alias, entry in FOLLOWERS.items() if entry.counts]
    fitting = [one for one in sizes if one[0] <= free]
    if not fitting:
        return f"leave {parameter('follower')} out"
    size, alias = max(fitting)
    return f"what would fit: {parameter('follower', alias)} ({gigabytes(size)}), or none"


def room_for_language(
    model: str, folder: Path, placement: Placement, follower: tuple[str, Path] | None = None
) -> dict[str, int]:
    """How much a language model may take of every device when it is spread (``--device-map auto``).

    Args:
        model: its name, for the message.
        folder: its checkpoint.
        placement: where the rest of the network goes, and the precision of all.
        follower: see ``check_fits``; it goes where the rest does.

    Returns:
        Bytes by GPU, the one of ``placement`` first, and ``spreading.HOST`` last.

    Raises:
        OutOfMemoryError: the rest does not fit on its GPU, or the language model not on all of them together.
        ModelError: the weights are missing or damaged.
    """
    main, *others = gpus(placement.device)
    groups, dtypes = count(read_headers(folder)).groups, placement.dtypes
    needed = {group: number * BYTES[dtypes[group]] for group, number in groups.items()}
    language = needed.pop(LM)
    rest, parts = sum(needed.values()), "its vision encoder and SAM 2"
    if follower is not None:
        rest += follower_bytes(follower[1], placement.dtype)
        parts = f"its vision encoder, SAM 2 and the follower {follower[0]}"
    free = _free_to_spread(main, *others)
    if rest > free[main]:
        raise OutOfMemoryError(
            f"what {parameter('device_map', 'auto')} cannot spread of {model}, {parts}, needs "
            f"{gigabytes(rest)} in {placement.dtype}, and {main} has {gigabytes(free[main])} to give; "
            f"try {parameter('dtype', 'bf16')}, or {parameter('device', 'cpu')}"
        )
    room = free | {main: free[main] - rest}
    if language > sum(room.values()):
        raise OutOfMemoryError(
            f"the language model of {model} needs {gigabytes(language)} in {placement.dtype}, and "
            f"{', '.join((main, *others))} and the computer have {gigabytes(sum(room.values()))} to give; "
            f"try {parameter('dtype', 'bf16')}, or a smaller {parameter('name', option='--model')}"
        )
    return room


def room_for_all(model: str, folder: Path, placement: Placement) -> dict[str, int]:
    """How much of every device a chat model of transformers may take when it is spread, all parts of it.

    The arguments and the result are those of ``room_for_language``.

    Raises:
        OutOfMemoryError: it does not fit on all of them together.
        ModelError: the weights are missing or damaged.
    """
    devices = gpus(placement.device)
    room = _free_to_spread(*devices)
    needed = weights_bytes(folder, placement.dtype)
    if needed > sum(room.values()):
        raise OutOfMemoryError(
            f"{model} needs {gigabytes(needed)} in {placement.dtype}, and {', '.join(devices)} and the "
            f"computer have {gigabytes(sum(room.values()))} to give; try {parameter('dtype', 'bf16')}, "
            f"or a smaller {parameter('name', option='--model')}"
        )
    return room


def _free_to_spread(*devices: str) -> dict[str, int]:
    """Bytes that a spread model may take of each GPU, and of the ``HOST``."""
    free = {device: int(SPREAD_SHARE * (free_bytes(device) or 0)) for device in devices}
    return free | {HOST: int(SPREAD_SHARE * (free_host_bytes() or 0))}


def _what_fits(counts: Counts, free: int, placement: Placement, quantize: str | None) -> str:
    """Advice: a narrower precision, a smaller model, another device; with what each needs."""
    narrower = [(parameter("dtype", "bf16"), bytes_of(counts, "bf16", quantize))]
    if quantize != "4bit" and placement.device != "mps":
        narrower.append((parameter("quantize", "4bit"), bytes_of(counts, placement.dtype, "4bit")))
    needed = bytes_of(counts, placement.dtype, quantize)
    advice = [f"{option} ({gigabytes(size)})" for option, size in narrower if size <= free and size < needed]
    if smaller := largest_that_fits(free, placement.dtype, quantize):
        alias, size = smaller
        advice.append(f"{parameter('name', alias, option=f'--model {alias}')} ({gigabytes(size)})")
    if placement.device.startswith("cuda") and needed <= (free_host_bytes() or 0):
        advice.append(parameter("device", "cpu"))
    return (
        f"what would fit: {', '.join(advice)}" if advice else "close other programs, or use another machine"
    )


def largest_that_fits(free: int, dtype: str, quantize: str | None = None) -> tuple[str, int] | None:
    """Finds the largest published Sa2VA whose weights fit.

    Args:
        free: bytes.
        dtype: as in ``Placement``.
        quantize: a name in ``QUANTISED_BITS``, or None.

    Returns:
        Its alias and the bytes of its weights; None when none fits.
    """
    sizes = published_bytes(dtype, quantize)
    fitting = [(size, alias) for alias, size in sizes.items() if size <= free and CATALOG[alias].has_masks]
    return (max(fitting)[1], max(fitting)[0]) if fitting else None


def published_bytes(dtype: str, quantize: str | None = None) -> dict[str, int]:
    """Bytes of the weights of every published model in a precision, by alias."""
    return {
        alias: bytes_of(entry.counts, dtype, quantize)
        for alias, entry in CATALOG.items()
        if entry.counts is not None
    }


def gigabytes(count: int) -> str:
    """Writes bytes for people, with three digits at most: ``15.8 GB`` (10^9 bytes), ``12.8 MB`` (10^6)."""
    return f"{count / GB:.3g} GB" if count >= GB else f"{count / 1_000_000:.3g} MB"
