"""Sa2VA in Python: load once, segment as often as you like."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.conversation import ChatEngine, Generation, Listener, Reply
from sa2va_cli.datatypes import FrameMasks, Prompt
from sa2va_cli.errors import InputError, ModelError, UsageError
from sa2va_cli.media.arrays import ArraySource, frames_of
from sa2va_cli.media.reader import Reader
from sa2va_cli.parameters import expanded
from sa2va_cli.pipeline import streaming
from sa2va_cli.pipeline.asking import question_about, with_regions
from sa2va_cli.pipeline.asking_job import Answering, Viewing
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.marking import masks_on
from sa2va_cli.pipeline.search import Sampling, Search
from sa2va_cli.pipeline.selection import selection
from sa2va_cli.pipeline.viewing import Viewed, view, viewed
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_chat, memory_errors_explained
from sa2va_cli.visual_prompts import BoxPrompt, MaskPrompt, PointPrompt, VisualPrompt


class Sa2VA:
    """A loaded model.

    Args:
        segmenter: what does the work; ``Sa2VA.load`` makes the real one.
    """

    def __init__(self, segmenter: Any) -> None:
        self._segmenter = segmenter

    @classmethod
    def load(
        cls,
        name: str | Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
        *,
        attention: str = "sdpa",
        quantize: str | None = None,
        device_map: str = "none",
        compile: str = "auto",  # noqa: A002
        follower: str | Path = "own",
        follow_size: int | None = None,
    ) -> Self:
        """Loads a model: a Sa2VA, or a chat model without masks, which answers and segments nothing.

        Args:
            name: alias, folder or hub id; None for the default, as on the command line.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            dtype: ``auto``, ``bf16``, ``fp16`` or ``fp32``; or by parts: ``lm=bf16,vit=bf16,sam2=fp32``.
            attention: how the chat model computes it: ``sdpa``, ``eager`` or ``flash`` (needs flash-attn).
            quantize: ``8bit`` or ``4bit`` for the language model (needs bitsandbytes); None for neither.
            device_map: ``auto`` spreads the language model over all GPUs and the computer's memory (needs
                accelerate); ``none`` leaves it on the device.
            compile: whether what runs for every frame is compiled: ``on``, ``off``, or ``auto`` for clips on
                a GPU that are long enough to pay for it.
            follower: what carries the masks found on keyframes through the video: ``own``, or the alias,
                folder or hub id of another SAM 2.
            follow_size: side in pixels of the pictures that the follower sees; None for its own.

        Raises:
            ModelError: it is not available, or its files are not understood.
            OutOfMemoryError: it does not fit.
            UsageError: the device cannot be used, or an option needs what is not installed.
        """
        choice = ModelChoice(
            *(None if name is None else str(name), device, dtype, attention, quantize, device_map, compile),
            str(follower),
            follow_size,
        )
        placement = choice.placed()
        with memory_errors_explained(choice.name_on(placement), placement):
            return cls(load_chat(choice, placement))

    def segment(
        self,
        source: str | Path | Iterable[NDArray[np.uint8]],
        prompts: str | Sequence[str | Prompt] = (),
        *,
        times: Iterable[float] | None = None,
        sampling: Sampling = "uniform",
        keyframes: int = 5,
        threshold: float = 0.5,
        start: str | float | None = None,
        end: str | float | None = None,
        every: int = 1,
        max_frames: int | None = None,
        verbatim: bool = False,
        stream: int | None = None,
        deinterlace: bool = False,
        points: tuple[PointPrompt, ...] = (),
        boxes: tuple[BoxPrompt, ...] = (),
        masks: tuple[MaskPrompt, ...] = (),
        when: str | None = None,
        reground: str | None = None,
        follow_every: int = 1,
    ) -> Iterator[FrameMasks]:
        """Finds what the prompts name, frame by frame; the options are those of ``sa2va segment``.

        Args:
            source: a video, an image, or a folder or pattern of frames, by name; or the frames themselves,
                each (H, W, 3) uint8 RGB. A list, a tuple or a (T, H, W, 3) array can be looked at in any
                order; frames that come one by one need ``sampling="first"``.
            prompts: one or several; each finds objects of its own. Not needed where something is pointed at.
            times: seconds of each frame, where ``source`` is the frames themselves; 24 per second if None.
            sampling: which frames the language model sees: ``uniform`` or ``first``.
            keyframes: how many it sees.
            threshold: probability above which a pixel belongs to a mask.
            start: seconds, ``HH:MM:SS.mmm`` or ``123f``.
            end: the same, not included.
            every: every how many-th frame is taken.
            max_frames: after how many frames to stop.
            verbatim: send the prompts as they are.
            stream: number of the video stream in the file; None for the main one.
            deinterlace: whether interlaced frames are made whole.
            points: points on things, as ``visual_prompts.read_point("320,200@1.5")``; each thing is followed
                both ways from there, or what words have found is corrected.
            boxes: boxes around things, as ``read_box`` makes them.
            masks: masks of things, as ``MaskPrompt.of(array, at="1.5")``.
            when: what happens while anything is looked for; the model is asked for that time first.
            reground: when the language model looks again: ``scenes``, ``every:N`` or ``off``; None for
                at the cuts of a video file.
            follow_every: every how many-th frame is followed; masks of those between are moved by optical
                flow.

        Returns:
            One result for each frame, each made when it is asked for: ``.frame``, ``.masks`` (N, H, W) bool,
            ``.scores`` (N,) and ``.objects``, which say what each row is and which prompt found it. Where
            nothing matches, N is 0.

        Raises:
            UsageError: an option cannot be meant; raised at once.
            ModelError: the model makes no masks; raised at once.
            InputError: the source cannot be read; raised when the first result is asked for.
        """
        self._check_masks()
        search = Search(
            prompts=numbered((prompts,) if isinstance(prompts, str) else prompts),
            sampling=sampling,
            keyframes=keyframes,
            threshold=threshold,
            start=start,
            end=end,
            every=every,
            max_frames=max_frames,
            verbatim=verbatim,
            stream=stream,
            deinterlace=deinterlace,
            points=points,
            boxes=boxes,
            masks=masks,
            when=when,
            reground=reground,
            follow_every=follow_every,
        )
        if isinstance(source, str | Path):
            if times is not None:
                raise UsageError("times are those of a source that is frames, not of a file")
            return streaming.stream(self._segmenter, expanded(str(source)), search)
        frames: Iterable[NDArray[np.uint8]] = source
        if isinstance(source, list | tuple | np.ndarray):
            moments = None if times is None else list(times)
            held = ArraySource(list(frames), moments)
            return streaming.stream(self._segmenter, Reader(held, selection(search)), search)
        _check_one_by_one(search)
        return streaming.stream_frames(self._segmenter, frames_of(frames, times), search)

    def _check_masks(self) -> None:
        if not getattr(self._segmenter, "has_masks", True):
            raise ModelError(
                f"{self._segmenter.identity.name} has no mask decoder: it answers (ask, converse) and "
                'segments nothing; load a Sa2VA for masks, such as "1b"'
            )

    def converse(self, *, frames: int = 8, sampling: Sampling = "uniform", **generation: Any) -> "Dialogue":
        """Begins a conversation.

        Args:
            frames: how many frames of a video the model sees.
            sampling: which: ``uniform`` or ``first``.
            generation: ``max_new_tokens``, ``temperature``, ``top_p``, ``seed`` and ``system``, as of
                ``sa2va ask``.

        Raises:
            UsageError: an option cannot be meant.
        """
        viewing = Viewing(frames=frames, sampling=sampling)
        return Dialogue(self._segmenter, Answering(**generation).generation(), viewing)

    def ask(
        self,
        question: str,
        *sources: "Shown",
        regions: "Iterable[Region]" = (),
        listener: Listener | None = None,
        **options: Any,
    ) -> Reply:
        """Asks one question; see ``Dialogue.ask``, and ``converse`` for the options.

        Raises:
            InputError: a source cannot be read.
            UsageError: an option cannot be meant, or the model cannot be asked this.
        """
        return self.converse(**options).ask(question, *sources, regions=regions, listener=listener)


Shown = str | Path | NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
"""What can be shown to a model in Python."""

Region = VisualPrompt | NDArray[Any]
"""A point, box or mask as ``visual_prompts`` reads them, or a mask (H, W) of zeros and one other number."""


class Dialogue:
    """A conversation with a loaded model; what it has seen and said is remembered, not read again.

    ``Sa2VA.converse`` makes it.
    """

    def __init__(self, engine: ChatEngine, generation: Generation, viewing: Viewing) -> None:
        self._engine = engine
        self._conversation = engine.converse(generation)
        self._viewing = viewing
        self._asked: list[tuple[Reply, tuple[Viewed, ...]]] = []

    def __len__(self) -> int:
        """How many questions were answered."""
        return len(self._asked)

    def ask(
        self,
        question: str,
        *sources: Shown,
        regions: Iterable[Region] = (),
        listener: Listener | None = None,
    ) -> Reply:
        """Asks a question.

        Args:
            question: a person's words.
            sources: what is shown with it: a video, an image, or a folder or pattern of frames, by name; an
                image as (H, W, 3) uint8 RGB; or the frames of a video as a list or a (T, H, W, 3) array.
            regions: of the one image that is shown with it; the question calls them region1, region2, ...
            listener: is given each piece of the answer's text as it is generated; False from it ends it.

        Raises:
            InputError: a source cannot be read.
            UsageError: the model cannot be asked this.
        """
        visual = [MaskPrompt.of(one) if isinstance(one, np.ndarray) else one for one in regions]
        shown = with_regions(self._engine, [self._view(source) for source in sources], visual)
        reply = self._conversation.ask(question_about(question, shown), listener)
        self._asked.append((reply, shown))
        return reply

    def _view(self, source: Shown) -> Viewed:
        """What the model sees of a source; frames that a program holds are chosen as those of a file."""
        if isinstance(source, str | Path):
            shown = view(expanded(str(source)), self._viewing, apart=not self._engine.has_masks)
            if shown.unread:  # a program that catches this can show the others by their names
                raise InputError(shown.unread[0].error)
            return shown
        frames = [source] if isinstance(source, np.ndarray) and source.ndim == 3 else list(source)
        search = self._viewing.search("?")
        with Reader(ArraySource(frames, None), selection(search)) as reader:
            seen = viewed("frames", reader, search, apart=not self._engine.has_masks)
        return replace(seen, source="an image", kind="image") if frames[0] is source else seen

    def undo(self) -> None:
        """Takes the last question and its answer back, with what was shown with it."""
        self._conversation.undo()
        self._asked = self._asked[:-1]

    def masks(self) -> list[FrameMasks]:
        """The masks of what the last answer marks, on each frame that the model saw.

        Their rows are in the order of the reply's ``mentions``.
        """
        if not self._asked or not self._engine.has_masks:
            return []
        last, _ = self._asked[-1]
        if not len(last.queries):
            return []
        inputs = [one for _, shown in self._asked for one in shown]
        return [masks for one in inputs for masks in masks_on(self._engine, one, last, self._viewing)]


def _check_one_by_one(search: Search) -> None:
    """Frames that come once cannot be looked at in another order.

    Raises:
        UsageError: that is what was asked for.
    """
    if search.sampling != "first":
        raise UsageError(
            f"sampling={search.sampling!r} looks at frames out of order, and these come one by one; "
            'give a list of frames, or sampling="first"'
        )
    if any(prompt.visual for prompt in search.prompts):
        raise UsageError(
            "points, boxes and masks are for files and lists; leave them out for frames as they come"
        )
    given = search.start, search.end, search.every, search.when, search.reground
    if given not in ((None, None, 1, None, None), (None, None, 1, None, "off")):
        raise UsageError(
            "start, end, every, when and reground are for files and lists; "
            "leave them out for frames as they come"
        )
