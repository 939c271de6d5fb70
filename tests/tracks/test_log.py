"""Logs that are written, read while they are written, cut, damaged, and read again."""

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tracks.conftest import OBJECTS, make_frame, make_header, make_logits

from sa2va_cli.datatypes import FrameMasks
from sa2va_cli.errors import InputError, OutputError
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.indexed import CodedFrame
from sa2va_cli.tracks.log import FRAME, Tracks, TracksWriter
from sa2va_cli.tracks.records import Record

FRAMES = 12


def write(path: Path, frames: int = FRAMES, *, finish: bool = True) -> list[np.ndarray]:
    """Writes a log; returns the masks that were handed back, frame by frame."""
    with TracksWriter(path, make_header(frames)) as writer:
        masks = [append(writer, index, np.array([0.9, 0.5], np.float32)).masks for index in range(frames)]
        if finish:
            writer.finish()
    return masks


def append(writer: TracksWriter, index: int, scores: np.ndarray | None = None) -> FrameMasks:
    """Adds a frame of the two objects; the second one's mask is doubtful."""
    scores = np.ones(2, np.float32) if scores is None else scores
    ious, agreements = np.array([[0.95, 0.4], [0.9, 0.1]], np.float32)
    return writer.append(make_frame(index), make_logits(index), scores, ious, agreements)


def test_a_header_comes_back_as_it_was() -> None:
    header = make_header()
    assert Header.from_json(header.to_json()) == header


@pytest.mark.parametrize(
    "change",
    [b"{}", b"[]", b"\xff", b'{"format": 99}', b"[" * 100_000, b'{"format": 1, "prompts": 3}'],
)
def test_a_header_that_is_not_understood_is_an_input_error(tmp_path: Path, change: bytes) -> None:
    from sa2va_cli.tracks.log import MAGIC
    from sa2va_cli.tracks.records import packed

    path = tmp_path / "a.sa2va"
    path.write_bytes(MAGIC + packed(1, change))
    with pytest.raises(InputError, match=r"a\.sa2va"):
        Tracks(path)


