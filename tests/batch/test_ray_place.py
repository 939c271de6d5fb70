"""What a worker on a cluster looks at before it takes jobs, and what of it is heard."""

from pathlib import Path

import pytest
from fakes import load_remembering

from sa2va_cli.batch.messages import Begun, Broken, Idle, Setup
from sa2va_cli.batch.ray_pool import Actor, Mailbox, Place
from sa2va_cli.runtime.choice import ModelChoice


def test_what_was_not_heard_is_told_again_and_the_rest_forgotten():
    box = Mailbox()
    for message in (Begun("a"), Begun("b"), Idle()):
        box.put(message)
    assert box.after(0, 1) == (0, [Begun("a"), Begun("b"), Idle()])
    assert box.after(2, 1) == (2, [Idle()])
    assert box.after(1, 1) == (2, [Idle()])  # a call that the network brought late
    assert box.after(3, 0) == (3, [])


@pytest.mark.parametrize(
    ("place", "code", "told"),
    [
        (("nowhere", "out/state.db"), 3, "nowhere is not there; the current folder, inputs and outputs"),
        ((".", "nowhere.db"), 3, "nowhere.db is not there"),
        ((".", ".", "9.9"), 2, "the batch was started with 9.9"),
    ],
)
def test_a_worker_that_cannot_see_the_files_says_so(folder, place, code, told):
    actor = Actor(Setup(ModelChoice("demo"), load=load_remembering), Place(*place), "gpu-7")
    actor.hand_over(1, None)
    actor.finish()
    _, (broken, end) = actor.listen(0)
    assert isinstance(broken, Broken)
    assert end is None
    assert (broken.code, told in broken.error, "node gpu-7" in broken.error) == (code, True, True)


def test_an_input_that_only_a_node_misses_is_told_with_the_node(folder):
    from sa2va_cli.batch.job import Outcome
    from sa2va_cli.batch.messages import Ended

    actor = Actor(Setup(ModelChoice("demo"), load=load_remembering), Place(".", ".", "9.9"), "gpu-7")
    actor._sources = {"a": "gone.mp4", "b": "there.mp4"}
    Path("there.mp4").touch()
    for key in "ab":
        actor._emit(Ended(key, Outcome("failed", 3, "cannot be read")))
    _, (_, gone, there) = actor.listen(0)
    assert gone.outcome.error == "cannot be read (on node gpu-7; do all nodes see it under this name?)"
    assert there.outcome.error == "cannot be read"
