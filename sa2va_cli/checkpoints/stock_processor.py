"""Processors of chat models that transformers runs itself: pictures and words to what their networks take.

Image processors are those of transformers that work with Pillow. Its video processors need torchvision, which
this program does without: where a model takes frames like images, they are made by the Pillow processor of
CLIP, which does what the models' first processors did. No program of a checkpoint is ever run.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from sa2va_cli.checkpoints.json_files import Config, one_line, read_json_object
from sa2va_cli.checkpoints.quiet import quiet_transformers
from sa2va_cli.errors import ModelError

_LEFT = {"local_files_only": True, "trust_remote_code": False}

_IMAGE_PROCESSORS = {
    "LlavaOnevisionProcessor": ("llava_onevision", "LlavaOnevisionImageProcessorPil"),
    "LlavaNextVideoProcessor": ("llava_next", "LlavaNextImageProcessorPil"),
}
"""Of processors whose checkpoints may name a class that transformers has no more."""

# What the classes LlavaOnevisionVideoProcessor and LlavaNextVideoVideoProcessor of transformers 5 have where
# a checkpoint is silent; bicubic in both.
_CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
}
_FRAMES: Mapping[str, Config] = {
    "LlavaOnevisionProcessor": _CLIP | {"size": {"height": 384, "width": 384}, "do_center_crop": False},
    "LlavaNextVideoProcessor": _CLIP
    | {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": True},
}
_FRAME_KEYS = (
    "size",
    "crop_size",
    "resample",
    "do_resize",
    "do_center_crop",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
)
_FRAME_FILES = (
    "video_preprocessor_config.json",
    "video_processor/preprocessor_config.json",
    "preprocessor_config.json",
)
"""Where the settings of frames are, the newest layout first."""

_PROCESSOR_FILE = "processor_config.json"


class FrameProcessor:
    """Frames of videos as pixels: what transformers' video processors make, with Pillow's resizing.

    Args:
        settings: of an image processor.
    """

    model_input_names = ("pixel_values_videos",)

    def __init__(self, settings: Config) -> None:
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        self._frames = CLIPImageProcessorPil(**settings)

    def __call__(self, videos: Any, **_: Any) -> dict[str, Any]:
        """Processes videos (T, H, W, 3), nested by conversation, all with the same T."""
        import torch
        from PIL import Image

        made = [
            self._frames([Image.fromarray(frame) for frame in video], return_tensors="pt")["pixel_values"]
            for of_one in videos
            for video in of_one
        ]
        return {"pixel_values_videos": torch.stack(made)}


def load_processor(folder: Path, config: Any) -> tuple[Any, bool]:
    """Loads a checkpoint's processor.

    Args:
        folder: a checkpoint.
        config: of its model, of the class that transformers has for it.

    Returns:
        the processor, and whether it makes something of videos.

    Raises:
        ModelError: transformers has none for this model, it cannot be had without torchvision, or a file is
            missing or not understood.
    """
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    name = PROCESSOR_MAPPING_NAMES.get(config.model_type)
    if name is None:
        raise ModelError(f"transformers has no processor for {config.model_type!r}, so it cannot be asked")
    check_json_files(folder)
    try:
        with quiet_transformers():
            kind = _lenient(getattr(transformers, name))
            parts = {part: _part(part, name, folder) for part in kind.get_attributes()}
            settings, _ = kind.get_processor_dict(str(folder), local_files_only=True)
            settings.pop("auto_map", None)
            processor = kind.from_args_and_dict(list(parts.values()), settings)
    except ModelError:
        raise
    except ImportError as error:
        raise ModelError(f"the processor in {folder} needs more than is here: {one_line(error)}") from error
    except Exception as error:  # the files can be wrong in any way; the libraries have errors of their own
        raise ModelError(f"the processor in {folder} is not understood: {one_line(error)}") from error
    _complete(processor, settings, config)
    if not processor.chat_template:
        processor.chat_template = processor.tokenizer.chat_template
    if not processor.chat_template:
        raise ModelError(f"{folder} has no chat template, so that nobody knows how to ask it")
    tokenizer = processor.tokenizer
    tokenizer.padding_side = "left"  # generation goes on at the end (reference set, section 10.4)
    tokenizer.model_max_length = 1 << 40  # visual tokens count, and nothing is to be cut off
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return processor, parts.get("video_processor") is not None


def check_json_files(folder: Path) -> None:
    """Looks at every JSON file that transformers may read, so that a hostile one is refused."""
    for path in sorted(folder.glob("*.json")):
        if path.name not in ("tokenizer.json", "vocab.json") and not path.name.endswith(".index.json"):
            read_json_object(path)


def _lenient(kind: Any) -> Any:
    """A class of processors whose parts need not be of the classes that transformers has for them."""

    def check_argument_for_proper_class(_: Any, __: str, part: Any) -> type:
        return type(part)

    changed = {
        "check_argument_for_proper_class": check_argument_for_proper_class,
        "__repr__": object.__repr__,  # which would write its parts as JSON
        "__module__": kind.__module__,
    }
    return type(kind.__name__, (kind,), changed)


def _part(part: str, processor: str, folder: Path) -> Any:
    if part == "tokenizer":
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(str(folder), **_LEFT)
    if part == "video_processor":
        return _video_processor(processor, folder)
    if part != "image_processor":
        raise ModelError(f"{processor} needs a {part}, which is not supported")
    if processor in _IMAGE_PROCESSORS:
        module, name = _IMAGE_PROCESSORS[processor]
        module = f"transformers.models.{module}.image_processing_pil_{module}"
        return getattr(import_module(module), name).from_pretrained(str(folder), local_files_only=True)
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(str(folder), backend="pil", **_LEFT)


def _video_processor(processor: str, folder: Path) -> Any:
    """That of transformers where it can be had; None where it needs torchvision and is not like CLIP's."""
    if processor in _FRAMES:
        return FrameProcessor(_FRAMES[processor] | _frame_settings(folder))
    from transformers import AutoVideoProcessor

    try:
        return AutoVideoProcessor.from_pretrained(str(folder), **_LEFT)
    except (ImportError, ValueError, OSError):
        return None


def _frame_settings(folder: Path) -> Config:
    found: Config = {}
    if (folder / _PROCESSOR_FILE).is_file():
        found = read_json_object(folder / _PROCESSOR_FILE).get("video_processor") or {}
    for name in _FRAME_FILES:
        if not found and (folder / name).is_file():
            found = read_json_object(folder / name)
    return {key: found[key] for key in _FRAME_KEYS if found.get(key) is not None}


def _complete(processor: Any, settings: Config, config: Any) -> None:
    """Takes from the model's config what early processor configs lack (reference set, section 10.2)."""
    vision = getattr(config, "vision_config", None)
    side, patch = getattr(vision, "image_size", None), getattr(vision, "patch_size", None)
    strategy = getattr(config, "vision_feature_select_strategy", None)
    known = {"patch_size": patch, "vision_feature_select_strategy": strategy}
    if isinstance(side, int) and isinstance(patch, int):
        known["num_image_tokens"] = (side // patch) ** 2
    for name, value in known.items():
        if hasattr(processor, name) and getattr(processor, name) is None:
            setattr(processor, name, value)
    if "num_additional_image_tokens" not in settings and hasattr(processor, "num_additional_image_tokens"):
        processor.num_additional_image_tokens = int(strategy == "default")  # the class token, which is cut
    if "vision_aspect_ratio" not in settings and hasattr(processor, "vision_aspect_ratio"):
        processor.vision_aspect_ratio = config.vision_aspect_ratio
