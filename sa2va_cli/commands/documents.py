"""The JSON documents of ``--json``.

Each part has one function, and each document is composed of parts: ``source_facts`` of an input,
``prompt_facts`` of a prompt, ``object_facts`` of an object. What becomes known of one of them is a key there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sa2va_cli.errors import NothingFoundError, on_command_line
from sa2va_cli.pipeline.asking_job import reply_facts
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import object_label
from sa2va_cli.pipeline.result import ObjectSummary, SegmentResult
from sa2va_cli.visual_prompts import to_document

if TYPE_CHECKING:
    from sa2va_cli.conversation import Mention
    from sa2va_cli.datatypes import FoundObject, Prompt
    from sa2va_cli.media.source import SourceInfo
    from sa2va_cli.pipeline.asking_job import AskJob, AskResult
    from sa2va_cli.pipeline.moments import Moment
    from sa2va_cli.pipeline.planning import Plan
    from sa2va_cli.tracks.corrections import Correction
    from sa2va_cli.tracks.review import DoubtfulRange


def source_facts(info: "SourceInfo") -> dict[str, Any]:
    """Describes an input; its rate is exact, as a fraction: ``30000/1001``."""
    return {
        "kind": info.kind,
        "codec": info.codec,
        "width": info.size[0],
        "height": info.size[1],
        "rate": f"{info.rate.numerator}/{info.rate.denominator}" if info.kind == "video" else None,
        "frames": info.frames,
        "seconds": info.duration_seconds if info.kind == "video" else None,
        "sound": info.has_audio,
    }


def prompt_facts(prompt: "Prompt") -> dict[str, Any]:
    """Describes what was looked for."""
    facts: dict[str, Any] = {"id": prompt.id, "text": prompt.text, "label": prompt.label}
    return facts | ({"visual": [to_document(one) for one in prompt.visual]} if prompt.visual else {})


def object_facts(found: ObjectSummary) -> dict[str, Any]:
    """Describes an object."""
    return asdict(found)


def correction_facts(correction: "Correction") -> dict[str, Any]:
    """Describes what was corrected in a tracks file; frames are numbered as they were followed, from 0."""
    return {
        "object": correction.object,
        "visual": [to_document(one) for one in correction.prompts],
        "frames": list(correction.frames),
        "first_frame": correction.first,
        "last_frame": correction.last,
        "model": correction.model or None,
        "added": correction.added,
    }


def range_facts(doubtful: "DoubtfulRange") -> dict[str, Any]:
    """Describes where masks of an object may be wrong."""
    return {
        "object": doubtful.object,
        "label": doubtful.label,
        "first_frame": doubtful.first,
        "last_frame": doubtful.last,
        "start_seconds": doubtful.start,
        "end_seconds": doubtful.end,
        "reason": doubtful.reason,
        "confidence": doubtful.confidence,
    }


def _answered(
    prompts: Sequence["Prompt"], answers: Mapping[str, str], objects: tuple[ObjectSummary, ...]
) -> list[dict[str, Any]]:
    return [
        prompt_facts(prompt)
        | {
            "answer": answers.get(prompt.label),
            "objects": [found.id for found in objects if found.prompt_id == prompt.id],
        }
        for prompt in prompts
    ]


def result_document(result: SegmentResult) -> dict[str, Any]:
    """Describes what a run came to."""
    return {
        "input": result.source,
        "source": source_facts(result.info) if result.info else None,
        "model": result.model,
        "device": result.device,
        "dtype": result.dtype,
        "frames": result.frames,
        "seconds": round(result.seconds, 3),
        "fps": round(result.fps, 2),
        "prompts": _answered(result.prompts, result.answers_by_label, result.objects),
        "objects": [object_facts(found) for found in result.objects],
        "answers": result.answers_by_label,
        "files": [str(path) for path in result.files],
        "skipped": [str(path) for path in result.skipped],
        "warnings": [on_command_line(text) for text in result.warnings],
        "look_at": [range_facts(one) for one in result.look_at],
        "shots": [
            asdict(one) | {"answers": {str(number): answer for number, answer in one.answers.items()}}
            for one in result.shots
        ],
    }


def nothing_document(job: SegmentJob, error: NothingFoundError) -> dict[str, Any]:
    """Describes a run that found nothing and made no files."""
    return {
        "input": job.source,
        "prompts": _answered(job.search.prompts, error.answers, ()),
        "objects": [],
        "answers": error.answers,
        "files": [],
        "warnings": [error.command_line],
    }


def answer_document(result: "AskResult") -> dict[str, Any]:
    """Describes what a question came to; ``begin`` and ``end`` are characters of ``text``."""
    return {
        "inputs": [asdict(one) for one in result.inputs],
        "unread": [asdict(one) for one in result.unread],
        "question": result.question,
        **reply_facts(result.reply),
        "model": result.model,
        "device": result.device,
        "dtype": result.dtype,
        "objects": [
            mentioned_facts(found, mention)
            for found, mention in zip(result.objects, result.reply.mentions, strict=True)
        ],
        "masks": [asdict(one) for one in result.masks],
        "files": [str(path) for path in result.files],
        "saved": result_document(result.saved) if result.saved else None,
    }


def unmarked_document(job: "AskJob", text: str, error: NothingFoundError) -> dict[str, Any]:
    """Describes an answer that marks nothing, where masks were to be written."""
    return {
        "inputs": [{"source": source} for source in job.inputs],
        "question": job.question,
        "text": text,
        "answer": next(iter(error.answers.values()), ""),
        "objects": [],
        "masks": [],
        "files": [],
        "warnings": [error.command_line],
    }


def mentioned_facts(found: "FoundObject", mention: "Mention | None") -> dict[str, Any]:
    """Describes what an answer finds, and where it speaks of it."""
    return {
        "id": found.id,
        "label": found.label,
        "phrase": mention.phrase if mention else None,
        "begin": mention.begin if mention else None,
        "end": mention.end if mention else None,
    }


def moment_document(question: str, source: str, moment: "Moment") -> dict[str, Any]:
    """Describes when something happens."""
    return {"input": source, "question": question, **asdict(moment)}


def plan_document(job: SegmentJob, plan: "Plan", *, to_download: bool) -> dict[str, Any]:
    """Describes what a run would do; ``to_download`` is whether it would fetch the model first."""
    return {
        "input": job.source,
        "source": source_facts(plan.reader.info),
        "kind": plan.reader.info.kind,
        "width": plan.reader.info.size[0],
        "height": plan.reader.info.size[1],
        "fps": float(plan.reader.info.rate),
        "prompts": [
            prompt_facts(prompt) | {"object_labels": [object_label(prompt, number) for number in (1, 2)]}
            for prompt in job.search.prompts
        ],
        "frames": plan.frames,
        "keyframes": list(plan.keyframes),
        "reground": plan.reground if plan.reground in ("scenes", "off") else f"every:{plan.reground}",
        "model": plan.model,
        "model_to_download": to_download,
        "device": plan.placement.device,
        "dtype": plan.placement.dtype,
        "would_make": [str(output.path) for output in plan.outputs],
        "would_keep": [str(path) for path in plan.skipped],
    }
