"""What somebody looks for, what was found, and which weights found it."""

from dataclasses import dataclass

from sa2va_cli.errors import UsageError
from sa2va_cli.visual_prompts import VisualPrompt


def is_unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8; arguments in another encoding become what cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


@dataclass(frozen=True)
class Prompt:
    """What somebody looks for; it keeps its identity from the command line to the names of files.

    Attributes:
        id: its place among the prompts of a run, from 1.
        text: the words; empty where there is only what was pointed at.
        label: a short name for people and files; the words where it is empty.
        visual: points, boxes and masks that say what is meant, or correct what the words have found.

    Raises:
        UsageError: there are neither words nor anything else, or they cannot be written in UTF-8.
    """

    id: int
    text: str
    label: str = ""
    visual: tuple[VisualPrompt, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.strip() and not (self.visual and self.label):
            raise UsageError('a prompt is empty; say what to look for, such as "girl in red dress"')
        if not is_unicode(self.text):
            raise UsageError(f"the prompt {self.text!r} is not valid Unicode; is the terminal set to UTF-8?")
        if not self.label:
            object.__setattr__(self, "label", self.text)


@dataclass(frozen=True)
class FoundObject:
    """One thing that a prompt found.

    Attributes:
        id: number of the object in this run, from 1; also its index in a DAVIS palette.
        prompt: what found it.
        label: short text to draw beside it; no other object of the run has it.
        margin: how decided the words were that found it (``Grounding.margin``); None where that is not known.
        elsewhere: how probable it is that something else was meant (``Grounding.elsewhere``); None likewise.
    """

    id: int
    prompt: Prompt
    label: str
    margin: float | None = None
    elsewhere: float | None = None


@dataclass(frozen=True)
class ModelIdentity:
    """Which weights found something.

    Attributes:
        name: as it was asked for.
        revision: of the published repository; None where it is not known.
        weights: SHA-256 of the sizes, beginnings and ends of the files of weights; None where there are none.
        device: where it ran, in torch's words.
        dtype: in which precision.
        follower: what followed the objects, where that was another network.
    """

    name: str
    revision: str | None = None
    weights: str | None = None
    device: str | None = None
    dtype: str | None = None
    follower: "ModelIdentity | None" = None
