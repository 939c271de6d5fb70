import json
import wave

import av
import numpy as np
import pytest
from pycocotools import mask as coco

from sa2va_cli.demo import world
from sa2va_cli.demo.actors import KINDS
from sa2va_cli.demo.claims import claims
from sa2va_cli.demo.scene import Scene
from sa2va_cli.demo.sightings import measure
from sa2va_cli.demo.sound import write_sound

STILL = (30,)
CLIP = (8, 24, 40, 56, 72, 88)


def told(seed, times, count=None, language=None, **more):
    scene = Scene.sample(seed)
    return scene, world.expressions(scene, times, np.random.default_rng(seed), language, count, **more)


@pytest.mark.parametrize("size", [(640, 360), (256, 256)])
def test_a_scene_follows_from_its_seed_alone(size):
    image, ids = Scene.sample(11).draw(40, size)
    again = Scene.sample(11)
    again.draw(3, (200, 100))
    image_again, ids_again = again.draw(40, size)
    assert np.array_equal(image, image_again)
    assert np.array_equal(ids, ids_again)
    assert image.shape == (size[1], size[0], 3)
    assert image.dtype == ids.dtype == np.uint8


def test_other_seeds_make_other_scenes():
    assert Scene.sample(1).actors != Scene.sample(2).actors


def test_training_and_test_clips_never_share_a_seed():
    train = {world.scene_seed("train", 0, k) for k in range(200)}
    clips = {world.scene_seed("clips", 0, k) for k in range(200)}
    assert not train & clips
    assert {s % 2 for s in train} == {0}
    assert {s % 2 for s in clips} == {1}


@pytest.mark.parametrize("seed", range(6))
def test_numbers_alone_are_the_same_as_with_the_picture(seed):
    scene = Scene.sample(seed)
    assert np.array_equal(scene.draw(20, (320, 180))[1], scene.draw_ids(20, (320, 180)))


@pytest.mark.parametrize("seed", range(6))
def test_pixels_of_an_actor_differ_from_a_scene_without_it_and_no_others_do(seed):
    scene = Scene.sample(seed)
    image, ids = scene.draw(48)
    front = max(scene.actors, key=lambda a: (np.sum(ids == a.id), a.depth))
    bare = Scene(
        scene.seed, scene.frames, scene.fps, tuple(a for a in scene.actors if a is not front),
        scene.landmarks, scene.camera, scene.palette,
    )  # fmt: skip
    changed = (image != bare.draw(48)[0]).any(2)
    seen = ids == front.id
    assert changed[seen].mean() > 0.97
    others = np.isin(ids, [a.id for a in scene.actors if a is not front])
    assert changed[others].mean() < 0.12 if others.any() else True


@pytest.mark.parametrize("seed", range(6))
def test_a_squashed_view_shows_the_same_things(seed):
    scene = Scene.sample(seed)
    wide, square = scene.draw(30)[1], scene.draw(30, (256, 256))[1]
    rows, columns = (np.arange(256) + 0.5) * 360 / 256, (np.arange(256) + 0.5) * 640 / 256
    squashed = wide[np.ix_(rows.astype(int), columns.astype(int))]
    for actor in scene.actors:
        one, other = squashed == actor.id, square == actor.id
        if one.sum() > 600:
            assert (one & other).sum() / (one | other).sum() > 0.7


@pytest.mark.parametrize("times", [STILL, CLIP])
@pytest.mark.parametrize("seed", range(12))
def test_expressions_name_actors_that_are_seen(seed, times):
    scene, found = told(seed, times)
    sightings = measure(scene, times)
    seen = {a.id for a in scene.actors if sightings.seen[sightings.column(a)]}
    assert found
    for expression in found:
        assert set(expression.actors) <= seen
        assert (expression.kind == "none") == (not expression.actors)
        assert expression.actors == tuple(sorted(set(expression.actors)))


@pytest.mark.parametrize("seed", range(12))
def test_a_colour_and_a_kind_name_exactly_the_actors_that_have_them(seed):
    scene, found = told(seed, CLIP, language="en")
    for expression in found:
        for kind in set(KINDS) - {"girl", "boy"}:
            for colour in {a.colour for a in scene.actors}:
                if expression.text.lower().strip(".") in {f"the {colour} {kind}", f"{colour} {kind}"}:
                    fitting = tuple(a.id for a in scene.actors if (a.kind, a.colour) == (kind, colour))
                    assert set(expression.actors) <= set(fitting)
                    assert bool(expression.actors) == bool(fitting)


