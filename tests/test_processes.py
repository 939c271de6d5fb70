"""Processes are told from others that got their number."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from sa2va_cli.processes import Process


@pytest.fixture
def sleeper():
    """A process that waits until its standard input is closed, and that nobody has waited for."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_process_is_read_back_from_its_text():
    assert Process.parse(str(Process.current())) == Process.current()
    assert Process.parse("42") is None


def test_one_that_runs_is_not_gone(sleeper):
    assert not Process.current().is_gone
    assert not replace(Process.current(), id=sleeper.pid, started=0).is_gone
    assert not replace(Process.current(), id=1, started=0).is_gone


def test_one_that_was_killed_is_gone_even_before_its_parent_asks(sleeper):
    process = replace(Process.current(), id=sleeper.pid, started=0)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table
    assert process.is_gone


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_another_with_the_same_number_is_not_taken_for_it(sleeper):
    assert replace(Process.current(), id=sleeper.pid, started=1).is_gone


def test_none_outlives_the_computer_s_start():
    assert replace(Process.current(), boot="00000001").is_gone


def test_one_of_another_computer_is_never_called_gone():
    process = replace(Process.current(), host="00000001", boot="00000001", id=2**22 + 5)
    assert not process.is_gone
    assert not process.is_local


def test_numbers_beyond_all_tables_are_gone():
    assert replace(Process.current(), id=2**22 + 5).is_gone
    assert replace(Process.current(), id=2**80).is_gone
