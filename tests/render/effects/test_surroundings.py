"""What is around a target: backgrounds, light, lines, cameras and text."""

import cv2
import numpy as np
import pytest
from render.effects.moving import SIZE, clip, disc, drawn, ground

from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.drawing import Drawer, Scene, Seen
from sa2va_cli.render.effects.light import light_of
from sa2va_cli.render.effects.reading import read_effect


def only(text, scene=None, open_plate=None):
    drawer = Drawer([read_effect(text)], open_plate)
    scene = scene or clip(1)[0]
    if drawer.surveys:
        drawer.survey(scene)
    return scene, drawer.draw(scene).picture


def test_a_background_of_a_colour_is_that_colour():
    scene, picture = only("background=#123456")
    assert (picture[scene.objects[0].alpha == 0] == (0x12, 0x34, 0x56)).all()
    assert (picture == scene.picture)[scene.objects[0].alpha == 1].all()


def test_soft_edges_have_the_target_s_colours_and_not_the_old_background_s():
    alpha = disc(48, 35, 20)
    picture = np.full((*SIZE[::-1], 3), (0, 255, 0), np.float32)
    picture += alpha[..., None] * (np.array((200, 40, 40)) - picture)
    scene = Scene(0, 0.0, np.rint(picture).astype(np.uint8), (Seen(1, 1, "disc", alpha),))
    _, found = only("background=black", scene)
    edge = (alpha > 0.2) & (alpha < 0.8)
    assert found[edge][:, 1].max() < 60  # no green fringe


def test_a_blurred_background_has_nothing_of_the_target():
    alpha = disc(48, 35, 20)
    picture = np.full((*SIZE[::-1], 3), 90, np.uint8)
    picture[alpha > 0] = 250
    scene = Scene(0, 0.0, picture, (Seen(1, 1, "disc", alpha),))
    _, found = only("background=blur=8", scene)
    assert np.abs(found[alpha == 0].astype(int) - 90).max() <= 2


@pytest.mark.parametrize("value", ["blur=x", "blur=-1", "blur=0"])
def test_a_blur_that_is_no_number_of_pixels_is_refused(value):
    with pytest.raises(UsageError, match="blur must be a number of pixels"):
        Drawer([read_effect(f"background={value}")])


@pytest.mark.parametrize(("fit", "corner"), [("cover", 200), ("stretch", 200), ("contain", 0)])
def test_a_plate_is_made_to_fit(fit, corner):
    plate = np.full((30, 80, 3), 200, np.uint8)
    scene, picture = only(f"background=plate.png,fit={fit}", None, lambda _: lambda __, *, loop: plate)
    assert picture.shape == scene.picture.shape
    assert abs(int(picture[1, 1, 0]) - corner) <= 2


def test_a_plate_is_asked_for_its_own_time():
    asked = []

    def plate(seconds, *, loop):
        asked.append((round(seconds * 24), loop))
        return np.zeros((8, 8, 3), np.uint8)

    drawer = Drawer([read_effect("background=plate.mp4,end=hold")], lambda _: plate)
    for scene in clip(3):
        drawer.draw(scene)
    assert asked == [(0, False), (1, False), (2, False)]


def test_a_transparent_background_gives_alpha():
    drawer = Drawer([read_effect("background=transparent")])
    scene = clip(1)[0]
    assert np.abs(drawer.draw(scene).alpha - scene.objects[0].alpha).max() < 0.01


def test_a_spotlight_darkens_light_far_away_by_as_much_as_it_says():
    scene, picture = only("spotlight=0.6,feather=3")
    far = cv2.dilate(scene.objects[0].alpha, np.ones((41, 41))) == 0
    ratio = light_of(picture, 2)[far].sum() / light_of(scene.picture, 2)[far].sum()
    assert abs(ratio - 0.4) < 0.02


def test_an_outline_lies_around_the_target_and_not_on_it():
    scene, picture = only("outline=#ff0000,width=3")
    alpha = scene.objects[0].alpha
    assert (picture == scene.picture)[alpha == 1].all()
    red = (picture == (255, 0, 0)).all(axis=2)
    assert red.sum() > 2 * np.pi * 17
    assert (cv2.dilate(alpha, np.ones((13, 13)))[red] > 0).all()


