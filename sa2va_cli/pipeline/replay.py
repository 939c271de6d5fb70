"""From a log and its source to the masks of every frame again, without a network.

Knows nothing about what is made of them.
"""

from collections.abc import Generator, Iterable
from contextlib import closing

import numpy as np

from sa2va_cli.datatypes import Frame, FrameMasks
from sa2va_cli.errors import InputError
from sa2va_cli.events import Progress, Report
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.driver import Driver
from sa2va_cli.queues import read_ahead, write_behind
from sa2va_cli.tracks.coding import CERTAIN
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import TrackedFrame, Tracks


def replay(tracks: Tracks, frames: Iterable[Frame]) -> Generator[FrameMasks, None, None]:
    """Joins the frames of the source with what the log says about them, by their indices.

    A frame that the log leaves out has objects without masks; where the log ends, so do the frames.

    Args:
        tracks: the log.
        frames: those that were looked at, in order.

    Raises:
        InputError: a frame is at another time than in the log.
    """
    header = tracks.header
    with closing(iter(tracks)) as records:
        ahead = next(records, None)
        for frame in frames:
            while ahead is not None and ahead.index < frame.index:
                ahead = next(records, None)
            if ahead is None:
                return
            if ahead.index > frame.index:
                yield _empty(frame, header)
                continue
            if ahead.pts != frame.pts:
                raise InputError(
                    f"{tracks.path}: frame {frame.index} has the time stamp {ahead.pts} there and "
                    f"{frame.pts} in the source; these are not the tracks of this file"
                )
            yield _whole(ahead, frame, header)


def _empty(frame: Frame, header: Header) -> FrameMasks:
    count = len(header.objects)
    logits = np.full((count, 1, 1), -CERTAIN, np.float32)
    return FrameMasks(frame, logits, np.zeros(count, np.float32), header.threshold, header.objects)


def _whole(one: TrackedFrame, frame: Frame, header: Header) -> FrameMasks:
    """The masks of all objects of the log; those that do not exist on the frame have none."""
    if one.objects == header.objects:
        return one.masks(frame, header.threshold)
    rows = {found.id: row for row, found in enumerate(one.objects)}
    count, shape = len(header.objects), one.logits.shape[1:]
    logits, scores = np.full((count, *shape), -CERTAIN, np.float32), np.zeros(count, np.float32)
    for place, found in enumerate(header.objects):
        if found.id in rows:
            logits[place], scores[place] = one.logits[rows[found.id]], one.scores[rows[found.id]]
    return FrameMasks(frame, logits, scores, header.threshold, header.objects)


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
