"""A conversation that goes on over inputs: what was asked, what waits to be shown, what is written of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sa2va_cli.conversation import ChatEngine, Conversation, Listener, Reply
from sa2va_cli.datatypes import FoundObject
from sa2va_cli.errors import UsageError
from sa2va_cli.events import Report, no_report
from sa2va_cli.parameters import expanded
from sa2va_cli.pipeline.asking import (
    answered,
    check_masks,
    objects_of,
    question_about,
    segment_job,
    with_regions,
)
from sa2va_cli.pipeline.asking_job import AskJob
from sa2va_cli.pipeline.marking import segmenter_of
from sa2va_cli.pipeline.planning import planned
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import run
from sa2va_cli.pipeline.viewing import Viewed, view
from sa2va_cli.runtime.threads import Threads, leave_threads


@dataclass(frozen=True, eq=False)
class Asked:
    """One question of a conversation.

    Attributes:
        question: its words.
        reply: what was answered.
        shown: what was shown with it.
    """

    question: str
    reply: Reply
    shown: tuple[Viewed, ...]


@dataclass(eq=False)
class Talk:
    """A conversation with a loaded model over inputs.

    Attributes:
        job: how everything is done; its inputs and its question are not looked at.
        engine: the loaded model.
        conversation: with it.
        waiting: what is shown with the next question.
        asked: all that was asked.
    """

    job: AskJob
    engine: ChatEngine
    conversation: Conversation
    waiting: list[Viewed]
    asked: list[Asked] = field(default_factory=list)

    @classmethod
    def begin(cls, job: AskJob, engine: ChatEngine, inputs: Sequence[Viewed]) -> "Talk":
        """Begins one; the inputs go with the first question, and the regions that the job points at.

        Raises:
            UsageError: there is no one still image that they are of, or the model knows none.
        """
        shown = with_regions(engine, inputs, job.regions.visual)
        return cls(job, engine, engine.converse(job.answering.generation()), list(shown))

    @property
    def inputs(self) -> list[Viewed]:
        """What the model has seen."""
        return [one for asked in self.asked for one in asked.shown]

    def ask(self, question: str, listener: Listener | None = None) -> Reply:
        """Asks, and shows what waits to be shown.

        Raises:
            UsageError: the model cannot be asked this; then what waits goes on waiting.
        """
        shown = tuple(self.waiting)
        reply = self.conversation.ask(question_about(question, shown), listener)
        self.asked.append(Asked(question, reply, shown))
        self.waiting = []
        return reply

    def objects(self) -> tuple[FoundObject, ...]:
        """What the last answer marks."""
        if not self.asked:
            return ()
        last = self.asked[-1]
        return objects_of(last.question, last.reply, self.job.viewing)

    def attach(self, source: str, report: Report = no_report) -> Viewed:
        """Shows another input with the next question; what a person should know of it is reported.

        Raises:
            InputError: it cannot be read.
        """
        shown = view(expanded(source), self.job.viewing, report, apart=not self.engine.has_masks)
        self.waiting.append(shown)
        return shown

    def look_again(self, frames: int) -> None:
        """Shows so many frames of what was shown last with the next question.

        Raises:
            InputError: it cannot be read any more.
        """
        viewing = replace(self.job.viewing, frames=frames)
        last = self.waiting or self.inputs[-1:]
        self.waiting = [
            replace(view(one.source, viewing, apart=not self.engine.has_masks), regions=one.regions)
            for one in last
        ]
        self.job = replace(self.job, viewing=viewing)

    def undo(self) -> str | None:
        """Takes the last question back, and what was shown with it waits again; returns its words."""
        if not self.asked:
            return None
        last = self.asked.pop()
        self.conversation.undo()
        self.waiting = [*last.shown, *self.waiting]
        return last.question

    def clear(self) -> None:
        """Begins anew; everything waits to be shown."""
        self.waiting = [*self.inputs, *self.waiting]
        self.asked = []
        self.conversation = self.engine.converse(self.job.answering.generation())

    def save(self, job: AskJob, report: Report, threads: Threads = leave_threads) -> SegmentResult:
        """Writes what the last answer marks, as ``job`` says.

        Raises:
            Sa2VAError: see ``asking.ask``.
            UsageError: there is no answer yet.
        """
        if not self.asked:
            raise UsageError("there is no answer yet; ask something first")
        last = self.asked[-1]
        return self._run(job, job.viewing.search(last.question), report, threads, answered(last.reply))

    def segment(
        self, job: AskJob, words: str, report: Report, threads: Threads = leave_threads
    ) -> SegmentResult:
        """Writes masks of what words name, outside the conversation.

        Raises:
            Sa2VAError: see ``segmentation.segment``.
        """
        seen = job.viewing.search("?")
        search = replace(seen, prompts=(words,), verbatim=False)  # type: ignore[arg-type]
        return self._run(job, search, report, threads, None)

    def _run(
        self, job: AskJob, search: Search, report: Report, threads: Threads, finding: Any
    ) -> SegmentResult:
        check_masks(self.engine, job.model.name or "this model", wanted=True)
        seen = self.inputs or self.waiting
        if not seen:
            raise UsageError("there is no input to find anything in; /attach FILE shows one")
        with planned(segment_job(job, seen[-1].source, search), report) as plan:
            return run(plan, segmenter_of(self.engine), report, threads, finding)
