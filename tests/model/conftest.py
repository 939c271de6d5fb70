"""The reference checkpoints and their inputs."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import torch
from families import REFERENCE, checkpoint
from recorded import Inputs, picture
from transformers import Sam2VideoModel

from sa2va_cli.checkpoints.loader import load_network
from sa2va_cli.datatypes import RGB
from sa2va_cli.model.network import ChatNetwork, Sa2VANetwork
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_config import sam2_config


@pytest.fixture(scope="session")
def network_of() -> Callable[[str], Sa2VANetwork]:
    """Loads the reference checkpoint of a family, once."""

    @cache
    def load(family: str) -> Sa2VANetwork:
        return load_network(checkpoint(family), torch.device("cpu"), torch.float32)

    return load


@pytest.fixture(scope="session")
def small_network_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Sa2VANetwork]:
    """Loads it once more with a SAM 2 for pictures of 128 pixels, a quarter of the reference one's."""

    @cache
    def load(family: str) -> Sa2VANetwork:
        folder = tmp_path_factory.mktemp(family)
        for path in checkpoint(family).iterdir():
            (folder / path.name).symlink_to(path)
        config = json.loads((folder / "config.json").read_text())
        config["grounding_encoder_config"]["image_size"] = 128
        (folder / "config.json").unlink()
        (folder / "config.json").write_text(json.dumps(config))
        return load_network(folder, torch.device("cpu"), torch.float32)

    return load


@pytest.fixture(scope="module")
def looking_once() -> Callable[[ChatNetwork], AbstractContextManager[None]]:
    """While it holds, a network encodes the same pictures once: the recorded cases of a family show few."""
    known: dict[Any, Any] = {}

    def remembering(owner: Any, name: str) -> Callable[..., Any]:
        encode = getattr(owner, name)

        def remembered(pictures: Sequence[RGB] | torch.Tensor, **how: bool) -> Any:
            key = (owner, name, repr(getattr(owner, "sizes", None)), *how.items(), *digests(pictures))
            if key not in known:
                known[key] = encode(pictures, **how)
            return known[key]

        return remembered

    @contextmanager
    def held(network: ChatNetwork) -> Iterator[None]:
        encoders = [(network.chat, "look")]
        if isinstance(network, Sa2VANetwork):
            encoders += [(network.sam2, "encode"), (network.sam2, "encode_for_both")]
        for owner, name in encoders:
            setattr(owner, name, remembering(owner, name))
        try:
            yield
        finally:
            for owner, name in encoders:
                delattr(owner, name)

    return held


def digests(pictures: Sequence[RGB] | torch.Tensor) -> Iterator[tuple[Any, ...]]:
    """What tells pictures from others."""
    for one in [pictures.numpy()] if isinstance(pictures, torch.Tensor) else pictures:
        yield one.shape, sha256(np.ascontiguousarray(one)).digest()


@pytest.fixture(scope="session")
def network(network_of: Callable[[str], Sa2VANetwork]) -> Sa2VANetwork:
    return network_of("internvl-qwen2")


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    regions = [picture(f"mask_prompt_{i}.png")[..., 0] > 0 for i in range(2)]
    frames = [picture(f"video/{i:02d}.png") for i in range(12)]
    return Inputs(frames, picture("image.png"), np.stack(regions).astype(np.float32))


@pytest.fixture
def sam2_sizes() -> dict[str, Any]:
    """A SAM 2 that is even smaller than the reference one."""
    sizes = json.loads((REFERENCE / "internvl-qwen2" / "config.json").read_text())["grounding_encoder_config"]
    trunk = sizes["trunk"] | {"stages": [1, 1, 1, 1], "global_att_blocks": [2]}
    return sizes | {"image_size": 128, "trunk": trunk}


@pytest.fixture
def sam2(sam2_sizes: dict[str, Any]) -> Sam2:
    torch.manual_seed(0)
    return Sam2(sam2_sizes).eval().requires_grad_(False)


@pytest.fixture
def pair(sam2_sizes: dict[str, Any]) -> tuple[Sam2, Sam2VideoModel]:
    """Our SAM 2 and a stock one with the same random weights."""
    torch.manual_seed(0)
    stock = Sam2VideoModel(sam2_config(sam2_sizes)).eval().requires_grad_(False)
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    ours = Sam2(sam2_sizes).eval().requires_grad_(False)
    ours.layers.load_state_dict(stock.state_dict())
    return ours, stock
