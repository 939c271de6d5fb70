"""``sa2va doctor``: what this machine has, and what would run on it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, only
from sa2va_cli.commands.session import Session
from sa2va_cli.commands.startup import collector_paused

if TYPE_CHECKING:
    from sa2va_cli.runtime.machine import Gpu, Machine

EPILOG = examples("sa2va doctor", "sa2va doctor --json | jq -r .default")


def doctor_command(*, session: Session, talking: Annotated[Talking, only("as_json", "debug")]) -> None:
    """Look this machine over: versions, GPUs, memory, codecs, models, and what would run.

    Loads no model and downloads nothing. What is missing is said, and is no error: the exit code is 0. The
    last line is what segment would do here by default.
    """
    console = session.console
    with collector_paused():
        from sa2va_cli.runtime.machine import survey

        machine = survey()
    if talking.as_json:
        console.data(_document(machine))
        return
    for heading, text in _lines(machine):
        console.answer(f"{heading:<11}{text}")
    for problem in machine.problems:
        console.answer(f"{'problem':<11}{problem}")
    console.answer(machine.default)


def _document(machine: "Machine") -> dict[str, Any]:
    document = asdict(machine)
    document["cache"] = str(machine.cache)
    return document


def _lines(machine: "Machine") -> list[tuple[str, str]]:
    from sa2va_cli.runtime.memory_forecast import gigabytes

    packages = [f"{name} {version}" for name, version in machine.packages.items() if version]
    free = "" if machine.free_memory is None else f", {gigabytes(machine.free_memory)} free"
    models = [f"{alias} ({gigabytes(size)})" for alias, size in machine.models.items()]
    return [
        ("python", f"{machine.python} on {machine.system}"),
        ("packages", ", ".join(packages)),
        ("extras", ", ".join(_extra(name, version) for name, version in machine.extras.items())),
        ("processor", f"{machine.cores} cores, {'with' if machine.fast_bf16 else 'without'} bf16 of its own"),
        ("memory", f"{gigabytes(machine.memory)}{free}" if machine.memory else "not known"),
        ("torch for", machine.cuda or "processors only, without CUDA"),
        ("driver", machine.driver or "none (no nvidia-smi)"),
        *([_gpu(gpu) for gpu in machine.gpus] or [("GPU", machine.gpu_problem or "none that torch can use")]),
        ("reads", _there(machine.decoders)),
        ("writes", _there(machine.encoders)),
        ("ffmpeg", machine.ffmpeg or "no program of that name; it is not needed"),
        ("cache", f"{machine.cache}{_disk(machine)}"),
        ("models", ", ".join(models) or "none here"),
        *((f"fits {dtype}", ", ".join(aliases) or "no model") for dtype, aliases in machine.fits.items()),
    ]


def _gpu(gpu: "Gpu") -> tuple[str, str]:
    from sa2va_cli.runtime.memory_forecast import gigabytes

    kind = "bf16" if gpu.bf16 else "no bf16, so fp16"
    return gpu.device, f"{gpu.name}, {gigabytes(gpu.total)}, {gigabytes(gpu.free)} free, {kind}"


def _extra(package: str, version: str | None) -> str:
    from sa2va_cli.runtime.extras import EXTRAS

    remedy = next(extra.remedy for extra in EXTRAS if extra.package == package)
    return f"{package} {version}" if version else f"no {package} ({remedy})"


def _there(codecs: dict[str, bool]) -> str:
    """Codecs, those that are missing marked."""
    return ", ".join(name if there else f"{name} (missing)" for name, there in codecs.items()) or "nothing"


def _disk(machine: "Machine") -> str:
    from sa2va_cli.runtime.memory_forecast import gigabytes

    free = "" if machine.free_disk is None else f", {gigabytes(machine.free_disk)} free on its disk"
    return f"{free}{', offline (HF_HUB_OFFLINE)' if machine.offline else ''}"
