"""Matting that needs other packages, and colours under soft edges."""

import sys

import numpy as np
import pytest

from sa2va_cli.errors import ModelError, UsageError
from sa2va_cli.render.refine import foreground
from sa2va_cli.render.refine.closed_form import closed_form
from sa2va_cli.render.refine.foreground import decontaminate
from sa2va_cli.render.refine.trimap import UNKNOWN, trimap
from sa2va_cli.render.refine.vitmatte import VitMatte

SIZE = 72, 96
RED, GREEN = np.array([200.0, 60, 50]), np.array([40.0, 150, 70])


def shot() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red disk before green, its alpha, and a network's soft mask of it."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    inside = 24 - np.hypot(columns - 48.3, rows - 36.6)
    alpha = np.clip(inside / 3 + 0.5, 0, 1).astype(np.float32)
    image = np.rint(alpha[..., None] * RED + (1 - alpha[..., None]) * GREEN).astype(np.uint8)
    return image, alpha, (1 / (1 + np.exp(-inside / 3))).astype(np.float32)


def test_closed_form_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymatting", None)
    image, _, soft = shot()
    with pytest.raises(UsageError, match=r"pip install 'sa2va\[matting\]'"):
        closed_form(image, soft)


@pytest.mark.slow  # the first import of pymatting compiles for a minute or more
def test_closed_form_finds_alpha_and_starts_from_the_last_frame():
    pytest.importorskip("pymatting")
    image, truth, soft = shot()
    found = closed_form(image, soft)
    band = trimap(soft) == UNKNOWN
    assert np.abs(found - truth)[band].mean() < 0.3 * np.abs(soft - truth)[band].mean()
    assert set(np.unique(found[~band])) <= {0.0, 1.0}
    assert np.abs(closed_form(image, soft, found) - found).max() < 0.02


def random_vitmatte() -> VitMatte:
    import torch
    from transformers import VitDetConfig, VitMatteConfig, VitMatteForImageMatting

    backbone = VitDetConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_channels=4,
        image_size=64,
        pretrain_image_size=64,
        patch_size=16,
        out_features=["stage1"],
    )
    config = VitMatteConfig(
        backbone_config=backbone,
        hidden_size=16,
        convstream_hidden_sizes=[4, 8, 8],
        fusion_hidden_sizes=[16, 8, 8, 4],
    )
    network = VitMatteForImageMatting(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in network.parameters():  # as it is made, it says 0.5 everywhere
            weights.normal_(0, 0.3, generator=generator)
    return VitMatte(network)


def test_vitmatte_fills_the_band_and_only_that():
    image, _, soft = shot()
    found = random_vitmatte()(image, soft)
    band = trimap(soft) == UNKNOWN
    assert (found.shape, found.dtype) == (soft.shape, np.float32)
    assert len(np.unique(found[band])) > 100
    assert np.array_equal(found[~band], (soft > 0.5)[~band].astype(np.float32))


def test_vitmatte_leaves_an_empty_mask_empty():
    assert not random_vitmatte()(shot()[0], np.zeros(SIZE, np.float32)).any()


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ModelError, match="vitmatte"):
        VitMatte.load(str(tmp_path / "nothing"))


@pytest.fixture(params=["ours", "pymatting"])
def _method(request, monkeypatch):
    if request.param == "ours":
        monkeypatch.setattr(foreground, "find_spec", lambda _: None)
    elif not foreground.find_spec("pymatting"):
        pytest.skip("pymatting is not installed")


@pytest.mark.slow  # the first import of pymatting compiles for a minute or more
@pytest.mark.usefixtures("_method")
def test_colours_under_a_soft_edge_are_the_object_s_own():
    image, alpha, _ = shot()
    colours = decontaminate(image, alpha)
    soft = (alpha > 0.05) & (alpha < 1)
    assert np.abs(colours[soft] - RED).mean() < 0.2 * np.abs(image[soft] - RED).mean()
    assert np.array_equal(colours[alpha == 1], image[alpha == 1])


def test_colours_without_pymatting_end_in_black_and_nothing_has_none(monkeypatch):
    monkeypatch.setattr(foreground, "find_spec", lambda _: None)
    image, alpha, _ = shot()
    colours = decontaminate(image, alpha)
    assert np.abs(colours[(alpha > 0.05) & (alpha < 1)] - RED).mean() < 15
    assert not colours[:2, :2].any()
    assert not decontaminate(image, np.zeros_like(alpha)).any()
