"""How much memory converting and loading take; in a process of its own, whose peak can be told."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from published import change_config, change_tensors

WORDS = 400_000
PROGRAM = """
import resource, sys
from pathlib import Path
import torch
from sa2va_cli.checkpoints.conversion import convert
from sa2va_cli.checkpoints.named_tensors import full_layout
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
full_layout(Path(sys.argv[1]))
before = peak()
convert(Path(sys.argv[1]), Path(sys.argv[2]), "native", torch.bfloat16)
print(peak() - before)
"""

LOADING = """
import resource, sys
from pathlib import Path
import torch
from sa2va_cli.checkpoints.loader import load_network
from sa2va_cli.checkpoints.named_tensors import full_layout
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
full_layout(Path(sys.argv[1]))
before = peak()
network = load_network(Path(sys.argv[1]), torch.device("cpu"), torch.bfloat16)
print(peak() - before - sum(p.numel() * p.element_size() for p in network.parameters()))
"""


def enlarged(published: Path) -> int:
    """Makes the vocabulary of a checkpoint so large that little else counts; returns the bytes of a table."""

    def enlarge(tensors: dict[str, torch.Tensor]) -> None:
        for name in ("language_model.model.embed_tokens.weight", "language_model.lm_head.weight"):
            tensors[name] = torch.zeros(WORDS, 128)

    change_tensors(published, enlarge)
    change_config(published, lambda c: c["llm_config"].update(vocab_size=WORDS))
    largest = WORDS * 128 * 4
    assert (published / "model.safetensors").stat().st_size > 2 * largest
    return largest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of a process's peak differs")
def test_a_conversion_holds_one_tensor_and_its_cast(published: Path, tmp_path: Path) -> None:
    largest = enlarged(published)
    arguments = [sys.executable, "-c", PROGRAM, str(published), str(tmp_path / "native")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.6 * largest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of a process's peak differs")
def test_loading_holds_the_network_and_one_tensor(published: Path) -> None:
    largest = enlarged(published)
    arguments = [sys.executable, "-c", LOADING, str(published)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.6 * largest
