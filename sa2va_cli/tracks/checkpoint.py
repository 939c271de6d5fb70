"""A checkpoint: what a run that was killed goes on from, in a file beside its log.

It is a file of its own, so that the log of a run that kept checkpoints is that of one that did not, byte for
byte. Each one takes the place of the last in one step. Knows nothing about what is in the memory.
"""

import json
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

from sa2va_cli.staging import discard, output_errors, staged
from sa2va_cli.tracks.records import Record, packed, read_records

MAGIC = b"sa2va checkpoint\n\x1a\x00\x01"
_FACTS, _MEMORY, _MOTION = 1, 2, 3


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after some frame.

    Attributes:
        frames: how many the log holds.
        last: ``Frame.index`` of the last one.
        size: bytes of the log up to there.
        memory: of the tracker, frozen.
        motion: what the check of motion remembers, frozen.
    """

    frames: int
    last: int
    size: int
    memory: bytes = field(repr=False)
    motion: bytes = field(repr=False)

    def write(self, path: Path) -> None:
        """Puts it in the place of the last one, which stays if that fails.

        Raises:
            OutputError: it cannot be written.
        """
        facts = json.dumps({"frames": self.frames, "last": self.last, "size": self.size}).encode()
        parts = packed(_FACTS, facts), packed(_MEMORY, self.memory), packed(_MOTION, self.motion)
        hidden = staged(path)
        try:
            with output_errors(path):
                with hidden.open("xb") as file:
                    file.write(b"".join((MAGIC, *parts)))
                    file.flush()
                    os.fsync(file.fileno())
                hidden.replace(path)
        except BaseException:
            discard(hidden)
            raise

    @classmethod
    def read(cls, path: Path) -> "Checkpoint | None":
        """Reads the one at a place; None where there is none, or a damaged one."""
        try:
            with path.open("rb") as file:
                if file.read(len(MAGIC)) != MAGIC:
                    return None
                records = list(read_records(file))
            found = {record.kind: record.payload for record in records if isinstance(record, Record)}
            facts = json.loads(found[_FACTS])
            frames, last, size = (int(facts[name]) for name in ("frames", "last", "size"))
            return cls(frames, last, size, found[_MEMORY], found[_MOTION])
        except (OSError, KeyError, TypeError, ValueError, struct.error):
            return None