@pytest.mark.parametrize("seed", range(20))
def test_what_names_nothing_speaks_of_no_such_actor(seed):
    scene = Scene.sample(seed)
    for claim in claims(scene, CLIP):
        if not claim.actors and claim.form in {"kind", "colour"} and claim.noun in KINDS:
            assert not any(a.kind == claim.noun and claim.detail in {"", a.colour} for a in scene.actors)


@pytest.mark.parametrize("seed", range(20))
def test_no_motion_is_told_of_a_still_image(seed):
    _, found = told(seed, STILL)
    assert all(e.kind != "motion" for e in found)


def test_directed_motion_agrees_with_the_picture():
    checked = 0
    for seed in range(40):
        scene = Scene.sample(seed)
        x = measure(scene, (CLIP[0], CLIP[-1])).x
        for claim in claims(scene, CLIP) if not np.isnan(x).any() else ():
            if claim.form == "motion" and claim.detail.endswith((" left", " right")):
                for number in claim.actors:
                    way = x[1, number - 1] - x[0, number - 1]
                    assert way > 0.05 if claim.detail.endswith("right") else way < -0.05
                    checked += 1
    assert checked > 10


def test_a_count_is_kept_and_a_fifth_names_nothing():
    drawn = [e for seed in range(12) for e in told(seed, CLIP, count=40)[1]]
    assert len(drawn) == 480
    assert 0.12 < np.mean([e.kind == "none" for e in drawn]) < 0.28
    assert 0.25 < np.mean([e.language == "zh" for e in drawn]) < 0.42


def test_a_stressed_form_is_told_oftener():
    def share(**more):
        told_of = [told(seed, CLIP, count=40, none_share=0.0, **more)[1] for seed in range(12)]
        return np.mean([e.kind == "motion" for expressions in told_of for e in expressions])

    assert share(stressed={"motion": 4.0}) > 2 * share()


def test_captions_sort_and_count():
    scene = next(s for s in map(Scene.sample, range(99)) if s.actors[0].kind == s.actors[-1].kind == "ball"
                 and s.actors[0].colour == s.actors[-1].colour)  # fmt: skip
    first, last = scene.actors[0].id, scene.actors[-1].id
    colour = scene.actors[0].colour
    assert world.caption(scene, STILL, [last, first], "en") == f"the two balls in {colour}"
    assert world.caption(scene, STILL, [last], "en") == f"the ball in {colour}"
    assert world.caption(scene, STILL, [first, last], "zh").startswith("两个")


def test_a_caption_of_nobody_fails():
    with pytest.raises(ValueError, match="at least one actor"):
        world.caption(Scene.sample(0), STILL, [], "en")


def test_the_vocabulary_stays_small():
    texts = list(world.corpus(np.random.default_rng(0), 4000))
    words = {w.strip(".,?").lower() for t in texts if t.isascii() for w in t.split()}
    characters = {c for t in texts for c in t if "\u4e00" <= c <= "\u9fff"}
    assert len(texts) == 4000
    assert len(words) < 350
    assert len(characters) < 200


def test_clips_come_with_masks_that_coco_tools_decode(tmp_path):
    world.main([str(tmp_path), "--clips", "1", "--seed", "5", "--size", "160x90", "--frames", "6"])
    content = json.loads((tmp_path / "000.json").read_text(encoding="utf-8"))
    scene = Scene.sample(world.scene_seed("clips", 5, 0), 6)
    assert (tmp_path / "000.mp4").stat().st_size > 500
    assert content["size"] == [160, 90]
    assert content["fps"] == 24
    ids = scene.draw(3, (160, 90))[1]
    for actor in scene.actors:
        masks = content["actors"][str(actor.id)]
        assert len(masks) == 6
        assert np.array_equal(coco.decode(masks[3]).astype(bool), ids == actor.id)
    assert {"text", "language", "kind", "actors", "name"} == set(content["expressions"][0])


def test_a_clip_with_sound_has_an_audio_track(tmp_path):
    video, _ = world.write_clip(Scene.sample(1, 6), tmp_path / "clip", (160, 90), audio=True)
    with av.open(str(video)) as container:
        assert len(container.streams.audio) == 1


def test_the_sound_lasts_as_long_as_it_should(tmp_path):
    write_sound(tmp_path / "park.wav", 1.5, np.random.default_rng(0))
    with wave.open(str(tmp_path / "park.wav")) as sound:
        assert sound.getnframes() == 1.5 * sound.getframerate()
        assert np.abs(np.frombuffer(sound.readframes(sound.getnframes()), "<i2")).max() > 500
