"""Predictions as servers take them: ``VIDEO/EXPRESSION/FRAME.png``, 0 and 255, in a folder or a zip file.

MeViS has videos at the root, Ref-YouTube-VOS under ``Annotations``.
"""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sa2va_cli.errors import InputError
from sa2va_cli.evaluation.predictions import Predictions
from sa2va_cli.staging import atomic
from sa2va_cli.training.datasets.sample import ReferringSample, by_video

ROOTS = {"ref-youtube-vos": "Annotations/", "ref-davis17": "Annotations/", "mevis": ""}
"""What stands before the video's name; nothing for any other format."""


def refuse_existing(out: Path) -> None:
    """Nothing is replaced; asked before hours of prediction as well as after them.

    Raises:
        InputError: there is something at ``out``.
    """
    if out.exists():
        raise InputError(f"{out} is there already; name a new folder or zip file")


def write_submission(
    form: str, samples: Sequence[ReferringSample], predictions: Predictions, out: Path, *, protocol: str
) -> int:
    """Writes everything that a server wants, after it was checked that nothing is missing.

    Args:
        form: the data set's format, which says how it is laid out.
        samples: every sentence of the part that is submitted.
        predictions: of all of them.
        out: a new folder, or a zip file.
        protocol: which objects of an answer count.

    Returns:
        How many pictures there are.

    Raises:
        InputError: sentences have no prediction, or there is something at ``out``.
        OutputError: it cannot be written.
    """
    missing = [one.id for one in samples if not predictions.has(one)]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(samples)} sentences have no prediction, {missing[0]} for one; a server "
            "takes all or nothing"
        )
    refuse_existing(out)
    with atomic(out) as part:
        if out.suffix.lower() == ".zip":
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:
                return _write(form, samples, predictions, packed.writestr, protocol)
        part.unlink()
        part.mkdir()

        def put(name: str, data: bytes) -> None:
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        return _write(form, samples, predictions, put, protocol)


def _write(
    form: str,
    samples: Sequence[ReferringSample],
    predictions: Predictions,
    put: Callable[[str, bytes], None],
    protocol: str,
) -> int:
    count = 0
    for video in by_video(samples).values():
        found = predictions.of_video(video, first_only=protocol == "official")
        for one in video:
            for name, mask in zip(one.frames.names, found[one.id], strict=True):
                file = io.BytesIO()
                Image.fromarray(mask.astype(np.uint8) * 255).save(file, "PNG")
                put(f"{ROOTS.get(form, '')}{one.video}/{one.expression}/{name}.png", file.getvalue())
                count += 1
    return count
