"""Decodes still pictures: what the network looks at, and the source's own numbers for what is cut out of it.

The network sees 8 bits, upright, in sRGB, with whatever is transparent over neutral grey. Beside that a
``Still`` has the numbers of the file where those are others: deeper, in a wider space, or under alpha. Knows
nothing about folders and sequences.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from sa2va_cli.colour import eight_bits
from sa2va_cli.datatypes import RGB, over_grey
from sa2va_cli.errors import InputError
from sa2va_cli.media import colour
from sa2va_cli.media.colour_tags import BAD_PROFILE, Meaning, png_meaning, profile_meaning, stated_meaning
from sa2va_cli.media.deep_values import (
    can_be_deep,
    jpeg_2000_depth,
    sixteen_bit_values,
    sixteen_bits,
    stretched,
)
from sa2va_cli.media.film import film_aspect, film_size, read_film
from sa2va_cli.media.formats import check_pixels, open_image, stated_size, upright_size
from sa2va_cli.media.signatures import head_of, is_dpx, is_exr
from sa2va_cli.media.tiff import TiffLayout, deep_page, first_fields, is_tiff

_NARROWED = "has more than 8 bits, of which only 8 could be read"
_DAMAGE = (OSError, ValueError, SyntaxError, TypeError, EOFError, Image.DecompressionBombError)
"""What Pillow raises for damaged files."""
_TURN, _NEW_SUBFILE, _PROFILE = 0x0112, 254, 34675
"""Tags of TIFF and EXIF."""


@dataclass(frozen=True, eq=False)
class Still:
    """A decoded picture; see ``Frame`` for what the arrays are.

    Attributes:
        image: (H, W, 3) uint8, for the network.
        deep: (H, W, 3) uint16 or None.
        alpha: (H, W) uint8 or uint16, or None.
        icc_profile: of ``deep``, or None.
        notes: what the user should know, one line each, without the file's name.
    """

    image: RGB = field(repr=False)
    deep: NDArray[np.uint16] | None = field(default=None, repr=False)
    alpha: NDArray[Any] | None = field(default=None, repr=False)
    icc_profile: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()


def read_still(path: Path) -> Still:
    """Decodes an image file; of several pictures in it the first.

    Raises:
        InputError: when the file is not an image, or is damaged.
    """
    head = head_of(path)
    if is_exr(head) or is_dpx(head):
        check_pixels(path, film_size(path, head))
        film = read_film(path, head)
        notes = () if film.note is None else (film.note,)
        return replace(_still(eight_bits(film.shown), film.numbers, film.alpha, deep=True), notes=notes)
    image = open_image(path)
    if image is None and is_tiff(head):
        return _tiff_that_pillow_does_not_know(path)
    if image is None:
        raise no_image(path)
    with image:
        still = decode_still(image, path)
        return replace(still, notes=(*still.notes, *_further(image)))


def _tiff_that_pillow_does_not_know(path: Path) -> Still:
    fields = first_fields(path)
    layout = TiffLayout.of(path, fields)
    still = _deep_tiff(path, 0, layout, fields.get(_PROFILE)) if layout.is_deep else None
    if still is None:
        raise _unread_tiff(path, layout)
    more = ("holds more pictures; only the first is read",) if fields.next else ()
    return replace(still, notes=(*still.notes, *more))


def _further(image: Any) -> list[str]:
    """Says that a file holds more pictures than the one that is read."""
    if image.format == "TIFF":
        pages = frame_pages(image)
        cut = [PAGES_CUT_OFF] if pages.cut_off else []
        return [*_more(len(pages.numbers)), *cut]
    return _more(getattr(image, "n_frames", 1))


def _more(count: int) -> list[str]:
    return [f"holds {count} pictures; only the first is read"] if count > 1 else []


def still_size(path: Path, *, exact: bool = True) -> tuple[tuple[int, int], str]:
    """(width, height) of an upright picture, and its format's name.

    Args:
        path: the file.
        exact: whether to look for a rotation behind the pixels of a PNG too, which decodes it.

    Raises:
        InputError: when the file is not an image.
    """
    head = head_of(path)
    if is_exr(head) or is_dpx(head):
        return film_size(path, head), "exr" if is_exr(head) else "dpx"
    image = open_image(path)
    if image is None and is_tiff(head):
        return TiffLayout.of(path, first_fields(path)).size, "tiff"
    if image is None:
        raise no_image(path)
    with image:
        try:
            size = upright_size(image) if exact else stated_size(image)
        except _DAMAGE as error:
            raise damaged(path, error) from error
        return size, str(image.format or "").lower()


def still_aspect(path: Path) -> Fraction:
    """Width of a pixel over its height, as pictures of film say it.

    Raises:
        InputError: the file cannot be opened.
    """
    head = head_of(path)
    return film_aspect(path, head) if is_exr(head) or is_dpx(head) else Fraction(1)


def required(path: Path) -> Any:
    """Opens a file that must be an image of Pillow's.

    Raises:
        InputError: it is not.
    """
    image = open_image(path)
    if image is None:
        raise no_image(path)
    return image


def no_image(path: Path) -> InputError:
    """The error for what is named as an image and is none."""
    return InputError(f"{path}: not an image that can be read; it is damaged, or of a kind that is not read")


def damaged(path: Path, error: BaseException) -> InputError:
    """The error for a damaged image."""
    return InputError(f"{path}: the image is damaged ({' '.join(str(error).split())})")


def decode_still(image: Any, path: Path) -> Still:
    """Decodes the current picture of an opened Pillow image.

    Raises:
        InputError: when it is damaged.
    """
    is_deep = can_be_deep(image, path, _raw_mode(image))
    if image.format == "TIFF" and (layout := TiffLayout.of(path, image.tag_v2)).is_deep:
        deep = _deep_tiff(path, image.tell(), layout, image.info.get("icc_profile"))
        if deep is not None:
            return deep
    try:
        turn = int(image.getexif().get(_TURN, 1))
        upright = ImageOps.exif_transpose(image) if turn != 1 else image  # which would copy it
        if upright.mode.startswith("I") or upright.mode == "F":
            return _grey_still(upright, path, image.format)
        values = sixteen_bits(image, path, upright, turn) if is_deep else None
        still = _colour_still(image, upright, values, path)
        narrowed = is_deep and still.deep is None and image.format != "AVIF"  # which does not say how deep
        return replace(still, notes=(*still.notes, _NARROWED)) if narrowed else still
    except _DAMAGE as error:
        raise damaged(path, error) from error


def _raw_mode(image: Any) -> str:
    """How the pixels lie in the file, in Pillow's words; nothing once they have been decoded."""
    return str(image.tile[0][3]) if getattr(image, "tile", None) else ""


