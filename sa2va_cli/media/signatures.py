"""Recognises by a file's first bytes what Pillow alone does not read, so that it is never taken for a video.

Knows nothing about how any of it is decoded.
"""

import importlib
from importlib.util import find_spec
from pathlib import Path

from sa2va_cli.errors import InputError

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_GENERAL_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
"""Brands of ISO/IEC 23008-12 (HEIF): coded as HEVC, as anything, and as AV1."""

_UNREADABLE = {
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"FUJIFILMCCD-RAW": "camera raw",
    b"IIRO": "camera raw",
    b"IIU\x00": "camera raw",
    b"FOVb": "camera raw",
    b"\x80\x2a\x5f\xd7": "Cineon",
    b"#?RADIANCE": "Radiance HDR",
    b"#?RGBE": "Radiance HDR",
}
"""Beginnings of files of pictures that are not read."""

RAW_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3fr", "arw", "cr2", "cr3", "dcr", "dng", "erf", "iiq", "kdc", "mef", "mrw", "nef", "nrw"),
        *("orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f"),
    )
)
"""Endings of camera raw files, whose first picture is but a preview."""
UNREAD_SUFFIXES = RAW_SUFFIXES | {".jxl", ".cin", ".hdr", ".psb"}
"""Endings of files that are pictures, but not ones that are read."""

_LONGEST_HEAD = 4096


def head_of(path: Path) -> bytes:
    """The first 4096 bytes of a file.

    Raises:
        InputError: it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_HEAD)
    except PermissionError as error:
        raise InputError(f"{path}: no permission to read it") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def is_heif(head: bytes) -> bool:
    """Whether a file is an HEIC picture: HEIF, and not AVIF, which Pillow reads."""
    if head[4:8] != b"ftyp":
        return False
    size = min(max(16, int.from_bytes(head[:4], "big")), len(head))
    major = head[8:12]
    brands = {head[at : at + 4] for at in range(16, size - 3, 4)}
    if major in _HEIF_BRANDS:
        return True
    return major in _GENERAL_BRANDS and not brands & _AVIF_BRANDS


def open_heif_with_pillow(path: Path) -> None:
    """Teaches Pillow to open HEIC files.

    Raises:
        InputError: the package that does it is not installed.
    """
    if find_spec("pillow_heif") is None:
        raise InputError(
            f"{path}: HEIC pictures need pillow-heif, which is not installed: pip install 'sa2va[heif]'"
        )
    importlib.import_module("pillow_heif").register_heif_opener(thumbnails=False)


def refuse_unreadable(path: Path, head: bytes) -> None:
    """Refuses pictures of kinds that are not read.

    Raises:
        InputError: the file is one; names its kind and what to do.
    """
    if path.suffix.lower() in RAW_SUFFIXES and head[:4] in (b"II*\0", b"MM\0*"):
        kind: str | None = "camera raw"
    else:
        kind = next((name for start, name in _UNREADABLE.items() if head.startswith(start)), None)
    if head[4:12] == b"ftypcrx ":
        kind = "camera raw"
    if kind is not None:
        raise InputError(f"{path}: {kind} pictures are not read; save it as 16-bit PNG or TIFF, or as EXR")


def is_exr(head: bytes) -> bool:
    """Whether a file is an OpenEXR picture."""
    return head.startswith(b"\x76\x2f\x31\x01")


def is_dpx(head: bytes) -> bool:
    """Whether a file is a DPX picture (SMPTE ST 268)."""
    return head.startswith((b"SDPX", b"XPDS"))
