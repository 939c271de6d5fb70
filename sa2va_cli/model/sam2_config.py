"""How large SAM 2 is: the sizes that Sa2VA's configuration gives, as a configuration of transformers."""

from typing import Any

from transformers import Sam2VideoConfig, Sam2VideoMaskDecoderConfig, Sam2VideoPromptEncoderConfig

from sa2va_cli.model.attention import ROPE_THETA

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
