"""One clip on its way through a network: everything that changes belongs to the session.

The network behind it is shared and never changed. Knows nothing about files.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sa2va_cli.datatypes import ABSENT_LOGIT, RGB, Directions, Followed, Frame, Grounding
from sa2va_cli.model.chat import ChatModel, View
from sa2va_cli.model.fixed import FixedMemory
from sa2va_cli.model.freezing import freeze, thaw
from sa2va_cli.model.objects import Batch, BatchMemory, ClipMemory, Memory, is_tracked
from sa2va_cli.model.pointing import Pointer
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.second_answers import elsewhere
from sa2va_cli.model.tracker import Step, TrackerMemory, Workers, mask_prompts
from sa2va_cli.queues import batched, read_ahead
from sa2va_cli.visual_prompts import Pointed

if TYPE_CHECKING:
    from sa2va_cli.model.network import Graphs, NetworkSegmenter

Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Logits (N, h, w), scores (N,) and predicted IoUs (N,)."""

Advance = Callable[[int, ImageFeatures, BatchMemory], tuple[DecodedMasks, BatchMemory]]
"""Tracks objects into the frame of an index, with its features, from what is remembered of them."""

ASKED_AGAIN = 4
"""On each frame whose index is a multiple of this it is looked at what the words alone name there, for the
confidence; in between the last comparison holds. That costs 4 % of the time of following with the demo
network, for one object and for three."""

ENCODED_AT_ONCE = 4
"""Pictures that are encoded in one call ahead of the tracker, to start a quarter as many operations.

On an H200 a picture of SAM 2's largest encoder takes 10.1 ms alone, 8.2 as one of two, 7.7 of four and 7.5 of
eight (benchmarks/results/gpu_batches.json). Each picture more holds 210 MB meanwhile. On a processor, where
only small networks are encoded ahead, eight gain hardly more than four (docs/history/performance.md, "Batches
of short clips").
"""


