import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from families import FAMILIES as FOLDERS
from families import REFERENCE
from published import PUBLISHED, change_config

from sa2va_cli.checkpoints.catalog import DEMO_FOLDER
from sa2va_cli.checkpoints.layout import corrected, native_config, published_config, read_layout
from sa2va_cli.errors import ModelError
from sa2va_cli.model.sam2_config import HIERA_LARGE


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_layout(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_published_config_is_read() -> None:
    layout = read_layout(PUBLISHED)
    assert (layout.family, layout.native) == ("internvl", False)
    assert (layout.chat.tile_size, layout.chat.max_tiles, layout.chat.grid) == (448, 12, 16)
    assert layout.chat.template == "qwen_chat"
    assert layout.chat.text["rope_parameters"] == {"rope_type": "default", "rope_theta": 1e6}
    assert layout.sam2["image_size"] == 256


def test_a_released_config_does_not_say_that_its_sam_2_is_hiera_large(published: Path) -> None:
    change_config(published, lambda c: c.pop("grounding_encoder_config"))
    assert read_layout(published).sam2 == HIERA_LARGE


def test_a_template_may_be_written_with_hyphens(published: Path) -> None:
    change_config(published, lambda c: c.update(template="phi3-chat"))
    assert read_layout(published).chat.template == "phi3_chat"


def test_an_unknown_template_is_refused(published: Path) -> None:
    change_config(published, lambda c: c.update(template="vicuna"))
    assert "'vicuna'" in refusal(published)
    assert "qwen_chat" in refusal(published)


@pytest.mark.parametrize("word", ["type", "rope_type"])
def test_dynamic_rope_scaling_is_accepted(published: Path, word: str) -> None:
    change_config(published, lambda c: c["llm_config"].update(rope_scaling={word: "dynamic", "factor": 2.0}))
    wanted = {"rope_type": "dynamic", "rope_theta": 1e6, "factor": 2.0}
    assert read_layout(published).chat.text["rope_parameters"] == wanted


def test_another_rope_scaling_is_refused(published: Path) -> None:
    change_config(published, lambda c: c["llm_config"].update(rope_scaling={"type": "yarn", "factor": 2.0}))
    assert "'yarn'" in refusal(published)


def test_rope_parameters_of_newer_transformers_are_taken_as_they_are(published: Path) -> None:
    rope = {"rope_type": "default", "rope_theta": 5e5}
    change_config(published, lambda c: c["llm_config"].update(rope_parameters=rope))
    assert read_layout(published).chat.text["rope_parameters"] == rope


def test_a_config_of_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": 4096}')
    assert "model_type 'llama' is not a Sa2VA checkpoint" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("folder", "family"),
    [
        ("internvl-qwen2", "internvl"),
        ("internvl-internlm2", "internvl-internlm2"),
        ("internvl-internlm2-vit6b", "internvl-internlm2"),
        ("qwen2_5_vl", "qwen2.5-vl"),
        ("qwen3_vl", "qwen3-vl"),
        ("sa2va-i-internvl-qwen2", "internvl"),
    ],
)
def test_every_family_is_recognised(folder: str, family: str) -> None:
    layout = read_layout(REFERENCE / folder)
    assert layout.family == layout.chat.family == family
    assert not layout.two_pass  # a published config does not say so


@pytest.mark.parametrize("family", FOLDERS)
def test_a_native_config_says_the_same(family: str, tmp_path: Path) -> None:
    layout = replace(read_layout(REFERENCE / family), two_pass="sa2va-i" in family)
    (tmp_path / "config.json").write_text(json.dumps(native_config(layout)))
    assert read_layout(tmp_path) == replace(layout, native=True)


@pytest.mark.parametrize("family", FOLDERS)
def test_a_published_config_that_is_written_again_says_the_same(family: str, tmp_path: Path) -> None:
    layout = read_layout(REFERENCE / family)
    (tmp_path / "config.json").write_text(json.dumps(published_config(layout)))
    assert read_layout(tmp_path) == layout


