"""Wide layers on parts of their rows."""

import followernets
import pytest
import torch
from torch import nn

from sa2va_cli.model import parts
from sa2va_cli.model.hiera import Trunk
from sa2va_cli.model.parts import in_parts
from sa2va_cli.model.sam2 import Sam2


def test_parts_give_the_same_bits_and_what_lies_between_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x, seen = nn.Linear(8, 64), torch.randn(100, 8), []

    def work(part: torch.Tensor) -> torch.Tensor:
        seen.append(len(part))
        return layer(part).relu().sum(-1)

    monkeypatch.setattr(parts, "BYTES", 4 * 64 * 30)
    with torch.no_grad():
        assert torch.equal(in_parts(work, x, 64), work(x))
    assert seen == [30, 30, 30, 10, 100]


def test_with_gradients_all_rows_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "BYTES", 1)
    seen: list[int] = []
    in_parts(lambda part: seen.append(len(part)) or part, torch.zeros(5, 2, requires_grad=True), 2)
    assert seen == [5]


def test_an_encoder_gives_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    sam2 = Sam2(followernets.sam2_config()).eval().requires_grad_(False)
    assert isinstance(sam2.trunk, Trunk)
    pixels = torch.randn(1, 3, sam2.input_size, sam2.input_size)
    with torch.inference_mode():
        whole = sam2.encode(pixels)
        monkeypatch.setattr(parts, "BYTES", 1 << 12)
        cut = sam2.encode(pixels)
    for name in ("low", "middle", "high"):
        torch.testing.assert_close(getattr(cut, name), getattr(whole, name), atol=1e-5, rtol=1e-5)
