"""Loading in 8 and 4 bits; what bitsandbytes does is tried on the processor."""

import numpy as np
import pytest
import torch
from families import REFERENCE, cases
from PIL import Image
from published import PUBLISHED

from sa2va_cli.checkpoints.loader import load_network
from sa2va_cli.checkpoints.parts import is_quantisable
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork

pytest.importorskip("bitsandbytes")
CPU = torch.device("cpu")
MIXED = {"lm": torch.bfloat16, "vit": torch.bfloat16, "sam2": torch.float32}
KINDS = {"8bit": torch.int8, "4bit": torch.uint8}


def keyframe_masks(network: Sa2VANetwork) -> np.ndarray:
    """(N, T, h, w) bool, of the case with one object."""
    frames = [np.array(Image.open(REFERENCE / "inputs" / "video" / f"{i:02d}.png")) for i in range(5)]
    segmenter = NetworkSegmenter(network)
    view = segmenter.look(frames, still=False)
    found, _ = segmenter.ground(view, cases("internvl-qwen2")["video_1seg"]["text"])
    memory = segmenter.condition(list(enumerate(frames)), [found.queries], still=False)
    return np.stack([memory.decoded[i].logits.numpy() > 0 for i in range(5)], axis=1)


@pytest.mark.parametrize("scheme", KINDS)
def test_only_layers_between_embedding_and_output_are_quantised(scheme: str) -> None:
    network = load_network(PUBLISHED, CPU, MIXED, quantize=scheme)
    plain = load_network(PUBLISHED, CPU, MIXED)
    kinds = {name: parameter.dtype for name, parameter in network.named_parameters()}
    for name, parameter in plain.named_parameters():
        wanted = KINDS[scheme] if is_quantisable(name, parameter.shape) else parameter.dtype
        assert kinds[name] == wanted, name
    assert list(kinds.values()).count(KINDS[scheme]) == 3 * 7  # layers, and linear maps of each


# Layers as narrow as those of the reference network suffer from four bits far more than real ones.
@pytest.mark.parametrize(("scheme", "overlap"), [("8bit", 0.95), ("4bit", 0.6)])
def test_masks_stay_close_to_those_of_float32(scheme: str, overlap: float) -> None:
    exact = keyframe_masks(load_network(PUBLISHED, CPU, torch.float32))
    close = keyframe_masks(load_network(PUBLISHED, CPU, MIXED, quantize=scheme))
    assert (exact & close).sum() > overlap * (exact | close).sum()
