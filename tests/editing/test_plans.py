"""Plans from options and from JSON, and times."""

import json
from fractions import Fraction

import pytest

from sa2va_cli.datatypes import Prompt
from sa2va_cli.editing.explicit import explicit_plan, read_target
from sa2va_cli.editing.plan import FOUND, PICTURE, REST, Edit, EditPlan, Target
from sa2va_cli.editing.schema import plan_document, plan_faults, read_plan
from sa2va_cli.editing.times import Span, TimePoint, parse_point
from sa2va_cli.editing.uses import Moments, effect_uses, named_prompts
from sa2va_cli.errors import UsageError

CLIP = Moments(Fraction(10), Fraction(25), Fraction(100))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2.5", 2.5),
        ("0:03", 3),
        ("01:02:03.5", 3723.5),
        ("50f", 2),
        ("50%", 5),
        ("-2", 8),
        ("-25%", 7.5),
        (4, 4),
    ],
)
def test_points_in_time(text, seconds):
    point = parse_point(text)
    assert float(point.seconds(CLIP.duration, CLIP.rate)) == seconds
    assert parse_point(str(point)) == point


@pytest.mark.parametrize("text", ["", "soon", "1:99", "120%", "3 apples", "f", "--2", "1:2:3:4"])
def test_what_is_no_time_is_refused_with_how_one_is_written(text):
    with pytest.raises(ValueError, match="write seconds"):
        parse_point(text)


def test_a_span_lies_within_the_clip():
    assert Span(TimePoint(Fraction(2)), None).seconds(CLIP.duration, CLIP.rate) == (2, 10)
    for span, said in (
        (Span(TimePoint(Fraction(10))), "outside the clip, which is 10 s long"),
        (Span(None, TimePoint(Fraction(11))), "outside the clip"),
        (
            Span(TimePoint(Fraction(3)), TimePoint(Fraction(8), "seconds", from_end=True)),
            "does not come after",
        ),
        (Span(None, None, TimePoint(Fraction(99))), "99 s lies outside"),
    ):
        with pytest.raises(UsageError, match=said):
            span.seconds(CLIP.duration, CLIP.rate)


def test_options_make_a_plan_in_their_order():
    plan = explicit_plan(["the dog"], ["recolour=blue", "outline=red,width=4"], "1", "0:02")
    assert [edit.effect for edit in plan.edits] == ["recolour", "outline"]
    assert dict(plan.edits[1].parameters)["width"] == "4"
    assert {edit.span for edit in plan.edits} == {Span(TimePoint(Fraction(1)), TimePoint(Fraction(2)))}
    assert explicit_plan([], ["grey"]).edits[0].target == FOUND
    assert explicit_plan(["the dog", "the cat"], ["grey"]).prompts == ("the dog", "the cat")


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("background", REST),
        ("背景", REST),
        ("picture", PICTURE),
        ("#2", Target(objects=(2,))),
        ("objects 1, 3", Target(objects=(1, 3))),
        ("everything except the dog", Target(("the dog",), inverse=True)),
        ("the red and blue ball", Target(("the red and blue ball",))),
    ],
)
def test_targets_in_words(words, target):
    assert read_target(words) == target


@pytest.mark.parametrize(
    ("targets", "effects", "said"),
    [
        (["the dog"], ["inc"], "unknown effect 'inc'; did you mean ink"),
        (["the dog"], ["recolour"], "needs a colour"),
        (["the dog"], ["recolour=mauvish"], "colour must be"),
        (["the dog"], ["outline=red,thickness=3"], "no parameter 'thickness'"),
        (["background"], ["background=blue"], "target cannot be everything else"),
        (["picture"], ["zoom"], "target cannot be the whole picture"),
        (["background", "the dog"], ["grey"], "cannot be joined"),
        (["the dog"], [], "nothing to change"),
        ([""], ["grey"], "target is empty"),
    ],
)
def test_options_that_cannot_be_meant(targets, effects, said):
    with pytest.raises(UsageError, match=said):
        explicit_plan(targets, effects)


