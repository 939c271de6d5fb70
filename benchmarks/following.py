"""Ways of following what words have found on clips of the demo world: J&F, and processor time of a frame.

The ways are the model's own SAM 2; the same weights as a follower, which is given masks instead of words; and
the own one on every second and fourth frame, with optical flow between. Each clip is followed in every way by
one process.

    python benchmarks/following.py --record following
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as rle
from recording import Cell, Column, add_clip_options, record
from transformers import Sam2VideoModel

from sa2va_cli.datatypes import AnySegmenter, FrameMasks
from sa2va_cli.demo.scene import Scene
from sa2va_cli.demo.world import scene_seed, write_clip
from sa2va_cli.evaluation.davis import boundary_f, jaccard
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.streaming import stream
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter

OBJECTS = 3
SCORED_EVERY = 3
"""Frames of which one is scored; it has nothing in common with 2 and 4."""

OWN = "own"
WAYS: dict[str, tuple[bool, int]] = {
    OWN: (False, 1),
    "own weights as `--follower`": (True, 1),
    "`--follow-every 2`": (False, 2),
    "`--follow-every 4`": (False, 4),
}
"""Whether a follower follows, and every how many-th frame."""

COLUMNS = (
    Column("way", "followed by"),
    Column("objects", "objects", "d"),
    Column("j_and_f", "J&F", ".3f"),
    Column("lost", "J&F less than own", ".3f"),
    Column("milliseconds", "a frame of a whole run, ms", ".0f"),
    Column("gain", "times as fast as own", ".2f"),
)


@dataclass
class Outcome:
    """What one way came to.

    Attributes:
        scores: J&F of each object, over its clip.
        seconds: processor time of following.
        frames: how many were followed.
    """

    scores: list[float] = field(default_factory=list)
    seconds: float = 0.0
    frames: int = 0

    @property
    def frame(self) -> float:
        """Seconds of a frame."""
        return self.seconds / self.frames


def save_as_follower(segmenter: Any, folder: Path) -> Path:
    """Writes a network's own SAM 2 as transformers saves one."""
    layers = segmenter.network.sam2.layers
    stock = Sam2VideoModel(layers.config)
    stock.load_state_dict(layers.state_dict())
    stock.save_pretrained(folder)
    return folder


def asked(notes: Mapping[str, Any]) -> dict[int, str]:
    """A few actors of a clip with words for each that mean it alone."""
    named = {
        one["actors"][0]: one["text"]
        for one in reversed(notes["expressions"])
        if one["language"] == "en" and len(one["actors"]) == 1 and one["kind"] in {"kind", "colour"}
    }
    return dict(list(named.items())[:OBJECTS])


def follow(segmenter: AnySegmenter, video: Path, search: Search, truth: NDArray[np.bool_]) -> Outcome:
    """Follows one clip in one way; truth is (N, T, H, W), of the search's prompts."""
    found, outcome = [], Outcome()
    began = time.process_time()
    with closing(stream(segmenter, str(video), search)) as results:
        for masks in results:
            outcome.frames += 1
            if masks.frame.index % SCORED_EVERY == 0:
                found.append(_by_prompt(masks, search))
    outcome.seconds = time.process_time() - began
    wanted = truth[:, ::SCORED_EVERY]
    for one, other in zip(np.stack(found, axis=1), wanted, strict=True):
        values = [(jaccard(*pair) + boundary_f(*pair)) / 2 for pair in zip(one, other, strict=True)]
        outcome.scores.append(float(np.mean(values)))
    return outcome


def _by_prompt(masks: FrameMasks, search: Search) -> NDArray[np.bool_]:
    height, width = masks.frame.image.shape[:2]
    found = np.zeros((len(search.prompts), height, width), np.bool_)
    for thing, mask in zip(masks.objects, masks.masks, strict=True):
        found[[one.id for one in search.prompts].index(thing.prompt.id)] |= mask
    return found


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Cell]]:
    """Runs, prints, and returns the rows of the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_clip_options(parser, clips=6, seed=5000, frames=36, length="of a clip")
    options = parser.parse_args(arguments)
    clips, frames = (1, 7) if options.quick else (options.clips, options.frames)
    torch.set_num_threads(1)
    choice = ModelChoice(options.model, device="cpu")
    own = load_segmenter(choice, choice.placed())
    outcomes = {way: Outcome() for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        choice = replace(choice, follower=str(save_as_follower(own, Path(folder) / "follower")))
        handed_over = load_segmenter(choice, choice.placed())
        for number in range(clips):
            scene = Scene.sample(scene_seed("clips", options.seed, number), frames)
            video, notes = write_clip(scene, Path(folder) / "clip")
            told = json.loads(notes.read_text(encoding="utf-8"))
            if not (names := asked(told)):
                continue
            truth = [np.stack([rle.decode(one) for one in told["actors"][str(actor)]]) for actor in names]
            for way, (with_follower, every) in WAYS.items():
                search = Search(numbered(list(names.values())), reground="off", follow_every=every)
                used = handed_over if with_follower else own
                one = follow(used, video, search, np.stack(truth).astype(bool))
                outcomes[way].scores += one.scores
                outcomes[way].seconds += one.seconds
                outcomes[way].frames += one.frames
            print(
                number,
                {way: round(float(np.mean(one.scores)), 3) for way, one in outcomes.items()},
                flush=True,
            )
    rows = [_row(way, one, outcomes[OWN]) for way, one in outcomes.items()]
    print("ratio " + "; ".join(f"{row['way']} {row['j_and_f']:.3f}, {row['gain']:.2f}x" for row in rows))
    notes_of = f"{clips} clips of {frames} frames, every third scored, one thread, processor time"
    record(options, __file__, arguments, COLUMNS, rows, notes=notes_of)
    return rows


def _row(way: str, one: Outcome, own: Outcome) -> dict[str, Cell]:
    score = float(np.mean(one.scores))
    return {
        "way": way,
        "objects": len(one.scores),
        "j_and_f": score,
        "lost": float(np.mean(own.scores)) - score,
        "milliseconds": 1000 * one.frame,
        "gain": own.frame / one.frame,
    }


if __name__ == "__main__":
    main()
