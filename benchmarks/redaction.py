"""Does ``sa2va edit --effect fill`` hide what it should, on every frame, or say where it may not have?

    python benchmarks/redaction.py --seeds 2001,2002,2003

Clips of the demo world in which somebody walks out of the picture, comes back, and goes behind somebody else
on both ways; the world knows every true pixel. The demo model finds and follows; its own tracks are edited,
masks grown and held as they are by default. A frame fails where more than 1 % of the true pixels can be seen
and it is not in the list of frames to look at. Target: none does. Where the words have found another thing
than they name, nothing can be said about hiding: such clips are counted apart.
"""

import argparse
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from recording import Cell, Column, add_options, record

from sa2va_cli.bench.job import picture_size
from sa2va_cli.demo.motion import WIDTH
from sa2va_cli.demo.scene import Actor, Scene
from sa2va_cli.demo.world import expressions, scene_seed, write_clip
from sa2va_cli.media.reader import open_source
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.rendering import RenderJob, render
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.render.effects.reading import read_effect
from sa2va_cli.runtime.choice import ModelChoice

FPS = 24
WALKERS = ("girl", "boy", "dog", "cat", "car", "bicycle")
_COMPARED = re.compile(r"\b\w+est\b|\bof\b")
"""Names by comparison are harder to find, which is not what is measured here."""
BLACK = 12
"""Luma of what was filled with black, at most; nothing in the park is as dark."""
EXPOSED = 0.01
"""Share of the true pixels that may be seen."""

ANOTHER = 0.1
"""Mean IoU below which the tracks are those of another thing."""

COLUMNS = (
    Column("seed", "seed"),
    Column("clips", "clips", ".0f"),
    Column("frames", "frames that show it", ".0f"),
    Column("away", "frames without it", ".0f"),
    Column("iou", "IoU of the tracks", ".2f"),
    Column("exposed", "seen on average, %", ".2f"),
    Column("over", "frames > 1 % seen", ".0f"),
    Column("silent", "of these not listed", ".0f"),
    Column("listed", "listed of those that show it, %", ".0f"),
    Column("more", "hidden besides, % of the picture", ".1f"),
    Column("others", "clips of another thing", ".0f"),
)


@dataclass(frozen=True)
class Outcome:
    """What came of one clip.

    Attributes:
        story: the clip.
        frames: that show it.
        away: that do not.
        iou: of the tracks, the mean over those that show it.
        exposed: share of the true pixels that are seen on each of them.
        listed: how many of them are in the list of frames to look at.
        silent: how many show too much and are not.
        more: share of the picture that is hidden besides.
    """

    story: str
    frames: int
    away: int
    iou: float
    exposed: Sequence[float]
    listed: int
    silent: int
    more: float


@dataclass(frozen=True)
class Story:
    """A clip in which somebody leaves and comes back.

    Attributes:
        name: who.
        scene: the clip.
        actor: its number.
        words: that name it, and nobody else.
    """

    name: str
    scene: Scene
    actor: int
    words: str


def stories(seed: int, count: int, frames: int) -> Iterator[Story]:
    """Clips made of the world's own: somebody walks out and back, past somebody who stands nearer."""
    found = 0
    for number in range(1000):
        scene = Scene.sample(scene_seed("clips", seed, number), frames, FPS)
        who = next((one for one in scene.actors if one.kind in WALKERS), None)
        other = next((one for one in scene.actors if who is not None and one.id != who.id), None)
        if who is None or other is None:
            continue
        scene = _walking_out(scene, who, other)
        times, rng = range(frames), np.random.default_rng(seed)
        told = [
            one
            for one in expressions(scene, times, rng, "en")
            if one.actors == (who.id,) and one.text.endswith(who.kind) and not _COMPARED.search(one.text)
        ]
        if not told:
            continue
        yield Story(f"{who.kind}, behind a {other.kind}", scene, who.id, told[0].text)
        found += 1
        if found == count:
            return


def _walking_out(scene: Scene, who: Actor, other: Actor) -> Scene:
    """Sends somebody out of the picture and back, and stands somebody else on the way, nearer."""
    right = who.id % 2 == 0
    begin = 0.3 * WIDTH if right else 0.7 * WIDTH
    end = 1.35 * WIDTH if right else -0.35 * WIDTH
    middle = who.path.middle
    way = replace(who.path, motion="return", x=begin, speed=(end - begin) / middle)
    place = replace(other.path, motion="stand", x=0.5 * (begin + (WIDTH if right else 0)), y=who.path.y + 6)
    moved = {
        who.id: replace(who, motion="return", path=way),
        other.id: replace(other, motion="stand", path=place, depth=who.depth + 1),
    }
    actors = (moved.get(one.id, one) for one in scene.actors)
    return replace(scene, actors=tuple(sorted(actors, key=lambda one: one.depth)))


def truths(story: Story, size: tuple[int, int]) -> list[NDArray[np.bool_]]:
    """(H, W) on each frame, where it is seen."""
    return [story.scene.draw(t, size)[1] == story.actor for t in range(story.scene.frames)]


