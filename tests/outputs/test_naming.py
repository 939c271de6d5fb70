from pathlib import Path

import pytest

from sa2va_cli.errors import OutputError, UsageError
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.existing import choose_outputs, claimed
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.naming import plan_outputs
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.render.effects.reading import read_effect


def plan(output=None, save=("mask", "overlay"), prompts=("red",), kind="video"):
    drawing = Drawing(effects=(read_effect("grey"),))
    return plan_outputs(Saving(save, output), numbered(prompts), kind, "a", drawing=drawing)


def names(*arguments, **keywords):
    return [str(planned.path) for planned in plan(*arguments, **keywords)]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()


def test_names_by_kind_of_input():
    every = tuple(KINDS)
    assert names(save=every) == [
        "a.mask.mp4", "a.overlay.mp4", "a.matte.mov", "a.cutout.mp4", "a.crop.mp4",
        "a.stacked.mp4", "a.hint.mp4", "a.coco.json", "a.davis",
        "a.yolo", "a.labelme", "a.cvat.xml", "a.datumaro.json", "a.labelstudio.json",
        "a.sheet.png", "a.markers.edl",
        "a.edit.mp4", "a.side.mp4", "a.wipe.mp4", "a.preview.png", "a.tracks.sa2va",
    ]  # fmt: skip
    assert names(save=every, kind="image") == [
        "a.mask.png", "a.overlay.png", "a.matte.png", "a.cutout.png", "a.crop.png",
        "a.stacked.png", "a.hint.png", "a.coco.json", "a.davis",
        "a.yolo", "a.labelme", "a.cvat.xml", "a.datumaro.json", "a.labelstudio.json",
        "a.sheet.png", "a.markers.edl",
        "a.edit.png", "a.side.png", "a.wipe.png", "a.preview.png", "a.tracks.sa2va",
    ]  # fmt: skip
    assert names(save=every, kind="frames") == [
        "a.mask", "a.overlay", "a.matte", "a.cutout", "a.crop",
        "a.stacked", "a.hint", "a.coco.json", "a.davis",
        "a.yolo", "a.labelme", "a.cvat.xml", "a.datumaro.json", "a.labelstudio.json",
        "a.sheet.png", "a.markers.edl", "a.edit", "a.side", "a.wipe", "a.preview.png", "a.tracks.sa2va",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("output", "save", "expected"),
    [
        ("there", ("mask",), "there/a.mask.mp4"),
        ("new/", ("mask",), "new/a.mask.mp4"),
        ("old.mkv/", ("mask",), "old.mkv/a.mask.mp4"),
        ("old.mp4/", ("matte",), "old.mp4/a.matte.mov"),
        ("b.mkv", ("mask",), "b.mkv"),
        ("B.MOV", ("matte",), "B.MOV"),
        ("masks", ("davis",), "masks"),
        ("{stem}_{kind}", ("mask",), "a_mask.mp4"),
        ("{kind}/{stem}.{ext}", ("matte",), "matte/a.mov"),
        ("{kind}/{stem}.{ext}", ("davis",), "davis/a"),
        ("v1.2_{stem}", ("mask",), "v1.2_a.mp4"),
        ("{kind}/", ("mask",), "mask/a.mask.mp4"),
    ],
)
def test_where_outputs_go(output, save, expected):
    assert names(output, save) == [expected]


def test_a_folder_may_have_braces_in_its_name_once_it_exists(tmp_path):
    assert names("there/", ("mask",)) == ["there/a.mask.mp4"]


def test_one_set_for_each_prompt():
    prompts = ("girl in red dress", "红裙子的女孩", "a/b", "a b", "?")
    assert names("{prompt}.{ext}", ("mask",), prompts) == [
        "girl_in_red_dress.mp4", "红裙子的女孩.mp4", "a_b.mp4", "a_b-2.mp4", "prompt.mp4"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("output", "save"),
    [
        ("b.wmv", ("mask",)),
        ("b.mp4", ("matte",)),
        ("b", ("mask",)),
        ("b.mp4", ("mask", "overlay")),
        ("{stem}.mp4", ("mask", "overlay")),
        ("{stem}.mp4", ("coco",)),
        ("{stem!r}", ("mask",)),
        ("{}", ("mask",)),
        ("", ("mask",)),
        ("-", ("mask", "matte")),
        ("-", ("coco",)),
        ("b.%04d.png", ("mask",)),
        ("b/%04d.%04d.png", ("mask",)),
    ],
)
def test_faulty_names_fail(output, save):
    with pytest.raises(UsageError, match="-o"):
        names(output, save)


def test_a_kind_given_twice_counts_once():
    assert names(save=("mask", "mask")) == ["a.mask.mp4"]


def test_existing_outputs_are_refused_kept_or_replaced(tmp_path):
    planned = plan()
    (tmp_path / "a.mask.mp4").touch()
    with pytest.raises(OutputError, match=r"a\.mask\.mp4 exists already"):
        choose_outputs(planned, Saving(), [Path("a.mp4")])
    wanted, skipped = choose_outputs(planned, Saving(existing="skip"), [Path("a.mp4")])
    assert [str(output.path) for output in wanted] == ["a.overlay.mp4"]
    assert skipped == (Path("a.mask.mp4"),)
    assert choose_outputs(planned, Saving(existing="overwrite"), [Path("a.mp4")]) == (planned, ())


def test_folders_that_a_failed_run_made_are_removed_again(tmp_path):
    planned = plan("there/new/deep/")

    def fail():
        with claimed(planned, Saving(), []):
            assert (tmp_path / "there/new/deep").is_dir()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (tmp_path / "there").is_dir()
    assert not (tmp_path / "there/new").exists()


def test_each_prompt_has_a_name_of_its_own_and_a_number_only_where_it_needs_one():
    prompts = ("red-haired girl", "red", "red-2", "red!", "RED")
    assert names("{prompt}.{ext}", ("mask",), prompts) == [
        "red-haired_girl.mp4", "red.mp4", "red-2.mp4", "red-3.mp4", "RED-4.mp4"
    ]  # fmt: skip


@pytest.mark.parametrize(("save", "kind"), [("yolo", "video"), ("davis", "image"), ("mask", "frames")])
@pytest.mark.parametrize("output", ["a.png", "b/{stem}.mkv", "{kind}.json"])
def test_a_folder_is_not_called_like_a_file(save, kind, output):
    """It was made, and the same command again put another one into it."""
    ending = Path(output).suffix
    if (save, ending) == ("mask", ".mkv"):
        return  # a video of frames
    with pytest.raises(UsageError, match=f"is a folder; give its name without {ending}"):
        plan(output, (save,), kind=kind)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("{stem", "a brace has no partner"),
        ("stem}", "a brace has no partner"),
        ("{stem!r}", "unknown field {stem!r}"),
        ("{stem:>9}", "unknown field {stem:>9}"),
        ("caf\udce9.mp4", "is not in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(output, words):
    with pytest.raises(UsageError, match=words):
        names(output, ("mask",))


@pytest.mark.parametrize("output", ["é" * 140 + ".mp4", "é" * 140 + "{stem}"])
def test_a_name_that_is_too_long_cannot_be_written(output):
    with pytest.raises(OutputError, match="File name too long"):
        choose_outputs(plan(output, ("mask",)), Saving(), [])
