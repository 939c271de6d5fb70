"""Standard streams that are closed, full, left by their reader or not in UTF-8, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clips import make_image

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from fakes import load_fake
from sa2va_cli.commands.app import main
# What is left to the program to choose would take the time to import torch.
sys.exit(main([*sys.argv[1:], "--device", "cpu", "--dtype", "fp32"], load=load_fake))
"""


def run(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the program with the fake network; ``shell`` is what a shell would be told after its arguments."""
    places = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    command = ["sh", "-c", f'exec "$0" "$@" {shell}', sys.executable, "-c", PROGRAM, *arguments]
    variables = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, capture_output=True, env=variables, check=False)


pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full and a shell")


@pytest.fixture
def picture(folder: Path) -> str:
    make_image(folder / "a.png")
    return "a.png"


def test_a_reader_of_the_json_who_leaves_is_no_error(picture, folder):
    places = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    outlet, inlet = os.pipe()
    os.close(outlet)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "segment", picture, "red corner", "--json", "--save", "mask"],
        stdout=inlet,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": places},
        check=False,
    )
    os.close(inlet)
    assert done.returncode == 0, done.stderr
    assert done.stderr.decode().splitlines()[-1] == "wrote a.mask.png"
    assert (folder / "a.mask.png").exists()


def test_json_that_cannot_be_written_is_one_line_and_exit_7(picture):
    done = run("segment", picture, "red corner", "--json", "-q", shell="> /dev/full")
    assert done.returncode == 7
    assert done.stderr.decode().splitlines() == [
        "error: cannot write to standard output: No space left on device"
    ]


@pytest.mark.parametrize("closed", [">&- 2>&-", "2> /dev/full"])
def test_a_run_does_not_need_anyone_to_talk_to(closed, picture, folder):
    done = run("segment", picture, "red corner", "--save", "mask", shell=closed)
    assert done.returncode == 0, done.stderr
    assert (folder / "a.mask.png").exists()


def test_a_closed_standard_input_is_an_empty_one(folder):
    done = run("segment", "-", "red corner", shell="<&-")
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[-1] == "error: standard input: nothing came in"


def test_json_is_in_utf_8_whatever_the_locale(picture):
    done = run("segment", picture, "red 红", "--json", "-q", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("utf-8"))["objects"][0]["prompt"] == "red 红"


def test_ctrl_c_while_the_program_is_imported_is_one_line_and_exit_130(folder):
    (folder / "typer.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "sa2va_cli", "--version"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))},
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr.decode().splitlines() == ["interrupted; nothing was written"]
