"""Clips of the demo world: ``NAME.mp4`` with ``NAME.json``, as ``sa2va_cli.demo.world`` writes them."""

from collections.abc import Sequence
from pathlib import Path

from sa2va_cli.training.datasets.entries import Problems, list_in, mapping_in, read_json
from sa2va_cli.training.datasets.masks import RunLengths
from sa2va_cli.training.datasets.sample import Dataset, ReferringSample, VideoFrames

NAME = "park"
_KEYS = {"expressions", "actors", "size"}


def recognised(path: Path) -> bool:
    """Whether it is such a JSON file, or a folder with some."""
    return bool(_files(path))


def _files(path: Path) -> Sequence[Path]:
    candidates = sorted(path.glob("*.json")) if path.is_dir() else [path]
    documents = [one for one in candidates if one.suffix == ".json" and one.is_file()]
    return [one for one in documents if isinstance(read := read_json(one), dict) and set(read) >= _KEYS]


def read(path: Path, split: str | None) -> Dataset:
    """Reads all clips.

    Raises:
        InputError: a file is missing, or is something else.
    """
    problems, samples = Problems(), []
    for file in _files(path):
        document = read_json(file)
        actors = mapping_in(file, document, "actors")
        count = max((len(list_in(file, actors, one)) for one in actors), default=0)
        frames = VideoFrames(file.with_suffix(".mp4"), range(count))
        where = f"{file.name}: expressions"
        for place, index, entry in problems.entries(where, list_in(file, document, "expressions")):
            with problems.guarded(place):
                sentence = problems.text(place, entry.get("text"))
                missing = [one for one in entry.get("actors", []) if str(one) not in actors]
                for one in missing:
                    problems.add(place, f"there is no actor {one}")
                if sentence and not missing:
                    objects = tuple(RunLengths(actors[str(one)]) for one in entry.get("actors", []))
                    kind = str(entry.get("kind", ""))
                    samples.append(
                        ReferringSample(
                            file.stem,
                            str(index),
                            sentence,
                            frames,
                            objects,
                            place,
                            kind,
                            split or "",
                            named=str(entry.get("name", "")),
                        )
                    )
    return Dataset(NAME, path, samples, problems.found)
