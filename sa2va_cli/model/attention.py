"""Attention to memories: where things are in a picture, and looking up values far narrower than keys.

Knows nothing about what is remembered, nor about layers and their parameters.
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from functools import lru_cache
from threading import Lock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROPE_THETA = 10_000.0

ROWS, COLUMNS = 512, 1024
"""Queries and keys whose scores are held at once: as many as are fastest on a CPU."""


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)
def axial_rotation(grid: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines (grid*grid, width) of SAM 2's axial rotary encoding: columns first, then rows."""
    steps = torch.arange(0, width // 2, 2, device=device, dtype=torch.float32)
    frequencies = ROPE_THETA ** -(steps / (width // 2))
    cells = torch.arange(grid**2, device=device)
    columns, rows = cells % grid, cells // grid
    angles = torch.cat([columns[:, None] * frequencies, rows[:, None] * frequencies], dim=-1)
    angles = angles.repeat_interleave(2, dim=-1)
    return angles.cos(), angles.sin()


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)
def sine_positions(grid: int, width: int, device: torch.device) -> Tensor:
    """(1, grid*grid, width) sines and cosines of row, then column, over one turn of the picture.

    Source: "Attention is all you need", applied to both axes as in DETR and SAM 2.
    """
    steps = torch.arange(1, grid + 1, device=device, dtype=torch.float32) / (grid + 1e-6) * 2 * torch.pi
    pairs = torch.arange(width // 4, device=device, dtype=torch.float32)
    angles = steps[:, None] / 10_000 ** (2 * pairs / (width // 2))  # (grid, width / 4)
    axis = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)  # (grid, width / 2)
    rows = axis[:, None].expand(grid, grid, -1)
    columns = axis[None].expand(grid, grid, -1)
    return torch.cat([rows, columns], dim=-1).reshape(1, grid * grid, width)


def age_waves(ages: Tensor, width: int) -> Tensor:
    """Sines and cosines (P, width) of ages (P,), float32, where 1 is the oldest that is usual.

    Source: ``get_1d_sine_pe`` of SAM 2.1 (facebookresearch/sam2, sam2_utils.py).
    """
    half = width // 2
    steps = torch.arange(half, device=ages.device, dtype=torch.float32)
    turns = ages[:, None] / 10_000 ** (2 * torch.div(steps, 2, rounding_mode="floor") / half)
    return torch.cat([turns.sin(), turns.cos()], dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns neighbouring pairs of channels of (N, L, C) by the angles of (L, C), in float32."""
    pairs = x.float().unflatten(-1, (-1, 2))
    if x.device.type == "cpu" and not torch.is_grad_enabled() and not torch.compiler.is_compiling():
        # The same numbers in one pass instead of six.
        return torch.view_as_real(torch.view_as_complex(pairs) * _turns(cos, sin)).flatten(-2).to(x.dtype)
    turned = torch.stack((-pairs[..., 1], pairs[..., 0]), dim=-1).flatten(-2)
    return (x.float() * cos + turned * sin).to(x.dtype)


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)
def _turns(cos: Tensor, sin: Tensor) -> Tensor:
    """The angles of (L, C), each twice, as complex numbers (L, C/2), for the tables that are kept as well."""
    return torch.complex(cos[:, ::2].contiguous(), sin[:, ::2].contiguous())


def look_up(
    queries: Tensor,
    keys: Sequence[Tensor],
    values: Sequence[Tensor],
    project: nn.Module,
    counts: Tensor | None = None,
) -> Tensor:
    """Attention of one head: (N, Q, C).

    Rows of a softmax sum to one, so values can be projected after they are averaged; before, they are
    narrower. In training it is done in the usual order, for which every device has a kernel with a gradient.

    Args:
        queries: (N, Q, C), or (1, Q, C) for all.
        keys: parts (N, K, C) of all keys.
        values: the same parts (N, K, V).
        project: from V to C.
        counts: (L,) one for each of all keys that is looked at, zero for those that fill a gap; None where
            all are. Fused kernels take no mask: instead, filling keys have zero for their value, and what
            the others' shares sum to is averaged with the values and divided by.
    """
    if counts is not None:
        return _looked_up_with_gaps(queries, keys, values, project, counts)
    if queries.device.type == "cpu" and not torch.is_grad_enabled():
        return project(_averaged(queries, keys, values).to(queries.dtype))
    training, joined, seen = torch.is_grad_enabled(), torch.cat(list(keys), 1), torch.cat(list(values), 1)
    queries = _each(queries, len(joined))[:, None]
    seen = project(seen) if training else seen
    looked_up = F.scaled_dot_product_attention(queries, joined[:, None], seen[:, None])[:, 0]
    return looked_up if training else project(looked_up)


def _each(queries: Tensor, count: int) -> Tensor:
    """Queries (N or 1, Q, C) of N objects in memory of their own.

    cuDNN's kernel lays its result out as the queries lie, and fails with several that lie in one place.
    """
    return queries.expand(count, -1, -1).contiguous()


def _looked_up_with_gaps(
    queries: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor], project: nn.Module, counts: Tensor
) -> Tensor:
    joined, seen = torch.cat(list(keys), 1), torch.cat(list(values), 1)
    width = seen.shape[2]
    marks = counts.to(seen.dtype)[None, :, None]
    # CUDA's flash kernel wants values as wide as keys (sdp_utils.cpp, check_head_dim_size_flash); narrow ones
    # leave the memory-efficient kernel, or cuDNN's on Hopper, which want multiples of 16 bytes.
    wide = joined.shape[2] if joined.device.type == "cuda" else width + 8
    filling = seen.new_zeros(()).expand(*seen.shape[:2], wide - width - 1)
    seen = torch.cat([seen * marks, marks.expand(len(seen), -1, 1), filling], dim=2)
    queries = _each(queries, len(joined))[:, None]
    looked_up = F.scaled_dot_product_attention(queries, joined[:, None], seen[:, None])[:, 0]
    return project(looked_up[..., :width] / looked_up[..., width : width + 1])


def _averaged(queries: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
    """Values averaged as queries match keys: (N, Q, V) in float32, on a CPU.

    torch has no fused kernel for values unlike keys. Scores are held tile by tile, and a row's sums scaled
    anew where a later tile holds a higher score (Milakov and Gimelshein 2018, "Online normalizer calculation
    for softmax"). Powers are of two, as torch has those of e from a slower library. Parts are not joined:
    memory for all keys of several objects is fetched anew from the system each time, which takes longer than
    the arithmetic.
    """
    half = queries.dtype == torch.bfloat16
    queries = queries.float() * (queries.shape[-1] ** -0.5 * math.log2(math.e))
    objects, length = len(keys[0]), queries.shape[1]
    scores = queries.new_empty(min(ROWS, length), COLUMNS)
    averaged = queries.new_zeros(objects, length, values[0].shape[2])
    with _PRODUCTS_OF_BFLOAT16 if half else nullcontext():
        for n in range(objects):
            tiles = _tiles([part[n].float() for part in keys], [part[n].float() for part in values])
            own = queries[n if len(queries) > 1 else 0]
            for some, sums in zip(own.split(ROWS), averaged[n].split(ROWS), strict=True):
                _average_rows(some, tiles, scores[: len(some)], sums)
    return averaged


_Tile = list[tuple[slice, Tensor, Tensor]]
"""Where in the scores of a tile the keys (K, C) of a part are, the keys, and their values (K, V)."""


def _tiles(keys: Sequence[Tensor], values: Sequence[Tensor]) -> list[_Tile]:
    """Parts of up to ``COLUMNS`` keys in all; larger ones are cut, small ones share a tile."""
    tiles: list[_Tile] = [[]]
    for part, told in zip(keys, values, strict=True):
        for some, of_them in zip(part.split(COLUMNS), told.split(COLUMNS), strict=True):
            begin = tiles[-1][-1][0].stop if tiles[-1] else 0
            if begin + len(some) > COLUMNS:
                tiles.append([])
                begin = 0
            tiles[-1].append((slice(begin, begin + len(some)), some, of_them))
    return tiles


def _average_rows(queries: Tensor, tiles: Sequence[_Tile], scores: Tensor, sums: Tensor) -> None:
    """Fills ``sums`` (R, V), which are zero, for queries (R, C); ``scores`` (R, COLUMNS) is written over."""
    highest = queries.new_full((len(queries), 1), -math.inf)
    total = queries.new_zeros(len(queries), 1)
    for tile in tiles:
        shares = scores[:, : tile[-1][0].stop]
        for span, keys, _ in tile:
            torch.mm(queries, keys.T, out=shares[:, span])
        before, highest = highest, torch.maximum(highest, shares.amax(1, keepdim=True))
        fading = before.sub_(highest).exp2_()
        total.mul_(fading).add_(shares.sub_(highest).exp2_().sum(1, keepdim=True))
        sums.mul_(fading)
        for span, _, values in tile:
            sums.addmm_(shares[:, span], values)
    sums.div_(total)


class _ProductsOfBfloat16:
    """While threads are inside, float32 matrices are multiplied with bfloat16 instructions; sums are float32.

    Nothing is lost where they hold bfloat16 numbers. Scores that are themselves rounded to bfloat16 cost more
    accuracy than all else in the network.

    The setting is the process's, not the thread's: the first one inside makes it, the last one puts back what
    was there. Meanwhile other threads' products of float32 matrices on the processor may be of numbers
    rounded to bfloat16 too, and ``torch.get_float32_matmul_precision`` may refuse to answer. Where the
    processor has no such instructions, or torch no oneDNN, torch ignores the setting and computes in float32.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before = ""

    def __enter__(self) -> None:
        matmul: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
        with self._lock:
            if not self._inside:
                self._before, matmul.fp32_precision = matmul.fp32_precision, "bf16"
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        matmul: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
        with self._lock:
            self._inside -= 1
            if not self._inside:
                matmul.fp32_precision = self._before


_PRODUCTS_OF_BFLOAT16 = _ProductsOfBfloat16()
