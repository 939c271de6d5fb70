"""A finished output is read again; whatever is not as it was meant is found, named and removed."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import SIZE, make_folder, make_image, make_video, mask, picture, truncate
from PIL import Image

from sa2va_cli.datatypes import YuvColour
from sa2va_cli.errors import OutputError
from sa2va_cli.media.encodings import ENCODINGS
from sa2va_cli.media.metadata import Metadata
from sa2va_cli.media.sound import SoundSource
from sa2va_cli.media.writer import VideoWriter
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.verification import differences, verify
from sa2va_cli.written import WrittenFiles, WrittenPictures, WrittenVideo

BASE = Fraction(1, 25)


def rgba(number: int, size: tuple[int, int] = SIZE, *, opacity: int | None = None) -> np.ndarray:
    alpha = mask(number, size) if opacity is None else np.full(size[::-1], opacity, np.uint8)
    return np.dstack([picture(number, size), alpha])


def write(
    path: Path,
    *,
    codec: Any = "h264",
    stamps: Any = range(12),
    size: tuple[int, int] = SIZE,
    make: Any = picture,
    **more: Any,
) -> WrittenVideo:
    with VideoWriter(path, size=size, rate=Fraction(25), time_base=BASE, codec=codec, **more) as writer:
        for number, stamp in enumerate(stamps):
            writer.write(make(number, size), stamp, BASE)
    assert writer.written is not None
    return writer.written


@pytest.mark.parametrize(
    ("codec", "suffix", "make"),
    [
        ("h264", ".mp4", picture),
        ("h264", ".mkv", picture),
        ("gray", ".mov", mask),
        ("gray", ".m4v", mask),
        ("prores4444", ".mov", rgba),
        ("prores4444", ".mkv", rgba),
        ("lossless", ".mkv", rgba),
        ("lossless", ".avi", picture),
    ],
)
@pytest.mark.parametrize("size", [SIZE, (63, 47)])
def test_what_is_written_is_what_was_meant(tmp_path, codec, suffix, make, size):
    path = tmp_path / f"a{suffix}"
    stamps = (0, 1, 2, 5, 6, 9) if suffix != ".avi" else range(12)
    meant = write(path, codec=codec, make=make, size=size, stamps=stamps)
    assert list(differences(path, meant, len(stamps))) == []
    assert 1 <= len(meant.samples) <= 8


def test_samples_of_a_long_clip_are_spread_and_few(tmp_path):
    meant = write(tmp_path / "a.mov", codec="prores4444", make=rgba, stamps=range(100))
    assert 4 <= len(meant.samples) <= 8
    assert max(meant.samples) > 75


@pytest.mark.parametrize("sound", ["aac", "mp3", "pcm_s16le"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_timecode_and_aspect_come_back_as_meant(tmp_path, sound, suffix):
    source = make_video(tmp_path / "s.mkv", sound=sound, stamps=range(25))
    meant = write(
        path := tmp_path / f"a{suffix}",
        stamps=range(25),
        sound=SoundSource(source),
        metadata=Metadata(timecode="01:02:03:04"),
        sample_aspect_ratio=Fraction(4, 3),
    )
    assert meant.timecode == "01:02:03:04"
    assert [round(float(end), 1) for end in meant.sound] == [1.0]
    assert list(differences(path, meant, 25)) == []


def test_an_aspect_may_be_rounded_to_whole_pixels(tmp_path):
    aspect = Fraction(4329, 4336)
    meant = write(path := tmp_path / "a.mkv", codec="ffv1", size=(271, 481), sample_aspect_ratio=aspect)
    assert list(differences(path, meant, 12)) == []


FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a frame is missing": ({}, {"stamps": range(11)}, "holds 11 frames instead of 12"),
    "a frame is late": ({}, {"stamps": [*range(6), *range(7, 13)]}, "frame 6 is shown at 0.28"),
    "the size is another": ({}, {"size": (32, 32)}, "32x32 pixels instead of 64x48"),
    "the pictures are others": ({}, {"make": lambda n, s: 255 - picture(n, s)}, "pixels differ"),
    "the matrix is another": ({}, {"colour": YuvColour(6, full_range=False)}, "tagged matrix 6 instead of 1"),
    "the aspect is lost": ({"sample_aspect_ratio": Fraction(4, 3)}, {}, "aspect 1 instead of 4/3"),
    "the timecode is lost": ({"metadata": Metadata(timecode="01:00:00:00")}, {}, "timecode is None"),
    "alpha is opaque": (
        {"codec": "prores4444", "make": rgba},
        {"codec": "prores4444", "make": lambda n, s: rgba(n, s, opacity=255)},
        "alpha differs",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_video_is_found_and_the_file_removed(tmp_path, name):
    meaning, fault, said = FAULTS[name]
    meant = write(tmp_path / "meant.mov", **meaning)
    write(path := tmp_path / "a.mov", **(meaning if "codec" in meaning else {}) | fault)
    with pytest.raises(OutputError, match=said) as caught:
        verify(path, path, meant, 12)
    assert str(path) in str(caught.value)
    assert "--no-verify" in caught.value.command_line
    assert not path.exists()


def test_lost_alpha_sound_and_range_are_found(tmp_path):
    source = make_video(tmp_path / "s.mkv", sound="aac", stamps=range(25))
    silent = write(tmp_path / "silent.mp4")
    loud = write(tmp_path / "loud.mp4", sound=SoundSource(source))
    assert any("0 sound tracks" in text for text in differences(tmp_path / "silent.mp4", loud, 12))
    longer = replace(loud, sound=(Fraction(3),))
    assert any("ends at 1.0" in text for text in differences(tmp_path / "loud.mp4", longer, 12))
    with_alpha = replace(
        silent, samples={k: replace(s, alpha=s.luma) for k, s in silent.samples.items()}, alpha=True
    )
    assert list(differences(tmp_path / "silent.mp4", with_alpha, 12)) == ["it has no alpha"]
    assert silent.tags is not None
    full = replace(silent, tags=replace(silent.tags, full_range=True))
    assert any("full_range" in text for text in differences(tmp_path / "silent.mp4", full, 12))


def test_a_video_that_cannot_be_opened_again_is_removed(tmp_path):
    meant = write(tmp_path / "a.mp4")
    truncate(tmp_path / "a.mp4", 0.1)
    with pytest.raises(OutputError, match="cannot be read again"):
        verify(tmp_path / "a.mp4", tmp_path / "a.mp4", meant, 12)
    assert not (tmp_path / "a.mp4").exists()


def test_a_video_whose_writer_says_nothing_is_counted(tmp_path):
    path = make_video(tmp_path / "a.mp4")
    assert list(differences(path, None, 20)) == []
    assert list(differences(path, None, 21)) == ["it holds 20 frames instead of 21"]


def test_pictures_are_decoded(tmp_path):
    path = make_image(tmp_path / "a.png")
    meant = WrittenPictures(("a.png",), SIZE, alpha=False)
    assert list(differences(path, meant, 1)) == []
    assert list(differences(path, replace(meant, size=(9, 9)), 1)) == [
        "a.png has 64x48 pixels instead of 9x9"
    ]
    assert list(differences(path, replace(meant, alpha=True), 1)) == ["a.png has no alpha"]
    truncate(path, 0.5)
    assert "cannot be decoded" in next(differences(path, meant, 1))


def test_folders_are_compared_by_their_names(tmp_path):
    folder = make_folder(tmp_path / "f", 4)
    meant = WrittenPictures(tuple(f"frame{k}.png" for k in range(4)), SIZE, alpha=False)
    assert list(differences(folder, meant, 4)) == []
    (folder / "frame2.png").rename(folder / "other.png")
    assert list(differences(folder, meant, 4)) == ["it holds 4 files instead of 4; frame2.png is missing"]
    assert list(differences(folder, None, 5)) == ["it holds 4 files for 5 frames"]


def test_json_is_parsed_and_its_images_counted(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": [{}, {}]}))
    assert list(differences(path, None, 2)) == []
    assert list(differences(path, None, 3)) == ["it lists 2 images instead of 3"]
    path.write_text('{"images": [')
    assert "it is no JSON" in next(differences(path, None, 2))


def test_items_and_xml_are_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"items": [{}]}')
    assert list(differences(path, None, 2)) == ["it lists 1 items instead of 2"]
    xml = tmp_path / "a.xml"
    xml.write_text("<a><b/></a>")
    assert list(differences(xml, None, 1)) == []
    xml.write_text("<a><b/>")
    assert "it is no XML" in next(differences(xml, None, 1))


def test_text_that_was_changed_in_a_folder_is_found(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(3))
    assert sa2va("segment", "a.mp4", "red", "--save", "yolo").code == 0
    made = folder / "a.yolo"
    names = tuple(file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file())
    assert list(differences(made, WrittenFiles(names), 3)) == []
    label = next(made.glob("labels/*.txt"))
    label.write_text("0 0 0\n")
    assert "does not hold what was written" in next(differences(made, WrittenFiles(names), 3))
    label.unlink()
    assert "is missing" in next(differences(made, WrittenFiles(names), 3))


class _Forgetful:
    """A sink that writes one frame less than it is given."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._skipped = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Any:
        self._inner.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._inner.__exit__(*error)

    def write(self, masks: Any) -> None:
        if self._skipped:
            self._inner.write(masks)
        self._skipped = True

    meant = None

    @property
    def publication(self) -> Any:
        return self._inner.publication

    @publication.setter
    def publication(self, how: Any) -> None:
        self._inner.publication = how


