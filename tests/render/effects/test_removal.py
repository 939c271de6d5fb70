"""What is removed leaves the background that is truly behind it, where any frame has shown it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from render.effects.moving import disc, drawn, ground, over

from sa2va_cli.render.effects.drawing import Scene, Seen
from sa2va_cli.render.effects.registration import CameraPath

SIZE = (160, 120)


def world(count=12, *, pan=0.0, zoom=1.0, walk=6.0, light=0):
    """Frames of a disc that walks through a world a camera pans over, and the same without it."""
    wide = ground((320, 240), seed=4, coarse=9)
    skin = np.full((120, 160, 3), (200, 30, 160), np.uint8)
    scenes, truths = [], []
    for t in range(count):
        scale = zoom**t
        place = np.array([[1 / scale, 0, 60 + pan * t], [0, 1 / scale, 50 + 0.3 * pan * t]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        behind = np.clip(cv2.warpAffine(wide, place, SIZE, flags=flags).astype(int) + light * t, 0, 255)
        behind = behind.astype(np.uint8)
        alpha = disc(40 + walk * t, 60, 14, SIZE)
        truths.append(behind)
        scenes.append(Scene(t, t / 24, over(behind, alpha, skin), (Seen(1, 1, "disc", alpha),), 24.0))
    return scenes, truths


def psnr(one, other, where):
    error = np.square(one[where].astype(float) - other[where]).mean()
    return 10 * np.log10(255**2 / max(error, 1e-2))


@pytest.mark.parametrize(("pan", "zoom"), [(0, 1), (1.4, 1), (0, 1.006), (-0.7, 1.003)])
def test_the_background_comes_back_from_other_frames(pan, zoom):
    scenes, truths = world(pan=pan, zoom=zoom)
    found, drawer = drawn(scenes, "remove,grain=off")
    for scene, truth, one in list(zip(scenes, truths, found, strict=True))[2:-2]:
        hole = scene.objects[0].alpha > 0
        telea = cv2.inpaint(scene.picture, hole.astype(np.uint8), 4, cv2.INPAINT_TELEA)
        ours = psnr(one.picture, truth, hole)
        assert ours > psnr(telea, truth, hole) + 6
        assert ours > 30
    assert not drawer.remarks


def test_without_camera_motion_it_is_exact():
    scenes, truths = world()
    found, _ = drawn(scenes, "remove,grain=off")
    middle = slice(3, 9)
    for scene, truth, one in zip(scenes[middle], truths[middle], found[middle], strict=True):
        assert np.abs(one.picture.astype(int) - truth)[scene.objects[0].alpha > 0].mean() < 0.6


def test_brightness_that_changes_is_matched():
    scenes, truths = world(light=1)
    found, _ = drawn(scenes, "remove,grain=off")
    hole = scenes[6].objects[0].alpha > 0
    difference = found[6].picture.astype(int) - truths[6]
    assert abs(difference[hole].mean()) < 1.5


def test_what_was_never_seen_is_guessed_and_told():
    scenes, _ = world(count=4, walk=0.0)
    found, drawer = drawn(scenes, "remove")
    assert [one.index for one in drawer.remarks] == [0, 1, 2, 3]
    assert {one.what for one in drawer.remarks} == {"invented"}
    assert all(one.share > 0.9 for one in drawer.remarks)
    inside = scenes[3].objects[0].alpha == 1
    assert not (found[3].picture[inside] == (200, 30, 160)).all(axis=-1).any()


def test_what_was_guessed_stays_from_frame_to_frame():
    scenes, _ = world(count=4, walk=0.0)
    found, _ = drawn(scenes, "remove,grain=off")
    inside = scenes[0].objects[0].alpha == 1
    assert np.abs(found[3].picture[inside].astype(int) - found[2].picture[inside]).mean() < 1


def test_grain_is_that_of_the_surroundings():
    scenes, _ = world(count=12)
    rng = np.random.default_rng(0)
    noisy = []
    for scene in scenes:
        grain = rng.normal(0, 6, scene.picture.shape[:2])[..., None]
        noisy.append(replace(scene, picture=np.clip(scene.picture + grain, 0, 255).astype(np.uint8)))
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    hole = scenes[6].objects[0].alpha == 1

    def noise(picture, where):
        return np.median(np.abs(cv2.filter2D(picture.astype(np.float32)[..., 1], -1, kernel))[where]) / 0.6745

    plain, grained = (drawn(noisy, f"remove,grain={how}")[0][6].picture for how in ("off", "on"))
    around = cv2.dilate(hole.astype(np.uint8), np.ones((15, 15))) > 0
    wanted = noise(noisy[6].picture, around & ~hole)
    assert noise(plain, hole) < 0.75 * wanted
    assert abs(noise(grained, hole) - wanted) < 0.25 * wanted


def test_of_a_long_clip_a_bounded_number_of_frames_is_kept():
    from sa2va_cli.render.effects.effect import Moment
    from sa2va_cli.render.effects.remove import Remove

    effect = Remove()
    picture, alpha = ground((64, 48)), np.zeros((48, 64), np.float32)
    for index in range(300):
        effect.survey(Moment(index, index / 24, picture, alpha))
    kept = [one.index for one in effect._samples]
    assert len(kept) <= 64
    assert max(np.diff(kept)) <= 8
    assert kept[-1] > 280


@pytest.mark.parametrize(("across", "down", "scale"), [(1.6, -0.7, 1.0), (0, 0, 1.01), (2.0, 1.0, 0.99)])
def test_the_camera_s_motion_is_found_to_a_fraction_of_a_pixel(across, down, scale):
    wide = ground((320, 240), seed=4, coarse=9)
    path = CameraPath()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    maps = [np.array([[scale**t, 0, 60 + across * t], [0, scale**t, 50 + down * t]]) for t in range(4)]
    for t, place in enumerate(maps):
        path.add(t, cv2.warpAffine(wide, place, SIZE, flags=flags), np.zeros((120, 160), np.bool_))
    found = path.between(0, 3)
    for point in ((20, 20, 1), (140, 100, 1)):
        truth = np.linalg.solve(maps[0][:, :2], maps[3] @ point - maps[0][:, 2])
        there = found @ point
        assert np.hypot(*(there[:2] / there[2] - truth)) < 0.35
