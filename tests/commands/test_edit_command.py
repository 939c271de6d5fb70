"""``sa2va edit``: sentences, options and plans; videos, tracks and whole pictures; what goes wrong."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from clips import make_image, make_video
from PIL import Image

from sa2va_cli.media.reader import open_source

LOSSLESS = ("--codec", "ffv1", "--container", "mkv")


def images(path: Path) -> list[np.ndarray]:
    with open_source(path) as reader:
        return [frame.image for frame in reader]


def metadata(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


def video(folder: Path, **options) -> Path:
    return make_video(folder / "a.mp4", stamps=range(10), **options)


def titled(path: Path) -> Path:
    """The same video with what phones write."""
    made = path.with_name("b.mp4")
    with (
        av.open(str(path)) as source,
        av.open(str(made), "w", options={"movflags": "use_metadata_tags"}) as target,
    ):
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream)
        target.metadata.update({"title": "home", "location": "+48.1+011.5/"})
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = out
                target.mux(packet)
    return made


def tracks(sa2va, folder: Path, *prompts: str) -> Path:
    video(folder)
    assert sa2va("segment", "a.mp4", *(prompts or ("red corner",)), "--save", "tracks").code == 0
    return folder / "a.tracks.sa2va"


def test_an_instruction_changes_what_it_names_from_its_time_on(sa2va, folder):
    video(folder)
    done = sa2va("edit", "a.mp4", "make the red corner grey from 0.2 s", *LOSSLESS, "--refine", "none")
    assert done.code == 0, done.err
    assert done.files == ["a.edit.mkv", "a.mp4"]
    for number, (before, after) in enumerate(
        zip(images(folder / "a.mp4"), images(folder / "a.edit.mkv"), strict=True)
    ):
        changed = (before != after).any(axis=2)
        assert changed.any() == (number >= 5)
        assert not changed[:, 40:].any() or number >= 5


def test_options_a_plan_and_a_sentence_make_the_same_video(sa2va, folder):
    video(folder)
    options = ["--target", "the red corner", "--effect", "recolour=blue", "--from", "2f", "--to", "6f"]
    assert sa2va("edit", "a.mp4", *options, "-o", "a/").code == 0
    shown = sa2va("edit", "a.mp4", *options, "--dry-run", "-o", "a/", "--overwrite")
    assert "1. the red corner: recolour, colour=#1e5ad2, from frame 2 to frame 6" in shown.err
    assert "would make a/a.edit.mp4" in shown.err
    (folder / "plan.json").write_text(shown.out)
    assert sa2va("edit", "a.mp4", "--plan", "plan.json", "-o", "b/").code == 0
    assert (
        sa2va("edit", "a.mp4", "recolour the red corner blue from frame 2 to frame 6", "-o", "c/").code == 0
    )
    made = {(folder / name / "a.edit.mp4").read_bytes() for name in "abc"}
    assert len(made) == 1


def test_tracks_are_edited_without_a_model_or_torch(sa2va, folder):
    tracks(sa2va, folder)
    script = (
        "import sys; from sa2va_cli.commands.app import main; "
        "code = main(['edit', 'a.tracks.sa2va', '--effect', 'grey', '-q']); "
        "assert code == 0, code; assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "a.edit.mp4").exists()


def test_edits_of_a_video_and_of_its_tracks_are_the_same_bytes(sa2va, folder):
    video(folder)
    words = "make the red corner grey"
    assert sa2va("edit", "a.mp4", words, "--save", "tracks", "-o", "a/").code == 0
    assert sa2va("edit", "a/a.tracks.sa2va", words, "-o", "b/").code == 0
    assert (folder / "a/a.edit.mp4").read_bytes() == (folder / "b/a.edit.mp4").read_bytes()


def test_a_thing_takes_the_colour_of_another_that_is_looked_for_as_well(sa2va, folder):
    made = tracks(sa2va, folder, "red corner", "blue corner")
    words = "make the red corner match the blue corner"
    for source, where in ((made.name, "a/"), ("a.mp4", "b/")):
        done = sa2va("edit", source, words, "-o", where)
        assert done.code == 0, done.err
    assert sa2va("edit", made.name, "make the red corner match the hat").code == 2  # tracks hold none
    missing = sa2va("edit", "a.mp4", "make the red corner match the hat", "-o", "c/")
    assert missing.code == 4
    assert "'the hat' was found on no frame" in missing.err
    assert not (folder / "c").exists()


@pytest.mark.parametrize("kind", ["edit", "side", "wipe", "preview"])
def test_an_edit_without_effects_is_no_output(sa2va, folder, kind):
    made = tracks(sa2va, folder)
    for command in (("segment", "a.mp4", "red corner", "-o", "a/"), ("render", made.name)):
        done = sa2va(*command, "--save", kind)
        assert done.code == 2
        assert "sa2va edit INPUT" in done.err
    assert sa2va("segment", "a.mp4", "red corner", "--save", "stars").err.count("wipe") == 0


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        ("blur the background", "blur the background of the dog"),
        ("make the background darker from 0.1 s", "make the background of the dog darker from 0.1 s"),
        ("把背景虚化", "把女孩的背景虚化"),
    ],
)
def test_a_background_of_nothing_is_refused_with_the_sentence_to_say(sa2va, folder, words, suggested):
    made = tracks(sa2va, folder)
    done = sa2va("edit", "a.mp4", words)
    assert done.code == 2
    assert f'"{suggested}"' in done.err
    assert sa2va("edit", "a.mp4", suggested.replace("dog", "red corner").replace("女孩", "red角")).code == 0
    assert sa2va("edit", made.name, words, "-o", "t/").code == 0


def test_a_background_is_that_of_what_else_is_named(sa2va, folder):
    video(folder)
    done = sa2va("edit", "a.mp4", "make the red corner grey and blur the background", "--dry-run")
    assert done.code == 0, done.err


def test_a_dry_run_fails_where_the_run_would_at_once(sa2va, folder):
    video(folder)
    (folder / "b.edit.mp4").touch()
    (folder / "b.mp4").write_bytes((folder / "a.mp4").read_bytes())
    whole = ("--target", "picture", "--effect", "grey")
    for name, options, code in (
        ("a.mp4", ("--target", "#1", "--effect", "grey"), 2),
        ("a.mp4", (*whole, "--to", "9"), 2),
        ("a.mp4", (*whole, "--save", "tracks"), 2),  # nothing is found that could be kept
        ("b.mp4", whole, 7),
        ("c.mp4", whole, 3),
    ):
        real, dry = (sa2va("edit", name, *options, *more, load=None) for more in ((), ("--dry-run",)))
        assert (dry.code, dry.err) == (real.code, real.err) == (code, real.err)
    shown = sa2va("edit", "a.mp4", *whole, "--dry-run")
    assert "would make a.edit.mp4" in shown.err


def test_whole_pictures_need_no_model(sa2va, folder):
    video(folder, sound="aac")
    done = sa2va("edit", "a.mp4", "turn the whole picture black and white", *LOSSLESS, load=None)
    assert done.code == 0, done.err
    for image in images(folder / "a.edit.mkv"):
        assert np.ptp(image.astype(int), axis=2).max() <= 3
    make_image(folder / "s.png")
    assert sa2va("edit", "s.png", "make the picture sepia", load=None).files[-1] == "s.png"
    assert (folder / "s.edit.png").exists()


@pytest.mark.parametrize("how", ["side", "wipe"])
def test_a_comparison_shows_both(sa2va, folder, how):
    tracks(sa2va, folder)
    assert sa2va("edit", "a.tracks.sa2va", "--effect", "grey", "--compare", how).code == 0
    (first, *_), source = images(folder / f"a.{how}.mp4"), images(folder / "a.mp4")
    assert first.shape[1] == source[0].shape[1] * (2 if how == "side" else 1)
    assert np.abs(first[:, :60].astype(int) - source[0][:, :60]).mean() < 12


@pytest.mark.parametrize("source", ["a.mp4", "a.tracks.sa2va"])
def test_a_preview_is_one_contact_sheet(sa2va, folder, source):
    tracks(sa2va, folder)
    done = sa2va("edit", source, "make the red corner grey", "--preview")
    assert done.code == 0, done.err
    assert done.files == ["a.mp4", "a.preview.png", "a.tracks.sa2va"]
    width, height = Image.open(folder / "a.preview.png").size
    assert width > 128
    assert height > 48


def test_the_target_is_looked_for_at_the_time_that_is_said(sa2va, folder):
    from fakes import FakeSegmenter

    make_video(folder / "a.mp4", stamps=range(60))
    made = FakeSegmenter()
    assert sa2va("edit", "a.mp4", "make the red corner grey at 1 s", load=lambda *_: made).code == 0
    assert made.seen[0] == 25
    assert max(made.seen) < 50


def test_hiding_lists_the_frames_without_a_mask_and_ends_with_nine(sa2va, folder):
    video(folder)
    done = sa2va("edit", "a.mp4", "blur the corner that is not there", "--json")
    assert done.code == 9
    assert "look at these: nothing was hidden on frames 0-9" in done.err
    assert "a.edit.mp4" in done.files
    assert json.loads(done.out)["remarks"][0]["first"] == 0


def test_hiding_what_is_there_ends_with_zero(sa2va, folder):
    video(folder)
    words = "fill the red corner from frame 0 to frame 9"
    assert sa2va("edit", "a.mp4", words, "--hold", "2").code == 0


def test_hiding_takes_what_the_container_says_and_others_keep_it(sa2va, folder):
    source = titled(video(folder))
    for words, options, kept in (
        ("blur the red corner", [], False),
        ("blur the red corner", ["--keep-metadata"], True),
        ("make the red corner grey", [], True),
        ("make the red corner grey", ["--strip-metadata"], False),
    ):
        assert sa2va("edit", source, words, *options, "--overwrite").code in (0, 9)
        said = metadata(folder / "b.edit.mp4")
        assert ("title" in said, any("location" in key for key in said)) == (kept, kept)


def test_nothing_found_makes_nothing(sa2va, folder):
    video(folder)
    done = sa2va("edit", "a.mp4", "make the invisible thing grey")
    assert done.code == 4
    assert done.files == ["a.mp4"]


BAD = {
    "unknown effect": (["--target", "red", "--effect", "inc"], 2, "did you mean ink"),
    "nothing to do": ([], 2, "nothing says what is to be done"),
    "two plans": (["blur red", "--effect", "grey"], 2, "both say what is to be done"),
    "not understood": (["sparkle the red corner"], 2, "no effect is called so"),
    "no target": (["--effect", "grey"], 2, "nothing says what is to be found"),
    "background of nothing": (["blur the background"], 2, "nothing says what is to be found"),
    "background as target": (
        ["--target", "background", "--effect", "background=blue"],
        2,
        "name the subject",
    ),
    "outside the clip": (["make red grey from 7 s"], 2, "outside the clip, which is 0.4 s long"),
    "found outside": (["make red grey at 7 s"], 2, "outside the clip"),
    "no time": (["--target", "red", "--effect", "grey", "--from", "soon"], 2, "is not a time"),
    "objects of a video": (["make object 2 grey"], 2, "numbered in tracks only"),
    "generating without": (["--target", "red", "--effect", "generate=a robot"], 2, "--backend"),
    "no such back-end": (
        ["turn red into a robot", "--backend", "nothing"],
        2,
        "nor a program that can be run",
    ),
    "plan that is missing": (["--plan", "no.json"], 3, "No such file"),
    "comparison": (["make red grey", "--compare", "over"], 2, "choose side or wipe"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(sa2va, folder, name):
    video(folder)
    arguments, code, said = BAD[name]
    done = sa2va("edit", "a.mp4", *arguments)
    assert (done.code, done.files) == (code, ["a.mp4"])
    assert said in done.err
    assert [line.startswith("error: ") for line in done.err.splitlines()][-1:] == [True]
    assert done.err.count("error: ") == 1


def test_a_plate_that_is_missing_is_known_before_the_model_is_loaded(sa2va, folder):
    video(folder)

    def load(*_):
        raise AssertionError

    done = sa2va("edit", "a.mp4", "replace the background of the red corner with no.mp4", load=load)
    assert (done.code, done.files) == (2, ["a.mp4"])
    assert "'no.mp4' is no file" in done.err


def test_a_plate_that_is_read_is_not_replaced(sa2va, folder):
    path = tracks(sa2va, folder)
    plate = make_video(folder / "plate.mp4", stamps=range(3))
    before = plate.read_bytes()
    done = sa2va("edit", path, "--effect", "background=plate.mp4", "-o", "plate.mp4", "--overwrite")
    assert (done.code, plate.read_bytes() == before) == (7, True)
    assert sa2va("edit", path, "--effect", "background=plate.mp4").code == 0


def test_tracks_that_know_nothing_of_the_target_say_what_they_hold(sa2va, folder):
    path = tracks(sa2va, folder)
    done = sa2va("edit", path, "make the cat grey")
    assert (done.code, "they hold 'red corner'" in done.err) == (2, True)
    done = sa2va("edit", path, "make object 3 grey")
    assert (done.code, "the tracks hold 1 (red corner)" in done.err) == (2, True)


PROGRAM = """#!{python}
import sys
from pathlib import Path
from PIL import Image
folder = Path(sys.argv[-1])
assert (folder / "prompt.txt").read_text() == "a robot\\n"
for path in sorted((folder / "frames").glob("*.png"))[{left_out}:]:
    frame, mask = Image.open(path), Image.open(folder / "masks" / path.name)
    Image.new("RGB", {size}, (0, 255, 0)).save(folder / "out" / path.name)
{end}
"""


def program(folder: Path, *, left_out=0, size="frame.size", end="") -> Path:
    path = folder / "robot.py"
    path.write_text(PROGRAM.format(python=sys.executable, left_out=left_out, size=size, end=end))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("source", ["a.mp4", "a.tracks.sa2va"])
def test_a_program_makes_frames_of_words_and_only_the_mask_shows_them(sa2va, folder, source):
    tracks(sa2va, folder)
    program(folder)
    arguments = [
        "turn the red corner into a robot from frame 4",
        "--backend",
        "./robot.py",
        "--refine",
        "none",
    ]
    done = sa2va("edit", source, *arguments, *LOSSLESS)
    assert done.code == 0, done.err
    pairs = list(zip(images(folder / "a.mp4"), images(folder / "a.edit.mkv"), strict=True))
    for number, (before, after) in enumerate(pairs):
        changed = (before != after).any(axis=2)
        assert changed.any() == (number >= 4)
        if number >= 4:
            assert 0.01 < changed.mean() < 0.9


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"left_out": 1}, "gave 9 frames for 10"),
        ({"size": "(8, 8)"}, "gave a frame of 8x8 for one of 64x48"),
        ({"end": "sys.exit('out of cheese')"}, "failed with exit code 1: out of cheese"),
    ],
)
def test_a_program_that_fails_leaves_nothing(sa2va, folder, options, said):
    path = tracks(sa2va, folder)
    program(folder, **options)
    before = sorted(path.name for path in folder.iterdir())
    done = sa2va("edit", path, "turn the red corner into a robot", "--backend", "./robot.py")
    assert done.code == 5
    assert said in done.err
    assert sorted(path.name for path in folder.iterdir()) == before
