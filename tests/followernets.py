"""Tiny followers with random weights, as transformers builds and saves them."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import EdgeTamVideoConfig, EdgeTamVideoModel, Sam2VideoConfig, Sam2VideoModel

SIDE = 128
SEEN = 2.0
"""Logit around which objects are seen: most of them, on most frames."""

_HIERA: dict[str, Any] = {
    "model_type": "sam2_hiera_det_model",
    "hidden_size": 16,
    "num_attention_heads": 1,
    "image_size": [SIDE, SIDE],
    "blocks_per_stage": [1, 1, 2, 1],
    "embed_dim_per_stage": [16, 32, 64, 128],
    "num_attention_heads_per_stage": [1, 2, 4, 8],
    "window_size_per_stage": [8, 4, 6, 2],
    "window_positional_embedding_background_size": [7, 7],
    "global_attention_blocks": [3],
}
"""The third stage's windows do not divide its map, as in the published ones."""

REPVIT: dict[str, Any] = {
    "model_type": "timm_wrapper",
    "architecture": "repvit_m1",
    "model_args": {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
    "num_classes": 1000,
    "label_names": [str(k) for k in range(1000)],
}
"""The trunk of the published EdgeTAM, as its config names it."""


def _vision(kind: str, backbone: dict[str, Any], widths: list[int], width: int) -> dict[str, Any]:
    return {
        "model_type": kind,
        "backbone_config": backbone,
        "backbone_channel_list": widths[::-1],
        "backbone_feature_sizes": [[SIDE // s, SIDE // s] for s in (4, 8, 16)],
        "fpn_hidden_size": width,
    }


def _sizes(width: int) -> dict[str, Any]:
    return {
        "image_size": SIDE,
        "prompt_encoder_config": {"hidden_size": width, "image_size": SIDE},
        "mask_decoder_config": {"hidden_size": width, "mlp_dim": 64, "iou_head_hidden_dim": 32},
        "memory_attention_hidden_size": width,
        "memory_attention_num_layers": 2,
        "memory_attention_rope_feat_sizes": [SIDE // 16, SIDE // 16],
        "memory_encoder_hidden_size": width,
        "mask_downsampler_embed_dim": width,
        "memory_fuser_embed_dim": width,
        "memory_fuser_intermediate_dim": 2 * width,
    }


def sam2_config(*, version: str = "2.1") -> Sam2VideoConfig:
    """A SAM 2.1, or a 2.0, whose published ones have every size larger."""
    newer = version == "2.1"
    return Sam2VideoConfig(
        vision_config=_vision("sam2_vision_model", _HIERA, [16, 32, 64, 128], 128),
        enable_temporal_pos_encoding_for_object_pointers=newer,
        enable_occlusion_spatial_embedding=newer,
        memory_attention_feed_forward_hidden_size=64,
        **_sizes(128),
    )


def edgetam_config(*, repvit: bool = False) -> EdgeTamVideoConfig:
    """An EdgeTAM, with the trunk of SAM 2 unless the published one is wanted, which needs timm."""
    backbone, widths = (REPVIT, [48, 96, 192, 384]) if repvit else (_HIERA, [16, 32, 64, 128])
    kind = "edgetam_vision_model" if repvit else "sam2_vision_model"
    return EdgeTamVideoConfig(
        vision_config=_vision(kind, backbone, widths, 128),
        memory_attention_mlp_hidden_size=64,
        memory_attention_rope_k_sizes=[4, 4],
        perceiver_resampler_num_latents=8,
        perceiver_resampler_num_latents_2d=16,
        **_sizes(128),
    )


def randomised(model: Any, seed: int = 3) -> Any:
    """Gives a model random weights with which prompts are heard and objects mostly seen."""
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        width = parameter[0].numel() if parameter.ndim > 1 else 0
        told = "embed" in name or "token" in name  # what prompts are made of must be heard
        norm = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        norm = 0.3 if ".bn.weight" in name else norm  # three branches, block after block
        std = 0.1 if ".bn." in name else 0.5 if told else 0.7 * width**-0.5 if width > 1 else 0.2
        torch.nn.init.normal_(parameter.detach(), norm, std)
    model.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(SEEN)
    model.shared_image_embedding.positional_embedding.data.copy_(
        model.prompt_encoder.shared_embedding.positional_embedding
    )
    return model.eval().requires_grad_(False)


def built(config: Any) -> Any:
    """transformers' model of a config, with random weights."""
    kind = Sam2VideoModel if isinstance(config, Sam2VideoConfig) else EdgeTamVideoModel
    return randomised(kind(config))


def saved(config: Any, folder: Path) -> Path:
    """The same as transformers saves it: the layout in which followers are published."""
    built(config).save_pretrained(folder)
    return folder


def published_edgetam(folder: Path) -> Path:
    """An EdgeTAM in its published layout, made without timm: normalisations as they are before training."""
    from safetensors.torch import save_file

    from sa2va_cli.model.edgetam import EdgeTam

    config = edgetam_config()
    config.vision_config.backbone_channel_list = [384, 192, 96, 48]
    network = EdgeTam(config, repvit=True)
    randomised(network.layers)
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in network.layers.state_dict().items():
        prefix = "vision_encoder.backbone."
        if not name.startswith(prefix):
            tensors[name] = tensor
            continue
        path, _, kind = name.removeprefix(prefix).rpartition(".")
        path = f"{prefix}timm_model.{path}"
        if ".se." in path:
            tensors[f"{path}.{kind}"] = tensor
        elif path.endswith("token_mixer"):
            tensors |= _normalised(f"{path}.conv", kind, 0.3 * tensor)
            lone = tensor[..., 1:2, 1:2] if kind == "weight" else tensor
            tensors |= _normalised(f"{path}.conv1", kind, 0.1 * lone)
        else:
            tensors |= _normalised(path, kind, 0.3 * tensor)
    folder.mkdir(parents=True)
    save_file({name: one.contiguous() for name, one in tensors.items()}, folder / "model.safetensors")
    written = config.to_dict()
    written["vision_config"] |= {
        "model_type": "edgetam_vision_model",
        "backbone_config": REPVIT,
    }
    (folder / "config.json").write_text(json.dumps(written))
    return folder


def _normalised(path: str, kind: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """A convolution's weight, or what normalises after it with the given bias."""
    if kind == "weight":
        return {f"{path}.c.weight": tensor}
    names = ("weight", "bias", "running_mean", "running_var")
    values = (torch.ones_like(tensor), tensor, torch.zeros_like(tensor), torch.ones_like(tensor))
    rows = {f"{path}.bn.{name}": value for name, value in zip(names, values, strict=True)}
    return rows | {f"{path}.bn.num_batches_tracked": torch.tensor(7)}
