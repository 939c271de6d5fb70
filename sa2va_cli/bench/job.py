"""What ``sa2va bench`` is asked to time, and what comes of it. Importing it is instant."""

import re
from dataclasses import dataclass, field
from typing import Annotated

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.parameters import TIMING, Option, check_fields, declared, named, one_of
from sa2va_cli.runtime.choice import ModelChoice

HIERA_L = "hiera-l"
RANDOM: tuple[str, ...] = ("1b", "4b", "demo", HIERA_L)
"""Sizes that can be timed with random weights."""

_SMALLEST, _LARGEST = 32, 8192
"""Limits of a picture's sides in pixels: below, encoders refuse it; above, one frame fills the memory."""


def picture_size(text: str) -> tuple[int, int]:
    """Reads ``1280x720``.

    Raises:
        UsageError: it is not two numbers, or they make no picture that can be encoded.
    """
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    if not found:
        raise UsageError(
            f"{parameter('size')} {text!r} is not a size; give width and height, such as 1280x720"
        )
    width, height = int(found[1]), int(found[2])
    if not _SMALLEST <= min(width, height) <= max(width, height) <= _LARGEST:
        raise UsageError(
            f"{parameter('size')} {text}: each side must lie between {_SMALLEST} and {_LARGEST} pixels"
        )
    return width, height


@dataclass(frozen=True)
class BenchJob:
    """One run of ``sa2va bench``.

    Attributes:
        size: (width, height) of the clip in pixels.
        model: which model, and how it runs.
        random: one of ``RANDOM`` instead of a model.
        objects: how many are followed.
        frames: how many the clip has.
        rounds: how often each stage is timed.
    """

    size: Annotated[
        tuple[int, int],
        Option(
            "Size of the clip's pictures.",
            TIMING,
            "WxH",
            read=picture_size,
            shown="1280x720",
        ),
    ] = (1280, 720)
    model: ModelChoice = field(default_factory=ModelChoice)
    random: Annotated[
        str | None,
        Option(
            f"Random weights, nothing downloaded: {one_of(RANDOM)} ({HIERA_L} is the SAM 2 of every "
            "published Sa2VA, without a language model).",
            TIMING,
            "SIZES",
            choices=RANDOM,
        ),
    ] = None
    objects: Annotated[int, Option("How many objects to follow.", TIMING, "K", least=1)] = 1
    frames: Annotated[int, Option("How long the clip is.", TIMING, "T", least=1)] = 24
    rounds: Annotated[
        int, Option("How often each stage is timed; the median counts.", TIMING, "N", least=1)
    ] = 5

    def __post_init__(self) -> None:
        check_fields(self)
        if self.random is None:
            return
        fixed = ModelChoice(device=self.model.device, dtype=self.model.dtype)
        for one in declared(ModelChoice):
            if getattr(self.model, one.name) != getattr(fixed, one.name):
                other, random = named(ModelChoice, one.name), parameter("random")
                raise UsageError(f"{other} and {random} contradict each other; give one of them")

    @property
    def network(self) -> str | None:
        """What is timed, as a person would say it; None for the default model."""
        return self.model.name if self.random is None else f"{self.random} with random weights"


@dataclass(frozen=True)
class Stage:
    """What was measured of one stage.

    Attributes:
        name: of the stage.
        unit: what is timed: ``frame``, or ``prompt`` for the language model.
        seconds: for one unit, the median of the rounds.
        spread: how far the rounds lie apart, as a part of the median.
        flops: counted floating point operations of one unit; None where they are not what takes the time.
        floor_share: the time that those would take at the rate of a large matrix product, as a part of the
            time taken; None without ``flops``.
        device_bytes: the most memory of tensors on the GPU meanwhile; None without a GPU.
    """

    name: str
    unit: str
    seconds: float
    spread: float
    flops: int | None = None
    floor_share: float | None = None
    device_bytes: int | None = None

    @property
    def per_second(self) -> float:
        """Units per second."""
        return 1.0 / self.seconds


@dataclass(frozen=True)
class BenchResult:
    """What was measured.

    Attributes:
        job: what was asked for.
        network: what was timed.
        device: where it ran.
        dtype: its precision.
        threads: of the processor, for tensors.
        matmul_rate: measured floating point operations per second of a large matrix product.
        stages: in the order in which a frame meets them; the last one is all of them, overlapped, for a clip.
        host_bytes: the most memory of the process; None where the system does not report it.
        warnings: why the figures may mislead.
    """

    job: BenchJob
    network: str
    device: str
    dtype: str
    threads: int
    matmul_rate: float
    stages: tuple[Stage, ...]
    host_bytes: int | None
    warnings: tuple[str, ...]
