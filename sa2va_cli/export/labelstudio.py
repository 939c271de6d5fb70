"""Tasks for Label Studio, one for each frame, with masks and boxes as predictions.

Masks are brush strokes in Label Studio's own run lengths: those of @thi.ng/rle-pack over the red, green, blue
and alpha of each pixel, row by row, as ``label_studio_sdk/converter/brush.py`` reads them.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks
from sa2va_cli.export.frame_names import image_name, source_number
from sa2va_cli.export.writing import FileSink

_WORD_BITS = 8
_RUN_BITS = (3, 4, 8, 16)
"""How many bits a run's length takes, in four sizes; all but the first are what Label Studio writes
itself."""
_CHANNELS = 4


class LabelStudioSink(FileSink):
    """Writes one JSON file, a list of tasks.

    * ``data``: ``image``, the frame's own file, else ``<source>/<frame index, five digits>.png``; ``frame``,
      its number in the source; and ``seconds``.
    * ``predictions``: for each object that is seen, a ``brushlabels`` and a ``rectanglelabels`` result of the
      same label, from ``brush`` and ``box`` to ``image``; ``meta`` has the number of the object.
    """

    def __init__(
        self, path: Path, objects: Sequence[FoundObject], *, source: str, by_source_number: bool = False
    ) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            path: the final file.
            objects: what the masks of a frame are, in their order.
            source: the stem of the clip's name.
            by_source_number: see ``frame_names.image_name``.
        """
        super().__init__(path, objects)
        self._source = source
        self._by_source_number = by_source_number
        self._tasks = 0

    def _begin(self, file: IO[str]) -> None:
        file.write("[")

    def _frame(self, file: IO[str], masks: FrameMasks) -> None:
        frame = masks.frame
        results: list[dict[str, Any]] = []
        scores: list[float] = []
        for found, mask, score in zip(self.objects, masks.masks, masks.scores, strict=True):
            if mask.any():
                results += self._results(found, frame, mask, float(score))
                scores.append(float(score))
        prediction: dict[str, Any] = {"model_version": "sa2va", "result": results}
        if scores:
            prediction["score"] = round(sum(scores) / len(scores), 6)
        image = image_name(frame, self._source, by_source_number=self._by_source_number)
        data = {"image": image, "frame": source_number(frame), "seconds": frame.seconds}
        self._tasks += 1
        file.write("\n" if self._tasks == 1 else ",\n")
        file.write(
            json.dumps({"data": data, "predictions": [prediction]}, ensure_ascii=False, allow_nan=False)
        )

    def _end(self, file: IO[str]) -> None:
        file.write("\n]\n")

    def _results(
        self, found: FoundObject, frame: Frame, mask: NDArray[np.bool_], score: float
    ) -> Iterator[dict[str, Any]]:
        width, height = frame.size
        label = found.prompt.label
        common = {
            "to_name": "image",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "score": round(score, 6),
            "meta": {"text": [f"track {found.id}"], "track_id": found.id},
        }
        stroke = {"format": "rle", "rle": list(brush_run_lengths(mask)), "brushlabels": [label]}
        name = f"{source_number(frame)}-{found.id}"
        yield {"id": f"{name}-brush", "from_name": "brush", "type": "brushlabels", "value": stroke, **common}
        box = {**_box(mask), "rotation": 0, "rectanglelabels": [label]}
        yield {"id": f"{name}-box", "from_name": "box", "type": "rectanglelabels", "value": box, **common}


def _box(mask: NDArray[np.bool_]) -> dict[str, float]:
    """The box around a mask, in hundredths of the picture's sides."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    return {
        "x": 100.0 * int(columns[0]) / width,
        "y": 100.0 * int(rows[0]) / height,
        "width": 100.0 * int(columns[-1] + 1 - columns[0]) / width,
        "height": 100.0 * int(rows[-1] + 1 - rows[0]) / height,
    }


def brush_run_lengths(mask: NDArray[np.bool_]) -> bytes:
    """Encodes an (H, W) mask as Label Studio's brush does, 255 in all four channels where it is set.

    First how many values there are (32 bits), the bits of a value less one (5), and the bits of a run's
    length in four sizes, each less one (4 times 4). Then runs: a 1, which size (2 bits), the length less one,
    the value.
    """
    flat = mask.ravel()
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = _CHANNELS * np.diff(ends, prepend=0, append=flat.size)
    bits = [
        f"{_CHANNELS * flat.size:032b}",
        f"{_WORD_BITS - 1:05b}",
        *(f"{size - 1:04b}" for size in _RUN_BITS),
    ]
    value = bool(flat[0])
    for length in lengths.tolist():
        bits += _run(length, 255 if value else 0)
        value = not value
    text = "".join(bits)
    size = -(-len(text) // 8)
    return int(text.ljust(8 * size, "0"), 2).to_bytes(size, "big")


def _run(length: int, value: int) -> Iterator[str]:
    """One run as bits; a long one is written in pieces."""
    longest = 1 << _RUN_BITS[-1]
    while length > 0:
        piece = min(length, longest)
        which = next(k for k, size in enumerate(_RUN_BITS) if piece <= 1 << size)
        yield f"1{which:02b}{piece - 1:0{_RUN_BITS[which]}b}{value:0{_WORD_BITS}b}"
        length -= piece
