"""Clips of a batch that are followed in step with the demo network, and those of ``segment`` one by one."""

from pathlib import Path

import pytest

from sa2va_cli.bench.clips import write_park
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_tracks_of_a_batch_are_those_of_segment_to_the_byte(sa2va, folder, precision):
    (folder / "shots").mkdir()
    for frames in (5, 7, 8):
        write_park(folder / f"shots/{frames}.mp4", frames, (64, 36))
    choice = ModelChoice("demo", "cpu", precision)
    segmenter = load_segmenter(choice, choice.placed())
    options = (
        "--save",
        "tracks",
        "--model",
        "demo",
        "--device",
        "cpu",
        "--dtype",
        precision,
        "--allow-empty",
    )
    outcome = sa2va(
        "batch", "shots", "-p", "the girl", "-p", "the dog", *options, "-o", "out/", load=lambda *_: segmenter
    )
    assert outcome.code == 0, outcome.err
    for frames in (5, 7, 8):
        name = f"{frames}.tracks.sa2va"
        alone = sa2va(
            "segment",
            f"shots/{frames}.mp4",
            "the girl",
            "the dog",
            *options,
            "-o",
            f"one/{name}",
            load=lambda *_: segmenter,
        )
        assert alone.code == 0, alone.err
        assert Path("one", name).read_bytes() == Path("out", name).read_bytes()
