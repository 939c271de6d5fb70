"""What form an output takes: one picture, a folder of them, a video or a stream, and in which codec.

Knows nothing about names but their endings, and nothing about what is drawn.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.delivery import FOLDERS, STREAMS, Delivery
from sa2va_cli.outputs.kind import FOLDER, OutputKind
from sa2va_cli.outputs.presets import PRESETS, Content, Preset, Storage
from sa2va_cli.parameters import named, one_of

Layout = Literal["data", "picture", "folder", "video", "stream"]

_ROWS: dict[str, dict[str, str]] = {
    "h264": {"mask": "gray", "mask full": "gray_full", "colour": "h264"},
    "prores": {"mask": "prores_gray", "colour": "prores4444", "alpha": "prores4444"},
    "ffv1": {"mask": "ffv1_gray", "mask limited": "ffv1_gray_limited", "colour": "ffv1", "alpha": "ffv1"},
    "vp9": {"mask": "vp9_gray", "mask full": "vp9_gray_full", "colour": "vp9_colour", "alpha": "vp9"},
    "qtrle": {"mask": "qtrle", "colour": "qtrle", "alpha": "qtrle"},
    "png": {"mask": "png", "colour": "png", "alpha": "png"},
    "raw": {"mask": "raw", "colour": "raw", "alpha": "raw"},
    "y4m": {"mask": "y4m", "colour": "y4m"},
}
"""By codec and content, and range where that is another row: names in ``media.encodings.ENCODINGS``."""

_USUAL: dict[Content, str] = {"mask": "h264", "colour": "h264", "alpha": "prores"}
_BY_CONTAINER = {
    "webm": "vp9",
    "nut": "ffv1",
    "avi": "ffv1",
    "matroska": "ffv1",
    "y4m": "y4m",
    "rawvideo": "raw",
}
"""Codecs of containers that do not hold the usual ones, or that are piped."""
_PIPED = {
    "nut": ("ffv1", "h264", "vp9", "png"),
    "matroska": ("ffv1", "h264", "prores", "vp9"),
}
"""Codecs that streams hold: the muxers of FFmpeg refuse others."""
_MUXERS = {"y4m": "yuv4mpegpipe"}
_ENDINGS = {"matroska": ".mkv", "tiff": ".tif"}
_PICTURES = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".exr": "exr"}
"""Endings of pictures that a folder is made of, and their containers."""
VIDEO_CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", "nut", "m4v")


@dataclass(frozen=True)
class Form:
    """How one output is stored.

    Attributes:
        layout: one file or folder of data, one picture, a folder of pictures, a video file, or a stream.
        endings: of its name, the default first; ``FOLDER`` for folders.
        codec: a name in ``ENCODINGS``, for videos and streams.
        crf: constant rate factor; None for the codec's own.
        muxer: FFmpeg's name of a stream's format.
        picture_ending: of each picture of a folder.
        names: of the pictures of a folder, with one printf field; None for those of the frames.
        first_number: of the first picture of a folder, where it was asked for.
        otherwise_first: the same, where neither that was, nor the input has numbers.
        fps: of a video that is made of images; None for the usual rate.
        premultiplied: whether colours are multiplied by alpha.
        stacking: ``below`` or ``beside``.
    """

    layout: Layout
    endings: tuple[str, ...]
    codec: str | None = None
    crf: float | None = None
    muxer: str | None = None
    picture_ending: str = ".png"
    names: str | None = None
    first_number: int | None = None
    otherwise_first: int | None = None
    fps: Fraction | None = None
    premultiplied: bool = False
    stacking: str = "below"

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.endings[0] == FOLDER

    @property
    def is_exr(self) -> bool:
        """Whether it is a folder of EXR pictures."""
        return self.layout == "folder" and self.picture_ending == ".exr"

    @property
    def in_time(self) -> bool:
        """Whether frames follow each other in one file."""
        return self.layout in ("video", "stream")


@dataclass(frozen=True)
class Request:
    """What one output is asked to be.

    Attributes:
        kind: its name.
        row: what it is.
        source_kind: ``video``, ``image`` or ``frames``.
        delivery: how it is to be stored.
        ending: of the name that was given with ``-o``, in small letters; empty for none that is known.
        names: of the pictures, where ``-o`` names them.
        stream: whether it goes to standard output.
        output: what was given with ``-o``.
    """

    kind: str
    row: OutputKind
    source_kind: str
    delivery: Delivery
    ending: str = ""
    names: str | None = None
    stream: bool = False
    output: str | None = None

    @property
    def preset(self) -> Preset | None:
        """What the receiver wants."""
        return PRESETS[self.delivery.receiver] if self.delivery.receiver else None

    @property
    def stored(self) -> Storage | None:
        """How the receiver wants this content."""
        return self.preset.storage(self.row.content) if self.preset and self.row.content else None


def form_of(request: Request) -> Form:
    """Decides how an output is stored; a default of the user's that it cannot have is left out.

    Raises:
        UsageError: what was asked for does not go together.
    """
    soft = sorted(request.delivery.defaulted - {"stacking"})
    try:
        return _form(request)
    except UsageError:
        if not soft:
            raise
    firm = form_of(_without(request, soft))  # what is wrong without any default is told
    for name in soft:
        with suppress(UsageError):
            return form_of(_without(request, [name]))
    return firm


def _without(request: Request, names: Sequence[str]) -> Request:
    """The same without some of what its delivery says."""
    delivery = request.delivery
    less: dict[str, Any] = dict.fromkeys(names) | {"defaulted": delivery.defaulted - set(names)}
    return replace(request, delivery=replace(delivery, **less))


def _form(request: Request) -> Form:
    if request.row.content is None:
        if request.stream:
            raise UsageError(f"-o -: {request.kind} is no stream of pictures; give a file or a folder")
        if request.names is not None:
            raise UsageError(f"-o: {request.kind} is not made of pictures named {request.names}")
        return Form("data", request.row.endings(request.source_kind))
    container = _container(request)
    if request.stream:
        return _stream(request, container or "nut")
    if request.source_kind == "image":
        return _picture(request, container)
    if container in FOLDERS or (
        request.source_kind == "frames" and not container and not request.delivery.codec
    ):
        return _folder(request, container or "png")
    return _video(request, container)


def _container(request: Request) -> str | None:
    """What was asked for, by ``--container``, by the name, or by the receiver."""
    if request.delivery.container:
        return request.delivery.container
    if request.names is not None:
        return _PICTURES[request.ending]
    if request.ending[1:] in VIDEO_CONTAINERS and request.source_kind != "image":
        return request.ending[1:]
    stored = request.stored
    if stored is None or request.stream:
        return None
    if request.delivery.codec and stored.codec != request.delivery.codec:
        return None
    return stored.container


def _premultiplied(request: Request) -> bool:
    wanted = request.delivery.alpha or (request.preset.alpha_kind if request.preset else "straight")
    return request.row.content == "alpha" and wanted == "premultiplied"


def _picture(request: Request, container: str | None) -> Form:
    """One picture of one picture."""
    for name in ("codec", "fps", "start_number"):
        if (given := getattr(request.delivery, name)) is not None:
            raise UsageError(
                f"{named(Delivery, name, given)}: the input is one picture, and so is {request.kind}"
            )
    if request.delivery.container and container not in FOLDERS:
        raise UsageError(
            f"{named(Delivery, 'container', container)}: the input is one picture; choose {one_of(FOLDERS)}"
        )
    if container == "exr" or request.ending == ".exr":
        _require_exr(request)
    more = tuple(ending for ending in _PICTURES if ending not in request.row.image)
    ending = _ending(container) if container in FOLDERS else request.row.image[0]
    endings = tuple(dict.fromkeys((ending, *request.row.image, *more)))
    if request.delivery.container:
        endings = tuple(one for one in endings if _PICTURES.get(one) == container)
    return Form("picture", endings, premultiplied=_premultiplied(request), stacking=request.delivery.stacking)


def _require_exr(request: Request) -> None:
    from sa2va_cli.media.exr import require_openexr

    require_openexr(f"{request.kind} as EXR")


def _ending(container: str | None) -> str:
    assert container is not None  # noqa: S101
    return _ENDINGS.get(container, f".{container}")


def _folder(request: Request, container: str) -> Form:
    """A folder of one picture for each frame."""
    if container == "exr":
        _require_exr(request)
    delivery, preset = request.delivery, request.preset
    for name in ("codec", "fps", "crf"):
        if (given := getattr(delivery, name)) is not None:
            raise UsageError(
                f"{named(Delivery, name, given)}: {request.kind} becomes a folder of {container} files"
            )
    if request.names is not None and _PICTURES[request.ending] != container:
        raise UsageError(f"-o {request.names}: {named(Delivery, 'container', container)} has another ending")
    return Form(
        "folder",
        (FOLDER,),
        picture_ending=request.ending if request.names is not None else _ending(container),
        names=request.names[: -len(request.ending)]
        if request.names
        else preset.names
        if preset and preset.names
        else None,
        first_number=delivery.start_number,
        otherwise_first=preset.start_number if preset else None,
        premultiplied=_premultiplied(request),
        stacking=delivery.stacking,
    )


def _codec(request: Request, container: str | None) -> str:
    stored, content = request.stored, request.row.content
    assert content is not None  # noqa: S101
    if request.delivery.codec:
        return request.delivery.codec
    if container in STREAMS and request.stream:
        return _BY_CONTAINER[container]
    if stored and stored.codec and (container is None or container == stored.container):
        return stored.codec
    return _BY_CONTAINER.get(container or "", _USUAL[content])


def _encoding(request: Request, codec: str) -> str:
    """The row of ``ENCODINGS`` for a codec, a content and a range."""
    content, delivery = request.row.content, request.delivery
    assert content is not None  # noqa: S101
    rows = _ROWS[codec]
    if content not in rows:
        able = tuple(name for name, row in _ROWS.items() if content in row and name not in ("raw", "y4m"))
        raise UsageError(f"{codec} holds no alpha, which {request.kind} has; use {one_of(able)}")
    if content != "mask" or delivery.value_range is None:
        preset = request.preset
        wished = f"mask {preset.value_range}" if preset and content == "mask" else ""
        return rows.get(wished, rows[content])
    default = {"ffv1": "full", "qtrle": "full", "png": "full", "raw": "full"}.get(codec, "limited")
    if delivery.value_range == default:
        return rows[content]
    if f"mask {delivery.value_range}" not in rows:
        raise UsageError(
            f"{named(Delivery, 'value_range', delivery.value_range)}: masks in {codec} have {default} range"
        )
    return rows[f"mask {delivery.value_range}"]


def _checked(request: Request, codec: str, encoding: str) -> None:
    from sa2va_cli.media.encodings import ENCODINGS

    delivery = request.delivery
    most = ENCODINGS[encoding].largest_crf
    if delivery.crf is not None and (not most or delivery.crf > most):
        said = f"which takes 0 to {most}" if most else "a codec without it; leave it out"
        raise UsageError(f"{named(Delivery, 'crf', delivery.crf)}: {request.kind} is in {codec}, {said}")
    if delivery.fps is not None and request.source_kind == "video":
        raise UsageError(
            f"{named(Delivery, 'fps', delivery.fps)} is for images, which have no time; a video keeps its own"
        )
    if delivery.start_number is not None:
        raise UsageError(f"{named(Delivery, 'start_number', delivery.start_number)} is for folders of frames")


def _video(request: Request, container: str | None) -> Form:
    """A video file."""
    from sa2va_cli.media.encodings import ENCODINGS

    if container in ("y4m", "rawvideo"):
        raise UsageError(f"{named(Delivery, 'container', container)} goes to standard output only: -o -")
    codec = _codec(request, container)
    encoding = _encoding(request, codec)
    _checked(request, codec, encoding)
    held = ENCODINGS[encoding].containers
    usual = request.row.video if codec == _USUAL[request.row.content or "mask"] else held
    endings = tuple(dict.fromkeys((*(one for one in usual if one in held), *held)))
    if container is not None:
        asked = _ending(container)
        if asked not in held:
            by = f"-o {request.output}: " if request.output and not request.delivery.container else ""
            raise UsageError(f"{by}{request.kind} in {codec} does not go into {asked}; use {one_of(endings)}")
        endings = (asked,)
    return Form(
        "video",
        endings,
        encoding,
        request.delivery.crf,
        fps=request.delivery.rate,
        premultiplied=_premultiplied(request),
        stacking=request.delivery.stacking,
    )


def _check_piped(request: Request, container: str, codec: str) -> None:
    """Refuses a codec that a stream does not hold."""
    held: tuple[str, ...] = _PIPED.get(container, (codec,))
    if request.row.content == "alpha":  # NUT has no place for that of VP9, which lies beside its frames
        held = tuple(one for one in held if "alpha" in _ROWS[one] and (container, one) != ("nut", "vp9"))
    if codec not in held:
        raise UsageError(
            f"-o -: {named(Delivery, 'codec', codec)}: {request.kind} in it cannot be piped as {container}; "
            f"choose {one_of(held)}"
        )


def _stream(request: Request, container: str) -> Form:
    """What standard output gets."""
    if container not in STREAMS:
        raise UsageError(
            f"-o -: {named(Delivery, 'container', container)} cannot be piped; choose {one_of(STREAMS)}"
        )
    codec = _codec(request, container)
    if container in ("y4m", "rawvideo") and request.delivery.codec:
        raise UsageError(f"{named(Delivery, 'codec', codec)}: {container} holds pictures as they are")
    if container == "y4m" and request.row.content == "alpha":
        raise UsageError(f"y4m holds no alpha, which {request.kind} has; use --container nut")
    _check_piped(request, container, codec)
    encoding = _encoding(request, codec)
    _checked(request, codec, encoding)
    return Form(
        "stream",
        ("",),
        encoding,
        request.delivery.crf,
        muxer=_MUXERS.get(container, container),
        fps=request.delivery.rate,
        premultiplied=_premultiplied(request),
        stacking=request.delivery.stacking,
    )
