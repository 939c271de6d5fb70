import json
from pathlib import Path
from typing import Any

import pytest
from published import PUBLISHED, change_config

from sa2va_cli.checkpoints.layout import FAMILIES, read_layout, supported_families
from sa2va_cli.errors import ModelError
from sa2va_cli.model.sam2 import HIERA_LARGE


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
    ("part", "kind", "title"),
    [
        ("llm_config", "internlm2", "InternVL (InternLM2)"),
        ("text_config", "qwen2_5_vl_text", "Qwen2.5-VL"),
        ("text_config", "qwen3_vl_text", "Qwen3-VL"),
    ],
)
def test_a_family_that_is_not_supported_is_named(tmp_path: Path, part: str, kind: str, title: str) -> None:
    config = {"model_type": "sa2va_chat", part: {"model_type": kind}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert f"Sa2VA of the {title} type is recognised but not supported yet" in refusal(tmp_path)


def test_a_sa2va_with_an_unknown_language_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_type": "sa2va_chat", "llm_config": {"model_type": "phi3"}}'
    )
    assert "llm_config has the model_type 'phi3'" in refusal(tmp_path)


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


def test_the_supported_families_are_rows_of_the_table() -> None:
    assert supported_families() == ["internvl"]
    assert set(supported_families()) < set(FAMILIES)
