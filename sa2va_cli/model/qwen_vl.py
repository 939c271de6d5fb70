"""The Qwen-VL family: Qwen2.5-VL and Qwen3-VL, which see pictures of any size.

What Sa2VA-Qwen2_5-VL-3B, -7B and Sa2VA-Qwen3-VL-2B, -4B are. Builds the prompt, answers it greedily and
returns the hidden states at the ``[SEG]`` tokens, those that the user typed included (reference set,
section 4). Knows nothing about masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import (
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLVisionConfig,
)
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VisionTransformerPretrainedModel,
    Qwen2_5_VLTextModel,
)
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig, Qwen3VLVisionConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextModel, Qwen3VLVisionModel

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import UsageError
from sa2va_cli.model.chat import Answer, Turn, View, check_pictures, likely_phrases, margin_of, tokens_of
from sa2va_cli.model.decoding import Prompt, cache_argument, decode
from sa2va_cli.model.preprocessing import cut_patches, resize_bicubic, round_size
from sa2va_cli.model.prompt_text import IMAGE_TAG, SEGMENT, PromptText
from sa2va_cli.model.second_answers import second_answers

IMAGE_TOKEN = "<|image_pad|>"

# Every picture is resized twice: by Qwen's own utilities, always with this factor and these limits, and by
# the processor as Sa2VA sets it up, with the factor of the version (reference set, section 4).
FIRST_FACTOR = 28
FIRST_PIXELS = (4 * 28 * 28, 16384 * 28 * 28)
SECOND_PIXELS = (512 * 28 * 28, 2048 * 28 * 28)


@dataclass(frozen=True)
class Version:
    """What distinguishes the versions, apart from sizes.

    Attributes:
        vision: configuration and class of the vision encoder in transformers.
        text: configuration and class of the language model in transformers.
        system: what the system turn says by default; None for no such turn.
        mean: of red, green and blue, that is subtracted from pixels.
        std: of red, green and blue, that pixels are then divided by.
        normed: whether the states that queries are made of are those after the final norm. In the releases of
            transformers that Qwen3-VL's Sa2VA was trained with, its last hidden state is the one before it.
    """

    vision: tuple[Any, Any]
    text: tuple[Any, Any]
    system: str | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    normed: bool


# Means and deviations are those of the released preprocessor_config.json: CLIP's, and one half.
VERSIONS = {
    "2.5": Version(
        vision=(Qwen2_5_VLVisionConfig, Qwen2_5_VisionTransformerPretrainedModel),
        text=(Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel),
        system="You are a helpful assistant.",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        normed=True,
    ),
    "3": Version(
        vision=(Qwen3VLVisionConfig, Qwen3VLVisionModel),
        text=(Qwen3VLTextConfig, Qwen3VLTextModel),
        system=None,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        normed=False,
    ),
}


@dataclass(frozen=True)
class QwenVLSizes:
    """Everything that distinguishes one Qwen-VL network from another.

    Attributes:
        vision: keyword arguments of the vision encoder's configuration in transformers.
        text: keyword arguments of the language model's configuration in transformers.
        version: a name in ``VERSIONS``.
        stop_ids: tokens that end an answer.
    """

    vision: dict[str, Any]
    text: dict[str, Any]
    version: str
    stop_ids: list[int]

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(f"version {self.version!r} is not known, only {', '.join(VERSIONS)}")

    @property
    def merge(self) -> int:
        """How many patches, in each direction, make one visual token."""
        return int(self.vision["spatial_merge_size"])

    @property
    def factor(self) -> int:
        """Of how many pixels each side of a picture is a multiple."""
        return int(self.vision["patch_size"]) * self.merge

    @property
    def family(self) -> str:
        """The name of the family in the table of checkpoints."""
        return f"qwen{self.version}-vl"

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Tokens without which a tokenizer cannot be one of this family."""
        return (IMAGE_TOKEN, SEGMENT)

    def build(self, tokenizer: Any) -> "QwenVL":
        """Makes the network."""
        return QwenVL(self, tokenizer)


