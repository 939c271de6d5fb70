"""Where the network runs and in which precision; says what was chosen and why."""

import platform
import re
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.checkpoints.parts import LM, SAM2, VIT
from sa2va_cli.errors import UsageError, parameter

if TYPE_CHECKING:
    import torch

DTYPES: dict[str, str] = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
"""The names on the command line, and torch's."""

PART_GROUPS = (LM, VIT, SAM2)
"""What may have a precision of its own: language model, vision encoder, all that makes masks."""


@dataclass(frozen=True)
class Placement:
    """Where and how a network runs.

    Attributes:
        device: torch's name: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        dtype: ``bf16``, ``fp16`` or ``fp32``; or one for each group of parts, as in
            ``lm=bf16,vit=bf16,sam2=fp32``.
        chosen: what was chosen without being asked for, as one line; empty when nothing was.
        concern: a GPU that is present but unusable, as one line; empty when there is none.
    """

    device: str
    dtype: str
    chosen: str = ""
    concern: str = ""

    @property
    def on_gpu(self) -> bool:
        """Whether a large model is a sensible default."""
        return self.device != "cpu"

    @property
    def dtypes(self) -> dict[str, str]:
        """The precision of each group of parts: ``lm``, ``vit`` and ``sam2``."""
        return read_dtype(self.dtype)

    @property
    def torch_dtypes(self) -> "dict[str, torch.dtype]":
        """The precision of each group of parts as torch's objects."""
        import torch

        return {group: getattr(torch, DTYPES[name]) for group, name in self.dtypes.items()}

    @property
    def torch_dtype(self) -> "torch.dtype":
        """The precision of SAM 2, which sees every frame, as torch's object."""
        return self.torch_dtypes[SAM2]


def read_dtype(text: str) -> dict[str, str]:
    """Reads a precision: the precision of each group of parts that it speaks of; none for ``auto``.

    Args:
        text: ``auto``, a name in ``DTYPES`` for all, or ``lm=bf16,sam2=fp32`` and the like.

    Raises:
        UsageError: a name does not exist, or a group comes twice.
    """
    if text == "auto":
        return {}
    if "=" not in text:
        return dict.fromkeys(PART_GROUPS, _known_dtype(text))
    found: dict[str, str] = {}
    for item in text.split(","):
        group, _, name = item.partition("=")
        if group not in PART_GROUPS or group in found:
            wrong = "comes twice" if group in found else "is none of " + ", ".join(PART_GROUPS)
            raise UsageError(
                f"{parameter('dtype')} {text!r}: {group!r} {wrong}; write it as in lm=bf16,vit=bf16,sam2=fp32"
            )
        found[group] = _known_dtype(name)
    return found


def _known_dtype(name: str) -> str:
    if name not in DTYPES:
        parts = ",".join(f"{group}=NAME" for group in PART_GROUPS)
        raise UsageError(
            f"unknown {parameter('dtype')} {name!r}; choose auto, {', '.join(DTYPES)}, or {parts}"
        )
    return name


