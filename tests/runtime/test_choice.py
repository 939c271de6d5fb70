import sys

import pytest

from sa2va_cli.errors import UsageError
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement


@pytest.fixture
def installed(monkeypatch):
    """Sets which of the packages that only some options need can be imported."""

    def have(*modules: str) -> None:
        for name in ("bitsandbytes", "flash_attn", "accelerate"):
            monkeypatch.setitem(sys.modules, name, sys if name in modules else None)

    return have


def test_nothing_is_needed_by_default(installed) -> None:
    installed()
    ModelChoice().check(Placement("cpu", "fp32"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attention": "fast"}, r"unknown attention 'fast'; choose sdpa, eager or flash$"),
        ({"quantize": "3bit"}, r"unknown quantize '3bit'; choose 8bit or 4bit$"),
        ({"device_map": "balanced"}, r"unknown device_map 'balanced'; choose none or auto$"),
        ({"compile": "maybe"}, r"unknown compile 'maybe'; choose auto, on or off$"),
        ({"device_map": "auto", "quantize": "8bit"}, r"does not go with quantize='8bit'; leave one out$"),
    ],
)
def test_unknown_names_fail_with_those_that_exist(options, words) -> None:
    with pytest.raises(UsageError, match=words):
        ModelChoice(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attention": "flash"}, r"attention='flash' needs flash-attn.*pip install 'sa2va\[flash\]'"),
        ({"quantize": "4bit"}, r"quantize='4bit' needs bitsandbytes.*pip install 'sa2va\[quant\]'"),
        ({"device_map": "auto"}, r"device_map='auto' needs accelerate.*pip install 'sa2va\[offload\]'"),
    ],
)
def test_what_is_not_installed_is_named_with_its_extra(installed, options, words) -> None:
    installed()
    with pytest.raises(UsageError, match=words):
        ModelChoice(**options)


@pytest.mark.parametrize(
    "placement", [Placement("cpu", "bf16"), Placement("cuda", "lm=bf16,vit=fp32,sam2=fp32")]
)
def test_flash_attention_fails_where_it_cannot_be(installed, placement) -> None:
    installed("flash_attn")
    with pytest.raises(UsageError, match="attention='sdpa' works everywhere"):
        ModelChoice(attention="flash").check(placement)


def test_flash_attention_does_not_care_for_the_precision_of_sam2(installed) -> None:
    installed("flash_attn")
    ModelChoice(attention="flash").check(Placement("cuda:1", "lm=bf16,vit=bf16,sam2=fp32"))


def test_apple_gpus_do_not_quantise(installed) -> None:
    installed("bitsandbytes")
    with pytest.raises(UsageError, match="mps"):
        ModelChoice(quantize="8bit").check(Placement("mps", "bf16"))


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_without_a_gpu_that_has_neighbours_there_is_nothing_to_spread_over(installed, device) -> None:
    installed("accelerate")
    with pytest.raises(UsageError, match=f"with device='{device}' there is nothing to spread over"):
        ModelChoice(device_map="auto").check(Placement(device, "fp32"))


def test_a_language_model_is_spread_over_gpus(installed) -> None:
    installed("accelerate")
    options = ModelChoice(device_map="auto")
    options.check(Placement("cuda:1", "bf16"))
    assert options.spread