def test_a_network_of_other_tiles_has_no_published_config() -> None:
    layout = read_layout(DEMO_FOLDER)
    with pytest.raises(ModelError, match="12 tiles of 448 pixels"):
        published_config(layout)


def test_only_tensors_tell_a_sa2va_i_and_an_output_layer_of_its_own(published: Path) -> None:
    change_config(published, lambda c: c["llm_config"].update(tie_word_embeddings=True))
    layout = read_layout(published)
    assert layout.chat.text["tie_word_embeddings"]
    assert corrected(layout, ["mlp1.0.weight"]) == layout
    second = "grounding_encoder.sam2_model.sam_mask_decoder_modified.iou_token.weight"
    changed = corrected(layout, ["language_model.lm_head.weight", second])
    assert changed.two_pass
    assert not changed.chat.text["tie_word_embeddings"]


def test_a_sa2va_with_an_unknown_language_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_type": "sa2va_chat", "llm_config": {"model_type": "phi3"}}'
    )
    assert "llm_config has the model_type 'phi3'" in refusal(tmp_path)
    assert "supported are InternVL (Qwen2), InternVL (InternLM2), Qwen2.5-VL, Qwen3-VL" in refusal(tmp_path)


@pytest.mark.parametrize("change", [{"ps_version": "v1"}, {"select_layer": -2}])
def test_what_the_network_does_not_do_is_refused(published: Path, change: dict[str, Any]) -> None:
    change_config(published, lambda c: c.update(change))
    assert "only ps_version 'v2' and select_layer -1" in refusal(published)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff", '"sa2va_chat"'])
def test_a_config_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert str(tmp_path / "config.json") in refusal(tmp_path)


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    assert "is this a checkpoint folder?" in refusal(tmp_path)


@pytest.mark.parametrize("key", ["vision_config", "llm_config", "template"])
def test_a_missing_key_is_named(published: Path, key: str) -> None:
    change_config(published, lambda c: c.pop(key))
    assert key in refusal(published)


@pytest.mark.parametrize("value", [None, 3, "small", []])
def test_a_part_of_a_wrong_kind_is_refused(published: Path, value: object) -> None:
    change_config(published, lambda c: c.update(vision_config=value))
    refusal(published)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"family": "qwen3-vl"},
        {"family": "llama"},
        {"chat": {"vision": {}}},
        {"chat": {"depth": 3}},
    ],
)
def test_a_native_config_that_is_not_understood_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    config = {"format": "sa2va", "version": 1, "family": "internvl", "chat": {}, "sam2": {}} | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    refusal(tmp_path)


@pytest.mark.parametrize("size", [10**6, 10**30, -(10**30)])
def test_an_absurd_number_of_layers_is_refused_before_they_are_built(published: Path, size: int) -> None:
    change_config(published, lambda c: c["llm_config"].update(num_hidden_layers=size))
    assert f"num_hidden_layers is {size}, at most 1000 is possible" in refusal(published)


@pytest.mark.parametrize("size", [2**31, 10**30, 1e300])
def test_a_size_beyond_all_networks_is_refused(published: Path, size: float) -> None:
    change_config(published, lambda c: c["vision_config"].update(hidden_size=size))
    assert f"hidden_size is {size}, at most" in refusal(published)
    change_config(published, lambda c: c["vision_config"].update(hidden_size=64))
    change_config(published, lambda c: c["llm_config"].update(rope_theta=10**39))
    assert "rope_theta" in refusal(published)


@pytest.mark.parametrize(
    ("key", "value"), [("vision", None), ("vision", []), ("text", {}), ("text", []), ("stop_ids", None)]
)
def test_a_native_config_that_lacks_sizes_has_no_published_one(
    key: str, value: object, tmp_path: Path
) -> None:
    config = native_config(read_layout(REFERENCE / "qwen2_5_vl"))
    config["chat"][key] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="have no published form"):
        published_config(read_layout(tmp_path))
