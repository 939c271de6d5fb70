"""What frames are called in files for other programs: by the source's own files and numbers."""

from sa2va_cli.datatypes import Frame

MADE_UP_ENDING = ".png"
"""Ends the names of frames that are no files."""


def image_name(
    frame: Frame,
    folder: str | None = None,
    ending: str = MADE_UP_ENDING,
    *,
    by_source_number: bool = False,
) -> str:
    """The file name of a frame.

    Args:
        frame: the frame.
        folder: where the frames of a video are said to lie, by their frame index in five digits; None for no
            folder. Saved as pictures, they have these names.
        ending: what names of frames end in that are no files.
        by_source_number: whether frames of a video are called by their number in the source, not by their
            index.

    Returns:
        The image file that the frame came from, with its ending and with the folders in which the clip's
        files differ; else the frame's name, or ``<folder>/<frame index>``, with ``ending``.
    """
    if frame.file_name is not None:
        return frame.file_name
    number = source_number(frame) if by_source_number else frame.index
    made_up = f"{number:05d}" if folder is None else f"{folder}/{number:05d}"
    return f"{made_up if frame.name is None else frame.name}{ending}"


def source_number(frame: Frame) -> int:
    """The number of a frame in the source, from 0, whatever part of it was looked at."""
    return frame.index if frame.source_index is None else frame.source_index
