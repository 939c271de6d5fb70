"""The losses of the official recipe, and their gradients, against the formulas written out in NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sa2va_cli.training.point_losses import Chances, answer_loss, mask_losses, uncertain_points
from sa2va_cli.training.recipe import Losses

FEW = Losses(points=64, oversampling=3.0, importance=0.75)
Array = NDArray[np.float64]


def recorded() -> tuple[Array, Array, Array, Array]:
    """Logits and masks of three objects, and the chances of their points."""
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 3, (3, 16, 20))
    masks = (rng.random((3, 16, 20)) > 0.7).astype(np.float64)
    return logits, masks, rng.random((3, 192, 2)), rng.random((3, 16, 2))


def weights_at(points: Array, height: int, width: int) -> Array:
    """(P, h, w): how much of each cell a point between cells has; cells outside are 0."""
    found = np.zeros((len(points), height, width))
    for row, (x, y) in enumerate(points):
        column, line = x * width - 0.5, y * height - 0.5
        left, top = int(np.floor(column)), int(np.floor(line))
        for c, part_c in ((left, left + 1 - column), (left + 1, column - left)):
            for r, part_r in ((top, top + 1 - line), (top + 1, line - top)):
                if 0 <= c < width and 0 <= r < height:
                    found[row, r, c] += part_c * part_r
    return found


def by_formula(logits: Array, masks: Array, candidates: Array, others: Array) -> tuple[float, float, Array]:
    """BCE, Dice, and the gradient of 2 BCE + 0.5 Dice by the logits."""
    count, height, width = logits.shape
    chosen = []
    for k in range(count):
        doubts = np.abs(
            weights_at(candidates[k], height, width).reshape(len(candidates[k]), -1) @ logits[k].ravel()
        )
        nearest = np.argsort(doubts)[:48]
        chosen.append(weights_at(np.concatenate([candidates[k][nearest], others[k]]), height, width))
    at = np.stack(chosen).reshape(count, 64, -1)
    x = np.einsum("npc,nc->np", at, logits.reshape(count, -1))
    t = np.einsum("npc,nc->np", at, masks.reshape(count, -1))
    s = 1 / (1 + np.exp(-x))
    bce = float(-(t * np.log(s) + (1 - t) * np.log(1 - s)).sum() / (count * 64 + 1e-4))
    over, under = 2 * (s * t).sum(1) + 1, s.sum(1) + t.sum(1) + 1
    dice = float((1 - over / under).sum() / (count + 1e-4))
    by_bce = (s - t) / (count * 64 + 1e-4)
    by_dice = -(2 * t * under[:, None] - over[:, None]) / under[:, None] ** 2 * s * (1 - s) / (count + 1e-4)
    gradient = np.einsum("npc,np->nc", at, 2.0 * by_bce + 0.5 * by_dice)
    return bce, dice, gradient.reshape(logits.shape)


def test_mask_losses_and_their_gradients_are_those_of_the_formulas() -> None:
    logits, masks, candidates, others = recorded()
    bce, dice, gradient = by_formula(logits, masks, candidates, others)
    x = torch.tensor(logits, dtype=torch.float32, requires_grad=True)
    chances = Chances(torch.tensor(candidates).float(), torch.tensor(others).float())
    found = mask_losses(x, torch.tensor(masks), FEW, chances)
    (FEW.bce * found["bce"] + FEW.dice * found["dice"]).backward()
    assert float(found["bce"].detach()) == pytest.approx(bce, rel=1e-5)
    assert float(found["dice"].detach()) == pytest.approx(dice, rel=1e-5)
    assert np.allclose(x.grad, gradient, atol=1e-6, rtol=1e-4)
    assert np.abs(gradient).max() > 1e-3


def test_answer_loss_and_its_gradient_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(1)
    logits, targets = rng.normal(0, 2, (7, 30)), rng.integers(30, size=7)
    likely = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wanted = -np.log(likely[np.arange(7), targets]).mean()
    gradient = (likely - np.eye(30)[targets]) / 7
    x = torch.tensor(logits, dtype=torch.float32, requires_grad=True)
    loss = answer_loss(x, torch.tensor(targets))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-6)
    assert np.allclose(x.grad, gradient, atol=1e-7)


def test_three_quarters_of_the_points_are_the_most_uncertain_candidates() -> None:
    logits, _, candidates, others = recorded()
    chances = Chances(torch.tensor(candidates).float(), torch.tensor(others).float())
    points = uncertain_points(torch.tensor(logits).float(), chances, 64)
    assert points.shape == (3, 64, 2)
    assert torch.equal(points[:, 48:], chances.others)
    values = weights_at(points[0, :48].double().numpy(), 16, 20).reshape(48, -1) @ logits[0].ravel()
    every = weights_at(candidates[0], 16, 20).reshape(192, -1) @ logits[0].ravel()
    assert np.abs(values).max() == pytest.approx(np.sort(np.abs(every))[47], rel=1e-4)


def test_points_are_as_many_as_in_the_official_code() -> None:
    chances = Chances.draw(2, Losses(), torch.device("cpu"))
    assert chances.candidates.shape == (2, 37632, 2)
    assert chances.others.shape == (2, 3136, 2)
