"""``segment --follower`` by the normal door: a hub, a folder, the checks of a model, tracks, going on."""

import json
from pathlib import Path

import followernets
import numpy as np
import pytest
import torch
from clips import make_image

from sa2va_cli.checkpoints.files import is_complete
from sa2va_cli.checkpoints.hub import locate_follower, resolve_follower
from sa2va_cli.errors import ModelError
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.runtime.loading import load_segmenter
from sa2va_cli.tracks.log import Tracks

PARK = Path(__file__).parents[2] / "samples" / "park.mp4"


@pytest.fixture
def follower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return followernets.saved(followernets.sam2_config(), tmp_path_factory.mktemp("hub") / "sam2")


def test_a_follower_carries_masks_and_stands_in_the_tracks(sa2va, folder, follower, monkeypatch):
    encoded: dict[int, int] = {}
    encode, encode_for_both = Sam2.encode, Sam2.encode_for_both

    def counted(self: Sam2, pixels: torch.Tensor):
        encoded[self.input_size] = encoded.get(self.input_size, 0) + len(pixels)
        return encode(self, pixels)

    def counted_for_both(self: Sam2, pixels: torch.Tensor):
        encoded[self.input_size] = encoded.get(self.input_size, 0) + len(pixels)
        return encode_for_both(self, pixels)

    monkeypatch.setattr(Sam2, "encode", counted)
    monkeypatch.setattr(Sam2, "encode_for_both", counted_for_both)
    command = ("segment", PARK, "girl in red dress", "--model", "demo", "--dtype", "fp32", "--save", "tracks")
    outcome = sa2va(
        *(*command, "--follower", follower, "--keyframes", 2, "--max-frames", 7), load=load_segmenter
    )
    assert outcome.code == 0, outcome.err
    tracks = Tracks(folder / "park.tracks.sa2va")
    assert len(list(tracks)) == 7
    found = tracks.header.model.follower
    assert found is not None
    assert (found.name, found.dtype) == (str(follower), "fp32")
    assert found.weights != tracks.header.model.weights
    assert tracks.header.settings["follower"] == str(follower)
    own = next(size for size in encoded if size != followernets.SIDE)
    assert encoded == {own: 2, followernets.SIDE: 7}  # the finder sees keyframes, the follower each frame


def test_one_image_is_found_and_not_followed(sa2va, folder, follower):
    make_image("a.png")
    command = ("segment", "a.png", "the dog", "--model", "demo", "--save", "tracks", "--allow-empty")
    assert sa2va(*command, "-o", "plain.tracks.sa2va", load=load_segmenter).code == 0
    outcome = sa2va(*command, "-o", "b.tracks.sa2va", "--follower", follower, load=load_segmenter)
    assert outcome.code == 0, outcome.err
    one, two = (Tracks(folder / f"{name}.tracks.sa2va") for name in ("plain", "b"))
    for frame, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(frame.logits, other.logits)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--follower", "sam3"), 5, "there is no follower 'sam3'; name"),
        (("--follower", "1b"), 5, "1b is no follower, but a model"),
        (("--follower", ""), 2, "leave it out, or name one"),
        (("--follow-size", "512"), 2, "is for another --follower than own"),
        (("--follower", "edgetam", "--follow-size", "500"), 2, "multiple of 64"),
        (("--model", "sam2.1-tiny"), 5, "sam2.1-tiny is a follower"),
    ],
)
def test_what_cannot_follow_is_told_in_one_line(sa2va, folder, arguments, code, words):
    make_image("a.png")
    given = arguments if "--model" in arguments else ("--model", "demo", *arguments)
    outcome = sa2va("segment", "a.png", "the dog", *given, load=load_segmenter)
    assert outcome.code == code, outcome.err
    assert words in outcome.err
    assert outcome.files == ["a.png"]


def test_a_folder_called_like_a_model_may_hold_a_follower(folder):
    followernets.saved(followernets.sam2_config(), folder / "1b")
    assert resolve_follower("1b") == locate_follower("1b") == Path("1b")
    for name in ("demo", "ByteDance/Sa2VA-1B"):
        with pytest.raises(ModelError, match="is no follower, but a model"):
            resolve_follower(name)


def test_a_download_of_a_follower_is_complete_without_a_tokenizer(follower):
    assert is_complete(follower)
    config = follower / "config.json"
    written = config.read_text()
    config.write_text(written.replace('"sam2_video"', '"sa2va_chat"'))
    assert not is_complete(follower)
    config.write_text("{")
    assert not is_complete(follower)
    config.write_text(written)
    (follower / "model.safetensors").unlink()
    assert not is_complete(follower)


def test_a_follower_is_looked_into_and_verified(sa2va, follower):
    assert "is whole" in sa2va("models", "verify", follower).out
    outcome = sa2va("models", "info", follower, "--json")
    assert outcome.code == 0, outcome.err
    described = json.loads(outcome.out)
    assert (described["family"], described["concern"]) == ("sam2_video", None)
    assert [part["part"] for part in described["parts"]] == ["SAM 2"]
