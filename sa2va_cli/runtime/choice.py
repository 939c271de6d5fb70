"""Which network is to be loaded, where, and how it runs; importing it is instant."""

from dataclasses import dataclass

from sa2va_cli.checkpoints.catalog import default_model
from sa2va_cli.checkpoints.parts import LM, VIT
from sa2va_cli.errors import UsageError
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

    name: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    attention: str = "sdpa"
    quantize: str | None = None
    device_map: str = "none"
    compile: str = "auto"

    def __post_init__(self) -> None:
        check_names(self.device, self.dtype)
        if self.attention not in ATTENTIONS:
            raise UsageError(f"unknown --attention {self.attention!r}; choose {', '.join(ATTENTIONS)}")
        if self.quantize is not None and self.quantize not in QUANTISATIONS:
            raise UsageError(f"unknown --quantize {self.quantize!r}; choose {' or '.join(QUANTISATIONS)}")
        if self.device_map not in DEVICE_MAPS:
            raise UsageError(f"unknown --device-map {self.device_map!r}; choose {' or '.join(DEVICE_MAPS)}")
        if self.compile not in COMPILES:
            raise UsageError(f"unknown --compile {self.compile!r}; choose {', '.join(COMPILES)}")
        if self.spread and self.quantize:
            raise UsageError(f"--device-map auto does not go with --quantize {self.quantize}; leave one out")
        if self.attention == "flash":
            require(FLASH, "--attention flash")
        if self.quantize:
            require(QUANT, f"--quantize {self.quantize}")
        if self.spread:
            require(OFFLOAD, "--device-map auto")

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
                raise UsageError(
                    "--attention flash needs a GPU of NVIDIA or AMD and --dtype bf16 or fp16, "
                    f"not {placement.device} in {placement.dtype}; --attention sdpa works everywhere"
                )
        if self.spread and not placement.device.startswith("cuda"):
            raise UsageError(
                "--device-map auto spreads the language model over GPUs of NVIDIA or AMD and the computer's "
                f"memory; with --device {placement.device} there is nothing to spread over, so leave it out"
            )
        if self.quantize and placement.device == "mps":
            raise UsageError(
                f"--quantize {self.quantize} does not work on mps; use --device cpu or leave it out"
            )
