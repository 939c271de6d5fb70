"""Followers against transformers' own sessions: the same mask prompts, the same masks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import followernets
import numpy as np
import pytest
import torch
from transformers import (
    EdgeTamVideoInferenceSession,
    EdgeTamVideoModel,
    Sam2VideoInferenceSession,
    Sam2VideoModel,
)

from sa2va_cli.checkpoints.followers import load_follower
from sa2va_cli.datatypes import ABSENT_LOGIT
from sa2va_cli.model.fixed import FixedTracker
from sa2va_cli.model.freezing import freeze
from sa2va_cli.model.preprocessing import grounding_pixels
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.tracker import Tracker, TrackerMemory

FRAMES, KEYFRAMES, OBJECTS = 18, (4, 9), 3
"""Pointers are dated in parts of fifteen frames, in a session of transformers only if the clip is longer."""

SIDE = followernets.SIDE


@contextmanager
def changed(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


class _Official:
    """The stock models with what keeps them from being compared changed (reference set, section 6.3).

    A given mask's pointer is that of the single-mask token, as in SAM 2 itself, and memories are not rounded
    to bfloat16, where 1e-6 more or less makes another number.
    """

    def _use_mask_as_output(self, *arguments: Any) -> Any:
        single = self._single_frame_forward  # type: ignore[attr-defined]

        def forward(**more: Any) -> Any:
            return single(**more, multimask_output=False)

        with changed(self, "_single_frame_forward", forward):
            return super()._use_mask_as_output(*arguments)  # type: ignore[misc]

    def _encode_new_memory(self, *arguments: Any, **more: Any) -> Any:
        with changed(torch, "bfloat16", torch.float32):
            return super()._encode_new_memory(*arguments, **more)  # type: ignore[misc]


class OfficialSam2(_Official, Sam2VideoModel):
    """Stock SAM 2."""


class OfficialEdgeTam(_Official, EdgeTamVideoModel):
    """Stock EdgeTAM."""


class Clip:
    """A clip of noise, and masks of three objects on two frames in its middle."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        noise = [random.integers(0, 255, (6, 8, 3), np.uint8) for _ in range(FRAMES)]
        self.pictures = [np.kron(one, np.ones((15, 15, 1), np.uint8)) for one in noise]
        self.masks = {index: torch.zeros(OBJECTS, SIDE, SIDE, dtype=torch.bool) for index in KEYFRAMES}
        for place, index in enumerate(KEYFRAMES):
            for row in range(OBJECTS):
                left = 10 + 25 * row + 10 * place
                self.masks[index][row, 20 + 15 * row : 80, left : left + 40] = True
        self.masks[KEYFRAMES[1]][2] = False  # not to be seen there

    def pixels(self, side: int) -> torch.Tensor:
        each = [grounding_pixels(one, side, torch.float32, still=False) for one in self.pictures]
        return torch.cat(each)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return Clip()


def stock_masks(model: Any, clip: Clip) -> np.ndarray:
    """(T, N, h, w) logits of a session of transformers."""
    kind = Sam2VideoInferenceSession if isinstance(model, Sam2VideoModel) else EdgeTamVideoInferenceSession
    size = clip.pictures[0].shape[:2]
    session = kind(clip.pixels(SIDE), *size, dtype=torch.float32, max_vision_features_cache_size=FRAMES)
    for index, masks in clip.masks.items():
        for row in range(OBJECTS):
            session.add_mask_inputs(session.obj_id_to_idx(row), index, masks[row][None, None].float())
            session.obj_with_new_inputs.append(row)
        model(session, frame_idx=index)
    found = list(model.propagate_in_video_iterator(session, 0))
    return torch.stack([one.pred_masks[:, 0] for one in found]).numpy()


@torch.inference_mode()
def our_masks(follower: Sam2, clip: Clip, *, fixed: bool = False) -> np.ndarray:
    """The same of our tracker, which encodes every frame once."""
    tracker = Tracker(follower, torch.float32, empty_absent=True)
    features = [follower.encode(one[None]) for one in clip.pixels(SIDE)]
    prompts = [(index, features[index], masks) for index, masks in clip.masks.items()]
    memory: Any = tracker.condition_on_masks(prompts, given=True)
    assert isinstance(memory, TrackerMemory)
    steps: Any = tracker
    if fixed:
        steps = FixedTracker(follower, empty_absent=True)
        memory = steps.begin(memory)
    found = []
    for index, one in enumerate(features):
        if index in memory.decoded:
            found.append(memory.decoded[index].logits)
        else:
            decoded, memory = steps.step(index, one, memory)
            found.append(decoded.logits)
    return torch.stack(found).numpy()


CONFIGS = {
    "sam2.1": followernets.sam2_config,
    "sam2": lambda: followernets.sam2_config(version="2"),
    "edgetam": followernets.edgetam_config,
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_three_objects_are_followed_from_masks_as_in_a_session_of_transformers(
    kind: str, clip: Clip, tmp_path: Path
) -> None:
    config = CONFIGS[kind]()
    official = OfficialEdgeTam if kind == "edgetam" else OfficialSam2
    stock = followernets.randomised(official(config))
    stock.save_pretrained(tmp_path)
    follower = load_follower(tmp_path, torch.device("cpu"), torch.float32)
    wanted = stock_masks(stock, clip)
    got = our_masks(follower, clip)
    seen = wanted > ABSENT_LOGIT
    assert seen.mean() > 0.5
    assert wanted[seen].std() > 0.5
    assert np.abs(wanted[:, 0] - wanted[:, 1]).max(axis=(1, 2)).min() > 0.003
    np.testing.assert_allclose(got, wanted, atol=1e-3, rtol=0)
    np.testing.assert_allclose(our_masks(follower, clip, fixed=True), wanted, atol=1e-3, rtol=0)


def test_the_published_edgetam_is_followed_with_as_with_the_trunk_of_timm(clip: Clip, tmp_path: Path) -> None:
    """The trunk is read without timm, to which it is compared where it is installed."""
    pytest.importorskip("timm")
    stock = followernets.randomised(OfficialEdgeTam(followernets.edgetam_config(repvit=True)))
    stock.save_pretrained(tmp_path)
    follower = load_follower(tmp_path, torch.device("cpu"), torch.float32)
    wanted = stock_masks(stock, clip)
    assert wanted[wanted > ABSENT_LOGIT].std() > 0.5
    np.testing.assert_allclose(our_masks(follower, clip), wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", ["sam2.1", "edgetam"])  # a SAM 2.0 remembers what a 2.1 does
def test_what_a_follower_remembers_does_not_grow_and_each_frame_is_encoded_once(
    kind: str, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = load_follower(
        followernets.saved(CONFIGS[kind](), tmp_path / "net"), torch.device("cpu"), torch.float32
    )
    tracker, encoded = Tracker(follower, empty_absent=True), 0
    pixels = clip.pixels(SIDE)
    sizes = []
    with torch.inference_mode():
        prompts = [(k, follower.encode(pixels[k : k + 1]), masks) for k, masks in clip.masks.items()]
        memory = tracker.condition_on_masks(prompts, given=True)
        encode = follower.encode

        def counted(one: torch.Tensor) -> Any:
            nonlocal encoded
            encoded += len(one)
            return encode(one)

        monkeypatch.setattr(follower, "encode", counted)
        for index in range(10, 10 + 26):
            _, memory = tracker.step(index, follower.encode(pixels[index % FRAMES][None]), memory)
            sizes.append(len(freeze(memory)))
    assert encoded == 26
    assert max(sizes[18:]) - min(sizes[18:]) < 500  # numbers of frames as text
