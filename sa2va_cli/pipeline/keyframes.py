"""Which frames the language model sees."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError, parameter
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.pointing import Placement, placements, read_pictures
from sa2va_cli.pipeline.search import Search


def keyframe_indices(total: int, search: Search) -> list[int]:
    """Returns the indices of the keyframes among ``total`` frames, rising and without repetition.

    ``first`` is the official rule (the first five). ``uniform`` takes the first, the last and what lies
    evenly between, so that what appears later is seen too.
    """
    count = min(search.keyframes, total)
    if search.sampling == "first":
        return list(range(count))
    return [int(index) for index in np.unique(np.linspace(0, total - 1, count, dtype=int))]


def first_of_parts(total: int, count: int) -> list[int]:
    """The first frame of each of so many equal parts of a clip.

    Chat models without masks are shown these: transformers samples so, and the cards of LLaVA do, with
    ``arange(0, total, total / count)`` (reference set, section 10.3).
    """
    count = min(count, total)
    return [place * total // count for place in range(count)]


def read_keyframes(reader: Reader, search: Search, indices: Sequence[int] | None = None) -> Sequence[Frame]:
    """Fetches the keyframes; of a damaged clip, those that can be decoded.

    Args:
        reader: the open input.
        search: says which they are, unless
        indices: does.

    Raises:
        InputError: not a single frame can be decoded.
    """
    if not search.has_words:
        return ()
    total = reader.count_selected()
    wanted = keyframe_indices(total, search) if indices is None else indices
    frames = list(reader.frames_at(wanted)) if total else []
    if not frames:
        frames = list(islice(iter(reader), 1))
    if not frames:
        raise nothing_decoded(reader)
    return frames


def nothing_decoded(reader: Reader) -> InputError:
    """The error of an input of which not a single frame, or picture, can be decoded."""
    unread = reader.warnings[-1:] if reader.info.kind == "frames" else []  # sources of files count them last
    why = unread[0] if unread else f"no frame can be decoded; is {parameter('start')} past the end?"
    return InputError(f"{reader.info.path}: {why}")


def read_placements(reader: Reader, search: Search) -> list[tuple[Placement, Frame]]:
    """Fetches the frames that were pointed at, each with what was said about it.

    Raises:
        InputError: one cannot be decoded.
        UsageError: something lies outside the picture or the clip.
    """
    return read_pictures(placements(search.prompts, reader), reader)
