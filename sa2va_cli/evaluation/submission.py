"""Predictions as servers take them: ``VIDEO/EXPRESSION/FRAME.png``, 0 and 255, in a folder or a zip file.

MeViS has videos at the root, Ref-YouTube-VOS under ``Annotations``. DAVIS has ``VIDEO/FRAME.png`` with
numbers of objects; a pixel of several is that of the first. Sources: ``README.md`` of henghuiding/MeViS,
``sa2va_eval_ref_vos.py`` of bytedance/Sa2VA and ``tools/zip_mp_refytvos.py`` of cilinyan/VISA,
``davis2017/results.py`` of davisvideochallenge/davis2017-evaluation.
"""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.errors import InputError
from sa2va_cli.evaluation.predictions import Predictions, require_all
from sa2va_cli.evaluation.protocols import Mask
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
    require_all(samples, predictions)
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
        for folder, values in _pictures(video, found):
            for name, picture in zip(video[0].frames.names, values, strict=True):
                file = io.BytesIO()
                Image.fromarray(picture).save(file, "PNG")
                put(f"{ROOTS.get(form, '')}{folder}/{name}.png", file.getvalue())
                count += 1
    return count


def _pictures(
    video: Sequence[ReferringSample], found: Mapping[str, Sequence[Mask]]
) -> Iterator[tuple[str, list[NDArray[np.uint8]]]]:
    """Folders, and what lies in each of them for every frame."""
    if not video[0].shows_first_mask:
        for one in video:
            yield f"{one.video}/{one.expression}", [mask.astype(np.uint8) * 255 for mask in found[one.id]]
        return
    drawn = [np.zeros(mask.shape, np.uint8) for mask in found[video[0].id]]
    for one in reversed(video):
        for picture, mask in zip(drawn, found[one.id], strict=True):
            picture[mask] = int(one.expression)
    yield video[0].video, drawn
