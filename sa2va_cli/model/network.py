"""A whole Sa2VA: a chat model, the projection of its ``[SEG]`` states, and SAM 2.

The class that the rest of the program talks to; it turns pictures and words into arrays of logits.
Knows nothing about files.
"""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sa2va_cli.datatypes import RGB, Grounding
from sa2va_cli.model.chat import ChatModel, ChatSizes, View
from sa2va_cli.model.preprocessing import grounding_pixels
from sa2va_cli.model.sam2 import DecodedMasks, ImageFeatures, Sam2
from sa2va_cli.model.tracker import Crew, Tracker, TrackerMemory, mask_prompts


class Sa2VANetwork(nn.Module):
    """Chat model and SAM 2 with the projection between them.

    Args:
        sizes: of the chat model.
        sam2_sizes: of SAM 2, in the shape of ``HIERA_LARGE``.
        tokenizer: of the chat model.
        two_pass: whether SAM 2 has the second mask decoder of Sa2VA-i.
    """

    def __init__(
        self, sizes: ChatSizes, sam2_sizes: dict[str, Any], tokenizer: Any, *, two_pass: bool = False
    ) -> None:
        super().__init__()
        # Typed Any: a ChatModel to most, but training works on the insides of a family.
        self.chat: Any = sizes.build(tokenizer)
        self.sam2 = Sam2(sam2_sizes, two_pass=two_pass)
        width = self.chat.width
        self.text_hidden_fcs = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, self.sam2.width)
        )


SMALL = 20_000_000
"""Parameters of SAM 2 below which single operations are too short to be shared by threads."""


class NetworkSegmenter:
    """Runs a ``Sa2VANetwork`` on pictures: the real ``Segmenter``.

    Args:
        network: in evaluation mode, on its device, in its precision.
        memory_dtype: precision of the tracker's spatial memories; see ``Tracker``.
    """

    def __init__(self, network: Sa2VANetwork, memory_dtype: torch.dtype = torch.bfloat16) -> None:
        self.network = network
        self.two_pass = network.sam2.language_decoder is not None
        self.tracker = Tracker(network.sam2, memory_dtype, empty_absent=self.two_pass)

    @torch.inference_mode()
    def look(self, images: Sequence[RGB], *, still: bool) -> View:
        """Encodes pictures for the language model, once for all that will be asked about them.

        Args:
            images: the keyframes in order, or the image.
            still: the single picture is an image, which is cut into tiles, not a video of one frame.
        """
        chat: ChatModel = self.network.chat
        return chat.look(images, still=still)

    @torch.inference_mode()
    def ground(
        self, view: View, prompt: str, *, regions: np.ndarray | None = None, past: str = ""
    ) -> tuple[Grounding, View]:
        """Answers a prompt about pictures.

        Args:
            view: of them; what this or an earlier call returned.
            prompt: the text, with ``<image>`` where the pictures go.
            regions: (n, H, W) region masks of a still image that the prompt speaks of.
            past: the conversation so far, image tokens written out; then ``prompt`` has no ``<image>``.

        Returns:
            the answer, and the view to ask the next question of.
        """
        chat: ChatModel = self.network.chat
        answer, view = chat.answer(view, prompt, regions, past)
        states = answer.segment_states.to(self.network.sam2.dtype)  # what follows has the precision of SAM 2
        return Grounding(answer.text, self.network.text_hidden_fcs(states)), view

    @torch.inference_mode()
    def condition(
        self, keyframes: Sequence[tuple[int, RGB]], queries: Sequence[Tensor], *, still: bool
    ) -> TrackerMemory:
        """Decodes language queries (N, C) on keyframes, each given with its frame index."""
        joined = torch.cat(list(queries)).to(self.network.sam2.dtype)
        if not self.two_pass:
            features = [(index, self.encode(image, still=still)) for index, image in keyframes]
            return self.tracker.condition(features, joined)
        if still:  # nothing is tracked, so there is no second pass
            found = {i: self._first_pass(image, joined, still=True)[1] for i, image in keyframes}
            return TrackerMemory((), (), found)
        return self.tracker.condition_on_masks(self._prompts(keyframes, joined))

    def _prompts(
        self, keyframes: Sequence[tuple[int, RGB]], queries: Tensor
    ) -> Iterator[tuple[int, ImageFeatures, Tensor]]:
        """Yields what language finds on each keyframe, as a mask prompt for the second pass of Sa2VA-i."""
        side = self.network.sam2.input_size
        for index, image in keyframes:
            features, decoded = self._first_pass(image, queries, still=False)
            yield index, features, mask_prompts(decoded.logits, image.shape[:2], side)

    def _first_pass(self, image: RGB, queries: Tensor, *, still: bool) -> tuple[ImageFeatures, DecodedMasks]:
        """Encodes a keyframe once; returns its features for tracking, and what language finds on it."""
        features, for_language = self.network.sam2.encode_for_both(self._pixels(image, still=still))
        shared = for_language.expand(len(queries))
        return features, self.network.sam2.decode_language(shared, queries)

    @contextmanager
    def following(self) -> Generator[bool, None, None]:
        """Makes ready to follow objects; yields whether pictures are to be encoded ahead in a thread.

        On a processor a small network is fastest with one thread for encoding and others that divide the
        objects among them, and a large one with every core for one thing at a time. On a GPU a second thread
        keeps launching while the first waits for results.
        """
        sam2 = self.network.sam2
        if sam2.device.type != "cpu":
            yield True
            return
        if sum(p.numel() for p in sam2.parameters()) >= SMALL:
            yield False
            return
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads, "sa2va-track") as pool:
                self.tracker.crew = Crew(pool, threads) if threads > 1 else None
                yield True
        finally:
            self.tracker.crew = None
            torch.set_num_threads(threads)

    @torch.inference_mode()
    def prepare(self, index: int, image: RGB, first: TrackerMemory) -> ImageFeatures | None:
        """Encodes a frame; None for a keyframe, of which everything is known."""
        return None if index in first.decoded else self.encode(image, still=False)

    @torch.inference_mode()
    def step(
        self, index: int, prepared: ImageFeatures | None, memory: TrackerMemory
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], TrackerMemory]:
        """Advances one frame; on a keyframe nothing is computed again."""
        if prepared is None:
            decoded = memory.decoded[index]
        else:
            decoded, memory = self.tracker.step(index, prepared, memory)
        return (*_arrays(decoded), memory)

    def encode(self, image: RGB, *, still: bool) -> ImageFeatures:
        """Encodes one picture with SAM 2."""
        return self.network.sam2.encode(self._pixels(image, still=still))

    def _pixels(self, image: RGB, *, still: bool) -> Tensor:
        sam2 = self.network.sam2
        return grounding_pixels(image, sam2.input_size, sam2.dtype, still=still, device=sam2.device)


def _arrays(decoded: DecodedMasks) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return decoded.logits.float().cpu().numpy(), decoded.score_logits.float().sigmoid().cpu().numpy()
