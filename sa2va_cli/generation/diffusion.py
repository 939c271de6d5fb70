"""Pipelines of diffusers as back-ends: each with its own convention of masks, lengths and sizes.

None has been run with released weights: what is tested is that shapes, conventions and chunks are those that
the pipelines of the installed diffusers take (with small random ones).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import InputError, ModelError, UsageError
from sa2va_cli.generation.backend import Rule

_GREY = 127
"""What VACE was trained to see where something is to be made."""
_FACE_SIDE = 512
"""Pixels of a face's picture for Wan Animate, unless its motion encoder says otherwise."""
_WAN_LONGEST = 81
"""Frames of the clips that Wan was trained with: 5 s at 16 fps, and one."""
_SIDE = 832
"""Width of the 480p buckets of Wan 2.1 (832x480)."""
_ANIMATE_SIDE = 1280
"""Width of Wan 2.2 Animate's pictures (1280x720)."""

Masks = Sequence[NDArray[np.bool_]]


def load_pipeline(kind: str, weights: str) -> Any:
    """Loads a pipeline.

    Args:
        kind: its class in diffusers.
        weights: a folder, or an id of the Hugging Face hub.

    Raises:
        UsageError: diffusers is not installed.
        ModelError: the weights are not available, or not for this pipeline.
    """
    try:
        import diffusers
        import torch
    except ImportError as error:
        raise UsageError(
            "--backend of this kind needs diffusers, which is not installed: pip install 'sa2va[generate]'"
        ) from error
    on_gpu = torch.cuda.is_available()
    try:
        pipeline = getattr(diffusers, kind).from_pretrained(
            weights, torch_dtype=torch.bfloat16 if on_gpu else torch.float32
        )
    except (OSError, ValueError, AttributeError, KeyError) as error:
        said = str(error).strip().splitlines()
        raise ModelError(
            f"--backend: {weights} cannot be loaded as {kind}: {said[0] if said else error}"
        ) from error
    if on_gpu:
        pipeline.enable_model_cpu_offload()
    return pipeline


def _divisor(pipeline: Any) -> int:
    """What both sides must be divisible by: the VAE's factor times the patch of the transformer."""
    return int(pipeline.vae_scale_factor_spatial * pipeline.transformer.config.patch_size[1])


def _pictures(frames: Sequence[RGB]) -> list[Image.Image]:
    return [Image.fromarray(frame) for frame in frames]


def _white(masks: Masks) -> list[Image.Image]:
    """Masks as pictures, white where something is to be made."""
    return [Image.fromarray(mask.view(np.uint8) * np.uint8(255)) for mask in masks]


def _run(name: str, pipeline: Any, **arguments: Any) -> list[RGB]:
    """Runs a pipeline.

    Returns:
        (H, W, 3) uint8 each.

    Raises:
        ModelError: it fails.
    """
    import torch

    try:
        done = pipeline(generator=torch.Generator().manual_seed(0), output_type="np", **arguments)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"--backend {name} failed: {' '.join(str(error).split())}") from error
    return [np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8) for frame in done.frames[0]]


@dataclass(frozen=True)
class WanVace:
    """``WanVACEPipeline``: white is made anew, what is under it is grey in the source, 4n+1 frames.

    Attributes:
        pipeline: of diffusers.
        steps: of denoising.
        longest: frames at once.
        overlap: frames that two chunks share.
    """

    pipeline: Any
    steps: int = 30
    longest: int = _WAN_LONGEST
    overlap: int = 8
    name = "wan-vace"

    @property
    def rule(self) -> Rule:
        """What it takes."""
        return Rule(self.longest, 4, self.overlap, _divisor(self.pipeline), _SIDE, grow=6)

    def make(self, frames: Sequence[RGB], masks: Masks, prompt: str) -> Sequence[RGB]:
        """Makes frames; see ``BackEnd``."""
        height, width = frames[0].shape[:2]
        return _run(
            self.name,
            self.pipeline,
            video=_pictures([greyed(*one) for one in zip(frames, masks, strict=True)]),
            mask=_white(masks),
            prompt=prompt,
            height=height,
            width=width,
            num_frames=len(frames),
            num_inference_steps=self.steps,
        )