def found_in(story: Story, folder: Path, size: tuple[int, int]) -> Path:
    """The tracks that the demo model makes of a clip; those of an earlier run are taken as they are."""
    stem = folder / f"{story.scene.seed}"
    tracks = stem.with_suffix(".tracks.sa2va")
    if not tracks.exists():
        clip, _ = write_clip(story.scene, stem, size)
        saving = Saving(
            ("tracks", "mask"), str(folder / "{stem}.{kind}.{ext}"), "overwrite", allow_empty=True
        )
        segment(
            SegmentJob(str(clip), Search(numbered([story.words])), ModelChoice("demo", "cpu", "fp32"), saving)
        )
    return tracks


def hidden(tracks: Path, effect: str) -> tuple[list[NDArray[np.bool_]], set[int]]:
    """(H, W) where each frame was filled, and the frames that are listed."""
    path = tracks.with_name(f"{tracks.name}.mkv")
    saving = Saving(("edit",), str(path), "overwrite", allow_empty=True)
    drawing = Drawing(effects=(read_effect(effect),))
    job = RenderJob(tracks, saving=saving, drawing=drawing, delivery=Delivery(codec="ffv1", container="mkv"))
    result = render(job)
    with open_source(path) as reader:
        filled = [cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY) <= BLACK for frame in reader]
    return filled, {one.index for one in result.remarks if one.what in ("unprotected", "doubtful")}


def measured(story: Story, folder: Path, size: tuple[int, int], effect: str) -> Outcome:
    """Edits a clip and compares it with the truth."""
    tracks = found_in(story, folder, size)
    filled, listed = hidden(tracks, effect)
    with open_source(tracks.with_name(f"{story.scene.seed}.mask.mp4")) as reader:
        masks = [frame.image[..., 0] > 127 for frame in reader]
    true = truths(story, size)
    seen = [t for t, one in enumerate(true) if one.any()]
    exposed = {t: float((true[t] & ~filled[t]).sum() / true[t].sum()) for t in seen}
    ious = [float((true[t] & masks[t]).sum() / (true[t] | masks[t]).sum()) for t in seen]
    silent = [t for t in seen if exposed[t] > EXPOSED and t not in listed]
    for t in silent:
        print(
            f"  {story.words!r}, frame {t}: {exposed[t]:.1%} of {true[t].sum()} pixels seen, "
            f"IoU {ious[seen.index(t)]:.2f}"
        )
    return Outcome(
        f"{story.name} ({story.words})",
        len(seen),
        len(true) - len(seen),
        float(np.mean(ious)),
        list(exposed.values()),
        len(listed & set(seen)),
        len(silent),
        float(np.mean([(f & ~t).mean() for f, t in zip(filled, true, strict=True)])),
    )


def row(seed: int, outcomes: Sequence[Outcome]) -> dict[str, Cell]:
    """What came of all clips of a seed."""
    told = [one for one in outcomes if one.iou >= ANOTHER]
    exposed = [share for one in told for share in one.exposed]
    frames = max(1, sum(one.frames for one in told))
    return {
        "seed": str(seed),
        "clips": len(told),
        "frames": frames,
        "away": sum(one.away for one in told),
        "iou": sum(one.iou * one.frames for one in told) / frames,
        "exposed": 100 * sum(exposed) / frames,
        "over": sum(share > EXPOSED for share in exposed),
        "silent": sum(one.silent for one in told),
        "listed": 100 * sum(one.listed for one in told) / frames,
        "more": 100 * sum(one.more for one in told) / max(1, len(told)),
        "others": len(outcomes) - len(told),
    }


def _line(one: Outcome) -> str:
    return (
        f"{one.story}: {one.frames} frames, IoU {one.iou:.2f}, at worst {max(one.exposed):.1%} seen, "
        f"{one.listed} listed, {one.silent} silent, {one.more:.1%} of the picture hidden besides"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and returns how many frames show too much without being listed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", default="2001", metavar="N,N", help="of the clips")
    parser.add_argument("--clips", type=int, default=5, help="of each seed")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", default="640x360", metavar="WxH")
    parser.add_argument("--effect", default="fill", help="as for sa2va edit; black")
    parser.add_argument(
        "--folder", type=Path, help="keep clips and tracks here, and take those that are there"
    )
    parser.add_argument("--quick", action="store_true", help="one small clip of a few frames")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.frames, options.size = 1, 8, "160x90"
    size = picture_size(options.size)
    rows = []
    with tempfile.TemporaryDirectory() as own:
        folder = options.folder or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        for seed in (int(one) for one in options.seeds.split(",")):
            outcomes = []
            for story in stories(seed, options.clips, options.frames):
                outcomes.append(measured(story, folder, size, options.effect))
                print(_line(outcomes[-1]), flush=True)
            rows.append(row(seed, outcomes))
    record(options, __file__, arguments, COLUMNS, rows)
    silent, frames = (sum(int(str(row[name])) for row in rows) for name in ("silent", "frames"))
    print(f"ratio {silent / max(frames, 1):.4f} of {frames} frames show more than 1 % and are not listed")
    return silent


if __name__ == "__main__":
    main()
