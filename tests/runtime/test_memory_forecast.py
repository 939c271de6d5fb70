import json
from pathlib import Path

import pytest
from families import FAMILIES, checkpoint

from sa2va_cli.checkpoints.files import read_headers
from sa2va_cli.checkpoints.parts import count
from sa2va_cli.errors import OutOfMemoryError
from sa2va_cli.runtime import memory_forecast
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import load_segmenter
from sa2va_cli.runtime.memory_forecast import (
    check_fits,
    free_host_bytes,
    gigabytes,
    largest_that_fits,
    published_bytes,
    room_for_language,
    weights_bytes,
)

TINY = checkpoint("internvl-qwen2")
CPU = Placement("cpu", "fp32")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch):
    """Sets how much memory Linux says that it has, and what a container leaves of it."""
    monkeypatch.setattr(memory_forecast, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory_forecast, "_GROUP", tmp_path / "group")

    def have(free: int, swap: int = 0, group: tuple[int, int, int] | None = None) -> None:
        lines = f"MemTotal: 99999999 kB\nMemAvailable: {free // 1024} kB\nSwapFree: {swap // 1024} kB\n"
        (tmp_path / "meminfo").write_text(lines)
        if group is not None:
            (tmp_path / "group").mkdir()
            for name, value in zip(("max", "current"), group, strict=False):
                (tmp_path / "group" / f"memory.{name}").write_text(f"{value}\n")
            (tmp_path / "group" / "memory.stat").write_text(f"anon 5\ninactive_file {group[2]}\n")

    return have


def test_bytes_are_those_of_the_parameters_in_a_precision() -> None:
    assert weights_bytes(TINY, "fp32") == 2 * weights_bytes(TINY, "bf16")
    saved = (TINY / "model.safetensors").stat().st_size  # in bf16
    assert 0.98 * saved < weights_bytes(TINY, "bf16") < saved


def test_each_part_counts_in_its_own_precision() -> None:
    halves = {
        group: weights_bytes(
            TINY, ",".join(f"{g}={'bf16' if g == group else 'fp32'}" for g in ("lm", "vit", "sam2"))
        )
        for group in ("lm", "vit", "sam2")
    }
    whole, narrow = weights_bytes(TINY, "fp32"), weights_bytes(TINY, "bf16")
    assert sum(whole - size for size in halves.values()) == whole - narrow
    assert all(narrow < size < whole for size in halves.values())


def test_only_layers_of_the_language_model_are_quantised() -> None:
    layers = 3 * (2 * 128 * 128 + 2 * 128 * 64 + 3 * 128 * 256)
    plain = weights_bytes(TINY, "bf16")
    assert weights_bytes(TINY, "bf16", "8bit") == plain - layers
    assert weights_bytes(TINY, "bf16", "4bit") == int(plain - layers * (2 - 4.127 / 8))


@pytest.mark.parametrize("family", FAMILIES)
def test_published_names_and_dimensions_count_the_same_layers(family: str) -> None:
    config = json.loads((checkpoint(family) / "config.json").read_text())
    text = config.get("llm_config") or config["text_config"]
    width, size = (
        text["hidden_size"],
        text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"],
    )
    heads = text["num_attention_heads"] + text["num_key_value_heads"]
    layer = 2 * width * heads * size + 3 * width * text["intermediate_size"]
    assert count(read_headers(checkpoint(family))).quantisable == text["num_hidden_layers"] * layer


def test_published_sizes_shrink_with_the_layers() -> None:
    plain, quantised = published_bytes("bf16"), published_bytes("bf16", "4bit")
    assert gigabytes(plain["4b"] - quantised["4b"]) == "4.12 GB"  # of 2.77 B weights, 11.9 bits each
    assert all(quantised[alias] < plain[alias] for alias in plain)


def test_free_memory_counts_swap(machine) -> None:
    machine(8 << 30, swap=1 << 30)
    assert free_host_bytes() == 9 << 30


def test_a_container_may_have_less_than_the_machine(machine) -> None:
    machine(8 << 30, group=(4 << 30, 3 << 30, 1 << 30))
    assert free_host_bytes() == 2 << 30


