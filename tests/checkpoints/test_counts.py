"""The counts that the catalogue records are those of networks that are built without memory."""

import pytest
from families import FAMILIES, checkpoint
from metanetwork import counted, part_bytes, published_shapes, released_shapes

from sa2va_cli.checkpoints.catalog import CATALOG, STOCK
from sa2va_cli.checkpoints.files import read_headers
from sa2va_cli.checkpoints.named_tensors import full_layout
from sa2va_cli.checkpoints.parts import count

PUBLISHED = [alias for alias, entry in CATALOG.items() if entry.repository and entry.family != STOCK]

COUNTED_BY_THE_HUB = {
    "1b": 1_163_665_714,
    "4b": 3_941_809_714,
    "8b": 8_317_666_866,
    "26b": 25_778_005_938,
    "internvl3-2b": 2_316_157_234,
    "internvl3-8b": 8_182_606_130,
    "internvl3-14b": 15_369_268_530,
    "qwen2.5-vl-3b": 4_293_849_394,
    "qwen2.5-vl-7b": 8_527_538_994,
    "qwen3-vl-2b": 2_666_774_834,
    "qwen3-vl-4b": 5_057_072_434,
}
"""``safetensors.total`` of the hub's API, as quoted in public; the hub itself was not asked."""

FREQUENCIES = 2 * 128
"""Numbers in the fixed position encoding of SAM 2's prompts, the only buffer of a published file."""


@pytest.mark.parametrize("alias", PUBLISHED)
def test_recorded_counts_are_those_of_the_network(alias: str) -> None:
    assert CATALOG[alias].counts == counted(released_shapes(alias))


@pytest.mark.parametrize("family", FAMILIES)
def test_counts_of_the_network_are_those_of_the_files(family: str) -> None:
    folder = checkpoint(family)
    assert counted(published_shapes(full_layout(folder))) == count(read_headers(folder))


def test_only_the_demo_needs_no_count() -> None:
    assert [alias for alias, entry in CATALOG.items() if entry.counts is None] == ["demo"]


def test_the_bytes_of_an_index_are_those_of_the_count() -> None:
    assert 4 * CATALOG["qwen3-vl-4b"].counts.total == 20_228_290_760  # metadata of its index


@pytest.mark.parametrize("alias", COUNTED_BY_THE_HUB)
def test_recorded_counts_are_those_of_the_hub(alias: str) -> None:
    """Newer files say themselves how many parameters they have, and that leaves out what is never trained."""
    fixed = 0 if alias in ("1b", "4b", "8b", "26b") else FREQUENCIES
    assert CATALOG[alias].counts.total == COUNTED_BY_THE_HUB[alias] + fixed


@pytest.mark.parametrize(
    "alias", [alias for alias, entry in CATALOG.items() if entry.file_bytes and entry.has_masks]
)
def test_the_sizes_of_published_files_fit_the_counts(alias: str) -> None:
    """They are all in float32, but in those of the InternVL type the vision part is in bfloat16."""
    entry = CATALOG[alias]
    narrow = 0 if "qwen" in entry.family else part_bytes(released_shapes(alias), "vision")
    assert entry.file_bytes == pytest.approx(4 * entry.counts.total - narrow // 2, rel=0.002)


@pytest.mark.parametrize("alias", ["sail-vl-2b", "llava-onevision-0.5b"])
def test_the_sizes_of_chat_models_files_are_those_of_16_bits(alias: str) -> None:
    entry = CATALOG[alias]
    assert entry.file_bytes == pytest.approx(2 * entry.counts.total, rel=0.002)


def test_a_sa2va_i_has_one_decoder_more() -> None:
    """Reference set, section 2.1."""
    one, two = CATALOG["4b"].counts, CATALOG["i-4b"].counts
    assert two.sam2 - one.sam2 == 4_215_109
    assert (two.lm, two.vit, two.quantisable) == (one.lm, one.vit, one.quantisable)


def test_sam_2_is_as_large_as_the_released_one() -> None:
    """Reference set, section 2.1."""
    assert part_bytes(released_shapes("1b"), "SAM 2") == 4 * 224_430_386
