"""Conversations about pictures and clips of the demo world's park, with exact masks, as training samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sa2va_cli.demo.asking import asked
from sa2va_cli.demo.outside import outside_phrase
from sa2va_cli.demo.plain import plain_expressions, scenery_name
from sa2va_cli.demo.scene import SCENERY_NUMBERS
from sa2va_cli.demo.world import Expression, Scene, caption, expressions
from sa2va_cli.model.chat import NOTHING
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.training.park_drawing import CLIP_FRAMES, DrawnScene, FrameSchedule, Park
from sa2va_cli.training.samples import Question, Sample

NONE_SHARE = 0.25
"""Share of the questions that nothing fits: what is not there is harder to learn than what is."""

STRESSED = {"motion": 3.0, "size": 2.0, "relation": 2.5, "plural": 2.5}
"""How much oftener than of the other forms questions are of these: they are the hardest."""

ASKED = (
    *("count", "description") * 2,
    *("colour", "side", "largest", "yes-no", "grounded") * 3,
    *("deed",) * 4,
)
"""Kinds of questions that are answered in words; those named more often are asked more often."""

ASKED_KEYFRAMES = 8
"""Keyframes of a clip of which one asks without wanting masks."""


@dataclass(frozen=True)
class Mixture:
    """How many questions of each sort are asked about a picture or clip.

    Attributes:
        told: expressions of ``demo.language``.
        plain: those of ``demo.plain``.
        outside: phrases that name nothing of the park.
        asked: questions that are answered in words.
    """

    told: int = 5
    plain: int = 0
    outside: int = 0
    asked: int = 0


class ParkDataset(Park):
    """Batches of conversations about the park.

    Args:
        seed: see ``Park``.
        mixture: what is asked about each picture or clip.
        masked: how many of these have a mask that is trained.
        clips: clips in a batch of clips without masks.
        asked_share: share of these that has ``ASKED_KEYFRAMES`` keyframes.
        more: see ``Park``.
    """

    def __init__(
        self,
        seed: int,
        *,
        mixture: Mixture = Mixture(),
        masked: int = 3,
        clips: int = 6,
        asked_share: float = 0.3,
        **more: Any,
    ) -> None:
        super().__init__(seed, **more)
        self.mixture, self.masked, self.clips, self.asked_share = mixture, masked, clips, asked_share

    def batch(self, number: int) -> list[Sample]:
        """The samples of batch ``number``, all of one shape."""
        rng = np.random.default_rng([self.seed, number])
        schedule, count = self.schedule(number, rng)
        if not self.masked:
            schedule, count = self._unmasked(schedule, count, rng)
        first = number * 2 * max(self.stills, self.clip_frames)
        return [self._sample(first + k, schedule, rng) for k in range(count)]

    def _unmasked(
        self, schedule: FrameSchedule, count: int, rng: np.random.Generator
    ) -> tuple[FrameSchedule, int]:
        """Without masks: only keyframes, at times as many as questions without masks are asked of."""
        if len(schedule.keyframes) == 1:
            return FrameSchedule(schedule.keyframes, (), 0), count
        several = ASKED_KEYFRAMES if rng.random() < self.asked_share else len(schedule.keyframes)
        keyframes = tuple(int(i) for i in np.linspace(0, CLIP_FRAMES - 1, several))
        return FrameSchedule(keyframes, (), 0), max(2, self.clips * len(schedule.keyframes) // several)

    def _sample(self, index: int, schedule: FrameSchedule, rng: np.random.Generator) -> Sample:
        drawn = self.draw(index, schedule, worded=True)
        return Sample(
            keyframes=[drawn.images[t] for t in schedule.keyframes],
            frames=[drawn.images[t] for t in schedule.frames],
            conditioning=schedule.conditioning,
            indices=schedule.frames,
            questions=self._questions(drawn, rng),
            labels=drawn.classes(schedule.frames, self.grid) if schedule.frames else None,
            key_labels=drawn.classes(schedule.keyframes, self.grid),
            key_deeds=drawn.deeds(),
        )

    def _questions(self, drawn: DrawnScene, rng: np.random.Generator) -> list[Question]:
        scene, times = drawn.scene, drawn.schedule.keyframes
        if len(times) > 1:
            times = tuple(sorted({*times, *(int(i) for i in np.linspace(0, CLIP_FRAMES - 1, 9))}))
        told = expressions(
            scene, times, rng, count=self.mixture.told, none_share=NONE_SHARE, stressed=STRESSED
        )
        told += plain_expressions(scene, times, rng, self.mixture.plain)
        told += [self._outside(rng) for _ in range(self.mixture.outside)]
        trained = {id(e) for e in [e for e in told if e.actors][: self.masked]}
        questions = [self._question(drawn, times, e, rng, masked=id(e) in trained) for e in told]
        for q in asked(scene, times, rng, self.mixture.asked, ASKED):
            parts = [drawn.meaning(numbers) for numbers in q.segments]
            meaning = None if parts else drawn.meaning(q.about)
            questions.append(Question(q.text, q.answer, meaning=meaning, parts=parts))
        return questions

    @staticmethod
    def _outside(rng: np.random.Generator) -> Expression:
        language = "zh" if rng.random() < 0.4 else "en"
        return Expression(outside_phrase(language, rng), language, "none", ())

    def _question(
        self,
        drawn: DrawnScene,
        times: Sequence[int],
        expression: Expression,
        rng: np.random.Generator,
        *,
        masked: bool,
    ) -> Question:
        text = question(expression.text, verbatim=bool(rng.random() < 0.1)).removeprefix("<image>")
        meaning = drawn.meaning(expression.actors)
        if not expression.actors:
            return Question(text, NOTHING, meaning=meaning)
        answer = f"Sure, {_named(drawn.scene, times, expression.actors)}: [SEG]."
        masks = drawn.masks(expression.actors, self.size // 2) if masked else None
        return Question(text, answer, masks, meaning)


def _named(scene: Scene, times: Sequence[int], numbers: Sequence[int]) -> str:
    """Names actors or scenery in English."""
    scenery = [name for name, number in SCENERY_NUMBERS.items() if number in numbers]
    return scenery_name(scenery, "en") if scenery else caption(scene, times, numbers, "en")
