"""DAVIS 2017, semi-supervised: ``ImageSets/2017/{split}.txt``, ``JPEGImages/480p`` and ``Annotations/480p``.

There are no sentences: the mask of the first frame is what is given. An object is a sample, its value in
the palette PNGs is its name. Value 255 is nobody's. Source: ``davis2017/davis.py`` and
``davis2017/evaluation.py`` of davisvideochallenge/davis2017-evaluation, which counts objects up to the
highest value of the first frame and leaves the first and the last frame out.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from sa2va_cli.errors import InputError
from sa2va_cli.training.datasets.entries import Problems, picture_of
from sa2va_cli.training.datasets.masks import Values
from sa2va_cli.training.datasets.sample import Dataset, Pictures, ReferringSample

NAME = "davis"
SPLITS = ("val", "train")
_UNSCORED = 2
"""Frames of a video that no score counts: the first and the last."""
_RESOLUTIONS = ("480p", "Full-Resolution")


def recognised(path: Path) -> bool:
    """Whether it has the lists of DAVIS 2017."""
    return (path / "ImageSets" / "2017").is_dir() and (path / "Annotations").is_dir()


def read(path: Path, split: str | None) -> Dataset:
    """Reads a part, ``val`` where none is named.

    Raises:
        InputError: the list of videos is missing.
    """
    part = split or "val"
    names = path / "ImageSets" / "2017" / f"{part}.txt"
    at = next((one for one in _RESOLUTIONS if (path / "JPEGImages" / one).is_dir()), _RESOLUTIONS[0])
    problems, samples = Problems(), []
    for index, video in enumerate(_listed(names)):
        where = f"{names.name}: line {index + 1}"
        drawn = sorted((path / "Annotations" / at / video).glob("*.png"))
        if not drawn:
            problems.add(where, f"there are no annotations of {video}")
            continue
        if len(drawn) <= _UNSCORED:
            problems.add(
                where, f"{video} has {len(drawn)} frames, of which the first and the last are not scored"
            )
            continue
        pictures = Pictures([picture_of(path / "JPEGImages" / at / video, one.stem) for one in drawn])
        try:
            with Image.open(drawn[0]) as first:
                values = [int(one) for one in np.unique(np.asarray(first)) if 0 < one < 255]
        except (OSError, SyntaxError) as error:
            problems.add(where, f"{video}/{drawn[0].name} cannot be read: {error}")
            continue
        for value in values:
            mask, place = Values(drawn, value), f"{where}: {video}, object {value}"
            samples.append(
                ReferringSample(
                    video, str(value), "", pictures, (mask,), place, split=part, shows_first_mask=True
                )
            )
    return Dataset(NAME, path, samples, problems.found)


def _listed(names: Path) -> list[str]:
    try:
        return names.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{names}: {getattr(error, 'strerror', None) or 'not a list of videos'}") from error
