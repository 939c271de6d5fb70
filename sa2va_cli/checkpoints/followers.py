"""Followers: networks that carry masks through a video, read from folders as transformers saves them.

A folder holds the ``config.json`` and the safetensors of a ``Sam2VideoModel`` or an ``EdgeTamVideoModel``.
As everywhere, it is data: nothing of it is run. The published EdgeTAM names a trunk of the library timm, and
that is not needed: its weights are read into our own (``model.repvit``).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import EdgeTamVideoConfig, Sam2VideoConfig

from sa2va_cli.checkpoints.catalog import EDGETAM, FOLLOWERS, SAM2_1
from sa2va_cli.checkpoints.families.edgetam import EDGETAM_RULES, PLAIN_RULES, UNUSED
from sa2va_cli.checkpoints.files import CONFIG_FILE, FOLLOWER_TYPES, is_follower
from sa2va_cli.checkpoints.json_files import Config, one_line, read_json_object
from sa2va_cli.checkpoints.key_rules import native_tensors
from sa2va_cli.checkpoints.layout import check_sizes
from sa2va_cli.checkpoints.loader import fill, rebuild_buffers
from sa2va_cli.checkpoints.streaming import TensorFiles
from sa2va_cli.errors import ModelError, OutOfMemoryError, parameter
from sa2va_cli.model.edgetam import EdgeTam
from sa2va_cli.model.memory_attention import MAX_POINTER_DISTANCE
from sa2va_cli.model.repvit import WIDTHS
from sa2va_cli.model.sam2 import Sam2

_REPVIT = "repvit_m1"
_REPVIT_WIDTHS = [*reversed(WIDTHS)]

_FIXED: tuple[tuple[str, Any], ...] = (
    ("max_object_pointers_in_encoder", MAX_POINTER_DISTANCE + 1),
    ("max_cond_frame_num", -1),
    ("memory_attention_num_attention_heads", 1),
    ("memory_attention_downsample_rate", 1),
    ("multimask_output_for_tracking", True),
    ("multimask_output_in_sam", True),
    ("vision_config.num_feature_levels", 3),
    ("vision_config.fpn_top_down_levels", [2, 3]),
)
"""What is the same in all published followers, and is not computed otherwise here."""


def load_follower(folder: Path, device: torch.device, dtype: torch.dtype, *, side: int | None = None) -> Sam2:
    """Loads a follower for inference.

    Args:
        folder: as transformers saves it.
        device: where the parameters go.
        dtype: their precision, whatever it is in the file.
        side: of the pictures it sees, in pixels; None for that of its config.

    Returns:
        The network in evaluation mode, without gradients.

    Raises:
        ModelError: the folder is no complete follower.
        OutOfMemoryError: the device is too small.
    """
    network = build_follower(folder, side)
    files = TensorFiles(folder)
    try:
        fill(network, _tensors(network, files, files.read), lambda _, tensor: tensor.to(device, dtype))
        rebuild_buffers(network, device)
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(
            f"{device} has too little memory for the follower {folder.name}; "
            f"try a smaller {parameter('follower')}, or {parameter('device', 'cpu')}"
        ) from error
    return network.eval().requires_grad_(False)


def check_follower_tensors(folder: Path) -> int:
    """Makes sure that every parameter has its tensor, of the right shape; nothing is read.

    Returns:
        How many tensors the files hold.

    Raises:
        ModelError: naming what is missing, left over or of a wrong shape.
    """
    network, files = build_follower(folder), TensorFiles(folder)
    fill(network, _tensors(network, files, files.outline), lambda _, tensor: tensor)
    return len(files.names)


def build_follower(folder: Path, side: int | None = None) -> Sam2:
    """Builds the network of a folder without memory: every parameter is on the meta device.

    Raises:
        ModelError: the config is missing, or makes no follower.
    """
    written = read_json_object(folder / CONFIG_FILE)
    require_follower(written, str(folder))
    try:
        check_sizes(written)
        with torch.device("meta"):
            return network_of(written, side)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error
    except Exception as error:  # a config can be wrong in any way, and transformers has errors of its own
        raise ModelError(f"{folder / CONFIG_FILE} makes no follower: {one_line(error)}") from error


def require_follower(written: Config, name: str) -> None:
    """Makes sure that a config is of a follower.

    Raises:
        ModelError: it is of something else.
    """
    if not is_follower(written):
        raise ModelError(
            f"{name} is no follower: its model_type is {written.get('model_type')!r}, and not "
            f"{' or '.join(map(repr, FOLLOWER_TYPES))}; try {parameter('follower', 'sam2.1-tiny')}"
        )


def network_of(written: Config, side: int | None = None) -> Sam2:
    """Builds the network of a ``config.json``, with weights of torch's.

    Args:
        written: what it holds.
        side: of the pictures that the network sees, in pixels; None for that of its config.

    Raises:
        ModelError: the network is of a kind that is not supported.
    """
    config, repvit = _config(written)
    _check_fixed(config)
    if side is not None:
        resize(config, side)
    if isinstance(config, EdgeTamVideoConfig):
        _check_resampler(config)
    return Sam2(config) if isinstance(config, Sam2VideoConfig) else EdgeTam(config, repvit=repvit)


def _config(written: Config) -> tuple[Sam2VideoConfig | EdgeTamVideoConfig, bool]:
    """The config as transformers has it, and whether the trunk is RepViT, for which another one stands."""
    plain = {key: value for key, value in written.items() if key != "auto_map"}
    if plain["model_type"] == "sam2_video":
        return Sam2VideoConfig.from_dict(plain), False
    vision = dict(plain["vision_config"])
    trunk = vision.get("backbone_config") or {"model_type": "timm_wrapper", "architecture": _REPVIT}
    repvit = trunk.get("model_type") == "timm_wrapper"
    if repvit:
        name = str(trunk.get("architecture")).partition(".")[0]
        widths = vision.get("backbone_channel_list", _REPVIT_WIDTHS)
        if name != _REPVIT or widths != _REPVIT_WIDTHS:
            raise ModelError(f"the trunk {name!r} is not known, only {_REPVIT!r} is")
        # As a vision encoder of SAM 2, whose layers are the same: transformers 5.17 would ask the hub for the
        # trunk's config when it validates one of EdgeTAM.
        plain["vision_config"] = vision | {
            "model_type": "sam2_vision_model",
            "backbone_channel_list": widths,
            "backbone_config": {"model_type": "sam2_hiera_det_model"},
        }
    return EdgeTamVideoConfig.from_dict(plain), repvit


def _check_fixed(config: Any) -> None:
    for path, wanted in _FIXED:
        value: Any = config
        for name in path.split("."):
            value = getattr(value, name)
        if value != wanted:
            raise ModelError(f"{path} is {value}, and only {wanted} is supported")


def _check_resampler(config: Any) -> None:
    loose, placed = config.perceiver_resampler_num_latents, config.perceiver_resampler_num_latents_2d
    side = round(max(placed, 0) ** 0.5)
    if loose < 1 or placed < 1 or side**2 != placed or config.memory_attention_rope_k_sizes != [side, side]:
        raise ModelError(f"a memory of {loose} and {placed} cells is not supported, 256 and 256 are")
    if config.image_size // 16 % side:
        smallest = 16 * side
        raise ModelError(f"pictures of {config.image_size} pixels do not suit it, multiples of {smallest} do")


def resize(config: Sam2VideoConfig | EdgeTamVideoConfig, side: int) -> None:
    """Makes a config that of the same weights on pictures of another size.

    Args:
        config: is changed.
        side: of the pictures in pixels; a multiple of 64, for which every map of the pyramid comes out even.
    """
    whole: Any = config
    whole.image_size = whole.prompt_encoder_config.image_size = side
    whole.vision_config.backbone_feature_sizes = [[side // s, side // s] for s in (4, 8, 16)]
    whole.memory_attention_rope_feat_sizes = [side // 16, side // 16]


def _tensors(
    network: Sam2, files: TensorFiles, read: Callable[[str], Tensor]
) -> Iterator[tuple[str, Tensor]]:
    rules = EDGETAM_RULES if isinstance(network, EdgeTam) else PLAIN_RULES
    return native_tensors(rules, [name for name in files.names if not name.endswith(UNUSED)], read)


# facebookresearch/sam2, configs/sam2.1/*.yaml; where they say nothing, transformers' defaults are the same.
_HIERAS: dict[str, Config] = {
    "tiny": {"blocks_per_stage": [1, 2, 7, 2], "global_attention_blocks": [5, 7, 9]},
    "small": {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    "base-plus": {
        "hidden_size": 112,
        "num_attention_heads": 2,
        "embed_dim_per_stage": [112, 224, 448, 896],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 3, 16, 3],
        "window_positional_embedding_background_size": [14, 14],
        "global_attention_blocks": [12, 16, 20],
    },
    "large": {
        "hidden_size": 144,
        "num_attention_heads": 2,
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 6, 36, 4],
        "window_size_per_stage": [8, 4, 16, 8],
        "global_attention_blocks": [23, 33, 43],
    },
}
"""What is published of each size of SAM 2."""


def released_follower(alias: str) -> Config:
    """The ``config.json`` of a follower of the catalogue, before any of its files is here.

    Raises:
        KeyError: there is no such follower.
    """
    entry = FOLLOWERS[alias]
    if entry.family == EDGETAM:
        return {"model_type": "edgetam_video", "vision_config": {"model_type": "edgetam_vision_model"}}
    trunk = _HIERAS[alias.removeprefix(f"{entry.family}-")]
    widths = trunk.get("embed_dim_per_stage", [96, 192, 384, 768])
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": {"model_type": "sam2_hiera_det_model", **trunk},
        "backbone_channel_list": widths[::-1],
    }
    newer = entry.family == SAM2_1
    return {
        "model_type": "sam2_video",
        "vision_config": vision,
        "enable_temporal_pos_encoding_for_object_pointers": newer,
        "enable_occlusion_spatial_embedding": newer,
    }
