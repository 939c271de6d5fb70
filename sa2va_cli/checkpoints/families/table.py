"""The table of all families: one row for each."""

from sa2va_cli.checkpoints.families.family import Family
from sa2va_cli.checkpoints.families.internvl import INTERNVL, INTERNVL_INTERNLM2
from sa2va_cli.checkpoints.families.qwen2_5_vl import QWEN2_5_VL
from sa2va_cli.checkpoints.families.qwen3_vl import QWEN3_VL
from sa2va_cli.checkpoints.families.sail_vl import SAIL_VL

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        INTERNVL,
        INTERNVL_INTERNLM2,
        QWEN2_5_VL,
        QWEN3_VL,
        SAIL_VL,
    )
}
"""By name. A published config is of the first family that it matches. Sa2VA-i is a variant of any of them,
which only the tensors of a checkpoint reveal (see ``layout.corrected``)."""
