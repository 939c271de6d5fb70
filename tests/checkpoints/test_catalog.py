import subprocess
import sys

import pytest

from sa2va_cli.checkpoints.catalog import CATALOG, STOCK, default_model, find
from sa2va_cli.checkpoints.layout import FAMILIES


def test_every_model_is_of_a_family_that_the_loader_knows() -> None:
    assert {entry.family for entry in CATALOG.values()} <= {*FAMILIES, STOCK}


def test_every_alias_is_lower_case_and_listed_under_itself() -> None:
    assert all(alias == entry.alias == alias.lower() for alias, entry in CATALOG.items())


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("1b", "ByteDance/Sa2VA-1B"),
        ("4B", "ByteDance/Sa2VA-4B"),
        ("bytedance/sa2va-8b", "ByteDance/Sa2VA-8B"),
        ("internvl3-14b", "ByteDance/Sa2VA-InternVL3-14B"),
        ("i-26b", "kumuji/Sa2VA-i-26B"),
        ("sail-vl-2b", "BytedanceDouyinContent/SAIL-VL-2B"),
        ("llava-hf/llava-next-video-7b-HF", "llava-hf/LLaVA-NeXT-Video-7B-hf"),
    ],
)
def test_a_model_is_found_by_alias_and_by_hub_id(name: str, repository: str) -> None:
    entry = find(name)
    assert entry is not None
    assert entry.repository == repository


@pytest.mark.parametrize("name", ["", "2b", "ByteDance", "ByteDance/Sa2VA"])
def test_other_names_are_not_found(name: str) -> None:
    entry = find(name)
    assert entry is None


def test_the_default_depends_on_the_gpu() -> None:
    assert default_model(has_gpu=True) == "ByteDance/Sa2VA-4B"
    assert default_model(has_gpu=False) == "ByteDance/Sa2VA-1B"


def test_the_catalog_can_be_listed_without_torch() -> None:
    program = (
        "import sys, sa2va_cli.checkpoints.catalog; assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
