"""A run that was killed goes on from its last checkpoint, and nothing tells that it was ever disturbed."""

from dataclasses import replace
from pathlib import Path

import forked
import pytest
from clips import damage, make_folder, make_front_index, make_video
from fakes import RememberingSegmenter

from sa2va_cli.errors import InputError, NothingFoundError, UsageError
from sa2va_cli.events import Notice, Progress
from sa2va_cli.media.reader import open_source
from sa2va_cli.model.session import ENCODED_AT_ONCE
from sa2va_cli.outputs.locks import locked
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import NEVER_RESUMED, Resuming, SegmentJob, Stopped
from sa2va_cli.pipeline.resuming import STEP, checkpoint_of
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter
from sa2va_cli.runtime.threads import divide_cores
from sa2va_cli.tracks.checkpoint import Checkpoint

SAMPLE = Path(__file__).parents[2] / "samples" / "park.mp4"

EVERY_STEP = Resuming(resume=True, checkpoint=f"{STEP}f")


def job(source, kinds=("tracks", "mask"), prompts=("red",), **more):
    return SegmentJob(str(source), Search(prompts, **more), saving=Saving(kinds, "out/"))


def run(wanted, segmenter=None, resuming=EVERY_STEP, report=lambda _: None):
    segmenter = segmenter or RememberingSegmenter()
    segment(wanted, load=lambda *_: segmenter, resuming=resuming, report=report)
    return segmenter


def outputs(folder=Path("out")):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def undisturbed(wanted):
    """The bytes of every output of a run that keeps no checkpoints."""
    run(wanted, resuming=NEVER_RESUMED)
    found = outputs()
    for path in Path("out").iterdir():
        path.unlink()
    return found


def check_gone_on_with(segmenter, at):
    """Following began behind a checkpoint, not long before; a few frames wait to be logged at the end."""
    assert segmenter.stepped[0] % STEP == 0
    assert max(0, at - 2 * STEP - 2) <= segmenter.stepped[0] <= at


@pytest.fixture
def clip(folder):
    return make_video(folder / "clip.mp4", stamps=range(24))


KILLED = """
from fakes import RememberingSegmenter
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import Resuming, Search, SegmentJob
from sa2va_cli.pipeline.segmentation import segment
segment(
    SegmentJob("clip.mp4", Search(("red",)), saving=Saving(("tracks", "mask"), "out/")),
    load=lambda *_: RememberingSegmenter(0, killed_at={at}),
    resuming=Resuming(resume=True, checkpoint="{step}f"),
)
"""
"""Without this file, which would import the network first."""


@pytest.mark.parametrize("at", [0, 5, 12, 23])
def test_a_killed_run_is_gone_on_with_to_the_same_bytes(clip, at):
    whole = undisturbed(job("clip.mp4"))
    killed = forked.start(KILLED.format(at=at, step=STEP))
    killed.join()
    assert killed.exitcode == -9
    segmenter = run(job("clip.mp4"), RememberingSegmenter(0))
    check_gone_on_with(segmenter, at)
    assert outputs() == whole


@pytest.mark.parametrize(
    ("kinds", "ahead"),
    [(("tracks",), 0), (("overlay",), 4), (("crop", "coco"), 4), (("tracks", "matte", "sheet"), 0)],
)
def test_every_kind_is_the_same_after_a_failure_half_way(clip, kinds, ahead):
    wanted = job("clip.mp4", kinds)
    whole = undisturbed(wanted)
    with pytest.raises(InputError):
        run(wanted, RememberingSegmenter(ahead, fails_at=14))
    segmenter = run(wanted, RememberingSegmenter(ahead))
    check_gone_on_with(segmenter, 14)
    assert outputs() == whole


@pytest.mark.parametrize(
    "more", [{"start": "5f", "every": 2}, {"sampling": "first"}, {"max_frames": 18}, {"keyframes": 20}]
)
def test_any_choice_of_frames_is_numbered_as_it_would_have_been(folder, more):
    make_video(folder / "long.mp4", stamps=range(48), options={"g": "6", "bf": "2"})
    wanted = job("long.mp4", ("tracks",), **more)
    whole = undisturbed(wanted)
    with pytest.raises(InputError):
        run(wanted, RememberingSegmenter(0, fails_at=13))
    check_gone_on_with(run(wanted, RememberingSegmenter(0)), 13)
    assert outputs() == whole


