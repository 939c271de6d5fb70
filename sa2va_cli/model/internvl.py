"""The InternVL family: InternViT, pixel shuffle and projector, and a causal language model.

What Sa2VA-1B, -4B, -8B, -26B and those on InternVL3 are. Builds the prompt, answers it greedily and returns
the hidden states at the ``[SEG]`` tokens. Knows nothing about masks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    InternVLVisionConfig,
    InternVLVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import UsageError
from sa2va_cli.model import internlm2
from sa2va_cli.model.chat import Answer, Turn, View, check_pictures, likely_phrases, margin_of, tokens_of
from sa2va_cli.model.decoding import Prompt, cache_argument, decode
from sa2va_cli.model.preprocessing import cut_tiles, region_grid, resize_bicubic, vision_pixels
from sa2va_cli.model.prompt_text import IMAGE_TAG, SEGMENT, PromptText
from sa2va_cli.model.second_answers import second_answers

PATCH_TOKEN = "<IMG_CONTEXT>"

SAIL_VL = "sailvl_chat"
"""The template by which a SAIL-VL is known, see ``sail_vl``."""


@dataclass(frozen=True)
class ChatTemplate:
    """How a conversation's turns become the language model's text, and which text ends its answer.

    Attributes:
        turn: what a person says.
        stop: what ends an answer; the first one also stands behind it when the conversation goes on.
        system: the system turn, which the official code never uses.
    """

    turn: str
    stop: tuple[str, ...]
    system: str = "<|im_start|>system\n{}<|im_end|>\n"


# xtuner's prompt templates, by the name in a checkpoint's config (reference set, section 3.1).
TEMPLATES = {
    "qwen_chat": ChatTemplate(
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", ("<|im_end|>", "<|endoftext|>")
    ),
    "internlm2_chat": ChatTemplate(
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", ("<|im_end|>",)
    ),
    "phi3_chat": ChatTemplate(
        "<|user|>\n{}<|end|>\n<|assistant|>\n", ("<|end|>",), "<|system|>\n{}<|end|>\n"
    ),
    # Not xtuner's but SAIL-VL's own; no line ends between turns (reference set, section 9.2).
    SAIL_VL: ChatTemplate(
        "<|im_start|>user\n{}<|im_end|><|im_start|>assistant\n",
        ("<|im_end|>",),
        "<|im_start|>system\n{}<|im_end|>",
    ),
}

SHUFFLES = ("v1", "v2")
"""The versions of InternVL's pixel shuffle: ``v1`` leaves rows and columns exchanged."""


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
        select_layer: whose states of the vision encoder are used; 0 is its embedding, -1 its last layer.
        shuffle_version: a name in ``SHUFFLES``.
    """

    vision: dict[str, Any]
    text: dict[str, Any]
    template: str = "qwen_chat"
    tile_size: int = 448
    max_tiles: int = 12
    shuffle: float = 0.5
    language: str = "qwen2"
    select_layer: int = -1
    shuffle_version: str = "v2"

    def __post_init__(self) -> None:
        if self.template not in TEMPLATES:
            raise ValueError(f"prompt template {self.template!r} is not known, only {', '.join(TEMPLATES)}")
        if self.shuffle_version not in SHUFFLES:
            raise ValueError(f"ps_version {self.shuffle_version!r} is not known, only {', '.join(SHUFFLES)}")
        layers = int(self.vision["num_hidden_layers"])
        if not -layers - 1 <= self.select_layer <= layers:
            raise ValueError(f"select_layer is {self.select_layer}, but there are {layers} layers")

    @property
    def grid(self) -> int:
        """Side of the grid of visual tokens of one tile."""
        return int(self.tile_size // self.vision["patch_size"] * self.shuffle)

    @property
    def family(self) -> str:
        """The name of the family in the table of checkpoints."""
        if self.template == SAIL_VL:
            return "sail-vl"
        return "internvl" if self.language == "qwen2" else f"internvl-{self.language}"

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Tokens without which a tokenizer cannot be one of this family."""
        return (PATCH_TOKEN,) if self.family == "sail-vl" else (PATCH_TOKEN, SEGMENT)

    def build(self, tokenizer: Any) -> "InternVL":
        """Makes the network."""
        if self.template == SAIL_VL:
            from sa2va_cli.model.sail_vl import SailVL  # which is an InternVL

            return SailVL(self, tokenizer)
        return InternVL(self, tokenizer)


