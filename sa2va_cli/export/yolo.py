"""A folder of labels for instance segmentation, as Ultralytics YOLO reads them: one polygon for each object.

The layout is that of "Instance Segmentation Datasets" at docs.ultralytics.com. Pictures are not written:
they belong into ``images/`` beside ``labels/``, under the same names.
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Prompt
from sa2va_cli.export.polygons import Points, joined_polygon, mask_polygons
from sa2va_cli.export.writing import FolderSink

_INSIDE = 0.01
"""Pixels by which corners lie right of and below the pixels that they mean. Ultralytics multiplies with the
picture's size and cuts off what is behind the point, others round; so both find the pixel."""

_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON writes as it is and YAML 1.1 does not read between quotes."""


class YoloSink(FolderSink):
    """Writes ``data.yaml`` and ``labels/<frame>.txt``.

    * A line is ``class x1 y1 x2 y2 ...``, in parts of the picture's width and height. Each object that is
      seen has one: its holes are cut open, and its parts hang together by bridges, as in Ultralytics' own
      converters, since a second line would be a second object.
    * A class is the prompt's place in the request, from 0, found or not; ``data.yaml`` has all their names.
    * A frame without objects has an empty file, which says that it is background.
    """

    def __init__(
        self,
        folder: Path,
        objects: Sequence[FoundObject],
        *,
        prompts: Sequence[Prompt],
        name_of: Callable[[Frame], str],
    ) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            folder: the final folder.
            objects: what the masks of a frame are, in their order.
            prompts: everything that was looked for.
            name_of: names a frame's picture, without its ending.
        """
        super().__init__(folder, objects)
        self._labels = [prompt.label for prompt in prompts]
        self._classes = {prompt.id: k for k, prompt in enumerate(prompts)}
        self._name_of = name_of

    def _begin(self) -> None:
        names = "".join(f"  {k}: {_quoted(label)}\n" for k, label in enumerate(self._labels))
        self.add("data.yaml", f"path: .\ntrain: images\nval: images\nnames:\n{names}")

    def _frame(self, masks: FrameMasks) -> None:
        lines: list[str] = []
        for found, mask in zip(self.objects, masks.masks, strict=True):
            polygon = joined_polygon(mask_polygons(mask))
            if polygon is not None:
                numbers = " ".join(_parts_of_size(polygon, masks.frame.size))
                lines.append(f"{self._classes[found.prompt.id]} {numbers}\n")
        self.add(f"labels/{self._name_of(masks.frame)}.txt", "".join(lines))


def _parts_of_size(polygon: Points, size: tuple[int, int]) -> list[str]:
    """Corners, one number after the other, in parts of (width, height)."""
    return [f"{value:.7f}" for value in ((polygon + _INSIDE) / size).ravel()]


def _quoted(text: str) -> str:
    """Text as YAML, whose quoted strings are those of JSON but for a few letters."""
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
