"""SAM 2's memory attention: a frame looks at memories and pointers of its objects.

Computed on the parameters of transformers' model of it, because every object of a frame shares the same image
features, and because memories that are looked at by several frames are laid out once.
Knows nothing about time: which memories are attended to is the tracker's decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sa2va_cli.model.attention import age_waves, axial_rotation, look_up, rotate, sine_positions
from sa2va_cli.model.derived import DerivedTensor
from sa2va_cli.model.mask_decoder import each_alone
from sa2va_cli.model.parts import in_parts
from sa2va_cli.model.sam2_maps import joined

MAX_POINTER_DISTANCE = 15
"""How many frames back object pointers are attended to: SAM 2's max_object_pointers_in_encoder minus one."""


@dataclass(frozen=True, eq=False)
class LaidOutMemory:
    """Spatial memories of N objects, ready to be attended to.

    Attributes:
        values: (N, L, memory_width).
        keys: for each layer of the memory attention (N, L, C), projected and rotated.
    """

    values: Tensor
    keys: tuple[Tensor, ...]

    def __getitem__(self, objects: slice) -> "LaidOutMemory":
        return LaidOutMemory(self.values[objects], tuple(keys[objects] for keys in self.keys))


@dataclass(frozen=True, eq=False)
class Past:
    """What N objects look back at from one frame.

    Attributes:
        memories: spatial memories, in any number of parts.
        pointers: (N, P, C) object pointers, or (1, 0, C) for none.
        ages: see ``MemoryAttention.attend``.
    """

    memories: Sequence[LaidOutMemory]
    pointers: Tensor
    ages: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Positions:
    """What says where things are, the same for every picture.

    Attributes:
        cells: (1, s*s, C) sines of the cells of the lowest map.
        memories: (1, cells, memory_width) the same for the cells of memories.
        rotation: of the cells of the lowest map, see ``axial_rotation``.
    """

    cells: Tensor
    memories: Tensor
    rotation: tuple[Tensor, Tensor]