PLAN = EditPlan(
    (
        Edit(Target(("the dog",)), "recolour", (("colour", "blue"),), Span(TimePoint(Fraction(3)))),
        Edit(Target(objects=(2,), inverse=True), "grey"),
        Edit(PICTURE, "sepia", (), Span(None, TimePoint(Fraction(1, 2), "share"), TimePoint(Fraction(1)))),
    )
)


def test_a_plan_is_the_same_after_its_json():
    assert read_plan(json.dumps(plan_document(PLAN)), "plan.json") == PLAN


def test_a_plan_may_be_written_by_hand():
    text = '[{"target": "the dog", "effect": "outline", "parameters": {"width": 4}, "from": 1.5}]'
    assert read_plan(text, "plan.json").edits[0].words == "the dog: outline, width=4, from 1.5 s"
    text = '[{"effect": "grey", "from": 1e-05, "to": 1e2}]'
    assert read_plan(text, "plan.json").edits[0].words.endswith("from 0.00001 s to 100 s")


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ("x", ["the plan: must be an object"]),
        ({}, ["edits: must be a list of at least one edit, got null"]),
        ({"edits": []}, ["edits: must be a list"]),
        ({"edits": [{"effect": "inc"}]}, ["edits[0]: unknown effect 'inc'"]),
        ({"edits": [{"target": "a"}]}, ["edits[0].effect: must be the name of an effect, got null"]),
        ({"edits": [{"effect": "grey", "when": 1}]}, ["edits[0].when: unknown"]),
        ({"edits": [{"effect": "grey", "from": float("nan")}]}, ["edits[0].from: 'NaN' is not a time"]),
        ({"edits": [{"effect": "grey", "from": "soon"}]}, ["edits[0].from: 'soon' is not a time"]),
        ({"edits": [{"effect": "grey", "from": 3, "to": 2}]}, ["edits[0].to: 2 does not come after 3"]),
        ({"edits": [{"effect": "grey", "target": {"objects": ["1"]}}]}, ["edits[0].target.objects: must be"]),
        (
            {"edits": [{"effect": "grey", "target": {"inverse": 1}}]},
            ["edits[0].target.inverse: must be true"],
        ),
        (
            {"edits": [{"effect": "grey", "parameters": {"strength": [1]}}]},
            ["edits[0].parameters.strength: must"],
        ),
        (
            {"edits": [{"effect": "grey", "parameters": {"strength": 7}}]},
            ["edits[0]: effect grey: strength must be"],
        ),
        (
            {"edits": [{"effect": "x"}, {"effect": 1}], "more": 1},
            ["more: unknown", "edits[0]: unknown", "edits[1].effect"],
        ),
    ],
)
def test_every_fault_of_a_plan_has_the_path_of_its_field(document, faults):
    found = plan_faults(document)
    assert len(found) == len(faults)
    for text, begin in zip(found, faults, strict=True):
        assert text.startswith(begin)


def test_what_is_no_json_is_refused():
    for text in ("{", "[" * 200_000):
        with pytest.raises(UsageError, match="not JSON"):
            read_plan(text, "plan.json")


def test_words_become_prompts_and_times_those_of_the_source():
    prompts = (Prompt(1, "girl in red dress"), Prompt(2, "The dog."))
    named = named_prompts(EditPlan((Edit(Target(("the dog",)), "grey"),)), prompts)
    plan = EditPlan(
        (Edit(Target(("the dog",)), "grey", (), Span(TimePoint(Fraction(2)), TimePoint(Fraction(4)))),)
    )
    (use,) = effect_uses(plan, named, CLIP)
    assert (use.target.prompts, use.begin_seconds, use.end_seconds) == ((2,), 102, 104)
    with pytest.raises(UsageError, match=r"they hold 'girl in red dress', 'The dog\."):
        named_prompts(EditPlan((Edit(Target(("cat",)), "grey"),)), prompts)
