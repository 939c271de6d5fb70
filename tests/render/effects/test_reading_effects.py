"""Effects are read as people write them, and what cannot be meant is refused in one line."""

import subprocess
import sys

import pytest

from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.reading import EffectUse, Target, effect_row, read_effect


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("recolour=blue", "recolour", {"colour": (30, 90, 210)}),
        ("recolour=蓝色", "recolour", {"colour": (30, 90, 210)}),
        ("换色=#00ff80", "recolour", {"colour": (0, 255, 128)}),
        ("recolor=dark-green,strength=50%", "recolour", {"colour": (20, 80, 40), "strength": 0.5}),
        ("水墨", "ink", {"strength": 1.0}),
        ("Ink Wash,scale=2", "ink", {"scale": 2.0}),
        ("blur=12px,hold=3", "blur", {"radius": 12.0, "hold": 3}),
        ("redact", "fill", {"colour": (0, 0, 0)}),
        ("打码", "fill", {"colour": (0, 0, 0)}),
        ("马赛克=4", "mosaic", {"cells": 4}),
        ("background=blur=12", "background", {"plate": "blur=12"}),
        ("background=a,b.mp4,fit=contain", "background", {"plate": "a,b.mp4", "fit": "contain"}),
        ("label=Hello, world,colour=red", "label", {"text": "Hello, world", "colour": (214, 40, 40)}),
        ("neon", "neon", {"colour": None}),
    ],
)
def test_an_effect_is_read(text, name, values):
    use = read_effect(text)
    assert use.name == name
    assert {key: use.values[key] for key in values} == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inc", "unknown effect 'inc'; did you mean ink"),
        ("", "unknown effect ''"),
        ("recolour", "needs a colour: recolour=COLOUR"),
        ("recolour=blu", "colour must be #rrggbb or one of"),
        ("ink=3", "takes no value, got '3'"),
        ("grey,shine=3", "no parameter 'shine'; choose strength"),
        ("grey,strength=2", "strength must be a number from 0 to 1, got '2'"),
        ("grey,strength", "strength must be a number from 0 to 1"),
        ("mosaic=2.5", "cells must be a whole number from 1 to 64"),
        ("remove,grain=yes", "grain must be on or off"),
        ("caption=", "text must be a text that is not empty"),
        ("zoom=2,seconds=3,x", "no parameter 'x'"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, message):
    with pytest.raises(UsageError) as caught:
        read_effect(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_use_that_ends_before_it_begins_is_refused():
    with pytest.raises(UsageError, match="must end after it begins"):
        EffectUse("grey", begin_seconds=3.0, end_seconds=2.0)


def test_a_use_covers_its_begin_and_not_its_end():
    use = EffectUse("grey", begin_seconds=1.0, end_seconds=2.0)
    assert [use.covers(at) for at in (0.9, 1.0, 1.9, 2.0)] == [False, True, True, False]


def test_a_target_is_a_value():
    assert EffectUse("grey", target=Target(prompts=(1,))) == EffectUse("黑白", target=Target(prompts=(1,)))


def test_words_are_found_whatever_their_case():
    assert effect_row(" BLACK  and white ").name == "grey"


def test_the_table_is_read_without_numpy_and_opencv():
    code = "import sa2va_cli.render.effects.reading, sys; print({'cv2', 'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
