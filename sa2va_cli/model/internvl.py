"""The InternVL family: InternViT, pixel shuffle and projector, and a causal language model.

What Sa2VA-1B, -4B, -8B, -26B and those on InternVL3 are. Builds the prompt, answers it greedily and returns
the hidden states at the ``[SEG]`` tokens. Knows nothing about masks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    DynamicCache,
    InternVLVisionConfig,
    InternVLVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from sa2va_cli.datatypes import RGB
from sa2va_cli.model import internlm2
from sa2va_cli.model.chat import SEGMENT, Answer, collect
from sa2va_cli.model.preprocessing import cut_tiles, region_grid, resize_bicubic, vision_pixels

PATCH_TOKEN = "<IMG_CONTEXT>"


@dataclass(frozen=True)
class ChatTemplate:
    """How a conversation's turns become the language model's text, and which text ends its answer."""

    turn: str
    stop: tuple[str, ...]


# xtuner's prompt templates, by the name in a checkpoint's config (reference set, section 3.1).
TEMPLATES = {
    "qwen_chat": ChatTemplate(
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", ("<|im_end|>", "<|endoftext|>")
    ),
    "internlm2_chat": ChatTemplate(
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", ("<|im_end|>",)
    ),
    "phi3_chat": ChatTemplate("<|user|>\n{}<|end|>\n<|assistant|>\n", ("<|end|>",)),
}


@dataclass(frozen=True)
class Language:
    """A kind of language model.

    Attributes:
        config: its configuration in transformers.
        model: its class in transformers.
        decode: turns a tokenizer and token ids into text.
    """

    config: Any
    model: Any
    decode: Callable[[Any, list[int]], str]


def _as_it_is(tokenizer: Any, ids: list[int]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=False)
    return text


# InternLM2 is Llama with packed weights (reference set, section 6) and a tokenizer of its own.
LANGUAGES = {
    "qwen2": Language(Qwen2Config, Qwen2ForCausalLM, _as_it_is),
    "internlm2": Language(LlamaConfig, LlamaForCausalLM, internlm2.decode),
}


@dataclass(frozen=True)
class InternVLSizes:
    """Everything that distinguishes one InternVL-type network from another.

    Attributes:
        vision: keyword arguments of transformers' ``InternVLVisionConfig``.
        text: keyword arguments of the language model's configuration in transformers.
        template: a name in ``TEMPLATES``.
        tile_size: side of a tile in pixels.
        max_tiles: how many tiles a single image may be cut into.
        shuffle: how much pixel shuffle shortens each side of the token grid.
        language: a name in ``LANGUAGES``.
    """

    vision: dict[str, Any]
    text: dict[str, Any]
    template: str = "qwen_chat"
    tile_size: int = 448
    max_tiles: int = 12
    shuffle: float = 0.5
    language: str = "qwen2"

    def __post_init__(self) -> None:
        if self.template not in TEMPLATES:
            raise ValueError(f"prompt template {self.template!r} is not known, only {', '.join(TEMPLATES)}")

    @property
    def grid(self) -> int:
        """Side of the grid of visual tokens of one tile."""
        return int(self.tile_size // self.vision["patch_size"] * self.shuffle)

    @property
    def family(self) -> str:
        """The name of the family in the table of checkpoints."""
        return "internvl" if self.language == "qwen2" else f"internvl-{self.language}"

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Tokens without which a tokenizer cannot be one of this family."""
        return (PATCH_TOKEN, SEGMENT)

    def build(self, tokenizer: Any) -> "InternVL":
        """Makes the network."""
        return InternVL(self, tokenizer)


