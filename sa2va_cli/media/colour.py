"""What the numbers of an image mean, and the way from them to sRGB.

Profiles (ICC) are applied by LittleCMS. Tags that say the same in fewer bytes (PNG's ``cICP``, ``gAMA`` and
``cHRM``, the colour boxes of AVIF, EXIF's Adobe RGB) are made profiles here, so that there is one way for
all, and one thing for outputs to keep. Knows nothing about files.
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65)
"""x and y of red, green, blue and white (IEC 61966-2-1)."""

PRIMARIES: dict[int, tuple[float, ...]] = {
    1: SRGB_PRIMARIES,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),
}
"""Table 2 of ITU-T H.273; others are taken for those of sRGB."""

_BT709 = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVES: dict[int, tuple[float, ...]] = {
    1: _BT709, 4: (2.2,), 5: (2.8,), 6: _BT709, 8: (1.0,), 13: _SRGB, 14: _BT709, 15: _BT709,
}  # fmt: skip
"""Transfer characteristics of ITU-T H.273, table 3, as ICC's parametric curves; others are sRGB's."""

PQ, HLG = 16, 18
_WHITE_NITS = 203.0
"""The luminance of white in high dynamic range (ITU-R BT.2408)."""
_KNEE = 0.75
"""Share of sRGB's white up to which high dynamic range is shown as it is."""

ADOBE_RGB = ((0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *D65), (563 / 256,))
"""Adobe RGB (1998): primaries and curve."""

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = (0.9642, 1.0, 0.8249)
_NO_CACHE = 0x0040
"""LittleCMS's flag without which a transform must not be used by two threads at once."""
_SAME = 2
"""Levels of 255 by which a profile may differ from sRGB and still be taken for it."""


@dataclass(frozen=True)
class Tagged:
    """What an image says about its colours in place of a profile.

    Attributes:
        primaries: x and y of red, green, blue and white.
        curve: parameters of ICC's parametric curve, from a coded value to light; one for a plain power.
    """

    primaries: tuple[float, ...] = SRGB_PRIMARIES
    curve: tuple[float, ...] = _SRGB

    @property
    def profile(self) -> bytes | None:
        """An RGB profile that says the same; None where that is sRGB, or within a few levels of it."""
        made = matrix_profile(self.primaries, self.curve)
        return None if _transform(made, "RGB") is None else made


def tagged_by_code(primaries: int, transfer: int) -> Tagged:
    """The meaning of code points of ITU-T H.273, of standard dynamic range."""
    return Tagged(PRIMARIES.get(primaries, SRGB_PRIMARIES), _CURVES.get(transfer, _SRGB))


def tagged_by_gamma(gamma: float | None, chromaticity: Sequence[float] | None) -> Tagged:
    """The meaning of PNG's ``gAMA`` and ``cHRM``.

    Args:
        gamma: exponent from light to code; 1/2.2 is what sRGB files say too, and is taken for that.
        chromaticity: x and y of white, red, green and blue.
    """
    near_srgb = gamma is None or abs(gamma - 0.45455) < 0.003
    primaries: tuple[float, ...] = SRGB_PRIMARIES
    if chromaticity is not None and len(chromaticity) == 8:
        primaries = (*chromaticity[2:], *chromaticity[:2])
    return Tagged(primaries, _SRGB if near_srgb or not gamma else (1 / gamma,))


def usable(profile: bytes) -> str | None:
    """The colour space of a profile (``RGB``, ``GRAY``, ``CMYK``, ...); None where it is damaged."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(opened.profile.xcolor_space).strip()
        if space in ("RGB", "GRAY", "CMYK"):
            _transform(profile, {"GRAY": "L"}.get(space, space))
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None
    return space


def to_srgb(image: Any, profile: bytes) -> Any:
    """Converts a Pillow image of mode RGB, L or CMYK to RGB in sRGB; perceptually, clipped to its gamut.

    Raises:
        PyCMSError: the profile does not go with the mode.
    """
    transform = _transform(profile, image.mode)
    return image.convert("RGB") if transform is None else ImageCms.applyTransform(image, transform)


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> Any:
    """The way to sRGB; None where it changes next to nothing."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        flags=ImageCms.Flags(_NO_CACHE),
    )
    if mode != "RGB":
        return transform
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(18, -1, 3)
    seen = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform))
    return None if np.abs(seen.astype(int) - grid).max() <= _SAME else transform


