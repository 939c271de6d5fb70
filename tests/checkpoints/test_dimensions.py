import json
import re

import pytest
from families import FAMILIES, checkpoint

from sa2va_cli.checkpoints.catalog import CATALOG, PUBLISHED_BYTES
from sa2va_cli.checkpoints.dimensions import (
    PUBLISHED,
    SAM2_HIERA_LARGE,
    SAM2_MASK_DECODER,
    chat_parameters,
    published_parameters,
)
from sa2va_cli.checkpoints.files import read_headers

PARTS = {
    "vision": r"vision_model|model\.model\.visual",
    "projector": r"mlp1",
    "language model": r"language_model|model\.model\.language_model|model\.lm_head",
    "[SEG] projection": r"text_hidden_fcs",
}

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


@pytest.mark.parametrize("family", FAMILIES)
def test_counts_from_dimensions_are_those_of_the_files(family: str) -> None:
    folder = checkpoint(family)
    counted = {
        part: sum(header.parameters for header in read_headers(folder) if re.match(names, header.name))
        for part, names in PARTS.items()
    }
    assert chat_parameters(json.loads((folder / "config.json").read_text())) == counted


def test_every_published_model_has_a_count() -> None:
    for alias, entry in CATALOG.items():
        assert (published_parameters(alias) is None) == (not entry.repository)


def test_the_bytes_of_an_index_are_those_of_the_count() -> None:
    assert 4 * published_parameters("qwen3-vl-4b") == 20_228_290_760  # metadata of its index


def test_a_sa2va_i_has_one_decoder_more() -> None:
    assert published_parameters("i-4b") == published_parameters("4b") + SAM2_MASK_DECODER


@pytest.mark.parametrize("alias", COUNTED_BY_THE_HUB)
def test_counts_from_dimensions_are_those_of_the_hub(alias: str) -> None:
    """Newer files say themselves how many parameters they have, and that leaves out what is never trained."""
    fixed = 0 if alias in ("1b", "4b", "8b", "26b") else FREQUENCIES
    assert published_parameters(alias) == COUNTED_BY_THE_HUB[alias] + fixed


@pytest.mark.parametrize("alias", PUBLISHED_BYTES)
def test_the_sizes_of_published_files_fit_the_counts(alias: str) -> None:
    """They are all in float32, but in those of the InternVL type the vision part is in bfloat16."""
    parts = chat_parameters(PUBLISHED[alias])
    narrow = 0 if "qwen" in CATALOG[alias].family else parts["vision"]
    size = 4 * (sum(parts.values()) + SAM2_HIERA_LARGE) - 2 * narrow
    assert PUBLISHED_BYTES[alias] == pytest.approx(size, rel=0.002)


def test_sam_2_has_the_size_that_is_written_here() -> None:
    import torch

    from sa2va_cli.model.sam2 import HIERA_LARGE, Sam2

    with torch.device("meta"):
        names = Sam2(HIERA_LARGE).layers.state_dict()
    assert sum(t.numel() for n, t in names.items() if n.startswith("mask_decoder.")) == SAM2_MASK_DECODER
    twice = names["shared_image_embedding.positional_embedding"].numel()  # once in a published file
    assert sum(tensor.numel() for tensor in names.values()) - twice == SAM2_HIERA_LARGE
