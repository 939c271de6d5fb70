"""What people point at: points, boxes and masks on a moment of a clip, as they are written down.

Knows nothing about the clip: whether a point lies in the picture is found out where one is opened.
"""

import base64
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sa2va_cli.errors import UsageError, parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
"""How a path of Windows begins, which is no name of an object."""

_NUMBER = re.compile(r"(-?\d+(?:\.\d*)?|-?\.\d+)(%?)")
_COORDINATES = re.compile(r"[-+\d.,% ]*")


@dataclass(frozen=True)
class Length:
    """A distance from the left or the upper edge of a picture.

    Attributes:
        value: in pixels, or in hundredths of the picture's side.
        percent: whether it is the latter.
    """

    value: float
    percent: bool = False

    def part(self, side: int) -> float:
        """As a part of a side of so many pixels."""
        return self.value / 100 if self.percent else self.value / side

    def __str__(self) -> str:
        return f"{self.value:g}{'%' if self.percent else ''}"


@dataclass(frozen=True)
class PointPrompt:
    """A point on a thing, or beside it.

    Attributes:
        x: from the left.
        y: from the top.
        positive: whether the thing is there, and not where it must not be.
        at: the moment, as ``start`` accepts it; None for the first frame.
        name: which object is meant; empty for the only one.
    """

    x: Length
    y: Length
    positive: bool = True
    at: str | None = None
    name: str = ""

    def __str__(self) -> str:
        return _written(self.name, f"{self.x},{self.y}{'' if self.positive else ',-'}", self.at)


@dataclass(frozen=True)
class BoxPrompt:
    """A box around a thing.

    Attributes:
        left: from the left; smaller than ``right``.
        top: from the top; smaller than ``bottom``.
        right: from the left.
        bottom: from the top.
        at: the moment, as ``start`` accepts it; None for the first frame.
        name: which object is meant; empty for the only one.
    """

    left: Length
    top: Length
    right: Length
    bottom: Length
    at: str | None = None
    name: str = ""

    def __str__(self) -> str:
        return _written(self.name, f"{self.left},{self.top},{self.right},{self.bottom}", self.at)


@dataclass(frozen=True)
class Bitmap:
    """A mask that can be written down.

    Attributes:
        size: (width, height) in pixels.
        data: its pixels, row by row, eight to a byte, deflated, in base 64.
    """

    size: tuple[int, int]
    data: str = field(repr=False)

    @classmethod
    def of(cls, mask: "NDArray[np.bool_]") -> "Bitmap":
        """Packs a mask (H, W)."""
        import numpy as np

        packed = zlib.compress(np.packbits(mask).tobytes(), 9)
        return cls((mask.shape[1], mask.shape[0]), base64.b64encode(packed).decode("ascii"))

    @property
    def mask(self) -> "NDArray[np.bool_]":
        """(H, W) bool.

        Raises:
            ValueError: it is damaged.
        """
        import numpy as np

        width, height = self.size
        try:
            bits = np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(self.data)), np.uint8))
            return bits[: width * height].reshape(height, width).astype(np.bool_)
        except zlib.error as error:
            raise ValueError(f"damaged mask: {error}") from error


@dataclass(frozen=True)
class MaskPrompt:
    """The mask of a thing on one frame.

    Attributes:
        path: the picture that it comes from; empty for none.
        at: the moment, as ``start`` accepts it; None for the first frame.
        name: which object is meant; empty for the only one.
        bitmap: the mask itself, once it was read.
    """

    path: str = ""
    at: str | None = None
    name: str = ""
    bitmap: Bitmap | None = None

    @classmethod
    def of(cls, mask: "NDArray[Any]", *, at: str | None = None, name: str = "") -> "MaskPrompt":
        """A mask that a program holds: (H, W), bool or zeros and one other number.

        Raises:
            UsageError: it is anything else.
        """
        return cls("", at, name, Bitmap.of(two_valued(mask, "the mask")))

    def __str__(self) -> str:
        return _written(self.name, self.path or "a mask", self.at)


VisualPrompt = PointPrompt | BoxPrompt | MaskPrompt
Kind = TypeVar("Kind", PointPrompt, BoxPrompt, MaskPrompt)


