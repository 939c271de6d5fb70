"""Answers of the language model that a preview keeps in its tracks, for the run that follows it.

An answer is known by the keyframes that were shown: a run that shows the same ones to the same model need not
ask. Knows nothing about how frames are chosen, nor what is drawn.
"""

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sa2va_cli.datatypes import Frame, Grounding, ModelIdentity, Prompt, Queries, Session, View
from sa2va_cli.datatypes import Memory as Remembered
from sa2va_cli.errors import InputError
from sa2va_cli.pipeline.finding import ask
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.shots import Shots
from sa2va_cli.tracks.header import Header, SourceFacts
from sa2va_cli.tracks.log import Tracks

SETTING = "grounding"
"""Under what name of the header's settings the answers lie."""

_OTHERWISE = (SETTING, "shots", "follower", "follow_size", "follow_every", "compile")
"""Settings that do not change what the language model answers, or follow from what it does."""


class Keeping:
    """Asks the language model, and keeps what it says: an ``Asking``.

    Attributes:
        said: an entry for each group of keyframes, as the header of tracks holds it.
    """

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def __call__(
        self, session: Session[View, Queries, Remembered], keyframes: Sequence[Frame], search: Search
    ) -> dict[Prompt, Grounding[Queries]]:
        """See ``finding.Asking``."""
        found = ask(session, keyframes, search)
        answers = [
            {
                "prompt": prompt.id,
                "answer": one.answer,
                "margin": one.margin,
                "elsewhere": one.elsewhere,
                "queries": _packed(session.freeze_queries(one.queries)),
            }
            for prompt, one in found.items()
        ]
        self.said.append({"keyframes": [frame.index for frame in keyframes], "answers": answers})
        return found

    def setting(self, shots: Shots) -> dict[str, Any]:
        """What the header's settings say of it."""
        return {SETTING: {"firsts": list(shots.firsts), "said": self.said}}


class Recalling:
    """Gives answers that were kept, and asks where none was: an ``Asking``.

    Args:
        kept: what ``Keeping.setting`` wrote.
        frames: of the clip.
    """

    def __init__(self, kept: dict[str, Any], frames: int) -> None:
        self.shots = Shots(tuple(int(first) for first in kept["firsts"]), frames)
        self._answers = {
            tuple(one["keyframes"]): {
                int(answer["prompt"]): Grounding(
                    answer["answer"],
                    _unpacked(answer["queries"]),
                    answer["margin"],
                    answer.get("elsewhere"),  # which older versions did not ask
                )
                for answer in one["answers"]
            }
            for one in kept["said"]
        }

    def __call__(
        self, session: Session[View, Queries, Remembered], keyframes: Sequence[Frame], search: Search
    ) -> dict[Prompt, Grounding[Queries]]:
        """See ``finding.Asking``."""
        known = self._answers.get(tuple(frame.index for frame in keyframes))
        if known is None or any(prompt.text and prompt.id not in known for prompt in search.prompts):
            return ask(session, keyframes, search)
        found: dict[Prompt, Grounding[Queries]] = {}
        for prompt in search.prompts:
            if prompt.text:
                one = known[prompt.id]
                queries = session.thaw_queries(one.queries)
                found[prompt] = Grounding(one.answer, queries, one.margin, one.elsewhere)
        return found


def recalled(
    path: Path,
    source: SourceFacts,
    prompts: Sequence[Prompt],
    identity: ModelIdentity,
    settings: dict[str, Any],
    frames: int,
) -> Recalling | None:
    """What a preview has left for a run; None where there is none of the same question.

    Args:
        path: of the preview's tracks.
        source: the input.
        prompts: what is looked for.
        identity: the model that would be asked.
        settings: of the run, as its header has them.
        frames: how many the run looks at.
    """
    if not path.is_file() or source.fingerprint is None:
        return None
    with suppress(InputError, OSError, KeyError, TypeError, ValueError):
        header = Tracks(path).header
        if SETTING in header.settings and _question(header) == _asked(source, prompts, identity, settings):
            return Recalling(header.settings[SETTING], frames)
    return None


def _question(header: Header) -> str:
    return _asked(header.source, header.prompts, header.model, dict(header.settings))


def _asked(
    source: SourceFacts, prompts: Sequence[Prompt], identity: ModelIdentity, settings: dict[str, Any]
) -> str:
    """Everything that an answer follows from, as text that is the same where all of it is."""
    chosen = {name: value for name, value in settings.items() if name not in _OTHERWISE}
    model = asdict(replace(identity, follower=None))
    facts = [asdict(source), [asdict(prompt) for prompt in prompts], model, chosen]
    return json.dumps(facts, sort_keys=True, default=str)


def _packed(queries: np.ndarray) -> dict[str, Any]:
    data = np.ascontiguousarray(queries, "<f4")
    return {"shape": list(data.shape), "float32": base64.b64encode(data.tobytes()).decode()}


def _unpacked(packed: dict[str, Any]) -> np.ndarray:
    data = base64.b64decode(packed["float32"], validate=True)
    return np.frombuffer(data, "<f4").reshape(packed["shape"]).astype(np.float32)
