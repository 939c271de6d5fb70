"""Scores a network while it is trained: what ``sa2va evaluate`` says of it, in two or three numbers.

Predictions live in a folder for the time of one validation. Knows nothing about training.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sa2va_cli.evaluation.predicting import predict
from sa2va_cli.evaluation.predictions import predictions_in
from sa2va_cli.evaluation.scoring import masks_of, score
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
from sa2va_cli.training.datasets.sample import ReferringSample, by_video
from sa2va_cli.training.datasets.sheet import FOUND, TRUTH, Cell, draw_sheet

SHOWN = 16
"""Sentences on the sheets of before and after."""


class DatasetValidator:
    """Scores networks on a data set, by the clean protocol: the words and frames are those of ``segment``.

    Args:
        samples: with their masks.
        name: what people call them.
        most: how many videos or pictures are looked at, evenly spread; all of them if there are fewer.
    """

    def __init__(self, samples: Sequence[ReferringSample], name: str = "", most: int = 100) -> None:
        self.name = name
        videos = list(by_video(samples).values())
        chosen = np.unique(np.linspace(0, len(videos) - 1, min(most, len(videos))).astype(int))
        self._videos = [videos[int(k)] for k in chosen]
        self._samples = [one for video in self._videos for one in video]
        self._moving = any(len(one.frames) > 1 for one in self._samples)

    def scores(self, network: Sa2VANetwork) -> Mapping[str, float]:
        """J&F and cIoU, the one first that is usual: cIoU for pictures, J&F for videos."""
        with tempfile.TemporaryDirectory(prefix="sa2va-validation-") as folder:
            self._predict(network, self._videos, Path(folder))
            found = list(score(self._samples, predictions_in(Path(folder)), "clean"))
        union = sum(one.union for one in found)
        measured = {
            "J&F": float(np.mean([one.j_and_f for one in found])),
            "J": float(np.mean([one.j for one in found])),
            "cIoU": sum(one.intersection for one in found) / union if union else 1.0,
        }
        order = ("J&F", "J", "cIoU") if self._moving else ("cIoU", "J", "J&F")
        return {name: measured[name] for name in order}

    def draw(self, network: Sa2VANetwork, path: Path) -> None:
        """Draws a frame of each of some sentences: truth green, found red."""
        videos = self._videos[:SHOWN]
        with tempfile.TemporaryDirectory(prefix="sa2va-validation-") as folder:
            self._predict(network, videos, Path(folder))
            found = predictions_in(Path(folder))
            cells = [
                self._cell(one, masks_of(found, video, "clean")[one.id]) for video in videos for one in video
            ]
        draw_sheet(cells[:SHOWN], path)

    @staticmethod
    def _predict(network: Sa2VANetwork, videos: Sequence[Sequence[ReferringSample]], folder: Path) -> None:
        predict(lambda: NetworkSegmenter(network), "training", videos, folder, "clean")

    @staticmethod
    def _cell(sample: ReferringSample, found: Sequence[np.ndarray]) -> Cell:
        frame = len(found) // 2
        masks = np.stack([sample.mask(frame), found[frame]])
        return Cell(sample.frames.read(frame), masks, (TRUTH, FOUND), sample.sentence)