def test_a_damaged_clip_and_a_folder_of_frames_go_on_likewise(folder):
    damage(make_front_index(folder / "bad.mp4", stamps=range(40)), 0.3, 0.5)
    make_folder(folder / "frames", 20)
    for source in ("bad.mp4", "frames"):
        wanted = job(source, ("tracks",))
        whole = undisturbed(wanted)
        indices = run(wanted, RememberingSegmenter(0)).stepped
        Path("out", Path(source).stem + ".tracks.sa2va").unlink()
        with pytest.raises(InputError):
            run(wanted, RememberingSegmenter(0, fails_at=indices[13]))
        assert run(wanted, RememberingSegmenter(0)).stepped in (indices[4:], indices[8:], indices[12:])
        assert outputs() == whole
        Path("out", Path(source).stem + ".tracks.sa2va").unlink()


def test_a_stop_keeps_a_checkpoint_at_once_and_nothing_half_written(clip):
    whole = undisturbed(job("clip.mp4"))
    segmenter = RememberingSegmenter(0)
    asked = replace(EVERY_STEP, checkpoint="1m", stop=lambda: len(segmenter.stepped) > 6)
    with pytest.raises(Stopped):
        run(job("clip.mp4"), segmenter, asked)
    assert sorted(outputs()) == ["clip.tracks.sa2va.checkpoint", "clip.tracks.sa2va.part"]
    told = []
    run(job("clip.mp4"), report=told.append)
    assert any(isinstance(one, Notice) and "going on from frame" in one.text for one in told)
    assert outputs() == whole


