"""SAM 2's encoder of masks as memories, computed on the parameters of transformers' model of it, for float32.

The same sums, without what is slow on a processor: norms of four channels one pixel at a time, a convolution
of a single channel in blocks of eight, layers of one cell as convolutions. Knows nothing about what is
remembered when, nor about marks of hidden objects.
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sa2va_cli.model.parts import in_parts


def encode_masks(encoder: Any, low: Tensor, masks: Tensor) -> Tensor:
    """Encodes masks with the picture they lie on.

    Args:
        encoder: transformers' ``Sam2VideoMemoryEncoder``, or EdgeTAM's.
        low: (N or 1, C, s, s) lowest map.
        masks: (N, 1, S, S) scaled masks.

    Returns:
        (N, memory_width, s, s).
    """
    marks = _per_cell(encoder.mask_downsampler.final_conv, _smaller(encoder.mask_downsampler.layers, masks))
    x = _per_cell(encoder.feature_projection, low.permute(0, 2, 3, 1)) + marks  # (N, s, s, C)
    for block in encoder.memory_fuser.layers:
        x = _fused(block, x)
    return _per_cell(encoder.projection, x).permute(0, 3, 1, 2)


def _smaller(layers: Any, masks: Tensor) -> Tensor:
    """Masks (N, 1, S, S) after all strided convolutions: (N, s, s, C)."""
    first, *others = layers
    x = F.gelu(_norm_of_planes(first.layer_norm, _first_convolution(first.conv, masks)))
    for layer in others:
        x = layer(x)
    return x.permute(0, 2, 3, 1)


def _first_convolution(convolution: Any, masks: Tensor) -> Tensor:
    """A convolution of one channel, as a product with the shifted picture: (N, D, S/stride, S/stride)."""
    (rows, columns), (down, across) = convolution.kernel_size, convolution.stride
    top, left = convolution.padding
    padded = F.pad(masks[:, 0], (left, left, top, top))
    n, height, width = padded.shape
    size = (height - rows) // down + 1, (width - columns) // across + 1
    stretches = [
        padded[:, y : y + down * size[0] : down, x : x + across * size[1] : across][:, : size[0], : size[1]]
        for y in range(rows)
        for x in range(columns)
    ]
    shifted = torch.stack(stretches, dim=1).flatten(2)  # (N, rows * columns, cells)
    weight = convolution.weight.flatten(1).expand(n, -1, -1)
    return torch.baddbmm(convolution.bias[:, None], weight, shifted).unflatten(2, size)


def _norm_of_planes(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    """A norm over few channels of (N, C, h, w), a plane at a time."""
    away = x - x.mean(dim=1, keepdim=True)
    spread = (away * away).mean(dim=1, keepdim=True)
    weight, bias = (part.view(-1, 1, 1) for part in (norm.weight, norm.bias))
    return torch.addcmul(bias, away * torch.rsqrt(spread + norm.eps), weight)


def _per_cell(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution of one cell on a map (N, h, w, C)."""
    return F.linear(x, convolution.weight.flatten(1), convolution.bias)


def _fused(block: Any, x: Tensor) -> Tensor:
    """A block of the fuser on a map (N, h, w, C)."""
    around = block.depthwise_conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    norm = block.layer_norm
    normed = F.layer_norm(around, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
    wide = block.pointwise_conv1.out_features
    return x + in_parts(partial(_wide_layers, block), normed.flatten(0, 2), wide).view(x.shape)


def _wide_layers(block: Any, x: Tensor) -> Tensor:
    fed: Tensor = block.pointwise_conv2(block.activation(block.pointwise_conv1(x)))
    return fed * block.scale
