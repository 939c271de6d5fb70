"""A folder of LabelMe's JSON files, one for each frame: polygons that can be edited.

The keys are those of ``labelme/label_file.py`` (version 5); pictures are named, not contained.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks
from sa2va_cli.export.frame_names import MADE_UP_ENDING, source_number
from sa2va_cli.export.polygons import mask_polygons
from sa2va_cli.export.writing import FolderSink

_VERSION = "5.5.0"
"""The version of the format, which LabelMe asks for."""


class LabelmeSink(FolderSink):
    """Writes ``<frame>.json`` for each frame.

    * ``shapes``: a polygon for each part of each object that is seen, with its holes cut open; the parts
      share ``group_id``, the number of the object. ``label`` is the prompt's.
    * ``imagePath`` is the frame's own file, else called as the JSON file, beside which it lies.
    """

    def __init__(
        self,
        folder: Path,
        objects: Sequence[FoundObject],
        *,
        name_of: Callable[[Frame], str],
    ) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            folder: the final folder.
            objects: what the masks of a frame are, in their order.
            name_of: names a frame's picture, without its ending.
        """
        super().__init__(folder, objects)
        self._name_of = name_of

    def _begin(self) -> None:
        """Nothing stands beside the frames' files."""

    def _frame(self, masks: FrameMasks) -> None:
        frame = masks.frame
        width, height = frame.size
        document: dict[str, Any] = {
            "version": _VERSION,
            "flags": {},
            "shapes": self._shapes(masks),
            "imagePath": frame.file_name or f"{self._name_of(frame)}{MADE_UP_ENDING}",
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
            "source_frame": source_number(frame),
            "seconds": frame.seconds,
        }
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        self.add(f"{self._name_of(frame)}.json", f"{text}\n")

    def _shapes(self, masks: FrameMasks) -> list[dict[str, Any]]:
        return [
            {
                "label": found.prompt.label,
                "points": polygon.astype(float).tolist(),
                "group_id": found.id,
                "description": "",
                "shape_type": "polygon",
                "flags": {},
                "score": round(float(score), 6),
            }
            for found, mask, score in zip(self.objects, masks.masks, masks.scores, strict=True)
            for polygon in mask_polygons(mask)
        ]
