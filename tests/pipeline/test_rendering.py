"""``sa2va render``: what segment wrote, again, from the log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clips import make_image, make_video

from sa2va_cli.outputs.kinds import KINDS

DRAWN = [name for name, kind in KINDS.items() if kind.make is not None and not kind.needs_effects]
SAVE = [word for name in DRAWN for word in ("--save", name)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make_frames(folder: Path) -> Path:
    folder.mkdir()
    for number in range(5):
        make_image(folder / f"{number:03d}.png")
    return folder


SOURCES = {
    "video": (lambda folder: make_video(folder / "a.mp4", stamps=range(9), sound="aac"), []),
    "variable rate": (lambda folder: make_video(folder / "a.mkv", stamps=[0, 1, 5, 6, 9, 20, 21]), []),
    "a part of a video": (lambda folder: make_video(folder / "a.mp4"), ["--start", "4f", "--every", "3"]),
    "still": (lambda folder: make_image(folder / "a.png"), []),
    "folder": (lambda folder: make_frames(folder / "shot"), []),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_kind_is_byte_identical_to_what_segment_wrote(sa2va, folder, name):
    make, options = SOURCES[name]
    source = make(folder)
    prompts = ["red corner", "something blue"]
    first = sa2va("segment", source, *prompts, *options, *SAVE, "--save", "tracks", "-o", "a/")
    assert first.code == 0, first.err
    (tracks,) = (folder / "a").glob("*.tracks.sa2va")
    again = sa2va("render", tracks, *SAVE, "-o", "b/")
    assert again.code == 0, again.err
    wanted = contents(folder / "a")
    del wanted[tracks.name]
    assert contents(folder / "b") == wanted
    assert not [path for path in folder.rglob(".*") if "tmp" in path.name]


DRAWING = {
    "edges": ["--fill-holes", "50", "--min-area", "9", "--smooth", "2", "--shrink", "1.5", "--feather", "2"],
    "looks": [
        "--refine",
        "guided",
        "--soft",
        "--colours",
        "lime",
        "--contour",
        "off",
        "--crop-mode",
        "follow",
    ],
    "nothing behind": ["--cutout-background", "none", "--refine", "none", "--crop-clean", "--no-labels"],
}


@pytest.mark.parametrize("name", DRAWING)
def test_the_same_drawing_options_give_the_same_bytes(sa2va, folder, name):
    source = make_video(folder / "a.mp4", stamps=range(6))
    first = sa2va("segment", source, "red corner", *SAVE, "--save", "tracks", *DRAWING[name], "-o", "a/")
    assert first.code == 0, first.err
    assert sa2va("render", "a/a.tracks.sa2va", *SAVE, *DRAWING[name], "-o", "b/").code == 0
    wanted = contents(folder / "a")
    del wanted["a.tracks.sa2va"]
    assert contents(folder / "b") == wanted
    assert sa2va("render", "a/a.tracks.sa2va", *SAVE, "-o", "c/").code == 0
    assert contents(folder / "c") != wanted


def test_names_for_each_prompt_are_those_of_segment_and_the_tracks_hold_all(sa2va, folder):
    make_video(folder / "a.mp4")
    template = ["-o", "{stem}_{prompt}.{ext}"]
    sa2va("segment", "a.mp4", "red", "blue", "red", "--save", "mask", "--save", "tracks", *template)
    assert (folder / "a_all.sa2va").exists()
    wanted = contents(folder)
    made = sa2va("render", "a_all.sa2va", "--save", "mask", *template, "--overwrite")
    assert made.code == 0, made.err
    assert contents(folder) == wanted
    assert {"a_red.mp4", "a_blue.mp4", "a_red_2.mp4"} < set(wanted)


def test_the_log_is_gone_where_it_was_not_asked_for(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red", "--save", "crop").files == ["a.crop.mp4", "a.mp4"]


def test_another_file_of_the_same_name_is_refused(sa2va, folder):
    make_video(folder / "a.mp4")
    sa2va("segment", "a.mp4", "red", "--save", "tracks")
    make_video(folder / "a.mp4", stamps=range(0, 40, 2))
    refused = sa2va("render", "a.tracks.sa2va", "--save", "mask")
    assert refused.code == 3
    assert "a.mp4: not the file that a.tracks.sa2va was made of" in refused.err
    assert refused.files == ["a.mp4", "a.tracks.sa2va"]


def test_a_source_that_was_moved_is_named(sa2va, folder):
    make_video(folder / "a.mp4")
    sa2va("segment", "a.mp4", "red", "--save", "tracks", "--save", "mask")
    (folder / "a.mp4").rename(folder / "b.mp4")
    assert sa2va("render", "a.tracks.sa2va", "--save", "mask", "-o", "b/").code == 3
    assert sa2va("render", "a.tracks.sa2va", "--source", "b.mp4", "--save", "mask", "-o", "b/").code == 0
    assert (folder / "b" / "a.mask.mp4").read_bytes() == (folder / "a.mask.mp4").read_bytes()


def test_force_takes_a_copy_that_was_encoded_again(sa2va, folder):
    make_video(folder / "a.mp4")
    sa2va("segment", "a.mp4", "red", "--save", "tracks", "--save", "mask")
    make_video(folder / "a.mp4", options={"g": "6", "crf": "40"})
    assert sa2va("render", "a.tracks.sa2va", "--save", "mask", "-o", "b/").code == 3
    assert sa2va("render", "a.tracks.sa2va", "--save", "mask", "-o", "b/", "--force").code == 0
    assert (folder / "b" / "a.mask.mp4").read_bytes() == (folder / "a.mask.mp4").read_bytes()


def test_a_log_that_was_cut_off_is_drawn_as_far_as_it_goes(sa2va, folder):
    make_video(folder / "a.mp4")
    sa2va("segment", "a.mp4", "red", "--save", "tracks")
    whole = (folder / "a.tracks.sa2va").read_bytes()
    (folder / "a.tracks.sa2va").write_bytes(whole[: len(whole) * 3 // 4])
    made = sa2va("render", "a.tracks.sa2va", "--save", "coco", "--json")
    assert made.code == 0
    assert "the last record is cut off" in made.err
    assert 5 < json.loads(made.out)["frames"] < 20


def test_a_run_that_fails_keeps_the_log_that_was_wanted(sa2va, folder):
    from fakes import FakeSegmenter

    class Broken(FakeSegmenter):
        def step(self, index):
            if index == 5:
                raise ValueError("broken")

    make_video(folder / "a.mp4")
    failed = sa2va("segment", "a.mp4", "red", "--save", "tracks", "--save", "mask", load=lambda *_: Broken())
    assert failed.code == 1
    assert failed.files == ["a.mp4", "a.tracks.sa2va.part"]
    made = sa2va("render", "a.tracks.sa2va.part", "--save", "mask")
    assert made.code == 0, made.err
    assert sa2va("segment", "a.mp4", "red", "--save", "tracks").files == [
        "a.mask.mp4",
        "a.mp4",
        "a.tracks.sa2va",
    ]


def test_info_and_cat_tell_what_is_in_a_log(sa2va, folder):
    make_video(folder / "a.mp4")
    part = ["--start", "1f", "--every", "2", "--max-frames", "4"]
    sa2va("segment", "a.mp4", "red", "nothing", *part, "--save", "tracks")
    document = json.loads(sa2va("tracks", "info", "a.tracks.sa2va", "--json").out)
    assert document["frames"] == document["frames_wanted"] == 4
    assert document["complete"]
    assert [one["text"] for one in document["prompts"]] == ["red", "nothing"]
    lines = [json.loads(line) for line in sa2va("tracks", "cat", "a.tracks.sa2va", "--rle").out.splitlines()]
    assert [line["source_frame"] for line in lines] == [1, 3, 5, 7]
    seen = [line["source_frame"] for line in lines if line["area"]]
    assert seen
    assert document["objects"][0]["ranges"] == [[seen[0], seen[-1]]]
    assert f"{seen[0]}-{seen[-1]}" in sa2va("tracks", "info", "a.tracks.sa2va").out


def test_a_torn_log_is_told_and_what_is_whole_is_shown(sa2va, folder):
    make_video(folder / "a.mp4")
    sa2va("segment", "a.mp4", "red", "--save", "tracks")
    with (folder / "a.tracks.sa2va").open("r+b") as file:
        file.truncate(file.seek(0, 2) - 40)
    told = sa2va("tracks", "info", "a.tracks.sa2va")
    assert told.code == 0
    assert "the last record is cut off" in told.err


def test_other_files_are_no_tracks(sa2va, folder):
    make_video(folder / "a.mp4")
    for command in (["render", "a.mp4"], ["tracks", "info", "a.mp4"], ["tracks", "cat", "a.mp4"]):
        outcome = sa2va(*command)
        assert (outcome.code, outcome.err.count("\n")) == (3, 1)
        assert "not a tracks file" in outcome.err


def test_tracks_are_not_rendered_into_tracks(sa2va, folder):
    make_video(folder / "a.mp4")
    sa2va("segment", "a.mp4", "red", "--save", "tracks")
    assert sa2va("render", "a.tracks.sa2va", "--save", "tracks", "-o", "b/").code == 2


def test_rendering_imports_no_network(sa2va, folder):
    make_video(folder / "a.mp4")
    sa2va("segment", "a.mp4", "red", "--save", "tracks")
    script = (
        "import sys\n"
        "from sa2va_cli.commands.app import main\n"
        "codes = [main(['render', 'a.tracks.sa2va', '-q']), main(['tracks', 'info', 'a.tracks.sa2va'])]\n"
        "loaded = [name for name in ('torch', 'transformers') if name in sys.modules]\n"
        "sys.exit(f'{codes} {loaded}' if loaded or any(codes) else 0)\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
