"""SAM 2 as Sa2VA uses it: image features, masks from a language query, and memories of masks.

Sa2VA's own is a SAM 2.0; one that only follows what it finds may be a 2.1, which tells pointers by their age
and marks memories of frames without the object.

Built on the layers of transformers' ``Sam2VideoModel``. The memory attention is computed here, on the
parameters of that model, because every object of a frame shares the same image features.
Knows nothing about time: which memories are attended to is the tracker's decision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    Sam2VideoConfig,
    Sam2VideoMaskDecoderConfig,
    Sam2VideoModel,
    Sam2VideoPromptEncoderConfig,
)
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoMaskDecoder

from sa2va_cli.datatypes import ABSENT_LOGIT
from sa2va_cli.model.attention import (
    ROPE_THETA,
    age_waves,
    axial_rotation,
    look_up,
    rotate,
    sine_positions,
)
from sa2va_cli.model.derived import DerivedTensor
from sa2va_cli.model.float32_decoder import decode_reordered
from sa2va_cli.model.hiera import Trunk
from sa2va_cli.model.mask_decoder import Embedded, decode_masks, each_alone
from sa2va_cli.model.memory_encoder import encode_masks
from sa2va_cli.model.parts import in_parts
from sa2va_cli.model.points import PointedAt

# SAM 2 "Hiera-L" at 1024 px: what every published Sa2VA uses and its config does not say
# (facebookresearch/sam2, sam2_hiera_l.yaml; reference set, section 1.2).
HIERA_LARGE: dict[str, Any] = {
    "image_size": 1024,
    "backbone_stride": 16,
    "trunk": {
        "embed_dim": 144,
        "num_heads": 2,
        "stages": [2, 6, 36, 4],
        "global_att_blocks": [23, 33, 43],
        "window_pos_embed_bkg_spatial_size": [7, 7],
        "window_spec": [8, 4, 16, 8],
    },
    "d_model": 256,
    "mem_dim": 64,
    "num_maskmem": 7,
    "memory_attention": {"num_layers": 4, "dim_feedforward": 2048},
    "memory_encoder": {"fuser_num_layers": 2},
    "mask_decoder": {"mlp_dim": 2048, "iou_head_hidden_dim": 256},
}

MAX_POINTER_DISTANCE = 15
"""How many frames back object pointers are attended to: SAM 2's max_object_pointers_in_encoder minus one."""

MOST_CERTAIN = 32.0
"""To what size SAM 2's predictors cut the logits of a mask that clicks correct."""


