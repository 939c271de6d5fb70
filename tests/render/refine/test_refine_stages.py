"""Stages on soft masks: each alone, and the table of them."""

import cv2
import numpy as np
import pytest

from sa2va_cli.render.refine.feather import feather
from sa2va_cli.render.refine.grow import grow
from sa2va_cli.render.refine.holes import fill_holes
from sa2va_cli.render.refine.parts import drop_parts
from sa2va_cli.render.refine.smooth import smooth
from sa2va_cli.render.refine.stages import REFINEMENTS, STAGES

SIZE = 120, 160


def disk(x: float, y: float, radius: float, softness: float = 1.0) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    inside = (radius - np.hypot(columns - x, rows - y)) / softness
    return np.clip(inside + 0.5, 0, 1).astype(np.float32)


def texture(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (15, 20, 3)).astype(np.uint8)
    return cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def window(lefts: list[int]) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray]]:
    """A textured disk that moves over another texture; the masks are true."""
    behind, own, moments = texture(1), texture(2), []
    for left in lefts:
        soft = disk(left, 60, 22)
        seen = np.where(soft[..., None] > 0.5, np.roll(own, left, 1), behind).astype(np.uint8)
        moments.append((seen, soft))
    return moments, [soft for _, soft in moments]


@pytest.mark.parametrize("stage", STAGES, ids=lambda k: k.name)
class TestEveryStage:
    def test_zero_changes_nothing(self, stage):
        soft = disk(70, 60, 30, 6)
        assert np.array_equal(stage.apply([(texture(), soft)], 0, 0), soft)

    @pytest.mark.parametrize(
        "soft", [np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32), disk(0, 0, 30, 5)]
    )
    def test_masks_stay_masks(self, stage, soft):
        count = 2 * stage.reach(3) + 1
        before = soft.copy()
        found = stage.apply([(texture(), soft)] * count, count // 2, 3)
        assert (found.shape, found.dtype) == (soft.shape, np.float32)
        assert found.min() >= 0
        assert found.max() <= 1
        assert np.array_equal(soft, before)

    def test_it_says_what_it_is_told(self, stage):
        assert stage.parameter.help
        assert stage.parameter.unit in ("px", "frames")
        assert stage.reach(4) == (4 if stage.parameter.unit == "frames" else 0)


def test_a_refinement_of_none_is_the_mask():
    soft = disk(70, 60, 30, 6)
    assert REFINEMENTS["none"]()(texture(), soft, None) is soft


def test_small_holes_are_filled_with_their_soft_edges_and_large_ones_stay():
    soft = disk(80, 60, 50, 3) - disk(60, 60, 5, 4) - disk(95, 60, 14, 4)
    filled = fill_holes(soft, 200)
    assert (filled[52:69, 52:69] == 1).all()
    assert filled[60, 95] == 0
    assert np.array_equal(filled[:, 100:], soft[:, 100:])
    assert np.array_equal(fill_holes(soft, 20), soft)


def test_background_at_the_border_is_no_hole():
    soft = 1 - disk(0, 60, 8)
    assert np.array_equal(fill_holes(soft, 10_000), soft)


def test_small_parts_are_dropped_with_their_soft_edges_and_large_ones_stay():
    soft = np.maximum(disk(50, 60, 25, 3), disk(120, 60, 5, 4))
    left = drop_parts(soft, 200)
    assert not left[:, 105:].any()
    assert np.array_equal(left[:, :80], soft[:, :80])
    assert np.array_equal(drop_parts(soft, 50), soft)
    assert not drop_parts(soft, 100_000).any()


@pytest.mark.parametrize("pixels", [-7.0, -2.5, 0.4, 3.0, 12.5])
@pytest.mark.parametrize("softness", [1.0, 10.0])
def test_an_edge_is_moved_by_so_many_pixels_and_stays_as_soft(pixels, softness):
    moved = grow(disk(80, 60, 30, softness), pixels)
    error = np.abs(moved - disk(80, 60, 30 + pixels, softness))
    assert error.max() < (0.4 if softness == 1 else 0.12)  # the edge of pixels is a staircase
    assert error.mean() < 0.006


def test_a_thin_thing_grows_to_both_sides_and_does_not_survive_shrinking():
    line = np.zeros(SIZE, np.float32)
    line[60:62, 20:140] = 1
    assert (grow(line, 3)[57:65, 40:120] == 1).all()
    assert not grow(line, -2).any()


def test_the_border_of_the_picture_is_no_edge():
    half = np.zeros(SIZE, np.float32)
    half[:, 80:] = 1
    assert (grow(half, -5)[:, 90:] == 1).all()
    assert not grow(half, 5)[:, :70].any()


def test_feathering_reaches_so_far_and_leaves_the_middle_of_the_edge():
    hard = (disk(80, 60, 35) > 0.5).astype(np.float32)
    soft = feather(hard, 8)
    assert soft[60, 80 + 35 - 9] > 0.96
    assert soft[60, 80 + 35 + 9] < 0.04
    assert soft[60, 80 + 35] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("change", "name"), [(fill_holes, "max_area"), (drop_parts, "min_area"), (feather, "pixels")]
)
def test_negative_sizes_are_refused(change, name):
    with pytest.raises(ValueError, match=name):
        change(disk(80, 60, 30), -1)


def test_smoothing_takes_out_a_flaw_of_one_frame_and_does_not_lag():
    moments, truths = window([60, 64, 68, 72, 76])
    flawed = truths[2].copy()
    flawed[50:58, 60:70] = 0
    steadied = smooth([*moments[:2], (moments[2][0], flawed), *moments[3:]], 2)
    assert np.abs(steadied - truths[2]).sum() < 0.75 * np.abs(flawed - truths[2]).sum()
    columns = np.arange(SIZE[1])
    middle = [(k.sum(0) * columns).sum() / k.sum() for k in (steadied, truths[2])]
    assert middle[0] == pytest.approx(middle[1], abs=0.7)


def test_smoothing_leaves_no_ghost_of_what_is_not_there_yet():
    (empty, _), (full, soft) = (texture(1), None), window([80])[0][0]
    nothing = np.zeros(SIZE, np.float32)
    steadied = smooth([(empty, nothing), (empty, nothing), (full, soft), (full, soft)], 1)
    assert (steadied > 0.25).mean() < 0.02
    steadied = smooth([(empty, nothing), (empty, nothing), (full, soft), (full, soft)], 2)
    assert (steadied[soft == 1] > 0.75).mean() > 0.9


def test_a_window_of_one_frame_is_left_as_it_is_and_a_frame_outside_is_refused():
    moments, truths = window([60])
    assert smooth(moments, 0) is truths[0]
    with pytest.raises(ValueError, match="middle"):
        smooth(moments, 1)
