"""The real command on the reference checkpoint of every family gives the masks that were recorded."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from families import FAMILIES, REFERENCE, cases, checkpoint, once
from pycocotools import mask as rle

from sa2va_cli.checkpoints import loader
from sa2va_cli.model.prompt_text import spoken
from sa2va_cli.runtime.loading import load_segmenter

INPUTS = REFERENCE / "inputs"
load = once(load_segmenter)


def recorded_masks(family: str, name: str) -> np.ndarray:
    """(N, T, H, W) bool."""
    with np.load(REFERENCE / "golden" / family / f"{name}.npz") as golden:
        found = range(len(golden["seg_embeds"]))
        shapes = [golden[f"obj{k}_masks_shape"] for k in found]
        packed = [golden[f"obj{k}_masks_packed"] for k in found]
    pairs = zip(packed, shapes, strict=True)
    return np.stack([np.unpackbits(p)[: np.prod(s)].reshape(s) for p, s in pairs]).astype(bool)


def written_masks(path: Path, objects: int) -> np.ndarray:
    """(N, T, H, W) bool, of objects with any annotation."""
    document = json.loads(path.read_text())
    images = {image["id"]: place for place, image in enumerate(document["images"])}
    height, width = (document["images"][0][side] for side in ("height", "width"))
    masks = np.zeros((objects, len(images), height, width), bool)
    for annotation in document["annotations"]:
        k = annotation["track_id"] - 1
        masks[k, images[annotation["image_id"]]] = rle.decode(annotation["segmentation"])
    return masks


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["video_2seg", "image_2seg"])
def test_the_command_gives_the_recorded_masks(sa2va, folder, family, name):
    if name not in cases(family):
        name = "video_1seg"
    case = cases(family)[name]
    if case["kind"] == "video":
        source = shutil.copytree(INPUTS / "video", folder / "clip")
    else:
        source = shutil.copyfile(INPUTS / "image.png", folder / "clip.png")
    outcome = sa2va(
        "segment",
        source.name,
        case["text"].removeprefix("<image>"),
        "--verbatim",
        *("--sampling", "uniform" if "keyframes" in case else "first"),
        *("--model", checkpoint(family)),
        *("--device", "cpu", "--dtype", "fp32", "--save", "coco", "--json"),
        load=load,
    )
    assert outcome.code == 0, outcome.err
    wanted = recorded_masks(family, name)
    report = json.loads(outcome.out)
    assert [*report["answers"].values()] == [spoken(case["prediction"])]
    assert "<|" not in outcome.out
    assert len(report["objects"]) == len(wanted)
    got = written_masks(folder / "clip.coco.json", len(wanted))
    assert (got != wanted).mean(axis=(1, 2, 3)).max() <= 1e-4


def test_precision_attention_and_quantisation_reach_the_loader(sa2va, folder, monkeypatch):
    pytest.importorskip("bitsandbytes")
    asked = {}
    load = loader.load_network

    def noted(path, device, dtype, **options):
        asked.update(options, dtype=dtype)
        return load(path, device, dtype, **options)

    monkeypatch.setattr(loader, "load_network", noted)
    shutil.copytree(INPUTS / "video", folder / "clip")
    precision = "lm=bf16,vit=bf16,sam2=fp32"
    outcome = sa2va(
        *("segment", "clip", cases("internvl-qwen2")["video_1seg"]["text"].removeprefix("<image>")),
        *("--verbatim", "--sampling", "first", "--model", checkpoint("internvl-qwen2"), "--device", "cpu"),
        *("--dtype", precision, "--attention", "eager", "--quantize", "8bit", "--save", "coco", "--json"),
        load=None,
    )
    assert outcome.code == 0, outcome.err
    assert "MatMul" not in outcome.err  # bitsandbytes would talk about every step
    assert json.loads(outcome.out)["dtype"] == precision
    narrow, wide = torch.bfloat16, torch.float32
    assert asked == {
        "dtype": {"lm": narrow, "vit": narrow, "sam2": wide},
        "attention": "eager",
        "quantize": "8bit",
        "room": None,
    }
