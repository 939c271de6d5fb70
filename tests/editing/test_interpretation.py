"""A chat model is asked for a plan; what it says is checked, and shown before it runs."""

import pytest
from clips import make_video
from fakes import FakeSegmenter

from sa2va_cli.conversation import Reply
from sa2va_cli.editing.interpretation import asking, interpreted
from sa2va_cli.errors import UsageError

RIGHT = '{"edits": [{"target": {"prompts": ["the red corner"]}, "effect": "grey"}]}'
WRONG = '{"edits": [{"target": "the red corner", "effect": "sparkle"}]}'


class FakeEngine(FakeSegmenter):
    """Says what it was made to say, one answer after another."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)
        self.questions: list[str] = []

    def converse(self, generation):
        return self

    def ask(self, question, listener=None):
        self.questions.append(question.text)
        text = self.answers.pop(0)
        return Reply(text, text, (), 0, 0, 0.0, 0.0)


@pytest.mark.parametrize("answer", [RIGHT, f"Sure, here it is:\n```json\n{RIGHT}\n```", f"[1 {RIGHT}"])
def test_json_is_found_among_other_words(answer):
    plan = interpreted("grey, please", FakeEngine(answer))
    assert plan.lines == ("1. the red corner: grey",)
    assert plan.instruction == "grey, please"


def test_the_model_is_told_what_was_wrong_and_asked_once_more():
    engine = FakeEngine(WRONG, RIGHT)
    assert interpreted("sparkle", engine).lines == ("1. the red corner: grey",)
    assert "edits[0]: unknown effect 'sparkle'" in engine.questions[1]


@pytest.mark.parametrize("answers", [(WRONG, WRONG), ("No.", "No."), ("{" * 50, "[]")])
def test_what_is_no_plan_is_refused(answers):
    with pytest.raises(UsageError, match="the model's answer is no plan"):
        interpreted("sparkle", FakeEngine(*answers))


def test_the_question_names_every_effect():
    from sa2va_cli.render.effects.table import EFFECTS

    assert all(f"- {name}: " in asking("x") for name in EFFECTS)


def test_the_plan_is_shown_and_then_done_with_the_model_that_made_it(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(4))
    engine, loads = FakeEngine(RIGHT), []

    def load(*_):
        loads.append(1)
        return engine

    done = sa2va("edit", "a.mp4", "make it less red over there", "--interpret", "model", load=load)
    assert done.code == 0, done.err
    assert "1. the red corner: grey" in done.err
    assert (len(loads), "a.edit.mp4" in done.files) == (1, True)


def test_a_model_that_cannot_be_talked_to_is_refused(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(4))
    done = sa2va("edit", "a.mp4", "make it less red", "--interpret", "model")
    assert (done.code, "cannot be talked to" in done.err) == (2, True)
    assert sa2va("edit", "a.mp4", "blur it", "--interpret", "stars").code == 2
