"""What an opened image says about its colours: its profile, or the tags of its format that stand for one.

Knows nothing about how colours are converted.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa2va_cli.media import colour
from sa2va_cli.media.signatures import head_of

BAD_PROFILE = "has a colour profile that is damaged or does not fit; the colours are taken for sRGB"
_NCLX = b"colrnclx"
"""A colour box of HEIF files: its kind, followed by primaries, transfer and matrix of two bytes each."""
_INTEROPERABILITY = 0xA005
"""EXIF's tag of the directory whose first entry is R03 for Adobe RGB (DCF 2.0)."""


@dataclass(frozen=True)
class Meaning:
    """What the numbers of a file mean.

    Attributes:
        profile: usable; None for sRGB.
        notes: what the user should know about it.
        hdr: number of primaries and transfer in ITU-T H.273, for high dynamic range.
    """

    profile: bytes | None = None
    notes: tuple[str, ...] = ()
    hdr: tuple[int, int] | None = None


def stated_meaning(image: Any, path: Path) -> Meaning:
    """What an opened file says about its colours."""
    if image.format == "PNG":
        return png_meaning(image, path)
    if image.info.get("icc_profile"):
        return profile_meaning(image.info["icc_profile"])
    if image.format in ("AVIF", "HEIF"):
        head = head_of(path)
        place = head.find(_NCLX)
        if 0 <= place <= len(head) - 12:
            return _by_code(*struct.unpack_from(">2H", head, place + len(_NCLX)))
    if image.format == "JPEG" and image.getexif().get_ifd(_INTEROPERABILITY).get(1) == "R03":
        return Meaning(colour.Tagged(*colour.ADOBE_RGB).profile)
    return Meaning()


def png_meaning(image: Any, path: Path) -> Meaning:
    """What counts first in PNG: cICP, iCCP, sRGB, then gAMA and cHRM (PNG, third edition, 4.3)."""
    codes = _png_codes(path)
    if codes is not None:
        return _by_code(*codes)
    stated = profile_meaning(image.info.get("icc_profile"))
    if stated.profile is not None or "srgb" in image.info:
        return stated
    gamma, chromaticity = image.info.get("gamma"), image.info.get("chromaticity")
    if gamma is None and chromaticity is None:
        return stated
    return Meaning(colour.tagged_by_gamma(gamma, chromaticity).profile)


def _by_code(primaries: int, transfer: int) -> Meaning:
    if transfer in (colour.PQ, colour.HLG):
        kind = "PQ" if transfer == colour.PQ else "HLG"
        note = f"has a high dynamic range ({kind}); it is tone-mapped to sRGB, for outputs too"
        return Meaning(notes=(note,), hdr=(primaries, transfer))
    return Meaning(colour.tagged_by_code(primaries, transfer).profile)


def profile_meaning(profile: bytes | None) -> Meaning:
    """A usable profile, or what is to be said about one that is not."""
    if not profile:
        return Meaning()
    usable = colour.usable(profile) in ("RGB", "GRAY", "CMYK")
    return Meaning(profile) if usable else Meaning(notes=(BAD_PROFILE,))


def _png_codes(path: Path) -> tuple[int, int] | None:
    """Primaries and transfer of a ``cICP`` chunk, which comes before the pixels."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"cICP" and length == 4:
                primaries, transfer = file.read(2)
                return primaries, transfer
            if kind in (b"IDAT", b"IEND"):
                return None
            file.seek(length + 4, 1)
    return None
