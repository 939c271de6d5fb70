"""Name a thing in a sentence, get its mask on every frame.

In Python::

    from sa2va_cli import Sa2VA

    model = Sa2VA.load("demo")
    for result in model.segment("park.mp4", "girl in red dress"):
        print(result.frame.index, result.masks.shape)

Every name below is loaded when it is first asked for, so that importing the package stays instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sa2va_cli.version import VERSION

if TYPE_CHECKING:
    from sa2va_cli.api import Sa2VA
    from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Prompt
    from sa2va_cli.errors import (
        BatchError,
        ExistsError,
        InputError,
        LookAtTheseError,
        ModelError,
        NothingFoundError,
        OutOfMemoryError,
        OutputError,
        Sa2VAError,
        UsageError,
    )
    from sa2va_cli.outputs.delivery import Delivery
    from sa2va_cli.outputs.saving import Saving
    from sa2va_cli.pipeline.job import SegmentJob
    from sa2va_cli.pipeline.result import SegmentResult
    from sa2va_cli.pipeline.search import Search
    from sa2va_cli.runtime.choice import ModelChoice

__version__ = VERSION
__all__ = [
    "BatchError",
    "Delivery",
    "Dialogue",
    "ExistsError",
    "FoundObject",
    "Frame",
    "FrameMasks",
    "InputError",
    "LookAtTheseError",
    "Mention",
    "ModelChoice",
    "ModelError",
    "NothingFoundError",
    "OutOfMemoryError",
    "OutputError",
    "Prompt",
    "Reply",
    "Sa2VA",
    "Sa2VAError",
    "Saving",
    "Search",
    "SegmentJob",
    "SegmentResult",
    "UsageError",
    "__version__",
]

_HOMES = {
    "sa2va_cli.api": ("Dialogue", "Sa2VA"),
    "sa2va_cli.conversation": ("Mention", "Reply"),
    "sa2va_cli.datatypes": ("FoundObject", "Frame", "FrameMasks", "Prompt"),
    "sa2va_cli.errors": (
        "BatchError",
        "ExistsError",
        "InputError",
        "LookAtTheseError",
        "ModelError",
        "NothingFoundError",
        "OutOfMemoryError",
        "OutputError",
        "Sa2VAError",
        "UsageError",
    ),
    "sa2va_cli.outputs.delivery": ("Delivery",),
    "sa2va_cli.outputs.saving": ("Saving",),
    "sa2va_cli.pipeline.job": ("SegmentJob",),
    "sa2va_cli.pipeline.result": ("SegmentResult",),
    "sa2va_cli.pipeline.search": ("Search",),
    "sa2va_cli.runtime.choice": ("ModelChoice",),
}
"""Which module has which of the names."""


def __getattr__(name: str) -> Any:
    """Loads a name when it is first asked for."""
    for module, names in _HOMES.items():
        if name in names:
            found = getattr(import_module(module), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, those that are not loaded yet included."""
    return sorted({*globals(), *__all__})