def _grey_still(upright: Any, path: Path, kind: str | None) -> Still:
    """One channel of more than 8 bits."""
    values = _filled(sixteen_bit_values(np.asarray(upright)), path, upright, kind)
    transparent = upright.info.get("transparency")
    alpha = None
    if isinstance(transparent, int):
        alpha = np.where(np.asarray(upright) == transparent, 0, 65535).astype(np.uint16)
    deep = np.repeat(values[..., None], 3, axis=2)
    meaning = (
        png_meaning(upright, path) if kind == "PNG" else profile_meaning(upright.info.get("icc_profile"))
    )
    return _shown(Image.fromarray(eight_bits(values)), deep, alpha, meaning)


def _filled(values: NDArray[np.uint16], path: Path, image: Any, kind: str | None) -> NDArray[np.uint16]:
    """Grey whose fewer bits than 16 lie at the top, with full as 65535."""
    bits = 16
    if kind == "JPEG2000":
        bits = jpeg_2000_depth(path)
    elif kind == "HEIF":
        bits = int(image.info.get("bit_depth", 16))
    return stretched(values >> (16 - bits), bits) if 8 < bits < 16 else values


def _deep_tiff(path: Path, page: int, layout: TiffLayout, profile: bytes | None) -> Still | None:
    """A page of grey or RGB of more than 8 bits; None where that is left to Pillow.

    Raises:
        InputError: it is of a kind that nothing here reads as it is meant.
    """
    values = deep_page(path, page, layout)
    if values is None and layout.is_pillows:
        return None
    if values is None:
        raise _unread_tiff(path, layout)
    alpha = values[..., -1] if layout.has_alpha else None
    grey = values.shape[2] < 3
    deep = np.ascontiguousarray(np.repeat(values[..., :1], 3, axis=2) if grey else values[..., :3])
    eight = Image.fromarray(eight_bits(values[..., 0] if grey else deep))
    return _shown(eight, deep, alpha, profile_meaning(profile))


def _unread_tiff(path: Path, layout: TiffLayout) -> InputError:
    return InputError(
        f"{path}: TIFF with {layout} is not read as it was saved, or it is damaged; save it as integers of 8 "
        "or 16 bits, channels side by side, uncompressed or with LZW or Deflate"
    )


