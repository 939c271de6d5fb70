"""Copies of a published checkpoint."""

import shutil
from pathlib import Path

import pytest
from published import PUBLISHED


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(PUBLISHED, tmp_path / "published"))
