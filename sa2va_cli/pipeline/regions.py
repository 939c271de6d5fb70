"""Regions of a picture that questions speak of, from what somebody has pointed at."""

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
    groups: dict[object, list[VisualPrompt]] = {}
    for number, prompt in enumerate(visual):
        groups.setdefault(prompt.name or number, []).append(prompt)
    said = [placed_on(image, ones) for ones in groups.values()]
    masks = np.zeros((len(said), *image.shape[:2]), np.bool_)
    decoded = [row for row, one in enumerate(said) if one.mask is None]
    for row, one in enumerate(said):
        if one.mask is not None:
            masks[row] = one.mask
    if decoded:
        masks[decoded] = _decoded(segmenter, image, [said[row] for row in decoded])
    for mask, ones in zip(masks, groups.values(), strict=True):
        if not mask.any():
            raise UsageError(f"nothing is seen at {ones[0]}; point at another place, or give a larger box")
    return masks


def _decoded(segmenter: AnySegmenter, image: RGB, said: Sequence[Pointed]) -> NDArray[np.bool_]:
    frame = Frame(0, 0, Fraction(1), image)
    pointed = [replace(one, row=row) for row, one in enumerate(said)]
    with segmenter.open(still=True) as session:
        ways = session.point(None, (), len(pointed), pointed, {})
        (found,) = session.follow([frame], ways.forwards, count=1)
    return FrameMasks(frame, found.logits, found.scores).masks
