"""A whole Sa2VA: a chat model, the projection of its ``[SEG]`` states, and SAM 2.

Knows nothing about files, and nothing about any clip: what changes while one is followed is in ``session``.
"""

import threading
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn

from sa2va_cli.conversation import Generation, Question, Reply
from sa2va_cli.datatypes import RGB, ModelIdentity
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.model.chat import ChatSizes
from sa2va_cli.model.conversing import NetworkConversation, answer_together
from sa2va_cli.model.decoding import GREEDY
from sa2va_cli.model.fixed import FixedMemory, FixedTracker, plain
from sa2va_cli.model.graphs import SHAPES, Compiling, is_out_of_memory, reason
from sa2va_cli.model.objects import BatchMemory, ClipMemory, Memory
from sa2va_cli.model.preprocessing import grounding_pixels
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.session import NetworkSession
from sa2va_cli.model.step_batching import StepBatcher
from sa2va_cli.model.tracker import Tracker, TrackerMemory


class ChatNetwork(nn.Module):
    """A chat model without a mask decoder, under the names of one that has it.

    Args:
        sizes: of the chat model.
        tokenizer: of the chat model.
    """

    def __init__(self, sizes: ChatSizes, tokenizer: Any) -> None:
        super().__init__()
        # Typed Any: a ChatModel to most, but training works on the insides of a family.
        self.chat: Any = sizes.build(tokenizer)

    def queries(self, _: Tensor) -> Tensor | None:
        """What is looked for at ``[SEG]`` tokens, of the states (N, D) there: nothing without masks."""
        return None


class Sa2VANetwork(ChatNetwork):
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
        super().__init__(sizes, tokenizer)
        self.sam2 = Sam2(sam2_sizes, two_pass=two_pass)
        width = self.chat.width
        self.text_hidden_fcs = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, self.sam2.width)
        )

    def queries(self, states: Tensor) -> Tensor:
        """What is looked for at ``[SEG]`` tokens, (N, C), of the states (N, D) there."""
        found: Tensor = self.text_hidden_fcs(states.to(self.sam2.dtype))
        return found


UNNAMED = ModelIdentity("unnamed")
"""Of a network that was not loaded by a name."""

SMALL = 20_000_000
"""Parameters of SAM 2 below which single operations are too short to be shared by threads."""


class NetworkTalker:
    """Answers questions with a ``ChatNetwork``: a ``ChatEngine``. Any number of conversations may share it.

    Args:
        network: in evaluation mode, on its device, in its precision; never changed.
        identity: which weights the network has.
    """

    def __init__(self, network: ChatNetwork, identity: ModelIdentity = UNNAMED) -> None:
        self.identity = identity
        self._network = network

    @property
    def has_masks(self) -> bool:
        """Whether answers can hold ``[SEG]``."""
        return isinstance(self._network, Sa2VANetwork)

    @property
    def knows_regions(self) -> bool:
        """Whether questions can speak of regions of a picture."""
        known: bool = self._network.chat.knows_regions
        return known

    def converse(self, generation: Generation = GREEDY) -> NetworkConversation:
        """Begins a conversation; any number of them may share the network."""
        return NetworkConversation(self._network, generation)

    def answer_all(self, questions: Sequence[Question], generation: Generation = GREEDY) -> list[Reply]:
        """Answers independent questions at once, padded into one batch.

        Raises:
            UsageError: the model cannot be asked one of them.
        """
        return answer_together(self._network, questions, generation)


class Graphs:
    """SAM 2's encoder and tracking step, compiled when they are first called with other shapes."""

    def __init__(self, sam2: Sam2, compiling: Compiling, *, empty_absent: bool) -> None:
        self.encode: Callable[[Tensor], ImageFeatures] = compiling.function(sam2.encode)
        self._tracker = FixedTracker(sam2, empty_absent=empty_absent, compiled=compiling.function)

    def step(
        self, index: int, features: ImageFeatures, memory: BatchMemory
    ) -> tuple[DecodedMasks, FixedMemory]:
        """One frame further; see ``Tracker.step``."""
        fixed = self._tracker.begin(memory) if isinstance(memory, TrackerMemory) else memory
        return self._tracker.step(index, features, fixed)


