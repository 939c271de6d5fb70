"""Going on with a run that was killed: its log up to the last checkpoint, and the tracker's memory there.

What was logged is drawn again from the log, and what follows is followed from the frozen memory, so that the
tracks, and with them every output, are those of a run that nobody disturbed, byte for byte. The language
model is asked again: its answers make the header, and only a log with the same header is gone on with.
"""

import hashlib
import os
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Generic

from sa2va_cli.datatypes import Followed, Frame, FrameMasks, Memory, Publication, Queries, Session, View
from sa2va_cli.errors import InputError, NothingFoundError, OutputError
from sa2va_cli.events import Notice, Report, Saved
from sa2va_cli.media.reader import Reader
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.leftovers import clear, leftovers_of
from sa2va_cli.outputs.locks import check_unlocked
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.pipeline.finding import Findings
from sa2va_cli.pipeline.following import follow_found
from sa2va_cli.pipeline.job import Resuming, Stopped
from sa2va_cli.pipeline.motion import MotionCheck
from sa2va_cli.pipeline.regrounding import ShotFindings
from sa2va_cli.pipeline.shots import ONE, Shots
from sa2va_cli.pipeline.tracks_file import checkpoint_of, growing_log, unfinished
from sa2va_cli.queues import read_ahead
from sa2va_cli.staging import check_replaceable, discard, publish
from sa2va_cli.tracks.checkpoint import Checkpoint
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import Tracks, TracksWriter

STEP = 4
"""Checkpoints come after a multiple of so many frames: that many are encoded in one call on a GPU
(``model.session.ENCODED_AT_ONCE``), and batches must be cut where an undisturbed run cuts them."""


_NOTHING = b""
"""The memory of a shot in which nothing was found."""


class Log(Generic[Memory]):
    """A log that grows, and what an earlier run left of it.

    Args:
        writer: of the log.
        start: what is gone on from; None for the beginning.
        memory: of the tracker there.
        kept: where checkpoints are kept, and how often; None for nowhere.
        shots: of the clip, as far as they are known here: motion is not compared across their borders.
    """

    def __init__(
        self,
        writer: TracksWriter,
        start: Checkpoint | None = None,
        memory: Memory | None = None,
        kept: tuple[Path, Resuming] | None = None,
        shots: Shots = ONE,
    ) -> None:
        self.writer = writer
        self._start, self._memory, self._kept = start, memory, kept
        self._last_index = -1 if start is None else start.last
        self._frozen: dict[int, bytes] = {}
        self._last = time.monotonic(), 0
        self.motion = MotionCheck(shots, self._last_index)
        if start is not None:
            self.motion.thaw(start.motion)

    def followed(
        self,
        session: Session[View, Queries, Memory],
        reader: Reader,
        findings: Findings[Memory],
        outputs: Sequence[PlannedOutput],
        report: Report,
        workers: int,
    ) -> Generator[FrameMasks | Followed[Memory] | Followed[None], None, None]:
        """Every frame: first those of the log, then those that are followed."""
        if isinstance(findings, ShotFindings):
            firsts = tuple(shot.span.start for shot in findings.shots)
            self.motion.shots = Shots(firsts, reader.count_selected())
        shots = self.motion.shots
        drawn = any(KINDS[output.kind].make is not None for output in outputs)
        with self._frames(reader, drawn=drawn) as (logged, rest):
            if self._start is not None:
                yield from logged
            items = follow_found(
                session,
                reader,
                findings,
                self.writer.header.threshold,
                frames=rest,
                after=None if self._start is None else (self._last_index, self._memory),
                report=report,
                workers=workers,
            )
            place, in_shot = shots.place_of(self._last_index), 0
            with closing(items):
                for done, one in enumerate(items, 1):
                    before, place = place, shots.place_of(one.frame.index)
                    in_shot = in_shot + 1 if place == before else 1
                    if self._due(done, in_shot):
                        self._frozen[one.frame.index] = (
                            _NOTHING if one.memory is None else session.freeze(one.memory)
                        )
                    yield one

    @contextmanager
    def _frames(
        self, reader: Reader, *, drawn: bool
    ) -> Generator[tuple[Iterator[FrameMasks], Iterable[Frame]], None, None]:
        """The masks of the frames in the log, and the frames behind it.

        Where nothing is drawn, decoding begins behind the log; but a damaged file is always read from its
        beginning, as what is decoded of it may depend on that.
        """
        done = 0 if self._start is None else self._start.frames
        tracks = Tracks(self.writer.path) if done else None
        if tracks is None or drawn or reader.warnings:
            with read_ahead(reader) as frames:
                yield _logged(tracks, frames, done), frames
            return
        blanks = (unseen(reader, one.index, one.source_index, one.pts) for one in islice(tracks, done))
        with read_ahead(reader.starting_at(self._last_index + 1)) as frames:
            yield _logged(tracks, blanks, done), frames

    def _due(self, done: int, in_shot: int) -> bool:
        """Whether a checkpoint is wanted after so many followed frames, in all and of the shot."""
        if self._kept is None or in_shot % STEP:
            return False
        resuming = self._kept[1]
        number, unit = resuming.interval
        since, before = self._last
        passed = time.monotonic() - since if unit == "s" else done - before
        if passed < number and not resuming.stop():
            return False
        self._last = time.monotonic(), done
        return True

    def append(self, one: Followed[Any]) -> FrameMasks:
        """Logs a frame, with a checkpoint after it if one is due; returns its masks as the log has them.

        Raises:
            Stopped: somebody asked for it.
        """
        agreements = self.motion.agreements(one.frame, one.logits)
        masks = self.writer.append(
            one.frame, one.logits, one.scores, one.ious, agreements, one.worded, by_flow=one.by_flow
        )
        frozen = self._frozen.pop(one.frame.index, None)
        if frozen is not None and self._kept is not None:
            place, resuming = self._kept
            size = self.writer.synchronise()
            checkpoint = Checkpoint(self.writer.frames, one.frame.index, size, frozen, self.motion.freeze())
            checkpoint.write(place)
            if resuming.stop():
                raise Stopped
        return masks