def test_glow_adds_light_around_the_target_and_takes_none():
    scene, picture = only("glow=white,radius=10")
    more = light_of(picture, 2) - light_of(scene.picture, 2)
    assert more.min() > -0.005
    near = cv2.dilate(scene.objects[0].alpha, np.ones((7, 7))) > 0
    assert more[near & (scene.objects[0].alpha == 0)].mean() > 0.1


def test_a_shadow_takes_light_below_and_to_the_right():
    scene, picture = only("shadow,right=0.1,down=0.1,softness=0.01")
    less = light_of(scene.picture, 2).sum(axis=2) - light_of(picture, 2).sum(axis=2)
    assert less[48:56, 40:50].mean() > 0.05
    assert np.abs(less[:12, :12]).max() < 0.01


def tremble(count=40):
    rng = np.random.default_rng(0)
    return [(40 + 0.5 * t + rng.normal(0, 1.5), 35 + rng.normal(0, 1.5)) for t in range(count)]


def test_a_camera_that_follows_does_not_tremble_and_keeps_the_target_in_the_middle():
    back = ground((97, 71))
    alphas = [disc(x, y, 9) for x, y in tremble()]
    scenes = [Scene(t, t / 24, back, (Seen(1, 1, "disc", one),), 24.0) for t, one in enumerate(alphas)]
    found, drawer = drawn(scenes, "follow=2")
    path = np.array([drawer._stages[0][1]._path[t] for t in range(40)])
    assert np.abs(np.diff(path, n=2, axis=0)).max() < 0.2
    assert np.abs(path[5:-5, 0] - (40 + 0.5 * np.arange(5, 35))).max() < 1.5
    assert all(one.picture.shape == back.shape for one in found)


def test_a_camera_twice_as_close_shows_half_of_the_sides():
    picture = np.zeros((72, 96, 3), np.uint8)
    picture[18:54, 24:72] = 255
    scene = Scene(0, 0.0, picture, (Seen(1, 1, "box", (picture[..., 0] > 0).astype(np.float32)),))
    _, found = only("follow=2", scene)
    assert (found[3:-3, 3:-3] > 225).all()


def test_of_what_is_taller_than_the_camera_s_picture_the_head_is_seen():
    picture = np.zeros((72, 96, 3), np.uint8)
    picture[8:70, 40:56] = 100
    alpha = (picture[..., 0] > 0).astype(np.float32)
    picture[8:16, 40:56] = 250
    _, found = only("follow=2", Scene(0, 0.0, picture, (Seen(1, 1, "person", alpha),)))
    assert found[6:18, 36:60].min() > 225
    assert found[:3].max() < 60


def test_a_zoom_begins_with_the_whole_picture_and_ends_close():
    scenes = clip(25, step=0.2)
    found, _ = drawn(scenes, "zoom=2,seconds=0.5")
    assert (found[0].picture == scenes[0].picture).all()
    sizes = [np.abs(np.diff(one.picture.astype(int), axis=1)).mean() for one in found]
    assert sizes[-1] < sizes[0]  # larger, so less changes from pixel to pixel
    assert (found[20].picture != scenes[20].picture).mean() > 0.5


def test_cameras_come_last_and_removal_first_whatever_their_order():
    drawer = Drawer([read_effect(text) for text in ("zoom=2", "grey", "remove", "label=x")])
    assert [use.name for use, _ in drawer._stages] == ["remove", "grey", "label", "zoom"]


def test_a_label_says_the_object_s_name_where_it_is_told_nothing():
    scene = clip(1)[0]
    own, told = (only(text, scene)[1] for text in ("label", "label=disc"))
    assert (own == told).all()


def test_a_text_that_no_font_can_write_is_refused():
    with pytest.raises(UsageError, match="no font here has the letters"):
        Drawer([read_effect("caption=\U0001fbff")])


def test_a_caption_is_shown_while_the_target_is_seen():
    unseen = clip(1, alphas=np.zeros(SIZE[::-1], np.float32))[0]
    assert (only("caption=Hello", unseen)[1] == unseen.picture).all()
    scene, picture = only("caption=Hello")
    changed = np.nonzero((picture != scene.picture).any(axis=2))[0]
    assert changed.min() > SIZE[1] / 2
