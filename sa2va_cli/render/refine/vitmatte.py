"""ViTMatte: a network that finds alpha in the unknown band of a trimap.

Yao et al., "ViTMatte: Boosting Image Matting with Pre-trained Plain Vision Transformers" (2023), as
transformers has it. It looks at one frame at a time, so its alpha may flicker. Its published weights were
trained on sets that are licensed for research only: whoever uses them commercially has to settle that
question first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import ModelError
from sa2va_cli.render.crop import mask_box, padded
from sa2va_cli.render.refine.trimap import UNKNOWN, trimap

Floats = NDArray[np.floating]

WEIGHTS = "hustvl/vitmatte-small-composition-1k"
"""On the hub; also -base- and -distinctions-646."""

_SIDES = 32  # multiples that the network takes, as its image processor pads
_MARGIN = 0.1
_LEAST_MARGIN = 32


class VitMatte:
    """Refines soft masks along their edges.

    Args:
        network: a ``VitMatteForImageMatting``, in evaluation mode.
    """

    def __init__(self, network: Any) -> None:
        self._network = network

    @classmethod
    def load(cls, name: str = WEIGHTS, device: str = "cpu") -> "VitMatte":
        """Loads published weights.

        Args:
            name: of a repository on the hub, or a folder.
            device: where the network runs.

        Raises:
            ModelError: the weights are not available.
        """
        from transformers import VitMatteForImageMatting

        try:
            network = VitMatteForImageMatting.from_pretrained(name)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"cannot load {name} for vitmatte refinement; give a folder with its files, or use guided"
            ) from error
        return cls(network.eval().to(device))

    def __call__(self, image: RGB, soft: Floats) -> Floats:
        """Refines one frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            soft: (H, W) float32 in 0..1.

        Returns:
            (H, W) float32 alpha in 0..1: exactly 0 or 1 outside the band.
        """
        division = trimap(soft)
        alpha = division / np.float32(255)
        box = mask_box(division == UNKNOWN)
        if box is None:
            return alpha
        box = padded(box, (soft.shape[1], soft.shape[0]), _MARGIN, even=False, least=_LEAST_MARGIN)
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        found = self._run(image[part], division[part])
        alpha[part] = np.where(division[part] == UNKNOWN, found, alpha[part])
        return alpha

    def _run(self, image: RGB, division: NDArray[np.uint8]) -> Floats:
        """Alpha of a part, prepared as ``VitMatteImageProcessor`` does: normalised, with trimap, padded."""
        import torch

        height, width = division.shape
        planes = np.zeros((1, 4, height + -height % _SIDES, width + -width % _SIDES), np.float32)
        planes[0, :3, :height, :width] = image.transpose(2, 0, 1) / np.float32(127.5) - 1
        planes[0, 3, :height, :width] = division / np.float32(255)
        with torch.inference_mode():
            pixels = torch.from_numpy(planes).to(next(self._network.parameters()).device)
            alphas = self._network(pixel_values=pixels).alphas
        return np.asarray(alphas[0, 0, :height, :width].float().clamp(0, 1).cpu().numpy())
