"""Painted styles look like what they are called after, and move with the thing."""

import cv2
import numpy as np
import pytest
from render.effects.moving import clip, disc, drawn, ground

from sa2va_cli.render.effects.drawing import Scene, Seen
from sa2va_cli.render.effects.motion import Motion
from sa2va_cli.render.effects.table import EFFECTS
from sa2va_cli.render.effects.textures import SIDE, noise, paper, sampled, streaks

STYLES = tuple(name for name, row in EFFECTS.items() if row.family == "style")


def sliding(count=8, step=2):
    """A thing that slides by whole pixels over a background of one colour, with its texture."""
    size = (160, 120)
    thing = ground(size, seed=5, coarse=9)
    scenes = []
    for t in range(count):
        shift = step * t
        alpha = disc(50 + shift, 60, 26, size)
        picture = np.full((120, 160, 3), 128, np.float32)
        picture += alpha[..., None] * (np.roll(thing, shift, axis=1) - picture)
        scenes.append(Scene(t, t / 24, np.rint(picture).astype(np.uint8), (Seen(1, 1, "disc", alpha),), 24.0))
    return scenes


def warping_error(pictures, scenes, step=2):
    """Mean difference inside the thing between a frame and the next one, brought back."""
    errors = []
    for before, after, scene in zip(pictures[3:], pictures[4:], scenes[3:], strict=False):
        inside = cv2.erode(scene.objects[0].alpha, np.ones((15, 15))) == 1
        back = np.roll(after, -step, axis=1)
        errors.append(np.abs(back.astype(float) - before)[inside].mean())
    return np.mean(errors)


@pytest.mark.parametrize("name", STYLES)
def test_nothing_swims_on_a_thing_that_slides(name):
    scenes = sliding()
    found, _ = drawn(scenes, name)
    assert warping_error([one.picture for one in found], scenes) < 4.0


def test_textures_that_stay_with_the_picture_would_fail_that():
    scenes = sliding()
    fixed = (128 + 60 * sampled(paper(), np.eye(2, 3), (160, 120), 1.0))[..., None].repeat(3, axis=2)
    assert warping_error([fixed] * len(scenes), scenes) > 8


def test_motion_finds_how_a_thing_went():
    scenes = sliding(5)
    motion = Motion()
    for scene in scenes:
        alpha = scene.objects[0].alpha
        from sa2va_cli.render.crop import mask_box

        motion.follow(scene.index, scene.picture, alpha, mask_box(alpha > 0))
        motion.steadied(np.zeros_like(scene.picture[: motion._next.box.size[1], : motion._next.box.size[0]]))
    first = 50 - 26
    there = motion.place @ np.array([50 + 8, 60, 1])
    assert abs(there[0] - (50 - first)) < 1.5


@pytest.mark.parametrize("tile", [noise(5, 3), paper(), streaks()], ids=["noise", "paper", "streaks"])
def test_a_texture_repeats_without_a_seam(tile):
    assert tile.shape == (SIDE, SIDE)
    assert abs(float(tile.mean())) < 0.02
    inner = np.abs(np.diff(tile, axis=0)).mean()
    assert np.abs(tile[0] - tile[-1]).mean() < 1.5 * inner + 1e-3


def test_ink_is_paper_washes_of_several_strengths_and_dark_strokes():
    size = (240, 180)
    alpha = disc(120, 90, 70, size)
    picture = (
        np.repeat(np.linspace(20, 235, 240)[None, :, None], 3, axis=2).repeat(180, axis=0).astype(np.uint8)
    )
    found, _ = drawn([Scene(0, 0.0, picture, (Seen(1, 1, "disc", alpha),))], "ink")
    inside = cv2.erode(alpha, np.ones((25, 25))) == 1
    painted = found[0].picture
    luma = cv2.cvtColor(painted, cv2.COLOR_RGB2GRAY)
    assert np.percentile(luma[inside], 95) > 200  # paper
    assert np.percentile(luma[inside], 3) < 120  # ink
    middle = np.percentile(luma[inside], [30, 50, 70])
    assert np.diff(middle).min() > 8  # gradation
    rim = (alpha > 0.9) & (cv2.erode(alpha, np.ones((7, 7))) < 0.5)
    assert luma[rim].mean() < luma[inside].mean() - 10  # strokes around
    paper_ = painted[inside & (luma > 210)].astype(int)
    assert (paper_[:, 0] > paper_[:, 2]).mean() > 0.9  # warm


@pytest.mark.parametrize("name", ["ink", "pencil"])
def test_ink_and_pencil_have_hardly_any_colour(name):
    scene = clip(1)[0]
    painted = drawn([scene], name)[0][0].picture[scene.objects[0].alpha == 1].astype(int)
    assert np.ptp(painted, axis=1).mean() < 14


def test_a_cartoon_has_fewer_tones_than_the_source():
    scenes = sliding(1)
    inside = cv2.erode(scenes[0].objects[0].alpha, np.ones((9, 9))) == 1
    flat = []
    for picture in (scenes[0].picture, drawn(scenes, "cartoon,levels=4")[0][0].picture):
        lightness = cv2.cvtColor(picture, cv2.COLOR_RGB2Lab)[..., 0][inside]
        flat.append(np.sort(np.bincount(lightness, minlength=256))[-16:].sum() / lightness.size)
    assert flat[1] > 1.5 * flat[0]


def test_large_pixels_are_squares_of_one_colour():
    scenes = sliding(1)
    found, _ = drawn(scenes, "pixelate,scale=3")
    inside = cv2.erode(scenes[0].objects[0].alpha, np.ones((9, 9))) == 1
    same = (np.diff(found[0].picture.astype(int), axis=1) == 0).all(axis=2)[inside[:, 1:]].mean()
    assert same > 0.75


def test_less_strength_is_nearer_to_the_source():
    scene = clip(1)[0]
    far, near = (
        np.abs(drawn([scene], f"cartoon,strength={share}")[0][0].picture.astype(int) - scene.picture).mean()
        for share in (1, 0.3)
    )
    assert abs(near / far - 0.3) < 0.05
