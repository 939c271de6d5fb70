"""Followers as published: their sizes, their key tables, and what is refused."""

import json
from pathlib import Path
from typing import Any

import followernets
import pytest
import torch
import torch.nn.functional as F

from sa2va_cli.checkpoints.catalog import CATALOG, FOLLOWERS, find
from sa2va_cli.checkpoints.families.edgetam import one_convolution, one_of_three
from sa2va_cli.checkpoints.followers import (
    build_follower,
    check_follower_tensors,
    load_follower,
    network_of,
    released_follower,
)
from sa2va_cli.errors import ModelError


@pytest.mark.parametrize("alias", FOLLOWERS)
def test_the_catalogue_counts_the_parameters_of_a_followers_network(alias: str) -> None:
    with torch.device("meta"):
        network = network_of(released_follower(alias))
    counted = sum(tensor.numel() for tensor in network.state_dict().values())
    assert FOLLOWERS[alias].counts is not None
    assert FOLLOWERS[alias].counts.total == counted


def test_no_alias_is_that_of_a_model_and_of_a_follower() -> None:
    assert not set(CATALOG) & set(FOLLOWERS)
    entry = find("facebook/sam2.1-hiera-Tiny")
    assert entry is not None
    assert entry.alias == "sam2.1-tiny"
    assert entry.only_follows


class Branch(torch.nn.Sequential):
    """A convolution and its normalisation, with numbers of training."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.c = torch.nn.Conv2d(4, 4, side, padding=side // 2, groups=4, bias=False)
        self.bn = torch.nn.BatchNorm2d(4)
        for tensor in (self.bn.weight.data, self.bn.bias.data, self.bn.running_mean):
            tensor.normal_()
        self.bn.running_var.uniform_(0.5, 2)

    def published(self) -> list[torch.Tensor]:
        state = self.state_dict()
        names = ("c.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
        return [state[name] for name in names]


@torch.inference_mode()
def test_normalisations_and_branches_become_one_convolution() -> None:
    torch.manual_seed(0)
    wide, narrow, x = Branch(3).eval(), Branch(1).eval(), torch.randn(2, 4, 5, 5)
    weight, bias = one_convolution(wide.published())
    torch.testing.assert_close(F.conv2d(x, weight, bias, padding=1, groups=4), wide(x))
    weight, bias = one_of_three([*wide.published(), *narrow.published()])
    got = F.conv2d(x, weight, bias, padding=1, groups=4)
    torch.testing.assert_close(got, wide(x) + narrow(x) + x)


def test_a_published_edgetam_is_read_without_the_library_of_its_trunk(tmp_path: Path) -> None:
    folder = followernets.published_edgetam(tmp_path / "edgetam")
    assert check_follower_tensors(folder) > 900
    network = load_follower(folder, torch.device("cpu"), torch.float32)
    with torch.inference_mode():
        features = network.encode(torch.randn(1, 3, followernets.SIDE, followernets.SIDE))
    assert features.low.shape == (1, 128, 8, 8)
    assert features.high.shape == (1, 16, 32, 32)


@pytest.mark.parametrize("side", [64, 256])
def test_a_follower_sees_pictures_of_another_size_with_the_same_weights(tmp_path: Path, side: int) -> None:
    folder = followernets.saved(followernets.sam2_config(), tmp_path / "sam2")
    network = load_follower(folder, torch.device("cpu"), torch.float32, side=side)
    with torch.inference_mode():
        assert network.encode(torch.zeros(1, 3, side, side)).low.shape == (1, 128, side // 16, side // 16)


def changed(folder: Path, **values: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model_type": "sam2"}, "is no follower"),
        ({"memory_attention_num_attention_heads": 2}, "only 1 is supported"),
        ({"max_object_pointers_in_encoder": 4}, "only 16 is supported"),
        ({"memory_attention_num_layers": 100_000}, "at most"),
        ({"vision_config": 7}, "makes no follower"),
        ({"memory_attention_hidden_size": 96}, "makes no follower|missing|shape"),
    ],
)
def test_a_folder_that_is_no_follower_is_told_in_one_line(
    tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    folder = changed(followernets.saved(followernets.sam2_config(), tmp_path / "sam2"), **values)
    with pytest.raises(ModelError, match=words) as caught:
        check_follower_tensors(folder)
    assert "\n" not in str(caught.value)


def test_an_edgetam_whose_memory_does_not_fit_the_size_of_its_pictures_is_refused(tmp_path: Path) -> None:
    folder = followernets.saved(followernets.edgetam_config(), tmp_path / "edgetam")
    with pytest.raises(ModelError, match="multiples of 64"):
        build_follower(folder, 96)
