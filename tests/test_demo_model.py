"""The bundled network on the bundled sample: what a newcomer tries first."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as rle

from sa2va_cli import Sa2VA
from sa2va_cli.checkpoints.catalog import DEMO_FOLDER
from sa2va_cli.commands.app import main
from sa2va_cli.evaluation.steadiness import area_jumps, boundary_jumps

SAMPLES = Path(__file__).parents[1] / "samples"
EVERY = 12


@pytest.fixture(scope="module")
def model() -> Sa2VA:
    return Sa2VA.load("demo", device="cpu")


@pytest.fixture(scope="module")
def truth() -> dict[int, np.ndarray]:
    """Actor number -> (T, H, W) masks, on every twelfth frame."""
    actors = json.loads((SAMPLES / "park.json").read_text(encoding="utf-8"))["actors"]
    return {int(k): np.stack([rle.decode(m) for m in ms[::EVERY]]).astype(bool) for k, ms in actors.items()}


@pytest.mark.parametrize(
    ("prompt", "actor"),
    [("girl in red dress", 3), ("穿红裙子的女孩", 3), ("the ball", 5), ("左边的气球", 2)],
)
def test_the_mask_lies_on_what_is_meant(
    model: Sa2VA, truth: dict[int, np.ndarray], prompt: str, actor: int
) -> None:
    results = list(model.segment(SAMPLES / "park.mp4", prompt, every=EVERY))
    found = np.stack([r.masks.any(axis=0) for r in results])
    anyone = np.any(list(truth.values()), axis=0)
    assert len(results) == 8
    assert (found & truth[actor]).sum() / truth[actor].sum() > 0.8
    assert (found & truth[actor]).sum() / (found | truth[actor]).sum() > 0.75
    assert (found & anyone).sum() / found.sum() > 0.9


@pytest.mark.parametrize("prompt", ["a car", "the bicycles", "穿粉色衣服的男孩"])
def test_what_is_not_there_has_no_mask(model: Sa2VA, prompt: str) -> None:
    results = list(model.segment(SAMPLES / "park.mp4", prompt, every=EVERY))
    assert [len(r.masks) for r in results] == [0] * 8


def test_masks_do_not_pop_on_keyframes(model: Sa2VA) -> None:
    """As decoded, three of these thirteen frames stand out: by 4 % of the girl's area, others by 0.3 %."""
    results = list(model.segment(SAMPLES / "park.mp4", "girl in red dress", max_frames=13))
    found = np.stack([r.masks.any(axis=0) for r in results])
    keyframes, others = [3, 6, 9], [1, 2, 4, 5, 7, 8, 10, 11]
    for jumps in (area_jumps(found), boundary_jumps(found)):
        assert 0 < jumps[keyframes].mean() < jumps[others].max()


def test_the_first_command_of_the_readme_writes_its_two_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [
        "segment",
        str(SAMPLES / "park.mp4"),
        "girl in red dress",
        "--model",
        "demo",
        "--device",
        "cpu",
    ]
    assert main([*command, "--max-frames", "4", "-o", f"{tmp_path}/"]) == 0
    assert {f.name for f in tmp_path.iterdir()} == {"park.mask.mp4", "park.overlay.mp4"}
    assert "girl in red dress" in capfd.readouterr().err


def test_a_picture_works_as_well(model: Sa2VA) -> None:
    (result,) = model.segment(SAMPLES / "park.png", "the girl in red")
    assert result.masks.shape == (1, 360, 640)
    assert 0.005 < result.masks.mean() < 0.1


@pytest.mark.parametrize(
    "words", ["<image>", "<IMG_CONTEXT>", "[SEG]", "<|im_end|>", "girl in {} <p>red</p>"]
)
def test_words_that_look_like_control_tokens_are_words(model: Sa2VA, words: str) -> None:
    """They were an internal error."""
    (result,) = model.segment(SAMPLES / "park.png", words)
    assert len(result.masks) <= 2


def test_the_command_takes_control_tokens_for_words_and_says_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["segment", str(SAMPLES / "park.png"), "<image>", "<|im_end|>girl", "--model", "demo"]
    code = main([*command, "--device", "cpu", "--json", "-o", f"{tmp_path}/"])
    out, err = capfd.readouterr()
    assert code in (0, 4), err
    answers = json.loads(out)["answers"]
    assert list(answers) == ["<image>", "<|im_end|>girl"]
    assert not any("<|" in answer for answer in answers.values())


def test_the_bundled_files_are_data_and_fit_in_the_wheel() -> None:
    names = {f.name for f in DEMO_FOLDER.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert sum(f.stat().st_size for f in DEMO_FOLDER.iterdir()) <= 16e6


def test_the_samples_stay_small() -> None:
    assert sum(f.stat().st_size for f in SAMPLES.iterdir()) < 3e6
