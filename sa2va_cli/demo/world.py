"""The little world that the bundled network was trained on: makes clips with what is true of them.

    python -m sa2va_cli.demo.world OUT --clips 20 --seed 0 --audio

Every scene follows from its seed alone. Seeds come in two domains that never meet:
``scene_seed("clips", ...)`` for the clips of this command, ``scene_seed("train", ...)`` for training.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from sa2va_cli.demo.language import Expression, caption, corpus, expressions
from sa2va_cli.demo.scene import Actor, Scene
from sa2va_cli.demo.shapes import Ids
from sa2va_cli.demo.sound import write_sound

__all__ = ["Actor", "Expression", "Scene", "caption", "corpus", "expressions", "scene_seed", "write_clip"]

_DOMAINS = {"train": 0, "clips": 1}


def scene_seed(domain: str, seed: int, index: int) -> int:
    """The seed of one scene.

    Args:
        domain: ``train`` or ``clips``; the lowest bit of the result tells which, so that they never collide.
        seed: seed of the whole set.
        index: ordinal of the scene in the set.
    """
    word = np.random.SeedSequence([_DOMAINS[domain], seed, index]).generate_state(1, np.uint64)[0]
    return (int(word) >> 2 << 1) | _DOMAINS[domain]


def write_clip(
    scene: Scene, stem: Path, size: tuple[int, int] = (640, 360), *, audio: bool = False
) -> tuple[Path, Path]:
    """Writes a scene as a video, and beside it what is true of it.

    Args:
        scene: the scene.
        stem: path without an ending; ``.mp4`` and ``.json`` are added.
        size: (width, height) of the video.
        audio: whether the video gets a sound track.

    Returns:
        The video and the JSON file. The latter holds ``expressions``, each with ``text``, ``language``,
        ``kind``, ``actors`` and their ``name``, if there are any; ``actors``, for each number a COCO RLE of
        the visible mask on every frame; ``fps``; and ``size``.
    """
    video, notes = stem.with_suffix(".mp4"), stem.with_suffix(".json")
    masks = _write_video(scene, video, size, audio=audio)
    rng = np.random.default_rng(scene.seed)
    told = expressions(scene, range(scene.frames), rng)
    content = {
        "expressions": [_noted(scene, e) for e in told],
        "actors": masks,
        "fps": scene.fps,
        "size": list(size),
    }
    notes.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return video, notes


def _noted(scene: Scene, e: Expression) -> dict[str, Any]:
    noted = {"text": e.text, "language": e.language, "kind": e.kind, "actors": list(e.actors)}
    return noted | ({"name": caption(scene, (), e.actors, "en")} if e.actors else {})


def _write_video(
    scene: Scene, path: Path, size: tuple[int, int], *, audio: bool
) -> dict[str, list[dict[str, Any]]]:
    from sa2va_cli.media.sound import SoundSource
    from sa2va_cli.media.writer import VideoWriter

    time_base = Fraction(1, scene.fps)
    masks: dict[str, list[dict[str, Any]]] = {str(actor.id): [] for actor in scene.actors}
    with ExitStack() as stack:
        sound = None
        if audio:
            park = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "park.wav"
            sound = SoundSource(park)
            write_sound(park, scene.frames / scene.fps, np.random.default_rng(scene.seed))
        writer = VideoWriter(
            path,
            size=size,
            rate=Fraction(scene.fps),
            time_base=time_base,
            codec="h264",
            sound=sound,
        )
        stack.enter_context(writer)
        for t in range(scene.frames):
            image, ids = scene.draw(t, size)
            writer.write(image, t, time_base)
            for number, found in masks.items():
                found.append(_rle(ids, int(number)))
    return masks


def _rle(ids: Ids, number: int) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(ids == number, np.uint8))
    return {"size": [int(n) for n in rle["size"]], "counts": rle["counts"].decode("ascii")}


def picture_size(text: str) -> tuple[int, int]:
    """Reads ``640x360``."""
    width, _, height = text.lower().partition("x")
    return int(width), int(height)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes ``NNN.mp4`` and ``NNN.json`` for a number of scenes."""
    parser = argparse.ArgumentParser(
        prog="python -m sa2va_cli.demo.world", description="Draw clips of a little park."
    )
    parser.add_argument("out", type=Path, help="folder to write into; made if it does not exist")
    parser.add_argument("--clips", type=int, default=1, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument(
        "--size", type=picture_size, default=(640, 360), metavar="WxH", help="of the pictures (640x360)"
    )
    parser.add_argument("--frames", type=int, default=96, help="frames in a clip")
    parser.add_argument("--fps", type=int, default=24, help="frames in a second")
    parser.add_argument("--audio", action="store_true", help="add birdsong and a few notes")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for k in range(options.clips):
        scene = Scene.sample(scene_seed("clips", options.seed, k), options.frames, options.fps)
        write_clip(scene, options.out / f"{k:03d}", options.size, audio=options.audio)


if __name__ == "__main__":
    main()