@pytest.mark.parametrize("hurt", ["checkpoint", "log", "other prompt", "other source"])
def test_what_is_damaged_or_of_another_run_is_begun_again(clip, hurt):
    wanted = job("clip.mp4")
    with pytest.raises(InputError):
        run(wanted, RememberingSegmenter(fails_at=14))
    log = Path("out/clip.tracks.sa2va.part")
    if hurt == "checkpoint":
        data = bytearray(checkpoint_of(log).read_bytes())
        data[len(data) // 2] ^= 1
        checkpoint_of(log).write_bytes(data)
    elif hurt == "log":
        log.write_bytes(log.read_bytes()[:4000])
    elif hurt == "other prompt":
        wanted = job("clip.mp4", prompts=("blue",))
    else:
        make_video(clip, stamps=range(24), start_numbers=7)
    assert run(wanted, RememberingSegmenter()).stepped == list(range(24))
    assert sorted(outputs()) == ["clip.mask.mp4", "clip.tracks.sa2va"]


def test_nothing_is_kept_of_a_run_that_found_nothing_or_ended_well(clip):
    with pytest.raises(NothingFoundError):
        run(job("clip.mp4", prompts=("green",)))
    run(job("clip.mp4", ("mask",)))
    assert sorted(outputs()) == ["clip.mask.mp4"]


class Killed(BaseException):
    """Stands for the end of the process: nothing is put in order behind it."""


@pytest.fixture
def killed_at_the_end(clip, monkeypatch):
    """Every output of a run has its name, and its log and its checkpoint are there as well."""

    def die(_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("sa2va_cli.pipeline.resuming.discard", lambda path: path.exists() and die(path))
        with pytest.raises(Killed):
            run(job("clip.mp4", ("mask", "coco")))
    assert sorted(path.suffix for path in Path("out").iterdir()) == [".checkpoint", ".json", ".mp4", ".part"]


@pytest.mark.parametrize("gone", ["nothing", "*.checkpoint"])
def test_what_a_run_left_that_was_killed_when_all_outputs_had_their_names_goes(killed_at_the_end, gone):
    for path in Path("out").glob(gone):
        path.unlink()
    wanted = job("clip.mp4", ("mask", "coco"))
    saving = replace(wanted.saving, existing="skip")
    segment(replace(wanted, saving=saving), load=lambda *_: pytest.fail("loaded"), resuming=EVERY_STEP)
    assert sorted(outputs()) == ["clip.coco.json", "clip.mask.mp4"]


def test_what_a_run_keeps_that_is_at_work_is_left_alone(killed_at_the_end):
    wanted = job("clip.mp4", ("mask", "coco"))
    wanted = replace(wanted, saving=replace(wanted.saving, existing="skip"))
    with locked(Path("out/clip.mask.mp4")):
        segment(wanted, load=lambda *_: pytest.fail("loaded"), resuming=EVERY_STEP)
    assert len(outputs()) == 4


def test_a_run_without_checkpoints_takes_old_ones_away(clip):
    with pytest.raises(InputError):
        run(job("clip.mp4"), RememberingSegmenter(fails_at=14))
    run(job("clip.mp4"), resuming=NEVER_RESUMED)
    assert sorted(outputs()) == ["clip.mask.mp4", "clip.tracks.sa2va"]


def test_frames_from_one_on_are_those_of_the_whole(folder):
    reader = open_source(make_video(folder / "b.mp4", stamps=range(30), options={"g": "8", "bf": "3"}))
    whole = {frame.index: frame for frame in reader}
    for first in (1, 7, 8, 29):
        for frame in reader.starting_at(first):
            other = whole[frame.index]
            assert (frame.pts, frame.source_index) == (other.pts, other.source_index)
            assert (frame.image == other.image).all()
        assert frame.index == 29


def test_checkpoints_come_where_batches_end():
    assert STEP % ENCODED_AT_ONCE == 0


@pytest.mark.parametrize("text", ["", "0s", "10", "-3s", "s", "1h"])
def test_an_interval_that_cannot_be_meant_is_refused(text):
    with pytest.raises(UsageError, match="checkpoint"):
        Resuming(checkpoint=text)


def test_a_checkpoint_that_is_none_is_read_as_none(tmp_path):
    for data in (b"", b"x" * 100, b"sa2va checkpoint\n\x1a\x00\x01"):
        (tmp_path / "a").write_bytes(data)
        assert Checkpoint.read(tmp_path / "a") is None
    assert Checkpoint.read(tmp_path / "b") is None


def test_the_option_of_the_command_keeps_nothing_in_the_end(clip, sa2va):
    outcome = sa2va("segment", "clip.mp4", "red", "--save", "mask", "--resume", "--checkpoint", "4f")
    assert (outcome.code, outcome.files) == (0, ["clip.mask.mp4", "clip.mp4"])
    assert sa2va("segment", "clip.mp4", "red", "--resume", "--checkpoint", "often").code == 2


@pytest.fixture(scope="module")
def demo():
    choice = ModelChoice("demo", "cpu")
    return load_segmenter(choice, choice.placed())


@pytest.mark.parametrize("sampling", ["uniform", "first", "with a follower"])
def test_the_real_network_goes_on_to_the_same_bytes(folder, tmp_path_factory, demo, sampling):
    choice, segmenter = ModelChoice("demo", "cpu"), demo
    if sampling == "with a follower":
        import followernets  # its libraries are not for the processes that are killed

        place = followernets.saved(followernets.sam2_config(), tmp_path_factory.mktemp("hub") / "sam2")
        choice, sampling = replace(choice, follower=str(place)), "uniform"
        segmenter = load_segmenter(choice, choice.placed())
    search = Search(("girl in red dress",), end="18f", every=2, sampling=sampling)
    wanted = SegmentJob(str(SAMPLE), search, choice, Saving(("tracks",), "out/"))
    done = 0

    def count(event):
        nonlocal done
        done = max(done, event.done if isinstance(event, Progress) else 0)

    def go(**more):
        segment(wanted, load=lambda *_: segmenter, threads=divide_cores, report=count, **more)

    go()
    whole = outputs()
    Path("out/park.tracks.sa2va").unlink()
    done = 0
    with pytest.raises(Stopped):
        go(resuming=Resuming(resume=True, checkpoint="1m", stop=lambda: done > 2))
    go(resuming=EVERY_STEP)
    assert outputs() == whole
