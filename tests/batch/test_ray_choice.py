"""What a batch asks a cluster for."""

import pytest

from sa2va_cli.batch.ray_choice import RayChoice, Share, model_of, share_of
from sa2va_cli.errors import UsageError
from sa2va_cli.runtime.choice import ModelChoice

GPU_NODE, CPU_NODE = {"GPU": 4.0, "CPU": 64.0}, {"CPU": 8.0}


@pytest.mark.parametrize(
    ("choice", "device", "nodes", "share"),
    [
        (RayChoice("auto"), "auto", [GPU_NODE, GPU_NODE, CPU_NODE], Share(8, 1, 8)),
        (RayChoice("auto", 3), "auto", [GPU_NODE], Share(3, 1, 8)),
        (RayChoice("auto", gpus=0.25), "cuda", [GPU_NODE], Share(16, 0.25, 4)),
        (RayChoice("auto", gpus=2), "auto", [GPU_NODE, {"GPU": 1.0, "CPU": 8.0}], Share(2, 2, 8)),
        (RayChoice("auto"), "cpu", [GPU_NODE, CPU_NODE], Share(2, 0, 8)),
        (RayChoice("auto"), "auto", [CPU_NODE, {"CPU": 2.0}, {}], Share(2, 0, 2)),
        (RayChoice("auto", 4), "auto", [CPU_NODE, CPU_NODE], Share(4, 0, 4)),
        (RayChoice("auto", gpus=0), "auto", [GPU_NODE], Share(1, 0, 64)),
    ],
)
def test_each_worker_has_its_part_of_the_cluster(choice, device, nodes, share):
    assert share_of(choice, ModelChoice("demo", device), nodes) == share


@pytest.mark.parametrize(
    ("choice", "device", "nodes", "told"),
    [
        (RayChoice("auto", gpus=1), "auto", [CPU_NODE], "none of 1 nodes has 1 GPUs"),
        (RayChoice("auto", gpus=1), "cpu", [GPU_NODE], "exclude each other"),
        (RayChoice("auto", 5), "auto", [GPU_NODE], "4 workers with 1 GPUs and 8 cores find a place"),
    ],
)
def test_what_finds_no_place_is_told(choice, device, nodes, told):
    with pytest.raises(UsageError, match=told):
        share_of(choice, ModelChoice("demo", device), nodes)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (("ray://head:10001",), "clients outside"),
        (("head",), "HOST:PORT"),
        (("head:70000",), "HOST:PORT"),
        (("auto", 0), "at least 1"),
        (("auto", None, 1.5), "whole number or a part"),
        (("auto", None, -1.0), "whole number or a part"),
    ],
)
def test_what_cannot_be_meant_is_told(values, told):
    with pytest.raises(UsageError, match=told):
        RayChoice(*values)


def test_ray_chooses_the_gpu_of_a_worker():
    assert model_of(ModelChoice("demo", "cuda"), Share(1, 1, 1)).device == "cuda"
    assert model_of(ModelChoice("demo"), Share(1, 0, 1)).device == "cpu"
    with pytest.raises(UsageError, match="Ray chooses the GPU"):
        model_of(ModelChoice("demo", "cuda:1"), Share(1, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--ray-workers", "2"), "give --ray auto or its address"),
        (("--ray", "auto", "--jobs", "2"), "with --ray give --ray-workers"),
        (("--ray", "127.0.0.1:1"), "nothing answers there"),
    ],
)
def test_options_that_do_not_go_together_are_told_before_anything_starts(clips, batch, arguments, told):
    if told == "nothing answers there":
        pytest.importorskip("ray")
    outcome = batch(*arguments)
    assert (outcome.code, told in outcome.err) == (2, True), outcome.err


def test_without_ray_the_extra_is_named(clips, batch, monkeypatch):
    monkeypatch.setattr("sa2va_cli.runtime.extras.find_spec", lambda _: None)
    outcome = batch("--ray", "auto")
    assert outcome.code == 2
    assert "--ray auto needs ray, which is not installed: pip install 'sa2va[ray]'" in outcome.err
