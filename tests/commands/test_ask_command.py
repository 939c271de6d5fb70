import fcntl
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from clips import make_folder, make_image, make_video
from fakes import FakeChat
from PIL import Image
from pycocotools import mask as rle

from sa2va_cli.commands import interview
from sa2va_cli.conversation import Generation
from sa2va_cli.tracks.log import Tracks

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine():
    return FakeChat()


@pytest.fixture
def ask(sa2va, engine):
    """Runs ``sa2va ask`` with a fake model."""
    return lambda *arguments: sa2va("ask", *arguments, load=lambda *_: engine)


def red_image(path: Path) -> Path:
    image = np.full((48, 64, 3), 90, np.uint8)
    image[10:30, 20:40] = (250, 20, 20)
    Image.fromarray(image).save(path)
    return path


def test_the_answer_goes_to_standard_output_and_all_else_to_standard_error(folder, ask, engine):
    outcome = ask(red_image(folder / "a.png").name, "Where is the red thing?")
    assert (outcome.code, outcome.out) == (0, "It is the red [1]\n")
    assert "loading" in outcome.err
    assert "the answer marks [1] the red; --save overlay draws it" in outcome.err
    assert outcome.files == ["a.png"]
    (question,) = engine.questions
    assert question.text == "Where is the red thing?"
    assert [(len(one.images), one.video) for one in question.pictures] == [(1, False)]


@pytest.mark.parametrize(
    ("options", "follower"),
    [
        ((), "own"),
        (("--json",), "own"),
        (("--times",), "own"),
        (("--questions", "questions.txt"), "own"),
        (("--save", "mask"), "edgetam"),
    ],
)
def test_a_follower_is_loaded_only_where_something_is_followed(sa2va, folder, monkeypatch, options, follower):
    monkeypatch.setenv("SA2VA_FOLLOWER", "edgetam")
    monkeypatch.setenv("SA2VA_FOLLOW_SIZE", "512")
    make_video(folder / "a.mp4")
    (folder / "questions.txt").write_text("Where is the red thing?\n")
    question = () if "--questions" in options else ("Where is the red thing?",)
    chosen = []

    def load(choice, placement):
        chosen.append((choice.follower, choice.follow_size))
        return FakeChat()

    sa2va("ask", "a.mp4", *question, "--model", "demo", "--frames", "2", *options, load=load)
    assert chosen == [(follower, None if follower == "own" else 512)]


def test_what_a_terminal_would_obey_is_shown(folder, ask):
    outcome = ask("Hello")
    assert outcome.out == "It is 好的。\\x1b[31m\n"


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [0, 2, 5, 8, 10, 13, 16, 19]),
        (("--frames", "3"), [0, 9, 19]),
        (("--frames", "5", "--sampling", "first"), [0, 1, 2, 3, 4]),
        (("--frames", "2", "--start", "4f", "--end", "8f"), [4, 7]),
    ],
)
def test_the_frames_of_a_video_are_chosen(folder, ask, engine, options, numbers):
    make_video(folder / "a.mp4")
    outcome = ask("a.mp4", "What?", "--json", *options)
    report = json.loads(outcome.out)
    assert report["inputs"][0]["numbers"] == numbers
    assert report["inputs"][0]["seconds"] == pytest.approx([number / 25 for number in numbers])
    assert engine.questions[0].pictures[0].video
    assert len(engine.questions[0].pictures[0].images) == len(numbers)


def test_several_inputs_of_all_kinds_are_asked_about_together(folder, ask, engine):
    make_image(folder / "a.png")
    make_folder(folder / "frames", 3)
    assert ask("a.png", "frames", "a.png", "What?").code == 0
    assert [one.video for one in engine.questions[0].pictures] == [False, True, False]


