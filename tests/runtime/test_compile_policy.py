import os
from pathlib import Path

import pytest
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from sa2va_cli.runtime.compile_policy import LEAST_FRAMES, compile_folder, compiling

CACHE = "TORCHINDUCTOR_CACHE_DIR"


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE, "unused")  # so that it is put back after the test
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("choice", "device"), [("off", "cuda"), ("off", "cpu"), ("auto", "cpu"), ("auto", "mps")]
)
def test_nothing_is_compiled(choice, device):
    assert compiling(choice, device) is None
    assert CACHE not in os.environ


def test_long_clips_are_compiled_on_a_gpu():
    chosen = compiling("auto", "cuda:1")
    assert not chosen.required
    assert [chosen.pays(count) for count in (None, LEAST_FRAMES - 1, LEAST_FRAMES)] == [False, False, True]


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_what_is_asked_for_is_done_whatever_the_clip(device):
    chosen = compiling("on", device)
    assert chosen.required
    assert chosen.pays(None)
    assert chosen.pays(2)


def test_compiled_code_is_kept_for_the_next_run(tmp_path):
    compiling("on", "cpu")
    assert Path(os.environ[CACHE]) == tmp_path / "sa2va" / "compile" == compile_folder()


def test_a_folder_that_was_chosen_is_left(monkeypatch):
    monkeypatch.setenv(CACHE, "mine")
    compiling("on", "cpu")
    assert (os.environ[CACHE], compile_folder()) == ("mine", Path("mine"))


def test_a_folder_that_torch_chose_itself_is_replaced(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE, default_cache_dir())
    compiling("on", "cpu")
    assert Path(os.environ[CACHE]) == tmp_path / "sa2va" / "compile"