@dataclass(frozen=True, eq=False)
class Sight:
    """What the vision encoder says about all pictures of a prompt.

    Attributes:
        tokens: (V, D) visual tokens, picture after picture, row by row.
        deep: for each of the first layers of the language model, (V, D) that is added after it.
        grids: rows and columns of visual tokens of each picture.
    """

    tokens: Tensor
    deep: list[Tensor]
    grids: list[tuple[int, int]]

    def split(self, shown: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The grids of the pictures that the first visual tokens make up, and those of the others."""
        ends = list(accumulate(rows * columns for rows, columns in self.grids))
        count = sum(end <= shown for end in ends)
        return self.grids[:count], self.grids[count:]

    def part(self, begin: int, count: int) -> "Sight":
        """Some of the visual tokens, by themselves."""
        if not begin and count == len(self.tokens):
            return self
        chosen = slice(begin, begin + count)
        return Sight(self.tokens[chosen], [layer[chosen] for layer in self.deep], [])


def shift_of(grids: Sequence[tuple[int, int]]) -> int:
    """By how much positions of text after pictures differ from its places among all tokens."""
    return sum(max(rows, columns) - rows * columns for rows, columns in grids)


class QwenVL(nn.Module):
    """A vision-language model of the Qwen-VL type.

    Args:
        sizes: of the network.
        tokenizer: a transformers tokenizer that knows Sa2VA's special tokens.
    """

    knows_regions = False

    def __init__(self, sizes: QwenVLSizes, tokenizer: Any) -> None:
        super().__init__()
        self.sizes = sizes
        self.tokenizer = tokenizer
        self.version = VERSIONS[sizes.version]
        vision_config, vision_model = self.version.vision
        text_config, text_model = self.version.text
        self.vision_model = vision_model(vision_config(**sizes.vision))
        text = dict(sizes.text)
        tied = text.pop("tie_word_embeddings", False)
        self.language_model = text_model(text_config(**text, bos_token_id=None, eos_token_id=None))
        # The norm is taken out, because the state before it is wanted too.
        self.norm = self.language_model.norm
        self.language_model.norm = nn.Identity()
        self.lm_head = nn.Linear(self.width, self.language_model.config.vocab_size, bias=False)
        if tied:
            self.lm_head.weight = self.language_model.embed_tokens.weight
        self._cache = cache_argument(self.language_model)
        self.image_id: int = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        self.segment_id: int = tokenizer.convert_tokens_to_ids(SEGMENT)

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        return int(self.language_model.config.hidden_size)

    @property
    def device(self) -> torch.device:
        """Where the vision encoder is, and what is said goes in and out."""
        return self.vision_model.device

    def look(self, images: Sequence[RGB], *, still: bool) -> View:
        """Encodes pictures; a keyframe is seen as a still image is."""
        del still
        return View(self.see(images) if images else None)

    def answer(
        self, view: View, text: str, regions: np.ndarray | None = None, past: str = ""
    ) -> tuple[Answer, View]:
        """Answers a question about pictures.

        Args:
            view: of them, from ``look``.
            text: the question; ``<image>`` in it is left out, pictures always come first.
            regions: not known to this family.
            past: what precedes ``text`` when there is no picture.

        Raises:
            UsageError: there are regions, or past words beside pictures, both of which the official code
                leaves out silently; or the prompt shows other pictures than those that were looked at.
        """
        sight: Sight | None = view.pictures
        if regions is not None:
            self.regions_of(regions)
        if sight and past:
            raise UsageError(
                f"Qwen-VL models take nothing said before ({past[:40]!r}) beside pictures; "
                "put it into the question, or use an InternVL one"
            )
        words = self.prompt(PromptText(past) + text, sight.grids if sight else ())
        ids = tokens_of(self, words)
        check_pictures(ids.count(self.image_id), len(sight.tokens) if sight else 0)
        shared = len(ids) - ids[::-1].index(self.image_id) if sight else 0
        phrases = likely_phrases(self.tokenizer, ids[shared:])
        prompted = Prompt(ids, sight, shared)
        decoded = decode(self, prompted, phrases, view.prefix)
        tokens, hidden = decoded.tokens, decoded.hidden
        new = torch.tensor(ids[len(ids) - len(decoded.read) :], device=hidden.device)
        typed = decoded.read[new == self.segment_id]
        generated = torch.tensor(tokens, device=hidden.device)
        at_segments = (generated[:-1] == self.segment_id).nonzero()[:, 0] + 1
        margin = margin_of(self, tokens, hidden, self.segment_id)
        seconds = second_answers(self, prompted, decoded)
        typed, hidden = self.states_after_norm(typed), self.states_after_norm(hidden)
        answer = self.said(tokens).strip()
        states = torch.cat([typed, hidden[at_segments]])
        said = Answer(answer, generated, hidden, states, margin, seconds)
        return said, replace(view, prefix=decoded.prefix)

    def prompt(self, text: str, grids: Sequence[tuple[int, int]]) -> PromptText:
        """Writes the language model's prompt, as the processors' chat templates do.

        Args:
            text: the question. What is marked in it as a person's words is not looked at for tags (see
                ``PromptText``).
            grids: rows and columns of visual tokens of each picture.
        """
        words = PromptText(text).fill(IMAGE_TAG, "")
        return self._opening() + self._turn(words, grids)

    def _opening(self, system: str | None = None) -> PromptText:
        """The system turn, if there is one."""
        said = self.version.system if system is None else PromptText.literal(system)
        return PromptText() if said is None else "<|im_start|>system\n" + PromptText(said) + "<|im_end|>\n"

    def _turn(self, words: PromptText, grids: Sequence[tuple[int, int]]) -> PromptText:
        """A person's turn, up to where the answer begins."""
        pictures = "".join(f"<|vision_start|>{IMAGE_TOKEN * (h * w)}<|vision_end|>" for h, w in grids)
        return f"<|im_start|>user\n{pictures}" + words + "<|im_end|>\n<|im_start|>assistant\n"

    def write(self, turns: Sequence[Turn], system: str | None = None) -> PromptText:
        """Writes the prompt of a conversation.

        Without pictures all that was said is one turn, as in the official code (reference set, section 4).
        Beside pictures that code leaves earlier words out; here they are turns, as the chat template in the
        checkpoints' own folder writes them.
        """
        if not any(turn.pictures for turn in turns):
            words = PromptText()
            for turn in turns[:-1]:
                words += turn.words + " " + (turn.answer or PromptText()) + " "
            return self._opening(system) + self._turn(words + turns[-1].words, ())
        text = self._opening(system)
        for turn in turns:
            text += self._turn(turn.words, [grid for seen in turn.pictures for grid in seen.grids])
            if turn.answer is not None:
                text += turn.answer + "<|im_end|>\n"
        return text

    def gather(self, turns: Sequence[Turn]) -> Sight | None:
        """Everything that is shown in a conversation, in the order of its prompt."""
        seen: list[Sight] = [one for turn in turns for one in turn.pictures]
        if not seen:
            return None
        deep = [torch.cat(layers) for layers in zip(*(one.deep for one in seen), strict=True)]
        return Sight(torch.cat([one.tokens for one in seen]), deep, [g for one in seen for g in one.grids])

    def regions_of(self, masks: np.ndarray) -> Any:
        """Refuses.

        Raises:
            UsageError: always; the official code leaves regions out silently.
        """
        del masks
        raise UsageError("Qwen-VL models know no regions; name the thing in words, or use an InternVL one")

    def shown_with(self, _: Sequence[PromptText]) -> int:
        """The first: what was said before was said about the same pictures."""
        return 0

    def states_after_norm(self, states: Tensor) -> Tensor:
        """The states that queries are made of; see ``Version``."""
        return self.norm(states) if self.version.normed else states

    def resize(self, image: RGB) -> RGB:
        """Resizes a picture twice, as the official code does."""
        for factor, limits in ((FIRST_FACTOR, FIRST_PIXELS), (self.sizes.factor, SECOND_PIXELS)):
            height, width = round_size(image.shape[0], image.shape[1], factor, *limits)
            image = resize_bicubic(image, width, height)
        return image

    def see(self, images: Sequence[RGB]) -> Sight:
        """Encodes pictures of any size."""
        vision, version = self.sizes.vision, self.version
        resized = [self.resize(image) for image in images]
        patch = vision["patch_size"]
        cells = [(image.shape[0] // patch, image.shape[1] // patch) for image in resized]
        patches = [
            cut_patches(
                image, patch, self.sizes.merge, vision["temporal_patch_size"], version.mean, version.std
            )
            for image in resized
        ]
        grid = torch.tensor([(1, h, w) for h, w in cells], device=self.device)
        pixels = torch.cat(patches).to(self.device, self.vision_model.dtype)
        output = self.vision_model(pixels, grid_thw=grid)
        deep = list(getattr(output, "deepstack_features", None) or ())
        merge = self.sizes.merge
        return Sight(output.pooler_output, deep, [(h // merge, w // merge) for h, w in cells])

    def read(self, ids: list[int], pictures: Sight | None, cache: Any, shown: int = 0) -> Tensor:
        """Reads tokens after those in the cache; see ``decoding.TokenReader``. States are before the norm."""
        tokens = torch.tensor([ids], device=self.device)
        before, among = pictures.split(shown) if pictures else ([], [])
        start = cache.get_seq_length() + shift_of(before)
        positions = prompt_positions(tokens[0] == self.image_id, among) + start
        # Where all were seen before, such a token is one that was generated.
        visual = pictures.part(shown, ids.count(self.image_id)) if pictures and among else None
        return self._states(tokens, positions[:, None], visual, cache)[0]

    def read_together(
        self, rows: Tensor, pictures: Sequence[Sight | None], cache: Any, mask: Tensor
    ) -> Tensor:
        """Reads tokens of several conversations at once; see ``ChatModel``."""
        length = rows.shape[1]
        positions = torch.zeros(3, *rows.shape, dtype=torch.long, device=rows.device)
        for row, sight in enumerate(pictures):
            grids = sight.grids if sight else []
            if cache.get_seq_length():
                place = int(mask[row].sum()) - length + shift_of(grids)
                positions[:, row] = place + torch.arange(length, device=rows.device)
            else:
                real = mask[row]
                positions[:, row, real] = prompt_positions(rows[row, real] == self.image_id, grids)
        shown = [one for one in pictures if one] if not cache.get_seq_length() else []
        visual = None
        if shown:
            deep = [torch.cat(layers) for layers in zip(*(one.deep for one in shown), strict=True)]
            visual = Sight(torch.cat([one.tokens for one in shown]), deep, [])
        return self._states(rows, positions, visual, cache, attention_mask=mask.long())

    def _states(
        self, tokens: Tensor, positions: Tensor, visual: Sight | None, cache: Any, **more: Any
    ) -> Tensor:
        """Runs the language model; (B, n) tokens at positions (3, B, n), the visual ones among them."""
        embeddings = self.language_model.embed_tokens(tokens)
        if visual:
            places = tokens == self.image_id
            where = places[..., None].to(embeddings.device)
            embeddings = embeddings.masked_scatter(where, visual.tokens.to(embeddings))
            if visual.deep:
                more |= {"visual_pos_masks": places, "deepstack_visual_embeds": visual.deep}
        output = self.language_model(
            inputs_embeds=embeddings,
            position_ids=positions,
            use_cache=True,
            **{self._cache: cache},
            **more,
        )
        return output.last_hidden_state.to(self.device)

    def logits(self, states: Tensor) -> Tensor:
        """How likely each token is (n, V) after each of the states (n, D)."""
        return self.lm_head(self.norm(states))

    def next_tokens(self, states: Tensor) -> Tensor:
        """The likeliest token (n,) after each of the states (n, D)."""
        return self.logits(states).argmax(dim=-1)

    @property
    def picture_id(self) -> int:
        """The token that stands for a piece of a picture."""
        return self.image_id

    @property
    def stops(self) -> tuple[str, ...]:
        """No texts: answers end at tokens."""
        return ()

    def said(self, tokens: list[int]) -> str:
        """The text of generated tokens, special ones included, as the official code returns it."""
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=False)
        return text

    def ends(self, tokens: list[int]) -> bool:
        """Whether the last token ends an answer."""
        return tokens[-1] in self.sizes.stop_ids


def prompt_positions(pictures: Tensor, grids: Sequence[tuple[int, int]]) -> Tensor:
    """Places the tokens of a prompt in time, rows and columns (Qwen2-VL's multimodal rotary positions).

    Args:
        pictures: (L,) bool, where visual tokens are.
        grids: rows and columns of visual tokens of each picture, in order.

    Returns:
        (3, L). Text goes on by one in all three; a picture stands still in time, and what follows it begins
        after its longer side.
    """
    device = pictures.device
    places = torch.zeros(3, len(pictures), dtype=torch.long, device=device)
    starts = pictures.nonzero()[:, 0].tolist()
    done = begin = next_place = 0
    for rows, columns in grids:
        at = starts[begin]
        places[:, done:at] = torch.arange(at - done, device=device) + next_place
        next_place += at - done
        cells = torch.arange(rows * columns, device=device)
        picture = torch.stack([torch.zeros_like(cells), cells // columns, cells % columns])
        done = at + rows * columns
        places[:, at:done] = picture + next_place
        next_place += max(rows, columns)
        begin += rows * columns
    places[:, done:] = torch.arange(len(pictures) - done, device=device) + next_place
    return places
