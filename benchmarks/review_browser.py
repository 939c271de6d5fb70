"""How soon ``sa2va review`` shows a frame with its masks, measured in the browser that shows it.

    python benchmarks/review_browser.py               # 1080p; target 100 ms for neighbours

The page is driven as a person would: a key for a neighbour, the number of a frame for a jump. The clock of
the browser runs from the key to the picture on the canvas. The masks are discs on the grid of the published
networks; no network is asked while one looks. Needs chromium and Playwright for Python.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recording import ROOT, Column, add_options, record
from rendering import tracks_of

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.job import picture_size

sys.path.append(str(ROOT / "tests" / "review"))
from reviewing import Server

COLUMNS = (
    Column("size", "pictures"),
    Column("what", "what is done"),
    Column("count", "times"),
    Column("median", "median, ms", ".0f"),
    Column("most", "95 of 100 within, ms", ".0f"),
)
TARGET_MS = 100
WAITED_MS = 60_000

_SHOWN = "() => document.querySelector('[data-testid=stage]')?.dataset.masks === 'shown'"
_CLOCK = """async ([keys, frame]) => {
    const canvas = document.querySelector("[data-testid=stage]");
    const shown = () => canvas.dataset.frame === String(frame) && canvas.dataset.masks === "shown";
    const begun = performance.now();
    if (keys) {
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key: keys, bubbles: true }));
    } else {
        const field = document.querySelector("[data-testid=frame]");
        field.value = frame;
        field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    while (!shown()) await new Promise(requestAnimationFrame);
    return performance.now() - begun;
}"""


def stepped(page: Any, keys: str, first: int, direction: int, count: int, pause_ms: int) -> list[float]:
    """Milliseconds of each step to a neighbour."""
    found = []
    for step in range(1, count + 1):
        found.append(page.evaluate(_CLOCK, [keys, first + direction * step]))
        page.wait_for_timeout(pause_ms)
    return found


def jumped(page: Any, frames: Sequence[int]) -> list[float]:
    """Milliseconds of each jump."""
    found = []
    for frame in frames:
        found.append(page.evaluate(_CLOCK, ["", frame]))
        page.wait_for_timeout(500)
    return found


def measure(address: str, frames: int, steps: int) -> dict[str, list[float]]:
    """Opens the page and looks through the clip."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(WAITED_MS)
        page.goto(address)
        page.wait_for_function(_SHOWN)
        page.wait_for_timeout(1000)
        found = {
            "a step forward": stepped(page, "ArrowRight", 0, 1, steps, 60),
            "a step back": stepped(page, "ArrowLeft", steps, -1, steps, 60),
        }
        chance = random.Random(0)  # noqa: S311  (places to look at)
        found["a jump"] = jumped(page, [chance.randrange(2, frames) for _ in range(steps // 4)])
        browser.close()
    return found


def main(arguments: Sequence[str] | None = None) -> float:
    """Measures, prints, and returns the time within which 95 of 100 neighbours are shown, in milliseconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="1920x1080", metavar="WxH")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--objects", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="12 frames of 160x90, a few steps")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.frames, options.steps = "160x90", 12, 8
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "park.mp4"
        write_park(clip, options.frames, picture_size(options.size))
        tracks = tracks_of(clip, Path(folder) / "park.tracks.sa2va", options.objects)
        with Server(tracks) as server:
            found = measure(server.address, options.frames, options.steps)
    rows = [
        {
            "size": options.size,
            "what": what,
            "count": len(times),
            "median": statistics.median(times),
            "most": statistics.quantiles(times, n=20)[-1],
        }
        for what, times in found.items()
    ]
    for row in rows:
        print(f"{row['what']}: median {row['median']:.0f} ms, 95 of 100 within {row['most']:.0f} ms")
    record(options, __file__, arguments, COLUMNS, rows)
    most = max(row["most"] for row in rows[:2])
    print(f"ratio {most / TARGET_MS:.2f} of the target of {TARGET_MS} ms for a neighbour")
    return most


if __name__ == "__main__":
    main()
