"""Effects of ``sa2va edit``: what ``remove`` restores, whether painted styles swim, and what effects cost.

    python benchmarks/effects.py                      # about ten minutes
    python benchmarks/effects.py --only remove        # or steady, or speed

1. ``remove`` on clips of the demo world whose camera moves and whose actor walks, flies or drives: the world
   is drawn again without the actor, so the truth is known. PSNR and SSIM inside the hole, against inpainting
   frame by frame (Telea) and against doing nothing, and the warping error there, along the flow of the truth;
   masks are the true ones. Target: 6 dB above inpainting.
2. Warping error of painted styles: the next frame brought back along the flow of the pictures without
   grain, inside the thing, as a ratio of the source's own with a camera's grain. Target: at most 1.3.
3. Processor time of an edit at 1080p, by that of the same run without an effect: decoding, reading the log,
   encoding. Targets: at most 1.5 for colours and hiding, 4 for painted styles.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from media_path import FreeSegmenter, Processor
from numpy.typing import NDArray
from recording import Cell, Column, add_options, record, rounds

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.job import picture_size
from sa2va_cli.bench.pictures import GRAIN
from sa2va_cli.bench.rounds import Ratio, take_turns
from sa2va_cli.demo.motion import DIRECTED
from sa2va_cli.demo.world import Scene as World
from sa2va_cli.demo.world import scene_seed
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.rendering import RenderJob, render
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.render.effects.drawing import Drawer, Scene, Seen
from sa2va_cli.render.effects.reading import EffectUse, read_effect
from sa2va_cli.render.effects.table import EFFECTS
from sa2va_cli.runtime.choice import ModelChoice

SEED = 77
FPS = 24
REMOVE_FPS = 12
"""Half the frames of a clip show as much of what is behind."""
LEAST_AREA = 0.006
SKETCH = (160, 90)
SECTIONS = ("remove", "steady", "speed")
NEEDED = {"recolour": "recolour=blue", "background": "background=grey", "caption": "caption=Hello"}
TARGETS = {"colour": 1.5, "redact": 1.5, "style": 4.0}

REMOVED = (
    Column("clip", "clip"),
    Column("area", "of the picture, %", ".1f"),
    Column("nothing", "nothing, dB", ".1f"),
    Column("inpainted", "frame by frame, dB", ".1f"),
    Column("ours", "remove, dB", ".1f"),
    Column("gain", "gain, dB", ".1f"),
    Column("inpainted_ssim", "frame by frame, SSIM", ".3f"),
    Column("ours_ssim", "remove, SSIM", ".3f"),
    Column("inpainted_warp", "frame by frame, warping error", ".1f"),
    Column("ours_warp", "remove, warping error", ".1f"),
    Column("invented", "guessed, %", ".1f"),
)
STEADY = (Column("effect", "effect"), Column("ratio", "warping error by the source's", ".2f"))
SPEED = (
    Column("effect", "effect"),
    Column("family", "family"),
    Column("processor", "by processor time", ".2f"),
    Column("target", "target", ".1f"),
)

TIMED = tuple(name for name, row in EFFECTS.items() if row.family != "generated")

LEAST_COMPARED = 50
"""Pixels; of fewer the mean says nothing."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Walk:
    """A clip of the world, and the same without one actor.

    Attributes:
        name: of the actor and what it does.
        scenes: the clip as effects see it, with the actor's true masks.
        truths: (H, W, 3) each frame without the actor.
        clean: (H, W, 3) each frame with it, before the camera's grain.
    """

    name: str
    scenes: list[Scene]
    truths: list[Pixels]
    clean: list[Pixels]