def test_json_has_text_tokens_timing_and_masks(folder, ask):
    outcome = ask(red_image(folder / "a.png").name, "The red and the blue thing?", "--json")
    report = json.loads(outcome.out)
    assert report["text"] == "It is the red the blue"
    assert report["answer"] == "It is <p>the red</p> [SEG] <p>the blue</p> [SEG]"
    assert report["tokens"] == {"prompt": 100, "read": 100, "generated": 4}
    assert report["timing"] == {"first_token": 0.25, "total": 0.5}
    phrases = [(one["id"], one["label"], one["phrase"]) for one in report["objects"]]
    assert phrases == [(1, "the red", "the red"), (2, "the blue", "the blue")]
    for one in report["objects"]:
        assert report["text"][one["begin"] : one["end"]] == one["phrase"]
    (mask,) = report["masks"]  # nothing is blue
    assert (mask["object"], mask["number"]) == (1, 0)
    decoded = rle.decode(mask["segmentation"]).astype(bool)
    assert decoded[12:28, 22:38].all()
    assert decoded.mean() < 0.3


def test_an_answer_with_masks_is_written_and_named_as_it_names_things(folder, ask):
    red_image(folder / "a.png")
    outcome = ask(
        "a.png",
        "Please describe the red one with interleaved masks",
        "--save",
        "coco,tracks,overlay",
        "--json",
    )
    assert outcome.code == 0, outcome.err
    assert outcome.files == ["a.coco.json", "a.overlay.png", "a.png", "a.tracks.sa2va"]
    report = json.loads(outcome.out)
    assert report["files"] == ["a.coco.json", "a.tracks.sa2va", "a.overlay.png"]
    assert [found["label"] for found in report["saved"]["objects"]] == ["the red"]


def test_tracks_of_an_answer_can_be_drawn_again(folder, sa2va, ask):
    make_video(folder / "a.mp4")
    assert ask("a.mp4", "Please segment the red thing.", "--save", "mask,tracks").code == 0
    first = (folder / "a.mask.mp4").read_bytes()
    assert sa2va("render", "a.tracks.sa2va", "--save", "mask", "--overwrite").code == 0
    assert (folder / "a.mask.mp4").read_bytes() == first


def test_an_answer_that_marks_nothing_is_shown_and_ends_with_4(folder, ask):
    make_image(folder / "a.png")
    outcome = ask("a.png", "Who leaves?", "--save", "overlay")
    assert (outcome.code, outcome.files) == (4, ["a.png"])
    assert outcome.out.startswith("It is 好的。")
    assert "the answer marks nothing" in outcome.err
    outcome = ask("a.png", "Who leaves?", "--save", "overlay", "--json")
    assert (outcome.code, json.loads(outcome.out)["files"]) == (4, [])


def test_options_of_answers_reach_the_model(folder, ask, engine):
    ask(
        "Hi",
        "--temperature",
        "0.7",
        "--top-p",
        "0.9",
        "--seed",
        "5",
        "--max-new-tokens",
        "9",
        "--system",
        "Be brief",
    )
    assert engine.generations == [Generation(9, 0.7, 0.9, 5, "Be brief")]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "there is no question"),
        (("a.png",), 2, "'a.png' is an input, and there is no question"),
        (("a.png", "missing.png"), 2, "no question"),
        (("a.png", " "), 2, "the question is empty"),
        (("missing.png", "What?"), 3, "missing.png"),
        (("a.png", "What?", "--top-p", "0"), 2, "--top-p must be above 0"),
        (("a.png", "What?", "--temperature", "-1"), 2, "--temperature must be 0 or more"),
        (("a.png", "What?", "--temperature", "nan"), 2, "--temperature must be 0 or more"),
        (("a.png", "What?", "--max-new-tokens", "0"), 2, "--max-new-tokens must be at least 1"),
        (("a.png", "a.png", "What?", "--save", "mask"), 2, "ask about each by itself"),
        (("What?", "--save", "mask"), 2, "there are 0"),
        (("a.png", "What?", "--times", "-i"), 2, "exclude each other"),
        (("a.png", "When?", "--times", "--sampling", "first"), 2, "--sampling means nothing with --times"),
        (("a.png", "--questions", "q", "--opacity", "1"), 2, "--opacity means nothing with --questions"),
        (("a.png", "What?", "-q", "-v"), 2, "--quiet and --verbose contradict each other"),
        (("-", "a.png", "-", "What?"), 2, "standard input (-) is given 2 times, and is read once"),
        (("a.png", "What?", "--times", "--seed", "3"), 2, "--times asks in words of its own"),
        (("a.png", "What?", "--batch-size", "4"), 2, "--batch-size is for --questions FILE"),
        (("a.png", "When?", "--times"), 2, "--times takes a video"),
        (("a.png", "refuse"), 2, "this cannot be asked"),
        (("a.png", "What?", "--save", "mask", "-o", "-"), 2, "standard output"),
    ],
)
def test_what_cannot_be_asked_is_told(folder, ask, arguments, code, told):
    make_image(folder / "a.png")
    outcome = ask(*arguments)
    assert outcome.code == code
    assert told in outcome.err
    assert outcome.err.count("error:") == 1
    assert outcome.files == ["a.png"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("a.png", "What?", "--crf", "20"), "--crf means nothing without --save"),
        (("a.png", "What?", "--overwrite"), "--overwrite means nothing without --save"),
        (("a.png", "What?", "--grow", "2", "--json"), "--grow means nothing without --save"),
        (("a.png", "What?", "--follower", "edgetam"), "--follower means nothing without --save"),
        (("a.png", "What?", "--threshold", "0.6"), "--threshold means nothing without --save or --json"),
        (("What?", "--frames", "3"), "--frames means nothing where nothing is shown"),
        (("a.png", "What?", "--top-p", "0.5"), "--top-p means nothing at --temperature 0"),
    ],
)
def test_what_changes_nothing_of_an_answer_is_told(folder, ask, arguments, told):
    red_image(folder / "a.png")
    outcome = ask(*arguments)
    assert outcome.code == 0
    assert f"warning: {told}" in outcome.err
    assert outcome.files == ["a.png"]


