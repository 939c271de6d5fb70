import pytest

from sa2va_cli.errors import UsageError
from sa2va_cli.runtime import device
from sa2va_cli.runtime.device import choose_placement


@pytest.fixture
def machine(monkeypatch):
    """Sets what is wrong with each kind of GPU: None for nothing, an empty string for no such GPU."""

    def have(cuda="", mps="", *, bf16=False):
        monkeypatch.setattr(device, "cpu_has_fast_bf16", lambda: bf16)
        monkeypatch.setattr(device, "cuda_problem", lambda: cuda)
        monkeypatch.setattr(device, "mps_problem", lambda: mps)

    return have


def test_without_a_gpu_the_processor_is_used_and_said(machine):
    machine()
    placement = choose_placement("auto", "auto")
    assert (placement.device, placement.dtype, placement.concern) == ("cpu", "fp32", "")
    assert placement.chosen == "using device cpu and dtype fp32"


def test_a_processor_that_multiplies_in_bf16_is_let_to(machine):
    machine(bf16=True)
    assert choose_placement("auto", "auto").dtype == choose_placement("cpu", "auto").dtype == "bf16"
    assert choose_placement("cpu", "sam2=fp32").dtypes == {"lm": "bf16", "vit": "bf16", "sam2": "fp32"}


def test_an_unusable_gpu_is_reported(machine):
    machine(cuda="this PyTorch is built without CUDA")
    placement = choose_placement("auto", "auto")
    assert placement.device == "cpu"
    assert "built without CUDA" in placement.concern


def test_an_apple_gpu_is_used(machine):
    machine(mps=None)
    assert choose_placement("auto", "fp16").device == "mps"


def test_asking_for_an_unusable_gpu_fails_with_the_reason(machine):
    machine(cuda="the driver is too old")
    with pytest.raises(UsageError, match="the driver is too old"):
        choose_placement("cuda", "auto")
    with pytest.raises(UsageError, match="no Apple GPU"):
        choose_placement("mps", "auto")


def test_what_was_asked_for_is_not_announced(machine):
    machine()
    assert choose_placement("cpu", "bf16").chosen == ""


def test_parts_may_have_precisions_of_their_own(machine):
    machine()
    placement = choose_placement("cpu", "lm=bf16,vit=bf16,sam2=fp32")
    assert placement.dtypes == {"lm": "bf16", "vit": "bf16", "sam2": "fp32"}
    assert placement.dtype == "lm=bf16,vit=bf16,sam2=fp32"


def test_parts_that_are_not_named_have_the_default(machine):
    machine()
    assert choose_placement("cpu", "lm=bf16").dtypes == {"lm": "bf16", "vit": "fp32", "sam2": "fp32"}


def test_one_precision_for_all_parts_is_one_word(machine):
    machine()
    assert choose_placement("cpu", "sam2=bf16,lm=bf16,vit=bf16").dtype == "bf16"


@pytest.mark.parametrize(
    "text", ["fp8", "lm=fp8", "llm=bf16", "lm=bf16,lm=fp32", "lm=bf16,", "lm", "", "lm=auto"]
)
def test_a_precision_that_does_not_exist_fails_with_those_that_do(text):
    with pytest.raises(UsageError, match="bf16") as caught:
        choose_placement("cpu", text)
    assert "\n" not in str(caught.value)


def test_a_gpu_below_a_processor_only_pytorch_is_named(monkeypatch):
    import torch

    if torch.version.cuda is not None or torch.version.hip is not None:
        pytest.skip("this PyTorch has GPU support")
    monkeypatch.setattr(device, "_has_nvidia_gpu", lambda: True)
    device.cuda_problem.cache_clear()
    try:
        assert "built without CUDA" in (device.cuda_problem() or "")
    finally:
        device.cuda_problem.cache_clear()


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 0), "fp16"), ((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")]
)
def test_a_gpu_gets_bf16_where_it_has_it(machine, monkeypatch, capability, dtype):
    import torch

    machine(cuda=None)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert choose_placement("auto", "auto").dtype == dtype


@pytest.mark.parametrize(("newer", "dtype"), [(True, "bf16"), (False, "fp16")])
def test_an_apple_gpu_gets_bf16_from_macos_14_on(machine, monkeypatch, newer, dtype):
    import torch

    machine(mps=None)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *_: newer)
    assert choose_placement("auto", "auto").dtype == dtype


def test_a_processor_without_the_probes_has_no_bf16_of_its_own(monkeypatch):
    import torch

    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not device.cpu_has_fast_bf16()
