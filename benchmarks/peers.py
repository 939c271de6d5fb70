"""Real programs beside this one: the same weights and frames, in turns in one process, by processor time.

    python benchmarks/peers.py session answers --record peers                  # the demo network
    python benchmarks/peers.py stills --record peers_stills
    python benchmarks/peers.py growth --record peers                           # writes peers_growth
    python benchmarks/peers.py session --sizes hiera-l --objects 1 4 --rounds 1 --frames 1 \
        --record peers_full_size

What is found is recorded row by row, so that a run which is ended early leaves what it has.

* ``session``: a frame of a session of transformers' ``Sam2VideoModel`` in the middle of a clip, when all that
  is attended to is remembered, against ours as a follower: image encoder, memory attention, masks, and the
  memory of these. The masks are compared on every frame.
* ``answers``: transformers' own ``generate`` on the layers of the language model, which reads its whole
  prompt for each question, against ours.
* ``stills``: a loop as background removers are (decode, network, the mask enlarged by Pillow, a PNG of each)
  against ``sa2va segment FOLDER --save cutout --cutout-background none --refine none``: with the demo
  network on both sides, and with none.
* ``growth``: what 300 frames add to the memory of a process, in a session fed frame by frame and in ours.
"""

import argparse
import gc
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from followers import full_memory
from media_path import FreeSegmenter, Processor
from numpy.typing import NDArray
from PIL import Image
from recording import Cell, Column, add_options, record, rounds
from torch import Tensor
from transformers import Sam2VideoInferenceSession, Sam2VideoModel

from sa2va_cli.bench.networks import fill_randomly, random_layout
from sa2va_cli.bench.pictures import park_pictures
from sa2va_cli.bench.rounds import Ratio, Timing, take_turns
from sa2va_cli.checkpoints.loader import rebuild_buffers
from sa2va_cli.datatypes import RGB
from sa2va_cli.model.memory_attention import MAX_POINTER_DISTANCE
from sa2va_cli.model.prompt_text import encode
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_config import HIERA_LARGE, sam2_config
from sa2va_cli.model.session import NetworkSession
from sa2va_cli.model.tracker import Tracker
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import choose_placement
from sa2va_cli.runtime.loading import load_segmenter

PARTS = ("session", "answers", "stills", "growth")
KEYFRAMES = 5
PROMPTS = ("the dog", "the yellow car", "girl in red dress")
"""Two that are found, and one that is not."""
GOALS = {
    "demo": {"session": {1: 1.5, 4: 1.5, 8: 1.5}},
    "hiera-l": {"session": {1: 1.2, 4: 1.8}},
}

COLUMNS = (
    Column("what", "what"),
    Column("peer", "the other program"),
    Column("objects", "objects"),
    Column("theirs", "theirs, ms", ",.0f"),
    Column("ours", "ours, ms", ",.0f"),
    Column("ratio", "theirs / ours", ".2f"),
    Column("goal", "goal", ".1f"),
)
GROWTH_COLUMNS = (
    Column("program", "program"),
    Column("objects", "objects"),
    Column("early", "after 30 frames, MB", ".0f"),
    Column("late", "after 330 frames, MB", ".0f"),
    Column("growth", "a frame, MB", ".3f"),
)

Work = Callable[[], object]


def both_networks(sizes: str) -> tuple[Sam2VideoModel, Sam2]:
    """A model of transformers and ours with the same random weights, in the same memory."""
    config = sam2_config(HIERA_LARGE if sizes == "hiera-l" else random_layout("demo").sam2)
    with torch.device("meta"):
        ours = Sam2(config)
    torch.manual_seed(0)
    fill_randomly(ours, torch.device("cpu"), torch.float32)
    rebuild_buffers(ours, torch.device("cpu"))
    theirs = Sam2VideoModel(config)
    theirs.load_state_dict(ours.layers.state_dict(), assign=True)
    return theirs.eval().requires_grad_(False), ours.eval().requires_grad_(False)


