import json

import pytest

STAGES = ["decode", "preprocess", "encode", "ground", "attend", "decode masks", "memory", "render"]
STAGES += ["encode video", "end to end"]
TINY = ("bench", "--random", "demo", "--frames", 6, "--size", "160x90", "--rounds", 1, "--device", "cpu")


def test_a_bench_measures_every_stage_and_leaves_no_file(sa2va):
    outcome = sa2va(*TINY, "--json", "--objects", 2)
    document = json.loads(outcome.out)
    assert outcome.code == 0
    assert outcome.files == []
    assert [stage["name"] for stage in document["stages"]] == STAGES
    assert all(stage["milliseconds"] > 0 and stage["per_second"] > 0 for stage in document["stages"])
    counted = {stage["name"]: stage["gigaflops"] for stage in document["stages"] if stage["gigaflops"]}
    assert sorted(counted) == ["attend", "decode masks", "encode", "ground", "memory"]
    assert all(stage["floor_share"] > 0 for stage in document["stages"] if stage["name"] in counted)
    assert document["matmul_tflops"] > 0
    assert document["peak_host_bytes"] > 0
    assert (document["objects"], document["frames"], document["size"]) == (2, 6, [160, 90])


def test_a_bench_shows_one_table(sa2va):
    outcome = sa2va(*TINY, "--dtype", "fp32", "--quiet")
    lines = outcome.out.splitlines()
    assert outcome.code == 0
    assert lines[0] == "demo with random weights on cpu in fp32, 1 object, 6 frames of 160x90"
    assert lines[1].split() == ["stage", "ms", "per", "second", "spread", "GFLOP", "floor"]
    assert [line.split("  ")[0] for line in lines[2:-1]] == [
        "ground (for each prompt)" if stage == "ground" else stage for stage in STAGES
    ]
    assert "TFLOP/s" in lines[-1]
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("640", "--size '640' is not a size; give width and height, such as 1280x720"),
        ("0x0", "--size 0x0: each side must lie between 32 and 8192 pixels"),
        ("99999x64", "--size 99999x64: each side must lie between 32 and 8192 pixels"),
    ],
)
def test_a_size_that_makes_no_picture_is_one_error_line(sa2va, size, message):
    outcome = sa2va("bench", "--random", "demo", "--size", size)
    assert outcome.code == 2
    assert outcome.err.strip() == f"error: {message}"


def test_unknown_random_sizes_are_named_with_those_that_there_are(sa2va):
    outcome = sa2va("bench", "--random", "9b")
    assert outcome.code == 2
    assert outcome.err.strip() == "error: unknown --random '9b'; choose 1b, 4b, demo or hiera-l"


def test_the_help_of_bench_has_examples(sa2va):
    outcome = sa2va("bench", "--help")
    assert outcome.code == 0
    assert "sa2va bench" in outcome.out.split("Examples")[1]