def test_what_is_read_is_what_was_handed_back(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    masks = write(path)
    tracks = Tracks(path)
    assert tracks.header.objects == OBJECTS
    read = list(tracks)
    assert [(one.index, one.source_index, one.pts) for one in read] == [
        (index, 10 + 2 * index, 1001 * index) for index in range(FRAMES)
    ]
    for one, wanted in zip(read, masks, strict=True):
        np.testing.assert_array_equal(one.masks(make_frame(one.index), 0.5).masks, wanted)
        np.testing.assert_array_equal(one.scores, np.array([0.9, 0.5], np.float32))
        np.testing.assert_array_equal(one.ious, np.array([0.95, 0.4], np.float32))
        np.testing.assert_array_equal(one.agreements, np.array([0.9, 0.1], np.float32))
    assert tracks.condition.problem is None


def test_confidence_read_again_is_what_it_was_while_following(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    with TracksWriter(path, make_header(1)) as writer:
        wanted = append(writer, 0).evidence
    (one,) = Tracks(path)
    for masks in (one.masks(make_frame(0), 0.5), Tracks(path).masks(one, make_frame(0))):
        np.testing.assert_array_equal(masks.evidence.confidences, wanted.confidences)
        assert masks.evidence.reasons == wanted.reasons
    assert wanted.confidences[0] > 0.9 > wanted.confidences[1]


def test_a_log_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    with TracksWriter(path, make_header()) as writer:
        for index in range(5):
            append(writer, index)
            assert [one.index for one in Tracks(path)] == list(range(index + 1))
        assert Tracks(path).condition.problem == "the run that wrote it did not come to its end"


def test_twenty_cuts_leave_everything_before_them(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    write(path)
    data = path.read_bytes()
    sizes = []
    for frames in range(FRAMES + 1):
        part = tmp_path / f"{frames}.sa2va"
        write(part, frames, finish=False)
        # the header says how many frames are wanted, in one or two digits
        sizes.append(part.stat().st_size + (len(str(FRAMES)) - len(str(frames))) * 2)
    for cut in random.Random(0).sample(range(sizes[0], len(data)), 20):
        path.write_bytes(data[:cut])
        tracks = Tracks(path)
        assert [one.index for one in tracks] == list(range(sum(size <= cut for size in sizes[1:])))
        assert not tracks.condition.complete
        assert tracks.condition.torn == (cut not in sizes)


def test_a_damaged_frame_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    write(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    tracks = Tracks(path)
    assert len(list(tracks)) == FRAMES - 1
    assert tracks.condition.problem == "1 damaged record left out"


def test_a_killed_writer_leaves_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    script = (
        "import os, signal, sys, numpy as np\n"
        "from tracks.conftest import make_frame, make_header, make_logits\n"
        "from sa2va_cli.tracks.log import TracksWriter\n"
        "from pathlib import Path\n"
        "writer = TracksWriter(Path(sys.argv[1]), make_header())\n"
        "for index in range(7):\n"
        "    writer.append(make_frame(index), make_logits(index), *np.ones((3, 2), np.float32))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    places = os.pathsep.join(map(str, (Path.cwd(), Path(__file__).parents[1], Path(__file__).parents[2])))
    ended = subprocess.run(
        [sys.executable, "-c", script, str(path)], env={**os.environ, "PYTHONPATH": places}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert [one.index for one in Tracks(path)] == list(range(7))


def test_objects_that_do_not_exist_on_a_frame_have_no_mask_there(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    write(path, 1)
    tracks = Tracks(path)
    (one,) = tracks
    frame = make_frame(0)
    rows = {"scores": one.scores[1:], "ious": one.ious[1:], "agreements": one.agreements[1:]}
    alone = replace(one, objects=OBJECTS[1:], logits=one.logits[1:], **rows)
    masks = tracks.masks(alone, frame)
    assert masks.objects == OBJECTS
    assert masks.masks.any(axis=(1, 2)).tolist() == [False, True]
    np.testing.assert_array_equal(masks.masks[1], tracks.masks(one, frame).masks[1])
    assert not tracks.masks(None, frame).masks.any()


def test_a_log_without_objects_has_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    with TracksWriter(path, make_header(objects=())) as writer:
        masks = writer.append(make_frame(0), make_logits(0, 0), *np.zeros((3, 0), np.float32))
    assert masks.masks.shape == (0, 64, 96)
    (one,) = Tracks(path)
    assert one.masks(make_frame(0), 0.5).masks.shape == (0, 64, 96)


def test_a_file_that_exists_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.sa2va"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"a\.sa2va"):
        TracksWriter(path, make_header())
    assert path.read_bytes() == b"mine"


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match="not a tracks file"):
        Tracks(path)
    with pytest.raises(InputError, match="No such file"):
        Tracks(tmp_path / "none.sa2va")


def test_how_masks_agree_with_the_words_is_read_again_and_an_older_log_has_none(tmp_path: Path) -> None:
    told = np.array([0.75, np.nan], np.float32)
    facts = np.full((3, 2), 0.9, np.float32)
    for name, worded in (("new.sa2va", told), ("old.sa2va", None)):
        with TracksWriter(tmp_path / name, make_header(1)) as writer:
            wanted = writer.append(make_frame(0), make_logits(0), *facts, worded).evidence
        (one,) = Tracks(tmp_path / name)
        read = one.masks(make_frame(0), 0.5).evidence
        np.testing.assert_array_equal(one.worded, worded)
        assert wanted is not None
        assert read is not None
        np.testing.assert_array_equal(read.confidences, wanted.confidences)
    new, old = ((tmp_path / name).stat().st_size for name in ("new.sa2va", "old.sa2va"))
    assert new == old + 8


def test_a_frame_whose_masks_stay_coded_keeps_what_the_words_say_of_them(tmp_path: Path) -> None:
    told = np.array([0.75, 0.5], np.float32)
    with TracksWriter(tmp_path / "a.sa2va", make_header(1)) as writer:
        writer.append(make_frame(0), make_logits(0), *np.full((3, 2), 0.9, np.float32), told)
    tracks = Tracks(tmp_path / "a.sa2va")
    (record,) = (one for one in tracks.records() if isinstance(one, Record) and one.kind == FRAME)
    coded = CodedFrame.unpacked(record.payload)
    assert coded.payload == record.payload
    np.testing.assert_array_equal(coded.decoded(OBJECTS).worded, told)


def test_how_decided_the_words_were_is_in_the_header(tmp_path: Path) -> None:
    header = make_header(objects=(replace(OBJECTS[0], margin=1.25, elsewhere=0.5), OBJECTS[1]))
    again = Header.from_json(header.to_json())
    assert [one.margin for one in again.objects] == [1.25, None]
    assert [one.elsewhere for one in again.objects] == [0.5, None]
