"""From a log and its source to the masks of every frame again, without a network.

Knows nothing about what is made of them.
"""

from collections.abc import Generator, Iterable
from contextlib import closing

from sa2va_cli.datatypes import Frame, FrameMasks
from sa2va_cli.errors import InputError
from sa2va_cli.events import Progress, Report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.driver import Driver
from sa2va_cli.queues import read_ahead, write_behind
from sa2va_cli.tracks.log import Tracks


def replay(tracks: Tracks, frames: Iterable[Frame]) -> Generator[FrameMasks, None, None]:
    """Joins the frames of the source with what the log says about them, by their indices.

    A frame that the log leaves out has objects without masks; where the log ends, so do the frames.

    Args:
        tracks: the log.
        frames: those that were looked at, in order.

    Raises:
        InputError: a frame is at another time than in the log.
    """
    with closing(iter(tracks)) as records:
        ahead = next(records, None)
        for frame in frames:
            while ahead is not None and ahead.index < frame.index:
                ahead = next(records, None)
            if ahead is None:
                return
            if ahead.index > frame.index:
                yield tracks.masks(None, frame)
                continue
            if ahead.pts != frame.pts:
                raise InputError(
                    f"{tracks.path}: frame {frame.index} has the time stamp {ahead.pts} there and "
                    f"{frame.pts} in the source; these are not the tracks of this file"
                )
            yield tracks.masks(ahead, frame)


def replayed(tracks: Tracks, reader: Reader) -> Generator[FrameMasks, None, None]:
    """``replay`` with the frames decoded ahead in a thread."""
    with read_ahead(reader) as frames:
        yield from replay(tracks, frames)


def draw_again(driver: Driver, tracks: Tracks, reader: Reader, report: Report) -> None:
    """The second pass, for outputs that need the whole clip before they begin."""
    total = reader.count_selected()
    masks = replayed(tracks, reader)
    with write_behind(driver.write_again) as hand_over, closing(masks):
        for done, one in enumerate(masks, 1):
            hand_over(one)
            report(Progress("drawing what needs the whole clip", done, total))
    driver.end_second_pass()
