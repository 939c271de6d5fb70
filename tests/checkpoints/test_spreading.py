"""Spreading a language model; what a GPU would do is done by a processor that its layers are kept from."""

import numpy as np
import pytest
import torch
from families import LANGUAGES, REFERENCE, cases, checkpoint
from PIL import Image

from sa2va_cli.checkpoints.loader import load_network
from sa2va_cli.checkpoints.spreading import HOST, device_of, plan_device_map
from sa2va_cli.errors import OutOfMemoryError
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork

pytest.importorskip("accelerate")
CPU = torch.device("cpu")
PLENTY = 1 << 40


def load(family: str, room: dict[str, int] | None = None) -> Sa2VANetwork:
    return load_network(checkpoint(family), CPU, torch.float32, room=room)


def bytes_of_language(network: Sa2VANetwork) -> int:
    return sum(parameter.nbytes for parameter in network.chat.language_model.parameters())


@pytest.fixture(scope="module")
def network() -> Sa2VANetwork:
    return load("internvl-qwen2")


def test_what_fits_on_one_gpu_stays_there(network: Sa2VANetwork) -> None:
    room = {"cuda:1": PLENTY, "cuda:0": PLENTY, HOST: PLENTY}
    assert plan_device_map(network.chat.language_model, room, torch.float32) == {"": "cuda:1"}


def test_gpus_are_filled_in_their_order_and_then_the_computer(network: Sa2VANetwork) -> None:
    model, size = network.chat.language_model, bytes_of_language(network)
    plan = plan_device_map(model, {"cuda:1": size // 2, "cuda:0": size // 2, HOST: PLENTY}, torch.float32)
    places = [str(device_of(f"model.layers.{i}.mlp.up_proj.weight", plan)) for i in range(3)]
    assert str(device_of("model.embed_tokens.weight", plan)) == "cuda:1"
    assert places == sorted(places, key=["cuda:1", "cuda:0", "cpu"].index)
    assert set(plan.values()) == {"cuda:1", "cuda:0", HOST}


def test_a_narrower_precision_takes_less_room(network: Sa2VANetwork) -> None:
    model, size = network.chat.language_model, bytes_of_language(network)
    room = {"cuda:0": int(0.7 * size), HOST: PLENTY}
    assert HOST in plan_device_map(model, room, torch.float32).values()
    assert HOST not in plan_device_map(model, room, torch.bfloat16).values()


def test_what_fits_nowhere_is_refused(network: Sa2VANetwork) -> None:
    with pytest.raises(OutOfMemoryError, match="cuda:0 and the computer together have too little memory"):
        plan_device_map(network.chat.language_model, {"cuda:0": 1000, HOST: 1000}, torch.float32)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("family", "share", "kinds"),
    [*((family, 0.7, {"cpu", "meta"}) for family in LANGUAGES), ("internvl-qwen2", 0.01, {"meta"})],
)
def test_a_spread_model_answers_as_a_whole_one_does(family: str, share: float, kinds: set[str]) -> None:
    """Layers of the second have no memory until they are needed; hooks bring and take their numbers."""
    whole = load(family)
    apart = load(family, {"cpu": int(share * bytes_of_language(whole)), HOST: PLENTY})
    assert {parameter.device.type for parameter in apart.chat.language_model.parameters()} == kinds
    frames = [np.array(Image.open(REFERENCE / "inputs" / "video" / f"{i:02d}.png")) for i in range(1)]
    text = cases(family)["video_1seg"]["text"]
    answers = []
    for network in (whole, apart):
        view = network.chat.look(frames, still=False)
        first, view = network.chat.answer(view, text)
        again, _ = network.chat.answer(view, text)
        answers.append((first, again))
    for wanted, got in zip(*answers, strict=True):
        assert got.token_ids.tolist() == wanted.token_ids.tolist()
        assert torch.equal(got.hidden, wanted.hidden)
        assert torch.equal(got.segment_states, wanted.segment_states)
    assert {parameter.device.type for parameter in apart.chat.language_model.parameters()} == kinds


def test_a_spread_model_finds_the_same_masks(network: Sa2VANetwork) -> None:
    apart = load("internvl-qwen2", {"cpu": bytes_of_language(network) // 2, HOST: PLENTY})
    frame = np.array(Image.open(REFERENCE / "inputs" / "video" / "00.png"))
    found = []
    for one in (network, apart):
        session = NetworkSegmenter(one).open()
        text = cases("internvl-qwen2")["video_1seg"]["text"]
        grounding, _ = session.ground(session.look([frame]), text)
        memory = session.condition([(0, frame)], [grounding.queries])
        found.append(memory.decoded[0].logits)
    assert torch.equal(*found)
