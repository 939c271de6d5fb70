"""Regions of a picture that questions speak of, from what somebody has pointed at.

Knows nothing about where the picture comes from, nor about what is asked.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB, AnySegmenter, Frame, FrameMasks
from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.pointing import placed_on
from sa2va_cli.visual_prompts import Pointed, VisualPrompt


def region_masks(segmenter: AnySegmenter, image: RGB, visual: Sequence[VisualPrompt]) -> NDArray[np.bool_]:
    """Turns points, boxes and masks on a picture into region masks, region1 first.

    A mask is taken as it is; points and a box become one through SAM 2's own prompt encoder.

    Args:
        segmenter: the network.
        image: (H, W, 3) uint8 RGB.
        visual: what is pointed at; those with one name are one region, each without a name is one by itself.

    Returns:
        (n, H, W) bool.

    Raises:
        InputError: a mask's file is no picture.
        UsageError: something lies outside the picture, or nothing is seen there.
    """
    groups = grouped(visual)
    said = placed_regions(image, visual)
    masks = np.zeros((len(said), *image.shape[:2]), np.bool_)
    decoded = [row for row, one in enumerate(said) if one.mask is None]
    for row, one in enumerate(said):
        if one.mask is not None:
            masks[row] = one.mask
    if decoded:
        masks[decoded] = _decoded(segmenter, image, [said[row] for row in decoded])
    for mask, ones in zip(masks, groups, strict=True):
        if not mask.any():
            raise UsageError(f"nothing is seen at {ones[0]}; point at another place, or give a larger box")
    return masks


def placed_regions(image: RGB, visual: Sequence[VisualPrompt]) -> list[Pointed]:
    """What each region of a picture is pointed at with; needs no network, so it can be checked early.

    The arguments and the errors are those of ``region_masks``.
    """
    return [placed_on(image, ones) for ones in grouped(visual)]


def grouped(visual: Sequence[VisualPrompt]) -> list[list[VisualPrompt]]:
    """What is pointed at, by region: region1 first.

    Those with one name are one region; each without a name is one by itself. They come in the order in which
    they were given, but where all are named region1, region2 and so on, these numbers are the order.

    Raises:
        UsageError: such numbers leave one out.
    """
    groups: dict[str | int, list[VisualPrompt]] = {}
    for number, prompt in enumerate(visual):
        groups.setdefault(prompt.name or number, []).append(prompt)
    numbers = {str(name): re.fullmatch(r"region([1-9]\d*)", str(name)) for name in groups}
    numbered = {int(found[1]): groups[name] for name, found in numbers.items() if found}
    if not numbered:
        return list(groups.values())
    if sorted(numbered) != list(range(1, len(groups) + 1)):
        names = ", ".join(f"region{number}" for number in range(1, len(groups) + 1))
        raise UsageError(f"{len(groups)} regions are named region1 and so on; name them {names}")
    return [numbered[number] for number in sorted(numbered)]


def _decoded(segmenter: AnySegmenter, image: RGB, said: Sequence[Pointed]) -> NDArray[np.bool_]:
    frame = Frame(0, 0, Fraction(1), image)
    pointed = [replace(one, row=row) for row, one in enumerate(said)]
    with segmenter.open(still=True) as session:
        ways = session.point(None, (), len(pointed), pointed, {})
        (found,) = session.follow([frame], ways.forwards, count=1)
    return FrameMasks(frame, found.logits, found.scores).masks
