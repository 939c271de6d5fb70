"""What every row of the table of families keeps to, so that a new one is one file and one row."""

import importlib
import json
import pkgutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from families import FAMILIES as FOLDERS
from families import checkpoint
from metanetwork import meta_network, released_shapes

from sa2va_cli.checkpoints import families
from sa2va_cli.checkpoints.catalog import CATALOG, STOCK
from sa2va_cli.checkpoints.families.family import Family
from sa2va_cli.checkpoints.families.internvl import INTERNVL
from sa2va_cli.checkpoints.families.table import FAMILIES
from sa2va_cli.checkpoints.json_files import read_json_object
from sa2va_cli.checkpoints.key_rules import native_tensors
from sa2va_cli.checkpoints.layout import read_layout, released_layout
from sa2va_cli.checkpoints.named_tensors import full_layout
from sa2va_cli.checkpoints.parts import OTHER, part_of, prefixes
from sa2va_cli.checkpoints.streaming import TensorFiles

ROWS = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
RELEASED = [alias for alias, entry in CATALOG.items() if entry.repository and entry.family != STOCK]


@ROWS
def test_a_family_has_the_sizes_of_every_model_of_the_catalogue_and_no_others(family: Family) -> None:
    rows = {entry.sizes_of for entry in CATALOG.values() if entry.repository and entry.family == family.name}
    assert set(family.released) == rows


@pytest.mark.parametrize("alias", RELEASED)
def test_released_sizes_are_of_their_family_and_can_be_written_again(alias: str) -> None:
    layout = released_layout(alias)
    family = FAMILIES[layout.family]
    assert layout.chat.family == family.name == CATALOG[alias].family
    config = family.write(layout.chat)
    alike = [other for other in FAMILIES.values() if other.has_masks == family.has_masks]
    assert [other.name for other in alike if other.matches(config)] == [family.name]
    assert family.read(config) == layout.chat
    assert family.make_sizes(json.loads(json.dumps(vars(layout.chat)))) == layout.chat


@ROWS
def test_a_tensor_is_of_the_same_part_under_both_names(family: Family) -> None:
    alias = next(iter(family.released))
    layout = released_layout(alias)
    for rule in layout.rules:
        assert len({part_of(name.replace("*", "0")) for name in (*rule.published, *rule.native)}) == 1, rule
    published, native = released_shapes(alias), meta_network(layout).state_dict()
    assert {part_of(name) for name in published} == {part_of(name) for name in native}
    assert OTHER not in {part_of(name) for name in (*published, *native)}


@ROWS
def test_embedding_and_output_layer_are_in_the_key_table(family: Family) -> None:
    alias = next(iter(family.released))
    shapes = released_shapes(alias)
    assert shapes[family.embedding] == shapes[family.output_layer]


def test_no_two_families_give_the_same_names_to_different_parts() -> None:
    for family in FAMILIES.values():
        for part, beginnings in family.prefixes.items():
            assert {prefixes()[beginning] for beginning in beginnings} == {part}


@pytest.mark.parametrize("folder", FOLDERS)
def test_parts_of_the_tensors_of_a_file_are_those_of_the_network(folder: str) -> None:
    layout, files = full_layout(checkpoint(folder)), TensorFiles(checkpoint(folder))
    for name in files.names:
        if "qkv" in name or "point_embeddings" in name:
            continue  # what is split or joined is looked at above
        natives = dict(native_tensors(layout.rules, [name], files.outline))
        assert {part_of(native) for native in natives} == {part_of(name)}


def test_every_family_that_a_file_defines_has_its_row() -> None:
    modules = [
        importlib.import_module(f"{families.__name__}.{found.name}")
        for found in pkgutil.iter_modules(families.__path__)
    ]
    defined = [value for module in modules for value in vars(module).values() if isinstance(value, Family)]
    assert {family.name for family in defined} == set(FAMILIES)
    assert all(name == family.name for name, family in FAMILIES.items())


def test_a_new_row_is_all_that_a_new_kind_of_language_model_needs(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_json_object(published / "config.json")
    config["llm_config"]["model_type"] = "newcomer"
    (published / "config.json").write_text(json.dumps(config))
    row = replace(INTERNVL, name="internvl-newcomer", title="Newcomer", text_type="newcomer")
    monkeypatch.setitem(FAMILIES, row.name, row)
    assert read_layout(published).family == "internvl-newcomer"


def test_families_are_imported_without_torch() -> None:
    program = (
        "import sys, sa2va_cli.checkpoints.families.table, sa2va_cli.checkpoints.parts; "
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
