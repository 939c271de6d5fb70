"""What a batch has written down and told."""

import json
from pathlib import Path

from sa2va_cli.batch.summary import read_state


def states(path=Path("out/sa2va-batch.db")):
    """The state of each job of the last run, by its input."""
    return {row.source: row.state for row in read_state(path).rows}


def events(text):
    """The objects of JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]