@pytest.mark.parametrize(("option", "code"), [("--verify", 7), ("--no-verify", 0)])
def test_a_run_whose_output_is_wrong_exits_7_and_leaves_nothing(sa2va, folder, monkeypatch, option, code):
    make_video(folder / "a.mp4")
    make = KINDS["mask"].make
    faulty = replace(KINDS["mask"], make=lambda *given: _Forgetful(make(*given)))
    monkeypatch.setitem(KINDS, "mask", faulty)
    outcome = sa2va("segment", "a.mp4", "red", "--save", "mask", option)
    assert outcome.code == code, outcome.err
    if code:
        assert "a.mask.mp4 did not become what was meant" in outcome.err
        assert "19 frames instead of 20" in outcome.err
        assert outcome.files == ["a.mp4"]
    else:
        assert outcome.files == ["a.mask.mp4", "a.mp4"]


FINISHED_BY_SINKS = ",".join(
    name for name, kind in KINDS.items() if kind.make is not None and not kind.needs_effects
)


def note_verified(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bool, bool]]:
    """Lists each verified output with whether it was there, and under its own name, at that moment."""
    noted: list[tuple[Path, bool, bool]] = []

    def note(part: Path, path: Path, meant: Any, frames: int) -> None:
        noted.append((path, part.exists(), path.exists()))
        verify(part, path, meant, frames)

    monkeypatch.setattr("sa2va_cli.outputs.driver.verify", note)
    return noted


