"""How a batch is run, and what it would do; nothing is begun here, written or locked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa2va_cli.batch.choosing import Again, Choice, choose
from sa2va_cli.batch.estimating import Estimate, estimated, measured
from sa2va_cli.batch.job import BatchJob
from sa2va_cli.batch.listing import Request, listed
from sa2va_cli.batch.messages import Setup
from sa2va_cli.batch.placing import folder_of, template_of
from sa2va_cli.batch.pool import setups
from sa2va_cli.batch.ray_choice import RayChoice
from sa2va_cli.batch.state_format import NAME, state_path
from sa2va_cli.batch.summary import read_state
from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.storage import is_stored


@dataclass(frozen=True)
class Plan:
    """How a batch is run.

    Attributes:
        request: what is to be done.
        again: what becomes of jobs that are over.
        state: the state file; None for one beside the outputs.
        checkpoint: how often checkpoints are kept; None for never.
        jobs: how many processes on each device.
        gpus: numbers of devices; none for the one that the model is placed on.
        watch: a folder whose new files become jobs; None for none.
        error_file: where the inputs of failed jobs are listed; None for nowhere.
        load: makes the segmenter; None for the real one.
        ray: the Ray cluster that does the jobs; None for this computer.
    """

    request: Request
    again: Again = field(default_factory=Again)
    state: Path | None = None
    checkpoint: str | None = "10s"
    jobs: int = 1
    gpus: tuple[int, ...] = ()
    watch: Path | None = None
    error_file: Path | None = None
    load: Any = None
    ray: RayChoice | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise UsageError(f"--jobs must be at least 1, got {self.jobs}")
        if self.ray is not None and (self.gpus or self.jobs > 1):
            raise UsageError(
                "--jobs and --gpus are for one computer; with --ray give --ray-workers and --gpus-per-worker"
            )
        options = self.request.options
        if self.ray is not None and options.splitting.split and is_stored(options.saving.output or ""):
            raise UsageError(
                "--split with --ray keeps tracks of parts beside the outputs, where all nodes must see them; "
                "give a folder with -o"
            )
        setups(Setup(self.request.options.model), self.jobs, self.gpus)
        request = self.request
        if not request.inputs and request.manifest is None and self.watch is None:
            raise UsageError("there is no input; give files, folders, patterns, - for a list, or --manifest")
        if self.watch is not None and "{index" in (request.options.saving.output or ""):
            raise UsageError(
                "{index} is not the same after a restart with --watch; use {relative} or {parent}"
            )

    @property
    def state_path(self) -> Path:
        """Where the state file is."""
        if self.state is not None:
            return state_path(self.state)
        template = template_of(self.request.options.saving.output, mirror=self.request.mirror)
        return folder_of(template) / NAME


def listed_jobs(plan: Plan, unread: Callable[[OSError], None] | None = None) -> list[BatchJob]:
    """The jobs of a plan.

    Args:
        plan: how the batch is run.
        unread: is told of folders that cannot be looked into.

    Raises:
        InputError: a folder, a pattern or the manifest leads to nothing.
        UsageError: the jobs cannot be meant, or there are none.
    """
    jobs = listed(plan.request, unread)
    if not jobs and plan.watch is None:
        raise UsageError("there is no input: the list is empty")
    return jobs


def previewed(plan: Plan) -> tuple[list[tuple[BatchJob, Choice]], Estimate]:
    """What a batch would do with each job, and what that needs; nothing is written or locked.

    Raises:
        InputError: a folder, a pattern or the manifest leads to nothing, or the state file is damaged.
        UsageError: the jobs cannot be meant.
    """
    rows = {}
    if plan.state_path.exists():
        rows = {row.key: row for row in read_state(plan.state_path).rows}
    jobs = listed_jobs(plan)
    found = [(job, choose(job, rows.get(job.key), job.work.saving.existing, plan.again)) for job in jobs]
    return found, estimated([job for job, choice in found if choice.due], measured(rows.values()))
