"""Scores predictions of a data set, video by video, and draws the worst ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from sa2va_cli.evaluation.measures import names_for
from sa2va_cli.evaluation.predictions import Predictions, require_all, sorted_frames
from sa2va_cli.evaluation.protocols import Mask
from sa2va_cli.evaluation.sentences import SentenceScore, score_sentence
from sa2va_cli.training.datasets.sample import ReferringSample, by_video
from sa2va_cli.training.datasets.sheet import FOUND, TRUTH, Cell, draw_sheet

WORST = 20
"""Sentences on the sheet of the worst."""


def score(
    samples: Sequence[ReferringSample],
    predictions: Predictions,
    protocol: str,
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> Iterator[SentenceScore]:
    """Scores every sentence.

    Args:
        samples: with the truth.
        predictions: for each of them.
        protocol: ``official`` or ``clean``.
        progress: is told how many of how many videos are done.

    Raises:
        InputError: a prediction is missing, or something cannot be read.
    """
    require_all(samples, predictions)
    videos = by_video(samples).values()
    for number, video in enumerate(videos):
        progress(number, len(videos))
        found = masks_of(predictions, video, protocol)
        for one in video:
            yield score_sentence(one, found[one.id], protocol=protocol)


def masks_of(
    predictions: Predictions, video: Sequence[ReferringSample], protocol: str
) -> Mapping[str, Sequence[Mask]]:
    """The masks of a video as the protocol lines them up with the truth; in pictures all objects count."""
    first_only = protocol == "official" and len(video[0].frames) > 1
    found = predictions.of_video(video, first_only=first_only)
    if protocol == "clean":
        return found
    order = sorted_frames(video[0])  # the official truth stays in the order of the file
    return {key: [masks[k] for k in order] for key, masks in found.items()}


def draw_worst(
    form: str,
    samples: Sequence[ReferringSample],
    scores: Sequence[SentenceScore],
    predictions: Predictions,
    path: Path,
    protocol: str,
) -> None:
    """Draws the sentences that scored least: truth green, prediction red, on the frame that differs most.

    Args:
        form: the data set's format.
        samples: as they were scored.
        scores: of each.
        predictions: of each.
        path: of the PNG.
        protocol: as they were scored.
    """
    videos = names_for(form, scores)[0] == "J&F"
    values = [one.j_and_f if videos else one.iou for one in scores]
    cells = []
    for place in np.argsort(values, kind="stable")[:WORST]:
        one = samples[place]
        same = [other for other in samples if other.video == one.video]
        found = masks_of(predictions, same, protocol)[one.id]
        wrong = [int(np.sum(mask != one.mask(k))) for k, mask in enumerate(found)]
        worst = int(np.argmax(wrong))
        masks = np.stack([one.mask(worst), found[worst]])
        text = f"{values[place]:.3f} {one.id}: {one.sentence}"
        cells.append(Cell(one.frames.read(worst), masks, (TRUTH, FOUND), text))
    draw_sheet(cells, path)
