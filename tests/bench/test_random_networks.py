import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sa2va_cli.bench.hardware import count_flops, matmul_rate, other_load, peak_device_bytes
from sa2va_cli.bench.job import RANDOM, BenchJob
from sa2va_cli.bench.networks import random_layout, random_network
from sa2va_cli.bench.pictures import disc_logits, park_pictures
from sa2va_cli.checkpoints.catalog import CATALOG
from sa2va_cli.errors import UsageError
from sa2va_cli.model.network import NetworkSegmenter
from sa2va_cli.parameters import one_of
from sa2va_cli.runtime.choice import ModelChoice

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    return random_network("demo", CPU, torch.float32)


def test_a_random_network_answers_as_a_trained_one_would(network):
    images = [np.full((36, 64, 3), 40 * k, np.uint8) for k in range(3)]
    session = NetworkSegmenter(network).open()
    found, _ = session.ground(session.look(images), "<image>Please segment the dog.")
    assert found.answer.startswith("Sure, [SEG].")
    assert len(found) == 1


def test_a_random_network_is_the_same_every_time(network):
    again = random_network("demo", CPU, torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("name", ["1b", "4b"])
def test_random_sizes_are_those_of_the_published_models(name, network):
    layout = random_layout(name)
    with torch.device("meta"):
        chat = layout.chat.build(network.chat.tokenizer)
    counts = CATALOG[name].counts
    assert sum(tensor.numel() for tensor in chat.parameters()) == counts.lm + counts.vit
    assert layout.sam2["trunk"]["embed_dim"] == 144


def test_what_cannot_be_timed_is_refused():
    with pytest.raises(UsageError, match=f"choose {one_of(RANDOM)}$"):
        BenchJob((64, 64), random="9b")
    with pytest.raises(UsageError, match="contradict"):
        BenchJob((64, 64), model=ModelChoice("demo"), random="demo")
    with pytest.raises(UsageError, match="rounds must be at least 1, got 0"):
        BenchJob((64, 64), random="demo", rounds=0)


def test_matrix_products_are_counted():
    x, weight = torch.zeros(2, 5, 64), torch.zeros(32, 64)
    assert count_flops(lambda: F.linear(x, weight)) == 2 * 10 * 64 * 32


@torch.inference_mode()
def test_attention_is_counted_on_the_processor_and_with_fewer_heads_of_keys():
    query, key = torch.zeros(1, 4, 16, 8), torch.zeros(1, 2, 24, 8)
    counted = count_flops(lambda: F.scaled_dot_product_attention(query, key, key, enable_gqa=True))
    assert counted == 2 * 4 * 16 * 24 * (8 + 8)


def test_the_machine_is_measured():
    assert matmul_rate("cpu", torch.float32) > 0
    assert peak_device_bytes("cpu") is None
    assert other_load() is None or "busy" in str(other_load())


def test_discs_cover_a_plausible_part_of_the_picture():
    logits = disc_logits(3, 64, phase=0.2)
    shares = (logits > 0).mean(axis=(1, 2))
    assert logits.shape == (3, 64, 64)
    assert shares == pytest.approx([0.07] * 3, abs=0.005)


def test_pictures_of_a_long_clip_go_back_and_forth():
    pictures = list(park_pictures(96, (64, 36)))
    assert len(pictures) == 96
    assert pictures[48] is pictures[46]
    assert pictures[94] is pictures[0]
    assert not np.array_equal(pictures[0], pictures[1])
