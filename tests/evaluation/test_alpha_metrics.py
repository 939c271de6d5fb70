"""The errors of alpha mattes, against slow code that was written from the papers' definitions alone."""

from math import exp, pi, sqrt

import numpy as np
import pytest

from sa2va_cli.evaluation.alpha_metrics import AlphaScore, conn, dtssd, grad, mad, mean_score, mse, score_clip

HEIGHT, WIDTH = 11, 13


def alphas(seed: int, count: int = 2) -> np.ndarray:
    """Blobs with soft edges and some noise, in 0..1."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    frames = []
    for _ in range(count):
        y, x, radius = rng.uniform(3, 8, 3)
        disk = np.clip((radius - np.hypot(rows - y, columns - x)) / 4 + 0.5, 0, 1)
        frames.append(np.clip(disk + rng.normal(0, 0.15, disk.shape), 0, 1))
    return np.stack(frames).astype(np.float32)


def slow_slope(alpha: np.ndarray) -> np.ndarray:
    half, sigma = 4, 1.4  # the Gaussian falls below 0.01 at 3.2 pixels
    bell = {k: exp(-k * k / (2 * sigma**2)) / (sigma * sqrt(2 * pi)) for k in range(-half, half + 1)}
    places = list(bell)
    energy = sqrt(sum((bell[i] * j * bell[j] / sigma**2) ** 2 for i in places for j in places))
    slope = np.zeros(alpha.shape)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            sums = [0.0, 0.0]
            for i in places:
                for j in places:
                    value = alpha[min(max(y + i, 0), HEIGHT - 1), min(max(x + j, 0), WIDTH - 1)]
                    sums[0] += float(value) * bell[i] * j * bell[j] / sigma**2 / energy
                    sums[1] += float(value) * bell[j] * i * bell[i] / sigma**2 / energy
            slope[y, x] = sqrt(sums[0] ** 2 + sums[1] ** 2)
    return slope


def slow_largest(mask: np.ndarray) -> set[tuple[int, int]]:
    left = {tuple(map(int, k)) for k in np.argwhere(mask)}
    largest: set[tuple[int, int]] = set()
    for seed in sorted(left):
        if seed not in left:
            continue
        part, todo = set(), [seed]
        left.remove(seed)
        while todo:
            y, x = todo.pop()
            part.add((y, x))
            for step in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if step in left:
                    left.remove(step)
                    todo.append(step)
        if len(part) > len(largest):
            largest = part
    return largest


def slow_looseness(pred: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Of each pixel, how much less connected one matte is than the other."""
    levels = np.arange(0, 1.1, 0.1)
    regions = [slow_largest((truth >= level) & (pred >= level)) for level in levels]
    loose = np.zeros(truth.shape)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            failed = [k for k in range(1, 11) if (y, x) not in regions[k]]
            level = levels[failed[0] - 1] if failed else 1.0
            over = [max(k[y, x] - level, 0) for k in (pred, truth)]
            phi = [1 - (k if k >= 0.15 else 0) for k in over]
            loose[y, x] = abs(phi[0] - phi[1])
    return loose


@pytest.fixture(params=[None, 5], ids=["whole", "band"])
def band(request):
    return (
        None if request.param is None else np.random.default_rng(request.param).random((HEIGHT, WIDTH)) < 0.4
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_errors_of_a_frame_are_those_of_the_slow_code(seed, band):
    pred, truth = alphas(seed, 1)[0], alphas(seed + 100, 1)[0]
    chosen = [(y, x) for y in range(HEIGHT) for x in range(WIDTH) if band is None or band[y, x]]
    differences = [abs(float(pred[k]) - float(truth[k])) for k in chosen]
    assert mad(pred, truth, band) == pytest.approx(1e3 * sum(differences) / len(chosen), rel=1e-5)
    assert mse(pred, truth, band) == pytest.approx(
        1e3 * sum(d * d for d in differences) / len(chosen), rel=1e-5
    )
    slopes = slow_slope(pred), slow_slope(truth)
    assert grad(pred, truth, band) == pytest.approx(
        sum((slopes[0][k] - slopes[1][k]) ** 2 for k in chosen) / 1e3, rel=1e-4
    )
    loose = slow_looseness(pred, truth)
    assert conn(pred, truth, band) == pytest.approx(sum(loose[k] for k in chosen) / 1e3, rel=1e-4)


def test_dtssd_is_that_of_the_slow_code(band):
    pred, truth = alphas(1), alphas(2)
    chosen = [(y, x) for y in range(HEIGHT) for x in range(WIDTH) if band is None or band[y, x]]
    squares = [
        (float(pred[1][k]) - float(pred[0][k]) - float(truth[1][k]) + float(truth[0][k])) ** 2 for k in chosen
    ]
    assert dtssd(pred, truth, band) == pytest.approx(100 * sqrt(sum(squares) / len(squares)), rel=1e-4)


def test_a_perfect_matte_has_no_error():
    truth = alphas(3, 4)
    assert score_clip(truth, truth, truth > 0) == AlphaScore(0, 0, 0, 0, 0)


def test_a_matte_that_is_off_by_a_tenth_everywhere_has_the_errors_one_expects():
    truth = np.full((3, HEIGHT, WIDTH), 0.5, np.float32)
    found = score_clip(truth + np.float32(0.1), truth)
    assert found.mad == pytest.approx(100, rel=1e-4)
    assert found.mse == pytest.approx(10, rel=1e-4)
    assert (found.grad, found.conn) == (pytest.approx(0, abs=1e-9), 0)
    assert found.dtssd == pytest.approx(0, abs=1e-4)


def test_a_loose_island_costs_conn():
    truth = np.zeros((HEIGHT, WIDTH), np.float32)
    truth[2:9, 1:7] = 1
    island = truth.copy()
    island[4:6, 10:12] = 1
    assert conn(island, truth) == pytest.approx(4 / 1e3)


def test_the_errors_of_a_clip_are_means_over_its_frames():
    pred, truth = alphas(1, 3), alphas(2, 3)
    found = score_clip(pred, truth)
    assert found.mad == pytest.approx(np.mean([mad(pred[t], truth[t]) for t in range(3)]))
    assert found.dtssd == pytest.approx(
        np.mean([dtssd(pred[t - 1 : t + 1], truth[t - 1 : t + 1]) for t in (1, 2)])
    )


def test_an_empty_band_and_a_single_frame_count_nothing():
    pred, truth = alphas(1, 1), alphas(2, 1)
    assert score_clip(pred, truth, np.zeros(pred.shape, bool)) == AlphaScore(0, 0, 0, 0, 0)
    assert score_clip(pred, truth).dtssd == 0


def test_mattes_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="must all be"):
        score_clip(alphas(1, 2), alphas(2, 3))


def test_the_mean_of_scores_is_taken_error_by_error():
    assert mean_score([AlphaScore(1, 2, 3, 4, 5), AlphaScore(3, 2, 1, 0, 5)]) == AlphaScore(2, 2, 2, 2, 5)
