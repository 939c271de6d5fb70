"""SAM 2's mask decoder, computed on the parameters of transformers' model of it.

What is made of an object's tokens is made for each object by itself on a processor, in half precision: a
product of a single row is summed in another order than one of several, and the masks of an object must not
depend on its company. Everything else sums each row of many in the same order. Knows nothing about prompts,
nor about time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class DecodedTokens:
    """What the decoder says about N objects, with M masks of each to choose from.

    Attributes:
        masks: (N, M, S/4, S/4) logits.
        ious: (N, M) predicted quality.
        tokens: (N, M, C) that the masks come of.
        scores: (N, 1) logit that the object is visible.
    """

    masks: Tensor
    ious: Tensor
    tokens: Tensor
    scores: Tensor


@dataclass(frozen=True, eq=False)
class Embedded:
    """What the decoder looks at, one row for each of N objects.

    Attributes:
        picture: (N, C, s, s) conditioned lowest map.
        middle: (N, C/4, 2s, 2s) of the feature pyramid.
        high: (N, C/8, 4s, 4s) of the feature pyramid.
        sparse: (N, 1, P, C) prompts.
        dense: (N, C, s, s) prompts.
    """

    picture: Tensor
    middle: Tensor
    high: Tensor
    sparse: Tensor
    dense: Tensor


def decode_masks(decoder: Any, given: Embedded, positions: Tensor, *, several_masks: bool) -> DecodedTokens:
    """Decodes prompts, as ``Sam2VideoMaskDecoder.forward`` does for one prompt of each row.

    Args:
        decoder: a ``Sam2VideoMaskDecoder``.
        given: pictures and prompts.
        positions: (1, C, s, s) position encoding of the picture.
        several_masks: whether the three masks of an ambiguous prompt are wanted; else it is one: that of the
            single-mask token, or where that is unsteady the best of the three.
    """
    n, side = len(given.picture), given.picture.shape[2]
    own = torch.cat([decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens, picture = decoder.transformer(
        point_embeddings=torch.cat([own.repeat(n, 1, 1, 1), given.sparse], dim=2).to(own.dtype),
        image_embeddings=(given.picture + given.dense).contiguous(),
        image_positional_embeddings=positions.repeat(n, 1, 1, 1),
        attention_similarity=None,
    )
    upscaled = _upscaled(decoder, picture.transpose(2, 3).view(n, -1, side, side), given)
    mask_tokens = tokens[:, :, 2 : 2 + decoder.num_mask_tokens]  # (N, 1, 4, C)
    heads = [
        each_alone(head, mask_tokens[:, :, i]) for i, head in enumerate(decoder.output_hypernetworks_mlps)
    ]
    masks = _products(torch.stack(heads, dim=2)[:, 0], upscaled)[:, None]  # (N, 1, 4, S/4, S/4)
    ious = each_alone(decoder.iou_prediction_head, tokens[:, :, 1])
    scores = each_alone(decoder.pred_obj_score_head, tokens[:, :, 0])
    wanted = slice(1, None) if several_masks else slice(0, 1)
    if several_masks or not decoder.dynamic_multimask_via_stability or decoder.training:
        masks, ious = masks[:, :, wanted], ious[:, :, wanted]
    else:
        masks, ious = decoder._dynamic_multimask_via_stability(masks, ious)
    return DecodedTokens(masks[:, 0], ious[:, 0], mask_tokens[:, 0, wanted], scores[:, 0])


def _upscaled(decoder: Any, picture: Tensor, given: Embedded) -> Tensor:
    """(N, C/8, 4s, 4s) of a map (N, C, s, s)."""
    x = decoder.activation(decoder.upscale_layer_norm(decoder.upscale_conv1(picture) + given.middle))
    upscaled: Tensor = decoder.activation(decoder.upscale_conv2(x) + given.high)
    return upscaled


def _products(weights: Tensor, maps: Tensor) -> Tensor:
    """Maps (N, C, h, w) summed by weights (N, M, C): (N, M, h, w)."""
    flat = maps.flatten(2)
    if _is_alone(weights):
        products = [weight @ own for weight, own in zip(weights.split(1), flat.split(1), strict=True)]
        return torch.cat(products).unflatten(2, maps.shape[2:])
    return (weights @ flat).unflatten(2, maps.shape[2:])


def each_alone(head: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """Applies a head to rows (N, ...) of objects, each by itself on a processor in half precision."""
    if _is_alone(rows):
        return torch.cat([head(row) for row in rows.split(1)])
    return head(rows)


def _is_alone(rows: Tensor) -> bool:
    """Whether rows of several objects are not multiplied as one matrix; never in training and in graphs.

    In float32 ``float32_decoder`` takes its sums in an order that depends on their number all the same.
    """
    half = rows.device.type == "cpu" and rows.dtype != torch.float32
    return half and len(rows) > 1 and not torch.is_grad_enabled() and not torch.compiler.is_compiling()
