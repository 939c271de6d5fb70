"""Name a thing in a sentence, get its mask on every frame.

In Python::

    from sa2va_cli import Sa2VA

    model = Sa2VA.load("demo")
    for result in model.segment("park.mp4", "girl in red dress"):
        print(result.frame.index, result.masks.shape)
"""

from typing import TYPE_CHECKING, Any

from sa2va_cli.version import VERSION

if TYPE_CHECKING:
    from sa2va_cli.api import Sa2VA

__all__ = ["Sa2VA", "__version__"]
__version__ = VERSION


def __getattr__(name: str) -> Any:
    """Loads ``Sa2VA`` when it is first asked for, so that importing the package stays instant."""
    if name == "Sa2VA":
        from sa2va_cli.api import Sa2VA

        return Sa2VA
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
