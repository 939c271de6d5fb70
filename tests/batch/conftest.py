"""Batches of small clips with a network that needs no weights."""

import pytest
from clips import make_video


@pytest.fixture
def clips(folder):
    """Three clips of 8 frames in two folders."""
    paths = [folder / name for name in ("shots/a.mp4", "shots/b.mp4", "shots/day2/c.mp4")]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        make_video(path, stamps=range(8), start_numbers=number)
    return paths


@pytest.fixture
def batch(sa2va):
    """Runs ``sa2va batch`` on shots/ for "red", with masks in out/."""

    def run(*arguments, inputs=("shots",), output="out/", **more):
        place = () if output is None else ("-o", output)
        return sa2va("batch", *inputs, "-p", "red", "--save", "mask", *place, *arguments, **more)

    return run
