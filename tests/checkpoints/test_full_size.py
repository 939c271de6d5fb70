"""A network of the size of Sa2VA-1B, from a folder in the published layout and through the normal door."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, resource, sys, time
import sa2va_cli.checkpoints.loader
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import load_segmenter
started = time.perf_counter()
network = load_segmenter(ModelChoice(sys.argv[1]), Placement("cpu", "bf16")).network
seconds = time.perf_counter() - started
bytes = sum(p.numel() * p.element_size() for p in network.parameters())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"network": bytes, "peak": peak, "seconds": seconds}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of a process's peak differs")
def test_loading_needs_little_more_than_the_network(tmp_path: Path) -> None:
    folder = tmp_path / "1b"
    subprocess.run([sys.executable, str(Path(__file__).with_name("fullsize.py")), str(folder)], check=True)
    shards = [path.stat().st_size for path in folder.glob("*.safetensors")]
    assert len(shards) == 4
    assert 4.0e9 < sum(shards) < 4.1e9  # as the released one
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout)
    assert measured["peak"] < measured["network"] + max(shards) + 1e9
