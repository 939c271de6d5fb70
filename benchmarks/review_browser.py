"""How soon ``sa2va review`` shows a frame with its masks, measured in the browser that does; and its memory.

    python benchmarks/review_browser.py            # 1080p; targets: 100 ms for neighbours, 1.5 s to correct

The page is driven as a person would: a key for a neighbour, the number of a frame for a jump, a click on
the picture to correct. The clock of the browser runs from the key or the click to the picture on the canvas.
The masks that are looked at are discs on the grid of the published networks, and no network is asked for
them; the sample is corrected with the demo network, the first time while it is loaded. Needs chromium and
Playwright for Python.
"""

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recording import ROOT, Column, add_options, record
from rendering import tracks_of

from sa2va_cli.bench.clips import write_park
from sa2va_cli.bench.job import picture_size

sys.path.append(str(ROOT / "tests" / "review"))
from reviewing import Server  # type: ignore[import-not-found]

COLUMNS = (
    Column("size", "pictures"),
    Column("what", "what is done"),
    Column("count", "times"),
    Column("median", "median, ms", ".0f"),
    Column("most", "95 of 100 within, ms", ".0f"),
    Column("processor", "processor time of browser and server, ms", ".0f"),
    Column("page", "memory of the browser, MB", ".0f"),
    Column("server", "of the server, MB", ".0f"),
)
TARGET_MS, TARGET_CORRECTED_MS = 100, 1500
WAITED_MS = 120_000
SAMPLE_SIZE = "640x360"
STRETCH = 20
"""Frames that are looked at one after the other, before the next jump, while memory is measured."""

_SHOWN = "() => document.querySelector('[data-testid=stage]')?.dataset.masks === 'shown'"
_UNTIL = """const until = async (holds, what) => {
    const begun = performance.now();
    while (!holds()) {
        if (performance.now() - begun > LIMIT) {
            const said = [...document.querySelectorAll("[data-testid=notice], [role=alert]")];
            const words = said.map((one) => one.innerText).join(" | ");
            throw new Error(`${what}; the page says: ${words || "nothing"}`);
        }
        await new Promise(requestAnimationFrame);
    }
};""".replace("LIMIT", str(WAITED_MS))
_CLOCK = f"""async ([keys, frame]) => {{
    {_UNTIL}
    const canvas = document.querySelector("[data-testid=stage]");
    const shown = () => canvas.dataset.frame === String(frame) && canvas.dataset.masks === "shown";
    const begun = performance.now();
    if (keys) {{
        document.body.dispatchEvent(new KeyboardEvent("keydown", {{ key: keys, bubbles: true }}));
    }} else {{
        const field = document.querySelector("[data-testid=frame]");
        field.value = frame;
        field.dispatchEvent(new Event("change", {{ bubbles: true }}));
    }}
    await until(shown, `frame ${{frame}} is not shown`);
    return performance.now() - begun;
}}"""
_CLICKED = f"""() => {{
    {_UNTIL}
    const canvas = document.querySelector("[data-testid=stage]");
    const waits = () => document.querySelector(".stage-notes .chip:not(.warn)") !== null;
    let begun = null;
    canvas.addEventListener("pointerup", () => (begun = performance.now()), {{ once: true }});
    const watched = async () => {{
        await until(() => begun !== null, "the click did not come to the picture");
        await until(waits, "the page does not work on the click");
        await until(() => !waits() && canvas.dataset.masks === "shown", "the mask does not come");
        return performance.now() - begun;
    }};
    window.corrected = watched();
    window.corrected.catch(() => {{}});
}}"""


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


def corrected(page: Any, count: int) -> list[tuple[float, float]]:
    """Milliseconds from each click to the mask of its frame, by the clock and of the processor.

    The work on the other frames is taken back.
    """
    found = []
    page.keyboard.press("p")
    for number in range(count):
        page.evaluate(_CLOCK, ["", 20 + 5 * number])
        page.evaluate(_CLICKED)
        box = page.get_by_test_id("stage").bounding_box()
        before = spent()
        page.mouse.click(box["x"] + box["width"] * 0.42, box["y"] + box["height"] * 0.5)
        found.append((page.evaluate("window.corrected"), spent() - before))
        page.get_by_test_id("undo").click()
        page.get_by_test_id("job").first.wait_for(state="detached")
        page.wait_for_function(_SHOWN)
    return found


def family() -> Iterator[tuple[int, str, str]]:
    """Descendants of this process: number, command line and what the system counts of each."""
    known = {os.getpid()}
    for pid in sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdecimal()):
        try:
            counted = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:  # it has ended
            continue
        if int(counted.split()[1]) in known:
            known.add(pid)
            yield pid, command, counted


def spent() -> float:
    """Milliseconds of the processor's time of browser and server so far."""
    ticks = sum(
        sum(map(int, counted.split()[11:13])) for _, command, counted in family() if _is_ours(command)
    )
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def _is_ours(command: str) -> bool:
    return "chromium" in command or "sa2va_cli" in command


def resident(name: str) -> float:
    """MB that processes hold whose command line has a name in it; what they share counts once."""
    return sum(_proportional(pid) for pid, command, _ in family() if name in command) / 1000


