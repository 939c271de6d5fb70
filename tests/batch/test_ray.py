"""Batches on a real Ray cluster of two nodes on this computer: what is lost is done again, nothing twice."""

import inspect
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from batch.told import events, states
from clips import make_video
from fakes import load_held, load_mortal, load_remembering
from films import BLUE, RED, write_film

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
    "--dtype",  # to choose it, each worker would import torch
    "fp32",
)
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "PYTHONPATH": os.pathsep.join(sys.path),
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_worker_niceness": "0",  # Ray's workers give way to everything else: 15
    "OMP_NUM_THREADS": "1",
}
PROGRAM = """
import sys
from fakes import load_held
from sa2va_cli.commands.app import main
main(["batch", *sys.argv[1:]], load=load_held)
"""
_PATIENCE_SECONDS = 300


def node_options():
    """Of a small node, whose agents listen at ports that are known before these have started."""
    names = (
        "metrics_agent_port",
        "metrics_export_port",
        "dashboard_agent_listen_port",
        "runtime_env_agent_port",
    )
    with ExitStack() as stack:
        free = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        ports = {name: one.getsockname()[1] for name, one in zip(names, free, strict=True)}
    return {"num_gpus": 0, "include_dashboard": False, "object_store_memory": 80 * 2**20, **ports}


def without_waiting(start):
    """Starts a node whose one port that Ray does not pass on is written down already.

    A node (Ray 2.60) aborts when its agent, which imports for seconds, has not done so within 15: on a busy
    computer no cluster would start.
    """

    def started(*arguments, **more):
        given = inspect.signature(start).bind(*arguments, **more).arguments
        note = Path(given["session_dir"], f"dashboard_agent_listen_port_{given['node_id']}")
        note.write_text(str(given["dashboard_agent_listen_port"]))
        return start(*arguments, **more)

    return started


@pytest.fixture(scope="module")
def cluster():
    """A head with a core; tests add the other node."""
    from ray._private import services
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        patch.setattr(services, "start_raylet", without_waiting(services.start_raylet))
        patience = {"health_check_period_ms": 2000, "health_check_failure_threshold": 5}
        made = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "_system_config": patience, **node_options()},
        )
        yield made
        made.shutdown()


@pytest.fixture
def nodes(cluster):
    """One more node with a core, which can be lost."""
    made = [cluster.add_node(num_cpus=1, **node_options())]
    cluster.wait_for_nodes()
    yield made
    for node in list(cluster.worker_nodes):
        cluster.remove_node(node, allow_graceful=False)


def make_clips(count):
    """So many clips of 12 frames."""
    Path("shots").mkdir()
    for number in range(count):
        make_video(Path(f"shots/{number}.mp4"), stamps=range(12), start_numbers=20 * number)


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


def wait_for(found):
    """Waits until a pattern of files matches, and gives the first; the network waits as well."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        for path in Path().glob(found):
            if path.read_text():
                return path
        threading.Event().wait(0.05)
    raise AssertionError(f"no {found}")


def test_two_nodes_do_every_job_once_to_the_same_bytes(folder, sa2va, cluster, nodes):
    make_clips(4)
    whole = on_this_computer(sa2va)
    check(sa2va("batch", *COMMAND, "--ray", cluster.address, "--json", load=load_remembering), whole)


@pytest.mark.slow
def test_one_video_in_parts_is_done_by_two_nodes_to_the_same_bytes(folder, sa2va, cluster, nodes):
    Path("shots").mkdir()
    write_film(Path("shots/film.mp4"), [(RED,), (BLUE, RED), (), (RED,)])
    whole = on_this_computer(sa2va)
    outcome = sa2va(
        "batch", *COMMAND, "--ray", cluster.address, "--split", "scenes:0", "--json", load=load_remembering
    )
    assert sum(one["event"] == "done" and "part" in one for one in events(outcome.out)) == 5
    assert (outcome.code, results("out")) == (0, whole), outcome.err
    assert set(states().values()) == {"done"}


@pytest.mark.slow
def test_the_clip_of_a_killed_worker_goes_on_in_its_successor(folder, sa2va, cluster, nodes):
    make_clips(4)
    whole = on_this_computer(sa2va)
    Path("mortal").write_text("once")
    outcome = sa2va("batch", *COMMAND, "--ray", cluster.address, "--json", load=load_mortal)
    assert not Path("mortal").exists()
    assert "its worker died" in outcome.out
    check(outcome, whole)


@pytest.mark.slow
def test_a_clip_that_kills_every_worker_fails_alone(folder, sa2va, cluster, nodes):
    make_clips(2)
    make_video(Path("shots/short.mp4"), stamps=range(3))  # has no frame 5
    Path("mortal").write_text("always")
    outcome = sa2va("batch", *COMMAND, "--ray", cluster.address, "--json", load=load_mortal)
    assert outcome.code == 8
    assert states()["shots/short.mp4"] == "done"
    failed = [one for one in events(outcome.out) if one["event"] == "failed"]
    assert "its worker died 3 times" in failed[0]["error"]


@pytest.mark.slow
def test_jobs_of_a_lost_node_are_done_by_the_other(folder, sa2va, cluster, nodes):
    make_clips(4)
    whole = on_this_computer(sa2va)
    Path("hold").touch()

    def lose():
        wait_for("held-*")
        cluster.remove_node(nodes[0], allow_graceful=False)
        Path("hold").unlink()

    losing = threading.Thread(target=lose)
    losing.start()
    outcome = sa2va("batch", *COMMAND, "--ray", cluster.address, "--json", load=load_held)
    losing.join()
    check(outcome, whole)


@pytest.mark.slow
def test_a_killed_batch_is_gone_on_with_and_its_workers_end(folder, sa2va, cluster, nodes):
    make_clips(4)
    whole = on_this_computer(sa2va)
    Path("hold").touch()
    program = [sys.executable, "-c", PROGRAM, *COMMAND, "--ray", cluster.address, "--quiet"]
    with subprocess.Popen(program, env=os.environ | SETTINGS) as driver:
        held = wait_for("held-*")
        driver.kill()
    Path("hold").unlink()
    outcome = sa2va("batch", *COMMAND, "--ray", cluster.address, "--json", load=load_remembering)
    told = events(outcome.out)
    assert {one["reason"] for one in told if one["event"] == "began"} & {"interrupted"}
    assert (outcome.code, results("out")) == (0, whole), outcome.err
    assert set(states().values()) == {"done"}
    assert not Path("/proc", held.read_text()).exists()
