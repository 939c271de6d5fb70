"""Clicks, boxes and given masks against transformers' own ``Sam2VideoModel``, by its session."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Sam2VideoInferenceSession, Sam2VideoModel

from sa2va_cli.datatypes import ABSENT_LOGIT, RGB, Frame
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.model.preprocessing import grounding_pixels
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_config import HIERA_LARGE, sam2_config
from sa2va_cli.model.sam2_maps import ImageFeatures
from sa2va_cli.visual_prompts import Pointed

FRAMES, SIZE = 9, (90, 120)
"""Number of frames; height and width of each."""

SEEN = 2.0
"""Logit around which objects are seen: most of them, on most frames."""


class Official(Sam2VideoModel):
    """The stock model with the two things that keep it from being compared (reference set, section 6.3).

    A given mask's pointer is that of the single-mask token, as in SAM 2 itself, and memories are not rounded
    to bfloat16, where 1e-6 more or less makes another number.
    """

    def _use_mask_as_output(self, *arguments: Any) -> Any:
        single = self._single_frame_forward

        def forward(**more: Any) -> Any:
            return single(**more, multimask_output=False)

        with changed(self, "_single_frame_forward", forward):
            return super()._use_mask_as_output(*arguments)

    def _encode_new_memory(self, *arguments: Any, **more: Any) -> Any:
        with changed(torch, "bfloat16", torch.float32):
            return super()._encode_new_memory(*arguments, **more)


@contextmanager
def changed(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


class OnlySam2(torch.nn.Module):
    """A network that nobody talks to."""

    def __init__(self, sam2: Sam2) -> None:
        super().__init__()
        self.sam2 = sam2


class Pair:
    """Our SAM 2 and the stock one with the same random weights, and a clip."""

    def __init__(self, sizes: dict[str, Any], frames: int = FRAMES) -> None:
        torch.manual_seed(3)
        self.stock = Official(sam2_config(sizes)).eval().requires_grad_(False)
        for name, parameter in self.stock.named_parameters():
            width = parameter[0].numel() if parameter.ndim > 1 else 0
            told = "embed" in name or "token" in name  # what prompts are made of must be heard
            norm = "norm" in name and name.endswith("weight")
            std = 0.5 if told else 0.7 * width**-0.5 if width > 1 else 0.2
            torch.nn.init.normal_(parameter, float(norm), std)
        self.stock.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(SEEN)
        self.stock.shared_image_embedding.positional_embedding.copy_(
            self.stock.prompt_encoder.shared_embedding.positional_embedding
        )
        ours = Sam2(sizes).eval().requires_grad_(False)
        ours.layers.load_state_dict(self.stock.state_dict())
        self.sam2 = ours
        self.ours = NetworkSegmenter(OnlySam2(ours), torch.float32)  # type: ignore[arg-type]
        random = np.random.default_rng(0)
        noise = [random.integers(0, 255, (6, 8, 3), np.uint8) for _ in range(frames)]
        self.pictures: list[RGB] = [np.kron(one, np.ones((15, 15, 1), np.uint8)) for one in noise]
        self.side = ours.input_size
        self.cache: dict[int, Any] = {}  # of clips of so many frames: what the image encoder says

    def session(self) -> Sam2VideoInferenceSession:
        pixels = [grounding_pixels(one, self.side, torch.float32, still=False) for one in self.pictures]
        return Sam2VideoInferenceSession(
            torch.cat(pixels),
            *SIZE,
            dtype=torch.float32,  # type: ignore[arg-type]
            max_vision_features_cache_size=len(self.pictures),
        )

    def put(self, session: Sam2VideoInferenceSession, pointed: Pointed) -> None:
        """Says to the stock session what ``pointed`` says, as transformers' processor would."""
        number = session.obj_id_to_idx(pointed.row)
        if pointed.mask is not None:
            mask = torch.from_numpy(pointed.mask)[None, None].float()
            size = (self.side, self.side)
            square = torch.nn.functional.interpolate(mask, size, mode="bilinear", antialias=True)
            session.add_mask_inputs(number, pointed.index, (square >= 0.5).float())
        else:
            corners = [] if pointed.box is None else [pointed.box[:2], pointed.box[2:]]
            places = [*corners, *((x, y) for x, y, _ in pointed.points)]
            labels = [*range(2, 2 + len(corners)), *(int(one) for *_, one in pointed.points)]
            session.add_point_inputs(
                number,
                pointed.index,
                {
                    "point_coords": self.side * torch.tensor([[places]], dtype=torch.float32),
                    "point_labels": torch.tensor([[labels]], dtype=torch.int32),
                },
            )
        session.obj_with_new_inputs.append(pointed.row)

    def stock_masks(self, pointed: list[Pointed]) -> np.ndarray:
        """(T, N, h, w) logits; each object in a session of its own, as a frame's memories are cut in one for
        all objects where one of them is pointed at."""
        rows = sorted({one.row for one in pointed})
        return np.stack([self._stock_object([one for one in pointed if one.row == row]) for row in rows], 1)

    def _stock_object(self, pointed: list[Pointed]) -> np.ndarray:
        found = {}
        for backwards in (True, False):  # each by itself: what was followed one way is no memory of the other
            session = self.session()
            session.cache = self.cache.setdefault(len(self.pictures), session.cache)
            for one in pointed:
                self.put(session, one)
                found[one.index] = self.stock(session, frame_idx=one.index).pred_masks
            first = min(one.index for one in pointed)
            for output in self.stock.propagate_in_video_iterator(session, first, reverse=backwards):
                found[output.frame_idx] = output.pred_masks
        return torch.cat([found[index][:, 0] for index in range(len(self.pictures))]).numpy()

    def our_masks(self, pointed: list[Pointed], *, still: bool = False) -> np.ndarray:
        """The same from our session."""
        objects = 1 + max(one.row for one in pointed)
        frames = [Frame(index, index, Fraction(1, 24), one) for index, one in enumerate(self.pictures)]
        joins = {row: min(one.index for one in pointed if one.row == row) for row in range(objects)}
        found: dict[tuple[int, int], np.ndarray] = {}
        with self.ours.open(still=still) as session:
            ways = session.point(None, (), objects, pointed, {})
            if ways.backwards is not None:
                for one in session.follow(frames[max(joins.values()) - 1 :: -1], ways.backwards):
                    rows = [row for row in joins if one.frame.index < joins[row]]
                    found |= {(one.frame.index, row): one.logits[row] for row in rows}
            for one in session.follow(frames, ways.forwards):
                rows = [row for row in joins if one.frame.index >= joins[row]]
                found |= {(one.frame.index, row): one.logits[row] for row in rows}
        return np.stack([np.stack([found[t, row] for row in joins]) for t in range(len(frames))])