def test_without_meminfo_all_memory_counts(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(memory_forecast, "_MEMORY", tmp_path / "none")
    monkeypatch.setattr(memory_forecast, "_GROUP", tmp_path / "none")
    assert free_host_bytes() == memory_forecast.total_host_bytes()


def test_what_fits_is_let_through(machine) -> None:
    machine(20 << 20)
    check_fits("tiny", TINY, CPU)


def test_what_cannot_fit_is_refused_before_it_is_loaded(machine) -> None:
    machine(8 << 20)
    with pytest.raises(OutOfMemoryError) as caught:
        load_segmenter(ModelChoice(str(TINY)), CPU)
    message = str(caught.value)
    assert "\n" not in message
    assert "needs 11.2 MB in fp32, and the computer has 8.39 MB free" in message
    assert "dtype='bf16' (5.62 MB)" in message


def test_the_largest_model_that_fits_is_named(machine) -> None:
    assert largest_that_fits(3_000_000_000, "bf16")[0] == "i-1b"
    assert largest_that_fits(9_000_000_000, "bf16")[0] == "qwen2.5-vl-3b"
    assert largest_that_fits(1_000_000, "bf16") is None


def test_a_graphics_card_that_is_too_small_is_named_with_what_would_fit(machine, monkeypatch) -> None:
    machine(20 << 20)
    monkeypatch.setattr(memory_forecast, "free_bytes", lambda device: 3 << 20)
    with pytest.raises(OutOfMemoryError, match=r"cuda:1 has 3.15 MB free; what would fit: device='cpu'$"):
        check_fits("tiny", TINY, Placement("cuda:1", "bf16"))


@pytest.fixture
def cards(machine, monkeypatch):
    """Sets how many bytes are free on each GPU; the computer has 20 MiB."""

    def have(free: dict[str, int]) -> None:
        machine(20 << 20)
        monkeypatch.setattr(
            memory_forecast, "gpus", lambda first: [first, *(name for name in free if name != first)]
        )
        monkeypatch.setattr(memory_forecast, "free_bytes", free.__getitem__)

    return have


def test_a_spread_language_model_has_what_the_rest_leaves(cards) -> None:
    cards({"cuda:0": 8 << 20, "cuda:1": 10 << 20})
    room = room_for_language("tiny", TINY, Placement("cuda:1", "fp32"))
    groups = count(read_headers(TINY)).groups
    assert list(room) == ["cuda:1", "cuda:0", "host"]
    assert room["cuda:1"] == int(0.9 * (10 << 20)) - 4 * (groups["vit"] + groups["sam2"])
    assert room["cuda:0"] == int(0.9 * (8 << 20))
    assert room["host"] == int(0.9 * (20 << 20))


def test_a_follower_takes_its_share_of_the_first_gpu(cards) -> None:
    cards({"cuda:0": 40 << 20, "cuda:1": 80 << 20})
    alone = room_for_language("tiny", TINY, Placement("cuda:0", "fp32"))
    beside = room_for_language("tiny", TINY, Placement("cuda:0", "fp32"), ("other", TINY))
    assert alone["cuda:0"] - beside["cuda:0"] == 4 * count(read_headers(TINY)).total
    assert (alone["cuda:1"], alone["host"]) == (beside["cuda:1"], beside["host"])
    cards({"cuda:0": 10 << 20})
    with pytest.raises(OutOfMemoryError, match="its vision encoder, SAM 2 and the follower other, needs"):
        room_for_language("tiny", TINY, Placement("cuda:0", "fp32"), ("other", TINY))


def test_what_cannot_be_spread_must_fit_on_the_first_gpu(cards) -> None:
    cards({"cuda:0": 4 << 20, "cuda:1": 80 << 20})
    with pytest.raises(OutOfMemoryError, match=r"vision encoder and SAM 2, needs 8.* and cuda:0 has 3.77 MB"):
        room_for_language("tiny", TINY, Placement("cuda:0", "fp32"))


def test_a_language_model_that_fits_nowhere_is_refused(cards, machine) -> None:
    cards({"cuda:0": 10 << 20})
    machine(100 << 10)
    with pytest.raises(OutOfMemoryError, match=r"needs 2.3 MB in fp32, and cuda:0 and the computer have"):
        room_for_language("tiny", TINY, Placement("cuda:0", "fp32"))


def test_a_model_is_loaded_with_its_language_model_spread(cards, monkeypatch) -> None:
    """The processor plays the part of a GPU that is too small."""
    pytest.importorskip("accelerate")
    cards({"cuda": 0})
    monkeypatch.setattr(memory_forecast, "gpus", lambda _: ["cpu"])
    monkeypatch.setattr(memory_forecast, "free_bytes", lambda _: 11 << 20)
    network = load_segmenter(ModelChoice(str(TINY), device_map="auto"), Placement("cuda", "fp32")).network
    kinds = {name: parameter.device.type for name, parameter in network.named_parameters()}
    assert {kind for name, kind in kinds.items() if "language_model" not in name} == {"cpu"}
    assert {kind for name, kind in kinds.items() if "language_model" in name} == {"cpu", "meta"}


@pytest.mark.parametrize(
    ("count", "text"), [(4_050_000_000, "4.05 GB"), (103_112_023_752, "103 GB"), (12_848_000, "12.8 MB")]
)
def test_bytes_are_written_for_people(count: int, text: str) -> None:
    assert gigabytes(count) == text
