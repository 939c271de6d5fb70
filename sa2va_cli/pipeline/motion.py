"""How well masks fit those of the frame before, moved as the picture moved.

Works on small grey pictures: the question is whether a mask jumped, not where its edge runs.
"""

import io
import zipfile

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Frame
from sa2va_cli.pipeline.shots import ONE, Shots

_LONG, _SHORT = 160, 90
"""Pixels of the longer side of small pictures, and of the shorter one at least: on narrower ones OpenCV's
flow reads beyond its memory. Motion of a tenth of the picture is still found at this size."""

Floats = NDArray[np.float32]


class MotionCheck:
    """Compares the masks of each frame with those of the one before; remembers one small frame.

    Args:
        shots: of the clip: nothing moves over a cut.
        last: index of the frame before the first one that is taken, where there was one.
    """

    def __init__(self, shots: Shots = ONE, last: int = -1) -> None:
        self.shots = shots
        self._last = last
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._before: tuple[NDArray[np.uint8], Floats] | None = None

    def agreements(self, frame: Frame, logits: Floats) -> Floats:
        """Takes the next frame.

        Args:
            frame: with its picture.
            logits: (N, h, w) of the same objects on every frame.

        Returns:
            (N,) IoU of each soft mask with its warped predecessor, 0..1; 1 on the first frame of a shot and
            where both are empty.
        """
        if self.shots.place_of(frame.index) != self.shots.place_of(self._last):
            self._before = None
        self._last = frame.index
        grey = _small_grey(frame)
        alphas = _alphas(logits, grey.shape)
        before, self._before = self._before, (grey, alphas)
        if before is None or not len(logits) or before[0].shape != grey.shape:
            return np.ones(len(logits), np.float32)
        # From this frame back to the last one: where each pixel of this one came from.
        flow = self._flow.calc(grey, before[0], None)
        y, x = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
        x, y = x + flow[..., 0], y + flow[..., 1]
        moved = [cv2.remap(one, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for one in before[1]]
        return np.array([_soft_iou(a, b) for a, b in zip(alphas, moved, strict=True)], np.float32)

    def freeze(self) -> bytes:
        """Packs what is remembered, to go on from it in another process."""
        file = io.BytesIO()
        grey, alphas = self._before or (np.zeros((0, 0), np.uint8), np.zeros((0, 0, 0), np.float32))
        np.savez(file, grey=grey, alphas=alphas)
        return file.getvalue()

    def thaw(self, data: bytes) -> None:
        """Takes on what ``freeze`` packed.

        Raises:
            ValueError: it is damaged.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                grey, alphas = held["grey"], held["alphas"]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"damaged memory of motion: {error}") from error
        self._before = (grey, alphas) if grey.size else None


def _small_grey(frame: Frame) -> NDArray[np.uint8]:
    width, height = frame.size
    scale = _LONG / max(width, height)
    size = max(_SHORT, round(width * scale)), max(_SHORT, round(height * scale))
    small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))


def _alphas(logits: Floats, shape: tuple[int, ...]) -> Floats:
    """(N, H, W) soft masks on the small picture."""
    alphas = np.empty((len(logits), *shape), np.float32)
    for k, one in enumerate(logits):
        soft = 1 / (1 + np.exp(-np.clip(one, -30, 30)))
        cv2.resize(soft, shape[::-1], dst=alphas[k], interpolation=cv2.INTER_LINEAR)
    return alphas


def _soft_iou(one: Floats, other: Floats) -> float:
    """The sum of minima over the sum of maxima; 1 for two masks of less than a pixel."""
    union = float(np.maximum(one, other).sum())
    return float(np.minimum(one, other).sum()) / union if union >= 1 else 1.0
