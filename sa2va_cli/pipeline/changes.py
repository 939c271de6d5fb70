"""From what somebody says is wrong with tracks to what changes in them: which object, and on which frames.

Knows the log and the clip's times, and nothing about networks.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

from sa2va_cli.datatypes import FoundObject, Prompt
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.labels import ONLY, object_label
from sa2va_cli.pipeline.pointing import Placement, placements, with_masks
from sa2va_cli.pipeline.revision import Revision
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.selection import moment
from sa2va_cli.pipeline.shots import cut_at
from sa2va_cli.tracks.corrections import corrections_of
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.visual_prompts import VisualPrompt


@dataclass(frozen=True)
class Change:
    """What changes of one object.

    Attributes:
        row: of the object among those of the new log.
        said: what it is pointed at with; empty where it is taken away.
        first: index of the first frame.
        last: index of the last one.
    """

    row: int
    said: tuple[Placement, ...]
    first: int
    last: int

    def __contains__(self, index: int) -> bool:
        return self.first <= index <= self.last


@dataclass(frozen=True)
class Changes:
    """What a revision makes of a log.

    Attributes:
        header: that of the new log: the old one's, with the objects that are new behind the others.
        followed: what is followed anew.
        dropped: what is taken away.
        known: how many objects the old log has.
    """

    header: Header
    followed: tuple[Change, ...]
    dropped: tuple[Change, ...]
    known: int

    @property
    def added(self) -> tuple[FoundObject, ...]:
        """The objects that are new."""
        return self.header.objects[self.known :]

    @property
    def span(self) -> range:
        """From the first frame that changes to the last one."""
        both = (*self.followed, *self.dropped)
        return range(min(one.first for one in both), 1 + max(one.last for one in both))

    @property
    def rounds(self) -> "tuple[Changes, ...]":
        """The same one after the other, such that no object is followed twice in one of them."""
        parts: list[list[Change]] = [[]]
        for one in self.followed:
            place = sum(one.row == other.row for part in parts for other in part)
            parts += [[]] * (place == len(parts))
            parts[place] = [*parts[place], one]
        *earlier, last = (tuple(part) for part in parts)
        return (*(replace(self, followed=part, dropped=()) for part in earlier), replace(self, followed=last))

    def dropped_on(self, index: int) -> dict[int, None]:
        """The objects that lose their masks on a frame, by their ids."""
        return {self.header.objects[one.row].id: None for one in self.dropped if index in one}


def changes_of(revision: Revision, tracks: Tracks, reader: Reader) -> Changes:
    """Finds the objects and the frames that somebody means; a name that no object has is a new one.

    A correction counts up to what was said about the object before and after, but not over a cut. A new
    object is followed over the whole clip, or where the clip has several shots over those that it is pointed
    at in.

    Raises:
        UsageError: it cannot be meant.
        InputError: the picture of a mask cannot be read.
    """
    header, known = tracks.header, len(tracks.header.objects)
    said, labels = _by_object(revision, tracks)
    prompts = _prompts(said, labels, known)
    placed = placements(prompts, reader)
    followed = []
    for row, prompt in zip(said, prompts, strict=True):
        own = tuple(one for one in placed if one.prompt is prompt)
        earlier = _corrected_before(tracks, row, reader) if row < known else set()
        for group in _apart(own, earlier, reader):
            indices = [one.index for one in group]
            others = earlier | {one.index for one in own if one.index not in indices}
            followed.append(Change(row, group, *_extent(indices, others, revision.within, tracks, reader)))
    for row, prompt in zip(said, prompts, strict=True):
        header = header if row < known else header.with_object(prompt.label, prompt.visual)
    ranges = [_drop_range(text, reader) for text in revision.drop_ranges]
    only = _row(revision.object or "", tracks)
    if ranges and only is None:
        raise _which(tracks)
    dropped = tuple(Change(only, (), *one) for one in ranges if only is not None)
    return Changes(header, tuple(followed), dropped, known)


def _apart(said: tuple[Placement, ...], earlier: Set[int], reader: Reader) -> list[tuple[Placement, ...]]:
    """What is said about an object, divided where something was said before between two frames of it."""
    between = earlier - {one.index for one in said}

    def place(one: Placement) -> int:
        return sum(index < one.index for index in between)

    groups = [tuple(ones) for _, ones in groupby(said, key=place)]
    return groups if len(groups) == 1 else [_narrowed(group, reader) for group in groups]


def _narrowed(group: tuple[Placement, ...], reader: Reader) -> tuple[Placement, ...]:
    """The same with a prompt that holds nothing of other frames."""
    indices, prompt = {one.index for one in group}, group[0].prompt
    visual = tuple(
        one
        for one in prompt.visual
        if placements([replace(prompt, visual=(one,))], reader)[0].index in indices
    )
    prompt = replace(prompt, visual=visual)
    return tuple(replace(one, prompt=prompt) for one in group)


def shot_begins(header: Header) -> list[int]:
    """The first frame of each shot; none for a clip of one."""
    return [int(shot["first"]) for shot in header.settings.get("shots", ())]


def _by_object(revision: Revision, tracks: Tracks) -> tuple[dict[int, list[VisualPrompt]], list[str]]:
    """What each object is pointed at with, by its row, and what all are called, the new ones last."""
    said: dict[int, list[VisualPrompt]] = {}
    labels = [one.label for one in tracks.header.objects]
    known = _rows(tracks)
    for one in revision.visual:
        name = one.name or (ONLY if not known and revision.object is None else "")
        if name in known or name.isdecimal() or not name:
            row = _row(name or revision.object or "", tracks)
        else:
            labels += [] if name in labels else [name]
            row = labels.index(name)
        if row is None:
            raise _which(tracks)
        said.setdefault(row, []).append(replace(one, name=""))
    return dict(sorted(said.items())), labels


def _prompts(
    said: Mapping[int, Sequence[VisualPrompt]], labels: Sequence[str], known: int
) -> tuple[Prompt, ...]:
    """What is said about each object as a prompt; a new one has no words, so it must begin somewhere."""
    if not said:
        return ()
    found = (
        Prompt(1, "corrected" if row < known else "", labels[row], tuple(ones)) for row, ones in said.items()
    )
    return with_masks(Search(tuple(found))).prompts


def _drop_range(text: str, reader: Reader) -> tuple[int, int]:
    given = parameter("drop_ranges", text, option=f"--drop-range {text}")
    first, dash, last = text.partition("-")
    if not dash or not first.strip() or not last.strip():
        raise UsageError(f"{given} is not understood; write A-B, such as 2.5-4 or 60f-96f")
    begin, end = (reader.index_at(moment(one, given), one) for one in (first.strip(), last.strip()))
    if end < begin:
        raise UsageError(f"{given} ends before it begins")
    return begin, end


def _rows(tracks: Tracks) -> dict[str, int]:
    """Rows of objects by their numbers and names."""
    objects = tracks.header.objects
    return {str(one.id): row for row, one in enumerate(objects)} | {
        one.label: row for row, one in enumerate(objects)
    }


def _names(tracks: Tracks) -> str:
    return ", ".join(f"{one.label} ({one.id})" for one in tracks.header.objects)


def _which(tracks: Tracks) -> UsageError:
    if not tracks.header.objects:
        return UsageError(
            f"{tracks.path} has no objects; add one with {parameter('points', option='--point')}"
        )
    return UsageError(f"there are several objects; name one with {parameter('object')}: {_names(tracks)}")


def _row(name: str, tracks: Tracks) -> int | None:
    """The row of the object with a name or number; without one, of the only one, and None for several."""
    if not name:
        return 0 if len(tracks.header.objects) == 1 else None
    rows = _rows(tracks)
    if name not in rows:
        raise UsageError(f"{tracks.path} has no object {name!r}; choose {_names(tracks) or 'another file'}")
    return rows[name]


def _corrected_before(tracks: Tracks, row: int, reader: Reader) -> set[int]:
    """The frames on which something was said about an object."""
    found = tracks.header.objects[row]
    placed = {
        one.index
        for one in placements(tracks.header.prompts, reader)
        if one.prompt == found.prompt and object_label(one.prompt, one.number) == found.label
    }
    return placed | {
        index for one in corrections_of(tracks) if one.object == found.id for index in one.frames
    }


def _extent(
    indices: Sequence[int], earlier: Set[int], within: float | None, tracks: Tracks, reader: Reader
) -> tuple[int, int]:
    """From where to where a correction counts: up to what was said before, or for some time."""
    begin, end = min(indices), max(indices)
    first = max((index + 1 for index in earlier if index < begin), default=0)
    last = min((index - 1 for index in earlier if index > end), default=reader.count_selected() - 1)
    first, last = cut_at(shot_begins(tracks.header), first, last, begin, end)
    if within is not None:
        stamps = [stamp * reader.info.time_base for stamp in reader.stamps()]
        reach = Fraction(within)
        first = max(first, next(k for k, at in enumerate(stamps) if at >= stamps[begin] - reach))
        last = min(last, max(k for k, at in enumerate(stamps) if at <= stamps[end] + reach))
    return first, last
