"""The key tables: what every tensor of a published checkpoint is called in the network.

One table for each part of a network; a family's table is the sum of its parts. The names are those of the
reference set, sections 2.1 and 6.1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from sa2va_cli.checkpoints.convert import Change, Rule

Names = tuple[str, str]
"""A published name and a native one."""


def renamed(pairs: Sequence[Names], published: str = "", native: str = "") -> tuple[Rule, ...]:
    """Makes rules that only rename, each name with a prefix."""
    return tuple(Rule((published + old,), (native + new,)) for old, new in pairs)


def _three(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    return tensors[0].chunk(3)


def _joined(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    return [torch.cat(list(tensors))]


def _rows(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    return torch.split(tensors[0], 1)


def _twice(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    return [tensors[0], tensors[0]]


def _once(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    return [tensors[0]]


_INTERNVIT_LAYER: tuple[Names, ...] = (
    ("attn.proj.*", "attention.projection_layer.*"),
    ("attn.q_norm.*", "attention.q_norm.*"),
    ("attn.k_norm.*", "attention.k_norm.*"),
    ("mlp.fc1.*", "mlp.fc1.*"),
    ("mlp.fc2.*", "mlp.fc2.*"),
    ("ls1", "lambda_1"),
    ("ls2", "lambda_2"),
    ("norm1.*", "layernorm_before.*"),
    ("norm2.*", "layernorm_after.*"),
)

INTERNVIT: tuple[Rule, ...] = (
    *renamed(
        (
            ("class_embedding", "cls_token"),
            ("patch_embedding.*", "patch_embeddings.projection.*"),
            ("position_embedding", "position_embeddings"),
        ),
        "vision_model.embeddings.",
        "chat.vision_model.embeddings.",
    ),
    *renamed(_INTERNVIT_LAYER, "vision_model.encoder.layers.*.", "chat.vision_model.encoder.layer.*."),
    Rule(
        ("vision_model.encoder.layers.*.attn.qkv.*",),
        tuple(f"chat.vision_model.encoder.layer.*.attention.{x}_proj.*" for x in "qkv"),
        _three,
        _joined,
    ),
)

PROJECTIONS: tuple[Rule, ...] = renamed((("mlp1.*.*", "chat.projector.*.*"),))

QUERIES: tuple[Rule, ...] = renamed((("text_hidden_fcs.*.*", "text_hidden_fcs.*.*"),))

_DECODER: tuple[Names, ...] = (
    ("conv_s0.*", "conv_s0.*"),
    ("conv_s1.*", "conv_s1.*"),
    ("iou_token.*", "iou_token.*"),
    ("mask_tokens.*", "mask_tokens.*"),
    ("obj_score_token.*", "obj_score_token.*"),
    ("output_upscaling.0.*", "upscale_conv1.*"),
    ("output_upscaling.1.*", "upscale_layer_norm.*"),
    ("output_upscaling.3.*", "upscale_conv2.*"),
    *(
        (f"{head}.layers.{i}.*", f"{head}.{place}.*")
        for head in ("iou_prediction_head", "pred_obj_score_head", "output_hypernetworks_mlps.*")
        for i, place in enumerate(("proj_in", "layers.0", "proj_out"))
    ),
    *(
        (f"transformer.{block}.{old}.*", f"transformer.{block}.{new}.*")
        for block in (
            "layers.*.self_attn",
            "layers.*.cross_attn_token_to_image",
            "layers.*.cross_attn_image_to_token",
            "final_attn_token_to_image",
        )
        for old, new in (("q_proj",) * 2, ("k_proj",) * 2, ("v_proj",) * 2, ("out_proj", "o_proj"))
    ),
    ("transformer.layers.*.mlp.layers.0.*", "transformer.layers.*.mlp.proj_in.*"),
    ("transformer.layers.*.mlp.layers.1.*", "transformer.layers.*.mlp.proj_out.*"),
    *((f"transformer.layers.*.norm{i}.*", f"transformer.layers.*.layer_norm{i}.*") for i in (1, 2, 3, 4)),
    ("transformer.norm_final_attn.*", "transformer.layer_norm_final_attn.*"),
)

_IMAGE_ENCODER: tuple[Names, ...] = (
    ("trunk.patch_embed.proj.*", "backbone.patch_embed.projection.*"),
    ("trunk.pos_embed", "backbone.pos_embed"),
    ("trunk.pos_embed_window", "backbone.pos_embed_window"),
    ("trunk.blocks.*.attn.qkv.*", "backbone.blocks.*.attn.qkv.*"),
    ("trunk.blocks.*.attn.proj.*", "backbone.blocks.*.attn.proj.*"),
    ("trunk.blocks.*.proj.*", "backbone.blocks.*.proj.*"),
    ("trunk.blocks.*.mlp.layers.0.*", "backbone.blocks.*.mlp.proj_in.*"),
    ("trunk.blocks.*.mlp.layers.1.*", "backbone.blocks.*.mlp.proj_out.*"),
    ("trunk.blocks.*.norm1.*", "backbone.blocks.*.layer_norm1.*"),
    ("trunk.blocks.*.norm2.*", "backbone.blocks.*.layer_norm2.*"),
    ("neck.convs.*.conv.*", "neck.convs.*.*"),
)

_PROMPT_ENCODER: tuple[Names, ...] = (
    ("mask_downscaling.0.*", "mask_embed.conv1.*"),
    ("mask_downscaling.1.*", "mask_embed.layer_norm1.*"),
    ("mask_downscaling.3.*", "mask_embed.conv2.*"),
    ("mask_downscaling.4.*", "mask_embed.layer_norm2.*"),
    ("mask_downscaling.6.*", "mask_embed.conv3.*"),
    ("no_mask_embed.*", "no_mask_embed.*"),
    ("not_a_point_embed.*", "not_a_point_embed.*"),
)

_MEMORY: tuple[Names, ...] = (
    *(
        (f"memory_attention.layers.*.{kind}.{old}.*", f"memory_attention.layers.*.{kind}.{new}.*")
        for kind in ("self_attn", "cross_attn_image")
        for old, new in (("q_proj",) * 2, ("k_proj",) * 2, ("v_proj",) * 2, ("out_proj", "o_proj"))
    ),
    *((f"memory_attention.layers.*.linear{i}.*", f"memory_attention.layers.*.linear{i}.*") for i in (1, 2)),
    *(
        (f"memory_attention.layers.*.norm{i}.*", f"memory_attention.layers.*.layer_norm{i}.*")
        for i in (1, 2, 3)
    ),
    ("memory_attention.norm.*", "memory_attention.layer_norm.*"),
    *(
        (
            f"memory_encoder.mask_downsampler.encoder.{3 * i + j}.*",
            f"memory_encoder.mask_downsampler.layers.{i}.{part}.*",
        )
        for i in range(4)
        for j, part in enumerate(("conv", "layer_norm"))
    ),
    ("memory_encoder.mask_downsampler.encoder.12.*", "memory_encoder.mask_downsampler.final_conv.*"),
    ("memory_encoder.pix_feat_proj.*", "memory_encoder.feature_projection.*"),
    ("memory_encoder.out_proj.*", "memory_encoder.projection.*"),
    ("memory_encoder.fuser.layers.*.dwconv.*", "memory_encoder.memory_fuser.layers.*.depthwise_conv.*"),
    ("memory_encoder.fuser.layers.*.norm.*", "memory_encoder.memory_fuser.layers.*.layer_norm.*"),
    ("memory_encoder.fuser.layers.*.pwconv1.*", "memory_encoder.memory_fuser.layers.*.pointwise_conv1.*"),
    ("memory_encoder.fuser.layers.*.pwconv2.*", "memory_encoder.memory_fuser.layers.*.pointwise_conv2.*"),
    ("memory_encoder.fuser.layers.*.g_weight", "memory_encoder.memory_fuser.layers.*.scale"),
    ("maskmem_tpos_enc", "memory_temporal_positional_encoding"),
    ("no_mem_embed", "no_memory_embedding"),
    ("no_mem_pos_enc", "no_memory_positional_encoding"),
    ("no_obj_ptr", "no_object_pointer"),
    ("obj_ptr_proj.layers.0.*", "object_pointer_proj.proj_in.*"),
    ("obj_ptr_proj.layers.1.*", "object_pointer_proj.layers.0.*"),
    ("obj_ptr_proj.layers.2.*", "object_pointer_proj.proj_out.*"),
    ("mask_downsample.*", "mask_downsample.*"),
)

_PUBLISHED_SAM2 = "grounding_encoder.sam2_model."
_NATIVE_SAM2 = "sam2.layers."
_PROMPTS = (f"{_PUBLISHED_SAM2}sam_prompt_encoder.", f"{_NATIVE_SAM2}prompt_encoder.")

SAM2: tuple[Rule, ...] = (
    *renamed(_IMAGE_ENCODER, f"{_PUBLISHED_SAM2}image_encoder.", f"{_NATIVE_SAM2}vision_encoder."),
    *renamed(_PROMPT_ENCODER, *_PROMPTS),
    Rule(
        (f"{_PROMPTS[0]}pe_layer.positional_encoding_gaussian_matrix",),
        (
            f"{_PROMPTS[1]}shared_embedding.positional_embedding",
            f"{_NATIVE_SAM2}shared_image_embedding.positional_embedding",
        ),
        _twice,
        _once,
    ),
    Rule(
        tuple(f"{_PROMPTS[0]}point_embeddings.{i}.weight" for i in range(4)),
        (f"{_PROMPTS[1]}point_embed.weight",),
        _joined,
        _rows,
    ),
    *renamed(_DECODER, f"{_PUBLISHED_SAM2}sam_mask_decoder.", f"{_NATIVE_SAM2}mask_decoder."),
    *renamed(_DECODER, f"{_PUBLISHED_SAM2}sam_mask_decoder_modified.", "sam2.language_decoder."),
    *renamed(_MEMORY, _PUBLISHED_SAM2, _NATIVE_SAM2),
)

QWEN2: tuple[Rule, ...] = renamed(
    (("model.**", "model.**"), ("lm_head.weight", "lm_head.weight")),
    "language_model.",
    "chat.language_model.",
)

QWEN_VL: tuple[Rule, ...] = renamed(
    (
        ("model.model.visual.**", "vision_model.**"),
        ("model.model.language_model.norm.weight", "norm.weight"),
        ("model.model.language_model.**", "language_model.**"),
        ("model.lm_head.weight", "lm_head.weight"),
    ),
    native="chat.",
)

_INTERNLM2_LAYER: tuple[Names, ...] = (
    ("attention.wo.*", "self_attn.o_proj.*"),
    ("attention_norm.weight", "input_layernorm.weight"),
    ("ffn_norm.weight", "post_attention_layernorm.weight"),
    ("feed_forward.w1.weight", "mlp.gate_proj.weight"),
    ("feed_forward.w3.weight", "mlp.up_proj.weight"),
    ("feed_forward.w2.weight", "mlp.down_proj.weight"),
)


def internlm2(heads: int, key_heads: int) -> tuple[Rule, ...]:
    """InternLM2 as Llama.

    Args:
        heads: number of query heads.
        key_heads: number of key heads. The rows of ``wqkv`` are, for each of them, its query heads, its key
            and its value (reference set, section 6.1).
    """
    return (
        *renamed(
            (
                ("model.tok_embeddings.weight", "model.embed_tokens.weight"),
                ("model.norm.weight", "model.norm.weight"),
                ("output.weight", "lm_head.weight"),
            ),
            "language_model.",
            "chat.language_model.",
        ),
        *renamed(_INTERNLM2_LAYER, "language_model.model.layers.*.", "chat.language_model.model.layers.*."),
        Rule(
            ("language_model.model.layers.*.attention.wqkv.*",),
            tuple(f"chat.language_model.model.layers.*.self_attn.{x}_proj.*" for x in "qkv"),
            _unpack(heads // key_heads, key_heads),
            _pack(heads // key_heads, key_heads),
        ),
    )


def _unpack(group: int, key_heads: int) -> Change:
    def unpack(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        packed = _by_head(tensors[0], key_heads, group + 2)
        return [part.flatten(0, 2) for part in torch.split(packed, [group, 1, 1], dim=1)]

    return unpack


def _pack(group: int, key_heads: int) -> Change:
    def pack(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        sizes = (group, 1, 1)
        parts = [_by_head(part, key_heads, size) for part, size in zip(tensors, sizes, strict=True)]
        return [torch.cat(parts, dim=1).flatten(0, 2)]

    return pack


def _by_head(tensor: Tensor, key_heads: int, group: int) -> Tensor:
    """Splits rows: (key heads, heads of each group, head width, ...)."""
    return tensor.reshape(key_heads, group, -1, *tensor.shape[1:])