@pytest.mark.parametrize("source", ["a.mp4", "shot", "a.png"])
def test_every_kind_is_verified_before_it_has_its_name(sa2va, folder, monkeypatch, source):
    if source == "a.mp4":
        make_video(folder / source, stamps=range(4))
    elif source == "shot":
        make_folder(folder / source, 3)
    else:
        make_image(folder / source)
    noted = note_verified(monkeypatch)
    outcome = sa2va("segment", source, "red", "--save", FINISHED_BY_SINKS, "-o", "out/")
    assert outcome.code == 0, outcome.err
    assert len(noted) == len(FINISHED_BY_SINKS.split(","))
    assert all(there and not named for _, there, named in noted), noted
    assert all(path.exists() for path, *_ in noted)


def test_an_output_that_is_wrong_keeps_no_other_from_being_finished(sa2va, folder, monkeypatch):
    make_video(folder / "a.mp4", stamps=range(4))
    make = KINDS["mask"].make
    monkeypatch.setitem(KINDS, "mask", replace(KINDS["mask"], make=lambda *g: _Forgetful(make(*g))))
    outcome = sa2va("segment", "a.mp4", "red", "--save", "overlay,mask,coco")
    assert outcome.code == 7
    assert outcome.files == ["a.coco.json", "a.mp4", "a.overlay.mp4"]


