"""Frames that something else has made, laid over the object: a generative back-end, or any other program.

What such programs leave as it was is never quite what it was: so nothing of it shows outside of the mask.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.render.effects.effect import Effect, Layer, Moment


@dataclass
class Generated(Effect):
    """Shows a folder of frames where the target is.

    Attributes:
        prompt: what was asked for; the frames were made before.
        frames: a folder of ``00000.png``, ``00001.png``, ..., by the numbers of the frames of the run.

    Raises:
        InputError: there is no such folder.
    """

    prompt: str
    frames: str | None = None

    def __post_init__(self) -> None:
        if self.frames is not None and not Path(self.frames).is_dir():
            raise InputError(f"effect generate: {self.frames} is no folder")

    def apply(self, moment: Moment) -> Layer | None:
        """Draws one frame.

        Raises:
            UsageError: nothing has made the frames.
        """
        if self.frames is None:
            raise UsageError(
                f"effect generate={self.prompt} needs a --backend that makes it, or frames=FOLDER"
            )
        box = moment.box
        if box is None:
            return None
        made = _read(Path(self.frames) / f"{moment.index:05d}.png", moment.size)
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        colours = made[part].astype(moment.picture.dtype) * (moment.top // 255)
        return Layer(colours, moment.alpha[part], box)


def _read(path: Path, size: tuple[int, int]) -> RGB:
    try:
        with Image.open(path) as image:
            made = np.asarray(image.convert("RGB"))
    except FileNotFoundError as error:
        raise InputError(f"effect generate: there is no {path}") from error
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"effect generate: {path} is no picture ({error})") from error
    if (made.shape[1], made.shape[0]) == size:
        return made
    scaled: RGB = cv2.resize(made, size, interpolation=cv2.INTER_AREA)
    return scaled
