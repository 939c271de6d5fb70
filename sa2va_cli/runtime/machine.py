"""What this machine has and what would run on it: the findings of ``sa2va doctor``.

Nothing is loaded and nothing is downloaded. What is missing is a finding, not an error.
"""

import os
import platform
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from sa2va_cli.checkpoints.catalog import FOLLOWERS, default_model
from sa2va_cli.errors import Sa2VAError
from sa2va_cli.runtime.device import (
    choose_placement,
    cpu_has_fast_bf16,
    cuda_problem,
    gpu_has_bf16,
    macos_has_bf16,
    mps_problem,
)
from sa2va_cli.runtime.extras import EXTRAS
from sa2va_cli.runtime.memory_forecast import (
    BYTES,
    free_bytes,
    free_host_bytes,
    gigabytes,
    published_bytes,
    total_host_bytes,
    weights_bytes,
)

PACKAGES = (
    "torch",
    "transformers",
    "safetensors",
    "huggingface_hub",
    "av",
    "opencv-python-headless",
    "numpy",
)


@dataclass(frozen=True)
class Gpu:
    """A GPU that torch sees.

    Attributes:
        device: its name for ``--device``.
        name: its maker's name for it.
        total: bytes of memory.
        free: bytes of it that can be had.
        bf16: whether it computes in bf16 itself.
    """

    device: str
    name: str
    total: int
    free: int
    bf16: bool


@dataclass(frozen=True)
class Machine:
    """What was found.

    Attributes:
        python: its version.
        system: operating system and processor.
        packages: version by name; None for one that is not installed.
        extras: the same, of those that only some options need.
        cuda: the CUDA or ROCm version that torch was built for; empty without.
        driver: the version of NVIDIA's driver; empty when there is none.
        gpus: those that can be used.
        gpu_problem: why a GPU that is there cannot be used; empty otherwise.
        cores: of the processor, as far as this program may use them.
        memory: bytes in the machine; None where that cannot be told.
        free_memory: bytes that can be had.
        fast_bf16: whether the processor computes in bf16 itself.
        decoders: whether PyAV has each of the common ones.
        encoders: whether PyAV has each of those that outputs need.
        ffmpeg: the program's path; empty when there is none. It is not needed.
        cache: the folder of the Hugging Face cache.
        free_disk: bytes free where the cache is.
        offline: whether HF_HUB_OFFLINE forbids downloads.
        models: bytes on the disk of the models that are here, by alias.
        fits: by precision, aliases of the models whose weights fit on the device that is used by default.
        default: what ``segment`` would do here when nothing else is asked for, as one line.
        problems: what does not work here, each as one line.
    """

    python: str
    system: str
    packages: dict[str, str | None]
    extras: dict[str, str | None]
    cuda: str
    driver: str
    gpus: tuple[Gpu, ...]
    gpu_problem: str
    cores: int
    memory: int | None
    free_memory: int | None
    fast_bf16: bool
    decoders: dict[str, bool]
    encoders: dict[str, bool]
    ffmpeg: str
    cache: Path
    free_disk: int | None
    offline: bool
    models: dict[str, int]
    fits: dict[str, tuple[str, ...]]
    default: str
    problems: tuple[str, ...]


def survey() -> Machine:
    """Looks the machine over."""
    problems: list[str] = []
    packages = {name: _version(name) for name in PACKAGES}
    problems += [f"{name} is not installed" for name, version in packages.items() if version is None]
    decoders, encoders = _codecs(problems)
    cache, models, offline = _models(problems)
    accelerator = _Accelerator.find(problems)
    return Machine(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        packages=packages,
        extras={extra.package: _version(extra.package) for extra in EXTRAS},
        cuda=accelerator.version,
        driver=_driver(),
        gpus=accelerator.gpus,
        gpu_problem=accelerator.problem,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=total_host_bytes(),
        free_memory=free_host_bytes(),
        fast_bf16=accelerator.fast_bf16,
        decoders=decoders,
        encoders=encoders,
        ffmpeg=shutil.which("ffmpeg") or "",
        cache=cache,
        free_disk=_free_disk(cache),
        offline=offline,
        models={alias: size for alias, (_, size) in models.items()},
        fits=_fits(accelerator.device, models),
        default=_default(models, problems),
        problems=tuple(problems),
    )


