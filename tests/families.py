"""The reference checkpoints of every family, and what the official code answered on them."""

import atexit
import json
import lzma
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import load_chat

Engine = TypeVar("Engine")

REFERENCE = Path(__file__).parent / "reference"
FAMILIES = (
    "internvl-qwen2",
    "internvl-internlm2",
    "internvl-internlm2-vit6b",
    "qwen2_5_vl",
    "qwen3_vl",
    "sa2va-i-internvl-qwen2",
)
LANGUAGES = ("internvl-qwen2", "internvl-internlm2", "qwen2_5_vl", "qwen3_vl")
"""A family for each language model; the others read and write with the first or second of them."""


@cache
def checkpoint(family: str) -> Path:
    """A published checkpoint folder; packed weights are unpacked once in a run."""
    source = REFERENCE / family
    packed = sorted(source.glob("*.xz"))
    if not packed:
        return source
    folder = _scratch() / family
    folder.mkdir()
    for path in source.iterdir():
        if path in packed:
            (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copyfile(path, folder / path.name)
    return folder


def once(load: Callable[[ModelChoice, Placement], Engine]) -> Callable[[ModelChoice, Placement], Engine]:
    """Loads what is chosen in the same way only once: a model remembers nothing of a run."""
    made: dict[str, Engine] = {}

    def loaded(choice: ModelChoice, placement: Placement) -> Engine:
        chosen = repr((choice, placement))
        if chosen not in made:
            made[chosen] = load(choice, placement)
        return made[chosen]

    return loaded


@cache
def demo() -> Any:
    """The bundled model on the processor, loaded once: it segments, and can be talked to."""
    choice = ModelChoice("demo", device="cpu")
    return load_chat(choice, choice.placed())


@cache
def cases(family: str) -> dict[str, dict[str, Any]]:
    """What was asked and answered, by the case's name."""
    text = (REFERENCE / "golden" / family / "cases.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="sa2va-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