def said(pair: Pair, row: int, index: int, kind: str) -> Pointed:
    """Something on a frame, another place for each object."""
    x, y = 0.2 + 0.2 * row, 0.3 + 0.15 * row
    if kind == "mask":
        mask = np.zeros(SIZE, np.bool_)
        mask[20 + 10 * row : 60, 10 + 20 * row : 70] = True
        return Pointed(row, index, pair.pictures[index], mask=mask)
    box = (x, y, x + 0.3, y + 0.25) if "box" in kind else None
    points = {
        "click": ((x, y, True),),
        "clicks": ((x, y, True), (x + 0.3, y, False), (x, y + 0.2, True)),
        "box and click": ((x + 0.1, y + 0.1, True),),
    }.get(kind, ())
    return Pointed(row, index, pair.pictures[index], points, box)


KINDS = ("click", "clicks", "box", "box and click", "mask")


@pytest.fixture(scope="module")
def small_sizes() -> dict[str, Any]:
    trunk = HIERA_LARGE["trunk"] | {
        "embed_dim": 16,
        "num_heads": 1,
        "stages": [1, 1, 2, 1],
        "global_att_blocks": [3],
        "window_spec": [8, 4, 4, 2],
    }
    return HIERA_LARGE | {
        "image_size": 128,
        "trunk": trunk,
        "d_model": 128,
        "memory_attention": {"num_layers": 2, "dim_feedforward": 64},
        "mask_decoder": {"mlp_dim": 64, "iou_head_hidden_dim": 32},
    }


