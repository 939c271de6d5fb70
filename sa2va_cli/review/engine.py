"""The one loaded model of a server: nothing is loaded before it is needed.

Used by the thread that does the work, and by no other but where that is said. Knows nothing about clips.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from sa2va_cli.errors import ModelError
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import load_chat, memory_errors_explained
from sa2va_cli.runtime.threads import Threads, leave_threads

LoadAny = Callable[[ModelChoice, Placement], Any]
"""Loads a segmenter, or a model that can be talked to; a Sa2VA is both."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model that is ready.

    Attributes:
        engine: the model.
        name: what it was asked for by.
        placement: where it runs.
        workers: threads among which objects may be divided.
    """

    engine: Any
    name: str
    placement: Placement
    workers: int


class Engine:
    """Loads a model when it is first needed, and another one in its place when that is needed.

    Args:
        choice: which one, and how it runs; that of the tracks where no name is given.
        load: makes it.
        threads: decides about torch's threads for as long as it is loaded.
    """

    def __init__(
        self, choice: ModelChoice, load: LoadAny = load_chat, threads: Threads = leave_threads
    ) -> None:
        self.choice = choice
        self._load = load
        self._threads = threads
        self._stack = ExitStack()
        self._loaded: Loaded | None = None
        self._asked: str | None = None

    @property
    def name(self) -> str | None:
        """The model that is loaded, or will be whatever is asked; None where the tracks decide."""
        return self._loaded.name if self._loaded else self.choice.name

    def chosen(self, usual: str | None) -> ModelChoice:
        """Which model does something.

        Args:
            usual: the one to take where nobody chose.
        """
        return replace(self.choice, name=self.choice.name or usual)

    def is_ready(self, usual: str | None) -> bool:
        """Whether the model is loaded; any thread may ask.

        Args:
            usual: see ``chosen``.
        """
        return self._loaded is not None and self._asked == self.chosen(usual).name

    def ready(self, usual: str | None) -> Loaded:
        """The model, loaded.

        Args:
            usual: see ``chosen``.

        Raises:
            ModelError: it is not available, or makes no masks.
            OutOfMemoryError: it does not fit.
        """
        choice = self.chosen(usual)
        placement = choice.placed()
        name = choice.name_on(placement)
        if self._loaded is None or self._loaded.name != name:
            self.close()
            with memory_errors_explained(name, placement, "frames"):
                engine = self._load(choice, placement)
            if not getattr(engine, "has_masks", True):
                raise ModelError(f"{name} has no mask decoder; choose a Sa2VA (--model 1b)")
            workers = self._stack.enter_context(self._threads(engine))
            self._loaded = Loaded(engine, name, placement, workers)
        self._asked = choice.name
        return self._loaded

    def close(self) -> None:
        """Lets the model go."""
        self._loaded = None
        self._stack.close()
