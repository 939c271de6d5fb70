"""The recipe: its numbers, its TOML files, its schedule."""

from dataclasses import replace
from pathlib import Path

import pytest

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.training.recipe import OFFICIAL, PARTS, RECIPES, Recipe, changed, read_recipe


def test_the_default_is_the_official_recipe() -> None:
    assert read_recipe("official") == Recipe()
    assert (OFFICIAL.lora.r, OFFICIAL.lora.alpha, OFFICIAL.lora.dropout) == (128, 256, 0.05)
    assert (OFFICIAL.losses.answer, OFFICIAL.losses.bce, OFFICIAL.losses.dice) == (1.0, 2.0, 0.5)
    assert (OFFICIAL.losses.points, OFFICIAL.losses.oversampling, OFFICIAL.losses.importance) == (
        12_544,
        3.0,
        0.75,
    )
    assert OFFICIAL.optimiser.rate == 4e-5
    assert OFFICIAL.optimiser.betas == (0.9, 0.999)
    trained = {part: way for part, way in OFFICIAL.parts.items() if way != "frozen"}
    assert trained == {
        "language_model": "lora",
        "embeddings": "full",
        "projection": "full",
        "mask_decoder": "full",
    }


def test_the_rate_rises_for_a_twentieth_and_falls_to_zero_as_a_cosine() -> None:
    rates = [OFFICIAL.rate(step, 200) for step in range(201)]
    assert max(rates) == rates[9] == rates[10] == 4e-5
    assert rates[0] == pytest.approx(4e-6)
    assert rates[105] == pytest.approx(2e-5)
    assert rates[200] == pytest.approx(0.0, abs=1e-12)


def test_steps_come_from_epochs_unless_they_are_given() -> None:
    assert OFFICIAL.count_steps(60) == 188  # 60 pictures, 100 times, 2 x 16 at a step
    assert replace(OFFICIAL, steps=7).count_steps(60) == 7


def test_a_file_says_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'like = "small"\nbatch = 1\n[lora]\nr = 8\n[parts]\nvision = "full"\n[optimiser]\nrate = 1e-3\n'
    )
    recipe = read_recipe(str(path))
    small = RECIPES["small"]
    assert (recipe.batch, recipe.lora.r, recipe.optimiser.rate) == (1, 8, 1e-3)
    assert recipe.parts == {**small.parts, "vision": "full"}
    assert recipe.words == small.words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bach = 1", "bach is not known; there are accumulate, batch"),
        ("batch = 1.5", "batch is 1.5; it must be a value like 2"),
        ("batch = 0", "batch is 0; it must be more than 0"),
        ("validate_every = -1", "validate_every is -1; it must be 0 or more"),
        ("seed = -1", "seed is -1; it must be 0 or more"),
        ("seed = 18446744073709551616", "seed is 18446744073709551616; it must be 2147483647 or less"),
        ("diverged = nan", "diverged is nan; it must be more than 0"),
        ("[losses]\nbce = -1", "losses.bce is -1.0; it must be 0 or more"),
        ("[losses]\noversampling = 0.5", "losses.oversampling is 0.5; it must be 1 or more"),
        ("[optimiser]\nweight_decay = -0.1", "optimiser.weight_decay is -0.1; it must be 0 or more"),
        (
            "[optimiser]\nbetas = [0.9, 1.0]",
            "optimiser.betas is [0.9, 1.0]; each must be from 0 to less than 1",
        ),
        ("lora = 3", "lora is 3; it must be a table"),
        ('[parts]\neyes = "full"', "there is no part 'eyes' to train; parts are language_model"),
        ('[parts]\nvision = "lora"', "the part vision is trained as 'lora'; give one of full, frozen"),
        ("[optimiser]\nbetas = [0.9]", "optimiser.betas is [0.9]; it must be a list like [0.9, 0.999]"),
        ('[words]\nquestions = ["What?"]', "words.questions must be sentences with {}"),
        ('[words]\nanswers = ["Sure."]', "words.answers must be sentences with [SEG]"),
        ('like = "big"', "like = 'big'; give one of official, small"),
    ],
)
def test_what_a_file_cannot_say_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_recipe(str(path))
    assert told in str(error.value)


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("batch = = 1")
    with pytest.raises(InputError, match=r"broken.toml is not read as TOML"):
        read_recipe(str(tmp_path / "broken.toml"))
    with pytest.raises(InputError, match="there is no such file"):
        read_recipe(str(tmp_path / "absent.toml"))
    with pytest.raises(UsageError, match=r"give one of official, small, or a \.toml file"):
        read_recipe("offical")


def test_nothing_to_train_is_told() -> None:
    with pytest.raises(UsageError, match="nothing to train"):
        changed(OFFICIAL, {"parts": dict.fromkeys(PARTS, "frozen")})
