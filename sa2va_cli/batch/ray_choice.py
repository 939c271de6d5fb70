"""Which Ray cluster does a batch, and how much of it; importing this needs no Ray.

Knows nothing about how workers are started or what they do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.runtime.choice import ModelChoice

GPU_WORKER_CPUS = 8
"""How many cores a worker with a GPU asks for at most: decoding, drawing and writing have a thread each, for
up to three clips (``worker.Worker``)."""


@dataclass(frozen=True)
class RayChoice:
    """A cluster, and what each worker gets of it.

    Attributes:
        address: ``auto``, or HOST:PORT of the head.
        workers: how many; None for as many as find a place.
        gpus: how many GPUs, or which part of one, each gets; None for one where there are any.

    Raises:
        UsageError: one cannot be meant.
    """

    address: str
    workers: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        address = parameter("ray", self.address)
        if self.address.startswith("ray://"):
            raise UsageError(
                f"{address}: this is the address for clients outside of a cluster; a batch is started on one "
                "of its nodes, with auto or HOST:PORT (the port is 6379 where nobody chose one)"
            )
        host, _, port = self.address.rpartition(":")
        if self.address != "auto" and not (host and port.isdigit() and int(port) < 65536):
            raise UsageError(f"{address}: give auto, or HOST:PORT of the head of a cluster")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{parameter('ray_workers')} must be at least 1, got {self.workers}")
        gpus = self.gpus
        if gpus is not None and (gpus < 0 or (gpus > 1 and gpus != int(gpus))):
            raise UsageError(
                f"{parameter('gpus_per_worker')} is a whole number or a part of one GPU (0.5), got {gpus:g}"
            )


@dataclass(frozen=True)
class Share:
    """What a worker asks a cluster for.

    Attributes:
        workers: how many there are.
        gpus: of each.
        cpus: of each.
    """

    workers: int
    gpus: float
    cpus: int


def share_of(choice: RayChoice, model: ModelChoice, nodes: Sequence[Mapping[str, float]]) -> Share:
    """Divides a cluster.

    Args:
        choice: what was asked for.
        model: a worker without a GPU is for ``device="cpu"``.
        nodes: what each living node has, by Ray's names: ``CPU``, ``GPU``.

    Raises:
        UsageError: nothing of that kind finds a place.
    """
    gpus = choice.gpus
    if gpus is None:
        gpus = 1.0 if model.device != "cpu" and any(node.get("GPU", 0) for node in nodes) else 0.0
    if gpus and model.device == "cpu":
        raise UsageError(
            f"{parameter('gpus_per_worker')} and {parameter('device', 'cpu')} exclude each other"
        )
    room = [int(node.get("GPU", 0) / gpus) for node in nodes] if gpus else [1 for _ in nodes]
    usable = [
        (node, places) for node, places in zip(nodes, room, strict=True) if places and node.get("CPU", 0)
    ]
    if not usable:
        raise UsageError(
            f"{parameter('ray', choice.address)}: none of {len(nodes)} nodes has {gpus:g} GPUs and a core; "
            f"{parameter('gpus_per_worker', 0)} works without GPUs"
        )
    if not gpus and choice.workers is not None:
        each = -(-choice.workers // len(usable))
        usable = [(node, each) for node, _ in usable]
    cpus = max(1, min(int(node["CPU"]) // places for node, places in usable))
    if gpus:
        cpus = min(cpus, GPU_WORKER_CPUS)
    fitting = sum(min(places, int(node["CPU"]) // cpus) for node, places in usable)
    if (choice.workers or 0) > fitting:
        raise UsageError(
            f"{parameter('ray_workers', choice.workers)}: {fitting} workers with {gpus:g} GPUs and {cpus} "
            "cores find a place on this cluster"
        )
    return Share(choice.workers or fitting, gpus, cpus)


def model_of(model: ModelChoice, share: Share) -> ModelChoice:
    """The model as a worker loads it: Ray says which GPU is its own, so it has only the first.

    Raises:
        UsageError: the device has a number.
    """
    if ":" in model.device:
        raise UsageError(
            f"{parameter('device', model.device)}: Ray chooses the GPU of each worker; leave the number out"
        )
    return model if share.gpus else replace(model, device="cpu")
