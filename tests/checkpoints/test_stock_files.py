"""Chat models that transformers runs itself: told by their class, read without any program of theirs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stockmodels
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from stockmodels import write_json

from sa2va_cli.checkpoints.conversion import convert
from sa2va_cli.checkpoints.files import read_headers
from sa2va_cli.checkpoints.hub import locate, resolve
from sa2va_cli.checkpoints.inspection import check_tensors, describe
from sa2va_cli.checkpoints.layout import find_stock, read_layout
from sa2va_cli.checkpoints.parts import count
from sa2va_cli.checkpoints.stock import stock_architecture
from sa2va_cli.checkpoints.stock_loader import load_stock, stock_class
from sa2va_cli.checkpoints.stock_processor import load_processor
from sa2va_cli.errors import ModelError
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import load_chat, load_segmenter

MAKERS = {"onevision": stockmodels.onevision, "next-video": stockmodels.next_video}
CPU = Placement("cpu", "fp32")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: make(tmp_path_factory.mktemp("made") / name) for name, make in MAKERS.items()}


@pytest.fixture(params=MAKERS)
def folder(request: pytest.FixtureRequest, made: dict[str, Path], tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(made[request.param], tmp_path / request.param))


def change(path: Path, **values: Any) -> None:
    write_json(path, json.loads(path.read_text()) | values)


def test_a_model_is_told_by_its_class_whatever_its_model_type(tmp_path: Path) -> None:
    folder = stockmodels.next_video(tmp_path)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llava_next"
    kind, config = stock_class(folder)
    assert kind.__name__ == find_stock(folder) == "LlavaNextVideoForConditionalGeneration"
    assert config.model_type == "llava_next_video"


@pytest.mark.parametrize(
    "named", [None, "LlavaForConditionalGeneration", [], ["Sa2VAChatModel"], ["Qwen2ForCausalLM"]]
)
def test_other_classes_are_not_known(named: Any) -> None:
    assert stock_architecture({"architectures": named}) is None


def test_programs_of_a_known_model_are_not_looked_at(folder: Path) -> None:
    (folder / "modeling_evil.py").write_text("raise SystemExit(99)")
    auto_map = {"AutoConfig": "modeling_evil.C", "AutoModelForImageTextToText": "modeling_evil.M"}
    change(folder / "config.json", auto_map=auto_map)
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["modeling_evil.T", None]})
    change(folder / "processor_config.json", auto_map={"AutoProcessor": "modeling_evil.P"})
    engine = load_chat(ModelChoice(name=str(folder)), CPU)
    assert not engine.has_masks


def test_a_model_that_only_its_own_programs_know_is_refused_in_one_line(folder: Path) -> None:
    change(
        folder / "config.json",
        architectures=["EvilModel"],
        model_type="evil",
        auto_map={"AutoModel": "evil.M"},
    )
    with pytest.raises(ModelError, match="programs that come with a checkpoint are never run") as caught:
        load_chat(ModelChoice(name=str(folder)), CPU)
    assert "\n" not in str(caught.value)


def test_masks_are_refused_in_one_line(folder: Path) -> None:
    with pytest.raises(ModelError, match="a chat model without a mask decoder") as caught:
        load_segmenter(ModelChoice(name=str(folder)), CPU)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", ["sail-vl-2b", "llava-onevision-0.5b", "llava-hf/LLaVA-NeXT-Video-7B-hf"])
@pytest.mark.parametrize("find", [resolve, locate])
def test_masks_are_refused_before_anything_is_asked_of_the_hub(name: str, find: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match="a chat model without a mask decoder"):
        find(name, masks=True)


def test_it_is_described_and_verified(folder: Path) -> None:
    description = describe(folder)
    assert (description.family, description.concern) == ("transformers", "")
    assert {part.title for part in description.parts} == {"vision", "projector", "language model"}
    assert check_tensors(folder) == len(read_headers(folder))


def test_a_missing_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["multi_modal_projector.linear_1.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for check in (check_tensors, lambda path: load_stock(path, torch.device("cpu"), torch.float32)):
        with pytest.raises(ModelError, match=r"multi_modal_projector\.linear_1\.weight"):
            check(folder)


def test_a_wrong_shape_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["multi_modal_projector.linear_1.weight"] = torch.zeros(3, 3)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError):
        load_stock(folder, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "preprocessor_config.json", "processor_config.json", "config.json"]
)
def test_damaged_files_are_refused_in_one_line(folder: Path, name: str) -> None:
    (folder / name).write_text('{"a": ')
    with pytest.raises(ModelError) as caught:
        load_chat(ModelChoice(name=str(folder)), CPU)
    assert "\n" not in str(caught.value)


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = stockmodels.onevision(tmp_path)
    (folder / "chat_template.json").unlink()
    with pytest.raises(ModelError, match="no chat template"):
        load_chat(ModelChoice(name=str(folder)), CPU)


def test_it_cannot_be_converted(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="in the layout of transformers and no other"):
        convert(folder, tmp_path / "new", "native", None)


def test_precisions_of_parts_are_refused(folder: Path) -> None:
    from sa2va_cli.errors import UsageError

    with pytest.raises(UsageError, match="one for all of it"):
        load_chat(ModelChoice(name=str(folder)), Placement("cpu", "lm=bf16,vit=fp32,sam2=fp32"))


@pytest.mark.parametrize(("dtype", "attention"), [("bf16", "sdpa"), ("fp32", "eager")])
def test_precision_and_attention_are_those_that_were_chosen(folder: Path, dtype: str, attention: str) -> None:
    engine = load_chat(ModelChoice(name=str(folder), attention=attention), Placement("cpu", dtype))
    model = engine.model  # type: ignore[attr-defined]
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16 if dtype == "bf16" else torch.float32}
    assert model.config.text_config._attn_implementation == attention


def test_parts_are_counted_as_those_of_a_sa2va(folder: Path) -> None:
    counts = count(read_headers(folder))
    decoder = load_stock(folder, torch.device("cpu"), torch.float32).get_decoder()
    linear = sum(p.numel() for n, p in decoder.named_parameters() if p.dim() == 2 and "embed" not in n)
    assert counts.quantisable == linear
    assert counts.sam2 == 0 < counts.vit


ONEVISION_GRID = [[384 * rows, 384 * columns] for rows in range(1, 7) for columns in range(1, 7)]
NEXT_GRID = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
# Width, height and visual tokens (reference set, sections 10.1 and 10.2).
ONEVISION_TOKENS = {
    (384, 384): 1485,
    (320, 180): 1149,
    (640, 427): 2709,
    (640, 480): 2929,
    (1920, 1080): 7269,
}
NEXT_TOKENS = {(336, 336): 1176, (320, 180): 1608, (640, 480): 2340, (640, 427): 2144, (1920, 1080): 1948}


def _tokens(processor: Any, tag: str, **pictures: Any) -> int:
    made = processor(text=[tag * (2 if "two" in pictures else 1)], return_tensors="pt", **pictures)
    return int((made["input_ids"] == processor.tokenizer.convert_tokens_to_ids(tag)).sum())


def test_pictures_of_onevision_have_the_tokens_of_the_released_model(tmp_path: Path) -> None:
    folder = stockmodels.onevision(tmp_path, side=384, patch=14, grid=ONEVISION_GRID, weights=False)
    processor, _ = load_processor(folder, stock_class(folder)[1])
    for size, tokens in ONEVISION_TOKENS.items():
        assert _tokens(processor, "<image>", images=[[Image.new("RGB", size)]]) == tokens, size
    pair = [Image.new("RGB", (640, 427)), Image.new("RGB", (320, 180))]
    made = processor(text=["<image><image>"], images=[pair], return_tensors="pt")
    assert int((made["input_ids"] == processor.image_token_id).sum()) == 2 * 730


def test_pictures_of_next_video_have_the_tokens_of_the_released_model(tmp_path: Path) -> None:
    folder = stockmodels.next_video(tmp_path, side=336, patch=14, grid=NEXT_GRID, weights=False)
    processor, _ = load_processor(folder, stock_class(folder)[1])
    for size, tokens in NEXT_TOKENS.items():
        assert _tokens(processor, "<image>", images=[[Image.new("RGB", size)]]) == tokens, size


@pytest.mark.parametrize(
    ("make", "each", "more"), [(stockmodels.onevision, 196, 1), (stockmodels.next_video, 144, 0)]
)
@pytest.mark.parametrize("frames", [8, 32])
def test_videos_have_the_tokens_of_the_released_models(
    make: Callable[..., Path], each: int, more: int, frames: int, tmp_path: Path
) -> None:
    import numpy as np

    side = 384 if more else 336
    folder = make(tmp_path, side=side, patch=14, grid=[[side, side]], weights=False)
    processor, takes_videos = load_processor(folder, stock_class(folder)[1])
    assert takes_videos
    video = np.zeros((frames, 20, 20, 3), np.uint8)
    assert _tokens(processor, "<video>", videos=[[video]]) == each * frames + more


def test_sail_vl_is_known_whatever_its_model_type(tmp_path: Path) -> None:
    from families import checkpoint

    source = json.loads((checkpoint("sail_vl") / "config.json").read_text())
    for kind in ("sailvl", "internvl_chat"):
        write_json(tmp_path / "config.json", source | {"model_type": kind})
        layout = read_layout(tmp_path)
        assert (layout.family, layout.has_masks, layout.chat.max_tiles) == ("sail-vl", False, 10)


def test_keys_that_sail_vls_config_lacks_have_the_defaults_of_its_class(tmp_path: Path) -> None:
    from families import checkpoint

    config = json.loads((checkpoint("sail_vl") / "config.json").read_text())
    del config["select_layer"], config["ps_version"]
    write_json(tmp_path / "config.json", config)
    chat: Any = read_layout(tmp_path).chat
    assert (chat.select_layer, chat.shuffle_version) == (-4, "v1")


def test_sail_vl_converts_there_and_back_to_the_bit(tmp_path: Path) -> None:
    from families import checkpoint

    source = checkpoint("sail_vl")
    assert check_tensors(source) == len(read_headers(source))
    convert(source, tmp_path / "native", "native", None)
    assert check_tensors(tmp_path / "native") == describe(tmp_path / "native").parts[0].tensors + sum(
        part.tensors for part in describe(tmp_path / "native").parts[1:]
    )
    convert(tmp_path / "native", tmp_path / "back", "published", None)
    before, after = (
        load_file(source / "model.safetensors"),
        load_file(tmp_path / "back" / "model.safetensors"),
    )
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (tmp_path / "back" / "config.json").read_text() != ""
