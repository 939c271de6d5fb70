"""A sentence in which times, quoted words and files are replaced by marks, so that no rule reads into them.

Knows nothing about any language.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.times import Span

_FIRST = 0xE000
"""The private use area of Unicode: nobody types what stands there."""
MARK = "[\ue000-\uf8ff]"
_QUOTED = re.compile(
    r"\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|「([^」]+)」|『([^』]+)』|(?<!\w)'([^']+)'(?!\w)|‘([^’]+)’"
)
_FILE = re.compile(
    r"[\w./~\\-]*[\w~-]\.(?:mp4|mov|mkv|webm|avi|m4v|gif|png|jpe?g|webp|tiff?|exr|bmp)(?![\w.])",
    re.IGNORECASE | re.ASCII,
)


@dataclass
class Marked:
    """A sentence with marks.

    Attributes:
        text: the sentence.
        held: what each mark stands for, and how it was written.
    """

    text: str
    held: dict[str, tuple[Span | str, str]] = field(default_factory=dict)

    def hold(self, value: Span | str, written: str) -> str:
        """A mark that stands for something."""
        mark = chr(_FIRST + len(self.held))
        self.held[mark] = value, written
        return mark

    def replace(self, pattern: re.Pattern[str], make: Callable[[re.Match[str]], Span]) -> None:
        """Puts marks in the place of all times of a form."""
        self.text = pattern.sub(lambda found: self.hold(make(found), found[0]), self.text)

    def restored(self, part: str) -> str:
        """A part as it was written."""
        return re.sub(MARK, lambda found: self.held[found[0]][1], part).strip()

    def texts(self, part: str) -> list[str]:
        """The quoted words and files in a part."""
        return [value for value, _ in self._in(part) if isinstance(value, str)]

    def span(self, part: str) -> Span | None:
        """When a part is, from all times in it; None where there is none.

        Raises:
            NotUnderstood: two of them say different things.
        """
        spans = [value for value, _ in self._in(part) if isinstance(value, Span)]
        if not spans:
            return None
        made = spans[0]
        for one in spans[1:]:
            for name in ("start", "end", "found_at"):
                before, now = getattr(made, name), getattr(one, name)
                if before is not None and now is not None and before != now:
                    raise NotUnderstood(self.restored(part), "it says two different times")
            made = Span(made.start or one.start, made.end or one.end, made.found_at or one.found_at)
        return made

    def without_times(self, part: str) -> str:
        """A part without the marks of times."""
        return re.sub(MARK, lambda found: found[0] if isinstance(self.held[found[0]][0], str) else " ", part)

    def _in(self, part: str) -> list[tuple[Span | str, str]]:
        return [self.held[mark] for mark in re.findall(MARK, part)]


def marked(sentence: str) -> Marked:
    """Replaces quoted words and names of files."""
    made = Marked("")
    sentence = re.sub(MARK, " ", sentence)
    text = _QUOTED.sub(lambda found: made.hold(next(filter(None, found.groups())), found[0]), sentence)
    made.text = _FILE.sub(lambda found: made.hold(found[0], found[0]), text)
    return made
