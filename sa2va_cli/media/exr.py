"""Writes OpenEXR pictures: linear light, colours multiplied by alpha if wanted, masks as layers.

What 8-bit and other coded numbers become, as linear light relative to diffuse white:

* stills: the inverse of sRGB's curve (IEC 61966-2-1);
* video: the inverse of BT.709's camera curve (ITU-R BT.709, 1.2), which BT.601 and BT.2020 share;
* PQ and HLG: displayed light over 203 nits (ITU-R BT.2408), so that diffuse white is 1.0.

Primaries stay those of the source, and the file names them. Knows nothing about masks but their names.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.authorship import mark
from sa2va_cli.colour import WHITE_NITS, nits
from sa2va_cli.datatypes import Publication, YuvColour
from sa2va_cli.errors import UsageError
from sa2va_cli.staging import atomic, output_error

_BT709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
_BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
"""x and y of red, green, blue and white (ITU-R BT.709, BT.2020)."""


def require_openexr(asked: str) -> None:
    """Makes sure that the package is there.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec("OpenEXR") is None:
        raise UsageError(f"{asked} needs OpenEXR, which is not installed: pip install 'sa2va[exr]'")


def linear_of(picture: NDArray[Any], colour: YuvColour | None, *, video: bool) -> NDArray[np.float32]:
    """Linear light of coded numbers, by the rules above.

    Args:
        picture: uint8 or uint16; the largest value of its type is 1.0.
        colour: what the source's numbers mean; None for RGB.
        video: whether it is a picture of a video.
    """
    transfer = colour.transfer if colour is not None and colour.high_range else None
    rule = str(transfer) if transfer else "709" if video else "srgb"
    return np.asarray(_table(rule, int(np.iinfo(picture.dtype).max))[picture], np.float32)


@lru_cache(maxsize=8)
def _table(rule: str, top: int) -> NDArray[np.float32]:
    """Light of every value 0..top."""
    signal = np.arange(top + 1) / top
    if rule == "srgb":
        light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    elif rule == "709":
        light = np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45))
    else:
        light = nits(signal, int(rule)) / WHITE_NITS
    return light.astype(np.float32)


def write_exr(
    path: Path,
    picture: NDArray[Any],
    *,
    colour: YuvColour | None = None,
    video: bool = False,
    premultiplied: bool = True,
    layers: Mapping[str, NDArray[np.bool_]] | None = None,
    aspect: Fraction = Fraction(1),
    how: Publication | None = None,
) -> None:
    """Writes a picture as half floats, compressed without loss; it appears only when it is complete.

    Args:
        path: what is there is replaced.
        picture: (H, W) grey, kept as it is in ``Y``; (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha,
            uint8 or uint16, linearised.
        colour: what the source's numbers mean; None for RGB.
        video: whether it is a picture of a video.
        premultiplied: whether colours are multiplied by alpha, as OpenEXR means them to be.
        layers: masks (H, W) by name; each becomes the channel ``NAME.A``.
        aspect: width of a pixel over its height.
        how: see ``staging.publish``.

    Raises:
        OutputError: the file cannot be written.
        UsageError: the package is not installed.
    """
    require_openexr(path.name)
    import OpenEXR

    channels = _channels(picture, colour, video=video, premultiplied=premultiplied)
    for name, mask in (layers or {}).items():
        channels[f"{layer_name(name)}.A"] = np.ascontiguousarray(mask, np.float16)
    wide = colour is not None and colour.wide_gamut
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "chromaticities": _BT2020 if wide else _BT709,
        "pixelAspectRatio": float(aspect),
    }
    with atomic(path, how) as hidden:
        try:
            OpenEXR.File(header, channels).write(str(hidden))
            mark(hidden)
        except (OSError, RuntimeError, ValueError) as error:
            raise output_error(path, error) from error


def read_channels(path: Path) -> dict[str, NDArray[Any]]:
    """The channels of a picture, each (H, W), by name.

    Raises:
        OSError: the file cannot be read.
        RuntimeError: it is no OpenEXR file, or is damaged.
        UsageError: the package is not installed.
    """
    require_openexr(path.name)
    import OpenEXR

    channels = OpenEXR.File(str(path), separate_channels=True).channels()
    return {name: channel.pixels for name, channel in channels.items()}


def _channels(
    picture: NDArray[Any], colour: YuvColour | None, *, video: bool, premultiplied: bool
) -> dict[str, NDArray[np.float16]]:
    top = np.float32(np.iinfo(picture.dtype).max)
    if picture.ndim == 2:
        return {"Y": (picture / top).astype(np.float16)}
    light = linear_of(picture[..., :3], colour, video=video)
    made = {}
    if picture.shape[2] == 4:
        alpha = picture[..., 3] / top
        made["A"] = alpha.astype(np.float16)
        if premultiplied:
            light *= alpha[..., None]
    for place, name in enumerate("RGB"):
        made[name] = np.ascontiguousarray(light[..., place], np.float16)
    return made


def layer_name(label: str) -> str:
    """A label as the name of a layer: letters, digits and ``_``, as compositors want it."""
    return re.sub(r"\W+", "_", label, flags=re.ASCII).strip("_") or "object"
