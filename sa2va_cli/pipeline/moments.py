"""When something happens in a clip: asked in windows over it, coarse first, and then finer at both ends.

What counts as evidence depends on what the model can do. One that answers a question with yes or no is asked
in these words, and an answer speaks for all frames of its window. One that does not is asked for the thing
itself, and a frame counts where its mask is seen: that is when something *is there*, not what it does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from sa2va_cli.conversation import ChatEngine, Generation, Question
from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import NothingFoundError
from sa2va_cli.events import Notice, Progress, Report, no_report
from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.asking_job import Viewing
from sa2va_cli.pipeline.keyframes import nothing_decoded
from sa2va_cli.pipeline.marking import visible
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.selection import check_when
from sa2va_cli.pipeline.viewing import Viewed, number_of

WINDOWS = 8
"""How many windows a clip is first divided into."""

ROUNDS = 6
"""How often the gap at either end is looked at again, at most."""

SMALLEST = 4
"""Frames of a window that is not divided any more where words are the evidence: fewer show no motion."""

ANSWER_TOKENS = 24
"""Enough for a yes or a no, and for a mask."""

_WHEN = re.compile(
    r"(?:at what time|from when to when|when|how long) "
    r"(?P<verb>does|do|did|is|are|was|were|can|has|have|will) (?P<rest>.+?)[?. ]*",
    re.IGNORECASE,
)
_CHINESE_WHEN = re.compile(r"(?:是?在?)(?:什么时候|何时|几时)")
_STATED = re.compile(
    r"(?P<subject>.+?)(?<!\bwho)(?<!\bthat)(?<!\bwhich) "
    r"(?P<verb>is|are|was|were|can|has|have|will) (?P<rest>.+)",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"\A(?:the|an?|this|these|those|there|some(?:body|one|thing)?)\b", re.IGNORECASE)
_SEEN = re.compile(
    r"\s+(?:(?:is|are|was|were)\s+)?(?:to be )?(?:seen|visible|shown|there|here|present|appear(?:s|ing)?|"
    r"(?:in|on) (?:the )?(?:picture|video|clip|screen|view|sight|frame))$",
    re.IGNORECASE,
)
_CHINESE_SEEN = re.compile(r"(?:能)?(?:出现|可见|看得?见|看得?到)$")
_YES = re.compile(r"\W*(?:yes\b|是|有|对|能|可以)", re.IGNORECASE)
_NO = re.compile(r"\W*(?:no\b|not\b|不|没|否)", re.IGNORECASE)


@dataclass(frozen=True)
class Moment:
    """When something happens.

    Attributes:
        first_frame: number in the source of the first frame.
        last_frame: of the last one.
        start_seconds: when it begins, counted from the source's first frame, as ``--start`` counts.
        end_seconds: when it is over, as ``--end`` counts.
        frames: numbers of the frames that speak for it.
        evidence: ``words`` for a yes, ``masks`` for what is seen.
        asked: how many questions it took.
        seen: how many pictures the model looked at for them.
    """

    first_frame: int
    last_frame: int
    start_seconds: float
    end_seconds: float
    frames: tuple[int, ...]
    evidence: str
    asked: int
    seen: int


def yes_or_no(words: str) -> str:
    """The question that is asked of each window.

    ``Is the dog running?`` of "When is the dog running?" and of "the dog is running"; what cannot be turned
    into a question that way is put to the model as it is.
    """
    if match := _WHEN.fullmatch(words.strip()):
        return f"{match['verb'].capitalize()} {match['rest']}?"
    plain = words.strip().rstrip("?.。？")
    if _CHINESE_WHEN.search(plain):
        return f"{_CHINESE_WHEN.sub('', plain)}吗?"
    if re.search("[\u4e00-\u9fff]", plain):
        return f"{plain}吗?"
    if match := _STATED.fullmatch(plain):
        subject = _ARTICLE.sub(lambda word: word[0].lower(), match["subject"], count=1)
        return f"{match['verb'].capitalize()} {subject} {match['rest']}?"
    return f"Is it true here: {plain}? Answer yes or no."


def thing_of(words: str) -> str:
    """What is asked for where masks are the evidence: ``the dog`` of "When is the dog visible?"."""
    match = _WHEN.fullmatch(words.strip())
    plain = match["rest"] if match else _CHINESE_WHEN.sub("", words.strip().rstrip("?.。？"))
    return _CHINESE_SEEN.sub("", _SEEN.sub("", plain)).strip() or plain


@dataclass
class _Witness:
    """Asks about frames and remembers which speak for the moment."""

    engine: ChatEngine
    reader: Reader
    words: str
    viewing: Viewing
    evidence: str = ""
    unclear: str = ""
    said: dict[int, bool] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    asked: int = 0
    seen: int = 0

    def ask(self, indices: Sequence[int]) -> None:
        """Asks about frames together."""
        frames = self.reader.frames_at(indices)
        if not frames:
            return
        viewed = Viewed("", "video", tuple(frames))
        if self.evidence != "masks":
            answer = self._answer(yes_or_no(self.words), viewed).text
            if bool(_YES.match(answer)) or bool(_NO.match(answer)):
                self.evidence = "words"
                self._note(frames, [bool(_YES.match(answer))] * len(frames))
                return
            if self.evidence == "words" or not self.engine.has_masks:
                self.unclear = answer
                self._note(frames, [False] * len(frames))
                return
            self.evidence = "masks"
        reply = self._answer(f"Please segment {thing_of(self.words)}.", viewed)
        engine: Any = self.engine
        self._note(frames, visible(engine, viewed, reply, self.viewing.threshold))

    def _answer(self, text: str, viewed: Viewed) -> Any:
        self.asked += 1
        self.seen += len(viewed.frames)
        generation = Generation(max_new_tokens=ANSWER_TOKENS)
        return self.engine.converse(generation).ask(Question(text, (viewed.pictures,)))

    def _note(self, frames: Sequence[Frame], spoken_for: Sequence[bool]) -> None:
        self.said.update({frame.index: yes for frame, yes in zip(frames, spoken_for, strict=True)})
        self.numbers.update({frame.index: number_of(frame) for frame in frames})


def find_moment(
    engine: ChatEngine, reader: Reader, words: str, viewing: Viewing, report: Report = no_report
) -> Moment:
    """Finds the longest stretch in which something happens.

    Args:
        engine: the model.
        reader: the clip, open.
        words: what happens: a question that begins with "When", or a statement.
        viewing: how many frames are seen of a window.
        report: is told how far the search is.

    Raises:
        InputError: not a single frame can be decoded.
        NothingFoundError: it happens nowhere.
    """
    total = reader.count_selected()
    witness = _Witness(engine, reader, words, viewing)
    windows = [part for part in np.array_split(np.arange(total), min(WINDOWS, total)) if len(part)]
    for done, window in enumerate(windows):
        report(Progress(f"looking at window {done + 1} of {len(windows)}"))
        witness.ask(_spread(int(window[0]), int(window[-1]), viewing.frames))
    if not witness.said:
        raise nothing_decoded(reader)
    first, last = _longest(witness.said)
    if first < 0:
        raise _nowhere(witness)
    report(Progress("looking closer at both ends"))
    if witness.evidence == "words":
        bounds = [(int(window[0]), int(window[-1])) for window in windows]
        begin = _edge_by_words(witness, next(one for one in bounds if one[1] >= first), beginning=True)
        end = _edge_by_words(witness, next(one for one in bounds if one[1] >= last), beginning=False)
    else:
        begin = _edge_by_masks(witness, first, max((i for i in witness.said if i < first), default=-1))
        end = _edge_by_masks(witness, last, min((i for i in witness.said if i > last), default=total))
    report(Notice(f"{witness.asked} questions about {witness.seen} pictures", "detail"))
    return _moment(witness, begin, end)


def _nowhere(witness: _Witness) -> NothingFoundError:
    """The error of a moment that is nowhere, or about which the model cannot be asked."""
    if not witness.evidence:
        return NothingFoundError(
            f"{witness.engine.identity.name} says neither yes nor no to {yes_or_no(witness.words)!r}, but "
            f"{witness.unclear[:80]!r}; ask in other words, or use a Sa2VA (--model 1b)"
        )
    return NothingFoundError(
        f"nothing in the clip speaks for {witness.words!r}; ask in other words, or give --start and --end"
    )


def _spread(first: int, last: int, count: int) -> list[int]:
    """At most ``count`` indices from the first to the last, evenly: the middle of each part."""
    length = last - first + 1
    count = min(count, length)
    return [first + (2 * place + 1) * length // (2 * count) for place in range(count)]


def _longest(said: dict[int, bool]) -> tuple[int, int]:
    """First and last index of the longest run of a yes; one no between two of them is forgiven. Else -1."""
    order = sorted(said)
    yes = [said[index] for index in order]
    for place in range(1, len(yes) - 1):
        yes[place] = yes[place] or (yes[place - 1] and said[order[place + 1]])
    best = (-1, -1)
    begin: int | None = None
    for place, one in enumerate([*yes, False]):
        if one and begin is None:
            begin = place
        elif not one and begin is not None:
            if best[0] < 0 or order[place - 1] - order[begin] > best[1] - best[0]:
                best = order[begin], order[place - 1]
            begin = None
    return best


def _edge_by_masks(witness: _Witness, inside: int, outside: int) -> int:
    """The outermost index that speaks for the moment, between one that does and one that does not."""
    for _ in range(ROUNDS):
        low, high = sorted((inside, outside))
        if high - low <= 1:
            break
        asked = _spread(low + 1, high - 1, witness.viewing.frames)
        witness.ask(asked)
        for index in reversed(asked) if outside < inside else asked:
            if not witness.said.get(index, False):
                outside = index
                break
            inside = index
    return inside


def _edge_by_words(witness: _Witness, window: tuple[int, int], *, beginning: bool) -> int:
    """Where in a window that speaks for the moment it begins, or is over: its halves are asked about."""
    low, high = window
    while high - low >= SMALLEST:
        middle = (low + high) // 2
        half = (low, middle) if beginning else (middle + 1, high)
        asked = _spread(*half, witness.viewing.frames)
        witness.ask(asked)
        if witness.said.get(asked[-1], False):
            low, high = half
        else:
            low, high = (middle + 1, high) if beginning else (low, middle)
    return low if beginning else high


def _moment(witness: _Witness, begin: int, end: int) -> Moment:
    info = witness.reader.info
    first, last = (witness.reader.frames_at([index])[0] for index in (begin, end))
    step = 1 / info.rate if info.rate else Fraction(0)
    start = float(first.pts * first.time_base - info.start_seconds)
    stop = float(last.pts * last.time_base - info.start_seconds + step)
    supporting = [index for index, yes in sorted(witness.said.items()) if yes and begin <= index <= end]
    return Moment(
        first_frame=number_of(first),
        last_frame=number_of(last),
        start_seconds=round(start, 6),
        end_seconds=round(stop, 6),
        frames=tuple(witness.numbers[index] for index in supporting),
        evidence=witness.evidence,
        asked=witness.asked,
        seen=witness.seen,
    )


def during(search: Search, reader: Reader, engine: Any, report: Report = no_report) -> Search:
    """A search for the frames only on which ``search.when`` happens.

    Args:
        search: of the whole range; its ``when`` is given.
        reader: its input, open.
        engine: the loaded model, which can be talked to.
        report: is told which moment it is.

    Raises:
        NothingFoundError: it does not happen.
        UsageError: it is an image, which has no time.
    """
    info, words = reader.info, search.when or ""
    check_when(search, info)
    moment = find_moment(engine, reader, words, Viewing(threshold=search.threshold), report)
    seconds = f"{moment.start_seconds:.2f} s to {moment.end_seconds:.2f} s"
    report(Notice(f"{words!r}: {seconds}, frames {moment.first_frame} to {moment.last_frame}"))
    first, last = (
        info.numbers[number] if info.first_number else number  # as start and end count
        for number in (moment.first_frame, moment.last_frame)
    )
    return replace(search, when=None, start=f"{first}f", end=f"{last + 1}f")
