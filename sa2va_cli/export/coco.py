"""COCO JSON with compressed run lengths and track ids, written while the frames come.

The format is that of "Data format" and "Results format" at cocodataset.org, with ``track_id`` where FiftyOne
and where CVAT and Datumaro look for it, and ``videos`` as in CocoVID and YouTube-VIS. JSON wants all images
in one list and all annotations in another, so annotations wait in a nameless file on the same disk: memory
does not grow with the length of a clip.
"""

import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Prompt, Sink
from sa2va_cli.export.frame_names import image_name, source_number
from sa2va_cli.staging import discard, output_errors, publish, staged

_CHUNK = 1 << 20
_VIDEO = 1
"""The id of the one video."""


class CocoSink(Sink):
    """Writes one COCO JSON file for one clip, image or folder of images.

    * ``images``: ``id`` from 1, ``file_name``, ``width``, ``height``, ``frame_index`` among the frames that
      were looked at, ``source_frame``, the frame's number in the source, ``pts`` and ``seconds`` on the
      source's clock. ``file_name`` is what ``frame_names.image_name`` says, in the folder ``<source>``.
    * ``annotations``: one for each object on each frame where its mask is not empty, with ``track_id`` (the
      object's id, in ``attributes`` as well), ``score``, ``confidence`` (how far the mask can be trusted; not
      where nobody judged), ``segmentation``, ``bbox`` as x, y, width, height, ``area`` and ``iscrowd`` 0.
    * ``categories``: one for each prompt of the request, found or not, with the prompt's id.
    * ``videos``: for a sequence the one that all images belong to by ``video_id`` and ``frame_id``.

    Attributes:
        path: where the file appears when everything is written.
    """

    def __init__(
        self,
        path: Path,
        objects: Sequence[FoundObject],
        *,
        prompts: Sequence[Prompt],
        source: str,
        sequence: bool = True,
        rate: Fraction | None = None,
        ending: str = ".png",
        by_source_number: bool = False,
    ) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            path: the final file.
            objects: what the masks of a frame are, in their order.
            prompts: everything that was looked for.
            source: the stem of the clip's name.
            sequence: whether images follow each other in time.
            rate: frames per second of the source, noted under ``info``.
            ending: what names end in of frames that are no files.
            by_source_number: see ``frame_names.image_name``.
        """
        self.path = path
        self._objects = tuple(objects)
        self._prompts = tuple(prompts)
        self._source = source
        self._sequence = sequence
        self._rate = rate
        self._ending = ending
        self._by_source_number = by_source_number
        self._part = staged(path)
        self._open: tuple[IO[str], IO[str]] | None = None  # the file, and the annotations that wait
        self._images = 0
        self._annotations = 0

    def __enter__(self) -> Self:
        """Opens the file under its temporary name.

        Raises:
            OutputError: the file cannot be written.
        """
        with output_errors(self.path):
            file = self._part.open("x", encoding="utf-8")
            try:
                file.write(f'{{"info": {_json(self._info())},\n"images": [')
                spool = tempfile.TemporaryFile("w+", encoding="utf-8", dir=self.path.parent)
            except BaseException:
                file.close()
                discard(self._part)
                raise
        self._open = file, spool
        return self

    def write(self, masks: FrameMasks) -> None:
        """Takes one frame.

        Raises:
            OutputError: the disk is full, for example.
            ValueError: there are more or fewer masks than objects.
        """
        if self._open is None:
            raise ValueError("write() needs an open sink: use it in a with statement")
        file, spool = self._open
        if len(masks) != len(self._objects):
            raise ValueError(f"got {len(masks)} masks for {len(self._objects)} objects")
        with output_errors(self.path):
            self._images += 1
            file.write(_separator(self._images) + _json(self._image(masks.frame)))
            scores = masks.scores.tolist()
            trust = masks.evidence.confidences.tolist() if masks.evidence else [None] * len(masks)
            for found, mask, score, confidence in zip(self._objects, masks.masks, scores, trust, strict=True):
                if mask.any():
                    self._annotations += 1
                    entry = self._annotation(found, mask, score, confidence)
                    spool.write(_separator(self._annotations) + _json(entry))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Joins the lists and renames the file into place, or removes it when ``kind`` is an exception.

        Raises:
            OutputError: the last bytes could not be written.
        """
        if self._open is None:
            return
        file, spool = self._open
        self._open = None
        try:
            if kind is None:
                with output_errors(self.path):
                    self._finish(file, spool)
        finally:
            with suppress(OSError):
                spool.close()
            with suppress(OSError):
                file.close()
            discard(self._part)

    def _finish(self, file: IO[str], spool: IO[str]) -> None:
        """Writes the rest of the file and gives it its name."""
        categories = [
            {"id": prompt.id, "name": prompt.label, "supercategory": ""} for prompt in self._prompts
        ]
        file.write(f'\n],\n"categories": {_json(categories)},')
        if self._sequence:
            file.write(f'\n"videos": {_json([{"id": _VIDEO, "name": self._source}])},')
        file.write('\n"annotations": [')
        spool.seek(0)
        while chunk := spool.read(_CHUNK):
            file.write(chunk)
        file.write("\n]}\n")
        file.close()
        publish(self._part, self.path, self.publication)

    def _info(self) -> dict[str, Any]:
        """Describes the file as a whole."""
        rate = {} if self._rate is None else {"fps": float(self._rate)}
        return {"description": "masks found by sa2va", "source": self._source, **rate}

    def _image(self, frame: Frame) -> dict[str, Any]:
        """Describes the frame that is being written."""
        width, height = frame.size
        of_video = {"video_id": _VIDEO, "frame_id": frame.index} if self._sequence else {}
        return {
            "id": self._images,
            "file_name": image_name(
                frame, self._source, self._ending, by_source_number=self._by_source_number
            ),
            "width": width,
            "height": height,
            **of_video,
            "frame_index": frame.index,
            "source_frame": source_number(frame),
            "pts": frame.pts,
            "seconds": frame.seconds,
        }

    def _annotation(
        self, found: FoundObject, mask: NDArray[np.bool_], score: float, confidence: float | None
    ) -> dict[str, Any]:
        """Describes one object on the frame that is being written."""
        lengths = encode_mask(mask)
        return {
            "id": self._annotations,
            "image_id": self._images,
            "category_id": found.prompt.id,
            "track_id": found.id,
            "attributes": {"track_id": found.id, "occluded": False},
            "segmentation": lengths,
            "bbox": coco_mask.toBbox(lengths).tolist(),
            "area": int(coco_mask.area(lengths)),
            "score": round(score, 6),
            **({} if confidence is None else {"confidence": round(confidence, 6)}),
            "iscrowd": 0,
        }


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Encodes an (H, W) bool mask as compressed run lengths: ``size`` (H, W) and ``counts``, a string."""
    lengths = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in lengths["size"]], "counts": lengths["counts"].decode("ascii")}


def _separator(count: int) -> str:
    """What stands before the ``count``-th entry of a list, one entry per line."""
    return "\n" if count == 1 else ",\n"


def _json(value: Any) -> str:
    """Writes one value on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