def test_a_model_without_masks_answers_and_writes_none(folder, ask, engine):
    engine.has_masks = False
    red_image(folder / "a.png")
    assert ask("a.png", "The red thing?", "--json").code == 0
    outcome = ask("a.png", "The red thing?", "--save", "mask")
    assert outcome.code == 5
    assert "has no mask decoder" in outcome.err


def test_segment_shows_what_a_model_says_that_finds_nothing(folder, sa2va):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "a unicorn")
    assert outcome.code == 4
    assert "nothing matches 'a unicorn'; the model says: No.; no files were written" in outcome.err


class Lines:
    """Standard input that is no terminal."""

    def __init__(self, *lines: str) -> None:
        self.lines = [f"{line}\n" for line in lines]

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        return self.lines.pop(0) if self.lines else ""


@pytest.fixture
def talk(ask, monkeypatch):
    """Runs a conversation with lines of standard input."""

    def run(arguments, *lines):
        monkeypatch.setattr(sys, "stdin", Lines(*lines))
        return ask(*arguments, "-i")

    return run


def test_a_conversation_goes_on_until_the_lines_end(folder, talk, engine):
    red_image(folder / "a.png")
    outcome = talk(["a.png", "First?"], "", "Where is the red thing?", "/save coco out/", "Third?")
    assert outcome.code == 0
    assert outcome.out.splitlines() == ["It is 好的。\\x1b[31m", "It is the red [1]", "It is 好的。\\x1b[31m"]
    assert [question.text for question in engine.questions] == ["First?", "Where is the red thing?", "Third?"]
    assert [len(question.pictures) for question in engine.questions] == [1, 0, 0]
    assert len(engine.generations) == 1  # one conversation
    assert "out/a.coco.json" in outcome.files


def test_files_can_be_attached_and_questions_taken_back(folder, talk, engine):
    red_image(folder / "a.png")
    make_video(folder / "b.mp4")
    outcome = talk(
        ["a.png"],
        *("One?", "/attach b.mp4", "Two?", "/undo", "/frames", "/frames 2", "Three?", "/clear", "Four?"),
        *("/attach missing.mp4", "/nonsense", "/frames x", "/undo", "/undo", "/quit", "Never?"),
    )
    assert outcome.code == 8  # three lines could not be meant
    shown = [[len(one.images) for one in question.pictures] for question in engine.questions]
    assert shown == [[1], [8], [2], [1, 2]]
    assert "b.mp4: frames 0, 2, 5, 8, 10, 13, 16, 19, with the next question" in outcome.err
    assert "there is no /nonsense; known are /save, /segment" in outcome.err
    assert "missing.mp4" in outcome.err
    assert "/frames takes a number" in outcome.err
    assert "took back: Two?" in outcome.err
    assert "a.png: the image\n" in outcome.err
    assert "nothing to take back" in outcome.err


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("a b.png", "a b.png"),
        ("a b.png", "'a b.png'"),
        ("a b.png", '"a b.png"'),
        ("a b.png", r"a\ b.png"),
        ("'a'.png", "'a'.png"),
        ("it's.png", "it's.png"),
    ],
)
def test_a_file_is_attached_as_it_is_called_or_as_a_terminal_writes_it(folder, talk, engine, name, typed):
    red_image(folder / name)
    outcome = talk([], f"/attach {typed}", "What?")
    assert f"{name} goes with the next question" in outcome.err
    assert [len(one.pictures) for one in engine.questions] == [1]


