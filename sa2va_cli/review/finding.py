"""Looking for things in a video that has no tracks yet: ``segment --save tracks``, as work.

Knows nothing about how anything is found.
"""

from collections.abc import Callable, Sequence

from sa2va_cli.datatypes import Prompt
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.planning import planned
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import run
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.engine import Engine
from sa2va_cli.review.work import Job, Steps


def found_steps(
    clip: OpenClip, prompts: Sequence[str], engine: Engine, tell: Callable[[Job], None], job: Job
) -> Steps:
    """The work: two steps, of which the second is long.

    Args:
        clip: the video.
        prompts: what is looked for.
        engine: loads the model.
        tell: is called when there is news of the job.
        job: is told how far it is.

    Raises:
        Sa2VAError: of the kind that says what went wrong.
    """
    saving = Saving(kinds=("tracks",), output=str(clip.clip.tracks))
    search = Search(tuple(Prompt(1, words) for words in prompts))
    wanted = SegmentJob(clip.source, search, engine.chosen(None), saving)
    report = job.reporting(tell)
    with planned(wanted, report) as plan:
        yield 0.0
        loaded = engine.ready(None)
        result = run(plan, loaded.engine, report)
    clip.read_tracks()
    clip.tell_changed()
    return result.files
