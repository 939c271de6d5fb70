"""Tiny random checkpoints in the published layout of chat models that transformers runs itself."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    Qwen2Config,
    SiglipVisionConfig,
)
from transformers.utils import logging

from sa2va_cli.checkpoints.stock_loader import load_stock
from sa2va_cli.checkpoints.stock_processor import load_processor
from sa2va_cli.conversation import Question
from sa2va_cli.datatypes import ModelIdentity
from sa2va_cli.model.stock import StockEngine

SIDE = 28
PATCH = 7
GRID = [[SIDE * rows, SIDE * columns] for rows in range(1, 4) for columns in range(1, 4)]

_TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
_VISION = {"hidden_size": 24, "intermediate_size": 32, "num_attention_heads": 2}

_PARTS = "{% for part in message['content'] | selectattr('type', 'equalto', 'KIND') %}"
_SHOWN = "".join(
    f"{_PARTS.replace('KIND', kind)}{{{{ '<{kind}>\\n' }}}}{{% endfor %}}" for kind in ("image", "video")
)
ONEVISION_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    + _SHOWN
    + _PARTS.replace("KIND", "text")
    + "{{ part['text'] }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
NEXT_VIDEO_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "{{ message['role'].upper() + ': ' }}{% endif %}"
    + _SHOWN
    + _PARTS.replace("KIND", "text")
    + "{{ part['text'] + ' ' }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")


def onevision(
    folder: Path, *, side: int = SIDE, patch: int = PATCH, grid: Any = None, weights: bool = True
) -> Path:
    """``llava-hf/llava-onevision-qwen2-0.5b-ov-hf`` in small."""
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>")
    ids = _qwen_tokenizer(folder, special)
    grid = grid or GRID
    text = Qwen2Config(
        **_TEXT,
        vocab_size=300,
        num_key_value_heads=2,
        eos_token_id=ids["<|im_end|>"],
        tie_word_embeddings=True,
    )
    vision = SiglipVisionConfig(
        **_VISION, num_hidden_layers=2, image_size=side, patch_size=patch, vision_use_head=False
    )
    config = LlavaOnevisionConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=ids["<image>"],
        video_token_id=ids["<video>"],
        image_grid_pinpoints=grid,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        vision_aspect_ratio="anyres_max_9",
        tie_word_embeddings=True,
    )
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": side, "width": side}}
    write_json(
        folder / "preprocessor_config.json",
        half | {"image_processor_type": "LlavaOnevisionImageProcessor", "image_grid_pinpoints": grid},
    )
    write_json(
        folder / "video_processor" / "preprocessor_config.json",
        half | {"image_processor_type": "LlavaOnevisionVideoProcessor"},
    )
    write_json(
        folder / "processor_config.json",
        {
            "processor_class": "LlavaOnevisionProcessor",
            "num_image_tokens": (side // patch) ** 2,
            "vision_feature_select_strategy": "full",
            "image_token": "<image>",
            "video_token": "<video>",
        },
    )
    write_json(folder / "chat_template.json", {"chat_template": ONEVISION_TEMPLATE})
    _save(folder, config, LlavaOnevisionForConditionalGeneration, ids["<|im_end|>"], weights=weights)
    return folder


def next_video(
    folder: Path, *, side: int = SIDE, patch: int = PATCH, grid: Any = None, weights: bool = True
) -> Path:
    """``llava-hf/LLaVA-NeXT-Video-7B-hf`` in small, as an early snapshot has it."""
    _llama_tokenizer(folder)
    grid = grid or [
        [SIDE, 2 * SIDE],
        [2 * SIDE, SIDE],
        [2 * SIDE, 2 * SIDE],
        [3 * SIDE, SIDE],
        [SIDE, 3 * SIDE],
    ]
    text = LlamaConfig(
        **_TEXT,
        vocab_size=512,
        num_key_value_heads=4,
        eos_token_id=2,
    )
    vision = CLIPVisionConfig(**_VISION, num_hidden_layers=3, image_size=side, patch_size=patch)
    config = LlavaNextVideoConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=_NEXT_IDS["<image>"],
        video_token_index=_NEXT_IDS["<video>"],
        image_grid_pinpoints=grid,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "LlavaNextVideoImageProcessor",
            "image_grid_pinpoints": grid,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "size": {"shortest_edge": side},
            "crop_size": {"height": side, "width": side},
            "do_center_crop": True,
        },
    )
    write_json(folder / "processor_config.json", {"chat_template": NEXT_VIDEO_TEMPLATE})
    _save(folder, config, LlavaNextVideoForConditionalGeneration, 2, weights=weights)
    written = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", written | {"model_type": "llava_next"})
    return folder


IDEFICS3_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>' }}"
    "{% else %}{{ ' ' + part['text'] }}{% endif %}{% endfor %}{{ '<end_of_utterance>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def idefics3(folder: Path) -> Path:
    """A model of a class that nothing here is made for: ``HuggingFaceM4/Idefics3-8B-Llama3`` in small."""
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]
    special = ("<|endoftext|>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    ids = _qwen_tokenizer(folder, (*special, "<|im_end|>", *tiles))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    named = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    write_json(folder / "tokenizer_config.json", settings | {"extra_special_tokens": named})
    vision = _VISION | {"num_hidden_layers": 2, "image_size": SIDE, "patch_size": PATCH}
    config = Idefics3Config(
        text_config=LlamaConfig(**_TEXT, vocab_size=300, num_key_value_heads=2),
        vision_config=vision,
        image_token_id=ids["<image>"],
        scale_factor=2,
    )
    write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "Idefics3ImageProcessor",
            "size": {"longest_edge": 2 * SIDE},
            "max_image_size": {"longest_edge": SIDE},
        },
    )
    write_json(
        folder / "processor_config.json",
        {"processor_class": "Idefics3Processor", "image_seq_len": (SIDE // PATCH // 2) ** 2},
    )
    write_json(folder / "chat_template.json", {"chat_template": IDEFICS3_TEMPLATE})
    _save(folder, config, Idefics3ForConditionalGeneration, ids["<end_of_utterance>"], weights=True)
    return folder


_NEXT_IDS = {"<unk>": 0, "<s>": 1, "</s>": 2, "<video>": 508, "<image>": 509}


def _save(folder: Path, config: Any, kind: Any, eos: int, *, weights: bool) -> None:
    if not weights:
        config.architectures = [kind.__name__]
        config.save_pretrained(folder)
        return
    torch.manual_seed(7)
    model = kind(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.generation_config.eos_token_id = eos
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    if kind is Idefics3ForConditionalGeneration:
        return
    # transformers 5 has one module less around the layers of the vision encoder than the published files.
    tensors = {
        name.replace("vision_tower.", "vision_tower.vision_model."): tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _qwen_tokenizer(folder: Path, special: tuple[str, ...]) -> dict[str, int]:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: place for place, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    folder.mkdir(exist_ok=True, parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    )
    return {word: tokenizer.token_to_id(word) for word in special}


def _llama_tokenizer(folder: Path) -> None:
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    vocabulary |= {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    for letter in ["\u2581", *map(chr, range(33, 127))]:
        vocabulary[letter] = len(vocabulary)
    while len(vocabulary) < _NEXT_IDS["<video>"]:
        vocabulary[f"unused{len(vocabulary)}"] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ("<unk>", "<s>", "</s>", "<video>", "<image>")
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    folder.mkdir(exist_ok=True, parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "LlamaTokenizer",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "pad_token": "<unk>",
            "padding_side": "right",
            "add_bos_token": True,
        },
    )


def loaded(folder: Path, name: str) -> StockEngine:
    """One of these checkpoints; its name is that of the function that made it, with a hyphen."""
    model = load_stock(folder, torch.device("cpu"), torch.float32)
    processor, takes_videos = load_processor(folder, model.config)
    return StockEngine(model, processor, ModelIdentity(name), takes_videos=takes_videos)


def frames(engine: StockEngine, video: np.ndarray) -> torch.Tensor:
    """A video's pixels as the first processors of both models made them, written out."""
    squares = []
    side = engine.model.config.vision_config.image_size
    for frame in video:
        image = Image.fromarray(frame)
        if engine.identity.name == "onevision":
            image = image.resize((side, side), Image.Resampling.BICUBIC)
            mean = std = np.full(3, 0.5, np.float32)
        else:
            scale = side / min(image.size)
            size = tuple(int(length * scale + 1e-6) for length in image.size)
            image = image.resize(size, Image.Resampling.BICUBIC)
            left, top = ((length - side) // 2 for length in image.size)
            image = image.crop((left, top, left + side, top + side))
            mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
            std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
        squares.append((np.asarray(image, np.float32) / 255 - mean) / std)
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)