@dataclass(frozen=True, eq=False)
class Pointed:
    """What one object was pointed at with, on one frame.

    Attributes:
        row: of the object among all of the clip.
        index: of the frame.
        image: (H, W, 3) uint8 RGB, its picture.
        points: x, y as parts of the picture's width and height, and whether the object is there.
        box: left, top, right and bottom as such parts; None for none.
        mask: (H, W) bool, the object's; None for none, and then there are points or a box.
        before: (h, w) float32 logits of the mask that the points correct; None for what is known otherwise.
    """

    row: int
    index: int
    image: "NDArray[np.uint8]" = field(repr=False)
    points: tuple[tuple[float, float, bool], ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: "NDArray[np.bool_] | None" = field(default=None, repr=False)
    before: "NDArray[np.float32] | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.mask is None) is not bool(self.points or self.box):
            raise ValueError("an object is pointed at with points and a box, or with a mask")


def two_valued(mask: "NDArray[Any]", what: str) -> "NDArray[np.bool_]":
    """A mask (H, W) of two values, of which one is zero, as bool.

    Raises:
        UsageError: it is not.
    """
    import numpy as np

    values = np.unique(mask)
    if mask.ndim != 2 or len(values) > 2 or (len(values) == 2 and values[0] != 0):
        kind = f"{len(values)} values" if mask.ndim == 2 else f"a shape of {mask.shape}"
        raise UsageError(
            f"{what} has {kind}; a mask is a picture of two: 0, and one other where the thing is"
        )
    return np.asarray(mask != 0)


def read_point(text: str) -> PointPrompt:
    """Reads ``[NAME:]x,y[,+|-][@time]``.

    Raises:
        UsageError: it is none.
    """
    shown = "[NAME:]x,y[,+|-][@time], such as 320,200@1.5 or dog:50%,40%,-"
    name, place, at = _parts(text, "point", shown)
    *coordinates, sign = [*place, "+"] if place[-1] not in ("+", "-") else place
    if len(coordinates) != 2:
        raise _not_read("point", text, shown)
    x, y = (_length(one, "point", text, shown) for one in coordinates)
    return PointPrompt(x, y, sign == "+", at, name)


def read_box(text: str) -> BoxPrompt:
    """Reads ``[NAME:]x1,y1,x2,y2[@time]``; any two opposite corners.

    Raises:
        UsageError: it is none.
    """
    shown = "[NAME:]x1,y1,x2,y2[@time], such as 100,80,300,240@1.5 or dog:10%,10%,50%,90%"
    name, place, at = _parts(text, "box", shown)
    if len(place) != 4:
        raise _not_read("box", text, shown)
    x1, y1, x2, y2 = (_length(one, "box", text, shown) for one in place)
    mixed = x1.percent is not x2.percent or y1.percent is not y2.percent
    if mixed:
        raise _not_read("box", text, f"{shown}; both x, and both y, in pixels or in per cent")
    if x1.value == x2.value or y1.value == y2.value:
        raise _not_read("box", text, f"{shown}; a box has a width and a height")
    (left, right), (top, bottom) = (sorted(pair, key=_value) for pair in ((x1, x2), (y1, y2)))
    return BoxPrompt(left, top, right, bottom, at, name)


def read_mask(text: str) -> MaskPrompt:
    """Reads ``[NAME:]FILE[@time]``; what follows the last ``@`` is a time if it looks like one.

    Raises:
        UsageError: there is no file in it.
    """
    rest, found, at = text.rpartition("@")
    if not found or not re.fullmatch(r"[\d.:;]+[fs]?", at.strip(), re.IGNORECASE):
        rest, at = text, ""
    name, colon, path = rest.partition(":")
    if not colon or _DRIVE.match(rest):
        name, path = "", rest
    if not path.strip():
        raise _not_read("mask", text, "[NAME:]FILE[@time], such as dog:mask.png@1.5")
    return MaskPrompt(path.strip(), at.strip() or None, name.strip())


def each(read: Callable[[str], Kind]) -> Callable[[Iterable[str]], tuple[Kind, ...]]:
    """Reads every text of an option that can be repeated."""

    def read_all(texts: Iterable[str]) -> tuple[Kind, ...]:
        return tuple(read(text) for text in texts)

    return read_all


def to_document(prompt: VisualPrompt) -> dict[str, Any]:
    """A visual prompt as JSON has it."""
    document: dict[str, Any] = {"name": prompt.name, "at": prompt.at}
    if isinstance(prompt, PointPrompt):
        return document | {"point": [str(prompt.x), str(prompt.y)], "positive": prompt.positive}
    if isinstance(prompt, BoxPrompt):
        sides = (prompt.left, prompt.top, prompt.right, prompt.bottom)
        return document | {"box": [str(side) for side in sides]}
    document["mask"] = prompt.path
    if prompt.bitmap is not None:
        document |= {"size": list(prompt.bitmap.size), "bits": prompt.bitmap.data}
    return document


def from_document(document: Mapping[str, Any]) -> VisualPrompt:
    """Reads what ``to_document`` made.

    Raises:
        KeyError: it is something else.
        ValueError: so is a number in it.
    """
    at, name = document["at"], str(document["name"])
    if "point" in document:
        x, y = map(_stored_length, document["point"])
        return PointPrompt(x, y, bool(document["positive"]), at, name)
    if "box" in document:
        left, top, right, bottom = map(_stored_length, document["box"])
        return BoxPrompt(left, top, right, bottom, at, name)
    bitmap = None
    if "bits" in document:
        width, height = document["size"]
        bitmap = Bitmap((int(width), int(height)), str(document["bits"]))
    return MaskPrompt(str(document["mask"]), at, name, bitmap)


def _value(length: Length) -> float:
    return length.value


def _stored_length(text: str) -> Length:
    return Length(float(str(text).rstrip("%")), str(text).endswith("%"))


def _written(name: str, what: str, at: str | None) -> str:
    return f"{name + ':' if name else ''}{what}{'' if at is None else f'@{at}'}"


def _parts(text: str, kind: str, shown: str) -> tuple[str, list[str], str | None]:
    """Name, what is between commas, and time."""
    rest, found, at = text.rpartition("@")
    if not found:
        rest = text
    name, _, place = rest.rpartition(":")
    if not _COORDINATES.fullmatch(place) or (found and not at.strip()):
        raise _not_read(kind, text, shown)
    return name.strip(), [one.strip() for one in place.split(",")], at.strip() if found else None


def _length(text: str, kind: str, whole: str, shown: str) -> Length:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _not_read(kind, whole, shown)
    return Length(float(match[1]), bool(match[2]))


def _not_read(kind: str, text: str, shown: str) -> UsageError:
    return UsageError(f"{parameter(kind)} {text!r} is not understood; write {shown}")
