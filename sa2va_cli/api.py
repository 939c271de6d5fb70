"""Sa2VA in Python: load once, segment as often as you like."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from sa2va_cli.datatypes import AnySegmenter, FrameMasks
from sa2va_cli.pipeline.job import Sampling, Search, numbered
from sa2va_cli.pipeline.segmentation import stream
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter, memory_errors_explained


class Sa2VA:
    """A loaded model.

    Args:
        segmenter: what does the work; ``Sa2VA.load`` makes the real one.
    """

    def __init__(self, segmenter: AnySegmenter) -> None:
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
    ) -> Self:
        """Loads a model.

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

        Raises:
            ModelError: it is not available, or its files are not understood.
            OutOfMemoryError: it does not fit.
            UsageError: the device cannot be used, or an option needs what is not installed.
        """
        choice = ModelChoice(
            None if name is None else str(name), device, dtype, attention, quantize, device_map, compile
        )
        placement = choice.placed()
        with memory_errors_explained(choice.name_on(placement), placement):
            return cls(load_segmenter(choice, placement))

    def segment(
        self,
        source: str | Path,
        prompts: str | Sequence[str],
        *,
        sampling: Sampling = "uniform",
        keyframes: int = 5,
        threshold: float = 0.5,
        start: str | float | None = None,
        end: str | float | None = None,
        every: int = 1,
        max_frames: int | None = None,
        verbatim: bool = False,
    ) -> Iterator[FrameMasks]:
        """Finds what the prompts name, frame by frame; the options are those of ``sa2va segment``.

        Args:
            source: a video, an image, or a folder or pattern of frames.
            prompts: one or several; each finds objects of its own.
            sampling: which frames the language model sees: ``uniform`` or ``first``.
            keyframes: how many it sees.
            threshold: probability above which a pixel belongs to a mask.
            start: seconds, ``HH:MM:SS.mmm`` or ``123f``.
            end: likewise, not included.
            every: every how many-th frame is taken.
            max_frames: after how many frames to stop.
            verbatim: send the prompts as they are.

        Returns:
            One result for each frame, each made when it is asked for: ``.frame``, ``.masks`` (N, H, W) bool
            and ``.scores`` (N,). Where nothing matches, N is 0.

        Raises:
            UsageError: an option cannot be meant; raised at once.
            InputError: the source cannot be read; raised when the first result is asked for.
        """
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
        )
        return stream(self._segmenter, str(source), search)
