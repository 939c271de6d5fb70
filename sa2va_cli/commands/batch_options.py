"""Options of ``sa2va batch`` that no single run has."""

import re
from dataclasses import dataclass
from typing import Annotated

from sa2va_cli.batch.ray_choice import RayChoice
from sa2va_cli.errors import UsageError
from sa2va_cli.parameters import Option, check_fields
from sa2va_cli.pipeline.job import Resuming

_OFF = "off"


@dataclass(frozen=True)
class Batching:
    """What only a batch can be asked.

    Attributes:
        manifest: a file that lists jobs.
        null: whether names on standard input end in a zero byte.
        kind: of jobs.
        mirror: whether the tree of the inputs is made again below ``-o``.
        state: the state file.
        retry_failed: whether failed jobs are tried again.
        force: whether everything is done again.
        checkpoint: how often checkpoints are kept.
        jobs: how many processes on each device.
        gpus: numbers of GPUs.
        watch: a folder.
        error_file: where inputs of failed jobs go.
        on_done: a command for the end.
        ray: a Ray cluster.
        ray_workers: how many workers on it.
        gpus_per_worker: of each.
    """

    manifest: Annotated[
        str | None, Option("JSON Lines or CSV: input, prompts, output, any option for each job.", "", "FILE")
    ] = None
    null: Annotated[
        bool,
        Option("Names on standard input end in a zero byte, as of find -print0.", names=("--null", "-0")),
    ] = False
    kind: Annotated[
        str,
        Option(
            "What is done: segment, edit, render (of tracks files), or ask (a file of questions).", "", "KIND"
        ),
    ] = "segment"
    mirror: Annotated[bool, Option("Make the tree of the inputs again below -o.")] = False
    state: Annotated[
        str | None,
        Option("The state file, or its folder.", "", "PATH", shown="sa2va-batch.db beside the outputs"),
    ] = None
    retry_failed: Annotated[bool, Option("Try again what failed.")] = False
    force: Annotated[bool, Option("Do everything again, and replace what this batch made.")] = False
    checkpoint: Annotated[
        str, Option("How often checkpoints are kept: 10s or 2m of work, 100f frames, or off.", "", "INTERVAL")
    ] = "10s"
    jobs: Annotated[int, Option("Processes on each device; each loads the model.", "", "N", least=1)] = 1
    gpus: Annotated[
        str | None, Option("Numbers of GPUs, as in 0,1: a worker on each.", "", "LIST", shown="one device")
    ] = None
    watch: Annotated[
        str | None,
        Option("Do the files in this folder, and new ones when they are whole, until Ctrl-C.", "", "FOLDER"),
    ] = None
    error_file: Annotated[str | None, Option("Write the inputs of failed jobs to this file.", "", "FILE")] = (
        None
    )
    on_done: Annotated[
        str | None,
        Option("Run this shell command at the end; SA2VA_BATCH_* tell it what came of it.", "", "CMD"),
    ] = None

    ray: Annotated[
        str | None,
        Option(
            "Do the jobs on a Ray cluster whose nodes see the same files: auto, or HOST:PORT of its head "
            "(needs the extra ray).",
            "",
            "ADDRESS",
            shown="this computer",
        ),
    ] = None
    ray_workers: Annotated[
        int | None, Option("Workers on the cluster.", "", "N", least=1, shown="as many as find a place")
    ] = None
    gpus_per_worker: Annotated[
        float | None,
        Option(
            "GPUs of each worker on the cluster, or a part of one (0.5).",
            "",
            "N",
            shown="1 where there are any",
        ),
    ] = None

    def __post_init__(self) -> None:
        check_fields(self)
        _ = self.cluster
        if self.interval is not None:
            Resuming(checkpoint=self.interval)
        _ = self.gpu_numbers

    @property
    def interval(self) -> str | None:
        """How often checkpoints are kept; None where they are not."""
        return None if self.checkpoint == _OFF else self.checkpoint

    @property
    def cluster(self) -> RayChoice | None:
        """The Ray cluster.

        Raises:
            UsageError: its address cannot be meant, or only its workers were spoken of.
        """
        if self.ray is not None:
            return RayChoice(self.ray, self.ray_workers, self.gpus_per_worker)
        if self.ray_workers is not None or self.gpus_per_worker is not None:
            raise UsageError(
                "--ray-workers and --gpus-per-worker are about a cluster; give --ray auto or its address"
            )
        return None

    @property
    def gpu_numbers(self) -> tuple[int, ...]:
        """The numbers of GPUs.

        Raises:
            UsageError: they are no numbers.
        """
        if not self.gpus:
            return ()
        if not re.fullmatch(r"\d+(,\d+)*", self.gpus):
            raise UsageError(f"--gpus {self.gpus}: give numbers, as in 0,1")
        return tuple(map(int, self.gpus.split(",")))
