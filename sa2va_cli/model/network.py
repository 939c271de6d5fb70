"""A whole Sa2VA: a chat model, the projection of its ``[SEG]`` states, and SAM 2.

The class that the rest of the program talks to; it turns pictures and words into arrays of logits.
Knows nothing about files.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sa2va_cli.datatypes import RGB, Grounding
from sa2va_cli.errors import UsageError
from sa2va_cli.model.chat import ChatModel, ChatSizes, View
from sa2va_cli.model.fixed import FixedMemory, FixedTracker
from sa2va_cli.model.graphs import SHAPES, Compiling, is_out_of_memory, reason
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

ENCODED_AT_ONCE = 4
"""Pictures that are encoded in one call ahead of the tracker on a GPU, to start a quarter as many kernels.

An estimate, not yet measured: one picture in eager mode is about 700 kernels, whose start takes as long as
their work. Each picture more holds some 300 MB while it is encoded in bfloat16.
"""


class _Plain:
    """What runs for every frame, operation by operation."""

    def __init__(self, tracker: Tracker) -> None:
        self.encode = tracker.sam2.encode
        self.step: Callable[[int, ImageFeatures, Any], tuple[DecodedMasks, TrackerMemory]] = tracker.step


class _Graphs:
    """What runs for every frame, compiled when it is first called with other shapes.

    Attributes:
        batch: how many pictures are encoded at once in this clip; fewer, at its end, are encoded as ever.
    """

    def __init__(self, sam2: Sam2, compiling: Compiling, *, two_pass: bool) -> None:
        self.batch = 1
        self._sam2 = sam2
        self._encode: Callable[[Tensor], ImageFeatures] = compiling.function(sam2.encode)
        self._tracker = FixedTracker(sam2, empty_absent=two_pass, compiled=compiling.function)

    def encode(self, pixels: Tensor) -> ImageFeatures:
        return (self._encode if len(pixels) == self.batch else self._sam2.encode)(pixels)

    def step(
        self, index: int, features: ImageFeatures, memory: TrackerMemory | FixedMemory
    ) -> tuple[DecodedMasks, FixedMemory]:
        fixed = self._tracker.begin(memory) if isinstance(memory, TrackerMemory) else memory
        return self._tracker.step(index, features, fixed)


class NetworkSegmenter:
    """Runs a ``Sa2VANetwork`` on pictures: the real ``Segmenter``.

    Args:
        network: in evaluation mode, on its device, in its precision.
        memory_dtype: precision of the tracker's spatial memories; see ``Tracker``.
        compiling: how and when what runs for every frame is compiled; None for never.
    """

    def __init__(
        self,
        network: Sa2VANetwork,
        memory_dtype: torch.dtype = torch.bfloat16,
        compiling: Compiling | None = None,
    ) -> None:
        self.network = network
        self.two_pass = network.sam2.language_decoder is not None
        self.tracker = Tracker(network.sam2, memory_dtype, empty_absent=self.two_pass)
        self._compiling = compiling
        self._graphs: _Graphs | None = None  # kept from clip to clip
        self._plain = _Plain(self.tracker)
        self._way: _Plain | _Graphs = self._plain

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
    def following(
        self, first: TrackerMemory, frames: int | None, tell: Callable[[str], None]
    ) -> Generator[int, None, None]:
        """Makes ready to follow objects; compiles for this clip if that is to be done.

        Raises:
            UsageError: it must be compiled and cannot be.
        """
        with self._threads() as ahead:
            only_keyframes = frames is not None and frames <= len(first.decoded)
            if self._compiling is not None and self._compiling.pays(frames) and not only_keyframes:
                self._way = self._compiled(self._compiling, first, max(ahead, 1), tell) or self._plain
            try:
                yield ahead
            finally:
                self._way = self._plain

    @contextmanager
    def _threads(self) -> Generator[int, None, None]:
        """Divides the work among threads; yields how many pictures are to be encoded ahead at once, or 0.

        On a processor a small network is fastest with one thread for encoding and others that divide the
        objects among them, and a large one with every core for one thing at a time. On a GPU a second thread
        keeps launching while the first waits for results.
        """
        sam2 = self.network.sam2
        if sam2.device.type != "cpu":
            yield ENCODED_AT_ONCE
            return
        if sum(p.numel() for p in sam2.parameters()) >= SMALL:
            yield 0
            return
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads, "sa2va-track") as pool:
                self.tracker.crew = Crew(pool, threads) if threads > 1 else None
                yield 1
        finally:
            self.tracker.crew = None
            torch.set_num_threads(threads)

    def _compiled(
        self, compiling: Compiling, first: TrackerMemory, batch: int, tell: Callable[[str], None]
    ) -> _Graphs | None:
        """Compiles for a clip whose pictures are encoded ``batch`` at once; None where it failed."""
        tell("compiling for this clip, which takes minutes the first time")
        try:
            self._graphs = graphs = self._graphs or _Graphs(
                self.network.sam2, compiling, two_pass=self.two_pass
            )
            graphs.batch = batch
            # Every number of objects and of keyframes is another graph; the limit is looked at here only.
            with torch._dynamo.config.patch(recompile_limit=SHAPES):
                self._try_out(graphs, first)
        except Exception as error:  # compilers fail in their own ways, of which torch wraps only some
            if is_out_of_memory(error):
                raise
            if compiling.required:
                raise UsageError(f"--compile on fails here ({reason(error)}); use --compile off") from error
            tell(f"cannot compile here ({reason(error)}); going on without")
            return None
        return graphs

    @torch.inference_mode()
    def _try_out(self, graphs: _Graphs, first: TrackerMemory) -> None:
        """Runs what is compiled once, in this thread, since compiling in two at once is not safe."""
        sam2 = self.network.sam2
        shape = (graphs.batch, 3, sam2.input_size, sam2.input_size)
        pixels = torch.zeros(shape, dtype=sam2.dtype, device=sam2.device)
        graphs.step(0, graphs.encode(pixels)[:1], first)

    @torch.inference_mode()
    def prepare(
        self, frames: Sequence[tuple[int, RGB]], first: TrackerMemory
    ) -> Sequence[ImageFeatures | None]:
        """Encodes frames in one call; None for keyframes, of which everything is known."""
        pictures = {index: image for index, image in frames if index not in first.decoded}
        if not pictures:
            return [None] * len(frames)
        pixels = torch.cat([self._pixels(image, still=False) for image in pictures.values()])
        features = self._way.encode(pixels)
        rows = {index: features[row : row + 1] for row, index in enumerate(pictures)}
        return [rows.get(index) for index, _ in frames]

    @torch.inference_mode()
    def step(
        self, index: int, prepared: ImageFeatures | None, memory: TrackerMemory | FixedMemory
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], TrackerMemory | FixedMemory]:
        """Advances one frame; on a keyframe nothing is computed again."""
        if prepared is None:
            return (*_arrays(memory.decoded[index]), memory)
        decoded, after = self._way.step(index, prepared, memory)
        return (*_arrays(decoded), after)

    def encode(self, image: RGB, *, still: bool) -> ImageFeatures:
        """Encodes one picture with SAM 2."""
        return self.network.sam2.encode(self._pixels(image, still=still))

    def _pixels(self, image: RGB, *, still: bool) -> Tensor:
        sam2 = self.network.sam2
        return grounding_pixels(image, sam2.input_size, sam2.dtype, still=still, device=sam2.device)


def _arrays(decoded: DecodedMasks) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return decoded.logits.float().cpu().numpy(), decoded.score_logits.float().sigmoid().cpu().numpy()