class TheirClip:
    """A session of transformers in the middle of a clip, fed with frames one by one.

    Args:
        model: of transformers.
        pixels: (1, 3, S, S) of the keyframes, which are all the same.
        masks: (N, S, S) bool of the objects there.
    """

    def __init__(self, model: Sam2VideoModel, pixels: Tensor, masks: Tensor) -> None:
        self.model = model
        self.session = Sam2VideoInferenceSession(None, *pixels.shape[-2:], dtype=pixels.dtype)
        self.session.add_new_frame(pixels[0])
        for row, mask in enumerate(masks):
            self.session.add_mask_inputs(self.session.obj_id_to_idx(row), 0, mask[None, None].float())
            self.session.obj_with_new_inputs.append(row)
        with torch.inference_mode():
            model(self.session, frame_idx=0)
        for index in range(1, KEYFRAMES + MAX_POINTER_DISTANCE):
            self.session.add_new_frame(pixels[0])
            kind = "cond_frame_outputs" if index < KEYFRAMES else "non_cond_frame_outputs"
            for outputs in self.session.output_dict_per_obj.values():
                outputs[kind][index] = dict(outputs["cond_frame_outputs"][0])

    @torch.inference_mode()
    def step(self, pixels: Tensor) -> Tensor:
        """(N, S/4, S/4) logits of the next frame (1, 3, S, S)."""
        return self.model(self.session, frame=pixels[0]).pred_masks[:, 0]


class OurClip:
    """The same of our tracker; see ``TheirClip``."""

    @torch.inference_mode()
    def __init__(self, sam2: Sam2, pixels: Tensor, masks: Tensor) -> None:
        self.tracker = Tracker(sam2, empty_absent=True)
        self.memory = full_memory(self.tracker, sam2.encode(pixels), masks)
        self.index = self.memory.recent[-1].index + 1

    @torch.inference_mode()
    def step(self, pixels: Tensor) -> Tensor:
        """(N, S/4, S/4) logits of the next frame (1, 3, S, S)."""
        features = self.tracker.sam2.encode(pixels)
        decoded, self.memory = self.tracker.step(self.index, features, self.memory)
        self.index += 1
        return decoded.logits


def given_masks(objects: int, side: int) -> Tensor:
    """(N, S, S) bool: rectangles, each a little further to the right."""
    masks = torch.zeros(objects, side, side, dtype=torch.bool)
    for row in range(objects):
        left = side // 8 + row * side // 16
        masks[row, side // 4 : side // 2, left : left + side // 4] = True
    return masks


def noise(side: int) -> Iterator[Tensor]:
    """Frames (1, 3, S, S) without an end."""
    generator = torch.Generator().manual_seed(0)
    while True:
        yield torch.randn(1, 3, side, side, generator=generator)


def compare_sessions(options: argparse.Namespace) -> Iterator[dict[str, Cell]]:
    """A frame in the middle of a clip, for several numbers of objects."""
    theirs, ours = both_networks(options.sizes)
    side = ours.input_size
    for objects in options.objects:
        frames, masks = noise(side), given_masks(objects, side)
        pixels = next(frames)
        clips: dict[str, Any] = {
            "theirs": TheirClip(theirs, pixels, masks),
            "ours": OurClip(ours, pixels, masks),
        }
        seconds: dict[str, list[float]] = {name: [] for name in clips}
        warming = 0 if options.sizes == "hiera-l" else 1
        for number in range(options.rounds + warming):
            shown = [next(frames) for _ in range(options.frames)]
            order = list(clips) if number % 2 == 0 else [*clips][::-1]
            found = {}
            for name in order:
                started = time.process_time()
                found[name] = [clips[name].step(one) for one in shown]
                if number >= warming:
                    seconds[name].append((time.process_time() - started) / len(shown))
            for one, other in zip(found["theirs"], found["ours"], strict=True):
                torch.testing.assert_close(one, other, atol=0.01, rtol=0)
        timings = {name: Timing(tuple(taken)) for name, taken in seconds.items()}
        what = f"a frame, {'Hiera-L at 1024 pixels' if options.sizes == 'hiera-l' else 'demo size'}"
        goal = GOALS[options.sizes]["session"].get(objects)
        yield _row(what, "`Sam2VideoModel` session", timings, goal, objects)


def compare_answers(options: argparse.Namespace) -> Iterator[dict[str, Cell]]:
    """Questions of the demo network's clips to ``generate`` and to ours."""
    engine: Any = load_segmenter(ModelChoice("demo"), choose_placement("cpu", "fp32"))
    images = list(park_pictures(2 if options.quick else KEYFRAMES, (640, 360)))
    session = engine.open()
    chat = engine.network.chat
    seen = session.look(images)
    asked = _asking(session, seen, PROMPTS[:1])

    def generate(view: Any, prompts: Sequence[str]) -> list[list[int]]:
        return [_generated(chat, view, prompt) for prompt in prompts]

    for prompt in PROMPTS:  # else the times say nothing
        said = session.ground(seen, question(prompt))[0].answer
        if (other := chat.said(_generated(chat, seen, prompt))) != said:
            raise SystemExit(f"{prompt}: one says {said!r}, the other {other!r}")
    pairs: dict[str, tuple[Work, Work, float]] = {
        "a first question, pictures encoded": (
            lambda: generate(seen, PROMPTS),
            lambda: [_asking(session, seen, [prompt]) for prompt in PROMPTS],
            1.8,
        ),
        "a second question": (
            lambda: generate(seen, PROMPTS),
            lambda: _asking(session, asked, PROMPTS),
            2.5,
        ),
        "three prompts, pictures and all": (
            lambda: [generate(session.look(images), [prompt]) for prompt in PROMPTS],
            lambda: _asking(session, session.look(images), PROMPTS),
            2.5,
        ),
    }
    for what, (theirs, ours, goal) in pairs.items():
        timings = take_turns({"theirs": theirs, "ours": ours}, options.rounds, clock=time.process_time)
        if "three" not in what:
            timings = {name: timing.each(len(PROMPTS)) for name, timing in timings.items()}
        yield _row(what, "`generate`", timings, goal)


def _asking(session: NetworkSession, view: Any, prompts: Sequence[str]) -> Any:
    for prompt in prompts:
        _, view = session.ground(view, question(prompt))
    return view


@torch.inference_mode()
def _generated(chat: Any, view: Any, prompt: str) -> list[int]:
    """Tokens of an answer as transformers alone decodes it."""
    ids = _prompt_tokens(chat, view, prompt)
    embeddings = chat.embed(torch.tensor([ids]), view.pictures.tokens.flatten(0, 1))
    said = chat.language_model.generate(
        inputs_embeds=embeddings,
        attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long),
        max_new_tokens=64,
        do_sample=False,
        eos_token_id=chat.tokenizer.eos_token_id,
        pad_token_id=0,
    )
    return [int(one) for one in said[0]]