class MemoryAttention:
    """The memory attention of a SAM 2, whose lowest map has s cells a side and C channels.

    Args:
        layers: transformers' model of it, whose parameters are used.

    Attributes:
        dates_pointers: whether it looks at how old pointers are, as SAM 2.1 does.
        positions: a ``DerivedTensor`` of ``Positions``.
    """

    def __init__(self, layers: Any) -> None:
        config = layers.config
        # Position encodings are computed here, once per size and device.
        layers.memory_attention.rotary_emb = torch.nn.Identity()
        layers.memory_attention.position_ids = None
        self._layers = layers
        self._grid: int = config.image_size // 16
        self._width: int = config.vision_config.fpn_hidden_size
        self._memory_width: int = config.memory_encoder_output_channels
        self.dates_pointers: bool = config.enable_temporal_pos_encoding_for_object_pointers
        # EdgeTAM's has another name, and is small.
        self._fed_width: int = getattr(config, "memory_attention_feed_forward_hidden_size", 4 * self._width)
        self.positions = DerivedTensor(self._positions, self._position_sources)

    def lay_out(self, memories: Tensor, slots: Tensor) -> LaidOutMemory:
        """Prepares spatial memories for ``attend``: what depends on them alone, and not on the frame.

        Args:
            memories: (N, M, memory_cells, memory_width) of N objects.
            slots: (M,) index into the temporal encodings of each memory: 0 for the frame just before, the
                last one for conditioning frames.
        """
        n, m, cells, width = memories.shape
        temporal = self._layers.memory_temporal_positional_encoding[slots, 0, 0]  # (M, memory_width)
        positions = self.positions().memories + temporal[:, None]  # (M, memory_cells, memory_width)
        keys = tuple(
            self._turned_memories(layer.cross_attn_image.k_proj(memories + positions)).flatten(1, 2)
            for layer in self._layers.memory_attention.layers
        )
        return LaidOutMemory(memories.reshape(n, m * cells, width), keys)

    def _turned_memories(self, keys: Tensor) -> Tensor:
        """Keys (N, M, memory_cells, C) of spatial memories with the rotary encoding of their places."""
        return rotate(keys, *self.positions().rotation)

    def attend(
        self,
        low: Tensor,
        memories: Sequence[LaidOutMemory],
        pointers: Tensor,
        ages: Tensor | None = None,
        counts: Tensor | None = None,
    ) -> Tensor:
        """Lets the lowest map of a frame attend to memories of the objects.

        Args:
            low: (N, C, s, s) raw lowest map, or (1, C, s, s) shared by all objects: then what does not
                depend on the object, up to the first look at the memories, is computed once.
            memories: spatial memories of N objects, in any number of parts.
            pointers: (N, P, C) object pointers, P may be 0.
            ages: (P,) how many frames ago each pointer was made; a SAM 2.0 does not look at them.
            counts: (L,) one for each key of the memories and then of the pointers' tokens that is looked at,
                zero for those that fill a gap; None where all are.

        Returns:
            (N, C, s, s).
        """
        return self.attend_together([low], [Past(memories, pointers, ages)], counts)

    def attend_together(
        self, lows: Sequence[Tensor], pasts: Sequence[Past], counts: Tensor | None = None
    ) -> Tensor:
        """Lets the lowest maps of several frames attend, each to what its own objects look back at.

        Args:
            lows: of each frame (N, C, s, s), or (1, C, s, s); see ``attend``.
            pasts: of each frame.
            counts: see ``attend``.

        Returns:
            (N, C, s, s) of all objects, frame by frame.
        """
        tokens = [self._tokens(past) for past in pasts]
        values = [
            [*(memory.values for memory in past.memories), own]
            for past, (own, _) in zip(pasts, tokens, strict=True)
        ]
        objects = [len(past.memories[0].values) for past in pasts]
        rows = [len(low) for low in lows]
        x = joined(lows).flatten(2).transpose(1, 2)  # (rows, s*s, C)
        x = x + 0.1 * self.positions().cells
        rotation = self.positions().rotation
        for number, layer in enumerate(self._layers.memory_attention.layers):
            x = x + self._self_attention(layer, layer.layer_norm1(x), rotation)
            attention = layer.cross_attn_image
            queries = rotate(attention.q_proj(layer.layer_norm2(x)), *rotation)
            looked_up = [
                look_up(
                    own,
                    [*(memory.keys[number] for memory in past.memories), each_alone(attention.k_proj, told)],
                    seen,
                    attention.v_proj,
                    counts,
                )
                for own, past, (_, told), seen in zip(queries.split(rows), pasts, tokens, values, strict=True)
            ]
            x = _one_for_each(x, rows, objects) + attention.o_proj(joined(looked_up))
            rows = objects
            x = in_parts(partial(self._fed, layer), x.flatten(0, 1), self._fed_width).view(x.shape)
        x = self._layers.memory_attention.layer_norm(x)
        return x.transpose(1, 2).unflatten(2, (self._grid, self._grid))

    def _tokens(self, past: Past) -> tuple[Tensor, Tensor]:
        """Object pointers as tokens (N, several for each, memory_width), and the same with their age."""
        pointers, ages = past.pointers, past.ages
        tokens = pointers.reshape(len(pointers), -1, self._memory_width)
        tokens = tokens.expand(len(past.memories[0].values), -1, -1)
        return tokens, tokens if ages is None or not self.dates_pointers else tokens + self._dates(ages)

    def _dates(self, ages: Tensor) -> Tensor:
        """What SAM 2.1 adds to the tokens of pointers that are so many frames old: (tokens, memory_width)."""
        waves = age_waves(ages / MAX_POINTER_DISTANCE, self._width).to(self._layers.no_memory_embedding.dtype)
        dates: Tensor = self._layers.temporal_positional_encoding_projection_layer(waves)
        return dates.repeat_interleave(self._width // self._memory_width, dim=0)

    def _fed(self, layer: Any, x: Tensor) -> Tensor:
        return x + self._feed_forward(layer, layer.layer_norm3(x))

    @staticmethod
    def _feed_forward(layer: Any, x: Tensor) -> Tensor:
        fed: Tensor = layer.linear2(layer.activation(layer.linear1(x)))
        return fed

    @staticmethod
    def _self_attention(layer: Any, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        attention = layer.self_attn
        q = rotate(attention.q_proj(x), *rotation)
        k = rotate(attention.k_proj(x), *rotation)
        v = attention.v_proj(x)
        return attention.o_proj(F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0])

    def _positions(self) -> Positions:
        return Positions(
            cells=self._sines(self._grid, self._width),
            memories=self._sines(self._grid, self._memory_width),
            rotation=self._rotation(self._grid),
        )

    def _sines(self, side: int, width: int) -> Tensor:
        mark = self._layers.no_memory_embedding
        return sine_positions(side, width, mark.device).to(mark.dtype)

    def _rotation(self, side: int) -> tuple[Tensor, Tensor]:
        return axial_rotation(side, self._width, self._layers.no_memory_embedding.device)

    def _position_sources(self) -> tuple[Tensor, ...]:
        return (self._layers.no_memory_embedding,)


def _one_for_each(x: Tensor, rows: Sequence[int], objects: Sequence[int]) -> Tensor:
    """Repeats what frames have one row of for each of their objects; what is alone repeats itself."""
    if len(rows) == 1 or list(rows) == list(objects):
        return x
    parts = zip(x.split(list(rows)), objects, strict=True)
    return torch.cat([part.expand(count, -1, -1) for part, count in parts])
