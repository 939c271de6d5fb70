"""What can be installed besides: which option needs which package, and how to get it."""

from dataclasses import dataclass
from importlib.util import find_spec

from sa2va_cli.errors import UsageError


@dataclass(frozen=True)
class Extra:
    """A package that only some options need.

    Attributes:
        package: its name on the package index.
        module: what it is imported as.
        name: of the extra of this program that brings it.
    """

    package: str
    module: str
    name: str

    @property
    def installed(self) -> bool:
        """Whether it could be imported; it is not."""
        return find_spec(self.module) is not None

    @property
    def remedy(self) -> str:
        """How to get it."""
        return f"pip install 'sa2va[{self.name}]'"


QUANT = Extra("bitsandbytes", "bitsandbytes", "quant")
FLASH = Extra("flash-attn", "flash_attn", "flash")
OFFLOAD = Extra("accelerate", "accelerate", "offload")
HEIF = Extra("pillow-heif", "pillow_heif", "heif")
EXR = Extra("OpenEXR", "OpenEXR", "exr")
OTIO = Extra("opentimelineio", "opentimelineio", "otio")
GENERATE = Extra("diffusers", "diffusers", "generate")
WATCH = Extra("watchfiles", "watchfiles", "watch")
REVIEW = Extra("starlette", "starlette", "review")
PEFT = Extra("peft", "peft", "train")
ACCELERATE = Extra("accelerate", "accelerate", "train")
TENSORBOARD = Extra("tensorboard", "tensorboard", "train")
RAY = Extra("ray", "ray", "ray")
S3FS = Extra("s3fs", "s3fs", "cloud")
GCSFS = Extra("gcsfs", "gcsfs", "cloud")
EXTRAS = (
    *(QUANT, FLASH, OFFLOAD, HEIF, EXR, OTIO, GENERATE),
    *(WATCH, REVIEW, PEFT, ACCELERATE, TENSORBOARD, RAY, S3FS, GCSFS),
)


def require(extra: Extra, asked: str) -> None:
    """Makes sure that what was asked for, as ``errors.parameter`` names it, can be done.

    Raises:
        UsageError: its package is not installed.
    """
    if not extra.installed:
        raise UsageError(f"{asked} needs {extra.package}, which is not installed: {extra.remedy}")
