"""The JSON documents of ``--json``."""

from dataclasses import asdict
from typing import Any

from sa2va_cli.errors import NothingFoundError
from sa2va_cli.pipeline.job import SegmentJob, SegmentResult
from sa2va_cli.pipeline.segmentation import Plan


def result_document(result: SegmentResult) -> dict[str, Any]:
    """Describes what a run came to."""
    return {
        "input": result.source,
        "model": result.model,
        "device": result.device,
        "dtype": result.dtype,
        "frames": result.frames,
        "seconds": round(result.seconds, 3),
        "fps": round(result.fps, 2),
        "objects": [asdict(found) for found in result.objects],
        "answers": {prompt.label: result.answers[prompt.id] for prompt in result.prompts},
        "files": [str(path) for path in result.files],
        "skipped": [str(path) for path in result.skipped],
        "warnings": list(result.warnings),
    }


def nothing_document(job: SegmentJob, error: NothingFoundError) -> dict[str, Any]:
    """Describes a run that found nothing and made no files."""
    return {
        "input": job.source,
        "objects": [],
        "answers": error.answers,
        "files": [],
        "warnings": [str(error)],
    }


def plan_document(job: SegmentJob, plan: Plan, *, to_download: bool) -> dict[str, Any]:
    """Describes what a run would do; ``to_download`` is whether it would fetch the model first."""
    return {
        "input": job.source,
        "kind": plan.reader.info.kind,
        "width": plan.reader.info.size[0],
        "height": plan.reader.info.size[1],
        "fps": float(plan.reader.info.rate),
        "frames": plan.frames,
        "keyframes": list(plan.keyframes),
        "model": plan.model,
        "model_to_download": to_download,
        "device": plan.placement.device,
        "dtype": plan.placement.dtype,
        "would_make": [str(output.path) for output in plan.outputs],
        "would_keep": [str(path) for path in plan.skipped],
    }
