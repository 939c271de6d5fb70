"""What a command gets from ``main``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sa2va_cli.commands.console import Console

if TYPE_CHECKING:
    from sa2va_cli.configuration import Configuration
    from sa2va_cli.runtime.loading import Load


class Interrupted(BaseException):
    """Someone wants the program to end; not an ``Exception``, so that nothing takes it for a failure."""


@dataclass
class Session:
    """One run of the program.

    Attributes:
        load: makes the segmenter; None for the real one.
        arguments: of the command line.
        console: replaced once the options that silence or loosen it are known.
        configuration: what the configuration file says, once it is read.
        typed: the long names of options that stand on the command line, once it is read.
    """

    load: "Load | None" = None
    arguments: Sequence[str] = ()
    console: Console = field(default_factory=Console)
    configuration: "Configuration | None" = None
    typed: frozenset[str] = frozenset()