class NetworkSegmenter(NetworkTalker):
    """Runs a ``Sa2VANetwork`` on clips: the real ``Segmenter``. Any number of sessions may share it.

    Args:
        network: in evaluation mode, on its device, in its precision; never changed.
        memory_dtype: precision of the tracker's spatial memories; see ``Tracker``.
        compiling: how and when what runs for every frame is compiled; None for never.
        identity: which weights the network has.
        follower: follows through clips what the network's own SAM 2 finds on their keyframes, as Sa2VA-i's
            second pass does; None for the network's own. In evaluation mode, on the same device.
    """

    def __init__(
        self,
        network: Sa2VANetwork,
        memory_dtype: torch.dtype = torch.bfloat16,
        compiling: Compiling | None = None,
        identity: ModelIdentity = UNNAMED,
        follower: Sam2 | None = None,
    ) -> None:
        super().__init__(network, identity)
        self.network = network
        self.follower = follower
        self.two_pass = network.sam2.language_decoder is not None
        self.finder = Tracker(network.sam2, memory_dtype, empty_absent=self.two_pass)
        self.tracker = Tracker(follower, memory_dtype, empty_absent=True) if follower else self.finder
        self.batcher: StepBatcher | None = None
        self._compiling = compiling
        self._compiled: Graphs | None = None
        self._compiler = threading.Lock()

    def open(self, *, still: bool = False) -> NetworkSession:
        """Begins a session for one clip or, if ``still``, for one image; it is a context manager."""
        return NetworkSession(self, still=still)

    def in_step(self, calls: int) -> "NetworkSegmenter":
        """The same network for clips in threads side by side, which take turns, and share calls of it.

        What comes out is the same, to the bit; in float32, where sums are taken in the order that is best for
        each call, that needs calls of their own. Worth it where ``is_small_on_processor``: there a call takes
        long to make against what is computed in it.

        Args:
            calls: how many may run at once.
        """
        if self.tracker.sam2.dtype == torch.float32:
            return self
        other = copy(self)
        other.batcher = StepBatcher(self.tracker, calls)
        return other

    @property
    def is_small_on_processor(self) -> bool:
        """Whether a processor's cores are better used for several things than for one operation at a time."""
        sam2 = self.tracker.sam2
        return sam2.device.type == "cpu" and sum(p.numel() for p in sam2.parameters()) < SMALL

    def pixels(self, images: Sequence[RGB], *, still: bool, sam2: Sam2 | None = None) -> Tensor:
        """Pictures as a SAM 2 takes them, the network's own if none is named: (B, 3, S, S)."""
        sam2 = sam2 or self.network.sam2
        each = [
            grounding_pixels(image, sam2.input_size, sam2.dtype, still=still, device=sam2.device)
            for image in images
        ]
        return torch.cat(each)

    def compiled(
        self,
        first: Memory,
        frames: int | None,
        batch: int,
        notify: Callable[[str], None],
    ) -> Graphs | None:
        """Compiles what runs for every frame if that pays for a clip; one thread at a time.

        Args:
            first: what is remembered before the first of the frames.
            frames: how many the clip has; None where that is not known.
            batch: how many pictures are encoded at once.
            notify: is told in one line what a person should know.

        Returns:
            None where it does not pay, or failed and may fail.

        Raises:
            UsageError: it must be compiled and cannot be.
        """
        compiling = self._compiling
        batches = [one.memory for one in first.batches] if isinstance(first, ClipMemory) else [first]
        shown = max((len(batch.decoded) for batch in batches), default=0)
        only_keyframes = frames is not None and frames <= shown
        if compiling is None or not compiling.pays(frames) or only_keyframes:
            return None
        notify("compiling for this clip, which takes minutes the first time")
        try:
            with self._compiler:
                graphs = self._compiled = self._compiled or self._graphs(compiling)
                # Every number of objects and of keyframes is another graph; the limit is looked at here only.
                with torch._dynamo.config.patch(recompile_limit=SHAPES):
                    self._try_out(graphs, batches, batch)
        except Exception as error:  # compilers fail in their own ways, of which torch wraps only some
            if is_out_of_memory(error):
                raise
            if compiling.required:
                raise UsageError(
                    f"{parameter('compile', 'on')} fails here ({reason(error)}); "
                    f"use {parameter('compile', 'off')}"
                ) from error
            notify(f"cannot compile here ({reason(error)}); going on without")
            return None
        return graphs

    def fixed_shape(self) -> Graphs:
        """What goes on from a memory of fixed shape without compiling anything."""
        return self._graphs(Compiling(plain))

    def _graphs(self, compiling: Compiling) -> Graphs:
        return Graphs(self.tracker.sam2, compiling, empty_absent=self.tracker.empty_absent)

    @torch.inference_mode()
    def _try_out(self, graphs: Graphs, first: Sequence[BatchMemory], batch: int) -> None:
        """Runs what is compiled once, in this thread, since compiling in two at once is not safe."""
        sam2 = self.tracker.sam2
        shape = (batch, 3, sam2.input_size, sam2.input_size)
        pixels = torch.zeros(shape, dtype=sam2.dtype, device=sam2.device)
        features = graphs.encode(pixels)[:1]
        for memory in first:
            graphs.step(0, features, memory)
