"""From a log and its source to the masks of every frame again, without a network.

Knows nothing about what is made of them.
"""

from collections.abc import Generator, Iterable
from contextlib import closing

from sa2va_cli.datatypes import Frame, FrameMasks
from sa2va_cli.errors import InputError
from sa2va_cli.media.reader import Reader
from sa2va_cli.queues import read_ahead
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
