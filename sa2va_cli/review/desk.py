"""Everything that is open: the project, its clips, who listens, and what is being worked on.

The rooms below know one clip or one job; this is where they meet. Knows nothing about HTTP.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from sa2va_cli.errors import OutputError, UsageError
from sa2va_cli.review import correcting
from sa2va_cli.review.asking import Chats, asked_steps
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.delivering import delivered_steps, order_on, preview
from sa2va_cli.review.description import described
from sa2va_cli.review.editing import edit_of
from sa2va_cli.review.engine import Engine
from sa2va_cli.review.events import Event, Events
from sa2va_cli.review.finding import found_steps
from sa2va_cli.review.folders import Show
from sa2va_cli.review.frames import Cache
from sa2va_cli.review.messages import line
from sa2va_cli.review.ordering import Order
from sa2va_cli.review.overview import Overview, decided
from sa2va_cli.review.project import Project
from sa2va_cli.review.work import MOST_WAITING, Job, Jobs, Steps, Worker
from sa2va_cli.tracks.decisions import Decision
from sa2va_cli.tracks.edits import Correct, Split, changed

MOST_OPEN = 8
"""Clips that stay open at once; opening one again is quick."""


class UnknownError(UsageError):
    """There is no such clip or job."""


class BusyError(UsageError):
    """There is too much to do already."""


class Desk:
    """What was opened, and everything that is done with it.

    Args:
        project: the clips.
        engine: loads the model.
        force: whether sources that are not those of their logs are taken all the same.
        show: opens a folder in a window; None where nobody would see it.
    """

    def __init__(
        self, project: Project, engine: Engine, *, force: bool = False, show: Show | None = None
    ) -> None:
        self.project = project
        self.engine = engine
        self.events = Events()
        self.jobs = Jobs()
        self.chats = Chats()
        self.worker = Worker("sa2va-work", self._tell_job)
        self.deliverer = Worker("sa2va-deliver", self._tell_job)
        self._force = force
        self._show = show
        self._clips = {one.id: one for one in project.clips}
        self._cache = Cache()
        self._open: OrderedDict[str, OpenClip] = OrderedDict()
        self._lock = threading.RLock()
        self._overview = Overview(project, self.events.tell)

    def close(self) -> None:
        """Ends everything: what is being worked on can be gone on with another time."""
        self.events.end()
        self._overview.close()
        self.worker.close()
        self.deliverer.close()
        self.chats.clear()
        self.engine.close()
        with self._lock:
            clips = tuple(self._open.values())
            self._open.clear()
        for one in clips:
            one.close()

    def clip(self, number: str) -> OpenClip:
        """A clip, open.

        Raises:
            UnknownError: there is none of this name.
            InputError: its log cannot be read.
        """
        with self._lock:
            if number not in self._clips:
                raise UnknownError(line("no_clip", clip=number[:40]))
            if number not in self._open:
                self._make_room()
                clip = OpenClip(self._clips[number], self._cache, self.events.tell, force=self._force)
                self._open[number] = clip
                self._resume(clip)
            self._open.move_to_end(number)
            return self._open[number]

    def _make_room(self) -> None:
        """Closes the clip that nobody has looked at for the longest time, if nothing is done with it."""
        busy = {one.clip for one in self.jobs.active()}
        for number in tuple(self._open):
            if len(self._open) < MOST_OPEN:
                return
            if number not in busy:
                self._open.pop(number).close()

    def overview(self) -> dict[str, Any]:
        """All clips, and what was opened."""
        with self._lock:
            known = dict(self._open)
        document = self._overview.document(known, self.engine.name)
        document["project"]["shows_folders"] = self._show is not None
        return document

    def describe(self, number: str) -> dict[str, Any]:
        """Everything about a clip."""
        clip = self.clip(number)
        jobs = [one.document() for one in self.jobs.active(number)]
        return described(clip) | decided(clip.clip) | {"jobs": jobs}

    def edit(self, number: str, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Makes an edit; masks that the network must make come later.

        Args:
            number: of the clip.
            kind: one of ``bodies.EDITS``.
            body: its fields.

        Raises:
            BusyError: too many corrections wait.
            UsageError: it cannot be meant.
            OutputError: it cannot be written down.
        """
        clip = self.clip(number)
        with clip.edits.lock:
            edit = edit_of(clip, kind, body, self.engine, self.chats)
            if isinstance(edit, Correct) and self.worker.waiting >= MOST_WAITING:
                raise BusyError(line("busy"))
            clip.edits.edit(edit)
        if isinstance(edit, Correct):
            self._stop_preparing()
        # The masks of a correction are still to come, and are told of frame by frame.
        self._changed(clip, None if isinstance(edit, Correct) else changed(edit))
        job = self.jobs.latest(number, edit.layer) if isinstance(edit, Correct) else None
        answer: dict[str, Any] = {"revision": clip.revision, "job": job.id if job else None}
        if isinstance(edit, Correct | Split):
            answer["object"] = edit.new if isinstance(edit, Split) else edit.object
        return answer

    def prepare(self, number: str, frame: int) -> dict[str, Any]:
        """Loads the model, if it is not loaded yet, as somebody is about to correct something.

        Args:
            number: of the clip.
            frame: that is looked at.

        Raises:
            UsageError: there is no such frame.
        """
        clip = self.clip(number)
        clip.check_frame(frame)
        known = next((one for one in self.jobs.active() if one.kind == "prepare"), None)
        if known is not None or self.engine.is_ready(clip.model):
            return {"job": known.id if known else None}
        job = self._job(clip, "prepare", self.engine.chosen(clip.model).name or "")
        return self._submit(self.worker, job, lambda _: correcting.prepared_steps(clip, frame, self.engine))

    def _stop_preparing(self) -> None:
        """Ends loading ahead as work of its own: a correction, which is here now, does the same."""
        for one in self.jobs.active():
            if one.kind == "prepare":
                self.worker.cancel(one)

    def undo(self, number: str) -> dict[str, Any]:
        """Takes the last edit back.

        Raises:
            UsageError: there is none.
        """
        clip = self.clip(number)
        self._changed(clip, changed(clip.edits.undo()))
        return {"revision": clip.revision}

    def redo(self, number: str) -> dict[str, Any]:
        """Does an edit again that was taken back.

        Raises:
            UsageError: there is none.
        """
        clip = self.clip(number)
        self._changed(clip, changed(clip.edits.redo()))
        return {"revision": clip.revision}

    def save(self, number: str, name: str | None) -> dict[str, Any]:
        """Writes the tracks.

        Raises:
            OutputError: they cannot be written, or frames are still to come.
        """
        clip = self.clip(number)
        self.check_ready(clip)
        path = clip.edits.save(name)
        clip.tell_changed()
        return {"file": str(path.absolute()), "revision": clip.revision}

    def check_ready(self, clip: OpenClip) -> None:
        """Makes sure that nothing is still to come; work that had stopped, as the disk was full, begins anew.

        Raises:
            OutputError: masks are.
        """
        count = int(np.any([*clip.edits.pending(clip.frames).values()], axis=0).sum())
        if count:
            self._resume(clip)
            raise OutputError(line("following", count=count))

    def decide(self, number: str, status: str, reason: str | None) -> dict[str, Any]:
        """Writes down what a person decided about a clip; what is right is saved.

        Raises:
            OutputError: frames are still to come, or it cannot be written.
        """
        clip = self.clip(number)
        if status in ("accepted", "corrected") and clip.revising is not None and clip.edits.review.unsaved:
            self.check_ready(clip)
            clip.edits.save()
        self._overview.decide(clip, Decision(status, reason))  # type: ignore[arg-type]
        clip.tell_changed()
        return {}

    def segment(self, number: str, prompts: list[str]) -> dict[str, Any]:
        """Looks for things in a video that has no tracks.

        Raises:
            OutputError: it has some.
        """
        clip = self.clip(number)
        if clip.revising is not None or clip.clip.tracks.exists():
            raise OutputError(line("tracks_exist", file=str(clip.clip.tracks)))
        job = self._job(clip, "segment", ", ".join(prompts), "segment")
        steps = partial(found_steps, clip, prompts, self.engine, self.worker.tell_soon)
        return self._submit(self.worker, job, steps)

    def deliver(self, number: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Delivers what is seen.

        Raises:
            UsageError: it cannot be meant.
            OutputError: frames are still to come, or it cannot be written.
        """
        clip = self.clip(number)
        order = Order.of(body)
        self.check_ready(clip)
        made = order_on(clip, order, self.project.folder, self._delivered())
        job = self._job(clip, "deliver", order.name, made.command)
        steps = partial(delivered_steps, made, self.deliverer.tell_soon)
        return self._submit(self.deliverer, job, steps) | {"command": made.command}

    def preview(self, number: str, body: Mapping[str, Any]) -> bytes:
        """One frame of what would be delivered, as PNG.

        Raises:
            UsageError: it cannot be meant, or is no picture.
        """
        clip = self.clip(number)
        clip.check_frame(body["frame"])
        made = order_on(clip, Order.of(body), self.project.folder, self._delivered())
        return preview(made, body["frame"])

    def _delivered(self) -> list[str]:
        """The commands whose work is being done."""
        return [one.key for one in self.jobs.active() if one.kind == "deliver"]

    def ask(self, number: str, body: Mapping[str, Any], say: Callable[[Event | None], None]) -> Job:
        """Asks about a clip.

        Args:
            number: of the clip.
            body: the question, and what is shown with it.
            say: is given each piece of the answer, what came of it, and None at the end.

        Raises:
            UsageError: it cannot be meant.
        """
        clip = self.clip(number)
        given = body.get("conversation")
        known = self.chats.get(given, number) if given else None
        frames = tuple(dict.fromkeys(body.get("frames") or (known.shown if known else (clip.frames // 2,))))
        for frame in frames:
            clip.check_frame(frame)
        job = self._job(clip, "ask", body["question"], urgent=True)
        job.when_ended = lambda: say(None)
        question = body["question"]
        steps = partial(asked_steps, clip, question, frames, known, self.engine, self.chats, say)
        self.worker.submit(job, steps)
        return job

    def job(self, number: str) -> Job:
        """A job.

        Raises:
            UnknownError: there is none of this number.
        """
        job = self.jobs.get(number)
        if job is None:
            raise UnknownError(line("no_job", job=number[:40]))
        return job

    def show_folder(self, number: str) -> dict[str, Any]:
        """Opens the folder of what a job made in a window of this computer.

        Raises:
            UnknownError: there is no such job, or it made nothing.
            OutputError: there is no window to be had.
        """
        job = self.job(number)
        if not job.files:
            raise UnknownError(line("no_job", job=number[:40]))
        folder = job.files[0].absolute().parent
        if self._show is None or not folder.is_dir():
            raise OutputError(line("no_folder", folder=str(folder)))
        self._show(folder)
        return {}

    def cancel(self, number: str) -> dict[str, Any]:
        """Ends a job; what it has done stays, and what it has not done stays as it was.

        Raises:
            UnknownError: there is none of this number.
        """
        job = self.job(number)
        worker = self.deliverer if job.kind == "deliver" else self.worker
        if job.active:
            worker.cancel(job)
            if job.kind == "correct":
                clip = self.clip(job.clip)
                clip.edits.cut_short(job.key)
                self._changed(clip, (0, None))
        return {}

    def _job(self, clip: OpenClip, kind: str, about: str, key: str = "", *, urgent: bool = False) -> Job:
        """A new job.

        Raises:
            OutputError: there is one of the same key, or too many wait.
        """
        if len(self.jobs.active()) >= MOST_WAITING:
            raise BusyError(line("busy"))
        if key and any(one.key == key for one in self.jobs.active(clip.clip.id)):
            raise OutputError(line("twice"))
        return self.jobs.new(clip.clip.id, kind, about, key=key, urgent=urgent)

    def _submit(self, worker: Worker, job: Job, make: Callable[[Job], Steps]) -> dict[str, Any]:
        worker.submit(job, make)
        return {"job": job.id}

    def _changed(self, clip: OpenClip, masks: tuple[int, int | None] | None) -> None:
        """After an edit was made or taken back: what is known of it is found out anew, and work adapts.

        Args:
            clip: which one.
            masks: see ``OpenClip.tell_changed``.
        """
        if masks is not None:
            clip.look(*masks)
        self._resume(clip)
        clip.tell_changed(masks)

    def _resume(self, clip: OpenClip) -> None:
        """Begins the work that the edits wait for, and ends that for which nobody waits any more."""
        if clip.revising is None:
            return
        with clip.edits.lock:
            waiting = clip.edits.waiting(clip.frames)
            active = {one.key: one for one in self.jobs.active(clip.clip.id) if one.kind == "correct"}
            for layer, job in active.items():
                if layer not in waiting and not job.cancelled.is_set():
                    self.worker.cancel(job)
            for layer in waiting:
                edit = clip.edits.correction(layer)
                known = active.get(layer)
                if edit is None or (known is not None and not known.cancelled.is_set()):
                    continue
                urgent = edit.frame not in clip.edits.layer(layer)
                about = _name(clip, edit.object)
                job = self.jobs.new(clip.clip.id, "correct", about, key=layer, urgent=urgent)
                self.worker.submit(job, partial(self._carried, clip, edit))

    def _carried(self, clip: OpenClip, edit: Correct, _: Job) -> Steps:
        """The work of a correction; where it fails, the edit is what was done of it."""
        try:
            yield from correcting.steps(clip, edit, self.engine, partial(self._tell_frames, clip, edit))
        except Exception:
            clip.edits.cut_short(edit.layer)
            clip.look(edit.first, edit.last)
            clip.tell_changed()
            raise
        clip.tell_changed()
        return ()

    def _tell_frames(self, clip: OpenClip, edit: Correct, first: int, last: int) -> None:
        clip.look(first, last)
        event = {"type": "frames", "clip": clip.clip.id, "revision": clip.revision, "object": edit.object}
        self.events.tell({**event, "first": first, "last": last})

    def _tell_job(self, job: Job) -> None:
        self.events.tell({"type": "job", **job.document()})


def _name(clip: OpenClip, number: int) -> str:
    return next((one.found.label for one in clip.edits.edited.things if one.found.id == number), "")
