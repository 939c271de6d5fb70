"""The colours of objects."""

import itertools

import cv2
import numpy as np

from sa2va_cli.render.palette import colour

# Rows: what a red-green blind eye makes of linear red, green and blue (Viénot, Brettel and Mollon, 1999).
DEUTERANOPE = np.array([[0.292, 0.708, 0.0], [0.292, 0.708, 0.0], [-0.022, 0.022, 1.0]])


def lab(rgb: tuple[int, int, int]) -> np.ndarray:
    return cv2.cvtColor(np.float32([[rgb]]) / 255, cv2.COLOR_RGB2LAB)[0, 0]


def as_seen_by_a_deuteranope(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    linear = (np.array(rgb) / 255) ** 2.2
    seen = np.clip(DEUTERANOPE @ linear, 0, 1) ** (1 / 2.2)
    return tuple(seen * 255)


def test_twelve_objects_have_clearly_different_colours():
    for one, other in itertools.combinations(map(colour, range(12)), 2):
        assert np.linalg.norm(lab(one) - lab(other)) > 20, (one, other)


def test_the_first_six_colours_differ_for_a_colour_blind_viewer():
    seen = [lab(as_seen_by_a_deuteranope(colour(k))) for k in range(6)]
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 15


def test_the_colours_repeat_and_are_plain_bytes():
    assert colour(12) == colour(0)
    assert all(0 <= part <= 255 and isinstance(part, int) for k in range(40) for part in colour(k))
