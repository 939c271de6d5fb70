import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from families import FAMILIES, LANGUAGES, checkpoint
from published import PUBLISHED, change_config, change_tensors, split_into_shards

from sa2va_cli.checkpoints.loader import fill, load_network
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.errors import ModelError, OutOfMemoryError
from sa2va_cli.model.chat import View
from sa2va_cli.model.network import Sa2VANetwork

CPU = torch.device("cpu")


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Sa2VANetwork:
    return load_network(folder, CPU, dtype)


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def original() -> Sa2VANetwork:
    """What is published; nothing of it is changed."""
    return load(PUBLISHED)


def equal(a: Sa2VANetwork, b: Sa2VANetwork) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_a_network_is_ready_for_inference(original: Sa2VANetwork) -> None:
    network = original
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(t.is_meta for t in (*network.parameters(), *network.buffers()))


def test_weights_are_cast_and_rotary_frequencies_are_not(original: Sa2VANetwork) -> None:
    exact, rounded = original, load(PUBLISHED, torch.bfloat16)
    saved = rounded.state_dict()
    assert {tensor.dtype for tensor in saved.values()} == {torch.bfloat16}
    frequencies = rounded.chat.language_model.model.rotary_emb.inv_freq
    assert frequencies.dtype == torch.float32
    assert torch.equal(frequencies, exact.chat.language_model.model.rotary_emb.inv_freq)
    assert frequencies[0] == 1
    assert frequencies[1] == pytest.approx(1e6 ** (-1 / 16))


def test_shards_give_the_same_network_as_one_file(published: Path, original: Sa2VANetwork) -> None:
    split_into_shards(published, 3)
    assert equal(load(published), original)


def test_mixed_precision_in_the_file_does_not_matter(published: Path, original: Sa2VANetwork) -> None:
    def widen(tensors: dict[str, torch.Tensor]) -> None:
        for key in list(tensors)[::2]:
            tensors[key] = tensors[key].float()

    change_tensors(published, widen)
    assert equal(load(published), original)