def matrix_profile(primaries: Sequence[float], curve: Sequence[float]) -> bytes:
    """Makes an ICC profile (version 4.3) of three primaries and one parametric curve, of types 0 or 3."""
    to_xyz = adapted(primaries)
    kind = 0 if len(curve) == 1 else 3
    tone = b"para" + struct.pack(">IHH", 0, kind, 0) + b"".join(map(_s15, curve))
    tags = {
        b"desc": _text("RGB colours of an image's tags"),
        b"cprt": _text("no copyright"),
        b"wtpt": _xyz(_D50),
        **{name: _xyz(to_xyz[:, place]) for place, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tone),
    }
    table, data = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", begin + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI", begin + len(data), b"lcms", 0x04300000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(_s15, _D50))
    return head.ljust(128, b"\0") + table + data


def _s15(value: float) -> bytes:
    return struct.pack(">i", round(float(value) * 65536))


def _xyz(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_s15, values))


def _text(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(coded), 28) + coded


def to_xyz(primaries: Sequence[float]) -> NDArray[np.float64]:
    """(3, 3) from linear RGB to CIE XYZ, white having Y = 1 (SMPTE RP 177)."""
    x, y = np.asarray(primaries, float).reshape(4, 2).T
    columns = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    return np.asarray(columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3]))


def adapted(primaries: Sequence[float], white: Sequence[float] = _D50) -> NDArray[np.float64]:
    """(3, 3) from linear RGB to CIE XYZ under another white, adapted as Bradford has it (ICC.1, annex E)."""
    matrix = to_xyz(primaries)
    gains = (_BRADFORD @ np.asarray(white)) / (_BRADFORD @ matrix.sum(axis=1))
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ matrix)


def between(primaries: Sequence[float], others: Sequence[float] = SRGB_PRIMARIES) -> NDArray[np.float32]:
    """(3, 3) float32 from linear RGB of some primaries to that of others, white going to white."""
    return np.asarray(np.linalg.solve(adapted(others), adapted(primaries)), np.float32)


def encode_srgb(light: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Linear light, 1 being white, as sRGB code values of 16 bits; clipped, what is no number being black."""
    clipped = np.clip(np.nan_to_num(light, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    bent = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** np.float32(1 / 2.4) - 0.055)
    return np.asarray(np.rint(bent * 65535), np.uint16)


def tone_mapped(coded: NDArray[np.float32], primaries: int, transfer: int) -> NDArray[np.uint16]:
    """High dynamic range as a picture in sRGB.

    Light up to 152 cd/m2 (three quarters of white at 203) keeps its brightness; above, it approaches white
    along an exponential, all channels alike so that hues stay.

    Args:
        coded: (H, W, 3) float32 in 0..1.
        primaries: their number in ITU-T H.273.
        transfer: 16 (PQ, SMPTE ST 2084) or 18 (HLG, ITU-R BT.2100, for a display of 1000 cd/m2).

    Returns:
        (H, W, 3) uint16 sRGB code values.
    """
    light = _pq_light(coded) if transfer == PQ else _hlg_light(coded)
    shown = np.maximum(light @ between(PRIMARIES.get(primaries, SRGB_PRIMARIES)).T, 0)
    most = shown.max(axis=-1, keepdims=True)
    rolled = _KNEE + (1 - _KNEE) * (1 - np.exp(-(most - _KNEE) / (1 - _KNEE)))
    return encode_srgb(np.where(most > _KNEE, shown * (rolled / np.maximum(most, _KNEE)), shown))


def _pq_light(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    power = np.clip(coded, 0, 1) ** np.float32(32 / 2523)
    ratio = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return np.asarray(10_000 / _WHITE_NITS * ratio ** (16384 / 2610), np.float32)


def _hlg_light(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    luma = scene @ np.array([0.2627, 0.6780, 0.0593], np.float32)
    return np.asarray(1000 / _WHITE_NITS * scene * np.maximum(luma, 1e-6)[..., None] ** 0.2, np.float32)
