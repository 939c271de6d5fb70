"""Key tables: how tensors of the published layout are called, split and joined in ours.

Every tensor of a file must be covered by a rule, and every parameter must be filled: anything else is an
error that names the key. The renames are those of the reference set, section 6.1.
"""

import re
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from sa2va_cli.errors import ModelError

Rule = tuple[str, str]
"""A regular expression and what replaces it."""

INTERNVIT: tuple[Rule, ...] = (
    (r"^vision_model\.", "chat.vision_model."),
    (r"\.class_embedding$", ".cls_token"),
    (r"\.patch_embedding\.", ".patch_embeddings.projection."),
    (r"\.position_embedding$", ".position_embeddings"),
    (r"\.encoder\.layers\.", ".encoder.layer."),
    (r"\.attn\.proj\.", ".attention.projection_layer."),
    (r"\.attn\.([qk])_norm\.", r".attention.\1_norm."),
    (r"\.attn\.qkv\.", ".attention.qkv."),
    (r"\.ls([12])$", r".lambda_\1"),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
)

CHAT: tuple[Rule, ...] = (
    (r"^mlp1\.", "chat.projector."),
    (r"^language_model\.", "chat.language_model."),
)

SAM2: tuple[Rule, ...] = (
    (r"^grounding_encoder\.sam2_model\.", "sam2.layers."),
    (r"\.image_encoder\.trunk\.patch_embed\.proj\.", ".vision_encoder.backbone.patch_embed.projection."),
    (r"\.image_encoder\.trunk\.", ".vision_encoder.backbone."),
    (r"\.image_encoder\.neck\.convs\.(\d+)\.conv\.", r".vision_encoder.neck.convs.\1."),
    (r"\.sam_prompt_encoder\.", ".prompt_encoder."),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
    (r"\.pe_layer\.positional_encoding_gaussian_matrix$", ".shared_embedding.positional_embedding"),
    (r"\.sam_mask_decoder\.", ".mask_decoder."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"(mask_decoder\..*|memory_attention\..*)\.out_proj\.", r"\1.o_proj."),
    (r"\.memory_attention\.norm\.", ".memory_attention.layer_norm."),
    (r"\.mask_downsampler\.encoder\.0\.", ".mask_downsampler.layers.0.conv."),
    (r"\.mask_downsampler\.encoder\.1\.", ".mask_downsampler.layers.0.layer_norm."),
    (r"\.mask_downsampler\.encoder\.3\.", ".mask_downsampler.layers.1.conv."),
    (r"\.mask_downsampler\.encoder\.4\.", ".mask_downsampler.layers.1.layer_norm."),
    (r"\.mask_downsampler\.encoder\.6\.", ".mask_downsampler.layers.2.conv."),
    (r"\.mask_downsampler\.encoder\.7\.", ".mask_downsampler.layers.2.layer_norm."),
    (r"\.mask_downsampler\.encoder\.9\.", ".mask_downsampler.layers.3.conv."),
    (r"\.mask_downsampler\.encoder\.10\.", ".mask_downsampler.layers.3.layer_norm."),
    (r"\.mask_downsampler\.encoder\.12\.", ".mask_downsampler.final_conv."),
    (r"\.pix_feat_proj\.", ".feature_projection."),
    (r"\.memory_encoder\.out_proj\.", ".memory_encoder.projection."),
    (r"\.fuser\.", ".memory_fuser."),
    (r"(memory_fuser\..*)\.dwconv\.", r"\1.depthwise_conv."),
    (r"(memory_fuser\..*)\.norm\.", r"\1.layer_norm."),
    (r"(memory_fuser\..*)\.pwconv([12])\.", r"\1.pointwise_conv\2."),
    (r"(memory_fuser\..*)\.g_weight$", r"\1.scale"),
    (r"\.maskmem_tpos_enc$", ".memory_temporal_positional_encoding"),
    (r"\.no_mem_embed$", ".no_memory_embedding"),
    (r"\.no_mem_pos_enc$", ".no_memory_positional_encoding"),
    (r"\.no_obj_ptr$", ".no_object_pointer"),
    (r"\.obj_ptr_proj\.", ".object_pointer_proj."),
    (r"(backbone\.blocks\..*|transformer\.layers\..*)\.mlp\.layers\.1\.", r"\1.mlp.proj_out."),
    (r"\.layers\.0\.(weight|bias)$", r".proj_in.\1"),
    (r"\.layers\.1\.(weight|bias)$", r".layers.0.\1"),
    (r"\.layers\.2\.(weight|bias)$", r".proj_out.\1"),
    (r"\.norm([1-4])\.", r".layer_norm\1."),
)

# First part of a published name -> the rules that rename it.
INTERNVL_TABLE: dict[str, tuple[Rule, ...]] = {
    "vision_model": INTERNVIT,
    "mlp1": CHAT,
    "language_model": CHAT,
    "text_hidden_fcs": (),
    "grounding_encoder": SAM2,
}

_POINTS = re.compile(r"(.*)\.point_embeddings\.(\d)\.weight$")


def native_tensors(names: Iterable[str], read: Callable[[str], Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Renames, splits and joins the tensors of a published checkpoint, one at a time.

    Args:
        names: every name in the checkpoint.
        read: reads one tensor by its published name.

    Raises:
        ModelError: naming the key that no rule covers.
    """
    points: dict[str, list[str]] = {}
    for name in names:
        part = name.split(".", 1)[0]
        if part not in INTERNVL_TABLE:
            raise ModelError(
                f"no rule covers the tensor {name!r}; is this a Sa2VA checkpoint of the InternVL type?"
            )
        new = rename(name, INTERNVL_TABLE[part])
        if joined := _POINTS.match(new):
            points.setdefault(f"{joined[1]}.point_embed.weight", []).append(name)
        elif ".attention.qkv." in new and part == "vision_model":
            for letter, rows in zip("qkv", read(name).chunk(3), strict=True):
                yield new.replace(".qkv.", f".{letter}_proj."), rows
        else:
            yield new, read(name)
            if new.endswith("prompt_encoder.shared_embedding.positional_embedding"):
                yield "sam2.layers.shared_image_embedding.positional_embedding", read(name)
    for new, parts in points.items():
        yield new, torch.cat([read(name) for name in sorted(parts)])


def rename(name: str, rules: Iterable[Rule]) -> str:
    """Applies a table to one name, rule after rule."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
