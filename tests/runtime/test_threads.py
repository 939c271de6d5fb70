"""How torch's threads wait, and that the program says so before torch is there."""

import os
import sys

import pytest

from sa2va_cli.__main__ import run


@pytest.mark.parametrize(("said", "policy"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_sleep_unless_the_environment_says_otherwise(said, policy, monkeypatch, capsys):
    monkeypatch.setenv("OMP_WAIT_POLICY", said or "")
    if said is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setattr(sys, "argv", ["sa2va", "--version"])
    assert run() == 0
    assert os.environ["OMP_WAIT_POLICY"] == policy