@dataclass(frozen=True)
class _Accelerator:
    """What torch says; the defaults are those of a machine without torch."""

    version: str = ""
    gpus: tuple[Gpu, ...] = ()
    problem: str = ""
    fast_bf16: bool = False
    device: str = "cpu"

    @classmethod
    def find(cls, problems: list[str]) -> "_Accelerator":
        try:
            import torch
        except (ImportError, OSError) as error:  # OSError: a library of its is missing or of another version
            problems.append(f"torch cannot be imported: {' '.join(str(error).split())}")
            return cls()
        problem = cuda_problem() or mps_problem() or ""
        gpus = _gpus() if cuda_problem() is None else _apple_gpu() if mps_problem() is None else ()
        device = gpus[0].device.partition(":")[0] if gpus else "cpu"
        if problem and device == "cpu":
            problems.append(f"a GPU is present but not used: {problem}")
        version = f"CUDA {torch.version.cuda}" if torch.version.cuda else ""
        if torch.version.hip:
            version = f"ROCm {torch.version.hip}"
        return cls(version, gpus, problem, cpu_has_fast_bf16(), device)


def _gpus() -> tuple[Gpu, ...]:
    import torch

    found = []
    for number in range(torch.cuda.device_count()):
        device = f"cuda:{number}"
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        found.append(Gpu(device, name, total, free, gpu_has_bf16(device)))
    return tuple(found)


def _apple_gpu() -> tuple[Gpu, ...]:
    """Apple's only GPU, which shares the memory of the processor."""
    return (Gpu("mps", "Apple GPU", total_host_bytes() or 0, free_host_bytes() or 0, macos_has_bf16()),)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _driver() -> str:
    """NVIDIA's driver, by its own tool."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.split() or [""])[0] if done.returncode == 0 else ""


def _codecs(problems: list[str]) -> tuple[dict[str, bool], dict[str, bool]]:
    try:
        from sa2va_cli.media.codecs import decoders, encoders
    except (ImportError, OSError) as error:
        problems.append(f"PyAV cannot be imported: {' '.join(str(error).split())}")
        return {}, {}
    written = encoders()
    problems += [f"PyAV has no encoder {name}" for name, there in written.items() if not there]
    return decoders(), written


def _models(problems: list[str]) -> tuple[Path, dict[str, tuple[Path, int]], bool]:
    """The cache, the models that are here (folder, bytes), and whether downloads are forbidden."""
    from huggingface_hub import constants

    from sa2va_cli.checkpoints.cache import present_models
    from sa2va_cli.checkpoints.files import weight_files
    from sa2va_cli.checkpoints.hub import cache_root

    models = {
        alias: (folder, sum((folder / name).stat().st_size for name in weight_files(folder)))
        for alias, folder in present_models().items()
    }
    if not models:
        problems.append("this installation has no demo model, and no other model is here")
    return cache_root(), models, bool(constants.HF_HUB_OFFLINE)


def _free_disk(folder: Path) -> int | None:
    """Bytes free where a folder is or would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    with suppress(OSError):
        return shutil.disk_usage(folder).free
    return None


def _fits(device: str, models: dict[str, tuple[Path, int]]) -> dict[str, tuple[str, ...]]:
    """Which models fit: those that are here by their headers, the others by their dimensions."""
    free = free_bytes(device)
    fits = {}
    for dtype in BYTES:
        sizes = published_bytes(dtype)
        for alias, (folder, _) in models.items():
            with suppress(Sa2VAError):
                if alias not in FOLLOWERS:  # which run beside a model, and not alone
                    sizes[alias] = weights_bytes(folder, dtype)
        by_size = sorted(sizes, key=lambda alias: sizes[alias])
        fits[dtype] = tuple(alias for alias in by_size if free is None or sizes[alias] <= free)
    return fits


def _default(models: dict[str, tuple[Path, int]], problems: list[str]) -> str:
    from sa2va_cli.checkpoints.catalog import find

    try:
        placement = choose_placement("auto", "auto")
    except (Sa2VAError, ImportError, OSError) as error:
        problems.append(f"nothing can run here: {error}")
        return "segment cannot run here"
    name = default_model(placement.on_gpu)
    entry = find(name)
    alias = entry.alias if entry else name
    where = "is here" if alias in models else f"is not here yet: sa2va models pull {alias}"
    needed, free = published_bytes(placement.dtype).get(alias, 0), free_bytes(placement.device)
    if free is not None and needed > free:
        where += f"; it needs {gigabytes(needed)}, {gigabytes(free)} are free"
    return f"segment would run {name} on {placement.device} in {placement.dtype}; it {where}"