class NetworkSession:
    """A clip, or one image, that is looked at, asked about and followed.

    Args:
        segmenter: the network and how it runs.
        still: whether it is one image.
    """

    def __init__(self, segmenter: "NetworkSegmenter", *, still: bool) -> None:
        self._segmenter = segmenter
        self._network = segmenter.network
        self._still = still
        # One image is not followed: what is found on it is all that is wanted of it.
        self._tracker = segmenter.finder if still else segmenter.tracker
        self._resources = ExitStack()
        self._encoded_before: dict[int, ImageFeatures] = {}

    def __enter__(self) -> Self:
        """Holds nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends what still runs for the clip."""
        self._resources.close()

    @torch.inference_mode()
    def look(self, images: Sequence[RGB]) -> View:
        """Encodes the keyframes, or the image, for the language model, once for all that will be asked."""
        chat: ChatModel = self._network.chat
        return chat.look(images, still=self._still)

    @torch.inference_mode()
    def ground(
        self, view: View, prompt: str, *, regions: np.ndarray | None = None, past: str = ""
    ) -> tuple[Grounding[Tensor], View]:
        """Answers a prompt about pictures.

        Args:
            view: of them; what this or an earlier call returned.
            prompt: the text, with ``<image>`` where the pictures go.
            regions: (n, H, W) region masks of a still image that the prompt speaks of.
            past: the conversation so far, image tokens written out; then ``prompt`` has no ``<image>``.

        Returns:
            the answer, and the view to ask the next question of.
        """
        chat: ChatModel = self._network.chat
        answer, view = chat.answer(view, prompt, regions, past)
        queries = self._network.queries(answer.segment_states)
        if not len(queries):
            return Grounding(answer.text, queries), view
        others = [(one.gap, self._network.queries(one.states)) for one in answer.seconds]
        return Grounding(answer.text, queries, answer.margin, elsewhere(queries, others)), view

    @torch.inference_mode()
    def condition(
        self,
        keyframes: Sequence[tuple[int, RGB]],
        queries: Sequence[Tensor],
        *,
        track_keyframes: bool = False,
    ) -> TrackerMemory:
        """Decodes language queries on keyframes, for all that follows to look back at.

        Args:
            keyframes: each with its frame index.
            queries: (N, C) for each prompt.
            track_keyframes: whether keyframes of a clip are tracked in their turn as all other frames are,
                and not shown as they are decoded here, which is what the official code does; never with
                Sa2VA-i, nor with a follower. What the image encoder says about each is held until its turn,
                so that none is encoded twice.
        """
        tracker, handed_over = self._tracker, self._segmenter.follower is not None and not self._still
        joined = torch.cat(list(queries)).to(self._network.sam2.dtype)
        if self._still and self._segmenter.two_pass:  # nothing is tracked, so there is no second pass
            found = {index: self._first_pass(image, joined)[1] for index, image in keyframes}
            return TrackerMemory((), (), found)
        if handed_over:
            self._encoded_before = {}
            return tracker.condition_on_masks(self._mask_prompts(keyframes, joined), given=True)
        if self._segmenter.two_pass:
            prompts = list(self._mask_prompts(keyframes, joined))
            memory = tracker.condition_on_masks(prompts)
            encoded = {index: features for index, features, _ in prompts}
        else:
            encoded = {index: self._encoded(image) for index, image in keyframes}
            memory = tracker.condition(list(encoded.items()), joined)
        # Sa2VA-i spreads its keyframes itself and shows them as they are decoded: that is its official way.
        tracked = track_keyframes and not self._still and not self._segmenter.two_pass
        self._encoded_before = encoded if tracked else {}
        return replace(memory, decoded={}) if tracked else memory

    @torch.inference_mode()
    def point(
        self,
        found: Memory | None,
        rows: Sequence[int],
        objects: int,
        pointed: Sequence[Pointed],
        spans: Mapping[int, tuple[int, int | None]],
    ) -> Directions[Memory]:
        """Conditions objects on what they are pointed at with; see ``datatypes.Session``.

        Each frame that is pointed at is shown as it is decoded here, whatever ``condition`` was told.
        """
        if not isinstance(found, TrackerMemory | None):
            raise TypeError(f"found must be what condition returned, got {type(found).__name__}")
        pointer = Pointer(self._tracker, self._encoded_once, still=self._still)
        return pointer.directions(found, rows, objects, pointed, spans)

    def _encoded_once(self, index: int, image: RGB) -> ImageFeatures:
        if index not in self._encoded_before:
            self._encoded_before[index] = self._encoded(image)
        return self._encoded_before[index]

    def _mask_prompts(
        self, keyframes: Sequence[tuple[int, RGB]], queries: Tensor
    ) -> Iterator[tuple[int, ImageFeatures, Tensor]]:
        """Yields what language finds on each keyframe, as a mask prompt for the network that follows it."""
        side, follower = self._tracker.sam2.input_size, self._segmenter.follower
        for index, image in keyframes:
            features, decoded = self._first_pass(image, queries)
            if follower is not None:
                features = self._encoded(image)
            yield index, features, mask_prompts(decoded.logits, image.shape[:2], side)

    def _first_pass(self, image: RGB, queries: Tensor) -> tuple[ImageFeatures, DecodedMasks]:
        """Encodes a keyframe once; returns its features for tracking, and what language finds on it."""
        sam2 = self._network.sam2
        features, for_language = sam2.encode_for_both(self._segmenter.pixels([image], still=self._still))
        return features, sam2.decode_language(for_language.expand(len(queries)), queries)

    def _encoded(self, image: RGB) -> ImageFeatures:
        sam2 = self._tracker.sam2
        return sam2.encode(self._segmenter.pixels([image], still=self._still, sam2=sam2))

    def follow(
        self,
        frames: Iterable[Frame],
        memory: Memory,
        *,
        count: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
        workers: int = 1,
    ) -> Generator[Followed[Memory], None, None]:
        """Carries the objects through frames, in order of their index, falling if ``memory`` says so.

        Pictures are encoded ahead in a thread of their own where that is faster. On a keyframe that is not
        tracked, what ``condition`` decoded is given again.

        Args:
            frames: those of the clip from some frame on, keyframes included.
            memory: what ``condition`` returned, or what the last frame left.
            count: how many frames there are; None where that is not known.
            notify: is told in one line what a person should know; called from this thread.
            workers: threads among which the objects of a small network are divided; for callers that have
                set torch to one thread for each operation.

        Raises:
            UsageError: what runs for every frame must be compiled and cannot be.
        """
        ahead = self._encoded_ahead
        graphs = self._segmenter.compiled(memory, count, max(ahead, 1), notify)
        if graphs is None and _is_fixed(memory):
            graphs = self._segmenter.fixed_shape()
        with ExitStack() as stack:
            self._resources.callback(stack.close)
            advance = self._advancing(graphs, workers, stack)
            ready: Iterable[tuple[Frame, ImageFeatures | None]] = self._prepared(
                frames, memory, max(ahead, 1), graphs
            )
            if ahead:
                # Room for one batch, so that the next one can be made while this one is followed.
                ready = stack.enter_context(read_ahead(ready, room=max(ahead, 2), name="sa2va-encode"))
            for frame, features in ready:
                logits, scores, ious, worded, memory = self._step(frame.index, features, memory, advance)
                yield Followed(frame, logits, scores, ious, memory, worded)

    def _advancing(self, graphs: "Graphs | None", workers: int, stack: ExitStack) -> "Advance":
        """How objects are tracked into the next frame; what that needs lasts as long as ``stack``."""
        if graphs is not None:
            return graphs.step
        batcher, pool = self._segmenter.batcher, None
        if workers > 1 and self._segmenter.is_small_on_processor:
            pool = Workers(stack.enter_context(ThreadPoolExecutor(workers, "sa2va-track")), workers)

        def step(
            index: int, features: ImageFeatures, memory: BatchMemory
        ) -> tuple[DecodedMasks, TrackerMemory]:
            assert isinstance(memory, TrackerMemory)  # noqa: S101  (only graphs leave the other kind)
            if batcher is not None and pool is None:
                return batcher.step(Step(index, features, memory))
            return self._tracker.step(index, features, memory, pool)

        return step

    @property
    def _encoded_ahead(self) -> int:
        """How many pictures are encoded at once ahead of the tracker; 0 for each when its turn comes.

        On a processor a small network is fastest with one thread for encoding and others for following, and
        a large one with every core for one thing at a time. On a GPU a second thread keeps launching while
        the first waits for results.
        """
        is_on_processor = self._tracker.sam2.device.type == "cpu"
        return 0 if is_on_processor and not self._segmenter.is_small_on_processor else ENCODED_AT_ONCE

    def _prepared(
        self, frames: Iterable[Frame], memory: Memory, at_once: int, graphs: "Graphs | None"
    ) -> Generator[tuple[Frame, ImageFeatures | None], None, None]:
        for batch in batched(frames, at_once):
            yield from zip(batch, self._encoded_batch(batch, memory, at_once, graphs), strict=True)

    @torch.inference_mode()
    def _encoded_batch(
        self, frames: Sequence[Frame], memory: Memory, at_once: int, graphs: "Graphs | None"
    ) -> list[ImageFeatures | None]:
        """Encodes frames in one call, unless they were before; None for those that are not tracked."""
        before = self._encoded_before
        known = {one.index: before.pop(one.index) for one in frames if one.index in before}
        wanted = [one for one in frames if is_tracked(memory, one.index) and one.index not in known]
        if wanted:
            sam2, batcher = self._tracker.sam2, self._segmenter.batcher
            pixels = self._segmenter.pixels([frame.image for frame in wanted], still=False, sam2=sam2)
            # A graph is made for whole batches; fewer pictures, at the end of a clip, are encoded without.
            encode = graphs.encode if graphs and len(wanted) == at_once else sam2.encode
            with nullcontext() if batcher is None else batcher.encoding():
                features = encode(pixels)
            known |= {frame.index: features[row : row + 1] for row, frame in enumerate(wanted)}
        return [known.get(frame.index) for frame in frames]

    @torch.inference_mode()
    def _step(
        self,
        index: int,
        features: ImageFeatures | None,
        memory: Memory,
        advance: "Advance",
    ) -> tuple[*Arrays, NDArray[np.float32], Memory]:
        if not isinstance(memory, ClipMemory):
            return self._step_batch(index, features, memory, advance)
        logits = np.full((memory.objects, self.grid, self.grid), ABSENT_LOGIT, np.float32)
        scores, ious = np.zeros((2, memory.objects), np.float32)
        worded = np.full(memory.objects, np.nan, np.float32)
        stepped: dict[Batch, BatchMemory] = {}
        for batch in memory.at(index):
            rows = list(batch.rows)
            logits[rows], scores[rows], ious[rows], worded[rows], after = self._step_batch(
                index, features, batch.memory, advance
            )
            stepped[batch] = after
        return logits, scores, ious, worded, memory.after(index, stepped)

    def _step_batch(
        self,
        index: int,
        features: ImageFeatures | None,
        memory: BatchMemory,
        advance: "Advance",
    ) -> tuple[*Arrays, NDArray[np.float32], BatchMemory]:
        if index in memory.decoded:
            shown = memory.decoded[index]
            return (*_arrays(shown), _worded(memory, len(shown.best)), memory)
        assert features is not None  # noqa: S101  (see _encoded_batch)
        decoded, after = advance(index, features, memory)
        words = after.words
        if words is not None and (words.agreements is None or index % ASKED_AGAIN == 0):
            after = replace(after, words=self._tracker.asked_again(features, decoded, words))
        return (*_arrays(decoded), _worded(after, len(decoded.best)), after)

    @property
    def grid(self) -> int:
        """How many logits a mask has on each side."""
        return self._tracker.sam2.input_size // 4

    @torch.inference_mode()
    def appearance(self, memory: Memory) -> NDArray[np.float32]:
        """What objects look like: the mean of their pointers on the keyframes, (N, C).

        Args:
            memory: what ``condition`` returned.
        """
        if not isinstance(memory, TrackerMemory):
            raise TypeError(f"memory must be what condition returned, got {type(memory).__name__}")
        pointers = torch.stack([one.pointers.float() for one in memory.conditioning])
        return np.asarray(pointers.mean(dim=0).cpu().numpy(), np.float32)

    def freeze_queries(self, queries: Tensor) -> NDArray[np.float32]:
        """Queries as numbers (N, C); see ``datatypes.Session``."""
        return np.asarray(queries.float().cpu().numpy(), np.float32)

    def thaw_queries(self, data: NDArray[np.float32]) -> Tensor:
        """Queries of what ``freeze_queries`` gave."""
        sam2 = self._network.sam2
        return torch.tensor(data, device=sam2.device, dtype=sam2.dtype)

    def freeze(self, memory: Memory) -> bytes:
        """Packs a memory, to go on from it at another time or in another process."""
        return freeze(memory)

    def thaw(self, data: bytes) -> Memory:
        """Unpacks what ``freeze`` packed, for this network.

        Raises:
            ValueError: it is damaged, or of another format.
        """
        return thaw(data, self._tracker.sam2.device)


def _is_fixed(memory: Memory) -> bool:
    """Whether a memory, as one that was thawed, is of fixed shape."""
    if isinstance(memory, ClipMemory):
        return any(isinstance(batch.memory, FixedMemory) for batch in memory.batches)
    return isinstance(memory, FixedMemory)


def _worded(memory: BatchMemory, objects: int) -> NDArray[np.float32]:
    """(N,) how far the masks agreed with the words when that was last looked at; NaN where it never was."""
    if memory.words is None or memory.words.agreements is None:
        return np.full(objects, np.nan, np.float32)
    return np.asarray(memory.words.agreements.cpu().numpy(), np.float32)


def _arrays(decoded: DecodedMasks) -> Arrays:
    """Logits, scores and predicted IoUs."""
    tensors = decoded.logits.float(), decoded.score_logits.float().sigmoid(), decoded.best_ious.float()
    logits, scores, ious = (tensor.cpu().numpy() for tensor in tensors)
    return logits, scores, ious