def check_names(device: str, dtype: str) -> None:
    """Checks a device and a precision without importing torch.

    Raises:
        UsageError: one of them does not exist.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise UsageError(f"unknown {parameter('device')} {device!r}; choose auto, cpu, cuda, cuda:N or mps")
    read_dtype(dtype)


def choose_placement(device: str, dtype: str) -> Placement:
    """Turns what was asked for into a device that works and a precision that suits it.

    Raises:
        UsageError: a name does not exist, or the device that was asked for cannot be used.
    """
    check_names(device, dtype)
    concern = ""
    place = device
    if device == "auto":
        cuda, mps = cuda_problem(), mps_problem()
        place = "cuda" if cuda is None else "mps" if mps is None else "cpu"
        concern = next((text for text in (cuda, mps) if text and place == "cpu"), "")
    elif problem := _problem(device):
        asked_for, cpu = parameter("device", device), parameter("device", "cpu")
        raise UsageError(f"{asked_for} cannot be used: {problem}; {cpu} always works")
    asked = read_dtype(dtype)
    default = _default_dtype(place) if len(asked) < len(PART_GROUPS) else ""
    precision = _written({group: asked.get(group, default) for group in PART_GROUPS})
    parts = [
        text
        for asked, text in ((device, f"device {place}"), (dtype, f"dtype {precision}"))
        if asked == "auto"
    ]
    chosen = f"using {' and '.join(parts)}" if parts else ""
    return Placement(place, precision, chosen, concern and f"a GPU is present but not used: {concern}")


def gpus(first: str) -> list[str]:
    """All NVIDIA or AMD GPUs as torch calls them, this one (``cuda`` or ``cuda:N``) first."""
    import torch

    number = int(first.partition(":")[2] or 0)
    others = [other for other in range(torch.cuda.device_count()) if other != number]
    return [f"cuda:{index}" for index in (number, *others)]


def _written(dtypes: dict[str, str]) -> str:
    """The precision as a person writes it, in one word where all parts have the same."""
    names = set(dtypes.values())
    return names.pop() if len(names) == 1 else ",".join(f"{group}={name}" for group, name in dtypes.items())


def _problem(device: str) -> str | None:
    if device == "cpu":
        return None
    if device == "mps":
        return mps_problem() if mps_problem() != "" else "this machine has no Apple GPU"
    problem = cuda_problem()
    if problem is None:
        import torch

        count = torch.cuda.device_count()
        number = int(device.partition(":")[2] or 0)
        return None if number < count else f"there are {count} GPUs, numbered from 0"
    return problem or "this machine has no NVIDIA or AMD GPU"


@cache
def cuda_problem() -> str | None:
    """Returns why CUDA cannot be used: None when it can, an empty string when there is no GPU at all."""
    import torch

    if not _has_nvidia_gpu() and not torch.cuda.is_available():
        return ""
    if torch.version.cuda is None and torch.version.hip is None:
        return f"this PyTorch ({torch.__version__}) is built without CUDA; get one with it from pytorch.org"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (torch.zeros(1, device="cuda") + 1).item()
    except Exception as error:  # any failure means unusable, and is told
        return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return None


def mps_problem() -> str | None:
    """Returns why Apple's GPU cannot be used: None when it can, an empty string when there is none."""
    import torch

    backend = torch.backends.mps
    if backend.is_available():
        return None
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return ""
    if not backend.is_built():
        return f"this PyTorch ({torch.__version__}) is built without MPS"
    return "MPS needs macOS 12.3 or newer"


def _has_nvidia_gpu() -> bool:
    listed = Path("/proc/driver/nvidia/gpus")
    if listed.is_dir():
        return any(listed.iterdir())
    return Path("/dev/nvidia0").exists() or _nvidia_smi_lists_one()


def _nvidia_smi_lists_one() -> bool:
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        listing = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return False
    return "GPU" in listing.stdout


def _default_dtype(device: str) -> str:
    """bf16, as models were trained, where the device computes in it; else fp16 on a GPU, fp32 on a CPU."""
    if device == "cpu":
        return "bf16" if cpu_has_fast_bf16() else "fp32"
    if device == "mps":
        return "bf16" if macos_has_bf16() else "fp16"
    return "bf16" if gpu_has_bf16(device) else "fp16"


AMPERE = (8, 0)
"""The first compute capability with bf16 (CUDA C++ Programming Guide, "Arithmetic instructions")."""


def gpu_has_bf16(device: str) -> bool:
    """Whether an NVIDIA or AMD GPU computes in bf16 itself; Volta and Turing only imitate it, slowly."""
    import torch

    if torch.version.hip is not None:
        return True
    return torch.cuda.get_device_capability(device) >= AMPERE


def macos_has_bf16() -> bool:
    """Whether an Apple GPU computes in bf16: Metal does from macOS 14 on."""
    import torch

    return torch.backends.mps.is_macos_or_newer(14, 0)


def cpu_has_fast_bf16() -> bool:
    """Whether the processor multiplies in bf16 itself (AVX512-BF16 or AMX); others only imitate it."""
    import torch

    probes = (
        getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return any(bool(probe()) for probe in probes if probe is not None)
