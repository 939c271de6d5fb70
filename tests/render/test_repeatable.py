"""What is computed comes to the same bits wherever in memory it lies, so that outputs are the same files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import sa2va_cli
from sa2va_cli.render.repeatable import distance_to_zero, magnitude

RANDOM = np.random.default_rng(0)
VECTORS = [np.ascontiguousarray(k) for k in RANDOM.normal(0, 1, (2, 45, 61)).astype(np.float32)]
SOLID = (RANDOM.random((45, 61)) > 0.02).astype(np.uint8)


@pytest.mark.parametrize(
    "compute", [lambda: magnitude(*VECTORS), lambda: distance_to_zero(SOLID)], ids=["magnitude", "distance"]
)
def test_every_address_gives_the_same_bits(compute):
    """OpenCV's own functions end in another bit at every other address."""
    results = [[np.empty(16 * size, np.uint8), compute()] for size in range(30)]
    assert len({result.tobytes() for _, result in results}) == 1


def test_the_values_are_right():
    assert np.allclose(magnitude(*VECTORS), np.hypot(*VECTORS), rtol=1e-6)
    rows, columns = np.nonzero(SOLID == 0)
    y, x = np.mgrid[:45, :61]
    true = np.hypot(y[..., None] - rows, x[..., None] - columns).min(axis=2)
    assert np.allclose(distance_to_zero(SOLID), true, rtol=1e-6)


def test_nothing_else_asks_opencv_for_them():
    package = Path(sa2va_cli.__file__).parent
    names = ("cv2.magnitude", "DIST_MASK_PRECISE")
    found = [path.name for path in package.rglob("*.py") if any(n in path.read_text("utf-8") for n in names)]
    assert found == ["repeatable.py"]
    assert all(hasattr(cv2, name.removeprefix("cv2.")) for name in names)
