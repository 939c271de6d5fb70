"""Finding a font that can write a text, in whatever script.

Fonts are looked for where operating systems keep them. Where none has the letters, there is the one that
Pillow carries, for Latin letters only, and one of ours with the common Chinese characters (``typeface``; made
by ``scripts/label_font``). Knows nothing about pictures.
"""

import os
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "${WINDIR}/Fonts",
)
_PREFERRED = (
    "notosans-bold",
    "dejavusans-bold",
    "liberationsans-bold",
    "arialbd",
    "segoeuib",
    "helvetica",
    "notosanscjk-bold",
    "notosanscjk",
    "notosanssc",
    "sourcehansans",
    "pingfang",
    "hiraginosansgb",
    "stheiti",
    "msyhbd",
    "msyh",
    "wqy-microhei",
    "wqy-zenhei",
    "droidsansfallback",
    "simhei",
    "yugothb",
    "meiryo",
    "malgunbd",
    "arialunicode",
)
"""Beginnings of the file names of plain, sturdy faces: first those for Latin, Greek and Cyrillic, then those
for Chinese, Japanese and Korean."""
_ENDINGS = frozenset({".ttf", ".otf", ".ttc"})
_MOST_FILES_TRIED = 400
BUNDLED = Path(__file__).parent / "typeface" / "labels.ttf"
"""Some 7,000 characters of WenQuanYi Micro Hei: Latin, kana, common simplified and traditional Chinese."""
_ABSENT = "\U0010ffff"
"""Not a character, so every font draws its sign for a missing glyph."""


@lru_cache(maxsize=256)
def font_for(text: str, size: int, first: str | None = None) -> FreeTypeFont | None:
    """Returns a font that has a glyph for every character of ``text``.

    Args:
        text: what is to be written.
        size: height of the letters' em square in pixels.
        first: a font file that is taken if it can; None for those of this machine only.

    Returns:
        The font, or None when neither a font of this machine nor one that comes along can write the text.
    """
    characters = frozenset(text) - frozenset(" ")
    wanted = None if first is None else _open(first, size)
    if wanted is not None and _covers(wanted, characters):
        return wanted
    file = _file_for(characters)
    if file is not None:
        return _open(file, size)
    for carried in (ImageFont.load_default(size), _open(str(BUNDLED), size)):
        if isinstance(carried, FreeTypeFont) and _covers(carried, characters):
            return carried
    return None


@lru_cache(maxsize=256)
def _file_for(characters: frozenset[str]) -> str | None:
    """Returns the first font file that has all of ``characters``."""
    for file in font_files():
        font = _open(file, 16)
        if font is not None and _covers(font, characters):
            return file
    return None


@lru_cache(maxsize=1)
def font_files() -> tuple[str, ...]:
    """Returns the font files of this machine, preferred faces first."""
    found: list[Path] = []
    for folder in _FOLDERS:
        place = os.path.expanduser(os.path.expandvars(folder))  # noqa: PTH111 (Path's raises where no home is known)
        if not place.startswith(("~", "$")):
            found += [file for file in Path(place).rglob("*") if file.suffix.lower() in _ENDINGS]
    return tuple(str(file) for file in sorted(found, key=_rank)[:_MOST_FILES_TRIED])


def _rank(file: Path) -> tuple[int, str]:
    """Orders font files: preferred ones as listed, then upright ones by name, then slanted ones."""
    name = file.stem.lower().replace(" ", "")
    for place, beginning in enumerate(_PREFERRED):
        if name.startswith(beginning) and "italic" not in name and "oblique" not in name:
            return place, name
    slanted = "italic" in name or "oblique" in name
    return len(_PREFERRED) + slanted, name


@lru_cache(maxsize=32)
def _open(file: str, size: int) -> FreeTypeFont | None:
    """Opens a font file; None when it is broken, or a kind that FreeType cannot scale."""
    try:
        return ImageFont.truetype(file, size)
    except OSError:
        return None


def _covers(font: FreeTypeFont, characters: frozenset[str]) -> bool:
    """Says whether ``font`` draws each character otherwise than as a missing glyph."""
    try:
        missing = bytes(font.getmask(_ABSENT))
        return all(bytes(font.getmask(character)) != missing for character in characters)
    except OSError:
        return False