def test_words_can_be_segmented_within_a_conversation(folder, talk, engine):
    red_image(folder / "a.png")
    outcome = talk(
        ["a.png"], "/segment purple", "/segment red", "/segment", "/save", "refuse", "//etc?", "/help"
    )
    assert outcome.files == ["a.mask.png", "a.overlay.png", "a.png"]
    assert engine.asked == ["<image>Please segment purple.", "<image>Please segment red."]
    assert (
        "nothing matches 'purple'; the model says: No.; no files were written; try other words\n"
        in outcome.err
    )
    assert "there is no answer yet" in outcome.err
    assert "this cannot be asked" in outcome.err
    assert [question.text for question in engine.questions] == ["/etc?"]
    assert "/attach FILE" in outcome.err


def test_a_conversation_writes_as_often_as_it_likes(folder, talk):
    red_image(folder / "a.png")
    lines = ("/segment red", "/segment red", "Where is the red thing?", "/save mask")
    outcome = talk(["a.png"], *lines, "/save mask out/", "/save mask out/")
    named = [f"{place}a.mask.png" for place in ("", "a-2/", "a-3/", "out/")]
    assert [file for file in outcome.files if file.endswith("mask.png")] == sorted(named)
    assert outcome.err.count("error: out/a.mask.png exists already; choose another place, as in: /save") == 1


def test_what_finds_nothing_is_told_with_what_can_be_typed_there(folder, talk, ask, sa2va):
    make_video(folder / "a.mp4")
    lines = ("/segment purple", "The green thing?", "/save coco", "And?", "/save coco")
    outcome = talk(["a.mp4"], *lines)
    told = [line.rpartition("; ")[2] for line in outcome.err.splitlines() if line.startswith("error: ")]
    more = "try other words, or look at more frames: /frames 16"
    assert told[:3] == [more, more, 'ask for masks, as in "Please segment the dog."']
    outcome = ask("a.mp4", "The green thing?", "--save", "coco")
    assert outcome.err.endswith("ask in other words, look at more --frames, or --allow-empty\n")
    assert sa2va("segment", "a.mp4", "green", "--save", "tracks", "--allow-empty").code == 0
    outcome = sa2va("render", "a.tracks.sa2va", "--save", "coco")
    assert "segment it again with other words, or add --allow-empty" in outcome.err


def test_a_conversation_in_json_is_a_line_for_each_answer(ask, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Lines("One?", "Two?"))
    records = [json.loads(line) for line in ask("-i", "--json").out.splitlines()]
    assert [record["question"] for record in records] == ["One?", "Two?"]


def test_a_question_that_fails_has_its_line_of_json_and_an_exit_code(ask, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Lines("One?", "refuse", "Two?"))
    outcome = ask("-i", "--json")
    records = [json.loads(line) for line in outcome.out.splitlines()]
    assert [record["question"] for record in records] == ["One?", "refuse", "Two?"]
    assert ["error" in record for record in records] == [False, True, False]
    assert outcome.code == 8
    assert "1 line of the conversation failed, see above" in outcome.err