def walks(clips: int, frames: int, size: tuple[int, int], fps: int = FPS) -> Iterator[Walk]:
    """Clips whose camera moves and whose first actor that goes somewhere is to be seen well enough."""
    found = 0
    for number in range(1000):
        world = World.sample(scene_seed("clips", SEED, number), frames, fps)
        walkers = [actor for actor in world.actors if actor.motion in DIRECTED]
        if world.camera.start == world.camera.end or not walkers:
            continue
        one = walkers[0]
        if (
            min(np.mean(world.draw(t, SKETCH)[1] == one.id) for t in (0, frames // 2, frames - 1))
            < LEAST_AREA
        ):
            continue
        yield _walk(world, one.id, f"{one.kind}, {one.motion}", size)
        found += 1
        if found == clips:
            return


def _walk(world: World, actor: int, name: str, size: tuple[int, int]) -> Walk:
    rng = np.random.default_rng(SEED)
    empty, scenes, truths, clean = world.without(actor), [], [], []
    for t in range(world.frames):
        grain = rng.normal(0, GRAIN, (size[1], size[0], 1))
        (picture, ids), (truth, _) = world.draw(t, size), empty.draw(t, size)
        alpha = cv2.GaussianBlur((ids == actor).astype(np.float32), (0, 0), 0.8)
        grainy = np.clip(np.rint(picture + grain), 0, 255).astype(np.uint8)
        scenes.append(Scene(t, t / world.fps, grainy, (Seen(1, 1, name, alpha),), world.fps))
        truths.append(truth)
        clean.append(picture)
    return Walk(name, scenes, truths, clean)


def drawn(scenes: Sequence[Scene], text: str) -> tuple[list[Pixels], Drawer]:
    """The frames with an effect, as the driver draws them."""
    drawer = Drawer([read_effect(text)])
    if drawer.surveys:
        for scene in scenes:
            drawer.survey(scene)
    pictures = []
    for place, scene in enumerate(scenes):
        near = scenes[max(0, place - drawer.reach) : place + drawer.reach + 1]
        pictures.append(drawer.draw(scene, [one for one in near if one is not scene]).picture)
    return pictures, drawer


def psnr(one: Pixels, truth: Pixels, where: NDArray[np.bool_]) -> float:
    """Peak signal to noise ratio, in dB, of the pixels that are asked for."""
    error = np.square(one[where].astype(np.float64) - truth[where]).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


def ssim(one: Pixels, truth: Pixels, where: NDArray[np.bool_]) -> float:
    """Structural similarity of luma (Wang et al., 2004; Gaussian windows of 1.5 pixels), where asked for."""
    a, b = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY).astype(np.float64) for each in (one, truth))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), 1.5))

    ma, mb = mean(a), mean(b)
    va, vb, ab = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    value = (2 * ma * mb + first) * (2 * ab + second)
    return float((value / ((ma * ma + mb * mb + first) * (va + vb + second)))[where].mean())


def removal(walk: Walk) -> dict[str, Cell]:
    """One row: how near each way comes to the truth, means over the frames."""
    pictures, drawer = drawn(walk.scenes, "remove")
    scores: dict[str, list[float]] = {
        name: [] for name in ("nothing", "inpainted", "ours", "i_ssim", "o_ssim")
    }
    areas, holes, inpainted = [], [], []
    for scene, truth, ours in zip(walk.scenes, walk.truths, pictures, strict=True):
        hole = scene.objects[0].alpha > 0.02
        wide = cv2.dilate(hole.view(np.uint8), np.ones((5, 5), np.uint8))
        telea = cv2.inpaint(scene.picture, wide, 4, cv2.INPAINT_TELEA)
        holes.append(hole)
        inpainted.append(telea)
        if not hole.any():
            continue
        areas.append(hole.mean())
        for name, picture in (("nothing", scene.picture), ("inpainted", telea), ("ours", ours)):
            scores[name].append(psnr(picture, truth, hole))
        scores["i_ssim"].append(ssim(telea, truth, hole))
        scores["o_ssim"].append(ssim(ours, truth, hole))
    mean = {name: float(np.mean(values)) for name, values in scores.items()}
    warps = warping_errors(walk.truths, holes, {"inpainted": inpainted, "ours": pictures})
    invented = sum(one.share for one in drawer.remarks) / len(walk.scenes)
    return {
        "clip": walk.name,
        "area": 100 * float(np.mean(areas)),
        "nothing": mean["nothing"],
        "inpainted": mean["inpainted"],
        "ours": mean["ours"],
        "gain": mean["ours"] - mean["inpainted"],
        "inpainted_ssim": mean["i_ssim"],
        "ours_ssim": mean["o_ssim"],
        "inpainted_warp": float(np.mean(warps["inpainted"])),
        "ours_warp": float(np.mean(warps["ours"])),
        "invented": 100 * invented,
    }


def warping_errors(
    clean: Sequence[Pixels], where: Sequence[NDArray[np.bool_]], versions: Mapping[str, Sequence[Pixels]]
) -> dict[str, list[float]]:
    """Mean differences between frames and the next ones brought back, for each version.

    Args:
        clean: the frames whose motion counts, without grain.
        where: (H, W) of each frame, what is compared.
        versions: the frames to compare.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    errors: dict[str, list[float]] = {name: [] for name in versions}
    for place in range(4, len(clean) - 1):  # after the first frames, as everywhere else in a clip
        inside = where[place]
        if np.count_nonzero(inside) < LEAST_COMPARED:
            continue
        greys = [cv2.cvtColor(clean[k], cv2.COLOR_RGB2GRAY) for k in (place, place + 1)]
        moved = flow.calc(*greys, None)
        height, width = inside.shape
        columns = np.arange(width, dtype=np.float32)[None] + moved[..., 0]
        rows = np.arange(height, dtype=np.float32)[:, None] + moved[..., 1]
        for name, pictures in versions.items():
            back = cv2.remap(pictures[place + 1], columns, rows, cv2.INTER_LINEAR)
            errors[name].append(float(cv2.absdiff(back, pictures[place])[inside].mean()))
    return errors


def _within(scene: Scene) -> NDArray[np.bool_]:
    """What is of the thing for certain."""
    solid = (scene.objects[0].alpha == 1).astype(np.uint8)
    return np.asarray(cv2.erode(solid, np.ones((7, 7), np.uint8)) > 0)


def steadiness(clips: Sequence[Walk], styles: Sequence[str]) -> list[dict[str, Cell]]:
    """A row for each style: its warping error by the source's, means over all frames of all clips."""
    total: dict[str, list[float]] = {}
    for walk in clips:
        versions = {name: drawn(walk.scenes, name)[0] for name in styles}
        versions["source"] = [scene.picture for scene in walk.scenes]
        within = [_within(scene) for scene in walk.scenes]
        for name, values in warping_errors(walk.clean, within, versions).items():
            total.setdefault(name, []).extend(values)
    source = np.mean(total["source"]) if total["source"] else None
    return [
        {"effect": name, "ratio": None if source is None else float(np.mean(total[name]) / source)}
        for name in styles
    ]


