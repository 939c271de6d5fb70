"""Everything that can be seen of an input without decoding it, for ``sa2va probe``.

Knows nothing about how it is shown.
"""

from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.media.formats import open_image
from sa2va_cli.media.probe import find_source
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.media.streams import ContainerFacts, container_facts
from sa2va_cli.media.video import VideoSource


@dataclass(frozen=True)
class Description:
    """What is seen of an input.

    Attributes:
        info: the description that all of the program works with.
        container: of a video; None for pictures.
        stream: number of the video's stream that is described; None for pictures.
        pixel_format: of a video, as FFmpeg spells it; of a picture, the mode as Pillow spells it; None where
            neither reads it.
        alpha: whether the first frame is not opaque everywhere.
        profile: whether the first frame has a colour profile.
        warnings: what is odd or damaged.
    """

    info: SourceInfo
    container: ContainerFacts | None
    stream: int | None
    pixel_format: str | None
    alpha: bool
    profile: bool
    warnings: tuple[str, ...]


def describe(
    source: Path | str, *, stream_index: int | None = None, deinterlace: bool = False
) -> Description:
    """Describes an input: the times of all frames are read, the first one is decoded.

    Args:
        source: a video, an image, a folder or a pattern.
        stream_index: see ``find_source``.
        deinterlace: see ``find_source``.

    Raises:
        InputError: when there is nothing that can be read.
    """
    found = find_source(source, stream_index=stream_index, deinterlace=deinterlace)
    first = next(iter(found.pictures_at([0])), None)
    container = container_facts(found.info.path) if found.info.kind == "video" else None
    stream = found.stream_index if isinstance(found, VideoSource) else None
    pixel_format = None
    if container is not None and stream is not None:
        pixel_format = next((one.pixel_format for one in container.streams if one.index == stream), None)
    elif container is None:
        pixel_format = _mode(found.files(range(1))[0])
    return Description(
        info=found.info,
        container=container,
        stream=stream,
        pixel_format=pixel_format,
        alpha=first is not None and first.alpha is not None,
        profile=first is not None and first.icc_profile is not None,
        warnings=tuple(dict.fromkeys(found.warnings)),
    )


def _mode(file: Path) -> str | None:
    image = open_image(file)
    if image is None:
        return None
    with image:
        return str(image.mode)
