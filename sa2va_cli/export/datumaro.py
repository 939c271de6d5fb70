"""Datumaro's JSON, version 1.0: compressed run lengths, with the number of each object.

The format is that of ``plugins/data_formats/datumaro`` in Datumaro; CVAT reads it as "Datumaro 1.0".
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Prompt
from sa2va_cli.export.coco import encode_mask
from sa2va_cli.export.frame_names import image_name, source_number
from sa2va_cli.export.writing import FileSink


class DatumaroSink(FileSink):
    """Writes one JSON file, which belongs into ``annotations/`` beside ``images/``.

    * ``items``: one for each frame. ``id`` is the image's name without its ending, if no other has it;
      ``attr`` has ``frame``, its number in the source, by which CVAT finds frames of a video, and
      ``seconds``.
    * ``annotations``: a mask for each object that is seen; ``object_id`` and the attribute ``track_id`` are
      the object's number, ``label_id`` is the prompt's place in the request, from 0, found or not.
    """

    def __init__(
        self,
        path: Path,
        objects: Sequence[FoundObject],
        *,
        prompts: Sequence[Prompt],
        source: str,
        by_source_number: bool = False,
    ) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            path: the final file.
            objects: what the masks of a frame are, in their order.
            prompts: everything that was looked for; each is a label.
            source: the stem of the clip's name.
            by_source_number: see ``frame_names.image_name``.
        """
        super().__init__(path, objects)
        self._labels = [prompt.label for prompt in prompts]
        self._places = {prompt.id: k for k, prompt in enumerate(prompts)}
        self._source = source
        self._by_source_number = by_source_number
        self._items = 0
        self._annotations = 0

    def _begin(self, file: IO[str]) -> None:
        attributes = ["occluded", "score", "track_id"]
        labels = [{"name": label, "parent": "", "attributes": attributes} for label in self._labels]
        head = {
            "dm_format_version": "1.0",
            "media_type": 2,  # of Datumaro's MediaType: an image
            "infos": {"source": self._source},
            "categories": {"label": {"labels": labels, "label_groups": [], "attributes": []}},
        }
        file.write(f'{_json(head)[:-1]},\n"items": [')

    def _frame(self, file: IO[str], masks: FrameMasks) -> None:
        frame = masks.frame
        width, height = frame.size
        name = image_name(frame, self._source, by_source_number=self._by_source_number)
        item = {
            "id": _item_id(frame, name),
            "annotations": self._masks(masks),
            "attr": {"frame": source_number(frame), "seconds": frame.seconds},
            "image": {"path": name, "size": [height, width]},
        }
        self._items += 1
        file.write(("\n" if self._items == 1 else ",\n") + _json(item))

    def _end(self, file: IO[str]) -> None:
        file.write("\n]}\n")

    def _masks(self, masks: FrameMasks) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for found, mask, score in zip(self.objects, masks.masks, masks.scores, strict=True):
            if not mask.any():
                continue
            self._annotations += 1
            entries.append(
                {
                    "id": self._annotations,
                    "type": "mask",
                    "attributes": {"track_id": found.id, "occluded": False, "score": round(float(score), 6)},
                    "group": found.id,
                    "object_id": found.id,
                    "label_id": self._places[found.prompt.id],
                    "rle": encode_mask(mask),
                    "z_order": 0,
                }
            )
        return entries


def _item_id(frame: Frame, image: str) -> str:
    """The image's name without its ending, as in Datumaro, unless nothing else tells two frames apart."""
    stem = image.rpartition(".")[0]
    usual = (stem.rpartition("/")[2], stem.replace("/", "_"))
    return stem if frame.name is None or frame.name in usual else frame.name


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
