"""Opens media files, and finds the video stream in them.

Knows nothing about packets and frames.
"""

from pathlib import Path
from typing import Any

import av

from sa2va_cli.errors import InputError

_NOT_VIDEO = ("tty", "lavfi", "hls", "concat", "ffmetadata", "bin", "xbin", "adf", "idf")
"""Demuxers that take text or play-lists for video."""


def open_container(path: Path) -> Any:
    """Opens a file for reading, without letting its name or content reach for other files.

    Raises:
        InputError: when it cannot be read or is not a media file.
    """
    try:
        container = av.open(f"file:{path}", metadata_errors="ignore")
    except av.FFmpegError as error:
        if isinstance(error, PermissionError):
            raise InputError(f"{path}: no permission to read it") from error
        raise InputError(
            f"{path}: not an image or a video that can be read; if it is a recording, it was cut off before "
            "its index was written"
        ) from error
    if container.format.name in _NOT_VIDEO:
        container.close()
        raise InputError(f"{path}: not an image or a video")
    return container


def video_stream(container: Any, path: Path, index: int | None = None) -> Any:
    """The file's main video stream, or the one with a number; cover art does not count.

    Raises:
        InputError: when there is none.
    """
    art = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & art and s.codec_context is not None]
    if not streams:
        sound = "; it holds only sound" if container.streams.audio else ""
        raise InputError(f"{path}: has no video stream{sound}")
    if index is not None:
        chosen = [stream for stream in streams if stream.index == index]
        if not chosen:
            there = ", ".join(str(stream.index) for stream in streams)
            raise InputError(f"{path}: stream {index} is no video; choose from {there}")
        return chosen[0]
    best = container.streams.best("video")
    return best if best in streams else streams[0]