def test_an_interruption_stops_the_answer_and_not_the_program(folder, engine, monkeypatch, capsys):
    """The second one of an answer gives it up at once."""
    from sa2va_cli.commands.console import Console
    from sa2va_cli.outputs.saving import Saving
    from sa2va_cli.pipeline.asking_job import AskJob
    from sa2va_cli.pipeline.talk import Talk

    lines = iter(["Where is the red thing?", "slow", "And then?"])
    one = Talk.begin(AskJob((), "?"), engine, [])

    def read() -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    whole, presses = one.conversation.ask, {"Where is the red thing?": 1, "slow": 2}

    def pressing(question, listener=None):
        for _ in range(presses.get(question.text, 0)):
            signal.raise_signal(signal.SIGINT)
        return whole(question, listener)

    monkeypatch.setattr(one.conversation, "ask", pressing)
    before = signal.getsignal(signal.SIGINT)
    interview.Interview(one, Console(), Saving(), read=read).run()
    assert signal.getsignal(signal.SIGINT) is before
    assert [question.text for question in engine.questions] == ["Where is the red thing?", "And then?"]
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "It"
    assert "the answer was stopped" in printed.err
    assert "interrupted" in printed.err


def test_ctrl_c_ends_what_is_no_answer_at_once(engine, monkeypatch, capsys):
    from sa2va_cli.commands.console import Console
    from sa2va_cli.outputs.saving import Saving
    from sa2va_cli.pipeline.asking_job import AskJob
    from sa2va_cli.pipeline.talk import Talk

    lines, saved = iter(["Where is the red thing?", "/save mask", "And then?"]), []

    def read() -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    def save(*_):
        saved.append("begun")
        signal.raise_signal(signal.SIGINT)
        saved.append("ended")

    talk = Talk.begin(AskJob((), "?"), engine, [])
    monkeypatch.setattr(talk, "save", save)
    interview.Interview(talk, Console(), Saving(), read=read).run()
    assert saved == ["begun"]
    assert [question.text for question in engine.questions] == ["Where is the red thing?", "And then?"]
    assert "interrupted" in capsys.readouterr().err


