"""What receivers want, as one table: ``--for`` picks a row, and docs/guides/delivery.md agrees with it."""

from dataclasses import dataclass, replace
from typing import Literal

Content = Literal["mask", "colour", "alpha"]
"""What pictures are: grey, RGB, or RGB with alpha."""


@dataclass(frozen=True)
class Storage:
    """How pictures of one content are stored.

    Attributes:
        container: one of ``delivery.CONTAINERS``.
        codec: one of ``delivery.CODECS``; empty for folders of frames.
    """

    container: str
    codec: str = ""


@dataclass(frozen=True)
class Preset:
    """What one receiver wants.

    Attributes:
        title: the receiver's name for people.
        kinds: what is made where nothing else is asked for.
        mask: how grey pictures are stored.
        colour: how RGB pictures are stored.
        alpha: how pictures with alpha are stored.
        alpha_kind: ``straight`` or ``premultiplied``.
        value_range: of masks in videos.
        start_number: of the first file of frames, for videos.
        names: of the files of frames, with a printf field; empty for those of the input's frames.
        folder: template of the folder of frames, relative to the shot's; empty for the usual name.
        why: one sentence for people.
    """

    title: str
    kinds: tuple[str, ...]
    mask: Storage
    colour: Storage
    alpha: Storage
    alpha_kind: str = "straight"
    value_range: str = "limited"
    start_number: int | None = None
    names: str = ""
    folder: str = ""
    why: str = ""

    def storage(self, content: Content) -> Storage:
        """How pictures of a content are stored."""
        return {"mask": self.mask, "colour": self.colour, "alpha": self.alpha}[content]


_PRORES = Storage("mov", "prores")
_H264 = Storage("mp4", "h264")
_VP9 = Storage("webm", "vp9")
_FFV1 = Storage("mkv", "ffv1")
_EXR = Storage("exr")
_PNG = Storage("png")

_EDITOR = Preset("", ("matte",), mask=_PRORES, colour=_PRORES, alpha=_PRORES)
"""What every program for cutting wants."""
_COMPOSITOR = Preset(
    "",
    ("matte",),
    mask=_EXR,
    colour=_EXR,
    alpha=_EXR,
    alpha_kind="premultiplied",
    start_number=1001,
    names="{stem}.%04d",
    why="OpenEXR: linear premultiplied RGBA, each object's mask as a layer of its own.",
)
_PLAYER = Preset("", ("matte",), mask=_H264, colour=_H264, alpha=_VP9)
"""What programs want that show a film over something else at once."""

PRESETS: dict[str, Preset] = {
    "premiere": replace(
        _EDITOR,
        title="Adobe Premiere Pro",
        why="ProRes 4444 with 16-bit straight alpha, tagged BT.709 where the source says nothing.",
    ),
    "aftereffects": replace(
        _EDITOR,
        title="Adobe After Effects",
        why="ProRes 4444; choose Straight - Unmatted in Interpret Footage.",
    ),
    "resolve": replace(
        _EDITOR, title="DaVinci Resolve", why="ProRes 4444; the clip's alpha mode is Straight."
    ),
    "finalcut": replace(_EDITOR, title="Final Cut Pro", why="ProRes 4444; the alpha handling is Straight."),
    "nuke": replace(_COMPOSITOR, title="Nuke"),
    "fusion": replace(_COMPOSITOR, title="Fusion"),
    "web": replace(
        _PLAYER,
        title="Browsers",
        why="WebM with VP9 and alpha, which Chrome, Edge and Firefox show over the page.",
    ),
    "obs": replace(
        _PLAYER,
        title="OBS Studio",
        why="WebM with VP9 and alpha in a media source; --save stacked is for stacked-matte transitions.",
    ),
    "corridorkey": Preset(
        "CorridorKey",
        ("hint",),
        mask=_PNG,
        colour=_PNG,
        alpha=_PNG,
        folder="AlphaHint",
        why="One grey picture for each frame, eroded and blurred, beside the shot's folder Input.",
    ),
    "ffmpeg": Preset(
        "FFmpeg",
        ("matte",),
        mask=_FFV1,
        colour=_FFV1,
        alpha=_FFV1,
        value_range="full",
        why="FFV1 in Matroska: lossless, with straight alpha, and decoded by every FFmpeg.",
    ),
}
"""What each receiver wants."""