def greyed(frame: RGB, mask: NDArray[np.bool_]) -> RGB:
    """A frame that is grey where something is to be made."""
    made = frame.copy()
    made[mask] = _GREY
    return made


@dataclass(frozen=True)
class WanAnimate:
    """``WanAnimatePipeline`` that replaces: white is made anew, in segments of 77 frames.

    It takes a picture of who is to be seen, and pictures of pose and face. There is no pose network here: the
    subject itself, on black, stands for its pose, and the upper part of its box for the face.

    Attributes:
        pipeline: of diffusers.
        reference: who is to be seen.
        steps: of denoising.
        segment: frames of a segment.
    """

    pipeline: Any
    reference: Path
    steps: int = 20
    segment: int = 77
    name = "wan-animate"

    @property
    def rule(self) -> Rule:
        """What it takes."""
        return Rule(self.segment, 4, 1, _divisor(self.pipeline), _ANIMATE_SIDE, grow=6)

    def make(self, frames: Sequence[RGB], masks: Masks, prompt: str) -> Sequence[RGB]:
        """Makes frames; see ``BackEnd``.

        Raises:
            InputError: the reference cannot be read.
        """
        height, width = frames[0].shape[:2]
        side = int(getattr(self.pipeline.transformer.config, "motion_encoder_size", _FACE_SIDE) or _FACE_SIDE)
        try:
            with Image.open(self.reference) as opened:
                reference = opened.convert("RGB")
        except OSError as error:
            raise InputError(f"--reference {self.reference}: {error.strerror or 'no picture'}") from error
        pairs = list(zip(frames, masks, strict=True))
        made = _run(
            self.name,
            self.pipeline,
            image=reference,
            pose_video=_pictures([np.where(mask[..., None], frame, np.uint8(0)) for frame, mask in pairs]),
            face_video=_pictures([face(frame, mask, side) for frame, mask in pairs]),
            background_video=_pictures(
                [np.where(mask[..., None], np.uint8(0), frame) for frame, mask in pairs]
            ),
            mask_video=_white(masks),
            mode="replace",
            prompt=prompt,
            height=height,
            width=width,
            segment_frame_length=self.segment,
            num_inference_steps=self.steps,
        )
        return made[: len(frames)]


def face(frame: RGB, mask: NDArray[np.bool_], side: int) -> RGB:
    """The upper part of a subject's box as a square picture; black where there is no subject."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((side, side, 3), np.uint8)
    left, right, top = int(columns[0]), int(columns[-1]) + 1, int(rows[0])
    below = min(frame.shape[0], top + max(1, min(right - left, int(rows[-1]) + 1 - top)))
    made: RGB = cv2.resize(frame[top:below, left:right], (side, side), interpolation=cv2.INTER_AREA)
    return made


@dataclass(frozen=True)
class LucyEdit:
    """``LucyEditPipeline``: takes no mask, so that only our compositing keeps the rest; 4n+1 frames.

    Attributes:
        pipeline: of diffusers.
        steps: of denoising.
        longest: frames at once.
        overlap: frames that two chunks share.
    """

    pipeline: Any
    steps: int = 30
    longest: int = _WAN_LONGEST
    overlap: int = 8
    name = "lucy-edit"

    @property
    def rule(self) -> Rule:
        """What it takes."""
        return Rule(self.longest, 4, self.overlap, _divisor(self.pipeline), _SIDE)

    def make(self, frames: Sequence[RGB], masks: Masks, prompt: str) -> Sequence[RGB]:
        """Makes frames; see ``BackEnd``."""
        del masks  # it has no use for them
        height, width = frames[0].shape[:2]
        return _run(
            self.name,
            self.pipeline,
            video=_pictures(frames),
            prompt=prompt,
            height=height,
            width=width,
            num_frames=len(frames),
            num_inference_steps=self.steps,
        )
