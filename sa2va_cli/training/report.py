"""The report of a training: its curves, its scores, and pictures from before and after, as HTML and PNG."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from sa2va_cli.render.fonts import font_for
from sa2va_cli.staging import atomic

PAGE, PICTURE = "report.html", "report.png"
LOSSES = ("total", "answer", "bce", "dice")
_SIZE, _MARGIN, _GAP = (520, 260), 48, 24
_INK, _GRID, _LINE, _RAW = (40, 40, 40), (225, 225, 225), (30, 90, 200), (190, 205, 235)
_SMOOTH = 0.9


@dataclass(frozen=True)
class Curve:
    """A quantity over the steps.

    Attributes:
        title: what it is.
        points: step and value of each.
        smoothed: whether a running mean is drawn over the values.
        limits: of the axis of values; None for those of the values.
    """

    title: str
    points: Sequence[tuple[int, float]]
    smoothed: bool = False
    limits: tuple[float, float] | None = None


def curves_of(lines: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """The curves of a run's table: losses, learning rate and validation scores."""
    found = [
        Curve(
            f"loss: {name}",
            [(int(one["step"]), float(one[name])) for one in lines if name in one],
            smoothed=True,
        )
        for name in LOSSES
    ]
    found.append(
        Curve("learning rate", [(int(one["step"]), float(one["rate"])) for one in lines if "rate" in one])
    )
    scored = [one for one in lines if "validation" in one]
    names = dict.fromkeys(name for one in scored for name in one["validation"])
    for name in names:
        values = {
            int(one["step"]): float(one["validation"][name]) for one in scored if name in one["validation"]
        }
        found.append(Curve(f"validation: {name}", sorted(values.items()), limits=(0.0, 1.0)))
    return [one for one in found if one.points]


def write_report(
    lines: Sequence[Mapping[str, Any]], rows: Sequence[tuple[str, str]], title: str, folder: Path
) -> Path:
    """Writes ``report.html``, which holds everything in one file, and ``report.png`` with the curves.

    Args:
        lines: the run's table.
        rows: names and values of what a person should know, for a table.
        title: of the page.
        folder: of the run; ``before.png`` and ``after.png`` in it are shown.

    Returns:
        The page.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic(folder / PICTURE) as part:
        draw_curves(curves_of(lines)).save(part, "PNG")
    cells = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows
    )
    shown = [("Curves", folder / PICTURE)]
    shown += [(name, folder / f"{name.lower()}.png") for name in ("Before", "After")]
    pictures = "".join(
        f'<h2>{name}</h2><img alt="{name}" src="data:image/png;base64,{_encoded(path)}">'
        for name, path in shown
        if path.is_file()
    )
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>'
        "body{font-family:sans-serif;max-width:1320px;margin:2em auto;padding:0 1em}img{max-width:100%}"
        "th{text-align:left;padding-right:2em;font-weight:normal;color:#555}</style>"
        f"<h1>{html.escape(title)}</h1><table>{cells}</table>{pictures}"
        "<p>On the pictures green is annotated, red was found.</p></html>\n"
    )
    with atomic(folder / PAGE) as part:
        part.write_text(page, encoding="utf-8")
    return folder / PAGE


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


def draw_curves(curves: Sequence[Curve]) -> Image.Image:
    """Draws curves in two columns."""
    width, height = _SIZE
    rows = max(1, -(-len(curves) // 2))
    sheet = Image.new("RGB", (2 * width, rows * height), (255, 255, 255))
    for place, curve in enumerate(curves):
        _draw(sheet, curve, place % 2 * width, place // 2 * height)
    return sheet


def _draw(sheet: Image.Image, curve: Curve, left: int, top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    width, height = _SIZE
    box = (left + _MARGIN + _GAP, top + _MARGIN, left + width - _GAP, top + height - _MARGIN + 8)
    steps, values = [p[0] for p in curve.points], [p[1] for p in curve.points]
    low, high = curve.limits or (min(values), max(values))
    low, high = (low, high) if high > low else (low - abs(low) * 0.1 - 1e-9, high + abs(high) * 0.1 + 1e-9)
    first = min(steps)
    last = max(*steps, first + 1)

    def at(step: float, value: float) -> tuple[float, float]:
        x = box[0] + (step - first) / (last - first) * (box[2] - box[0])
        return x, box[3] - (value - low) / (high - low) * (box[3] - box[1])

    draw.text((left + _GAP, top + 14), curve.title, fill=_INK, font=font_for(curve.title, 15))
    for k in range(5):
        value = low + (high - low) * k / 4
        _, y = at(first, value)
        draw.line([(box[0], y), (box[2], y)], fill=_GRID)
        text = f"{value:.3g}"
        draw.text((box[0] - 8, y - 7), text, fill=_INK, font=font_for(text, 11), anchor="ra")
    for step in (first, last):
        text = str(step)
        draw.text((at(step, low)[0], box[3] + 6), text, fill=_INK, font=font_for(text, 11), anchor="ma")
    _line(draw, [at(*p) for p in curve.points], _RAW if curve.smoothed else _LINE)
    if curve.smoothed:
        _line(draw, [at(*p) for p in zip(steps, smoothed(values), strict=True)], _LINE)


def _line(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: tuple[int, int, int]) -> None:
    if len(points) > 1:
        draw.line(points, fill=colour, width=2)
    x, y = points[-1]
    draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour)


def smoothed(values: Sequence[float]) -> list[float]:
    """A running mean in which the values before the first have no weight."""
    found: list[float] = []
    mean = weight = 0.0
    for value in values:
        mean, weight = (_SMOOTH * old + (1 - _SMOOTH) * new for old, new in ((mean, value), (weight, 1.0)))
        found.append(mean / weight)
    return found
