"""CVAT's XML for images, version 1.1: masks as run lengths, frame by frame.

The format is that of "XML annotation format" at docs.cvat.ai. It also has tracks, in its variant for video,
but CVAT keeps the first mask of each and drops the rest (``load_anno`` in
``dataset_manager/formats/cvat.py``: "mask track are not supported"). So masks are shapes here, which CVAT
takes for tasks with images and with video, and those of one object share a group and the attribute
``track_id``.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Prompt
from sa2va_cli.export.frame_names import image_name, source_number
from sa2va_cli.export.writing import FileSink

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write ("Char", section 2.2)."""


class CvatSink(FileSink):
    """Writes one XML file.

    * ``image``: ``id`` is the frame's number in the source, by which CVAT finds frames of a video; ``name``
      is the frame's own file, else ``frame_<number in the source, six digits>.png``, as CVAT calls them.
    * ``mask``: one for each object that is seen, with ``rle``, the lengths of runs along the rows of its box,
      background first, and ``left``, ``top``, ``width`` and ``height``, the box.
    """

    def __init__(
        self, path: Path, objects: Sequence[FoundObject], *, prompts: Sequence[Prompt], source: str
    ) -> None:
        """Prepares the sink; nothing is written before it is entered.

        Args:
            path: the final file.
            objects: what the masks of a frame are, in their order.
            prompts: everything that was looked for; each is a label.
            source: the stem of the clip's name.
        """
        super().__init__(path, objects)
        self._labels = [_clean(prompt.label) for prompt in prompts]
        self._source = source

    def _begin(self, file: IO[str]) -> None:
        attributes = "".join(
            f"<attribute><name>{name}</name><mutable>{mutable}</mutable><input_type>{kind}</input_type>"
            "<default_value></default_value><values></values></attribute>"
            for name, mutable, kind in (("track_id", "False", "text"), ("score", "True", "text"))
        )
        labels = "".join(
            f"<label><name>{escape(label)}</name><type>mask</type><attributes>{attributes}</attributes></label>\n"
            for label in self._labels
        )
        file.write(
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><task>'
            f"<name>{escape(_clean(self._source))}</name><mode>annotation</mode>\n"
            f"<labels>\n{labels}</labels>\n</task></meta>\n"
        )

    def _frame(self, file: IO[str], masks: FrameMasks) -> None:
        width, height = masks.frame.size
        name = quoteattr(_clean(_name(masks.frame)))
        number = source_number(masks.frame)
        file.write(f'<image id="{number}" name={name} width="{width}" height="{height}">\n')
        for found, mask, score in zip(self.objects, masks.masks, masks.scores, strict=True):
            if mask.any():
                file.write(self._mask(found, mask, float(score)))
        file.write("</image>\n")

    def _end(self, file: IO[str]) -> None:
        file.write("</annotations>\n")

    def _mask(self, found: FoundObject, mask: NDArray[np.bool_], score: float) -> str:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        top, bottom, left, right = (
            int(side) for side in (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
        )
        runs = ", ".join(map(str, run_lengths(mask[top:bottom, left:right])))
        return (
            f'<mask label={quoteattr(_clean(found.prompt.label))} source="auto" occluded="0" rle="{runs}" '
            f'left="{left}" top="{top}" width="{right - left}" height="{bottom - top}" z_order="0" '
            f'group_id="{found.id}"><attribute name="track_id">{found.id}</attribute>'
            f'<attribute name="score">{score:.6f}</attribute></mask>\n'
        )


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of runs along the rows of an (H, W) mask, beginning with background, which may have none."""
    flat = mask.ravel()
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths: list[int] = np.diff(ends, prepend=0, append=flat.size).tolist()
    return [0, *lengths] if flat[0] else lengths


def _name(frame: Frame) -> str:
    return f"frame_{source_number(frame):06d}.png" if frame.name is None else image_name(frame)


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
