"""Reads the reference data: inputs, and what the official code answered to them."""

from dataclasses import dataclass

import numpy as np
from families import REFERENCE, cases
from PIL import Image

from sa2va_cli.datatypes import RGB

KEYFRAMES = 5


def picture(name: str) -> RGB:
    return np.asarray(Image.open(REFERENCE / "inputs" / name).convert("RGB"))


@dataclass(frozen=True)
class Inputs:
    frames: list[RGB]
    image: RGB
    regions: np.ndarray  # (2, H, W)


@dataclass(frozen=True)
class Case:
    family: str
    name: str
    kind: str
    text: str
    past_text: str
    template: str
    num_frames: int | None
    mask_prompts: bool
    prediction: str
    golden: dict[str, np.ndarray]
    keyframes: tuple[int, ...] = ()

    @property
    def objects(self) -> int:
        return len(self.golden.get("seg_embeds", ()))

    @property
    def still(self) -> bool:
        return self.kind == "image"

    @property
    def tracked(self) -> list[int]:
        return [index for index in range(self.num_frames or 1) if index not in self.keyframes]

    def pictures(self, inputs: Inputs) -> list[RGB]:
        return {"video": inputs.frames[: self.num_frames], "image": [inputs.image], "text": []}[self.kind]

    def masks(self, k: int, memory: str = "") -> np.ndarray:
        """(T, H, W) bool masks of object k."""
        shape = self.golden[f"obj{k}_masks_shape"]
        packed = self.golden[f"obj{k}_{memory}masks_packed"]
        return np.unpackbits(packed)[: np.prod(shape)].reshape(shape).astype(bool)


def read_case(family: str, name: str) -> Case:
    record = dict(cases(family)[name])
    with np.load(REFERENCE / "golden" / family / f"{name}.npz") as arrays:
        golden = dict(arrays)
    first = range(min(KEYFRAMES, record["num_frames"] or 1))
    keyframes = tuple(record.pop("keyframes", first))
    return Case(family=family, name=name, golden=golden, keyframes=keyframes, **record)
