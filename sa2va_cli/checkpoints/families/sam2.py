"""The key table of what all families share: the projection of the ``[SEG]`` states, and SAM 2.

The names are those of the reference set, section 2.1. Knows nothing about chat models.
"""

from sa2va_cli.checkpoints.key_rules import Names, Rule, duplicate, first, join_rows, renamed, split_rows

PUBLISHED_SAM2 = "grounding_encoder.sam2_model."
NATIVE_SAM2 = "sam2.layers."

PUBLISHED_DECODERS = (f"{PUBLISHED_SAM2}sam_mask_decoder.", f"{PUBLISHED_SAM2}sam_mask_decoder_modified.")
NATIVE_DECODERS = (f"{NATIVE_SAM2}mask_decoder.", "sam2.language_decoder.")
"""First the mask decoder that a plain Sa2VA has, and that is SAM 2's own in a Sa2VA-i; then the one that
Sa2VA-i trained."""

_MASK_DECODER: tuple[Names, ...] = (
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

_PROMPTS = (f"{PUBLISHED_SAM2}sam_prompt_encoder.", f"{NATIVE_SAM2}prompt_encoder.")

SAM2_RULES: tuple[Rule, ...] = (
    *renamed(_IMAGE_ENCODER, f"{PUBLISHED_SAM2}image_encoder.", f"{NATIVE_SAM2}vision_encoder."),
    *renamed(_PROMPT_ENCODER, *_PROMPTS),
    Rule(
        (f"{_PROMPTS[0]}pe_layer.positional_encoding_gaussian_matrix",),
        (
            f"{_PROMPTS[1]}shared_embedding.positional_embedding",
            f"{NATIVE_SAM2}shared_image_embedding.positional_embedding",
        ),
        duplicate,
        first,
    ),
    Rule(
        tuple(f"{_PROMPTS[0]}point_embeddings.{i}.weight" for i in range(4)),
        (f"{_PROMPTS[1]}point_embed.weight",),
        join_rows,
        split_rows,
    ),
    *renamed(_MASK_DECODER, PUBLISHED_DECODERS[0], NATIVE_DECODERS[0]),
    *renamed(_MASK_DECODER, PUBLISHED_DECODERS[1], NATIVE_DECODERS[1]),
    *renamed(_MEMORY, PUBLISHED_SAM2, NATIVE_SAM2),
)

QUERY_RULES: tuple[Rule, ...] = renamed((("text_hidden_fcs.*.*", "text_hidden_fcs.*.*"),))

MASK_RULES: tuple[Rule, ...] = (*QUERY_RULES, *SAM2_RULES)
"""All that makes masks of ``[SEG]`` states."""
