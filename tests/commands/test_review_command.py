"""``sa2va review`` as a process: it says where it is, answers there, and ends at a signal."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from review.conftest import clip_folder  # noqa: F401  (a fixture)

PROGRAM = [sys.executable, "-m", "sa2va_cli"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_at_a_signal(clip_folder, number):  # noqa: F811
    command = [*PROGRAM, "review", str(clip_folder / "clip.tracks.sa2va"), "--no-open"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", said)[0]
        token = said.strip().partition("token=")[2]
        request = urllib.request.Request(
            f"{address}api/v1/clips", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 0, rest
    assert "edits are kept" in rest
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing.mp4",), 3, "no such file"),
        (("clip.mp4", "--host", "0.0.0.0"), 2, "--token"),
        (("clip.mp4", "--token", "short"), 2, "too short"),
        (("clip.mp4", "--host", "no.such.name.invalid", "--token", "x" * 20), 2, "no such name"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(sa2va, folder, arguments, code, said):
    (folder / "clip.mp4").write_bytes(b"")
    outcome = sa2va("review", *arguments, "--no-open")
    assert outcome.code == code
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_serving_imports_no_torch():
    program = "import sys, sa2va_cli.review.server, sa2va_cli.review.serving; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_nothing_of_it_is_imported_by_other_commands():
    program = (
        "import sys, sa2va_cli.commands.app; "
        "print([name for name in sys.modules if 'starlette' in name or 'cli.review' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "[]"
