"""Examples: how masks are made square, and what is said about them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from sa2va_cli.demo.world import Scene, scene_seed, write_clip
from sa2va_cli.training.datasets.table import read_dataset
from sa2va_cli.training.examples import Asked, Examples, Source, resized
from sa2va_cli.training.recipe import SMALL


@pytest.mark.parametrize(("height", "width", "side"), [(270, 480, 64), (7, 5, 16), (96, 96, 96), (33, 65, 8)])
def test_a_square_mask_is_that_of_torch(height: int, width: int, side: int) -> None:
    mask = np.random.default_rng(0).random((height, width)) > 0.5
    expected = F.interpolate(torch.from_numpy(mask)[None, None].float(), (side, side), mode="nearest-exact")
    assert (resized(mask, side) == expected[0, 0].numpy().astype(bool)).all()


def test_a_square_mask_does_not_move() -> None:
    mask = np.zeros((270, 480), bool)
    mask[90:180, 160:320] = True
    rows, columns = np.nonzero(resized(mask, 64))
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((32, 32), abs=0.01)


def asked_of(folder: Path, sentence: str) -> Asked:
    (folder / "images").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(folder / "images" / "0.png")
    entry = {"image": "0.png", "mask": [[[2, 2, 20, 2, 20, 20]]], "text": [sentence]}
    (folder / "annotations.json").write_text(json.dumps([entry]))
    examples = Examples([Source.of(read_dataset(folder).usable())], SMALL, 32)
    return examples.example(0).conversations[0][0]


def test_a_thing_is_put_into_a_question_and_a_request_is_one(tmp_path: Path) -> None:
    assert asked_of(tmp_path / "thing", "The kite.").template == "Please segment {}."
    request = asked_of(tmp_path / "request", "Please segment the kite.")
    assert (request.template, request.sentence) == ("{}", "Please segment the kite.")


def test_the_demo_world_is_answered_with_the_names_of_what_is_meant(tmp_path: Path) -> None:
    write_clip(Scene.sample(scene_seed("clips", 77, 0), 2), tmp_path / "000", (96, 54))
    samples = read_dataset(tmp_path).usable()
    assert all(one.named.startswith("the ") == bool(one.objects) for one in samples)
    example = Examples([Source.of(samples)], SMALL, 64).example(0)
    assert example.masks.shape[1:] == (SMALL.frames, 64, 64)
    for (asked,) in example.conversations:
        assert asked.named.startswith("the ") or asked.answer == SMALL.words.nothing