def _colour_still(image: Any, upright: Any, values: NDArray[np.uint16] | None, path: Path) -> Still:
    """Every other mode; ``values`` are (H, W, 3 or 4) uint16 where the file has them."""
    alpha: NDArray[Any] | None = None
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        alpha = np.asarray(upright.getchannel("A"))
    if values is not None and values.shape[2] == 4:
        alpha = values[..., 3] if alpha is not None else None
    elif values is not None and alpha is not None:
        alpha = alpha.astype(np.uint16) * np.uint16(257)
    deep = None if values is None else np.ascontiguousarray(values[..., :3])
    meaning = stated_meaning(image, path)
    if upright.mode not in ("CMYK", "LAB", "L"):
        upright = _as_rgb(upright)
    return _shown(upright, deep, alpha, meaning)


def _shown(
    image: Any, deep: NDArray[np.uint16] | None, alpha: NDArray[Any] | None, meaning: Meaning
) -> Still:
    """Makes of the numbers what is seen.

    Args:
        image: of mode RGB, L, CMYK or LAB.
        deep: the same as (H, W, 3) uint16, where it is deeper.
        alpha: (H, W), or None.
        meaning: of the numbers.
    """
    if meaning.hdr is not None:
        coded = _widened(np.asarray(image.convert("RGB"))) if deep is None else deep
        deep = colour.tone_mapped(np.asarray(coded / np.float32(65535), np.float32), *meaning.hdr)
        return replace(_still(eight_bits(deep), deep, alpha, deep=True), notes=meaning.notes)
    profile = meaning.profile
    space = None if profile is None else colour.usable(profile)
    if space == "RGB" and image.mode == "L":
        image = image.convert("RGB")
    if profile is None or space != {"L": "GRAY"}.get(image.mode, image.mode):
        notes = meaning.notes if profile is None else (*meaning.notes, BAD_PROFILE)
        shown = _plain(image) if deep is None else eight_bits(deep)
        return replace(_still(shown, deep, alpha, deep=deep is not None), notes=notes)
    if image.mode != "RGB":  # numbers of grey and CMYK profiles are none of RGB, so they cannot be kept
        return replace(_still(_converted(image, profile), None, alpha), notes=meaning.notes)
    eight = np.array(image, np.uint8) if deep is None else eight_bits(deep)
    shown = _converted(Image.fromarray(eight), profile)
    own = _widened(eight) if deep is None else deep
    return replace(_still(shown, own, alpha, deep=True), icc_profile=profile, notes=meaning.notes)


def _still(shown: RGB, numbers: Any, alpha: NDArray[Any] | None, *, deep: bool = False) -> Still:
    """Lays a picture over grey where it has alpha, and keeps its own colours then.

    Args:
        shown: (H, W, 3) uint8 sRGB.
        numbers: (H, W, 3) uint16, or None for those of ``shown``.
        alpha: (H, W), or None.
        deep: whether ``numbers`` are kept without alpha too.
    """
    if alpha is not None and alpha.min(initial=np.iinfo(alpha.dtype).max) == np.iinfo(alpha.dtype).max:
        alpha = None
    if alpha is None:
        return Still(shown, numbers if deep else None)
    own = _widened(shown) if numbers is None else numbers
    return Still(over_grey(shown, alpha), own, np.ascontiguousarray(alpha))


def _plain(image: Any) -> RGB:
    """A Pillow image without a profile as RGB."""
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(image, lab, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.array(_as_rgb(image), np.uint8)


def _as_rgb(image: Any) -> Any:
    """A Pillow image as RGB; Pillow would copy one that is."""
    return image if image.mode == "RGB" else image.convert("RGB")


def _converted(image: Any, profile: bytes) -> RGB:
    return np.array(colour.to_srgb(image, profile), np.uint8)


def _widened(image: RGB) -> NDArray[np.uint16]:
    """8 bits to 16."""
    return image * np.uint16(257)


PAGES_CUT_OFF = "is damaged: its further pages cannot be reached"
"""What is said of a TIFF file that ends before its last page."""


class Pages(NamedTuple):
    """The pages of a TIFF file that are pictures of their own.

    Attributes:
        numbers: which they are, from 0.
        sizes: all (width, height) among them.
        cut_off: whether there are further ones that cannot be reached.
    """

    numbers: list[int]
    sizes: set[tuple[int, int]]
    cut_off: bool


def frame_pages(image: Any) -> Pages:
    """The pages of an opened TIFF file that are pictures of their own.

    Small versions and masks are none (TIFF 6.0, NewSubfileType: bit 0 is a reduced picture, bit 2 a mask).
    """
    numbers: list[int] = []
    sizes: set[tuple[int, int]] = set()
    for page in count():
        try:
            image.seek(page)
            subfile = int(image.tag_v2.get(_NEW_SUBFILE, 0))
        except EOFError:
            return Pages(numbers, sizes, cut_off=False)
        except _DAMAGE:
            break
        if not subfile & 0b101:
            numbers.append(page)
            sizes.add((image.width, image.height))
    return Pages(numbers, sizes, cut_off=True)