def sam2_config(sizes: dict[str, Any]) -> Sam2VideoConfig:
    """Builds the transformers configuration of a SAM 2.0 from Sa2VA's ``grounding_encoder_config``.

    Args:
        sizes: a dictionary of the shape of ``HIERA_LARGE``.

    Raises:
        KeyError: when a size is missing.
    """
    trunk, width, side = sizes["trunk"], sizes["d_model"], sizes["image_size"]
    stages = len(trunk["stages"])
    widths = [trunk["embed_dim"] * 2**i for i in range(stages)]
    return Sam2VideoConfig(
        image_size=side,
        vision_config={
            "model_type": "sam2_vision_model",
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": trunk["embed_dim"],
                "num_attention_heads": trunk["num_heads"],
                "image_size": [side, side],
                "blocks_per_stage": list(trunk["stages"]),
                "embed_dim_per_stage": widths,
                "num_attention_heads_per_stage": [trunk["num_heads"] * 2**i for i in range(stages)],
                "window_size_per_stage": list(trunk["window_spec"]),
                "window_positional_embedding_background_size": list(
                    trunk["window_pos_embed_bkg_spatial_size"]
                ),
                "global_attention_blocks": list(trunk["global_att_blocks"]),
            },
            "backbone_channel_list": widths[::-1],
            "backbone_feature_sizes": [[side // s, side // s] for s in (4, 8, 16)],
            "fpn_hidden_size": width,
        },
        # Objects, not dictionaries: transformers 5.17 mistakes one dictionary for the other.
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(
            hidden_size=width, image_size=side, patch_size=sizes["backbone_stride"]
        ),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(
            hidden_size=width,
            mlp_dim=sizes["mask_decoder"]["mlp_dim"],
            iou_head_hidden_dim=sizes["mask_decoder"]["iou_head_hidden_dim"],
        ),
        num_maskmem=sizes["num_maskmem"],
        enable_temporal_pos_encoding_for_object_pointers=False,  # False and False: SAM 2.0, not 2.1
        enable_occlusion_spatial_embedding=False,
        memory_attention_hidden_size=width,
        memory_attention_num_layers=sizes["memory_attention"]["num_layers"],
        memory_attention_feed_forward_hidden_size=sizes["memory_attention"]["dim_feedforward"],
        memory_attention_rope_feat_sizes=[side // 16, side // 16],
        memory_attention_dropout=0.0,
        memory_attention_rope_dropout=0.0,
        rope_parameters={"rope_type": "axial", "rope_theta": ROPE_THETA},
        memory_encoder_hidden_size=width,
        memory_encoder_output_channels=sizes["mem_dim"],
        mask_downsampler_embed_dim=width,
        memory_fuser_num_layers=sizes["memory_encoder"]["fuser_num_layers"],
        memory_fuser_embed_dim=width,
        memory_fuser_intermediate_dim=4 * width,
    )


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What SAM 2's image encoder says about a batch of pictures, S pixels wide and high.

    Attributes:
        low: (B, C, S/16, S/16) lowest map of the feature pyramid.
        middle: (B, C/4, S/8, S/8) projected for the mask decoder.
        high: (B, C/8, S/4, S/4) projected for the mask decoder.
    """

    low: Tensor
    middle: Tensor
    high: Tensor

    def __getitem__(self, index: slice | Tensor) -> "ImageFeatures":
        return ImageFeatures(self.low[index], self.middle[index], self.high[index])

    def expand(self, count: int) -> "ImageFeatures":
        """Repeats a single picture's features for ``count`` objects, without copying."""
        return ImageFeatures(*(x.expand(count, -1, -1, -1) for x in (self.low, self.middle, self.high)))

    @classmethod
    def joined(cls, parts: "Sequence[ImageFeatures]") -> "ImageFeatures":
        """Features of several pictures, one after the other."""
        columns = zip(*((part.low, part.middle, part.high) for part in parts), strict=True)
        return cls(*(joined(column) for column in columns))


@dataclass(frozen=True, eq=False)
class DecodedMasks:
    """What the mask decoder says about N objects, one per row.

    Attributes:
        candidates: (N, 3, S/4, S/4) mask logits of the three mask tokens, or of one where there is no choice.
        ious: (N, 3) predicted quality of the candidates.
        score_logits: (N,) logit that the object is visible.
        pointers: (N, C) object pointer, gated by the score.
        best: (N,) index of the candidate with the highest predicted quality.
    """

    candidates: Tensor
    ious: Tensor
    score_logits: Tensor
    pointers: Tensor
    best: Tensor

    def __getitem__(self, objects: slice | list[int]) -> "DecodedMasks":
        rows = (self.candidates, self.ious, self.score_logits, self.pointers, self.best)
        return DecodedMasks(*(row[objects] for row in rows))

    @property
    def logits(self) -> Tensor:
        """(N, S/4, S/4) mask logits of the best candidates."""
        return self.candidates[torch.arange(len(self.best), device=self.best.device), self.best]

    @property
    def best_ious(self) -> Tensor:
        """(N,) predicted quality of the best candidates."""
        return self.ious[torch.arange(len(self.best), device=self.best.device), self.best]

    def chosen(self) -> "DecodedMasks":
        """The same without the candidates that were not the best."""
        first = torch.zeros_like(self.best)
        return replace(self, candidates=self.logits[:, None], ious=self.best_ious[:, None], best=first)

    @classmethod
    def joined(cls, parts: "Sequence[DecodedMasks]") -> "DecodedMasks":
        """What was decoded of several objects, as one."""
        rows = ((p.candidates, p.ious, p.score_logits, p.pointers, p.best) for p in parts)
        return cls(*(torch.cat(column) for column in zip(*rows, strict=True)))

    def without_absent(self) -> "DecodedMasks":
        """Empties the masks of objects that are more likely absent than not."""
        visible = (self.score_logits > 0)[:, None, None, None]
        return replace(self, candidates=torch.where(visible, self.candidates, ABSENT_LOGIT))


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
        ages: see ``Sam2.attend``.
    """

    memories: Sequence[LaidOutMemory]
    pointers: Tensor
    ages: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Positions:
    """What says where things are, the same for every picture.

    Attributes:
        cells: (1, s*s, C) sines of the cells of the lowest map.
        memories: (1, s*s, memory_width) the same for memories.
        rotation: see ``axial_rotation``.
        picture: (1, C, s, s) random Fourier features of the cells' centres, as the prompt encoder has them.
    """

    cells: Tensor
    memories: Tensor
    rotation: tuple[Tensor, Tensor]
    picture: Tensor


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
        self._set_up(config, Trunk(self.layers.vision_encoder.backbone, config.image_size))

    def _set_up(self, config: Any, trunk: Callable[[Tensor], list[Tensor]]) -> None:
        """Takes sizes from a configuration of transformers.

        Args:
            config: of ``layers``.
            trunk: makes of pictures (B, 3, S, S) the maps (B, s, s, C) of four stages, from S/4
                cells a side down to S/32.
        """
        # Position encodings are computed here, once per size and device (see attend).
        self.layers.memory_attention.rotary_emb = nn.Identity()
        self.layers.memory_attention.position_ids = None
        self.trunk = trunk
        self.input_size: int = config.image_size
        self.grid: int = config.image_size // 16
        self.width: int = config.vision_config.fpn_hidden_size
        self.memory_width: int = config.memory_encoder_output_channels
        self.memory_slots: int = config.num_maskmem
        self.memory_cells: int = self.grid**2
        self.dates_pointers: bool = config.enable_temporal_pos_encoding_for_object_pointers
        self._fed_width: int = getattr(
            config, "memory_attention_feed_forward_hidden_size", 4 * self.width
        )  # EdgeTAM's has another name, and is small
        self.positions = DerivedTensor(self._positions, self._position_sources)

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
        places = self.positions().picture
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
        found = decode_masks(layers.mask_decoder, given, self.positions().picture, several_masks=False)
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

    def lay_out(self, memories: Tensor, slots: Tensor) -> LaidOutMemory:
        """Prepares spatial memories for ``attend``: what depends on them alone, and not on the frame.

        Args:
            memories: (N, M, memory_cells, memory_width) of N objects.
            slots: (M,) index into the temporal encodings of each memory: 0 for the frame just before, the
                last one for conditioning frames.
        """
        n, m, cells, width = memories.shape
        temporal = self.layers.memory_temporal_positional_encoding[slots, 0, 0]  # (M, memory_width)
        positions = self.positions().memories + temporal[:, None]  # (M, memory_cells, memory_width)
        keys = tuple(
            self._turned_memories(layer.cross_attn_image.k_proj(memories + positions)).flatten(1, 2)
            for layer in self.layers.memory_attention.layers
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
        for number, layer in enumerate(self.layers.memory_attention.layers):
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
        x = self.layers.memory_attention.layer_norm(x)
        return x.transpose(1, 2).unflatten(2, (self.grid, self.grid))

    def _tokens(self, past: Past) -> tuple[Tensor, Tensor]:
        """Object pointers as tokens (N, several for each, memory_width), and the same with their age."""
        pointers, ages = past.pointers, past.ages
        tokens = pointers.reshape(len(pointers), -1, self.memory_width)
        tokens = tokens.expand(len(past.memories[0].values), -1, -1)
        return tokens, tokens if ages is None or not self.dates_pointers else tokens + self._dates(ages)

    def _dates(self, ages: Tensor) -> Tensor:
        """What SAM 2.1 adds to the tokens of pointers that are so many frames old: (tokens, memory_width)."""
        waves = age_waves(ages / MAX_POINTER_DISTANCE, self.width).to(self.dtype)
        dates: Tensor = self.layers.temporal_positional_encoding_projection_layer(waves)
        return dates.repeat_interleave(self.width // self.memory_width, dim=0)

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
        def sines(width: int) -> Tensor:
            return sine_positions(self.grid, width, self.device).to(self.dtype)

        return Positions(
            cells=sines(self.width),
            memories=sines(self.memory_width),
            rotation=axial_rotation(self.grid, self.width, self.device),
            picture=self.layers.get_image_wide_positional_embeddings(),
        )

    def _position_sources(self) -> tuple[Tensor, ...]:
        return self.layers.no_memory_embedding, self.layers.shared_image_embedding.positional_embedding


def _is_exact(x: Tensor) -> bool:
    """Whether sums may be taken in another order: in float32, where they differ by a few last digits only."""
    return x.dtype == torch.float32 and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Rows one after the other; a single part is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _one_for_each(x: Tensor, rows: Sequence[int], objects: Sequence[int]) -> Tensor:
    """Repeats what frames have one row of for each of their objects; what is alone repeats itself."""
    if len(rows) == 1 or list(rows) == list(objects):
        return x
    parts = zip(x.split(list(rows)), objects, strict=True)
    return torch.cat([part.expand(count, -1, -1) for part, count in parts])


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
