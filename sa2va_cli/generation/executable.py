"""Any program as a back-end: it gets a folder of PNGs and makes another.

``PROGRAM FOLDER`` is called with ``FOLDER/frames/00000.png ...``, ``FOLDER/masks/00000.png ...`` (white where
something new is to be made) and ``FOLDER/prompt.txt``, and must write ``FOLDER/out/00000.png ...``, one for
each frame, of the same size.
"""

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import ModelError, UsageError
from sa2va_cli.generation.backend import Rule

_MOST_OUTPUT = 200
"""Letters of what a program that failed has said that are told."""


@dataclass(frozen=True)
class Executable:
    """A program.

    Attributes:
        words: the program and its arguments; the folder comes behind them.
    """

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        return self.words[0]

    @property
    def rule(self) -> Rule:
        """It gets the whole clip as it is."""
        return Rule()

    def make(self, frames: Sequence[RGB], masks: Sequence[NDArray[np.bool_]], prompt: str) -> Sequence[RGB]:
        """Runs the program.

        Raises:
            ModelError: it fails, or leaves other pictures than it should.
        """
        with tempfile.TemporaryDirectory(prefix="sa2va-backend-") as name:
            folder = Path(name)
            for part in ("frames", "masks", "out"):
                (folder / part).mkdir()
            for number, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
                Image.fromarray(frame).save(folder / "frames" / f"{number:05d}.png")
                Image.fromarray(mask.view(np.uint8) * np.uint8(255)).save(
                    folder / "masks" / f"{number:05d}.png"
                )
            (folder / "prompt.txt").write_text(prompt + "\n", encoding="utf-8")
            self._run(folder)
            return [self._read(path) for path in sorted((folder / "out").glob("*.png"))]

    def _run(self, folder: Path) -> None:
        try:
            done = subprocess.run(  # noqa: S603  (the user's own program)
                [*self.words, str(folder)], capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            raise ModelError(f"--backend {self.name}: {error.strerror or error}") from error
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[-_MOST_OUTPUT:]
            raise ModelError(
                f"--backend {self.name} failed with exit code {done.returncode}{f': {said}' if said else ''}"
            )

    def _read(self, path: Path) -> RGB:
        try:
            with Image.open(path) as image:
                return np.array(image.convert("RGB"))
        except (OSError, UnidentifiedImageError) as error:
            raise ModelError(f"--backend {self.name}: {path.name} is no picture ({error})") from error


def executable(given: str) -> Executable | None:
    """A program by what was given; None where it is none.

    Raises:
        UsageError: its quotation marks do not match.
    """
    try:
        words = shlex.split(given)
    except ValueError as error:
        raise UsageError(f"--backend {given!r}: {error}") from error
    found = shutil.which(words[0]) if words else None
    return None if found is None else Executable((str(Path(found).absolute()), *words[1:]))