def image_tokens(engine: StockEngine, images: list[Image.Image]) -> list[int]:
    """How many features the model itself makes of each image."""
    made = engine.processor.image_processor([images], return_tensors="pt")
    features = engine.model.get_image_features(**dict(made), return_dict=True).pooler_output
    return [len(one) for one in features]


def direct(engine: StockEngine, question: Question, *, before: str = "", tokens: int = 8) -> list[int]:
    """The class's own ``generate`` on inputs that are put together here, as the cards do."""
    images = [Image.fromarray(i) for p in question.pictures if not p.video for i in p.images]
    videos = [np.stack(p.images) for p in question.pictures if p.video]
    tags = "<image>\n" * len(images) + "<video>\n" * len(videos)
    vision = engine.model.config.vision_config
    # Frames are pooled, two by two patches to one.
    per_frame = math.ceil(vision.image_size // vision.patch_size / 2) ** 2
    if engine.identity.name == "onevision":
        asked, said = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", "{}<|im_end|>\n"
        video_tokens = [len(video) * per_frame + 1 for video in videos]
    else:
        asked, said = "USER: {} ASSISTANT:", " {} "
        video_tokens = [len(video) * per_frame for video in videos]
    prompt = ""
    for turn in question.past:
        prompt, tags = prompt + asked.format(tags + turn.question) + said.format(turn.answer), ""
    prompt += asked.format(tags + question.text)
    prompt = before + prompt
    inputs: dict[str, Any] = {}
    if images:
        inputs |= dict(engine.processor.image_processor([images], return_tensors="pt"))
        for count in image_tokens(engine, images):
            prompt = prompt.replace("<image>", "\0" * count, 1)
    if videos:
        inputs["pixel_values_videos"] = torch.stack([frames(engine, video) for video in videos])
        for count in video_tokens:
            prompt = prompt.replace("<video>", "\1" * count, 1)
    prompt = prompt.replace("\0", "<image>").replace("\1", "<video>")
    ids = engine.processor.tokenizer(prompt, return_tensors="pt")
    done = engine.model.generate(**ids, **inputs, max_new_tokens=tokens, do_sample=False)
    return done[0, ids["input_ids"].shape[1] :].tolist()
