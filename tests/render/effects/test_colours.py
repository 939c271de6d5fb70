"""Colours change as they should: what is said about hue, lightness and light holds in numbers."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from render.effects.moving import SIZE, clip, drawn

from sa2va_cli.errors import NothingFoundError, UsageError
from sa2va_cli.render.effects.colour_words import named_colour
from sa2va_cli.render.effects.drawing import Scene, Seen
from sa2va_cli.render.effects.light import light_of, pixels_of
from sa2va_cli.render.effects.reading import EffectUse, Target, read_effect, written_effect

FULL = np.ones(SIZE[::-1], np.float32)


def lab(picture):
    return cv2.cvtColor(picture.astype(np.float32) / np.iinfo(picture.dtype).max, cv2.COLOR_RGB2Lab)


def of(picture, *uses):
    found, _ = drawn(
        [Scene(0, 0.0, picture, (Seen(1, 1, "all", np.ones(picture.shape[:2], np.float32)),))], *uses
    )
    return found[0].picture


@pytest.mark.parametrize("colour", ["blue", "red", "green", "yellow", "purple", "#804020"])
def test_recolouring_keeps_lightness(colour):
    picture = clip(1, alphas=FULL)[0].picture
    before, after = lab(picture), lab(of(picture, f"recolour={colour}"))
    assert np.abs(before[..., 0] - after[..., 0]).mean() < 0.6
    assert np.percentile(np.abs(before[..., 0] - after[..., 0]), 99) < 2.5


@pytest.mark.parametrize("colour", ["blue", "red", "green", "yellow"])
def test_recolouring_gives_the_hue(colour):
    after = lab(of(clip(1, alphas=FULL)[0].picture, f"recolour={colour}"))
    goal = lab(np.array([[named_colour(colour)]], np.uint8))[0, 0]
    colourful = np.hypot(after[..., 1], after[..., 2]) > 12
    angle = np.arctan2(after[..., 2], after[..., 1])[colourful] - np.arctan2(goal[2], goal[1])
    assert np.abs(np.rad2deg(np.angle(np.exp(1j * angle)))).max() < 12


def two_things(*, seen: bool = True) -> list[Scene]:
    """A brown thing on the left, and a green one on the right."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :30], picture[:, 30:] = (120, 70, 40), (30, 150, 60)
    left = np.zeros(picture.shape[:2], np.float32)
    left[:, :30] = 1
    right = (1 - left) * seen
    return [Scene(0, 0.0, picture, (Seen(1, 1, "left", left), Seen(2, 2, "right", right)))]


def matching(words: str) -> EffectUse:
    use = read_effect(f"recolour=match:{words}")
    return replace(use, target=Target(objects=(1,)), reference=Target(objects=(2,)))


def test_a_thing_takes_the_colour_of_another():
    before, (after,) = two_things()[0].picture, drawn(two_things(), matching("the right"))[0]
    goal = before[0, -1].astype(int)
    assert np.abs(after.picture[:, :30] - goal).max() < 12
    assert np.array_equal(after.picture[:, 30:], before[:, 30:])


def test_the_colour_of_what_is_never_seen_is_refused():
    with pytest.raises(NothingFoundError, match="'the right' was found on no frame"):
        drawn(two_things(seen=False), matching("the right"))
    assert written_effect(matching("the right")) == "recolour=match:the right"
    with pytest.raises(UsageError, match="or match:OBJECT"):
        read_effect("recolour=match: ")


def test_recolouring_leaves_black_and_white_neutral():
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(8, axis=0)
    after = lab(of(ramp, "recolour=red"))
    chroma = np.hypot(after[..., 1], after[..., 2])
    assert chroma[:, [0, -1]].max() < 4
    assert chroma[:, 30].min() > 30


def test_recolouring_to_white_makes_lighter():
    picture = clip(1)[0].picture
    assert lab(of(picture, "recolour=white"))[..., 0].mean() > lab(picture)[..., 0].mean() + 10


def test_grey_has_three_like_channels_and_keeps_luma():
    picture = clip(1)[0].picture
    grey = of(picture, "grey").astype(int)
    assert (grey == grey[..., :1]).all()
    assert np.abs(grey[..., 0] - picture @ np.array([0.2126, 0.7152, 0.0722])).max() <= 1


@pytest.mark.parametrize("deep", [False, True])
def test_half_the_brightness_is_half_the_light(deep):
    picture = clip(1, deep=deep)[0].picture
    ratio = light_of(of(picture, "brightness=0.5"), 2).sum() / light_of(picture, 2).sum()
    assert abs(ratio - 0.5) < 0.01


def test_more_brightness_keeps_white_white_and_does_not_clip_before_it():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    bright = of(ramp, "brightness=2")[0, :, 0].astype(int)
    assert bright[255] == 255
    assert (np.diff(bright) >= 0).all()
    assert np.count_nonzero(bright == 255) <= 8


@pytest.mark.parametrize("name", ["brightness=1", "contrast=1", "saturation=1", "temperature=0", "sharpen=0"])
def test_an_amount_that_changes_nothing_changes_nothing(name):
    picture = clip(1)[0].picture
    assert np.abs(of(picture, name).astype(int) - picture).max() <= 1


def test_warmer_is_redder_and_less_blue_at_the_same_luma():
    grey = np.full((8, 8, 3), 120, np.uint8)
    red, _, blue = of(grey, "temperature=0.5")[0, 0].astype(int)
    assert red > 125
    assert blue < 118
    luma = light_of(of(grey, "temperature=0.5"), 2)[0, 0] @ np.array([0.2126, 0.7152, 0.0722])
    assert abs(luma - light_of(grey, 2)[0, 0, 0]) < 0.003


def test_sharpening_makes_edges_steeper_and_leaves_flat_parts_alone():
    picture = np.full((24, 40, 3), 90, np.uint8)
    picture[:, 20:] = 160
    sharp = of(cv2.GaussianBlur(picture, (0, 0), 1.5), "sharpen=1.5").astype(int)
    assert (
        np.abs(np.diff(sharp[12, :, 0])).max()
        > np.abs(np.diff(cv2.GaussianBlur(picture, (0, 0), 1.5)[12, :, 0].astype(int))).max()
    )
    assert (sharp[:, :8] == 90).all()


@pytest.mark.parametrize("transfer", [2, 16, 18])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_light_and_signal_undo_each_other(dtype, transfer):
    codes = np.linspace(0, np.iinfo(dtype).max, 256).astype(dtype)
    back = pixels_of(light_of(codes, transfer), dtype, transfer)
    assert np.abs(back.astype(int) - codes).max() <= (1 if dtype == np.uint8 else 160)
