"""What a back-end makes of tracks and words, before an edit is drawn."""

import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from sa2va_cli.events import Notice, Progress, Report
from sa2va_cli.generation.backend import Asked, BackEnd, generated
from sa2va_cli.pipeline.edit_job import EditJob
from sa2va_cli.pipeline.rendering import RenderPlan
from sa2va_cli.pipeline.replay import replayed
from sa2va_cli.render.effects.reading import EffectUse


@contextmanager
def with_generated(
    job: EditJob, plan: RenderPlan, back_end: BackEnd | None, report: Report
) -> Generator[RenderPlan, None, None]:
    """Has a back-end make what only it can, into folders that are gone afterwards.

    Args:
        job: what is to be done.
        plan: how it is drawn from tracks.
        back_end: what makes frames of words; None where nothing has to be made.
        report: is told how far it is.

    Yields:
        The plan with what was made.

    Raises:
        ModelError: the back-end fails, or gives other frames than it should.
    """
    places = [place for place, one in enumerate(job.plan.edits) if one.generates]
    if not places or back_end is None:
        yield plan
        return
    uses = list(plan.job.drawing.effects)
    with tempfile.TemporaryDirectory(prefix="sa2va-edit-") as folder:
        for place in places:
            made = Path(folder) / str(place)
            made.mkdir()
            prompt = job.plan.edits[place].prompt
            _make(back_end, uses[place], prompt, plan, made, report)
            uses[place] = replace(uses[place], values={**uses[place].values, "frames": str(made)})
        drawing = replace(plan.job.drawing, effects=tuple(uses))
        yield replace(plan, job=replace(plan.job, drawing=drawing))


def _make(
    back_end: BackEnd, use: EffectUse, prompt: str, plan: RenderPlan, folder: Path, report: Report
) -> None:
    """Writes what a back-end makes of the frames in which an effect is seen."""
    total = plan.reader.count_selected()
    report(Notice(f"{back_end.name} makes {prompt!r}"))
    with closing(_asked(use, plan)) as asked:
        for done, (index, image) in enumerate(generated(back_end, asked, prompt), 1):
            Image.fromarray(image).save(folder / f"{index:05d}.png")
            report(Progress("generating", done, total))


def _asked(use: EffectUse, plan: RenderPlan) -> Generator[Asked, None, None]:
    """The frames in which an effect is seen, with the masks of its target."""
    target = use.target
    with closing(replayed(plan.tracks, plan.reader)) as frames:
        for one in frames:
            if not use.covers(one.frame.seconds):
                continue
            meant = [
                row
                for row, found in enumerate(one.objects)
                if (target.prompts is None or found.prompt.id in target.prompts)
                and (target.objects is None or found.id in target.objects)
            ]
            mask = np.zeros(one.frame.image.shape[:2], np.bool_)
            for row in meant:
                mask |= one.masks[row]
            yield Asked(one.frame.index, one.frame.image, ~mask if target.inverted else mask)
