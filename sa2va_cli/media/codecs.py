"""Which video codecs the installed PyAV can read and write, and which of them this program uses."""

import av
from av.codec.codec import UnknownCodecError

from sa2va_cli.media.encodings import ENCODINGS

DECODERS = ("h264", "hevc", "vp9", "av1", "prores", "mpeg4", "mjpeg", "ffv1")
"""What most clips are in, by FFmpeg's names."""


def decoders() -> dict[str, bool]:
    """Tells for each of ``DECODERS`` whether it is there."""
    return {name: _known(name, "r") for name in DECODERS}


def encoders() -> dict[str, bool]:
    """Tells for each encoder that outputs are written with whether it is there."""
    return {encoding.encoder: _known(encoding.encoder, "w") for encoding in ENCODINGS.values()}


def _known(name: str, mode: str) -> bool:
    try:
        av.Codec(name, "r" if mode == "r" else "w")
    except UnknownCodecError:
        return False
    return True
