"""The passes over a clip in which outputs are made: over every frame, and once more where that is needed.

Knows nothing about where masks come from.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import TypeVar

from sa2va_cli.datatypes import FoundObject, FrameMasks, Prompt
from sa2va_cli.events import DRAWING_AGAIN, Progress, Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.driver import Driver
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.queues import write_behind

Item = TypeVar("Item")


def clip_of(
    reader: Reader,
    stem: str,
    prompts: tuple[Prompt, ...],
    drawing: Drawing,
    saving: Saving,
    sheet: tuple[int, ...] | None = None,
) -> Clip:
    """What the sinks of a run need to know about its input; see ``Clip`` for each of them."""
    return Clip(
        reader,
        stem,
        prompts,
        drawing,
        by_source_number=saving.source_numbers,
        strip_metadata=saving.strip_metadata,
        sheet=sheet,
    )


def driver_of(
    outputs: Sequence[PlannedOutput],
    clip: Clip,
    objects: tuple[FoundObject, ...],
    saving: Saving,
    report: Report,
) -> Driver:
    """The driver of a run's sinks, which ends them as the run was asked to."""
    return Driver(outputs, clip, objects, report, verify=saving.verify, replaces=saving.replaces)


def draw_once(
    driver: Driver,
    items: Generator[Item, None, None],
    write: Callable[[Item], None],
    progress: Progress,
    report: Report,
) -> int:
    """The first pass: every frame is made in this thread, and drawn in another.

    Args:
        driver: of the sinks.
        items: the frames, or what their masks are made of.
        write: gives one to the driver.
        progress: the stage, and how many frames there will be.
        report: is told how far that is.

    Returns:
        How many frames there were.
    """
    done = 0
    # Closed by name: an error's traceback would keep the items, and their threads, alive.
    with write_behind(write) as hand_over, closing(items):
        for done, one in enumerate(items, 1):
            hand_over(one)
            report(Progress(progress.stage, done, progress.total))
    driver.end_first_pass()
    return done


def draw_again(
    driver: Driver, masks: Generator[FrameMasks, None, None], total: int = 0, report: Report = no_report
) -> None:
    """The second pass, for outputs that need the whole clip before they begin.

    Args:
        driver: of the sinks.
        masks: of every frame once more.
        total: how many there are.
        report: is told how far that is.
    """
    with write_behind(driver.write_again) as hand_over, closing(masks):
        for done, one in enumerate(masks, 1):
            hand_over(one)
            report(Progress(DRAWING_AGAIN, done, total))
    driver.end_second_pass()
