"""What takes masks and leaves files: the protocol of a sink, and what it has to say."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from sa2va_cli.datatypes.masks import FrameMasks
from sa2va_cli.written import Written


@dataclass(frozen=True)
class Publication:
    """How what is finished gets its name.

    Attributes:
        replaces: whether it takes the place of what is there.
        inspect: is shown the file or folder while its name is still hidden; what this raises keeps it from
            getting its final one.
    """

    replaces: bool = True
    inspect: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Remark:
    """What a person should look at in a finished edit.

    Attributes:
        effect: which one says it.
        index: of the frame.
        seconds: time of the frame.
        what: ``unprotected`` where something was to be hidden and there is no mask; ``doubtful`` where that
            mask cannot be trusted, or is that of frames on one side only; ``invented`` where the background
            of a removed object was never seen and is a guess.
        share: of the target's pixels on this frame that it is about, 0..1.
    """

    effect: str
    index: int
    seconds: float
    what: str
    share: float = 1.0


class Sink(Protocol):
    """Takes the masks of every frame, in order, and leaves finished files behind.

    A context manager: on an error nothing half-written stays; on success files appear under their final name.
    One place drives all sinks (``outputs.driver``), and a sink says what it needs: one frame by default.

    Attributes:
        reach: how many frames before and after each it needs, in ``FrameMasks.around``.
        surveys: whether it must have seen the whole clip before it writes anything.
        publication: how what it makes gets its name; whoever drives it decides.
    """

    reach: int = 0
    surveys: bool = False
    publication: Publication = Publication()

    def __enter__(self) -> Self:
        """Opens the sink."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the files, or removes them when ``kind`` is an exception."""
        ...

    @property
    def meant(self) -> Written | None:
        """What was meant to be written, once the sink is closed; None where it does not say."""
        return None

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What a person should look at in what was written."""
        return ()

    def survey(self, masks: FrameMasks) -> None:
        """Is shown every frame in order, before the first ``write``; only where ``surveys``."""
        del masks  # most have no need of it

    def write(self, masks: FrameMasks) -> None:
        """Takes one frame."""
        ...