def test_an_earlier_output_stays_where_the_new_one_is_wrong(sa2va, folder, monkeypatch):
    make_video(folder / "a.mp4", stamps=range(4))
    (folder / "a.mask.mp4").write_text("earlier")
    make = KINDS["mask"].make
    monkeypatch.setitem(KINDS, "mask", replace(KINDS["mask"], make=lambda *g: _Forgetful(make(*g))))
    assert sa2va("segment", "a.mp4", "red", "--save", "mask", "--overwrite").code == 7
    assert (folder / "a.mask.mp4").read_text() == "earlier"


def test_render_verifies_too(sa2va, folder, monkeypatch):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red", "--save", "tracks").code == 0
    make = KINDS["mask"].make
    monkeypatch.setitem(KINDS, "mask", replace(KINDS["mask"], make=lambda *g: _Forgetful(make(*g))))
    assert sa2va("render", "a.tracks.sa2va", "--save", "mask").code == 7
    assert sa2va("render", "a.tracks.sa2va", "--save", "mask", "--no-verify").code == 0


def test_no_verify_can_be_set_in_the_environment_and_taken_back(sa2va, folder, monkeypatch):
    make_video(folder / "a.mp4")
    make = KINDS["mask"].make
    monkeypatch.setitem(KINDS, "mask", replace(KINDS["mask"], make=lambda *g: _Forgetful(make(*g))))
    monkeypatch.setenv("SA2VA_NO_VERIFY", "1")
    assert sa2va("segment", "a.mp4", "red", "--save", "mask").code == 0
    assert sa2va("segment", "a.mp4", "red", "--save", "mask", "--overwrite", "--verify").code == 7


def test_every_picture_of_a_folder_of_frames_is_accounted_for(sa2va, folder):
    make_folder(folder / "f", 3)
    outcome = sa2va("segment", "f", "red", "--save", "mask,matte,davis,coco")
    assert outcome.code == 0, outcome.err
    assert Image.open(folder / "f.matte" / "frame0.png").mode == "RGBA"


_PLACES = [(codec, ending) for codec, row in ENCODINGS.items() for ending in row.containers]


@pytest.mark.parametrize("stamps", [(0, 1001, 2002, 3003), (0, 1001, 1500, 4504)], ids=["steady", "uneven"])
@pytest.mark.parametrize(("codec", "ending"), _PLACES)
def test_every_codec_is_as_meant_in_every_container(codec, ending, stamps, tmp_path):
    path, unit = tmp_path / f"a{ending}", Fraction(1, 24000)
    with VideoWriter(path, size=(64, 48), rate=1 / (1001 * unit), time_base=unit, codec=codec) as writer:
        for number, stamp in enumerate(stamps):
            grey = np.zeros((48, 64), np.uint8)
            grey[10:30, 5 * number : 5 * number + 20] = 255
            colour = np.dstack([grey] * (3 if codec in ("h264", "vp9_colour") else 4))
            writer.write(grey if "gray" in codec else colour, stamp, unit)
    assert not list(differences(path, writer.written, len(stamps)))
