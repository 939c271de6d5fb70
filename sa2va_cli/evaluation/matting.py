"""Scores what ``render/refine`` makes of soft masks, on drawn clips whose alpha is known.

    python -m sa2va_cli.evaluation.matting --seed 0 --json matting.json --picture edges.png

refines masks of the precision of a network on 20 clips and prints the errors in the unknown band, then those
in the whole picture. ``--method`` picks what is scored; closed-form is left out where pymatting is missing.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.evaluation.alpha_clips import AlphaClip, draw_clips, network_masks
from sa2va_cli.evaluation.alpha_metrics import AlphaScore, mean_score, score_clip
from sa2va_cli.evaluation.contact_sheet import draw_sheet
from sa2va_cli.render.refine.stages import REFINEMENTS

Floats = NDArray[np.floating]
Method = Callable[[AlphaClip, Floats], Floats]
"""From a clip and its soft masks, (T, H, W), to alphas of the same shape."""

METHODS = ("hard", "soft", "guided", "closed-form")


@dataclass(frozen=True)
class MethodScore:
    """What a method reached on one clip.

    Attributes:
        method: one of ``METHODS``.
        clip: subject and background.
        band: errors in the unknown band.
        whole: errors in the whole picture.
    """

    method: str
    clip: str
    band: AlphaScore
    whole: AlphaScore


def make_method(name: str) -> Method:
    """Returns a method by its name.

    Raises:
        ValueError: there is none of that name.
    """
    if name == "hard":
        return lambda _, soft: (soft > 0.5).astype(np.float32)
    if name == "soft":
        return lambda _, soft: soft
    if name not in REFINEMENTS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, vitmatte, got {name}")
    refine = REFINEMENTS[name]()

    def refined(clip: AlphaClip, soft: Floats) -> Floats:
        alphas: list[Floats] = []
        for image, mask in zip(clip.images, soft, strict=True):
            alphas.append(refine(image, mask, alphas[-1] if alphas else None))
        return np.stack(alphas)

    return refined


def score(
    clips: Iterable[AlphaClip],
    methods: Mapping[str, Method],
    see: Callable[[AlphaClip, dict[str, Floats]], None],
) -> list[MethodScore]:
    """Scores each method on each clip.

    Args:
        clips: consumed one by one.
        methods: by name.
        see: is shown each clip with the alphas of all methods.
    """
    scores = []
    for clip in clips:
        soft, bands = network_masks(clip.alphas), clip.bands
        found = {name: method(clip, soft) for name, method in methods.items()}
        for name, alphas in found.items():
            band, whole = score_clip(alphas, clip.alphas, bands), score_clip(alphas, clip.alphas)
            scores.append(MethodScore(name, clip.name, band, whole))
        see(clip, found)
    return scores


def table(scores: Sequence[MethodScore]) -> str:
    """Draws means over the clips, by method, and MAD in the band by subject, as Markdown."""
    subjects = list(dict.fromkeys(k.clip.partition("/")[0] for k in scores))
    errors = [k.name for k in fields(AlphaScore)]
    titles = ["method", *(f"{k}, {where}" for where in ("band", "whole") for k in errors)]
    titles += [f"mad, {k}" for k in subjects]
    lines = [f"| {' | '.join(titles)} |", f"|---|{'---:|' * (len(titles) - 1)}"]
    for method in dict.fromkeys(k.method for k in scores):
        rows = [k for k in scores if k.method == method]
        means = [mean_score([k.band for k in rows]), mean_score([k.whole for k in rows])]
        figures = [figure for k in means for figure in astuple(k)]
        figures += [mean_score([k.band for k in rows if k.clip.startswith(one)]).mad for one in subjects]
        lines.append(f"| {method} | {' | '.join(f'{k:.2f}' for k in figures)} |")
    return "\n".join(lines)


def report(scores: Sequence[MethodScore], arguments: Sequence[str]) -> str:
    """Returns the scores as JSON, with where they come from."""
    methods = dict.fromkeys(k.method for k in scores)
    means = {
        name: {
            where: asdict(mean_score([getattr(k, where) for k in scores if k.method == name]))
            for where in ("band", "whole")
        }
        for name in methods
    }
    command = shlex.join(["python", "-m", "sa2va_cli.evaluation.matting", *arguments])
    told = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "command": command,
        "means": means,
        "clips": [asdict(k) for k in scores],
    }
    return json.dumps(_rounded(told), indent=1) + "\n"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _commit() -> str | None:
    """Of the checkout this runs from; None outside one."""
    try:
        told = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> None:
    """Draws, refines, scores and prints."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of the clips")
    parser.add_argument("--method", action="append", choices=[*METHODS, "vitmatte"], help="may be repeated")
    parser.add_argument("--clips", type=int, default=20, help="only the first so many")
    parser.add_argument("--json", type=Path, help="write all scores to this file")
    parser.add_argument("--picture", type=Path, help="write a contact sheet to this PNG")
    options = parser.parse_args(arguments)
    names = options.method or [k for k in METHODS if k != "closed-form" or find_spec("pymatting")]
    rows: dict[str, list[tuple[AlphaClip, dict[str, Floats]]]] = {}

    def see(clip: AlphaClip, found: dict[str, Floats]) -> None:
        print(clip.name, file=sys.stderr)  # noqa: T201
        rows.setdefault(clip.name.partition("/")[0], []).append((clip, found))

    clips = (clip for clip, _ in zip(draw_clips(options.seed), range(options.clips), strict=False))
    scores = score(clips, {name: make_method(name) for name in names}, see)
    print(table(scores))  # noqa: T201
    if options.json:
        options.json.write_text(report(scores, arguments))
    if options.picture:
        # another background for each subject
        draw_sheet([shown[k % len(shown)] for k, shown in enumerate(rows.values())], options.picture)


if __name__ == "__main__":
    main()
