"""A correction with the network that ships in the package, on the sample."""

from pathlib import Path

import numpy as np
import pytest
from review.conftest import Server

from sa2va_cli.datatypes import Prompt
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.correcting import CorrectJob, correct
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.revision import Revision
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.review.desk import Desk
from sa2va_cli.review.engine import Engine
from sa2va_cli.review.project import opened_project
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.visual_prompts import Length, PointPrompt

SAMPLE = Path(__file__).parents[2] / "samples" / "park.mp4"
DEMO = ModelChoice("demo", "cpu", "fp32")
FRAME, POINT = 3, (320, 180)


@pytest.fixture
def tracks(folder: Path) -> Path:
    """Six frames of the sample."""
    target = folder / "park.tracks.sa2va"
    search = Search((Prompt(1, "girl in red dress"),), max_frames=6, reground="off")
    segment(SegmentJob(str(SAMPLE), search, DEMO, Saving(("tracks",), str(target))))
    return target


def test_a_click_makes_the_masks_that_the_command_makes(tracks, folder):
    server = Server.__new__(Server)
    server.connect(Desk(opened_project(str(tracks)), Engine(DEMO)))
    try:
        job = server.edit("points", object=1, frame=FRAME, points=[[*POINT, 1]])["job"]
        assert server.done(job)["state"] == "done"
        server.post(f"/clips/{server.id}/save", {"name": "clicked"})
    finally:
        server.close()
    point = PointPrompt(Length(POINT[0]), Length(POINT[1]), at=f"{FRAME}f")
    other = folder / "corrected.tracks.sa2va"
    correct(CorrectJob(tracks, other, Revision(points=(point,)), model=DEMO))
    clicked, corrected = list(Tracks(folder / "clicked.tracks.sa2va")), list(Tracks(other))
    assert len(clicked) == len(corrected) == 6
    for one, same in zip(clicked, corrected, strict=True):
        assert np.array_equal(one.logits, same.logits)
        assert np.array_equal(one.scores, same.scores)