def _proportional(pid: int) -> int:
    """Memory of a process in kB; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def memory() -> dict[str, float]:
    """What the browser and the server hold now."""
    return {
        "page": resident("chromium"),
        "server": resident("sa2va_cli"),
    }


def scrubbed(page: Any, frames: int, minutes: float, size: str) -> Iterator[dict[str, Any]]:
    """Looks at stretches anywhere; memory after a tenth of the time, then at its half and its end."""
    chance, begun = random.Random(0), time.monotonic()  # noqa: S311  (places to look at)
    for part in (0.1, 0.5, 1.0):
        times: list[float] = []
        while not times or time.monotonic() - begun < 60 * minutes * part:
            start = chance.randrange(frames - min(STRETCH, frames - 1))
            times.append(page.evaluate(_CLOCK, ["", start]))
            times += stepped(page, "ArrowRight", start, 1, min(STRETCH, frames - 1 - start), 0)
        held = memory()
        print(f"browser {held['page']:.0f} MB, server {held['server']:.0f} MB", flush=True)
        yield row(size, f"scrubbing anywhere, up to {60 * minutes * part:.0f} s", times) | held


def timed(work: Callable[[], list[float]]) -> tuple[list[float], float]:
    """Times, and the processor's time of browser and server for each of them, in milliseconds."""
    before = spent()
    times = work()
    return times, (spent() - before) / len(times)


def row(size: str, what: str, times: Sequence[float], processor: float | None = None) -> dict[str, Any]:
    """One line of the table, which is told at once."""
    print(f"{what}: median {statistics.median(times):.0f} ms", flush=True)
    return {
        "size": size,
        "what": what,
        "count": len(times),
        "median": statistics.median(times),
        "most": statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0],
        "processor": processor,
        "page": None,
        "server": None,
    }


@contextmanager
def opened(tracks: Path) -> Iterator[Any]:
    """The page of a clip, with its masks."""
    from playwright.sync_api import sync_playwright

    with Server(tracks) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(WAITED_MS)
        page.goto(server.address)
        page.wait_for_function(_SHOWN)
        page.get_by_text("Looking all frames through").wait_for(state="detached")
        page.wait_for_load_state("networkidle")  # the timeline has its thumbnails
        yield page
        browser.close()


def looked(tracks: Path, size: str, frames: int, steps: int, minutes: float) -> list[dict[str, Any]]:
    """Looks through a clip."""
    chance = random.Random(0)  # noqa: S311  (places to look at)
    places = [chance.randrange(2, frames) for _ in range(steps // 4)]
    with opened(tracks) as page:
        rows = [
            row(size, "a step forward", *timed(lambda: stepped(page, "ArrowRight", 0, 1, steps, 60))),
            row(size, "a step back", *timed(lambda: stepped(page, "ArrowLeft", steps, -1, steps, 60))),
            row(size, "a jump", *timed(lambda: jumped(page, places))),
        ]
        rows[-1] |= memory()
        return [*rows, *(scrubbed(page, frames, minutes, size) if minutes else ())]


def clicked(folder: Path, count: int) -> list[dict[str, Any]]:
    """Corrects the sample."""
    clip = folder / "sample.mp4"
    shutil.copy(ROOT / "samples" / "park.mp4", clip)
    with opened(tracks_of(clip, folder / "sample.tracks.sa2va", 2)) as page:
        times, processor = zip(*corrected(page, 1 + count), strict=True)
        size, usual = SAMPLE_SIZE, statistics.median(processor[1:])
        return [
            row(size, "the first click, with the demo network's loading", times[:1], processor[0]),
            row(size, "a click: the mask of its frame", times[1:], usual) | memory(),
        ]


def main(arguments: Sequence[str] | None = None) -> float:
    """Measures, prints, and returns the time within which 95 of 100 neighbours are shown, in milliseconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="1920x1080", metavar="WxH")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--objects", type=int, default=2)
    parser.add_argument("--clicks", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=0, help="of scrubbing, for the memory")
    parser.add_argument("--quick", action="store_true", help="12 frames of 160x90, a few steps")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.frames, options.steps, options.clicks = "160x90", 12, 8, 2
        options.minutes = 1 / 60
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "park.mp4"
        write_park(clip, options.frames, picture_size(options.size))
        tracks = tracks_of(clip, Path(folder) / "park.tracks.sa2va", options.objects)
        rows = looked(tracks, options.size, options.frames, options.steps, options.minutes)
        rows += clicked(Path(folder), options.clicks) if options.clicks else []
    for one in rows:
        held = f", browser {one['page']:.0f} MB, server {one['server']:.0f} MB" if one["page"] else ""
        print(f"{one['what']}: 95 of 100 within {one['most']:.0f} ms{held}")
    record(options, __file__, arguments, COLUMNS, rows)
    most = max(float(one["most"]) for one in rows[:2])
    if options.clicks:
        print(f"ratio {rows[-1]['median'] / TARGET_CORRECTED_MS:.2f} of {TARGET_CORRECTED_MS} ms for a click")
    print(f"ratio {most / TARGET_MS:.2f} of the target of {TARGET_MS} ms for a neighbour")
    return most


if __name__ == "__main__":
    main()
