"""What keyframes should show so that masks stay steady there: variants side by side, in the demo world.

Every frame of a clip is encoded once; what differs between variants is what is shown on keyframes, and what
is remembered of them. J and F are those of DAVIS; jumps are those of ``sa2va_cli.evaluation.steadiness``.

    python benchmarks/steadiness.py --clips 20 --workers 2
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as rle
from recording import Cell, Column, add_options, record

from sa2va_cli.datatypes import Frame, FrameMasks
from sa2va_cli.demo.world import Scene, scene_seed, write_clip
from sa2va_cli.evaluation.davis import j_and_f, jaccard
from sa2va_cli.evaluation.steadiness import Jumps, Masks, Steadiness, steady_places
from sa2va_cli.events import no_report
from sa2va_cli.model.sam2_maps import DecodedMasks, ImageFeatures
from sa2va_cli.model.tracker import Tracker, TrackerMemory
from sa2va_cli.pipeline.keyframes import keyframe_indices
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.pipeline.search import Search
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import load_segmenter

OBJECTS = 3
"""At most so many are followed in a clip."""

FOUND = 0.5
"""J from which an object counts as found on a frame, by the official variant."""

OFFICIAL = "as decoded (official)"

Shown = list[DecodedMasks]

COLUMNS = (
    Column("shown", "shown on keyframes"),
    Column("area", "area, %", ".2f"),
    Column("area_around", "around, %", ".2f"),
    Column("area_ratio", "ratio", ".2f"),
    Column("area_mean_ratio", "of means", ".2f"),
    Column("boundary", "boundary, px", ".2f"),
    Column("boundary_around", "around, px", ".2f"),
    Column("boundary_ratio", "ratio", ".2f"),
    Column("boundary_mean_ratio", "of means", ".2f"),
    Column("start_ratio", "first step, ratio", ".2f"),
    Column("j_and_f", "J&F", ".4f"),
    Column("j_and_f_change", "change", "+.4f"),
    Column("j_and_f_error", "standard error", ".4f"),
    Column("j_and_f_keyframes", "on keyframes", ".4f"),
)


@dataclass(frozen=True, eq=False)
class Conditioned:
    """A clip whose keyframes were decoded.

    Attributes:
        tracker: of the network.
        features: of every frame.
        memory: what the keyframes left, with what was decoded on each.
        queries: (N, C).
    """

    tracker: Tracker
    features: Sequence[ImageFeatures]
    memory: TrackerMemory
    queries: torch.Tensor

    def tracked(
        self, shown: Mapping[int, DecodedMasks], before: dict[int, TrackerMemory] | None = None
    ) -> Shown:
        """Tracks all frames but those of which it is known what is shown.

        Args:
            shown: by frame index.
            before: takes what is remembered before each keyframe.
        """
        memory, found = self.memory, []
        for index, features in enumerate(self.features):
            if before is not None and index in memory.decoded:
                before[index] = memory
            decoded = shown.get(index)
            if decoded is None:
                decoded, memory = self.tracker.step(index, features, memory)
            found.append(decoded)
        return found

    def tracked_and_forgotten(self) -> Shown:
        """Tracks all frames; what is tracked on keyframes is not remembered."""
        memory, found = self.memory, []
        for index, features in enumerate(self.features):
            decoded, after = self.tracker.step(index, features, memory)
            memory = replace(after, recent=memory.recent) if index in memory.decoded else after
            found.append(decoded)
        return found

    def without_own_memory(self) -> Shown:
        """Tracks all frames; a keyframe does not look at its own conditioning memory."""
        memory, found = self.memory, []
        for index, features in enumerate(self.features):
            seen = memory
            if index in memory.decoded:
                others = tuple(one for one in memory.conditioning if one.index != index)
                seen = replace(memory, conditioning=others, laid_out=None)
            decoded, after = self.tracker.step(index, features, seen)
            memory = replace(memory, recent=after.recent)
            found.append(decoded)
        return found

    def with_query(self, shown: Shown, before: Mapping[int, TrackerMemory]) -> Shown:
        """Decodes keyframes from what they see in the memory and from the language query, both."""
        found = list(shown)
        for index, memory in before.items():
            features = self.features[index]
            conditioned = self.tracker.look_back(index, features, memory)
            objects = features.expand(self.memory.objects)
            found[index] = self.tracker.sam2.decode(objects, conditioned, self.queries)
        return found

    def blended(self, shown: Shown, share: float) -> Shown:
        """Mixes the logits on keyframes with those that were decoded directly."""
        found = list(shown)
        for index, decoded in self.memory.decoded.items():
            one = shown[index]
            logits = share * decoded.logits + (1 - share) * one.logits
            found[index] = replace(one, candidates=logits[:, None], best=torch.zeros_like(one.best))
        return found

    def variants(self) -> dict[str, Callable[[], Shown]]:
        """What may be shown on keyframes, by name; the first is the official way, the second is ours."""
        decoded = self.memory.decoded
        before: dict[int, TrackerMemory] = {}
        ours = self.tracked({}, before)
        return {
            OFFICIAL: lambda: self.tracked(decoded),
            "tracked (ours)": lambda: ours,
            "tracked, but the first frame as decoded": lambda: self.tracked({0: decoded[0]}),
            "tracked, not remembered": self.tracked_and_forgotten,
            "tracked, without its own memory": self.without_own_memory,
            "decoded with memory and query": lambda: self.with_query(ours, before),
            "a quarter as decoded, the rest tracked": lambda: self.blended(ours, 0.25),
            "half as decoded, half tracked": lambda: self.blended(ours, 0.5),
        }


@dataclass(frozen=True)
class Outcome:
    """What one variant comes to on one clip.

    Attributes:
        places: keyframes of steady objects.
        starts: see ``start``, of the same objects.
        j_and_f: of every object, over the clip.
        j_and_f_keyframes: of every object, over the keyframes.
    """

    places: tuple[Steadiness, ...]
    starts: tuple[tuple[float, float], ...]
    j_and_f: tuple[float, ...]
    j_and_f_keyframes: tuple[float, ...]


def conditioned(seed: int, clip: int, count: int) -> tuple[Conditioned, list[Frame], Masks] | None:
    """Draws a clip, asks for a few of its actors, and conditions on what the answers point at.

    Args:
        seed: of the set of clips.
        clip: which of them.
        count: frames of it.

    Returns:
        also the frames and (N, T, H, W) the truth; None where there is nobody to ask for, or nobody is found.
    """
    segmenter = load_segmenter(ModelChoice("demo"), ModelChoice("demo").placed())
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene.sample(scene_seed("clips", seed, clip), count)
        video, notes = write_clip(scene, Path(folder) / "clip")
        told = json.loads(notes.read_text(encoding="utf-8"))
        asked = {
            one["actors"][0]: one["text"]
            for one in reversed(told["expressions"])
            if one["language"] == "en" and len(one["actors"]) == 1 and one["kind"] in {"kind", "colour"}
        }
        asked = dict(list(asked.items())[:OBJECTS])
        if not asked:
            return None
        search = Search(numbered(list(asked.values())))
        with opened(str(video), search, no_report) as reader:
            frames = list(reader)
    queries, actors = [], []
    keyframes = keyframe_indices(len(frames), search)
    with segmenter.open() as session:
        view = session.look([frames[k].image for k in keyframes])
        for actor, text in asked.items():
            grounding, view = session.ground(view, question(text, verbatim=False))
            if len(grounding) == 1:
                queries.append(grounding.queries)
                actors.append(actor)
    if not actors:
        return None
    tracker = segmenter.tracker
    features = [tracker.sam2.encode(segmenter.pixels([one.image], still=False)) for one in frames]
    joined = torch.cat(queries).to(tracker.sam2.dtype)
    memory = tracker.condition([(k, features[k]) for k in keyframes], joined)
    truth = np.stack([np.stack([rle.decode(m) for m in told["actors"][str(a)]]) for a in actors])
    return Conditioned(tracker, features, memory, joined), frames, truth.astype(bool)


@torch.inference_mode()
def measure(seed: int, clip: int, count: int, every: int) -> dict[str, Outcome]:
    """Follows one clip in all ways.

    Args:
        seed: see ``conditioned``.
        clip: likewise.
        count: likewise.
        every: scores J and F on every how many-th frame, and on keyframes.

    Returns:
        By the names of the variants, and of the truth first.
    """
    torch.set_num_threads(1)
    made = conditioned(seed, clip, count)
    if made is None:
        return {}
    following, frames, truth = made
    keyframes, outcomes = sorted(following.memory.decoded), {}
    places: list[dict[int, tuple[int, ...]]] = []
    for name, shown in following.variants().items():
        masks = np.stack([_masks(*one) for one in zip(frames, shown(), strict=True)], axis=1)
        if not places:
            for found, wanted in zip(masks, truth, strict=True):
                agreed = [jaccard(*pair) >= FOUND for pair in zip(found, wanted, strict=True)]
                places.append(steady_places(wanted, np.array(agreed), keyframes))
            outcomes["the truth"] = Outcome(_compared(truth, places), (), (), ())
        others = sorted({*range(0, count, every)} - {*keyframes})
        there, elsewhere = (_mean_scores(masks[:, t], truth[:, t]) for t in (keyframes, others))
        # Keyframes are scored more often than others, so each kind counts by how many frames it has.
        share = len(keyframes) / count
        whole = share * there + (1 - share) * elsewhere
        steady = [pair for *pair, found in zip(masks, truth, places, strict=True) if found]
        starts = tuple(start(found, wanted) for found, wanted in steady)
        outcomes[name] = Outcome(_compared(masks, places), starts, tuple(whole), tuple(there))
    return outcomes


def start(found: Masks, wanted: Masks) -> tuple[float, float]:
    """How much the error of the area changes from the first frame to the second, and to each after it.

    Args:
        found: (T, H, W) bool.
        wanted: (T, H, W) bool, the truth.

    Returns:
        Both as parts of the true area; the second is the mean over the steps to frames 3 to 8.
    """
    error = (found.sum(axis=(1, 2)) - wanted.sum(axis=(1, 2)).astype(float)) / max(wanted[0].sum(), 1)
    steps = np.abs(np.diff(error[:9]))
    return float(steps[0]), float(steps[2:].mean())


def _masks(frame: Frame, decoded: DecodedMasks) -> Masks:
    logits = decoded.logits.float().cpu().numpy()
    return FrameMasks(frame, logits, np.ones(len(logits), np.float32)).masks


def _compared(masks: Masks, places: Sequence[Mapping[int, Sequence[int]]]) -> tuple[Steadiness, ...]:
    found: list[Steadiness] = []
    for one, steady in zip(masks, places, strict=True):
        jumps = Jumps.of(one)
        found += [jumps.at(keyframe, around) for keyframe, around in steady.items()]
    return tuple(found)


def _mean_scores(masks: Masks, truth: Masks) -> NDArray[np.float64]:
    """(N,) mean J&F of masks (N, T, H, W)."""
    return np.array([j_and_f(found, wanted) for found, wanted in zip(masks, truth, strict=True)])


def rows(outcomes: Sequence[Mapping[str, Outcome]]) -> list[dict[str, Cell]]:
    """One row for each variant: medians and means over keyframes of steady objects, means of J and F."""
    found: list[dict[str, Cell]] = []
    for name in next(iter(outcomes), {}):
        places = [one for clip in outcomes for one in clip[name].places]
        row: dict[str, Cell] = {"shown": name}
        for what, scale in (("area", 100.0), ("boundary", 1.0)):
            there, around = (
                scale * np.array([getattr(one, part) for one in places]) for part in (what, f"{what}_around")
            )
            row[what] = float(np.median(there)) if places else None
            row[f"{what}_around"] = float(np.median(around)) if places else None
            row[f"{what}_ratio"] = float(np.median(there) / np.median(around)) if places else None
            row[f"{what}_mean_ratio"] = float(there.mean() / around.mean()) if places else None
        starts = np.array([one for clip in outcomes for one in clip[name].starts])
        row["start_ratio"] = float(np.divide(*np.median(starts, axis=0))) if len(starts) else None
        for what in ("j_and_f", "j_and_f_keyframes"):
            scores = [score for clip in outcomes for score in getattr(clip[name], what)]
            row[what] = float(np.mean(scores)) if scores else None
        change = [
            ours - official
            for clip in outcomes
            for ours, official in zip(clip[name].j_and_f, clip[OFFICIAL].j_and_f, strict=False)
        ]
        row["j_and_f_change"] = float(np.mean(change)) if change else None
        row["j_and_f_error"] = float(np.std(change) / len(change) ** 0.5) if change else None
        found.append(row)
    return found


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Cell]]:
    """Measures, prints, and returns the rows of the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=49, help="in a clip")
    parser.add_argument("--seed", type=int, default=1000, help="of the clips; training never sees them")
    parser.add_argument("--every", type=int, default=4, help="score every how many-th frame")
    parser.add_argument("--workers", type=int, default=1, help="how many clips at a time")
    parser.add_argument("--quick", action="store_true", help="one short clip")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.frames, options.every, options.workers = 1, 21, 7, 1
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        pending = [
            pool.submit(measure, options.seed, clip, options.frames, options.every)
            for clip in range(options.clips)
        ]
        outcomes = []
        for number, one in enumerate(pending, 1):
            outcomes.append(one.result())
            print(f"clip {number}/{options.clips}", file=sys.stderr)
    outcomes = [one for one in outcomes if one]
    found = rows(outcomes)
    places = sum(len(one["the truth"].places) for one in outcomes)
    notes = f"bf16; medians, and ratios of means, over {places} keyframes of steady objects"
    record(options, __file__, arguments, COLUMNS, found, notes=notes)
    for row in found:
        print(row)
    print(f"ratio area {found[1]['area_ratio']} and {found[2]['area_ratio']}")
    return found


if __name__ == "__main__":
    main()
