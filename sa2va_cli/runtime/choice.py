"""Which network is to be loaded, where, and how it runs; importing it is instant."""

from dataclasses import dataclass, replace
from typing import Annotated

from sa2va_cli.checkpoints.catalog import CATALOG, OWN, default_model
from sa2va_cli.checkpoints.parts import LM, VIT
from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.parameters import MODEL, Option, check_fields, expanded
from sa2va_cli.runtime.device import Placement, check_names, choose_placement
from sa2va_cli.runtime.extras import FLASH, OFFLOAD, QUANT, require

ATTENTIONS = ("sdpa", "eager", "flash")
QUANTISATIONS = ("8bit", "4bit")
DEVICE_MAPS = ("none", "auto")
COMPILES = ("auto", "on", "off")

SIZE_STEP, LARGEST_SIDE = 64, 2048
"""Sizes of pictures for which all maps of a follower come out even, and up to which memory makes sense."""


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
        follower: what carries the masks that the model finds on keyframes through the video: ``own``, the
            model's SAM 2; or an alias, a folder or a hub id of another one.
        follow_size: side in pixels of the pictures that the follower sees; None for that of its config.

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

    follower: Annotated[
        str,
        Option(
            "What carries the masks found on keyframes through the video: own (the model's SAM 2), "
            "sam2.1-tiny, -small, -base-plus or -large, sam2-..., edgetam, a folder, or a hub id.",
            MODEL,
            "NAME",
        ),
    ] = OWN
    follow_size: Annotated[
        int | None,
        Option(
            "Side in pixels of the pictures that the follower sees, a multiple of 64: smaller is faster and "
            "coarser.",
            MODEL,
            "PIXELS",
            least=256,
            shown="that of the follower, 1024",
            experimental="what it costs in accuracy was never measured",
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.name is not None:
            object.__setattr__(self, "name", expanded(self.name))
        object.__setattr__(self, "follower", expanded(self.follower))
        check_names(self.device, self.dtype)
        check_fields(self)
        self._check_following()
        quantised, spread = parameter("quantize", self.quantize), parameter("device_map", "auto")
        if self.spread and self.quantize:
            raise UsageError(f"{spread} does not go with {quantised}; leave one out")
        if self.attention == "flash":
            require(FLASH, parameter("attention", "flash"))
        if self.quantize:
            require(QUANT, quantised)
        if self.spread:
            require(OFFLOAD, spread)

    def _check_following(self) -> None:
        if not self.follower:
            raise UsageError(f"{parameter('follower', repr(''))} names nothing; leave it out, or name one")
        if self.follow_size is None:
            return
        size = parameter("follow_size", self.follow_size)
        if not self.has_follower:
            raise UsageError(
                f"{size} is for another {parameter('follower')} than {OWN}; name one, or leave it out"
            )
        if self.follow_size % SIZE_STEP or self.follow_size > LARGEST_SIDE:
            raise UsageError(f"{size} must be a multiple of {SIZE_STEP}, up to {LARGEST_SIDE}; 512 is one")

    @property
    def has_follower(self) -> bool:
        """Whether another network follows what the model finds."""
        return self.follower != OWN

    @property
    def without_follower(self) -> "ModelChoice":
        """The same, for what follows nothing."""
        return replace(self, follower=OWN, follow_size=None)

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