class Terminal:
    """The whole program with a fake model, on a terminal of its own.

    Args:
        folder: where it runs, and keeps its history.
        words: of the command line.
        given: what standard input is; None for the terminal.
    """

    LONGEST = 600
    """Seconds after which something hangs: on a busy machine a start takes minutes."""

    AGAIN = 5
    """Seconds after which Ctrl-C is pressed once more. Python looks whether there was one before it waits for
    the next key; one that comes in between is seen with that key only."""

    def __init__(self, folder: Path, *words: str, given: BinaryIO | None = None) -> None:
        program = (
            "import sys; from fakes import load_fake_chat; from sa2va_cli.commands.app import main;"
            f"sys.exit(main({[*words, '--device', 'cpu', '--dtype', 'fp32']!r}, load=load_fake_chat))"
        )
        environment = os.environ | {
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "XDG_STATE_HOME": str(folder / "state"),
            "TERM": "xterm",
            "TMPDIR": str(folder / "temporary"),
        }
        (folder / "temporary").mkdir()
        self.seen = ""
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=given or theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),  # noqa: PLW1509  (for Ctrl-C)
        )
        os.close(theirs)

    def until(self, text: str) -> None:
        """Waits for what comes behind what was waited for before."""
        while text not in self.seen:
            ready, _, _ = select.select([self._ours], [], [], self.LONGEST)
            assert ready, self.seen
            try:
                read = os.read(self._ours, 4096)
            except OSError:  # the program has ended
                read = b""
            assert read, f"{text!r} never came: {self.seen!r}"
            self.seen += read.decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Presses Ctrl-C until something comes of it."""
        self.type("\x03")
        while not select.select([self._ours], [], [], self.AGAIN)[0]:
            self.type("\x03")

    def end(self) -> int:
        """Presses Ctrl-D; returns the exit code."""
        self.type("\x04")
        try:
            return self._process.wait(self.LONGEST)
        finally:
            os.close(self._ours)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_terminal_has_a_prompt_and_a_history(folder):
    terminal = Terminal(folder, "ask", "-i")
    terminal.until("> ")
    terminal.type("Where is red?\n")
    terminal.until("It is the red")
    terminal.until("first after")
    terminal.until("> ")  # before it, Ctrl-C would be for the answer
    terminal.type("half a line")
    terminal.until("half a line")
    terminal.interrupt()
    terminal.until("\r\n")
    terminal.until("interrupted")
    terminal.until("> ")  # before it, Ctrl-D would end no line
    assert terminal.end() == 0
    assert (folder / "state" / "sa2va" / "history").read_text().splitlines() == ["Where is red?"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_conversation_about_standard_input_is_typed_at_the_terminal_and_saves(folder):
    with make_video(folder / "a.mp4").open("rb") as clip:
        terminal = Terminal(folder, "ask", "-", "-i", given=clip)
        terminal.until("> ")
        terminal.type("Where is the red thing?\n")
        terminal.until("first after")
        terminal.until("> ")
        terminal.type("/frames 2\n")
        terminal.until("with the next question")
        terminal.type("/save tracks\n")
        terminal.until("wrote stdin.tracks.sa2va")
        terminal.until("> ")
        assert terminal.end() == 0
    assert Tracks(folder / "stdin.tracks.sa2va").header.source.path == "-"
    assert not list((folder / "temporary").iterdir())


def test_a_conversation_about_standard_input_needs_a_terminal(sa2va, folder, monkeypatch):
    make_video(folder / "a.mp4")
    monkeypatch.setattr(interview, "TERMINAL", str(folder / "none"))
    with (folder / "a.mp4").open("rb") as clip, io.TextIOWrapper(clip) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        outcome = sa2va("ask", "-", "-i", load=None)
    assert outcome.code == 2
    assert "there is no terminal to ask questions at" in outcome.err


def answers(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("size", [1, 3, 10])
def test_a_file_of_questions_is_answered_in_order(folder, ask, engine, size):
    red_image(folder / "a.png")
    records = [
        "Something?",
        json.dumps({"question": "Where is red?", "input": "a.png", "id": "x"}),
        json.dumps({"question": "What?", "input": "missing.png"}),
        "# a comment",
        "",
        json.dumps({"question": "And 蓝?", "inputs": [], "history": [["Hi", "Hello"]]}),
        "{broken",
        json.dumps({"question": "refuse"}),
        json.dumps({"question": "q", "inptu": "a.png"}),
        "Last?",
        json.dumps({"question": "q", "inputs": "a.png"}),
        json.dumps(
            {"question": "One\u2028and\x85the other?", "inputs": None, "input": "a.png"}, ensure_ascii=False
        ),
    ]
    (folder / "q.txt").write_text("\n".join(records), encoding="utf-8")
    outcome = ask("a.png", "--questions", "q.txt", "--batch-size", size)
    assert outcome.code == 8
    rows = [json.loads(line) for line in outcome.out.strip().split("\n")]
    assert [row["id"] for row in rows] == [1, "x", *range(3, 11)]
    assert ["error" in row for row in rows] == [
        *(False, False, True, False, True, True, True),
        False,
        True,
        False,
    ]
    assert "missing.png" in rows[2]["error"]
    assert "'inptu'" in rows[6]["error"]
    assert rows[1]["text"] == "It is the red"
    assert rows[3]["inputs"] == []
    assert "inputs is no list" in rows[8]["error"]
    assert "5 of 10 questions could not be answered, or not about all of their inputs" in outcome.err
    history = next(one for one in engine.questions if "蓝" in one.text)
    assert [(one.question, one.answer) for one in history.past] == [("Hi", "Hello")]
    assert max(engine.batches) <= size


def test_questions_of_which_none_can_be_answered_end_with_8_and_their_records(folder, ask):
    (folder / "q.txt").write_text("refuse\nrefuse\n")
    outcome = ask("--questions", "q.txt", "-o", "a.jsonl")
    assert (outcome.code, outcome.err.count("error:")) == (8, 1)
    assert "2 of 2 questions could not be answered" in outcome.err
    assert "--skip-existing asks them again" in outcome.err
    assert ["error" in one for one in answers(folder / "a.jsonl")] == [True, True]
    (folder / "q.txt").write_text("refuse\nOne?\n")
    assert ask("--questions", "q.txt", "-o", "a.jsonl", "--skip-existing").code == 8
    assert ["error" in one for one in answers(folder / "a.jsonl")] == [True, False]


def test_answers_that_are_there_are_not_asked_for_again(folder, ask, engine):
    (folder / "q.txt").write_text("One?\nTwo?\nThree?\n")
    assert ask("--questions", "q.txt", "-o", "a.jsonl").code == 0
    whole = answers(folder / "a.jsonl")
    lines = (folder / "a.jsonl").read_text().splitlines()
    broken = json.dumps({"id": 1, "error": "it was"})
    (folder / "a.jsonl").write_text(f"{broken}\n{lines[2]}\n{lines[1][:20]}")
    assert ask("--questions", "q.txt", "-o", "a.jsonl").code == 7
    engine.questions.clear()
    assert ask("--questions", "q.txt", "-o", "a.jsonl", "--skip-existing").code == 0
    assert [question.text for question in engine.questions] == ["One?", "Two?"]
    assert answers(folder / "a.jsonl") == whole
    outcome = ask("--questions", "q.txt", "-o", "a.jsonl", "--skip-existing")
    assert "all questions are answered" in outcome.err
    assert ask("--questions", "q.txt", "-o", "a.jsonl", "--overwrite").code == 0
    assert answers(folder / "a.jsonl") == whole


@pytest.mark.parametrize(
    ("output", "code", "told"),
    [
        ("new/", 7, "-o new/ is a folder; give a file, as in -o new/answers.jsonl"),
        ("there", 7, "-o there is a folder; give a file"),
        ("", 2, "answers go to one file"),
        ("{stem}.jsonl", 2, "answers go to one file"),
        ("new/deep/a.jsonl", 0, "wrote new/deep/a.jsonl"),
    ],
)
def test_answers_go_to_one_file_whose_folder_is_made(folder, ask, output, code, told):
    (folder / "q.txt").write_text("One?\n")
    (folder / "there").mkdir()
    outcome = ask("--questions", "q.txt", "-o", output)
    assert (outcome.code, told in outcome.err) == (code, True)


def test_a_line_that_is_not_understood_is_named_as_an_editor_numbers_it(folder, ask):
    (folder / "q.txt").write_text("# mine\n\nOne?\n{\n")
    outcome = ask("--questions", "q.txt")
    first, second = map(json.loads, outcome.out.splitlines())
    assert (first["id"], second["id"]) == (1, 2)
    assert second["error"].startswith("line 4 is not understood")


@pytest.mark.parametrize("question", [("Hello",), ("a.png", "a.png", "red?")])
def test_a_default_of_the_environment_has_its_turn_where_it_means_something(
    folder, ask, engine, monkeypatch, question
):
    for name, value in {"SAVE": "mask", "TOP_P": "0.5", "ASK_BATCH_SIZE": "2"}.items():
        monkeypatch.setenv(f"SA2VA_{name}", value)
    red_image(folder / "a.png")
    assert ask(*question).code == 0
    assert ask("a.png", "red?").files == ["a.mask.png", "a.png"]


def test_what_was_said_more_directly_of_quiet_and_verbose_counts(folder, ask, monkeypatch):
    monkeypatch.setenv("SA2VA_QUIET", "1")
    assert "read 100 tokens" in ask("Hello", "-v").err
    monkeypatch.setenv("SA2VA_VERBOSE", "1")
    assert ask("Hello", "-q").err == ""


@pytest.mark.parametrize("there", [b"\xff\n", b"[\n", b"5\n", b"[" * 100_000 + b"\n"])
def test_what_holds_no_answers_is_not_gone_on_with(folder, ask, there):
    (folder / "q.txt").write_text("One?\n")
    (folder / "a.jsonl").write_bytes(there)
    outcome = ask("--questions", "q.txt", "-o", "a.jsonl", "--skip-existing")
    assert (outcome.code, "a.jsonl: is no file of answers" in outcome.err) == (3, True)


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("", 3, "has no question"),
        ('{"id": 1, "question": "a"}\n{"id": 1, "question": "b"}', 2, "two questions have the id 1"),
    ],
)
def test_a_file_of_questions_that_cannot_be_used_is_told(folder, ask, text, code, told):
    (folder / "q.txt").write_text(text)
    outcome = ask("--questions", "q.txt")
    assert (outcome.code, told in outcome.err) == (code, True)
    assert ask("--questions", "none.txt").code == 3
