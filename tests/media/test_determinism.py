"""The same pictures give the same file, whatever lay in memory before."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import hashlib, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from clips import picture
from sa2va_cli.media.writer import VideoWriter

for codec in ("h264", "gray"):
    path = Path(sys.argv[1]) / f"{codec}.mp4"
    rate = Fraction(25)
    with VideoWriter(path, size=(320, 240), rate=rate, time_base=1 / rate, codec=codec) as writer:
        for number in range(12):
            image = picture(number, (320, 240))
            writer.write(image if codec == "h264" else image[..., 0].copy(), number, 1 / rate)
    print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc fills memory on request")
def test_memory_that_was_never_written_does_not_reach_a_file(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    printed = []
    for value in ("85", "170"):
        folder = tmp_path / value
        folder.mkdir()
        paths = os.pathsep.join((str(root), str(root / "tests")))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder)],
            env={**os.environ, "MALLOC_PERTURB_": value, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=True,
        )
        printed.append(done.stdout)
    assert printed[0] == printed[1] != ""
