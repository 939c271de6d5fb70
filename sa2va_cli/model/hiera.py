"""The trunk of SAM 2's image encoder, Hiera, computed on the parameters of transformers' model of it.

Ryali et al., "Hiera" (ICML 2023). Tokens are kept in the order of the windows they attend in, so blocks of
one stage need no rearranging between them; everything but attention is blind to order.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sa2va_cli.model.derived import DerivedTensor
from sa2va_cli.model.parts import in_parts


class Trunk:
    """Runs a Hiera.

    Args:
        backbone: a ``Sam2HieraDetModel``; its modules keep their names, so checkpoints load as ever.
        side: of the input in pixels.
    """

    def __init__(self, backbone: Any, side: int) -> None:
        self.backbone = backbone
        self.side = side // 4  # patches are four pixels apart
        self.positions = DerivedTensor(
            lambda: backbone._get_pos_embed((self.side, self.side)),
            lambda: (backbone.pos_embed, backbone.pos_embed_window),
        )
        """Position embedding (1, side, side, C)."""

    def __call__(self, pixels: Tensor) -> list[Tensor]:
        """Encodes pictures.

        Args:
            pixels: (B, 3, S, S) normalised.

        Returns:
            The map after each stage, (B, s, s, C), from S/4 cells a side down to S/32.
        """
        x = self.backbone.patch_embed(pixels) + self.positions()
        batch, side, window = len(pixels), self.side, self.side
        maps = []
        for number, block in enumerate(self.backbone.blocks):
            wanted = block.window_size or side
            fits = side % wanted == 0
            x = _ordered(x, batch, side, window, wanted if fits else side)
            window = wanted if fits else side
            if fits and window < side:  # windows know nothing of each other
                x = _windows(block, x, window)
            else:
                x = _block(block, x, window if fits else wanted)
            if block.query_stride:
                side, window = side // 2, window // 2
            if number in self.backbone.stage_ends:
                maps.append(_ordered(x, batch, side, window, side))
        return maps


def _ordered(x: Tensor, batch: int, side: int, old: int, new: int) -> Tensor:
    """Rearranges tokens (windows, w, w, C) of windows ``old`` cells wide into windows ``new`` cells wide."""
    if old == new:
        return x
    width = x.shape[-1]
    if old != side:
        count = side // old
        x = x.reshape(batch, count, count, old, old, width).transpose(2, 3).reshape(batch, side, side, width)
    if new != side:
        count = side // new
        x = x.reshape(batch, count, new, count, new, width).transpose(2, 3).reshape(-1, new, new, width)
    return x


def _windows(block: Any, x: Tensor, window: int) -> Tensor:
    """One transformer block on windows (W, w, w, C)."""
    return in_parts(lambda part: _block(block, part, window), x, window**2 * block.mlp.proj_in.out_features)


def _block(block: Any, x: Tensor, window: int) -> Tensor:
    """One transformer block on windows (W, w, w, C); halves them where the block pools its queries.

    Where ``window`` is not w, windows do not divide the map, and x is the whole map (B, s, s, C).
    """
    normed = block.layer_norm1(x)
    if block.dim != block.dim_out:
        x = block.proj(normed)
        x = _pooled(x) if block.query_stride else x
    fits = normed.shape[1] == window
    x = x + (_attention(block.attn, normed) if fits else _padded_attention(block.attn, normed, window))
    rows = in_parts(lambda part: _fed(block, part), x.flatten(0, 2), block.mlp.proj_in.out_features)
    return rows.view(x.shape)


def _fed(block: Any, x: Tensor) -> Tensor:
    mlp = block.mlp
    fed: Tensor = x + mlp.proj_out(mlp.activation(mlp.proj_in(block.layer_norm2(x))))
    return fed


def _padded_attention(attention: Any, x: Tensor, window: int) -> Tensor:
    """Attention in windows over a map (B, s, s, C) that is padded with zeros to be divided by them."""
    batch, side = x.shape[:2]
    missing = -side % window
    padded = F.pad(x, (0, 0, 0, missing, 0, missing))
    out = _attention(attention, _ordered(padded, batch, side + missing, side + missing, window))
    stride = window // out.shape[1]
    whole = (side + missing) // stride
    out = _ordered(out, batch, whole, out.shape[1], whole)
    return out[:, : side // stride, : side // stride]


def _attention(attention: Any, x: Tensor) -> Tensor:
    windows = len(x)
    heads = attention.num_attention_heads
    q, k, v = attention.qkv(x).chunk(3, dim=-1)  # each (W, w, w, C)
    q = _pooled(q) if attention.query_stride else q
    out_side = q.shape[1]
    q, k, v = (t.reshape(windows, -1, heads, t.shape[-1] // heads).transpose(1, 2) for t in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v)
    return attention.proj(out.transpose(1, 2).reshape(windows, out_side, out_side, -1))


def _pooled(x: Tensor) -> Tensor:
    """The largest of every 2 x 2 cells of (W, w, w, C)."""
    rows = torch.maximum(x[:, 0::2], x[:, 1::2])
    return torch.maximum(rows[:, :, 0::2], rows[:, :, 1::2])
