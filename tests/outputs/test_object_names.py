"""``{object}`` in names: one output for each object, named when the objects are known."""

import json

import cv2
import numpy as np
import pytest
from clips import make_video
from PIL import Image

from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.naming import plan_outputs
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.finding import name_objects
from sa2va_cli.pipeline.labels import numbered


def paths(output, counts, save=("mask",), **more):
    prompts = numbered(tuple(counts))
    objects = name_objects({prompt: counts[prompt.label] for prompt in prompts})
    planned = plan_outputs(Saving(save, output, **more), prompts, "video", "a", objects=objects)
    return [(str(one.path), one.object) for one in planned]


def test_objects_of_one_prompt_have_distinct_names():
    assert paths("{stem}.{object}.{ext}", {"dog": 3, "cat": 1}) == [
        ("a.dog.mp4", 1), ("a.dog-2.mp4", 2), ("a.dog-3.mp4", 3), ("a.cat.mp4", 4)
    ]  # fmt: skip
    assert paths("{object}/{prompt}.{ext}", {"dog": 2, "a/b": 1, "dog 2": 1, "DOG": 1}) == [
        ("dog/dog.mp4", 1), ("dog-2/dog.mp4", 2), ("a_b/a_b.mp4", 3), ("dog_2/dog_2.mp4", 4),
        ("DOG-3/DOG-2.mp4", 5),
    ]  # fmt: skip


def test_data_is_made_once_for_all_objects():
    assert paths("{stem}.{object}.{kind}.{ext}", {"dog": 2}, ("mask", "coco")) == [
        ("a.dog.mask.mp4", 1), ("a.dog-2.mask.mp4", 2), ("a.all.coco.json", None)
    ]  # fmt: skip


def test_a_prompt_that_found_nothing_has_an_output_only_where_empty_ones_are_wanted():
    assert paths("{object}.{ext}", {"dog": 1, "cat": 0}) == [("dog.mp4", 1)]
    assert paths("{object}.{ext}", {"dog": 1, "cat": 0}, allow_empty=True) == [
        ("dog.mp4", 1), ("cat.mp4", None)
    ]  # fmt: skip


def test_a_prompt_that_found_nothing_keeps_a_number_free_so_that_those_of_the_others_stay():
    assert paths("{object}.{ext}", {"cat": 0, "dog": 1, "ball": 2}) == [
        ("dog.mp4", 2), ("ball.mp4", 3), ("ball-2.mp4", 4)
    ]  # fmt: skip


def test_before_the_objects_are_known_names_say_so():
    planned = plan_outputs(Saving(("mask",), "out/{stem}.{object}.{ext}"), numbered(["dog"]), "video", "a")
    assert [str(one.path) for one in planned] == ["out/a.{object}.mp4"]


def test_one_name_for_two_outputs_is_refused_before_anything_is_looked_at():
    with pytest.raises(UsageError, match="would both be"):
        plan_outputs(Saving(("mask", "crop"), "{object}.{ext}"), numbered(["dog"]), "video", "a")
    with pytest.raises(UsageError, match="would both be all"):
        paths("{object}.json", {"all": 1}, ("coco", "datumaro"))


def test_braces_in_a_name_itself_are_no_fields():
    assert paths("{{object}}.{ext}", {"dog": 2}) == [("{object}.mp4", None)]


KINDS = ["mask", "matte", "cutout", "crop"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_object_gets_a_file_with_its_own_masks(sa2va, folder, kind):
    make_video(folder / "a.mp4", stamps=range(3))
    made = sa2va(
        "segment", "a.mp4", "red and green", "--save", f"{kind},tracks", "-o", "out/{object}.{kind}/"
    )
    assert made.code == 0, made.err
    ending = "mov" if kind == "matte" else "mp4"
    names = [f"out/red and green{n}.{kind}/a.{kind}.{ending}".replace(" ", "_") for n in ("", "-2")]
    assert [name for name in made.files if name.endswith(ending) and "/" in name] == sorted(names)
    first, second = (cv2.VideoCapture(str(folder / name)).read()[1] for name in names)
    assert first.shape != second.shape or (first != second).any()
    if kind == "mask":
        assert not ((first > 200) & (second > 200)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_render_makes_the_same(sa2va, folder, kind):
    make_video(folder / "a.mp4", stamps=range(3))
    assert sa2va("segment", "a.mp4", "red and green", "--save", "tracks").code == 0
    options = ("--save", kind, "-o")
    assert sa2va("segment", "a.mp4", "red and green", *options, "one/{object}.{ext}").code == 0
    assert sa2va("render", "a.tracks.sa2va", *options, "two/{object}.{ext}").code == 0
    one, two = ({p.name: p.read_bytes() for p in (folder / n).iterdir()} for n in ("one", "two"))
    assert one == two
    assert len(one) == 2


def test_frames_go_into_a_folder_for_each_object(sa2va, folder):
    (folder / "f").mkdir()
    for number in range(3):
        scene = np.full((48, 64, 3), 90, np.uint8)
        scene[8:24, 8:24], scene[24:40, 40:56] = (255, 0, 0), (0, 255, 0)
        Image.fromarray(scene).save(folder / "f" / f"{number}.png")
    made = sa2va("segment", "f", "red and green", "--save", "mask", "-o", "out/{object}/{stem}.####.png")
    assert made.code == 0, made.err
    for name, (y, x) in {"red_and_green": (16, 16), "red_and_green-2": (32, 48)}.items():
        mask = np.array(Image.open(folder / "out" / name / "f.0002.png"))
        assert mask[y, x] == 255
        assert mask[48 - y, 64 - x] == 0


def test_an_output_that_exists_is_found_before_anything_is_written(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(3))
    (folder / "red_and_green-2.mp4").write_text("mine")
    save = ("segment", "a.mp4", "red and green", "--save", "mask", "-o", "{object}.{ext}")
    refused = sa2va(*save)
    assert refused.code == 7
    assert "red_and_green-2.mp4 exists already" in refused.err
    assert refused.files == ["a.mp4", "red_and_green-2.mp4"]
    kept = sa2va(*save, "--skip-existing", "--json")
    assert kept.code == 0, kept.err
    assert json.loads(kept.out)["files"] == ["red_and_green.mp4"]
    assert (folder / "red_and_green-2.mp4").read_text() == "mine"
    assert sa2va(*save, "--skip-existing").code == 0
    assert sa2va(*save, "--overwrite").code == 0
    assert (folder / "red_and_green-2.mp4").stat().st_size > 100


def test_a_dry_run_says_what_is_not_known_yet(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(3))
    shown = sa2va(
        "segment",
        "a.mp4",
        "red",
        "--save",
        "mask",
        "-o",
        "{object}.{ext}",
        "--model",
        "demo",
        "--dry-run",
        "--json",
    )
    assert shown.code == 0, shown.err
    assert json.loads(shown.out)["would_make"] == ["{object}.mp4"]


def test_objects_that_do_not_exist_make_no_files_or_empty_ones(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(3))
    save = ("segment", "a.mp4", "nothing", "--save", "mask", "-o", "{object}.{ext}")
    assert sa2va(*save).code == 4
    assert sa2va(*save, "--allow-empty").files == ["a.mp4", "nothing.mp4"]