@dataclass(frozen=True, eq=False)
class Tiles:
    """What the vision encoder says about the pictures of a prompt.

    Attributes:
        tokens: (B, grid*grid, D) visual tokens, tile after tile.
        video: True if each tile is a keyframe, False if they are parts of one image.
    """

    tokens: Tensor
    video: bool


class InternVL(nn.Module):
    """A vision-language model of the InternVL type.

    Args:
        sizes: of the network.
        tokenizer: a transformers tokenizer that knows Sa2VA's special tokens.
    """

    knows_regions = True

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
        self._cache = cache_argument(self.language_model.model)
        self.patch_id: int = tokenizer.convert_tokens_to_ids(PATCH_TOKEN)
        self.segment_id: int = tokenizer.convert_tokens_to_ids(SEGMENT)

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        return int(self.language_model.config.hidden_size)

    @property
    def device(self) -> torch.device:
        """Where the vision encoder is, and what is said goes in and out."""
        return self.vision_model.device

    def see(self, pixels: Tensor) -> Tensor:
        """Encodes tiles.

        Args:
            pixels: (B, 3, S, S) normalised.

        Returns:
            (B, grid*grid, D) visual tokens.
        """
        pixels = pixels.to(self.device, self.vision_model.dtype)
        layer = self.sizes.select_layer
        if layer == -1:
            states = self.vision_model(pixels).last_hidden_state
        else:
            states = self.vision_model(pixels, output_hidden_states=True).hidden_states[layer]
        return self.project(states[:, 1:])  # (B, P*P, V) without the class token

    def project(self, tokens: Tensor) -> Tensor:
        """Turns encoder tokens (B, P*P, V) into visual tokens (B, grid*grid, D)."""
        return self.projector(pixel_shuffle(tokens, self.sizes.shuffle, self.sizes.shuffle_version))

    def prompt(
        self, text: str, tiles: int, *, video: bool, regions: Tensor | None = None, past: str = ""
    ) -> PromptText:
        """Writes the language model's prompt.

        Args:
            text: the question, with one ``<image>`` where the picture goes. What is marked in it as a
                person's words is not looked at for tags (see ``PromptText``).
            tiles: how many tiles or keyframes there are; 0 for a text-only question.
            video: True if each tile is a keyframe, framed by its own image tags.
            regions: (n, grid, grid) bool region masks to be spoken of as region1, region2, ...
            past: all that was said before, with image tokens already written out.
        """
        block = self._block(tiles, video=video, regions=regions)
        before, after = TEMPLATES[self.sizes.template].turn.split("{}")
        return PromptText(past) + before + PromptText(text).fill(IMAGE_TAG, block) + after

    def _block(self, tiles: int, *, video: bool, regions: Tensor | None = None) -> str:
        """What stands where pictures go."""
        block = ""
        if tiles:
            patches = PATCH_TOKEN * self.sizes.grid**2
            frame = f"<img>{patches}</img>"
            block = "\n".join([frame] * tiles) if video else f"<img>{patches * tiles}</img>"
        if regions is not None:
            counts = regions.flatten(1).sum(1).tolist()
            spoken = ", ".join(f"region{i}<vp>{PATCH_TOKEN * k}</vp>" for i, k in enumerate(counts, 1))
            block += f"\nThere are {len(counts)} part regions in the picture: {spoken}.\n"
        return block

    def write(self, turns: Sequence[Turn], system: str | None = None) -> PromptText:
        """Writes the prompt of a conversation: everything that was said, and then the new turn.

        The pictures of a question stand before it; several are numbered as the InternVL that the network is
        built on was taught (its model card: ``Image-1: <image>``), for which Sa2VA has no rule.
        """
        template = TEMPLATES[self.sizes.template]
        before, after = template.turn.split("{}")
        text = PromptText()
        if system is not None:
            begin, end = template.system.split("{}")
            text = begin + PromptText.literal(system) + end
        for turn in turns:
            blocks = [
                self._block(len(seen.tokens), video=seen.video, regions=turn.regions)
                for seen in turn.pictures
            ]
            if len(blocks) > 1:
                blocks = [f"Image-{number}: {block}\n" for number, block in enumerate(blocks, 1)]
            text += before + "".join(blocks) + turn.words + after
            if turn.answer is not None:
                text += turn.answer + f"{template.stop[0]}\n"
        return text

    def gather(self, turns: Sequence[Turn]) -> Tensor | None:
        """The visual tokens (V, D) of a conversation, in the order of its prompt."""
        parts = [_visual_tokens(seen, turn.regions) for turn in turns for seen in turn.pictures]
        return torch.cat(parts) if parts else None

    def regions_of(self, masks: np.ndarray) -> Tensor:
        """(n, grid, grid) bool."""
        return region_grid(masks, self.sizes.grid)

    def shown_with(self, _: Sequence[PromptText]) -> int:
        """The first: what was said before was said about the same pictures."""
        return 0

    def states_after_norm(self, states: Tensor) -> Tensor:
        """The same: ``read`` gives them after the norm."""
        return states

    def embed(self, ids: Tensor, visual: Tensor | None) -> Tensor:
        """Embeds tokens (1, L) as (1, L, D), with visual tokens (V, D) where the patch tokens are."""
        embeddings: Tensor = self.language_model.get_input_embeddings()(ids)
        if visual is None:
            return embeddings
        places = (ids == self.patch_id)[..., None].to(embeddings.device)
        return embeddings.masked_scatter(places, visual.to(embeddings))

    def look(self, images: Sequence[RGB], *, still: bool) -> View:
        """Encodes keyframes, each as one tile, or one still image, cut into tiles, or no picture at all."""
        side = self.sizes.tile_size
        if still:
            tiles = cut_tiles(images[0], self.sizes.max_tiles, side) if images else []
        else:
            tiles = [resize_bicubic(image, side, side) for image in images]
        return View(Tiles(self.see(vision_pixels(tiles)), video=not still) if tiles else None)

    def answer(
        self, view: View, text: str, regions: np.ndarray | None = None, past: str = ""
    ) -> tuple[Answer, View]:
        """Answers a question about pictures.

        Args:
            view: of them, from ``look``.
            text: the question, with one ``<image>`` unless the picture is in ``past``; see ``prompt``.
            regions: (n, H, W) region masks of a still image, spoken of where ``<image>`` stands.
            past: see ``prompt``.

        Raises:
            UsageError: there are regions and no still image to speak of; or the prompt shows other pictures
                than those that were looked at.
        """
        tiles: Tiles | None = view.pictures
        if regions is not None and (tiles is None or tiles.video or not PromptText(text).has(IMAGE_TAG)):
            raise UsageError(f"regions are those of one still image; look at one, and ask with {IMAGE_TAG}")
        grid = None if regions is None else region_grid(regions, self.sizes.grid)
        count, video = (len(tiles.tokens), tiles.video) if tiles else (0, False)
        words = self.prompt(text, count, video=video, regions=grid, past=past)
        ids = tokens_of(self, words)
        visual = _visual_tokens(tiles, grid) if tiles else None
        check_pictures(ids.count(self.patch_id), len(visual) if visual is not None else 0)
        shared = self._after_tiles(ids, tiles) if tiles else 0
        phrases = likely_phrases(self.tokenizer, ids[shared:])
        prompted = Prompt(ids, visual, shared)
        decoded = decode(self, prompted, phrases, view.prefix)
        tokens, hidden = decoded.tokens, decoded.hidden
        generated = torch.tensor(tokens, device=hidden.device)
        at_segments = (generated[:-1] == self.segment_id).nonzero()[:, 0] + 1
        margin = margin_of(self, tokens, hidden, self.segment_id)
        seconds = second_answers(self, prompted, decoded)
        answer = Answer(self.said(tokens).strip(), generated, hidden, hidden[at_segments], margin, seconds)
        return answer, replace(view, prefix=decoded.prefix)

    def _after_tiles(self, ids: list[int], tiles: Tiles) -> int:
        """How many tokens of a prompt there are up to the last one of the pictures; 0 if it shows none."""
        patches = [place for place, token in enumerate(ids) if token == self.patch_id]
        count = tiles.tokens.shape[:2].numel()
        return patches[count - 1] + 1 if len(patches) >= count else 0

    def read(self, ids: list[int], pictures: Tensor | None, cache: Any, shown: int = 0) -> Tensor:
        """Reads tokens after those in the cache; see ``decoding.TokenReader``."""
        visual = None
        if pictures is not None and shown < len(pictures):  # later, such a token is one that was generated
            visual = pictures[shown : shown + ids.count(self.patch_id)]
        embeddings = self.embed(torch.tensor([ids], device=self.device), visual)
        arguments = {self._cache: cache, "use_cache": True}
        output = self.language_model.model(inputs_embeds=embeddings, **arguments)
        states: Tensor = output.last_hidden_state[0]
        return states.to(self.device)

    def read_together(
        self, rows: Tensor, pictures: Sequence[Tensor | None], cache: Any, mask: Tensor
    ) -> Tensor:
        """Reads tokens of several conversations at once; see ``ChatModel``."""
        shown = [one for one in pictures if one is not None] if not cache.get_seq_length() else []
        embeddings = self.embed(rows, torch.cat(shown) if shown else None)
        places = (mask.cumsum(-1) - 1).clamp(min=0)[:, -rows.shape[1] :]
        arguments = {self._cache: cache, "use_cache": True}
        output = self.language_model.model(
            inputs_embeds=embeddings, attention_mask=mask.long(), position_ids=places, **arguments
        )
        states: Tensor = output.last_hidden_state
        return states.to(self.device)

    def logits(self, states: Tensor) -> Tensor:
        """How likely each token is (n, V) after each of the states (n, D)."""
        logits: Tensor = self.language_model.lm_head(states)
        return logits

    def next_tokens(self, states: Tensor) -> Tensor:
        """The likeliest token (n,) after each of the states (n, D)."""
        return self.logits(states).argmax(dim=-1)

    @property
    def picture_id(self) -> int:
        """The token that stands for a piece of a picture."""
        return self.patch_id

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end an answer."""
        return TEMPLATES[self.sizes.template].stop

    def ends(self, tokens: list[int]) -> bool:
        """Stop words are text: the whole answer is decoded and its tail compared (reference set, 3.1)."""
        if tokens[-1] == self.tokenizer.eos_token_id:
            return True
        text = self.said(tokens).replace("\r", "").replace("\n", "")
        return text.endswith(TEMPLATES[self.sizes.template].stop)

    def said(self, tokens: list[int]) -> str:
        """The text of generated tokens, special ones included, as the official code returns it."""
        return LANGUAGES[self.sizes.language].decode(self.tokenizer, tokens)


def _visual_tokens(tiles: Tiles, regions: Tensor | None) -> Tensor:
    """All visual tokens (V, D) of a prompt; cells of regions in the last tile follow the picture's own."""
    parts = [tiles.tokens.flatten(0, 1)]
    if regions is not None:
        cells = tiles.tokens[-1]
        parts += [cells[region.flatten().to(cells.device)] for region in regions]
    return torch.cat(parts)


def pixel_shuffle(tokens: Tensor, scale: float, version: str = "v2") -> Tensor:
    """Folds neighbouring tokens into channels.

    Args:
        tokens: (B, P*P, V) row by row.
        scale: how much each side of the grid shrinks.
        version: a name in ``SHUFFLES``.

    Returns:
        (B, P*P*scale**2, V/scale**2).
    """
    batch, area, width = tokens.shape
    side = int(area**0.5)
    short = int(side * scale)
    x = tokens.view(batch, side, short, int(width / scale))
    x = x.transpose(1, 2).reshape(batch, short, short, int(width / scale**2))
    return (x if version == "v1" else x.transpose(1, 2)).reshape(batch, short * short, -1)
