"""Every kind of job through the same cases: what it makes, what it leaves out, and how it goes on."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from batch.told import events, states
from clips import make_video
from fakes import FakeChat, RememberingSegmenter
from PIL import Image

from sa2va_cli.batch.kinds import KINDS
from sa2va_cli.batch.listing import Request, listed
from sa2va_cli.batch.manifest import read_manifest
from sa2va_cli.batch.options import SPECIAL, Options, SharedSearch
from sa2va_cli.batch.planning import Plan
from sa2va_cli.batch.progress import JobTold
from sa2va_cli.batch.running import Interrupts, run_batch
from sa2va_cli.editing.explicit import explicit_plan
from sa2va_cli.errors import UsageError
from sa2va_cli.events import Progress
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import declared
from sa2va_cli.pipeline.answering import QuestionsJob, answer_file
from sa2va_cli.pipeline.asking_job import Regions
from sa2va_cli.pipeline.edit_job import EditJob
from sa2va_cli.pipeline.editing import edit
from sa2va_cli.pipeline.job import Resuming, Stopped
from sa2va_cli.visual_prompts import read_mask, read_point

QUESTIONS = ("Is red seen?", "What is green?", '{"id": "third", "question": "Is blue seen?"}')


@dataclass(frozen=True)
class Case:
    """How a kind is given jobs.

    Attributes:
        inputs: the folder of inputs.
        arguments: what a batch is told besides ``--kind``, inputs and ``-o``.
        alone: the command for one input, without ``-o``.
        output: what the first input's output is called.
        row: the same options as a row of a manifest.
    """

    inputs: str
    arguments: tuple[str, ...]
    alone: tuple[str, ...]
    output: str
    row: dict[str, object]

    def batch(self, kind: str, *more: str) -> tuple[str, ...]:
        return ("batch", self.inputs, "--kind", kind, *self.arguments, "-o", "out/", *more)


CASES = {
    "segment": Case(
        "shots",
        ("-p", "red", "--save", "mask"),
        ("segment", "shots/a.mp4", "red", "--save", "mask"),
        "a.mask.mp4",
        {"prompts": ["red"], "save": "mask"},
    ),
    "edit": Case(
        "shots",
        ("--target", "the red corner", "--effect", "recolour=blue", "--from", "2f", "--save", "mask"),
        (
            *("edit", "shots/a.mp4", "--target", "the red corner", "--effect", "recolour=blue"),
            *("--from", "2f", "--save", "mask"),
        ),
        "a.edit.mp4",
        {"target": ["the red corner"], "effect": ["recolour=blue"], "from": "2f", "save": "mask"},
    ),
    "render": Case(
        "logs",
        ("--save", "overlay"),
        ("render", "logs/a.tracks.sa2va", "--save", "overlay"),
        "a.overlay.mp4",
        {"save": "overlay"},
    ),
    "ask": Case(
        "shots",
        ("--questions", "questions.txt", "--frames", "3"),
        ("ask", "--questions", "questions.txt", "shots/a.mp4", "--frames", "3"),
        "a.answers.jsonl",
        {"questions": "questions.txt", "frames": 3},
    ),
}


def chat(*_):
    return FakeChat()


def contents(path: Path) -> object:
    """What a file holds, without how long it took."""
    if path.suffix != ".jsonl":
        return path.read_bytes()
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in one.items() if key != "timing"} for one in records]


@pytest.fixture(params=KINDS)
def kind(request, sa2va, clips):
    """The name of a kind, with its inputs."""
    Path("questions.txt").write_text("\n".join(QUESTIONS))
    if request.param == "render":
        assert sa2va("batch", "shots", "-p", "red", "--save", "tracks", "-o", "logs/").code == 0
    return request.param


def made() -> dict[str, object]:
    return {
        path.name: contents(path)
        for path in Path("out").iterdir()
        if not path.name.startswith(("sa2va-batch.db", "."))
    }


def test_every_kind_has_a_case():
    assert CASES.keys() == KINDS.keys()


def test_outputs_are_those_of_the_command_and_what_was_foretold(sa2va, kind):
    case = CASES[kind]
    foretold = json.loads(sa2va(*case.batch(kind, "--dry-run", "--json")).out)["jobs"]
    done = sa2va(*case.batch(kind), load=chat)
    assert done.code == 0, done.err
    assert {Path(name).name for job in foretold for name in job["outputs"]} == made().keys()
    alone = f"alone/{case.output}" if kind == "ask" else "alone/"
    Path("alone").mkdir()
    assert sa2va(*case.alone, "-o", alone, load=chat).code == 0
    for path in Path("alone").iterdir():
        assert contents(path) == made()[path.name], path.name


def test_the_same_command_again_does_nothing_but_what_is_missing(sa2va, kind):
    case = CASES[kind]
    sa2va(*case.batch(kind), load=chat)
    before = made()
    again = sa2va(*case.batch(kind), load=lambda *_: pytest.fail("loaded"))
    assert (again.code, "0 done, 3 skipped" in again.err) == (0, True)
    Path("out", case.output).unlink()
    third = sa2va(*case.batch(kind, "--json"), load=chat)
    assert [one["reason"] for one in events(third.out) if one["event"] == "began"] == ["missing"]
    assert made() == before


def test_a_changed_input_is_done_again(sa2va, kind, clips):
    case = CASES[kind]
    sa2va(*case.batch(kind), load=chat)
    if kind == "render":
        sa2va("segment", "shots/a.mp4", "red", "green", "--save", "tracks", "-o", "logs/", "--overwrite")
    else:
        make_video(clips[0], stamps=range(12))
    done = sa2va(*case.batch(kind, "--json"), load=chat)
    assert [one["reason"] for one in events(done.out) if one["event"] == "began"] == ["changed"]
    assert done.code == 0


def test_a_row_of_a_manifest_means_what_the_command_line_means(sa2va, kind):
    case = CASES[kind]
    sa2va(*case.batch(kind), load=chat)
    (first, *_) = sorted(path for path in Path(case.inputs).iterdir() if path.is_file())
    row = {"input": str(first), "kind": kind, "output": "row/", **case.row}
    Path("jobs.jsonl").write_text(json.dumps(row))
    done = sa2va("batch", "--manifest", "jobs.jsonl", load=chat)
    assert done.code == 0, done.err
    assert contents(Path("row", case.output)) == contents(Path("out", case.output))


def test_options_of_other_kinds_are_refused(sa2va, kind):
    said = {
        "editing": ("--hold", "3"),
        "from_tracks": ("--source", "b.mp4"),
        "asking": ("--frames", "2"),
        "answering": ("--seed", "4"),
    }
    for group, option in said.items():
        outcome = sa2va(*CASES[kind].batch(kind, *option, "--dry-run"))
        fits = group in KINDS[kind].groups
        assert (outcome.code == 0) is fits, outcome.err
        assert fits or f"{option[0]} is for --kind" in outcome.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--kind", "render", "--keyframes", "3"), "--keyframes means nothing with --kind render; leave it"),
        (("--kind", "render", "--model", "demo"), "--model means nothing with --kind render"),
        (("--kind", "ask", "--questions", "q", "--grow", "1"), "--grow means nothing with --kind ask"),
        (("--kind", "ask", "--questions", "q", "--crf", "20"), "--crf means nothing with --kind ask"),
    ],
)
def test_options_that_a_kind_has_no_use_for_are_refused(sa2va, folder, options, told):
    outcome = sa2va("batch", "shots", *options)
    assert outcome.code == 2
    assert told in outcome.err


def test_defaults_that_are_for_other_kinds_stand_in_no_way(sa2va, clips, monkeypatch):
    for name, value in {"TEMPERATURE": "0.5", "BATCH_RUN_INSTRUCTION": "blur it", "KEYFRAMES": "3"}.items():
        monkeypatch.setenv(f"SA2VA_{name}", value)
    assert sa2va("batch", "shots", "-p", "red", "--save", "mask", "--mirror", "-o", "out/").code == 0


def test_every_option_of_every_kind_can_stand_in_a_row():
    for group in SPECIAL:
        for row in declared(type(getattr(Options(), group))):
            name = (row.setting.names or (row.name,))[0].lstrip("-").replace("-", "_")
            value: object = {bool: True, int: 7, float: 0.5}.get(row.kind, "x")
            if "int" in str(row.kind):
                value = 7
            changed = Options().changed({name: value}, "row 1")
            assert getattr(getattr(changed, group), row.name) in (value, ("x",)), name
            assert group in changed.special


def test_a_stopped_job_goes_on_and_ends_with_the_same_outputs(sa2va, kind):
    """Each kind is ended at the first thing a job tells, as by a second Ctrl-C, and then gone on with."""
    case = CASES[kind]
    sa2va(*case.batch(kind), load=chat)
    whole = made()
    for path in Path("out").iterdir():
        path.unlink()
    plan = plan_of(case, kind)
    interrupts = Interrupts()

    def report(event):
        if isinstance(event, JobTold):
            interrupts.count = 2

    assert run_batch(plan, report, interrupts).left > 0
    assert sa2va(*case.batch(kind), load=chat).code == 0
    assert made() == whole
    assert set(states().values()) == {"done"}


def plan_of(case: Case, kind: str) -> Plan:
    """What a case asks for, as the command line makes it."""
    said = {name: value for name, value in case.row.items() if name != "prompts"}
    prompts = tuple(case.row.get("prompts", ()))
    options = Options(search=SharedSearch(prompts)).changed({**said, "output": "out/"}, "case")
    return Plan(Request((case.inputs,), kind=kind, options=options), load=chat)


# --- what only one kind has ---------------------------------------------------------------------------


def test_an_edit_is_gone_on_with_within_the_clip(folder):
    make_video(folder / "a.mp4", stamps=range(20))
    plan = explicit_plan(["the red corner"], ["recolour=blue"])

    def edited(place, segmenter, resuming):
        job = EditJob("a.mp4", plan, saving=Saving(("edit",), place))
        edit(job, load=lambda *_: segmenter, resuming=resuming)

    edited("whole/", RememberingSegmenter(0), Resuming())
    with pytest.raises(Stopped):
        edited("out/", RememberingSegmenter(0), Resuming(resume=True, checkpoint="4f", stop=lambda: True))
    again = RememberingSegmenter(0)
    edited("out/", again, Resuming(resume=True))
    assert 0 < len(again.stepped) < 20
    assert Path("out/a.edit.mp4").read_bytes() == Path("whole/a.edit.mp4").read_bytes()
    assert [path.name for path in Path("out").iterdir()] == ["a.edit.mp4"]


def test_instructions_and_plans_are_plans_for_all(sa2va, clips):
    said = sa2va("batch", "shots", "--kind", "edit", "--instruction", "make the red corner grey", "-o", "a/")
    assert said.code == 0, said.err
    shown = sa2va("edit", "shots/a.mp4", "make the red corner grey", "--dry-run")
    Path("plan.json").write_text(shown.out)
    planned = sa2va("batch", "shots", "--kind", "edit", "--plan", "plan.json", "-o", "b/")
    assert planned.code == 0, planned.err
    assert Path("a/a.edit.mp4").read_bytes() == Path("b/a.edit.mp4").read_bytes()
    Path("plan.json").write_text(shown.out.replace("desaturate", "blur").replace("grey", "blue"))
    other = json.loads(
        sa2va("edit", "shots/a.mp4", "--target", "the red corner", "--effect", "blur", "--dry-run").out
    )
    Path("plan.json").write_text(json.dumps(other))
    changed = sa2va("batch", "shots", "--kind", "edit", "--plan", "plan.json", "-o", "b/", "--json")
    assert {one["reason"] for one in events(changed.out) if one["event"] == "began"} == {"changed"}


def test_tracks_are_edited_without_a_model(sa2va, clips):
    sa2va("batch", "shots", "-p", "red", "--save", "tracks", "-o", "logs/")
    done = sa2va(
        *("batch", "logs", "--kind", "edit", "--effect", "outline=red", "-o", "out/"),
        load=lambda *_: pytest.fail("loaded"),
    )
    assert done.code == 0, done.err
    assert made().keys() == {f"{name}.edit.mp4" for name in "abc"}


def test_an_edit_that_may_show_what_it_should_hide_is_said_each_time(sa2va, clips):
    make_video(clips[0], stamps=range(10))
    command = (
        "batch",
        "shots/a.mp4",
        "--kind",
        "edit",
        "--instruction",
        "blur the corner that is not there",
        "-o",
        "out/",
    )
    for more in ((), ("--json",)):
        outcome = sa2va(*command, *more)
        assert (outcome.code, "look at these" in outcome.err) == (9, True), outcome.err
        assert "shots/a.mp4" in outcome.err
    assert events(outcome.out)[-1]["exposed"] == ["shots/a.mp4"]
    assert states() == {"shots/a.mp4": "done"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--kind", "edit"), "nothing says what is to be done"),
        (("--kind", "edit", "--effect", "nonsense", "--target", "x"), "nonsense"),
        (("--kind", "edit", "--effect", "outline=red"), "nothing says what is to be found"),
        (("--kind", "edit", "--target", "a", "-p", "b", "--effect", "outline=red"), "both say"),
        (("--kind", "edit", "--plan", "gone.json"), "gone.json"),
        (("--kind", "ask"), "--questions"),
        (("--kind", "ask", "--questions", "questions.txt", "--save", "mask"), "--save"),
        (("--kind", "ask", "--questions", "questions.txt", "-p", "red"), "leave the prompts out"),
        (("--kind", "ask", "--questions", "questions.txt", "-o", "{stem}.mp4"), ".jsonl"),
    ],
)
def test_jobs_that_cannot_be_meant_are_refused_before_anything_starts(sa2va, clips, arguments, text):
    Path("questions.txt").write_text("Is red seen?")
    outcome = sa2va("batch", "shots", *arguments, load=lambda *_: pytest.fail("loaded"))
    assert outcome.code in (2, 3), outcome.err
    assert text in outcome.err
    assert not Path("sa2va-batch.db").exists()


def test_questions_that_change_are_asked_again(sa2va, clips):
    Path("questions.txt").write_text("\n".join(QUESTIONS))
    case = CASES["ask"]
    sa2va(*case.batch("ask"), load=chat)
    Path("questions.txt").write_text("Is green seen?\n")
    done = sa2va(*case.batch("ask", "--json"), load=chat)
    assert {one["reason"] for one in events(done.out) if one["event"] == "began"} == {"changed"}
    assert len(contents(Path("out/a.answers.jsonl"))) == 1


def picture(path, colour):
    """One without compression, so that its size does not tell what is on it."""
    Image.new("L", (64, 48), colour).save(path, "BMP")


def chequered(path, *, left):
    """A mask of one half of a picture."""
    image = Image.new("L", (64, 48))
    image.paste(255, (0, 0, 32, 48) if left else (32, 0, 64, 48))
    image.save(path, "BMP")


@pytest.mark.parametrize("kind", ["ask", "segment"])
@pytest.mark.parametrize("changed", [0, 1])
def test_masks_that_change_are_looked_at_again(sa2va, folder, kind, changed):
    (folder / "stills").mkdir()
    Image.new("RGB", (64, 48), "red").save(folder / "stills" / "a.png")
    masks = [folder / "0.bmp", folder / "1.bmp"]
    for path in masks:
        chequered(path, left=True)
    Path("questions.txt").write_text("Is red seen in region1?\n")
    given = {"ask": ("--questions", "questions.txt"), "segment": ("--save", "mask")}[kind]
    command = ("batch", "stills", "--kind", kind, "-o", "out/", *given)
    command += ("--mask", f"region1:{masks[0]}", "--mask", f"region2:{masks[1]}", "--json")
    assert sa2va(*command, load=chat).code == 0
    assert "began" not in {one["event"] for one in events(sa2va(*command, load=chat).out)}
    chequered(masks[changed], left=False)
    done = sa2va(*command, load=chat)
    assert {one["reason"] for one in events(done.out) if one["event"] == "began"} == {"changed"}


@pytest.mark.parametrize("changed", ["other.bmp", "mask.bmp", "several/1.bmp"])
def test_what_questions_name_is_looked_at_again_if_it_changes(sa2va, clips, changed):
    picture("other.bmp", 90)
    chequered("mask.bmp", left=True)
    Path("several").mkdir()
    picture("several/1.bmp", 90)
    lines = [
        {"question": "Is red seen?", "input": "other.bmp", "masks": ["mask.bmp"]},
        {"question": "Is red seen?", "input": "several"},
        {"question": "Is red seen?", "input": "gone.png"},
    ]
    Path("questions.txt").write_text("\n".join(map(json.dumps, lines)))
    case = CASES["ask"]
    assert sa2va(*case.batch("ask"), load=chat).code == 0
    if changed == "mask.bmp":
        chequered(changed, left=False)
    else:
        picture(changed, 91)
    done = sa2va(*case.batch("ask", "--json"), load=chat)
    assert {one["reason"] for one in events(done.out) if one["event"] == "began"} == {"changed"}


def test_answers_that_were_known_are_not_asked_for_again(sa2va, clips):
    Path("questions.txt").write_text("\n".join(QUESTIONS))
    stopping = FakeChat()
    answer_all = stopping.answer_all

    def dying(questions, generation):
        if len(stopping.questions) == 2:
            raise MemoryError
        return answer_all(questions, generation)

    stopping.answer_all = dying
    command = ("batch", "shots/a.mp4", "--kind", "ask", "--questions", "questions.txt", "-o", "out/")
    failed = sa2va(*command, load=lambda *_: stopping)
    assert failed.code == 8
    assert "out/a.answers.jsonl.part" in failed.files
    second = FakeChat()
    done = sa2va(*command, "--retry-failed", load=lambda *_: second)
    assert (done.code, [one.text for one in second.questions]) == (0, ["Is blue seen?"])
    assert "out/a.answers.jsonl.part" not in done.files
    assert [one["id"] for one in contents(Path("out/a.answers.jsonl"))] == [1, 2, "third"]


@pytest.mark.parametrize("changed", ["input", "regions", "mask"])
def test_unfinished_answers_about_something_else_are_not_kept(folder, changed):
    still = folder / "a.png"
    Image.new("RGB", (64, 48), "red").save(still)
    Path("questions.txt").write_text("Is red seen?\nWhat is green?\n")
    chequered("mask.bmp", left=True)
    regions = Regions(masks=(read_mask("mask.bmp"),))
    job = QuestionsJob("a.png", Path("questions.txt"), saving=Saving(output="out/"), regions=regions)

    class Enough(Exception):  # noqa: N818
        """Ends a run after its first answer."""

    def stopping(event):
        if isinstance(event, Progress) and event.done == 1:
            raise Enough

    with pytest.raises(Enough):
        answer_file(job, load=chat, report=stopping)
    if changed == "input":
        Image.new("RGB", (64, 48), "green").save(still)
    elif changed == "mask":
        chequered("mask.bmp", left=False)
    else:
        job = replace(job, regions=Regions(points=(read_point("10,10"),)))
    asked = FakeChat()
    answer_file(job, load=lambda *_: asked)
    assert [one.text for one in asked.questions] == ["Is red seen?", "What is green?"]


def test_an_input_about_which_nothing_can_be_asked_fails_as_a_whole(sa2va, clips):
    clips[0].write_bytes(b"no video" * 99)
    Path("questions.txt").write_text("Is red seen?\nrefuse\n")
    done = sa2va(*CASES["ask"].batch("ask"), load=chat)
    assert (done.code, "1 of 3 failed" in done.err) == (8, True)
    assert "1 of 2 questions could not be answered" in done.err
    Path("questions.txt").write_text("refuse\n")
    assert "no question can be answered" in sa2va(*CASES["ask"].batch("ask"), load=chat).err


def test_kinds_are_mixed_in_one_manifest_with_one_model(sa2va, clips):
    Path("questions.txt").write_text("Is red seen?")
    rows = [
        {"input": "shots/a.mp4", "kind": "ask", "questions": "questions.txt"},
        {"input": "shots/a.mp4", "prompts": ["red"], "save": "mask"},
        {"input": "shots/b.mp4", "kind": "edit", "instruction": "make the red corner grey"},
    ]
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    loads = []
    done = sa2va(
        "batch", "--manifest", "jobs.jsonl", "-o", "out/", load=lambda *_: loads.append(1) or FakeChat()
    )
    assert (done.code, len(loads)) == (0, 1), done.err
    assert made().keys() == {"a.answers.jsonl", "a.mask.mp4", "b.edit.mp4"}


def test_a_row_with_an_option_of_another_kind_is_named(folder):
    Path("jobs.jsonl").write_text('{"input": "a.mp4", "prompt": "red", "effect": "blur"}')
    with pytest.raises(UsageError, match=r"jobs.jsonl:1: --effect is for --kind edit, and this is segment"):
        listed(Request(manifest=Path("jobs.jsonl")))
    assert [entry.options for entry in read_manifest(Path("jobs.jsonl"))] == [{"effect": "blur"}]
