"""SAM 2 as Sa2VA uses it: image features, masks from a language query, and memories of masks.

Sa2VA's own is a SAM 2.0; one that only follows what it finds may be a 2.1, which tells pointers by their age
and marks memories of frames without the object.

Built on the layers of transformers' ``Sam2VideoModel``.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Sam2VideoConfig, Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoMaskDecoder

from sa2va_cli.model.derived import DerivedTensor
from sa2va_cli.model.float32_decoder import decode_reordered
from sa2va_cli.model.hiera import Trunk
from sa2va_cli.model.mask_decoder import Embedded, decode_masks, each_alone
from sa2va_cli.model.memory_attention import MemoryAttention
from sa2va_cli.model.memory_encoder import encode_masks
from sa2va_cli.model.points import PointedAt
from sa2va_cli.model.sam2_config import sam2_config
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures

MOST_CERTAIN = 32.0
"""To what size SAM 2's predictors cut the logits of a mask that clicks correct."""


class Sam2(nn.Module):
    """SAM 2 with a language query, points or a mask as its prompt.

    Args:
        sizes: a dictionary of the shape of ``HIERA_LARGE``, or transformers' configuration of a SAM 2.
        two_pass: whether language queries have a mask decoder of their own, as in Sa2VA-i.
    """

    def __init__(self, sizes: dict[str, Any] | Sam2VideoConfig, *, two_pass: bool = False) -> None:
        super().__init__()
        config: Any = sizes if isinstance(sizes, Sam2VideoConfig) else sam2_config(sizes)
        self.layers = Sam2VideoModel(config)
        self.language_decoder = Sam2VideoMaskDecoder(config.mask_decoder_config) if two_pass else None
        trunk = Trunk(self.layers.vision_encoder.backbone, config.image_size)
        self._set_up(config, trunk, MemoryAttention(self.layers))

    def _set_up(
        self, config: Any, trunk: Callable[[Tensor], list[Tensor]], attention: MemoryAttention
    ) -> None:
        """Takes sizes from a configuration of transformers.

        Args:
            config: of ``layers``.
            trunk: makes of pictures (B, 3, S, S) the maps (B, s, s, C) of four stages, from S/4
                cells a side down to S/32.
            attention: to memories, on ``layers``.
        """
        self.trunk = trunk
        self.input_size: int = config.image_size
        self.grid: int = config.image_size // 16
        self.width: int = config.vision_config.fpn_hidden_size
        self.memory_width: int = config.memory_encoder_output_channels
        self.memory_slots: int = config.num_maskmem
        self.memory_cells: int = self.grid**2
        self.memory_attention = attention
        self.picture_positions = DerivedTensor(
            self.layers.get_image_wide_positional_embeddings, self._picture_position_sources
        )

    def _picture_position_sources(self) -> tuple[Tensor, ...]:
        return (self.layers.shared_image_embedding.positional_embedding,)

    @property
    def dtype(self) -> torch.dtype:
        """Working precision."""
        return self.layers.no_memory_embedding.dtype

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.layers.no_memory_embedding.device

    def encode(self, pixels: Tensor) -> ImageFeatures:
        """Encodes pictures.

        Args:
            pixels: (B, 3, S, S) normalised.
        """
        return self._features(self.trunk(pixels), self.layers.mask_decoder)

    def encode_for_both(self, pixels: Tensor) -> tuple[ImageFeatures, ImageFeatures]:
        """Encodes pictures (B, 3, S, S) once, for SAM 2's own mask decoder and for that of language queries.

        Without a second decoder, the two are the same.
        """
        maps = self.trunk(pixels)
        features = self._features(maps, self.layers.mask_decoder)
        if self.language_decoder is None:
            return features, features
        return features, self._features(maps, self.language_decoder)

    def _features(self, maps: list[Tensor], decoder: Any) -> ImageFeatures:
        lowest, low, middle, high = self.layers.vision_encoder.neck.convs  # of one cell, so linear maps
        coarse = _each_cell(maps[3], lowest).repeat_interleave(2, 1).repeat_interleave(2, 2)
        return ImageFeatures(
            low=_planes(_each_cell(maps[2], low) + coarse),
            middle=_planes(_each_cell(maps[1], middle, decoder.conv_s1)),
            high=_planes(_each_cell(maps[0], high, decoder.conv_s0)),
        )

    def without_memory(self, low: Tensor) -> Tensor:
        """Marks the lowest map (B, C, s, s) of a conditioning frame as seen without any memory."""
        return low + self.layers.no_memory_embedding.view(1, -1, 1, 1)

    def decode(self, features: ImageFeatures, conditioned: Tensor, queries: Tensor | None) -> DecodedMasks:
        """Decodes one mask per object.

        Args:
            features: of the frame, one row per object.
            conditioned: (N, C, s, s) lowest map after ``without_memory`` or ``attend``.
            queries: (N, C) language queries, or None on tracked frames.

        The sparse prompt is the empty point, its padding point and then the query; multimask output is
        always on, and the single-mask stability rule is never reached (reference set, section 5.2).
        """
        return self._decode(self.layers.mask_decoder, features, conditioned, queries)

    def decode_language(self, features: ImageFeatures, queries: Tensor) -> DecodedMasks:
        """Decodes language queries (N, C), with their own mask decoder if there is one.

        Args:
            features: for that decoder, one row per object, see ``encode_for_both``.
            queries: (N, C).
        """
        decoder = self.language_decoder or self.layers.mask_decoder
        return self._decode(decoder, features, self.without_memory(features.low), queries)

    def _decode(
        self, decoder: Any, features: ImageFeatures, conditioned: Tensor, queries: Tensor | None
    ) -> DecodedMasks:
        n = conditioned.shape[0]
        nothing = self._no_points(n)
        sparse = nothing if queries is None else torch.cat([nothing, queries[:, None, None]], dim=2)
        return self._prompted(decoder, features, conditioned, sparse, self._no_mask(n))

    def decode_points(
        self,
        features: ImageFeatures,
        conditioned: Tensor,
        points: PointedAt,
        before: Tensor | None = None,
    ) -> DecodedMasks:
        """Decodes points and boxes, as SAM 2's video predictor does; what is not there is empty.

        Args:
            features: of the frame, one row per object.
            conditioned: (N, C, s, s) lowest map after ``without_memory`` or ``attend``.
            points: of the N objects.
            before: (N, S/4, S/4) logits of the masks that the points correct; None for none.

        Returns:
            the best of three masks for a single point; else one mask, that of the single-mask token, or where
            that is unsteady the best of the three (SAM 2's dynamic multimask rule).
        """
        encoder = self.layers.prompt_encoder
        dense = self._no_mask(len(conditioned))
        if before is not None:
            cut = before.clamp(-MOST_CERTAIN, MOST_CERTAIN)
            dense = encoder.mask_embed(cut[:, None].to(self.dtype))
        decoded = self._prompted(
            self.layers.mask_decoder,
            features,
            conditioned,
            points.tokens(encoder, self.input_size),
            dense,
            several_masks=points.several_masks,
        )
        return decoded.without_absent()

    def _no_mask(self, count: int) -> Tensor:
        empty = self.layers.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1)
        return empty.expand(count, -1, self.grid, self.grid)

    def _prompted(
        self,
        decoder: Any,
        features: ImageFeatures,
        conditioned: Tensor,
        sparse: Tensor,
        dense: Tensor,
        *,
        several_masks: bool = True,
    ) -> DecodedMasks:
        """Decodes embedded prompts: ``sparse`` (N, 1, P, C) and ``dense`` (N, C, s, s)."""
        given = Embedded(conditioned, features.middle, features.high, sparse, dense)
        places = self.picture_positions()
        if several_masks and _is_exact(conditioned):
            found = decode_reordered(decoder, given, places)
        else:
            found = decode_masks(decoder, given, places, several_masks=several_masks)
        best = found.ious.argmax(dim=-1)
        token = found.tokens[torch.arange(len(best), device=best.device), best]  # (N, C)
        pointer = self._pointer(token, found.scores > 0)
        return DecodedMasks(found.masks, found.ious, found.scores[:, 0], pointer, best)

    def adopt(self, features: ImageFeatures, masks: Tensor) -> DecodedMasks:
        """Takes given masks for those of the frame; only the pointer is decoded.

        Args:
            features: of the frame, one row per object.
            masks: (N, S, S) bool.

        Returns:
            one candidate for each object, of plus and minus ten. The pointer is that of the single-mask token
            on the map without memory marks (reference set, section 5.4).
        """
        n, layers = len(masks), self.layers
        full = masks[:, None].to(self.dtype)  # (N, 1, S, S)
        dense = layers.prompt_encoder.mask_embed(layers.mask_downsample(full))
        given = Embedded(features.low, features.middle, features.high, self._no_points(n), dense)
        found = decode_masks(layers.mask_decoder, given, self.picture_positions(), several_masks=False)
        present = masks.flatten(1).any(dim=1, keepdim=True)  # (N, 1)
        pointer = self._pointer(found.tokens[:, 0], (found.scores > 0) & present)
        logits = F.interpolate(
            20.0 * full.float() - 10.0,
            size=(self.input_size // 4,) * 2,
            mode="bilinear",
            align_corners=False,
            antialias=True,
        )
        score = 20.0 * present[:, 0].float() - 10.0
        first = torch.zeros(n, dtype=torch.long, device=masks.device)
        return DecodedMasks(logits, torch.ones_like(logits[:, :, 0, 0]), score, pointer, first)

    def _no_points(self, count: int) -> Tensor:
        """(N, 1, 2, C) the empty point and its padding point."""
        return self.layers.prompt_encoder.not_a_point_embed.weight[None, None].expand(count, 1, 2, -1)

    def _pointer(self, token: Tensor, visible: Tensor) -> Tensor:
        """Object pointers of tokens (N, C), where the object is ``visible`` (N, 1)."""
        pointer = each_alone(self.layers.object_pointer_proj, token)
        return torch.where(visible, pointer, self.layers.no_object_pointer)

    def memorise(
        self, low: Tensor, logits: Tensor, scores: Tensor | None = None, *, pointed: bool = False
    ) -> Tensor:
        """Encodes masks, with the picture they lie on, into memory features.

        Args:
            low: (N, C, s, s) raw lowest map, or (1, C, s, s) shared.
            logits: (N, S/4, S/4) mask logits.
            scores: (N,) logits that the objects are visible, for a SAM 2.1, which marks memories of hidden
                ones; None where all are.
            pointed: whether they come of points, boxes or a given mask: then they are cut, as SAM 2's video
                predictor does. Sa2VA's own are used soft (reference set, section 5.2).

        Returns:
            (N, memory_cells, memory_width).
        """
        side = self.input_size
        masks = F.interpolate(
            logits[:, None].float(), size=(side, side), mode="bilinear", align_corners=False
        )
        hidden = None if scores is None else scores <= 0
        return self._memorised(low, (masks > 0).float() if pointed else masks.sigmoid(), hidden)

    def memorise_given(self, low: Tensor, masks: Tensor) -> Tensor:
        """The same of masks (N, S, S) bool that somebody has given: at their full size."""
        return self._memorised(low, masks[:, None].float(), ~masks.flatten(1).any(dim=1))

    def _memorised(self, low: Tensor, masks: Tensor, hidden: Tensor | None) -> Tensor:
        """Memory features of soft masks (N, 1, S, S) in 0..1, of objects that are ``hidden`` (N,) or not."""
        config = self.layers.config
        scaled = masks * config.sigmoid_scale_for_mem_enc + config.sigmoid_bias_for_mem_enc
        encoder = self.layers.memory_encoder
        if _is_exact(low):
            features = encode_masks(encoder, low, scaled)
        else:
            marks = encoder.mask_downsampler(scaled.to(low.dtype))
            features = encoder.projection(encoder.memory_fuser(encoder.feature_projection(low) + marks))
        mark = self.layers.occlusion_spatial_embedding_parameter
        if mark is not None and hidden is not None:
            features = features + hidden.to(features.dtype)[:, None, None, None] * mark[:, :, None, None]
        return self._kept(features)

    def _kept(self, features: Tensor) -> Tensor:
        """What of memory features (N, memory_width, s, s) is kept: (N, memory_cells, memory_width)."""
        return features.flatten(2).transpose(1, 2)


def _is_exact(x: Tensor) -> bool:
    """Whether sums may be taken in another order: in float32, where they differ by a few last digits only."""
    return x.dtype == torch.float32 and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def _each_cell(x: Tensor, first: nn.Module, second: nn.Module | None = None) -> Tensor:
    """Applies a convolution of one cell, or two in a row as one, to a map (B, h, w, C)."""
    weight = first.get_parameter("weight").flatten(1)
    bias: Tensor = first.get_parameter("bias")
    if second is not None:
        outer = second.get_parameter("weight").flatten(1)
        weight, bias = outer @ weight, outer @ bias + second.get_parameter("bias")
    return F.linear(x, weight, bias)


def _planes(x: Tensor) -> Tensor:
    """(B, h, w, C) as (B, C, h, w)."""
    return x.permute(0, 3, 1, 2)