def _logged(
    tracks: Tracks | None, frames: Iterator[Frame] | Generator[Frame, None, None], count: int
) -> Iterator[FrameMasks]:
    """Joins the first frames with what the log says about them, one by one."""
    if tracks is None:
        return
    for one in islice(tracks, count):
        frame = next(frames, None)
        if frame is None or (frame.index, frame.pts) != (one.index, one.pts):
            raise InputError(f"{tracks.path}: frame {one.index} is not where it was; the input has changed")
        yield tracks.masks(one, frame)


def unseen(reader: Reader, index: int, source_index: int, pts: int) -> Frame:
    """A frame whose picture nobody looks at."""

    def make() -> Any:
        raise AssertionError("this picture is not decoded")

    frame = Frame.deferred(make, reader.info.size, index=index, pts=pts, time_base=reader.info.time_base)
    return frame.numbered(index, source_index)


@contextmanager
def logged(
    session: Session[View, Queries, Memory],
    header: Header,
    outputs: Sequence[PlannedOutput],
    named: Sequence[Path],
    report: Report,
    resuming: Resuming,
    *,
    replaces: bool = True,
) -> Generator[Log[Memory], None, None]:
    """Opens the log of a run; where checkpoints are kept, it and they stay when the run fails.

    Args:
        session: of the clip.
        header: of the log.
        outputs: what the run makes.
        named: every output of the run, those that exist already included: by these it is known again.
        report: is told what is gone on with, what has got its name, and what stays.
        resuming: whether and how often checkpoints are kept.
        replaces: whether a wanted log takes the place of what is there at the end.

    Raises:
        OutputError: the log cannot be written.
    """
    streamed = any(output.is_stream for output in outputs)
    if not resuming.resume or streamed or not header.objects:
        with growing_log(header, outputs, report, replaces=replaces) as writer:
            yield Log(writer)
        return
    wanted = next((output.path for output in outputs if output.kind == "tracks"), None)
    place = unfinished(wanted) if wanted else kept_log(header.stem, named)
    checkpoint = checkpoint_of(place)
    clear([*leftovers_of(place), *leftovers_of(checkpoint)])
    check_replaceable(place, folder=False)
    start, memory = _start(session, place, checkpoint, header)
    if start is None:
        discard(place)
        discard(checkpoint)
    else:
        report(Notice(f"going on from frame {start.frames} of {header.frames}, where a run was ended"))
    stays = False
    try:
        given = {} if start is None else {"frames": start.frames, "size": start.size}
        with TracksWriter(place, header, **given) as writer:
            yield Log(writer, start, memory, (checkpoint, resuming))
        discard(checkpoint)  # first: killed behind it, nothing is left of a run that is complete
        if wanted is not None:
            publish(place, wanted, Publication(replaces))
            report(Saved(wanted))
    except BaseException as error:
        stays = checkpoint.exists() and not isinstance(error, NothingFoundError)
        if stays:
            report(Notice(f"{place} is gone on with by the same command with --resume", "detail"))
        raise
    finally:
        if not stays:
            discard(checkpoint)
            discard(place)


def kept_log(stem: str, named: Sequence[Path]) -> Path:
    """Where a log that is not wanted lies for as long as checkpoints are kept: beside the first output."""
    paths = sorted(named)
    digits = hashlib.sha256("\n".join(map(os.fspath, paths)).encode("utf-8", "surrogateescape")).hexdigest()
    return unfinished(paths[0].with_name(f"{stem}-{digits[:8]}.tracks.sa2va"))


def forget(stem: str, named: Sequence[Path]) -> None:
    """Removes a log that is not wanted, and its checkpoint, where every output of the run has its name.

    A run that is killed between giving the last output its name and putting things in order leaves them.
    Those of a run that is at work are left alone.

    Args:
        stem: what names of outputs are derived from.
        named: every output of the run.
    """
    place = kept_log(stem, named)
    checkpoint = checkpoint_of(place)
    if not (place.exists() or checkpoint.exists()):
        return
    with suppress(OutputError):
        for path in named:
            check_unlocked(path)
        clear([*leftovers_of(place), *leftovers_of(checkpoint)])
        discard(checkpoint)
        discard(place)


def _start(
    session: Session[View, Queries, Memory], place: Path, checkpoint: Path, header: Header
) -> tuple[Checkpoint, Memory | None] | tuple[None, None]:
    """What an earlier run with the same header left; nothing where any of it is not whole."""
    found = Checkpoint.read(checkpoint)
    if found is None:
        return None, None
    try:
        tracks = Tracks(place)
        if tracks.header.to_json() != header.to_json() or place.stat().st_size < found.size:
            return None, None
        if sum(1 for _ in islice(tracks, found.frames)) < found.frames:
            return None, None
        MotionCheck().thaw(found.motion)
        return found, None if found.memory == _NOTHING else session.thaw(found.memory)
    except (InputError, OSError, ValueError):
        return None, None
