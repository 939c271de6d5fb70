"""Shows a folder in the file manager of this computer. Knows nothing about what lies in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Show = Callable[[Path], None]
"""Opens a window with a folder."""


def file_manager() -> Show | None:
    """What shows folders on this computer; None where nothing would be seen."""
    if sys.platform == "win32":
        return os.startfile
    name = "open" if sys.platform == "darwin" else "xdg-open"
    has_screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    program = shutil.which(name) if has_screen else None
    if program is None:
        return None

    def show(folder: Path) -> None:
        subprocess.Popen(  # noqa: S603  (a folder that a job wrote into, as one argument)
            [program, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    return show