class InternVL(nn.Module):
    """A vision-language model of the InternVL type.

    Args:
        sizes: of the network.
        tokenizer: a transformers tokenizer that knows Sa2VA's special tokens.
    """

    def __init__(self, sizes: InternVLSizes, tokenizer: Any) -> None:
        super().__init__()
        self.sizes = sizes
        self.tokenizer = tokenizer
        vision = InternVLVisionConfig(**sizes.vision, image_size=sizes.tile_size)
        language = LANGUAGES[sizes.language]
        text = language.config(**sizes.text)
        self.vision_model = InternVLVisionModel(vision)
        self.language_model = language.model(text)
        shuffled = int(vision.hidden_size / sizes.shuffle**2)
        self.projector = nn.Sequential(
            nn.LayerNorm(shuffled),
            nn.Linear(shuffled, text.hidden_size),
            nn.GELU(),
            nn.Linear(text.hidden_size, text.hidden_size),
        )
        self.patch_id: int = tokenizer.convert_tokens_to_ids(PATCH_TOKEN)
        self.segment_id: int = tokenizer.convert_tokens_to_ids(SEGMENT)

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        return int(self.language_model.config.hidden_size)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.language_model.device

    def see(self, pixels: Tensor) -> Tensor:
        """Encodes tiles.

        Args:
            pixels: (B, 3, S, S) normalised.

        Returns:
            (B, grid*grid, D) visual tokens.
        """
        pixels = pixels.to(self.device, self.vision_model.dtype)
        tokens = self.vision_model(pixels).last_hidden_state[:, 1:]  # (B, P*P, V) without the class token
        return self.project(tokens)

    def project(self, tokens: Tensor) -> Tensor:
        """Turns encoder tokens (B, P*P, V) into visual tokens (B, grid*grid, D)."""
        return self.projector(pixel_shuffle(tokens, self.sizes.shuffle))

    def prompt(
        self, text: str, tiles: int, *, video: bool, regions: Tensor | None = None, past: str = ""
    ) -> str:
        """Writes the language model's prompt.

        Args:
            text: the user's words, with one ``<image>`` where the picture goes.
            tiles: how many tiles or keyframes there are; 0 for a text-only question.
            video: True if each tile is a keyframe, framed by its own image tags.
            regions: (n, grid, grid) bool region masks to be spoken of as region1, region2, ...
            past: all that was said before, with image tokens already written out.
        """
        block = ""
        if tiles:
            patches = PATCH_TOKEN * self.sizes.grid**2
            frame = f"<img>{patches}</img>"
            block = "\n".join([frame] * tiles) if video else f"<img>{patches * tiles}</img>"
        if regions is not None:
            counts = regions.flatten(1).sum(1).tolist()
            spoken = ", ".join(f"region{i}<vp>{PATCH_TOKEN * k}</vp>" for i, k in enumerate(counts, 1))
            block += f"\nThere are {len(counts)} part regions in the picture: {spoken}.\n"
        return past + TEMPLATES[self.sizes.template].turn.format(text.replace("<image>", block))

    def embed(
        self, prompt: str, visual: Tensor | None, regions: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeds a prompt, with visual tokens where its patch tokens are.

        Args:
            prompt: as ``prompt`` writes it.
            visual: (B, grid*grid, D) from ``see``, or None.
            regions: (n, grid, grid) bool; their cells of the last tile follow the picture's own tokens.

        Returns:
            token ids (1, L) and embeddings (1, L, D).
        """
        ids = torch.tensor([self.tokenizer(prompt)["input_ids"]], device=self.device)
        embeddings = self.language_model.get_input_embeddings()(ids)
        if visual is not None:
            parts = [visual.flatten(0, 1)]
            if regions is not None:
                cells = visual[-1]
                parts += [cells[region.flatten().to(cells.device)] for region in regions]
            flat = torch.cat(parts)
            places = ids == self.patch_id
            embeddings = embeddings.masked_scatter(places[..., None], flat.to(embeddings.dtype))
        return ids, embeddings

    def answer(
        self, images: Sequence[RGB], text: str, regions: np.ndarray | None = None, past: str = ""
    ) -> Answer:
        """Answers a question about one still image, cut into tiles, or about no picture at all.

        Args:
            images: one picture or none.
            text: the user's words, with one ``<image>`` unless the picture is in ``past``.
            regions: (n, H, W) region masks of the image.
            past: see ``prompt``.
        """
        tiles = cut_tiles(images[0], self.sizes.max_tiles, self.sizes.tile_size) if images else []
        return self._answer(tiles, text, regions, past, video=False)

    def answer_keyframes(self, images: Sequence[RGB], text: str) -> Answer:
        """Answers a question about a video, of which it sees these keyframes, each as one tile."""
        side = self.sizes.tile_size
        tiles = [resize_bicubic(image, side, side) for image in images]
        return self._answer(tiles, text, None, "", video=True)

    def _answer(
        self, tiles: Sequence[RGB], text: str, regions: np.ndarray | None, past: str, *, video: bool
    ) -> Answer:
        visual = self.see(vision_pixels(tiles)) if tiles else None
        grid = None if regions is None else region_grid(regions, self.sizes.grid)
        _, embeddings = self.embed(
            self.prompt(text, len(tiles), video=video, regions=grid, past=past), visual, grid
        )
        return self.generate(embeddings)

    def generate(self, embeddings: Tensor) -> Answer:
        """Decodes greedily from prompt embeddings (1, L, D) until a stop word."""
        tokens, hidden = collect(self._decode(embeddings), self._stops)
        ids = torch.tensor(tokens, device=hidden.device)
        at_segments = (ids[:-1] == self.segment_id).nonzero()[:, 0] + 1
        return Answer(self._text(tokens).strip(), ids, hidden, hidden[at_segments])

    def _decode(self, embeddings: Tensor) -> Iterator[tuple[Tensor, int]]:
        """Yields, without end, the last state (1, D) and the token that follows it."""
        model, cache = self.language_model, DynamicCache(config=self.language_model.config)
        while True:
            output = model.model(inputs_embeds=embeddings, past_key_values=cache, use_cache=True)
            state = output.last_hidden_state[:, -1]
            token = model.lm_head(state).argmax(dim=-1)
            yield state, int(token)
            embeddings = model.get_input_embeddings()(token)[:, None]

    def _stops(self, tokens: list[int]) -> bool:
        """Stop words are text: the whole answer is decoded and its tail compared (reference set, 3.1)."""
        if tokens[-1] == self.tokenizer.eos_token_id:
            return True
        text = self._text(tokens).replace("\r", "").replace("\n", "")
        return text.endswith(TEMPLATES[self.sizes.template].stop)

    def _text(self, tokens: list[int]) -> str:
        return LANGUAGES[self.sizes.language].decode(self.tokenizer, tokens)


def pixel_shuffle(tokens: Tensor, scale: float) -> Tensor:
    """Folds neighbouring tokens into channels, InternVL's version 2.

    Args:
        tokens: (B, P*P, V) row by row.
        scale: how much each side of the grid shrinks.

    Returns:
        (B, P*P*scale**2, V/scale**2).
    """
    batch, area, width = tokens.shape
    side = int(area**0.5)
    short = int(side * scale)
    x = tokens.view(batch, side, short, int(width / scale))
    x = x.transpose(1, 2).reshape(batch, short, short, int(width / scale**2))
    return x.transpose(1, 2).reshape(batch, short * short, -1)
