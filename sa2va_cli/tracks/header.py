"""The head of a tracks file: what was looked for, in what, by what; as JSON, so that people can read it, too.

Knows nothing about frames.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Any

from sa2va_cli.datatypes import FoundObject, ModelIdentity, Prompt
from sa2va_cli.tracks.fingerprint import Fingerprint
from sa2va_cli.visual_prompts import VisualPrompt, from_document, to_document

FORMAT = 1
"""Version of the format; a reader refuses those it does not know."""


@dataclass(frozen=True)
class SourceFacts:
    """The input that was looked at.

    Attributes:
        path: as it was given.
        kind: ``video``, ``image`` or ``frames``.
        size: (width, height) in pixels, upright.
        frames: how many it has.
        rate: frames per second.
        time_base: seconds per unit of a frame's ``pts``.
        duration_seconds: from the first frame's beginning to the last one's end.
        stream: which stream of the file was looked at.
        first_pts: time stamps of the first frames that were looked at.
        fingerprint: what its files are known by; None for those that are gone, as standard input is.
    """

    path: str
    kind: str
    size: tuple[int, int]
    frames: int
    rate: Fraction
    time_base: Fraction
    duration_seconds: float
    stream: int = 0
    first_pts: tuple[int, ...] = ()
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True)
class Header:
    """Everything needed to make any output again, apart from the frames.

    Attributes:
        program: version of this program that wrote it.
        source: the input.
        stem: what names of outputs are derived from.
        prompts: what was looked for.
        objects: what was found.
        answers: what the language model said, by the id of the prompt.
        threshold: probability above which a pixel belongs to a mask.
        frames: how many frames were to be followed.
        model: what found and followed.
        settings: every other setting that changes a mask or chooses a frame, by the names of the options.
    """

    program: str
    source: SourceFacts
    stem: str
    prompts: tuple[Prompt, ...]
    objects: tuple[FoundObject, ...]
    answers: Mapping[int, str]
    threshold: float
    frames: int
    model: ModelIdentity
    settings: Mapping[str, Any] = field(default_factory=dict)

    def with_object(self, label: str, visual: tuple[VisualPrompt, ...]) -> "Header":
        """The same with one more object behind the others, whose numbers and names stay.

        Args:
            label: what it is called. It belongs to the prompt that is called so, or else to a new one.
            visual: what it is pointed at with; the prompt keeps it.
        """
        old = next((one for one in self.prompts if one.label == label), None)
        if old is None:
            prompt = Prompt(max((one.id for one in self.prompts), default=0) + 1, "", label, visual)
        else:
            prompt = replace(old, visual=(*old.visual, *visual))
        prompts = (
            *(prompt if one is old else one for one in self.prompts),
            *([prompt] if old is None else []),
        )
        objects = tuple(replace(one, prompt=prompt) if one.prompt == old else one for one in self.objects)
        number = max((one.id for one in objects), default=0) + 1
        return replace(self, prompts=prompts, objects=(*objects, FoundObject(number, prompt, label)))

    def to_json(self) -> bytes:
        """The header as UTF-8."""
        document = {"format": FORMAT, **asdict(self)}
        document["objects"] = [
            {"id": one.id, "prompt": one.prompt.id, "label": one.label}
            | ({} if one.margin is None else {"margin": one.margin})
            | ({} if one.elsewhere is None else {"elsewhere": one.elsewhere})
            for one in self.objects
        ]
        for prompt, facts in zip(self.prompts, document["prompts"], strict=True):
            facts.pop("visual")  # older versions do not know of it
            if prompt.visual:
                facts["visual"] = [to_document(one) for one in prompt.visual]
        _forget_none(document["model"])
        document["answers"] = {str(number): answer for number, answer in self.answers.items()}
        # Names that are not UTF-8 keep their bytes as surrogate escapes, which JSON writes as such.
        return json.dumps(document, default=str, allow_nan=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Header":
        """Reads what ``to_json`` wrote.

        Raises:
            ValueError: it is damaged, or of a format that this version does not know.
        """
        try:
            document = json.loads(data)
            if document["format"] != FORMAT:
                raise ValueError(f"format {document['format']}, and this version reads {FORMAT}")
            prompts = tuple(_prompt(prompt) for prompt in document["prompts"])
            by_id = {prompt.id: prompt for prompt in prompts}
            header = cls(
                program=str(document["program"]),
                source=_source(document["source"]),
                stem=str(document["stem"]),
                prompts=prompts,
                objects=tuple(
                    FoundObject(
                        int(one["id"]),
                        by_id[one["prompt"]],
                        str(one["label"]),
                        None if one.get("margin") is None else float(one["margin"]),
                        None if one.get("elsewhere") is None else float(one["elsewhere"]),
                    )
                    for one in document["objects"]
                ),
                answers={int(number): str(answer) for number, answer in document["answers"].items()},
                threshold=float(document["threshold"]),
                frames=int(document["frames"]),
                model=_identity(document["model"]),
                settings=dict(document["settings"]),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"the header is not understood ({type(error).__name__}: {error})") from error
        if not 0 < header.threshold < 1:
            raise ValueError(f"the header has a threshold of {header.threshold}")
        return header


def _forget_none(model: dict[str, Any]) -> None:
    """Leaves out that a network followed for itself: older versions do not know of another way."""
    follower = model.pop("follower")
    if follower is not None:
        _forget_none(follower)
        model["follower"] = follower


def _identity(document: dict[str, Any]) -> ModelIdentity:
    follower = document.pop("follower", None)
    return ModelIdentity(**document, follower=None if follower is None else _identity(follower))


def _prompt(document: dict[str, Any]) -> Prompt:
    visual = tuple(from_document(one) for one in document.pop("visual", ()))
    return Prompt(**document, visual=visual)


def _source(document: dict[str, Any]) -> SourceFacts:
    mark = document["fingerprint"]
    width, height = document["size"]
    facts = SourceFacts(
        path=str(document["path"]),
        kind=str(document["kind"]),
        size=(int(width), int(height)),
        frames=int(document["frames"]),
        rate=Fraction(document["rate"]),
        time_base=Fraction(document["time_base"]),
        duration_seconds=float(document["duration_seconds"]),
        stream=int(document["stream"]),
        first_pts=tuple(int(pts) for pts in document["first_pts"]),
        fingerprint=None if mark is None else Fingerprint(**mark),
    )
    if not (facts.time_base > 0 and math.isfinite(facts.duration_seconds) and min(facts.size) > 0):
        raise ValueError("the header has a source without size or time")
    return facts
