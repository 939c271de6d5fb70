"""The key table of EdgeTAM as transformers saves it; what normalises after a convolution becomes part of it.

The trunk, RepViT, is published as it was trained: three branches beside each other, each with a batch
normalisation. At inference they are one convolution (Ding et al., "RepVGG", CVPR 2021). There is no way back.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sa2va_cli.checkpoints.key_rules import Rule

if TYPE_CHECKING:
    from torch import Tensor

_EPSILON = 1e-5
"""Of torch's batch normalisation, which timm leaves as it is."""

_TRUNKS = ("vision_encoder.backbone.timm_model.", "vision_encoder.backbone.")
"""transformers' wrapper of timm has a name of its own, with which not every version saves."""

PLAIN_RULES = (Rule(("**",), ("layers.**",)),)
"""Of a SAM 2 as transformers saves it, whose names are those of the network."""

_NORMALISED = ("c.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")

UNUSED = "num_batches_tracked"
"""How names of tensors end that inference has no use for."""


def _joined(tensors: "Sequence[Tensor]") -> "tuple[Tensor, Tensor]":
    """Weight and bias of a convolution with the normalisation after it."""
    weight, scale, bias, mean, variance = (tensor.double() for tensor in tensors)
    scale = scale / (variance + _EPSILON).sqrt()
    return weight * scale[:, None, None, None], bias - mean * scale


def _as_before(before: "Tensor", tensors: "Sequence[Tensor]") -> "list[Tensor]":
    return [tensor.to(before.dtype) for tensor in tensors]


def one_convolution(tensors: "Sequence[Tensor]") -> "Sequence[Tensor]":
    """Makes one convolution of one and its normalisation, in double precision."""
    return _as_before(tensors[0], _joined(tensors))


def one_of_three(tensors: "Sequence[Tensor]") -> "Sequence[Tensor]":
    """Makes one convolution of 3x3, 1x1 and nothing beside each other."""
    import torch
    import torch.nn.functional as F

    (wide, wide_bias), (narrow, narrow_bias) = _joined(tensors[:5]), _joined(tensors[5:])
    narrow = narrow + torch.ones_like(narrow)
    return _as_before(tensors[0], [wide + F.pad(narrow, [1, 1, 1, 1]), wide_bias + narrow_bias])


def _convolution(trunk: str, branches: Sequence[str], native: str, *, three: bool) -> Rule:
    published = tuple(f"{trunk}{branch}{name}" for branch in branches for name in _NORMALISED)
    targets = tuple(f"layers.vision_encoder.backbone.{native}.{name}" for name in ("weight", "bias"))
    return Rule(published, targets, one_of_three if three else one_convolution)


_TRUNK_RULES = tuple(
    rule
    for trunk in _TRUNKS
    for rule in (
        _convolution(trunk, ("**.token_mixer.conv.", "**.token_mixer.conv1."), "**.token_mixer", three=True),
        _convolution(trunk, ("**.",), "**", three=False),
        Rule((f"{trunk}**.se.**",), ("layers.vision_encoder.backbone.**.se.**",)),
    )
)

EDGETAM_RULES = (*_TRUNK_RULES, *PLAIN_RULES)
