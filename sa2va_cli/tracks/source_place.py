"""Where the source of a log is now: files may have been moved since, alone or together with their tracks.

Knows names of files, and nothing of what is in them.
"""

import os
from pathlib import Path


def source_place(tracks: Path, named: str) -> str:
    """Finds the source of a log.

    Args:
        tracks: the log.
        named: the source as the log names it.

    Returns:
        What is named, seen from here or else from beside the log, or else what is called so beside it; the
        name as it is where there is none of these.
    """
    beside = tracks.parent / named, tracks.parent / Path(named).name
    return next((str(place) for place in (named, *beside) if os.path.exists(place)), named)  # noqa: PTH110