@pytest.fixture(scope="module")
def pair(small_sizes: dict[str, Any]) -> Pair:
    return Pair(small_sizes)


def check(pair: Pair, pointed: list[Pointed]) -> None:
    got, wanted = pair.our_masks(pointed), pair.stock_masks(pointed)
    assert got.shape == wanted.shape
    seen = wanted > ABSENT_LOGIT
    assert seen.mean() > 0.5
    assert wanted[seen].std() > 0.5
    if got.shape[1] > 1:  # what was said about each object, and remembered of it, is heard on every frame
        assert np.abs(wanted[:, 0] - wanted[:, 1]).max(axis=(1, 2)).min() > 0.003
    kind = "image" if len(got) == 1 else "video"
    told = f"{kind}, {got.shape[1]} objects: logits differ by {np.abs(got - wanted).max():.1e} at most"
    sys.stdout.write(f"{told}, of a spread of {wanted[seen].std():.1f}\n")  # shown with -s
    np.testing.assert_allclose(got, wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("kind", "objects", "index"),
    [*((kind, 3, 4) for kind in KINDS), ("click", 1, 0), ("box", 1, FRAMES - 1), ("mask", 1, 4)],
)
def test_a_clip_is_followed_in_both_directions_as_by_stock_sam2(
    pair: Pair, kind: str, objects: int, index: int
) -> None:
    check(pair, [said(pair, row, index, kind) for row in range(objects)])


@pytest.mark.parametrize(("kind", "objects"), [*((kind, 3) for kind in KINDS), ("click", 1), ("mask", 1)])
def test_an_image_is_decoded_as_by_stock_sam2(pair: Pair, kind: str, objects: int) -> None:
    whole, pair.pictures = pair.pictures, pair.pictures[:1]
    try:
        check(pair, [said(pair, row, 0, kind) for row in range(objects)])
    finally:
        pair.pictures = whole


def test_objects_that_join_at_different_frames_are_followed_as_if_alone(pair: Pair) -> None:
    check(pair, [said(pair, 0, 2, "click"), said(pair, 1, 7, "box"), said(pair, 2, 2, "mask")])


@pytest.mark.slow
def test_the_full_size_network_agrees_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three frames of which the middle one is pointed at: both directions, every kind, and the picture alone.

    A picture takes either encoder seconds to minutes on a processor, so each one encodes it once.
    """
    pair = Pair(HIERA_LARGE, frames=3)
    encode, encoded = pair.sam2.encode, dict[bytes, ImageFeatures]()

    def encode_once(pixels: torch.Tensor) -> ImageFeatures:
        key = hashlib.sha256(pixels.numpy().tobytes()).digest()
        if key not in encoded:
            encoded[key] = encode(pixels)
        return encoded[key]

    monkeypatch.setattr(pair.sam2, "encode", encode_once)
    check(pair, [said(pair, row, 1, kind) for row, kind in enumerate(("click", "box", "mask"))])
    check(pair, [said(pair, 0, 1, "clicks")])
    pair.cache[1] = pair.cache[3]
    pair.pictures = pair.pictures[:1]
    check(pair, [said(pair, row, 0, kind) for row, kind in enumerate(("click", "box", "mask"))])
    check(pair, [said(pair, 0, 0, "clicks")])
    assert len(encoded) == 3
