"""Which network is to be loaded, where, and how it runs; importing it is instant."""

from dataclasses import dataclass
from typing import Annotated

from sa2va_cli.checkpoints.catalog import CATALOG, default_model
from sa2va_cli.checkpoints.parts import LM, VIT
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.parameters import MODEL, Option, check_fields, expanded
from sa2va_cli.runtime.device import Placement, check_names, choose_placement
from sa2va_cli.runtime.extras import FLASH, OFFLOAD, QUANT, require

ATTENTIONS = ("sdpa", "eager", "flash")
QUANTISATIONS = ("8bit", "4bit")
DEVICE_MAPS = ("none", "auto")
COMPILES = ("auto", "on", "off")


@dataclass(frozen=True)
class ModelChoice:
    """Which model, where it runs, and how; one value that is planned, loaded, and then serves any clip.

    Attributes:
        name: alias, folder or hub id; None for the default of the device.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``auto``, ``bf16``, ``fp16`` or ``fp32``; or by parts: ``lm=bf16,vit=bf16,sam2=fp32``.
        attention: of the chat model: ``sdpa`` (that of torch), ``eager`` (written out, slow) or ``flash``
            (flash-attn).
        quantize: ``8bit`` or ``4bit`` for the linear layers of the language model; None for none.
        device_map: ``auto`` spreads the language model over all GPUs and the computer's memory.
        compile: whether SAM 2's work for every frame is compiled; ``auto``: on a GPU, for long clips.

    Raises:
        UsageError: a name does not exist, or what it needs is not installed.
    """

    name: Annotated[
        str | None,
        Option(
            "Alias (demo, 1b, 4b, ...), folder, or hub id.",
            MODEL,
            "NAME",
            names=("--model", "-m"),
            offered=tuple(CATALOG),
            shown="ByteDance/Sa2VA-4B with a GPU, else ByteDance/Sa2VA-1B",
        ),
    ] = None
    device: Annotated[str, Option("auto, cpu, cuda, cuda:N or mps.", MODEL, "NAME")] = "auto"
    dtype: Annotated[
        str,
        Option(
            "auto (what is fast here), bf16, fp16, fp32, or by parts: lm=bf16,vit=bf16,sam2=fp32.",
            MODEL,
            "NAME",
        ),
    ] = "auto"
    attention: Annotated[
        str,
        Option(
            "How the chat model computes it: sdpa, eager, or flash (needs the extra flash).",
            MODEL,
            "HOW",
            choices=ATTENTIONS,
        ),
    ] = "sdpa"
    quantize: Annotated[
        str | None,
        Option(
            "8bit or 4bit for the language model alone, to save memory (needs the extra quant).",
            MODEL,
            "BITS",
            choices=QUANTISATIONS,
        ),
    ] = None
    device_map: Annotated[
        str,
        Option(
            "none, or auto: spread a language model that is too big for one GPU over all of them and the "
            "computer's memory (needs the extra offload).",
            MODEL,
            "HOW",
            choices=DEVICE_MAPS,
            experimental="never measured on several GPUs",
        ),
    ] = "none"
    compile: Annotated[
        str,
        Option(
            "Compile what runs for every frame: on, off, or auto (on a GPU, for clips of minutes).",
            MODEL,
            "WHEN",
            choices=COMPILES,
            experimental="auto was never measured on a GPU",
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        if self.name is not None:
            object.__setattr__(self, "name", expanded(self.name))
        check_names(self.device, self.dtype)
        check_fields(self)
        quantised, spread = parameter("quantize", self.quantize), parameter("device_map", "auto")
        if self.spread and self.quantize:
            raise UsageError(f"{spread} does not go with {quantised}; leave one out")
        if self.attention == "flash":
            require(FLASH, parameter("attention", "flash"))
        if self.quantize:
            require(QUANT, quantised)
        if self.spread:
            require(OFFLOAD, spread)

    @property
    def spread(self) -> bool:
        """Whether the language model may lie on several devices."""
        return self.device_map == "auto"

    def placed(self) -> Placement:
        """Finds a device that works and a precision that suits it.

        Raises:
            UsageError: the device that was asked for cannot be used.
        """
        return choose_placement(self.device, self.dtype)

    def name_on(self, placement: Placement) -> str:
        """The model's name: the one that was asked for, or the default for a device."""
        return default_model(placement.on_gpu) if self.name is None else self.name

    def check(self, placement: Placement) -> None:
        """Makes sure that the options go with where and in which precision the network runs.

        Raises:
            UsageError: they do not.
        """
        if self.attention == "flash":
            wide = [group for group in (LM, VIT) if placement.dtypes[group] == "fp32"]
            if not placement.device.startswith("cuda") or wide:
                flash, sdpa = parameter("attention", "flash"), parameter("attention", "sdpa")
                narrow = f"{parameter('dtype', 'bf16')} or fp16"
                raise UsageError(
                    f"{flash} needs a GPU of NVIDIA or AMD and {narrow}, "
                    f"not {placement.device} in {placement.dtype}; {sdpa} works everywhere"
                )
        if self.spread and not placement.device.startswith("cuda"):
            spread, device = parameter("device_map", "auto"), parameter("device", placement.device)
            raise UsageError(
                f"{spread} spreads the language model over GPUs of NVIDIA or AMD and the computer's "
                f"memory; with {device} there is nothing to spread over, so leave it out"
            )
        if self.quantize and placement.device == "mps":
            quantised, cpu = parameter("quantize", self.quantize), parameter("device", "cpu")
            raise UsageError(f"{quantised} does not work on mps; use {cpu} or leave it out")
