"""How the network is to be loaded and run; importing it is instant."""

from dataclasses import dataclass

from sa2va_cli.checkpoints.parts import LM, VIT
from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.device import Placement
from sa2va_cli.pipeline.extras import FLASH, OFFLOAD, QUANT, require

ATTENTIONS = ("sdpa", "eager", "flash")
QUANTISATIONS = ("8bit", "4bit")
DEVICE_MAPS = ("none", "auto")
COMPILES = ("auto", "on", "off")


@dataclass(frozen=True)
class ModelOptions:
    """How the network is loaded and run, beyond device and precision; all but ``compile`` is the chat model.

    Attributes:
        attention: ``sdpa`` (that of torch), ``eager`` (written out, slow) or ``flash`` (flash-attn).
        quantize: ``8bit`` or ``4bit`` for the linear layers of the language model; None for none.
        device_map: ``auto`` spreads the language model over all GPUs and the computer's memory.
        compile: whether SAM 2's work for every frame is compiled; ``auto``: on a GPU, for long clips.

    Raises:
        UsageError: a name does not exist, or what it needs is not installed.
    """

    attention: str = "sdpa"
    quantize: str | None = None
    device_map: str = "none"
    compile: str = "auto"

    def __post_init__(self) -> None:
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
