"""From what people write about points, boxes and masks to what is said about an object on a frame.

Knows the clip's size and times, and nothing about networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB, Frame, Prompt
from sa2va_cli.errors import InputError, UsageError, parameter
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.labels import object_label
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.selection import moment
from sa2va_cli.visual_prompts import (
    Bitmap,
    BoxPrompt,
    Length,
    MaskPrompt,
    Pointed,
    PointPrompt,
    VisualPrompt,
    two_valued,
)


@dataclass(frozen=True, eq=False)
class Placement:
    """What one object is pointed at with on one frame.

    Attributes:
        prompt: what the object belongs to.
        number: which of the prompt's objects it is, from 1.
        index: of the frame.
        points: see ``Pointed``.
        box: see ``Pointed``.
        mask: see ``Pointed``.
    """

    prompt: Prompt
    number: int
    index: int
    points: tuple[tuple[float, float, bool], ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def corrects_only(self) -> bool:
        """Whether it says where the object is not, and nowhere that it is."""
        return self.mask is None and self.box is None and not any(positive for *_, positive in self.points)

    def on(self, image: RGB, row: int, before: NDArray[np.float32] | None = None) -> Pointed:
        """The same with the frame's picture, for the object in a row."""
        return Pointed(row, self.index, image, self.points, self.box, self.mask, before)


def with_masks(search: Search) -> Search:
    """The same with the masks read that are in files, so that they are kept with what is found.

    Raises:
        InputError: a file is no picture.
        UsageError: a picture is no mask.
    """
    prompts = tuple(
        replace(prompt, visual=tuple(_loaded(one) for one in prompt.visual)) for prompt in search.prompts
    )
    return replace(search, prompts=prompts)


def placements(prompts: Sequence[Prompt], reader: Reader) -> tuple[Placement, ...]:
    """Finds the frame and the place in it of everything that was pointed at; once for object and frame.

    Raises:
        UsageError: something lies outside the picture or the clip, is said twice, or names nothing.
    """
    indices: dict[str | None, int] = {}
    said: list[tuple[int, int, int, VisualPrompt]] = []
    for place, prompt in enumerate(prompts):
        for one in prompt.visual:
            if one.at not in indices:
                indices[one.at] = (
                    0 if one.at is None else reader.index_at(moment(one.at, _shown(one)), one.at)
                )
            said.append((place, number_of(prompt, one.name), indices[one.at], one))
    said.sort(key=lambda row: row[:3])
    groups = groupby(said, key=lambda row: row[:3])
    found = tuple(
        _placed(prompts[place], number, index, [row[3] for row in rows], reader.info.size)
        for (place, number, index), rows in groups
    )
    _check_positive(found)
    return found


def placed_on(image: RGB, prompts: Sequence[VisualPrompt], *, known: bool = False) -> Pointed:
    """What one thing on a picture by itself is pointed at with.

    Args:
        image: (H, W, 3) uint8 RGB.
        prompts: points and boxes, or a mask; their times do not count.
        known: whether the thing has a mask already, so that it is enough to say where it is not.

    Raises:
        UsageError: something lies outside the picture, or there is nowhere that the thing is.
    """
    prompt = Prompt(1, "", "region", tuple(_loaded(one) for one in prompts))
    placement = _placed(prompt, 1, 0, list(prompt.visual), (image.shape[1], image.shape[0]))
    if not known:
        _check_positive((placement,))
    return placement.on(image, 0)


def number_of(prompt: Prompt, name: str) -> int:
    """Which object of a prompt a name means: ``dog 2`` is the second one of ``dog``."""
    rest = name.removeprefix(prompt.label).strip()
    return int(rest) if rest.isdecimal() and object_label(prompt, int(rest)) == name else 1


