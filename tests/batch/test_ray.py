"""Batches on a real Ray cluster of two nodes on this computer: what is lost is done again, nothing twice."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from batch.told import events, states
from clips import make_video
from fakes import RememberingSegmenter, load_mortal, load_remembering

pytest.importorskip("ray")

COMMAND = (
    "shots",
    "-p",
    "red",
    "--save",
    "mask,tracks",
    "-o",
    "out/",
    "--checkpoint",
    "4f",
    "--device",
    "cpu",
)
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "PYTHONPATH": os.pathsep.join(sys.path),
    "OMP_NUM_THREADS": "1",
}
STORE = 80 * 2**20
PROGRAM = """
import sys
from fakes import load_held
from sa2va_cli.commands.app import main
main(["batch", *sys.argv[1:]], load=load_held)
"""


@pytest.fixture(scope="module")
def cluster():
    """A head without room for workers; tests add nodes."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        made = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "num_gpus": 0,
                "include_dashboard": False,
                "object_store_memory": STORE,
                "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 4},
            },
        )
        yield made
        made.shutdown()


@pytest.fixture
def nodes(cluster):
    """Two nodes with a core each."""
    made = [cluster.add_node(num_cpus=1, num_gpus=0, object_store_memory=STORE) for _ in range(2)]
    cluster.wait_for_nodes()
    yield made
    for node in cluster.list_all_nodes():
        if node is not cluster.head_node:
            cluster.remove_node(node, allow_graceful=False)


def make_clips(count, frames=12):
    """So many clips of 12 frames."""
    Path("shots").mkdir()
    for number in range(count):
        make_video(Path(f"shots/{number}.mp4"), stamps=range(frames), start_numbers=20 * number)


def results(folder):
    """The bytes of everything but the state."""
    return {
        path.name: path.read_bytes()
        for path in Path(folder).iterdir()
        if not path.name.startswith(("sa2va-batch.db", "."))
    }


def on_this_computer(sa2va):
    """The bytes of a batch that nobody disturbs."""
    command = [*COMMAND]
    command[command.index("out/")] = "whole/"
    assert sa2va("batch", *command, "--quiet", load=load_remembering).code == 0
    return results("whole")


def check(outcome, whole):
    """Every job is done once, with the bytes that one computer makes."""
    told = events(outcome.out)
    done = sorted(one["input"] for one in told if one["event"] == "done")
    assert (outcome.code, done) == (0, sorted(map(str, Path("shots").iterdir()))), outcome.err
    assert results("out") == whole
    assert set(states().values()) == {"done"}


def test_two_nodes_do_every_job_once_to_the_same_bytes(folder, sa2va, cluster, nodes):
    make_clips(4)
    whole = on_this_computer(sa2va)
    check(sa2va("batch", *COMMAND, "--ray", cluster.address, "--json", load=load_remembering), whole)
