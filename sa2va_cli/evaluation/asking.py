"""Scores what a model answers to questions about scenes of the demo world, to the last letter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sa2va_cli.datatypes import AnySegmenter
from sa2va_cli.demo.asking import KINDS_OF_QUESTIONS, Asked, asked
from sa2va_cli.demo.world import Scene, scene_seed
from sa2va_cli.model.prompt_text import IMAGE_TAG

KEYFRAMES = 8
"""How many uniform frames of a clip are looked at."""

_TIMES = 13
"""At how many uniform times of a clip what is asked must be true."""


@dataclass(frozen=True)
class AnswerScore:
    """One question.

    Attributes:
        source: ``clips`` or ``pictures``.
        kind: of question.
        language: ``en`` or ``zh``.
        text: the question.
        wanted: the right answer.
        given: what the model said.
    """

    source: str
    kind: str
    language: str
    text: str
    wanted: str
    given: str

    @property
    def right(self) -> bool:
        """Whether it is the right answer to the last letter."""
        return self.given == self.wanted


def score_answers(segmenter: AnySegmenter, seed: int, index: int, *, clip: bool) -> list[AnswerScore]:
    """Asks about a clip or a picture of the scene that ``park`` scores under the same number.

    Args:
        segmenter: the model.
        seed: of the set.
        index: of the scene in the set.
        clip: a clip of 96 frames, of which ``KEYFRAMES`` are looked at, or one picture.
    """
    rng = np.random.default_rng([seed, index, 2])
    scene = Scene.sample(scene_seed("clips", seed, index))
    shown = np.linspace(0, scene.frames - 1, KEYFRAMES).astype(int) if clip else [int(rng.integers(96))]
    times = sorted({*shown, *np.linspace(0, scene.frames - 1, _TIMES).astype(int)}) if clip else shown
    questions = [
        q
        for kind in KINDS_OF_QUESTIONS
        for q in asked(scene, [int(t) for t in times], rng, 2, (kind,), held_out=True)
    ]
    images = [scene.draw(int(t))[0] for t in shown]
    with segmenter.open(still=not clip) as session:
        view, scores = session.look(images), []
        for q in {q.text: q for q in questions}.values():
            grounding, view = session.ground(view, f"{IMAGE_TAG}{q.text}")
            scores.append(_score(q, grounding.answer, "clips" if clip else "pictures"))
    return scores


def _score(q: Asked, said: str, source: str) -> AnswerScore:
    given = said.removesuffix("<|im_end|>").strip()
    return AnswerScore(source, q.kind, q.language, q.text, q.answer, given)


def answer_table(scores: Sequence[AnswerScore]) -> str:
    """The share of right answers by kind of question, as a Markdown table."""
    lines = ["| questions | clips: n | right, % | pictures: n | right, % |", "|---|---|---|---|---|"]
    for kind in (*KINDS_OF_QUESTIONS, "all"):
        cells = [kind]
        for source in ("clips", "pictures"):
            of_kind = [s for s in scores if s.source == source and kind in {s.kind, "all"}]
            right = f"{100 * np.mean([s.right for s in of_kind]):.1f}" if of_kind else "-"
            cells += [str(len(of_kind)), right]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
