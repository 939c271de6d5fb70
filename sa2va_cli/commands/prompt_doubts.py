"""Prompts that look as if something else was meant: another input, or a sentence without its quotes.

Knows nothing about models; what is told here is only a warning.
"""

import re
from collections.abc import Sequence
from pathlib import Path

_WORD = re.compile(r"[^\W\d_][\w'’-]*[.,?!]?")
_JOINING = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "in",
        "on",
        "at",
        "of",
        "with",
        "without",
        "to",
        "from",
        "by",
        "for",
        "behind",
        "beside",
        "near",
        "under",
        "over",
        "between",
        "and",
        "or",
        "who",
        "which",
        "is",
        "are",
        "wearing",
        "holding",
    ]
)
"""English words that join others to a sentence and name nothing by themselves."""

_MEDIA = re.compile(
    r"\S\.(mp4|mov|mkv|m4v|avi|webm|mxf|mts|png|jpe?g|webp|gif|tiff?|exr|dpx|heic)$", re.IGNORECASE
)
"""How the name of a video or a picture ends, whether there is one or not."""

_MANY = 4
"""So many single words in a row are rather one sentence than a list of things."""


def doubts(prompts: Sequence[str]) -> list[str]:
    """Tells what may have been meant otherwise, one line each.

    Args:
        prompts: the words of each.
    """
    told = [
        f"the prompt {prompt!r} is the name of a file; only the first argument is the input, all others are "
        "prompts: run segment once for each file"
        for prompt in prompts
        if names_file(prompt)
    ]
    words = [prompt for prompt in prompts if not names_file(prompt)]
    torn = all(_WORD.fullmatch(word) and word.isascii() for word in words) and (
        len(words) >= _MANY or any(word.lower() in _JOINING for word in words)
    )
    if torn and len(words) > 1:
        told.append(
            f"{' '.join(map(repr, words))} are {len(words)} prompts of one word each; "
            f'for one prompt put it in quotes: "{" ".join(words)}"'
        )
    return told


def names_file(prompt: str) -> bool:
    """Whether words are the name of a file, or end as those of videos and pictures do."""
    if _MEDIA.search(prompt):
        return True
    try:
        return Path(prompt).is_file()
    except (OSError, ValueError):  # too long for a name
        return False