def _prompt_tokens(chat: Any, view: Any, prompt: str) -> list[int]:
    words = chat.prompt(question(prompt), len(view.pictures.tokens), video=view.pictures.video)
    return encode(chat.tokenizer, words)


def compare_stills(options: argparse.Namespace) -> Iterator[dict[str, Cell]]:
    """A folder of pictures, cut out."""
    model = load_segmenter(ModelChoice("demo"), choose_placement("cpu", "fp32"))
    gc.freeze()  # as the program does once it has imported what it needs, see commands/startup.py
    with tempfile.TemporaryDirectory() as folder:
        source, made, loop = (Path(folder, name) for name in ("source", "made", "loop"))
        for place in (source, loop):
            place.mkdir()
        for number, image in enumerate(park_pictures(options.pictures, (1280, 720))):
            Image.fromarray(image).save(source / f"{number:04d}.jpg", quality=92)
        free: Any = FreeSegmenter(1)
        for name, segmenter in (("the demo network", model), ("no network", free)):
            works = {
                "theirs": Processor(lambda one=segmenter: _loop(one, source, loop)),
                "ours": Processor(lambda one=segmenter: _segmented(one, source, made)),
            }
            take_turns(works, max(1, options.rounds // 2))
            timings = {side: work.timing.each(options.pictures) for side, work in works.items()}
            goal = 2.0 if segmenter is model else None
            yield _row(f"a picture of {options.pictures}, {name}", "loop over Pillow", timings, goal)


def _loop(segmenter: Any, source: Path, target: Path) -> None:
    """What a script around a network for single pictures does."""
    for path in sorted(source.iterdir()):
        image = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
        pixels = np.asarray(image)
        if isinstance(segmenter, FreeSegmenter):
            logits = segmenter.turns[0][0]
        else:
            logits = _found_alone(segmenter, pixels)
        soft = (255 / (1 + np.exp(-logits.clip(-30, 30)))).astype(np.uint8)
        alpha = Image.fromarray(soft).resize(image.size, Image.Resampling.LANCZOS)
        nothing = Image.new("RGBA", image.size, 0)
        Image.composite(image.convert("RGBA"), nothing, alpha).save(target / f"{path.stem}.png")


def _found_alone(segmenter: Any, image: RGB) -> NDArray[np.float32]:
    """(h, w) logits of what one picture shows."""
    with segmenter.open(still=True) as session:
        grounding, _ = session.ground(session.look([image]), question(PROMPTS[0]))
        if not len(grounding):
            return np.full((64, 64), -10.0, np.float32)
        found: Tensor = session.condition([(0, image)], [grounding.queries]).decoded[0].logits
    return np.asarray(found[0].float().numpy(), np.float32)


def _segmented(segmenter: Any, source: Path, target: Path) -> None:
    job = SegmentJob(
        source=str(source),
        search=Search(prompts=numbered([PROMPTS[0]])),
        model=ModelChoice("demo", "cpu", "fp32"),
        drawing=Drawing(refine="none", cutout_background="none"),
        saving=Saving(("cutout",), f"{target}/", "overwrite"),
    )
    segment(job, load=lambda *_: segmenter)


def measure_growth(options: argparse.Namespace) -> list[dict[str, Cell]]:
    """What the memory of a process of each kind becomes."""
    rows: list[dict[str, Cell]] = []
    early, late = (5, 15) if options.quick else (30, 330)
    for name, program in (("theirs", "`Sam2VideoModel` session"), ("ours", "ours")):
        for objects in options.objects[:2]:
            command = [sys.executable, __file__, "--grow", name, str(objects), str(early), str(late)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            before, after = map(float, done.stdout.split()[-2:])
            growth = (after - before) / (late - early)
            rows.append(
                {"program": program, "objects": objects, "early": before, "late": after, "growth": growth}
            )
            print(f"{program}, {objects}: {growth:.3f} MB a frame", flush=True)
    return rows


def grow(name: str, objects: int, early: int, late: int) -> tuple[float, float]:
    """Resident megabytes after so many frames of the demo size, in this process."""
    torch.set_num_threads(1)
    theirs, ours = both_networks("demo")
    side = ours.input_size
    frames, masks = noise(side), given_masks(objects, side)
    pixels = next(frames)
    clip: Any = TheirClip(theirs, pixels, masks) if name == "theirs" else OurClip(ours, pixels, masks)
    found = []
    for number in range(1, late + 1):
        clip.step(next(frames))
        if number in (early, late):
            found.append(_resident())
    return found[0], found[1]


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _row(
    what: str, peer: str, timings: dict[str, Timing], goal: float | None, objects: int | None = None
) -> dict[str, Cell]:
    ratio = Ratio.of(timings["theirs"], timings["ours"])
    theirs, ours = (1000 * timings[name].median for name in ("theirs", "ours"))
    print(f"{what}, {objects or '-'}: {theirs:.4g} ms / {ours:.4g} ms, {ratio}", flush=True)
    return {
        "what": what,
        "peer": peer,
        "objects": objects,
        "theirs": theirs,
        "ours": ours,
        "ratio": rounds(ratio.rounds),
        "goal": goal,
    }


MEASURES = {"session": compare_sessions, "answers": compare_answers, "stills": compare_stills}


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Cell]]:
    """Compares, prints, and returns the rows of what was compared."""
    options = _parsed(arguments)
    torch.set_num_threads(1)
    rows: list[dict[str, Cell]] = []
    notes = "fp32, one thread, processor time, random weights for frames"
    for row in chain.from_iterable(MEASURES[part](options) for part in options.parts if part in MEASURES):
        rows.append(row)
        record(options, __file__, arguments, COLUMNS, rows, notes=notes)
    if "growth" in options.parts:
        grown = measure_growth(options)
        record(options, __file__, arguments, GROWTH_COLUMNS, grown, notes="demo size, fp32", suffix="_growth")
    print("ratio " + "; ".join(f"{row['what']} {_middle(row):.2f}" for row in rows))
    return rows


def _middle(row: dict[str, Cell]) -> float:
    ratio: Any = row["ratio"]
    return float(ratio["median"])


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"what to compare: {', '.join(PARTS)} [default: all]")
    parser.add_argument("--sizes", choices=tuple(GOALS), default="demo", help="of the session's network")
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--frames", type=int, default=2, help="of a round, in the session's comparison")
    parser.add_argument("--pictures", type=int, default=200, help="in the folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one object, few pictures, one round")
    add_options(parser)
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    options.parts = options.parts or list(PARTS)
    if options.quick:
        options.objects, options.frames, options.pictures, options.rounds = [1], 1, 4, 1
    return options


if __name__ == "__main__":
    if sys.argv[1:2] == ["--grow"]:
        print(*grow(sys.argv[2], *map(int, sys.argv[3:6])))
    else:
        main()
