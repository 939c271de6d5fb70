"""One run of ``sa2va bench``: a clip, a network, every stage timed, and then all of them together."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.footage import media_stages
from sa2va_cli.bench.hardware import (
    count_flops,
    forget_peak_device_bytes,
    matmul_rate,
    other_load,
    peak_device_bytes,
    peak_host_bytes,
    synchronizer,
)
from sa2va_cli.bench.job import HIERA_L, BenchJob, BenchResult, Stage
from sa2va_cli.bench.networks import random_network
from sa2va_cli.bench.pictures import disc_logits
from sa2va_cli.bench.rounds import NOISY, Timing, measure
from sa2va_cli.bench.stages import KEYFRAMES, AnsweringSegmenter, network_stages
from sa2va_cli.bench.work import GROUND, PROMPT, STAGES, Work
from sa2va_cli.events import Notice, Progress, Report, no_report
from sa2va_cli.media.reader import open_source
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import load_segmenter, memory_errors_explained
from sa2va_cli.runtime.threads import divide_cores

END_TO_END = "end to end"
_HELD = 24
"""Most frames that are held in memory for the stages that draw and encode."""


def bench(job: BenchJob, report: Report = no_report) -> BenchResult:
    """Times every stage of a run, each by itself, and then a whole run.

    Args:
        job: what is timed.
        report: receives the progress.

    Raises:
        Sa2VAError: the device cannot be used, or the model is not available or does not fit.
    """
    load = other_load()
    placement = job.model.placed()
    for text in filter(None, (placement.concern, placement.chosen)):
        report(Notice(text))
    name = job.network or job.model.name_on(placement)
    with memory_errors_explained(name, placement), tempfile.TemporaryDirectory(prefix="sa2va-") as folder:
        clip = Path(folder) / "park.mp4"
        report(Progress(f"drawing {job.frames} frames"))
        write_park(clip, job.frames, job.size)
        report(Progress(f"loading {name}"))
        segmenter = _segmenter(job, placement)
        rate = matmul_rate(placement.device, placement.torch_dtype)
        measured = _each_stage(job, segmenter, clip, placement, rate, report)
        report(Progress(f"timing {END_TO_END}"))
        measured.append(_end_to_end(job, segmenter, clip, placement))
    return BenchResult(
        job=job,
        network=name,
        device=placement.device,
        dtype=placement.dtype,
        threads=torch.get_num_threads(),
        matmul_rate=rate,
        stages=tuple(measured),
        host_bytes=peak_host_bytes(),
        warnings=tuple(([load] if load else []) + _noise(measured)),
    )


def _segmenter(job: BenchJob, placement: Placement) -> NetworkSegmenter:
    if job.random is not None:
        device = torch.device(placement.device)
        return NetworkSegmenter(random_network(job.random, device, placement.torch_dtype))
    return load_segmenter(job.model, placement)


def _each_stage(
    job: BenchJob,
    segmenter: NetworkSegmenter,
    clip: Path,
    placement: Placement,
    rate: float,
    report: Report,
) -> list[Stage]:
    wait = synchronizer(placement.device)
    with open_source(clip) as reader:
        frames = reader.frames_at(range(min(_HELD, job.frames)))
        logits = disc_logits(job.objects, segmenter.network.sam2.input_size // 4)
        works = media_stages(reader, frames, logits, clip.parent)
        works |= network_stages(segmenter, frames[:KEYFRAMES], job.objects, job.frames)
        measured = []
        for name in STAGES:
            if name == GROUND and job.random == HIERA_L:
                continue  # its chat model stands in for none
            report(Progress(f"timing {name}"))
            measured.append(_stage(name, works[name], job.rounds, rate, placement.device, wait))
    return measured


def _stage(name: str, work: Work, rounds: int, rate: float, device: str, wait: Callable[[], None]) -> Stage:
    forget_peak_device_bytes(device)
    timing = measure(work.run, rounds, wait).each(work.units)
    held = peak_device_bytes(device)
    flops = count_flops(work.run) // work.units if work.arithmetic else None
    share = None if flops is None else flops / rate / timing.median
    return Stage(name, work.unit, timing.median, timing.spread, flops, share, held)


def _end_to_end(job: BenchJob, segmenter: NetworkSegmenter, clip: Path, placement: Placement) -> Stage:
    """Times one whole run as ``segment --save overlay`` does it, without loading the model."""
    answering = AnsweringSegmenter(segmenter, job.objects)
    whole = SegmentJob(
        source=str(clip),
        search=Search(prompts=numbered([PROMPT])),
        model=ModelChoice("demo", placement.device, placement.dtype),
        saving=Saving(("overlay",), str(clip.with_name("overlay.mp4")), "overwrite"),
    )
    forget_peak_device_bytes(placement.device)
    started = time.perf_counter()
    result = segment(whole, load=lambda *_: answering, threads=divide_cores)
    timing = Timing(((time.perf_counter() - started) / result.frames,))
    return Stage(END_TO_END, "frame", timing.median, 0.0, device_bytes=peak_device_bytes(placement.device))


def _noise(measured: list[Stage]) -> list[str]:
    noisy = [f"{stage.name} by {stage.spread:.0%}" for stage in measured if stage.spread > NOISY]
    if not noisy:
        return []
    return [f"the rounds differ much ({', '.join(noisy)}); repeat on an idle machine, or with more --rounds"]
