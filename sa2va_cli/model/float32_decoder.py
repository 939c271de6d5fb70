"""SAM 2's mask decoder, computed on the parameters of transformers' model of it, for float32.

The same sums in another order. There are some eight tokens and hundreds of cells, so what a linear layer does
to cells is done to tokens instead: the score of a token and a cell is the product of the cell itself and the
token's query, taken through the layer of keys; cells are averaged before the layer of values, as rows of a
softmax sum to one; and what is added to all scores of a row changes nothing. Transposed convolutions of two
cells are linear layers.

Products of numbers that were rounded in between lose accuracy, so it is not for bfloat16. Knows nothing about
prompts and memories.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sa2va_cli.model.mask_decoder import DecodedTokens, Embedded


def decode_reordered(decoder: Any, given: Embedded, positions: Tensor) -> DecodedTokens:
    """Decodes the three masks of an ambiguous prompt, as ``mask_decoder.decode_masks`` does.

    Args:
        decoder: transformers' ``Sam2VideoMaskDecoder``, or EdgeTAM's.
        given: pictures and prompts.
        positions: (1, C, s, s) position encoding of the picture.
    """
    count, side, masks = len(given.picture), given.picture.shape[-1], decoder.num_mask_tokens
    fixed = (decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight)
    own = torch.cat(fixed)[None].expand(count, -1, -1)
    tokens, cells = _transformed(
        decoder.transformer,
        torch.cat([own, given.sparse[:, 0]], dim=1),
        (given.picture + given.dense).flatten(2).transpose(1, 2).contiguous(),
        positions.flatten(2).transpose(1, 2),
    )
    pixels = _enlarged(decoder, cells.unflatten(1, (side, side)), given.high, given.middle)
    of_masks = tokens[:, 2 : 2 + masks]
    weights = torch.stack([mlp(of_masks[:, n]) for n, mlp in enumerate(decoder.output_hypernetworks_mlps)], 1)
    logits = weights @ pixels.flatten(1, 2).transpose(1, 2)
    ious = decoder.iou_prediction_head(tokens[:, 1])
    visible = decoder.pred_obj_score_head(tokens[:, 0])
    several = logits.unflatten(2, (4 * side, 4 * side))
    return DecodedTokens(several[:, 1:], ious[:, 1:], of_masks[:, 1:], visible)


def _transformed(transformer: Any, points: Tensor, cells: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens (N, T, C) and cells (N, s*s, C) after they have looked at each other."""
    tokens = points
    placed = cells + places
    for number, layer in enumerate(transformer.layers):
        if number:
            told = tokens + points
            tokens = tokens + _among_tokens(layer.self_attn, told, tokens)
        else:
            tokens = _among_tokens(layer.self_attn, tokens, tokens)
        tokens = layer.layer_norm1(tokens)
        seen = _of_cells(layer.cross_attn_token_to_image, tokens + points, placed, cells)
        tokens = layer.layer_norm2(tokens + seen)
        tokens = layer.layer_norm3(tokens + layer.mlp(tokens))
        told = _of_tokens(layer.cross_attn_image_to_token, placed, tokens + points, tokens)
        cells = layer.layer_norm4(cells + told)
        placed = cells + places
    last = transformer.final_attn_token_to_image
    tokens = tokens + _of_cells(last, tokens + points, placed, cells)
    return transformer.layer_norm_final_attn(tokens), cells


def _heads(attention: Any, x: Tensor) -> Tensor:
    """(N, T, D) as (N, heads, T, D/heads)."""
    return x.unflatten(2, (attention.num_attention_heads, -1)).transpose(1, 2)


def _among_tokens(attention: Any, told: Tensor, tokens: Tensor) -> Tensor:
    """Attention of tokens to tokens, whose queries and keys are made of ``told``."""
    projections = ((attention.q_proj, told), (attention.k_proj, told), (attention.v_proj, tokens))
    q, k, v = (_heads(attention, project(x)) for project, x in projections)
    out = F.scaled_dot_product_attention(q, k, v)
    return attention.o_proj(out.transpose(1, 2).flatten(2))


def _of_cells(attention: Any, asking: Tensor, placed: Tensor, cells: Tensor) -> Tensor:
    """What tokens (N, T, C) see among the cells (N, s*s, C): (N, T, C)."""
    heads = attention.num_attention_heads
    queries = _heads(attention, attention.q_proj(asking) * attention.scaling)  # (N, heads, T, d)
    by_head = attention.k_proj.weight.unflatten(0, (heads, -1))  # (heads, d, C)
    scores = (queries @ by_head).flatten(1, 2) @ placed.transpose(1, 2)  # (N, heads*T, s*s)
    seen = (torch.softmax(scores, dim=2) @ cells).unflatten(1, (heads, -1))  # (N, heads, T, C)
    values = seen @ attention.v_proj.weight.unflatten(0, (heads, -1)).transpose(1, 2)  # (N, heads, T, d)
    return attention.o_proj(values.transpose(1, 2).flatten(2) + attention.v_proj.bias)


def _of_tokens(attention: Any, placed: Tensor, told: Tensor, tokens: Tensor) -> Tensor:
    """What cells (N, s*s, C) see among the tokens (N, T, C): (N, s*s, C)."""
    heads = attention.num_attention_heads
    keys = _heads(attention, attention.k_proj(told) * attention.scaling)  # (N, heads, T, d)
    values = _heads(attention, attention.v_proj(tokens))
    queries = attention.q_proj.weight.unflatten(0, (heads, -1))  # (heads, d, C)
    always = keys @ attention.q_proj.bias.view(heads, -1, 1)  # (N, heads, T, 1)
    scores = torch.baddbmm(always.flatten(1, 2), (keys @ queries).flatten(1, 2), placed.transpose(1, 2))
    shares = torch.softmax(scores.unflatten(1, (heads, -1)), dim=2).flatten(1, 2)  # (N, heads*T, s*s)
    out = values @ attention.o_proj.weight.t().unflatten(0, (heads, -1))  # (N, heads, T, C)
    return torch.baddbmm(attention.o_proj.bias, shares.transpose(1, 2), out.flatten(1, 2))


def _enlarged(decoder: Any, cells: Tensor, high: Tensor, middle: Tensor) -> Tensor:
    """Cells (N, s, s, C) four times as large, with what the encoder saw there: (N, 4s, 4s, C/8)."""
    twice = _doubled(decoder.upscale_conv1, cells) + middle.permute(0, 2, 3, 1)
    norm = decoder.upscale_layer_norm
    twice = F.gelu(F.layer_norm(twice, norm.normalized_shape, norm.weight, norm.bias, norm.eps))
    return F.gelu(_doubled(decoder.upscale_conv2, twice) + high.permute(0, 2, 3, 1))


def _doubled(convolution: Any, x: Tensor) -> Tensor:
    """A transposed convolution of two cells with a stride of two on a map (N, h, w, C)."""
    n, height, width, _ = x.shape
    weight, bias = convolution.weight, convolution.bias  # (C, D, 2, 2) and (D,)
    flat = weight.permute(0, 2, 3, 1).flatten(1)  # (C, 4 D)
    spread = torch.addmm(bias.repeat(4), x.flatten(0, 2), flat).view(n, height, width, 2, 2, -1)
    return spread.transpose(2, 3).reshape(n, 2 * height, 2 * width, -1)
