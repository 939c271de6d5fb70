"""Objects that are not all followed from the first frame to the last: each has a validity of its own.

Objects whose memories have the same layout are a batch: conditioned on the same frames, followed over the
same ones. A batch is a memory as the tracker knows it, so the rule of stepping is that of any other clip; an
object that joins late or ends early costs nothing where it is not followed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sa2va_cli.model.fixed import FixedMemory
from sa2va_cli.model.tracker import TrackerMemory

BatchMemory = TrackerMemory | FixedMemory


@dataclass(frozen=True)
class Span:
    """The frames over which an object is followed.

    Attributes:
        first: index of the first frame.
        last: index of the last frame; None for the end of the clip.
    """

    first: int = 0
    last: int | None = None

    def __contains__(self, index: int) -> bool:
        return self.first <= index and (self.last is None or index <= self.last)

    def is_over(self, index: int, *, backwards: bool) -> bool:
        """Whether no frame that follows ``index`` lies in it."""
        if backwards:
            return index <= self.first
        return self.last is not None and index >= self.last


@dataclass(frozen=True, eq=False)
class Batch:
    """Objects that are followed as one.

    Attributes:
        rows: which of the clip's objects they are.
        span: where they are followed.
        memory: what is remembered of them.
    """

    rows: tuple[int, ...]
    span: Span
    memory: BatchMemory = field(repr=False)


@dataclass(frozen=True, eq=False)
class ClipMemory:
    """All that is remembered of a clip whose objects are followed over different frames.

    Attributes:
        objects: how many there are, followed or not.
        batches: those that are followed somewhere, as batches.
    """

    objects: int
    batches: tuple[Batch, ...]

    def at(self, index: int) -> tuple[Batch, ...]:
        """Those that are followed on a frame."""
        return tuple(batch for batch in self.batches if index in batch.span)

    def after(self, index: int, stepped: Mapping[Batch, BatchMemory]) -> "ClipMemory":
        """What is remembered after a frame; objects that end there are forgotten.

        Args:
            index: of the frame.
            stepped: the new memory of each batch that was followed on it.
        """
        kept = (
            Batch(batch.rows, batch.span, stepped.get(batch, batch.memory))
            for batch in self.batches
            if not batch.span.is_over(index, backwards=batch.memory.backwards)
        )
        return ClipMemory(self.objects, tuple(kept))


Memory = TrackerMemory | FixedMemory | ClipMemory
"""What a session remembers of a clip: one batch of objects that are followed from end to end, or several."""


def is_tracked(memory: Memory, index: int) -> bool:
    """Whether any object is tracked into a frame, and not shown as it was decoded before, or left out."""
    if isinstance(memory, ClipMemory):
        return any(index not in batch.memory.decoded for batch in memory.at(index))
    return index not in memory.decoded


def batched_by_layout(rows: Mapping[int, TrackerMemory], spans: Mapping[int, Span]) -> tuple[Batch, ...]:
    """Joins objects to as few batches as there are layouts.

    Args:
        rows: what is remembered of each object, by its row, before any frame was tracked.
        spans: where each is followed.
    """
    groups: dict[object, list[int]] = {}
    for row, memory in rows.items():
        frames = tuple(one.index for one in memory.conditioning)
        groups.setdefault((frames, tuple(memory.decoded), spans[row], memory.pointed), []).append(row)
    return tuple(_batch(members, rows, spans) for members in groups.values())


def _batch(members: Iterable[int], rows: Mapping[int, TrackerMemory], spans: Mapping[int, Span]) -> Batch:
    chosen = tuple(members)
    return Batch(chosen, spans[chosen[0]], TrackerMemory.joined([rows[row] for row in chosen]))
