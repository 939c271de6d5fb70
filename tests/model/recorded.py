"""Reads the reference data: inputs, and what the official code answered to them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sa2va_cli.datatypes import RGB

REFERENCE = Path(__file__).parents[1] / "reference"


def picture(name: str) -> RGB:
    return np.asarray(Image.open(REFERENCE / "inputs" / name).convert("RGB"))


@dataclass(frozen=True)
class Inputs:
    frames: list[RGB]
    image: RGB
    regions: np.ndarray  # (2, H, W)


@dataclass(frozen=True)
class Case:
    name: str
    kind: str
    text: str
    past: str
    template: str
    num_frames: int | None
    mask_prompts: bool
    prediction: str
    golden: dict[str, np.ndarray]

    @property
    def objects(self) -> int:
        return len(self.golden.get("seg_embeds", ()))


def read_case(family: str, name: str) -> Case:
    folder = REFERENCE / "golden" / family
    record: dict[str, Any] = json.loads((folder / "cases.json").read_text())[name]
    with np.load(folder / f"{name}.npz") as arrays:
        golden = dict(arrays)
    past = record.pop("past_text")
    return Case(name=name, past=past, golden=golden, **record)
