"""EdgeTAM, a small SAM 2 (Zhou et al., 2025): a light trunk, and memories of a few hundred cells a frame.

It only follows: what it is given are masks, points and boxes. Built on the layers of transformers'
``EdgeTamVideoModel``; every rule that is not here is SAM 2's.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import EdgeTamVideoConfig, EdgeTamVideoModel

from sa2va_cli.model.attention import rotate, sine_positions
from sa2va_cli.model.hiera import Trunk
from sa2va_cli.model.memory_attention import MemoryAttention, Positions
from sa2va_cli.model.repvit import RepVit
from sa2va_cli.model.sam2 import Sam2


class ResampledMemoryAttention(MemoryAttention):
    """The memory attention of an EdgeTAM, to memories of fewer cells than its map has.

    Args:
        layers: transformers' model of it.

    Attributes:
        loose: how many cells of a memory lie nowhere in particular.
        placed: how many a side of those that have a place.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__(layers)
        layers.memory_attention.position_ids_k = None
        self.loose: int = layers.spatial_perceiver.num_latents_1d
        self.placed: int = round(layers.spatial_perceiver.num_latents_2d**0.5)

    def _turned_memories(self, keys: Tensor) -> Tensor:
        loose, placed = keys.split([self.loose, self.placed**2], dim=2)
        return torch.cat([loose, rotate(placed, *self._rotation(self.placed))], dim=2)

    @staticmethod
    def _feed_forward(layer: Any, x: Tensor) -> Tensor:
        fed: Tensor = layer.mlp(x)
        return fed

    def _positions(self) -> Positions:
        placed = self._sines(self.placed, self._memory_width)
        nowhere = placed.new_zeros(1, self.loose, self._memory_width)
        return replace(super()._positions(), memories=torch.cat([nowhere, placed], dim=1))


class EdgeTam(Sam2):
    """An EdgeTAM with the methods of a SAM 2; it takes no language queries.

    Args:
        config: of transformers; its trunk is that of SAM 2.
        repvit: whether the trunk is RepViT instead, which transformers leaves to another library.
    """

    def __init__(self, config: EdgeTamVideoConfig, *, repvit: bool = False) -> None:
        nn.Module.__init__(self)
        self.layers: Any = EdgeTamVideoModel(config)
        self.language_decoder = None
        if repvit:
            self.layers.vision_encoder.backbone = RepVit()
        backbone = self.layers.vision_encoder.backbone
        attention = ResampledMemoryAttention(self.layers)
        self._set_up(config, self._maps if repvit else Trunk(backbone, config.image_size), attention)
        self._placed = attention.placed
        self.memory_cells = attention.loose + attention.placed**2

    def _maps(self, pixels: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.layers.vision_encoder.backbone(pixels)
        return maps

    def _kept(self, features: Tensor) -> Tensor:
        """Resamples features (N, memory_width, s, s): of the whole map, and of each of its windows."""
        resampler, side = self.layers.spatial_perceiver, self._placed
        n, cells = len(features), features.flatten(2).transpose(1, 2)  # (N, s*s, memory_width)
        places = sine_positions(self.grid, self.memory_width, self.device).to(self.dtype)
        loose = resampler.latents_1d.expand(n, -1, -1)
        windows = features.unflatten(3, (side, -1)).unflatten(2, (side, -1)).permute(0, 2, 4, 3, 5, 1)
        windows = windows.reshape(n * side**2, -1, self.memory_width)
        placed = resampler.latents_2d.repeat(n, 1)[:, None]  # (N * windows, 1, memory_width)
        for layer in resampler.layers:
            loose = layer(loose, cells, places.expand(n, -1, -1))
            placed = layer(placed, windows)
        kept: Tensor = resampler.layer_norm(torch.cat([loose, placed.view(n, side**2, -1)], dim=1))
        return kept
