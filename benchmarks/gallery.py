"""Makes the pictures of docs/guides/editing.md: one for each effect, from the sample with the demo network.

    python benchmarks/gallery.py

Writes docs/images/edit/NAME.webp, and the table of effects in the guide.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from sa2va_cli.media.reader import open_source
from sa2va_cli.render.effects.table import EFFECTS

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/guides/editing.md"
PICTURES = ROOT / "docs/images/edit"
GIRL, DOG = "the girl in red dress", "the dog"
EVERY, SHOWN, WIDTH, QUALITY = 6, 10, 320, 60

SHOWS: dict[str, tuple[str, str]] = {
    "recolour": (GIRL, "recolour=blue"),
    "brightness": (GIRL, "brightness=1.8"),
    "contrast": (GIRL, "contrast=1.8"),
    "saturation": (GIRL, "saturation=0.3"),
    "temperature": (GIRL, "temperature=-0.8"),
    "background": (GIRL, "background=blur"),
    "outline": (DOG, "outline=red"),
    "remove": (DOG, "remove"),
    "label": (DOG, "label=Rex"),
    "caption": (DOG, "caption=A good dog"),
    "follow": (DOG, "follow"),
    "zoom": (DOG, "zoom=2"),
}
"""What is shown of effects that need a value, or show little of themselves without one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes the pictures and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="make the picture of this effect alone", choices=sorted(EFFECTS))
    given = parser.parse_args(arguments)
    names = [name for name in EFFECTS if name != "generate" and given.only in (None, name)]
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tracks = Path(folder) / "park.tracks.sa2va"
        prompts = [GIRL, DOG]
        sample = str(ROOT / "samples/park.mp4")
        call(
            "segment",
            sample,
            *prompts,
            "--model",
            "demo",
            "--every",
            str(EVERY),
            "--save",
            "tracks",
            "-o",
            tracks,
        )
        for name in names:
            picture(name, tracks, Path(folder))
    write_table()


def call(*words: object) -> None:
    """Runs the program."""
    subprocess.run([sys.executable, "-m", "sa2va_cli", *map(str, words), "-q"], check=True, cwd=ROOT)


def picture(name: str, tracks: Path, folder: Path) -> None:
    """Makes the picture of an effect: one frame of an edit."""
    target, effect = SHOWS.get(name, (GIRL, name))
    made = folder / f"{name}.mkv"
    call("edit", tracks, "--target", target, "--effect", effect, "--codec", "ffv1", "-o", made)
    with open_source(made) as reader:
        (frame,) = reader.frames_at([SHOWN])
    image = Image.fromarray(frame.image)
    image = image.resize((WIDTH, round(WIDTH * image.height / image.width)), Image.Resampling.LANCZOS)
    image.save(PICTURES / f"{name}.webp", quality=QUALITY, method=6)


def write_table() -> None:
    """Writes the table of effects into the guide."""
    rows = ["| effect | what it does | words | looks like |", "|---|---|---|---|"]
    for name, row in EFFECTS.items():
        words = ", ".join((*row.english[:2], *row.chinese[:2]))
        usage = name if row.value is None else f"{name}={row.value.metavar}"
        shown = f"![{name}](../images/edit/{name}.webp)" if (PICTURES / f"{name}.webp").exists() else ""
        rows.append(f"| `{usage}` | {row.text} | {words} | {shown} |")
    text = GUIDE.read_text(encoding="utf-8")
    table = "<!-- effects -->\n" + "\n".join(rows) + "\n<!-- end -->"
    GUIDE.write_text(
        re.sub("<!-- effects -->.*?<!-- end -->", lambda _: table, text, flags=re.DOTALL), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