def mask_file(path: str) -> NDArray[np.bool_]:
    """Reads a mask (H, W) from a picture of two values.

    Raises:
        InputError: it is no picture.
        UsageError: it has more than two values.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(Path(path).expanduser()) as image:
            values = np.asarray(image)
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        what = "there is no such file" if isinstance(error, FileNotFoundError) else "not a picture"
        raise InputError(f"{parameter('mask', path)}: {what}") from error
    if values.ndim == 3:
        colours = values[..., :3] if values.shape[2] > 2 else values[..., :1]
        values = colours.max(axis=2)
        if (colours != values[..., None]).any():
            raise UsageError(f"{parameter('mask', path)} is coloured; a mask is black and white")
    return two_valued(values, str(parameter("mask", path)))


def _loaded(one: VisualPrompt) -> VisualPrompt:
    if not isinstance(one, MaskPrompt) or one.bitmap is not None:
        return one
    return replace(one, bitmap=Bitmap.of(mask_file(one.path)))


def _placed(
    prompt: Prompt, number: int, index: int, said: Sequence[VisualPrompt], size: tuple[int, int]
) -> Placement:
    boxes = [_box(one, size) for one in said if isinstance(one, BoxPrompt)]
    masks = [_mask(one, size) for one in said if isinstance(one, MaskPrompt)]
    points = tuple(_point(one, size) for one in said if isinstance(one, PointPrompt))
    if len(boxes) > 1 or len(masks) > 1 or (masks and (boxes or points)):
        raise UsageError(
            f"{prompt.label!r} has {' and '.join(str(one) for one in said)} on one frame; "
            "give points and one box, or one mask, or name each object (NAME:...)"
        )
    return Placement(prompt, number, index, points, boxes[0] if boxes else None, masks[0] if masks else None)


def _check_positive(found: Sequence[Placement]) -> None:
    """Refuses objects that begin with where they are not."""
    begun: set[tuple[Prompt, int]] = set()
    for one in found:
        if one.corrects_only and not one.prompt.text and (one.prompt, one.number) not in begun:
            raise UsageError(
                f"{one.prompt.label!r} begins with a negative {parameter('point')}; "
                "add one where the thing is, a box, or words"
            )
        begun.add((one.prompt, one.number))


def _point(one: PointPrompt, size: tuple[int, int]) -> tuple[float, float, bool]:
    x, y = (length.part(side) for length, side in zip((one.x, one.y), size, strict=True))
    inside = all(0 <= part <= 1 and (length.percent or part < 1) for length, part in ((one.x, x), (one.y, y)))
    if not inside:
        raise _outside(one, size)
    return x, y, one.positive


def _box(one: BoxPrompt, size: tuple[int, int]) -> tuple[float, float, float, float]:
    sides: tuple[Length, ...] = (one.left, one.top, one.right, one.bottom)
    parts = [length.part(side) for length, side in zip(sides, (*size, *size), strict=True)]
    if not all(0 <= part <= 1 for part in parts):
        raise _outside(one, size)
    left, top, right, bottom = parts
    return left, top, right, bottom


def _mask(one: MaskPrompt, size: tuple[int, int]) -> NDArray[np.bool_]:
    assert one.bitmap is not None  # noqa: S101  (with_masks has read it)
    if one.bitmap.size != size:
        raise UsageError(
            f"{_shown(one)} is {one.bitmap.size[0]}x{one.bitmap.size[1]} and the picture "
            f"{size[0]}x{size[1]}; a mask has the picture's size"
        )
    mask = one.bitmap.mask
    if not mask.any():
        raise UsageError(f"{_shown(one)} is empty; it must show the thing")
    return mask


def _outside(one: VisualPrompt, size: tuple[int, int]) -> UsageError:
    return UsageError(
        f"{_shown(one)} lies outside the picture, which is {size[0]}x{size[1]}; "
        f"x goes from 0 to {size[0] - 1} and y from 0 to {size[1] - 1}, or both from 0% to 100%"
    )


def _shown(one: VisualPrompt) -> str:
    """What somebody has given, for a message."""
    name = {PointPrompt: "point", BoxPrompt: "box", MaskPrompt: "mask"}[type(one)]
    return parameter(name, str(one))


def read_pictures(found: Sequence[Placement], reader: Reader) -> list[tuple[Placement, Frame]]:
    """Each placement with its frame; what is decoded for that is held for following backwards from there.

    Raises:
        InputError: a frame cannot be decoded.
    """
    begins: dict[tuple[Prompt, int], int] = {}
    for one in found:
        begins[one.prompt, one.number] = min(one.index, begins.get((one.prompt, one.number), one.index))
    wanted = sorted({one.index for one in found})
    by_index = {
        frame.index: frame for frame in reader.frames_to_follow(wanted, max(begins.values(), default=0))
    }
    missing = [one.index for one in found if one.index not in by_index]
    if missing:
        raise not_decoded(reader, missing[0])
    return [(one, by_index[one.index]) for one in found]


def not_decoded(reader: Reader, index: int) -> InputError:
    """The error of a frame, or a picture, that was pointed at and is damaged."""
    name = reader.shown_name(index)
    return InputError(f"{name} was pointed at and cannot be decoded; point at another one")
