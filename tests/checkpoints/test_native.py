import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from families import FAMILIES, checkpoint
from published import PUBLISHED, change_config, change_tensors

from sa2va_cli.checkpoints.layout import read_layout
from sa2va_cli.checkpoints.loader import load_network
from sa2va_cli.checkpoints.native import save_network
from sa2va_cli.conversation import Generation
from sa2va_cli.errors import OutputError
from sa2va_cli.model import decoding
from sa2va_cli.model.chat import View
from sa2va_cli.model.network import Sa2VANetwork

CPU = torch.device("cpu")


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Sa2VANetwork:
    return load_network(folder, CPU, dtype)


@pytest.fixture(scope="module")
def network() -> Sa2VANetwork:
    """What is published; nothing of it is changed."""
    return load(PUBLISHED)


@pytest.fixture(scope="module")
def saved(network: Sa2VANetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as it is saved, in a folder in which nothing is changed."""
    folder = tmp_path_factory.mktemp("native") / "saved"
    save_network(network, read_layout(PUBLISHED).sam2, folder)
    return folder


def test_a_network_comes_back_as_it_was_saved(network: Sa2VANetwork, saved: Path) -> None:
    before, after = network, load(saved)
    assert after.chat.sizes == before.chat.sizes
    ours, theirs = before.state_dict(), after.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)  # its weights are exact in bfloat16
    text = "<|im_start|>user\n<img><IMG_CONTEXT></img>Find the [SEG] cat.<|im_end|>\n"
    assert after.chat.tokenizer(text)["input_ids"] == before.chat.tokenizer(text)["input_ids"]
    ids = list(range(512))
    assert after.chat.tokenizer.decode(ids) == before.chat.tokenizer.decode(ids)
    assert after.chat.tokenizer.eos_token_id == before.chat.tokenizer.eos_token_id


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_comes_back_as_it_was_saved(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "GREEDY", Generation(max_new_tokens=12))  # some would never come to an end
    source = checkpoint(family)
    before = load(source)
    save_network(before, read_layout(source).sam2, tmp_path / "saved")
    after = load(tmp_path / "saved")
    assert after.chat.sizes == before.chat.sizes
    ours, theirs = before.state_dict(), after.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    question = "Hello, 你好 who are you?"
    assert after.chat.answer(View(None), question)[0].text == before.chat.answer(View(None), question)[0].text
    assert after.chat.tokenizer(question)["input_ids"] == before.chat.tokenizer(question)["input_ids"]
    names = {path.name for path in (tmp_path / "saved").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def test_only_data_is_written(saved: Path) -> None:
    wanted = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(path.name for path in saved.iterdir()) == wanted
    assert sorted(path.name for path in saved.parent.iterdir()) == ["saved"]
    assert "auto_map" not in (saved / "tokenizer_config.json").read_text()


def test_the_config_says_what_it_is(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    assert (config["format"], config["version"], config["family"]) == ("sa2va", 1, "internvl")
    layout, source = read_layout(saved), read_layout(PUBLISHED)
    assert dataclasses.replace(layout, native=False) == source


def test_the_precision_of_the_file_can_be_chosen(network: Sa2VANetwork, tmp_path: Path) -> None:
    sizes = {}
    for dtype in (torch.float16, torch.float32):
        folder = tmp_path / str(dtype)
        save_network(network, read_layout(PUBLISHED).sam2, folder, dtype)
        sizes[dtype] = (folder / "model.safetensors").stat().st_size
    assert sizes[torch.float16] < 0.55 * sizes[torch.float32]


def test_tied_embeddings_are_saved_once_and_stay_tied(published: Path, tmp_path: Path) -> None:
    change_config(published, lambda c: c["llm_config"].update(tie_word_embeddings=True))
    change_tensors(published, lambda t: t.pop("language_model.lm_head.weight"))
    save_network(load(published), read_layout(published).sam2, tmp_path / "tied")
    model = load(tmp_path / "tied").chat.language_model
    assert model.lm_head.weight is model.model.embed_tokens.weight
    smaller = (tmp_path / "tied" / "model.safetensors").stat().st_size
    assert smaller < (PUBLISHED / "model.safetensors").stat().st_size - 512 * 128


def test_an_older_checkpoint_is_replaced(saved: Path, tmp_path: Path) -> None:
    saved = Path(shutil.copytree(saved, tmp_path / "saved"))
    network = load(saved)
    with torch.no_grad():
        network.text_hidden_fcs[0].bias.fill_(2)
    save_network(network, read_layout(saved).sam2, saved)
    assert load(saved).text_hidden_fcs[0].bias.eq(2).all()
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]


def test_a_folder_with_other_things_is_left_alone(network: Sa2VANetwork, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(OutputError, match="not empty"):
        save_network(network, read_layout(PUBLISHED).sam2, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_not_overwritten(network: Sa2VANetwork, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        save_network(network, read_layout(PUBLISHED).sam2, tmp_path / "weights")


def test_a_failed_save_leaves_nothing_behind(
    network: Sa2VANetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sa2va_cli.checkpoints.native.save_file", fail)
    with pytest.raises(OutputError, match="no space left"):
        save_network(network, read_layout(PUBLISHED).sam2, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
