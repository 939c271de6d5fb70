"""The tutorial of the guide to fine-tuning, line by line in its order, with fewer pictures and steps."""

import re
import runpy
import sys

import pytest
import torch
from test_command_examples import ROOT

from sa2va_cli.demo import world
from sa2va_cli.training.recipe import read_recipe

PAGE = (ROOT / "docs" / "guides" / "fine-tuning.md").read_text(encoding="utf-8")
TUTORIAL = PAGE.split("## A new thing")[1].split("## A released model")[0]
SHORTER = {"60": "2", "20": "1", "300": "1", "24": "2"}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_tutorial_runs_as_it_is_written(folder, sa2va, monkeypatch):
    (script,) = re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL)
    (folder / "draw_kites.py").write_text(script)
    lines = re.findall(
        r"^ {4}((?:sa2va|python) .*)$", re.sub(r"```.*?```", "", TUTORIAL, flags=re.DOTALL), re.MULTILINE
    )
    assert len(lines) == 7
    for line in lines:
        words = [SHORTER.get(word, word) for word in line.split()]
        if words[:2] == ["python", "-m"]:
            world.main(words[3:])
        elif words[0] == "python":
            monkeypatch.setattr(sys, "argv", words[1:])
            runpy.run_path(words[1])
        else:
            from sa2va_cli.runtime.loading import load_segmenter

            done = sa2va(*words[1:], load=load_segmenter)
            assert done.code == 0, (line, done.err)
    assert (folder / "kite-model/training/report.html").is_file()
    assert (folder / "kite-scores/report.json").is_file()


def test_the_recipe_of_the_guide_is_one(folder):
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (folder / "mine.toml").write_text(text)
    assert read_recipe("mine.toml").parts["projector"] == "full"