def speed(
    folder: Path, names: Sequence[str], frames: int, size: tuple[int, int], turns: int
) -> list[dict[str, Cell]]:
    """A row for each effect: processor time of the run by that of the run without any."""
    clip, tracks = folder / "park.mp4", folder / "park.tracks.sa2va"
    write_park(clip, frames, size, GRAIN)
    job = SegmentJob(
        source=str(clip),
        search=Search(prompts=numbered(["girl in red dress"]), sampling="first"),
        model=ModelChoice("demo", "cpu", "fp32"),
        saving=Saving(("tracks",), str(tracks), "overwrite"),
    )
    segment(job, load=lambda *_: FreeSegmenter(1))

    def edit(use: EffectUse) -> Processor:
        drawing = Drawing(effects=(use,))
        saving = Saving(("edit",), str(folder / "edit.mp4"), "overwrite")
        return Processor(lambda: render(RenderJob(tracks, saving=saving, drawing=drawing)))

    later = replace(read_effect("grey"), begin_seconds=1e6)  # an edit in which nothing is edited
    works = {"": edit(later)} | {name: edit(read_effect(NEEDED.get(name, name))) for name in names}
    take_turns(works, turns)
    rows: list[dict[str, Cell]] = []
    for name in names:
        ratio = Ratio.of(works[name].timing, works[""].timing)
        family = EFFECTS[name].family
        found = rounds(ratio.rounds)
        rows.append({"effect": name, "family": family, "processor": found, "target": TARGETS.get(family)})
    return rows


def _shown(row: dict[str, Cell]) -> dict[str, Cell]:
    """The row, printed."""
    cells = (one["median"] if isinstance(one, Mapping) else one for one in row.values())
    print("  ".join(f"{one:.2f}" if isinstance(one, float) else str(one) for one in cells), flush=True)
    return row


def main(arguments: Sequence[str] | None = None) -> float | None:
    """Measures, prints, and returns by how many dB ``remove`` is better than inpainting, on average."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=SECTIONS, help="measure this alone")
    parser.add_argument("--clips", type=int, default=4, help="with remove; half as many with styles")
    parser.add_argument(
        "--frames", type=int, default=28, help="of a clip with remove; half as many with styles"
    )
    parser.add_argument("--size", default="1920x1080", metavar="WxH", help="of the pictures that are timed")
    parser.add_argument("--timed", type=int, default=8, metavar="N", help="frames that are timed")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--effects", default=",".join(TIMED), help="those that are timed, or looked at for steadiness"
    )
    parser.add_argument("--quick", action="store_true", help="one small clip, three effects, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    size, styles = (640, 360), [name for name, row in EFFECTS.items() if row.family == "style"]
    if options.quick:
        options.clips, options.frames, size, styles = 1, 14, (160, 90), ["ink"]
        options.size, options.timed, options.rounds, options.effects = "160x90", 4, 1, "grey,fill,ink"
    names = [name for name in SECTIONS if options.only in (None, name)]
    gain = None
    for name in names:
        rows, columns = _section(name, options, size, styles)
        record(options, __file__, arguments, columns, rows, suffix="" if name == "remove" else f"_{name}")
        if name == "remove":
            gain = float(np.mean([float(str(row["gain"])) for row in rows]))
    print("ratio" if gain is None else f"ratio {gain:.1f} dB of remove above inpainting frame by frame")
    return gain


def _section(
    name: str, options: argparse.Namespace, size: tuple[int, int], styles: Sequence[str]
) -> tuple[list[dict[str, Cell]], Sequence[Column]]:
    """Measures and prints one table."""
    if name == "remove":
        clips = walks(options.clips, options.frames, size, REMOVE_FPS)
        return [_shown(removal(walk)) for walk in clips], REMOVED
    effects = options.effects.split(",")
    if name == "steady":
        styles = [style for style in styles if style in effects]
        clips = walks(-(-options.clips // 2), options.frames // 2, size)
        return [_shown(row) for row in steadiness(list(clips), styles)], STEADY
    with tempfile.TemporaryDirectory() as folder:
        timed = picture_size(options.size)
        rows = speed(Path(folder), effects, options.timed, timed, options.rounds)
    return [_shown(row) for row in rows], SPEED


if __name__ == "__main__":
    main()
