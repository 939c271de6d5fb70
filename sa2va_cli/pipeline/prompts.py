"""From the user's words to the text that the language model gets, as the official demos put it."""

import re

from sa2va_cli.model.prompt_text import IMAGE_TAG, PromptText

_REQUEST = re.compile(
    r"(please\b|segment\b|can you\b|could you\b|would you\b|find and segment\b|请|分割|把.*分割)",
    re.IGNORECASE,
)
"""How a prompt begins that is a whole request already, in English or Chinese. "find ..." alone is not among
them, nor is any question word: "what the boy holds" names a thing."""


def is_request(prompt: str) -> bool:
    """Whether a prompt is a whole request, and not the name of a thing."""
    return bool(_REQUEST.match(prompt))


def question(prompt: str, *, verbatim: bool = False) -> PromptText:
    """Puts a prompt into the words the network was trained on.

    Args:
        prompt: what the user typed: ``girl in red dress``, or ``Please segment the girl.`` Nothing in it is
            a control token, ``<image>``, ``[SEG]`` and ends of turns included.
        verbatim: send its words and no others.

    Returns:
        ``<image>Please segment girl in red dress.``; a prompt that is a request already, or is to be sent
        verbatim, follows ``<image>`` unchanged.
    """
    if verbatim or is_request(prompt):
        return IMAGE_TAG + PromptText.literal(prompt)
    return f"{IMAGE_TAG}Please segment " + PromptText.literal(prompt.rstrip(".。 ")) + "."
