"""Copies of a published checkpoint."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from published import PUBLISHED


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """On networks this small, threads only wait for each other, for seconds on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(PUBLISHED, tmp_path / "published"))