def test_changing_a_loaded_network_leaves_the_file_alone(published: Path) -> None:
    before = (published / "model.safetensors").read_bytes()
    network = load(published, torch.bfloat16)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert (published / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("family", FAMILIES)
def test_programs_in_the_folder_are_not_run_and_nothing_is_asked(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(checkpoint(family), tmp_path / "copy"))
    trap = tmp_path / "was_run"
    program = f"open({str(trap)!r}, 'w').close()\nraise SystemExit('run')\n"
    for name in (
        "configuration_sa2va_chat",
        "modeling_sa2va_chat",
        "modeling_sa2va_qwen",
        "tokenization_internlm2",
        "tokenization_trap",
        "sitecustomize",
    ):
        (folder / f"{name}.py").write_text(program)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n(S'exit 1'\ntR.")
    (folder / "chat_template.jinja").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer["auto_map"] = {"AutoTokenizer": ["tokenization_trap.Trap", "tokenization_trap.Trap"]}
    tokenizer["tokenizer_class"] = "Trap"
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    change_config(folder, lambda c: c["auto_map"].update(AutoTokenizer="tokenization_trap.Trap"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on the terminal"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("went to the network"))
    chat = load(folder).chat
    assert chat.tokenizer.convert_ids_to_tokens(chat.segment_id) == "[SEG]"
    answer, _ = chat.answer(View(None), "Hello, who are you?")
    assert answer.text == "Hello, I am a helpful assistant.<|im_end|>"
    assert not trap.exists()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_ready_for_inference(family: str) -> None:
    network = load(checkpoint(family), torch.bfloat16)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(t.is_meta for t in (*network.parameters(), *network.buffers()))
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.bfloat16}
    rotary = network.chat.language_model.get_submodule(
        "rotary_emb" if "qwen2_5" in family or "qwen3" in family else "model.rotary_emb"
    )
    assert rotary.inv_freq.dtype == torch.float32
    assert rotary.inv_freq[0] == 1
    assert (network.sam2.language_decoder is not None) == ("sa2va-i" in family)
    parts = (network.chat.vision_model, network.chat.language_model)
    assert {part.config._attn_implementation for part in parts} == {"sdpa"}  # that of torch


@pytest.mark.parametrize("family", LANGUAGES)
def test_eager_attention_can_be_asked_for(family: str) -> None:
    chat = load_network(checkpoint(family), CPU, torch.float32, attention="eager").chat
    parts = (chat.vision_model, chat.language_model)
    assert {part.config._attn_implementation for part in parts} == {"eager"}


@pytest.mark.parametrize("family", FAMILIES)
def test_parts_may_have_precisions_of_their_own(family: str) -> None:
    dtypes = {"lm": torch.bfloat16, "vit": torch.float16, "sam2": torch.float32}
    network = load_network(checkpoint(family), CPU, dtypes)
    for name, tensor in network.state_dict().items():
        eyes = name.startswith(("chat.vision_model.", "chat.projector."))
        wanted = dtypes["vit" if eyes else "lm" if name.startswith("chat.") else "sam2"]
        assert tensor.dtype == wanted, name


def test_a_tensor_that_no_rule_covers_is_named(published: Path) -> None:
    change_tensors(published, lambda t: t.update({"audio_model.weight": torch.zeros(2)}))
    assert "'audio_model.weight'" in refusal(published)


def test_missing_and_unexpected_tensors_are_named(published: Path) -> None:
    def damage(tensors: dict[str, torch.Tensor]) -> None:
        tensors["mlp1.9.weight"] = tensors.pop("mlp1.1.weight")

    change_tensors(published, damage)
    message = refusal(published)
    assert "1 missing (chat.projector.1.weight)" in message
    assert "1 not expected (chat.projector.9.weight)" in message


def test_only_the_first_missing_keys_are_listed(published: Path) -> None:
    change_tensors(published, lambda t: [t.pop(key) for key in list(t) if key.startswith("language_model.")])
    message = refusal(published)
    assert ", ...)" in message
    assert len(message) < 500


def test_a_tensor_of_another_shape_is_refused(published: Path) -> None:
    change_config(published, lambda c: c["llm_config"].update(vocab_size=600))
    message = refusal(published)
    assert "[600, 128]" in message
    assert "[512, 128]" in message


def test_a_tensor_that_is_not_of_floating_point_is_refused(published: Path) -> None:
    change_tensors(published, lambda t: t.update({"mlp1.1.bias": t["mlp1.1.bias"].to(torch.int8)}))
    assert "int8" in refusal(published)


def test_a_second_decoder_must_be_whole(published: Path) -> None:
    def add(tensors: dict[str, torch.Tensor]) -> None:
        name = "grounding_encoder.sam2_model.sam_mask_decoder{}.iou_token.weight"
        tensors[name.format("_modified")] = tensors[name.format("")].clone()

    change_tensors(published, add)
    assert "130 missing (sam2.language_decoder." in refusal(published)


@pytest.mark.parametrize("keep", [0, 5, 1000, 1_000_000])
def test_a_truncated_file_is_refused(published: Path, keep: int) -> None:
    weights = published / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    assert str(weights) in refusal(published)


def test_a_git_lfs_pointer_is_told_from_a_damaged_file(published: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5678596\n"
    (published / "model.safetensors").write_text(pointer)
    assert "git lfs pull" in refusal(published)


def test_a_folder_without_weights_is_refused_though_it_has_a_pickle(published: Path) -> None:
    (published / "model.safetensors").rename(published / "pytorch_model.bin")
    assert "pickled weights are never read" in refusal(published)


def test_a_missing_shard_is_named(published: Path) -> None:
    lost = split_into_shards(published, 3)[1]
    (published / lost).unlink()
    assert lost in refusal(published)


def test_a_shard_outside_the_folder_is_refused(published: Path) -> None:
    (published / "model.safetensors").unlink()
    index = published / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "../secret.safetensors"}}')
    assert "../secret.safetensors" in refusal(published)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"weight_map": {}}', '{"weight_map": {"a": 3}}'])
def test_an_index_without_shards_is_refused(published: Path, text: str) -> None:
    (published / "model.safetensors").unlink()
    (published / "model.safetensors.index.json").write_text(text)
    assert "model.safetensors.index.json" in refusal(published)


def test_an_index_that_lists_more_than_its_shards_hold_is_refused(published: Path) -> None:
    split_into_shards(published, 2)
    index = published / "model.safetensors.index.json"
    index.write_text(index.read_text().replace('"mlp1.0.bias"', '"mlp1.7.bias"'))
    assert "mlp1.7.bias" in refusal(published)


@pytest.mark.parametrize("text", ["", "{}", "not json"])
def test_a_damaged_tokenizer_is_refused(published: Path, text: str) -> None:
    (published / "tokenizer.json").write_text(text)
    assert "tokenizer" in refusal(published)


def test_a_missing_tokenizer_is_refused(published: Path) -> None:
    (published / "tokenizer.json").unlink()
    assert "tokenizer.json" in refusal(published)


def test_a_tokenizer_without_the_segment_token_is_refused(published: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (published / name).read_text().replace("[SEG]", "[GES]")
        (published / name).write_text(text)
    assert "lacks [SEG]" in refusal(published)


def test_sizes_that_make_no_network_are_refused(published: Path) -> None:
    change_config(published, lambda c: c["grounding_encoder_config"].pop("trunk"))
    assert "'trunk' is missing" in refusal(published)


@pytest.mark.parametrize("value", ["wide", None, -1, 0, [128], 127])
def test_a_size_that_cannot_be_is_refused(published: Path, value: object) -> None:
    change_config(published, lambda c: c["llm_config"].update(hidden_size=value))
    refusal(published)


def test_an_output_layer_in_the_file_wins_over_a_config_that_ties_it(
    published: Path, original: Sa2VANetwork
) -> None:
    change_config(published, lambda c: c["llm_config"].update(tie_word_embeddings=True))
    assert equal(load(published), original)


def test_a_tied_output_layer_is_the_embedding(published: Path) -> None:
    change_config(published, lambda c: c["llm_config"].update(tie_word_embeddings=True))
    change_tensors(published, lambda t: t.pop("language_model.lm_head.weight"))
    model = load(published).chat.language_model
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_a_tied_output_layer_of_a_qwen_vl_is_the_embedding(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint("qwen2_5_vl"), tmp_path / "tied"))
    change_config(folder, lambda c: c.update(tie_word_embeddings=True))
    change_tensors(folder, lambda t: t.pop("model.lm_head.weight"))
    chat = load(folder).chat
    assert chat.lm_head.weight is chat.language_model.embed_tokens.weight


def test_any_family_may_have_a_second_decoder(tmp_path: Path) -> None:
    """Sa2VA-i-8B and -26B are InternLM2."""

    def add(tensors: dict[str, torch.Tensor]) -> None:
        own, second = ("grounding_encoder.sam2_model.sam_mask_decoder" + x for x in (".", "_modified."))
        for name in [name for name in tensors if name.startswith(own)]:
            tensors[second + name.removeprefix(own)] = tensors[name].clone()

    folder = Path(shutil.copytree(checkpoint("internvl-internlm2-vit6b"), tmp_path / "i"))
    change_tensors(folder, add)
    sam2 = load(folder).sam2
    own, second = sam2.layers.mask_decoder.state_dict(), sam2.language_decoder.state_dict()
    assert list(own) == list(second)
    assert all(torch.equal(own[name], second[name]) for name in own)


def test_a_device_that_is_too_small_is_not_a_broken_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("sa2va_cli.checkpoints.loader.fill", fail)
    with pytest.raises(OutOfMemoryError, match="internvl-qwen2 in bfloat16"):
        load(PUBLISHED, torch.bfloat16)


def test_filling_reports_before_it_forgets() -> None:
    layer = torch.nn.Linear(2, 3, device="meta")
    with pytest.raises(ModelError, match=r"1 missing .bias., 1 not expected .extra."):
        fill(layer, [("weight", torch.zeros(3, 2)), ("extra", torch.zeros(1))], lambda _, tensor: tensor)


def test_a_tokenizer_alone_can_be_loaded(tmp_path: Path) -> None:
    shutil.copyfile(PUBLISHED / "tokenizer.json", tmp_path / "tokenizer.json")
    assert load_tokenizer(tmp_path).get_vocab()["[SEG]"] == 507
