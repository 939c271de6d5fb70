import torch

from sa2va_cli.training.losses import answer_loss, dice_loss, mask_bce, soft_iou

SURE = 20.0


def square(value: float) -> torch.Tensor:
    mask = torch.full((8, 8), -value)
    mask[2:6, 2:6] = value
    return mask


def test_a_perfect_mask_costs_nothing() -> None:
    target = (square(1.0) > 0).float()
    assert dice_loss(square(SURE), target) < 1e-6
    assert mask_bce(square(SURE), target) < 1e-6


def test_an_empty_prediction_of_an_empty_target_is_perfect() -> None:
    nothing = torch.zeros(8, 8)
    assert dice_loss(torch.full((8, 8), -SURE), nothing) < 1e-5
    assert soft_iou(torch.full((8, 8), -SURE), nothing) == 1


def test_missing_the_object_costs_more_than_finding_half_of_it() -> None:
    target = (square(1.0) > 0).float()
    half = square(SURE)
    half[2:4] = -SURE
    missed = dice_loss(torch.full((8, 8), -SURE), target)
    assert dice_loss(half, target) < missed
    assert soft_iou(half, target) == 0.5


def test_every_answer_counts_as_its_weight_says() -> None:
    logits = torch.tensor([[SURE, 0.0], [SURE, 0.0]])
    targets = torch.tensor([0, 1])
    assert answer_loss(logits, targets, torch.tensor([1.0, 0.0])) < 1e-6
    assert answer_loss(logits, targets, torch.tensor([0.0, 1.0])) > 19
