import numpy as np
import pytest
from clips import make_image
from fakes import FakeChat
from PIL import Image

from sa2va_cli import Sa2VA
from sa2va_cli.errors import NothingFoundError
from sa2va_cli.pipeline.asking_job import Viewing
from sa2va_cli.pipeline.moments import find_moment, thing_of, yes_or_no
from sa2va_cli.pipeline.opening import opened


def clip(folder, red, count=120):
    """A folder of frames, red on some of them."""
    folder.mkdir()
    for number in range(count):
        image = np.full((32, 32, 3), 90, np.uint8)
        if number in red:
            image[8:24, 8:24] = (250, 20, 20)
        Image.fromarray(image).save(folder / f"{number:04d}.png")
    return folder


def moment(folder, words, engine=None, **viewing):
    seen = Viewing(**({"frames": 4} | viewing))
    with opened(str(folder), seen.search(words), lambda _: None) as reader:
        return find_moment(engine or FakeChat(), reader, words, seen)


@pytest.mark.parametrize("red", [range(37, 71), range(30), range(90, 120), range(120), range(61, 64)])
def test_masks_tell_when_a_thing_is_seen_to_the_frame(tmp_path, red):
    found = moment(clip(tmp_path / "a", red), "red", frames=5)
    assert found.evidence == "masks"
    assert (found.first_frame, found.last_frame) == (red[0], red[-1])
    assert set(found.frames) <= set(red)
    assert found.start_seconds == pytest.approx(red[0] / 24, abs=1e-3)
    assert found.end_seconds == pytest.approx((red[-1] + 1) / 24, abs=1e-3)
    assert found.asked < 40


def test_a_yes_speaks_for_all_frames_of_its_window(tmp_path):
    """Which are few at the ends."""
    red = range(40, 80)
    engine = FakeChat()
    found = moment(clip(tmp_path / "a", red), "When is red seen?", engine)
    assert found.evidence == "words"
    assert abs(found.first_frame - 40) <= 3
    assert abs(found.last_frame - 79) <= 3
    assert {question.text for question in engine.questions} == {"Is red seen?"}
    assert all(one.video for question in engine.questions for one in question.pictures)


def test_one_doubtful_place_does_not_end_a_moment(tmp_path):
    found = moment(clip(tmp_path / "a", [*range(30, 50), *range(53, 90)]), "red", frames=4)
    assert (found.first_frame, found.last_frame) == (30, 89)


def test_a_range_is_looked_at_alone(tmp_path):
    found = moment(clip(tmp_path / "a", range(20, 100)), "red", start="40f", end="80f")
    assert (found.first_frame, found.last_frame) == (40, 79)


def test_what_never_happens_is_an_error(tmp_path):
    with pytest.raises(NothingFoundError, match="nothing in the clip speaks for 'blue'"):
        moment(clip(tmp_path / "a", range(30)), "blue")


def test_a_model_without_masks_is_asked_for_a_yes_or_a_no_and_told_of_if_it_gives_none(tmp_path):
    engine = FakeChat()
    engine.has_masks = False
    folder = clip(tmp_path / "a", range(40, 80))
    assert abs(moment(folder, "When is red seen?", engine).first_frame - 40) <= 3
    with pytest.raises(NothingFoundError, match="fake says neither yes nor no to 'Is it true here: red"):
        moment(folder, "red", engine)


@pytest.mark.parametrize(
    ("words", "question", "thing"),
    [
        ("When does the dog leave?", "Does the dog leave?", "the dog leave"),
        ("When is the red ball visible?", "Is the red ball visible?", "the red ball"),
        ("the dog is in the picture", "Is the dog in the picture?", "the dog"),
        ("The dog has left.", "Has the dog left?", "The dog has left"),
        ("there is a dog", "Is there a dog?", "there is a dog"),
        ("the boy who is seen", "Is it true here: the boy who is seen? Answer yes or no.", "the boy who"),
        ("the dog runs", "Is it true here: the dog runs? Answer yes or no.", "the dog runs"),
        ("狗什么时候出现？", "狗出现吗?", "狗"),
        ("红色的球", "红色的球吗?", "红色的球"),
    ],
)
def test_a_question_about_time_becomes_one_about_a_window(words, question, thing):
    assert (yes_or_no(words), thing_of(words)) == (question, thing)


def test_times_are_told_on_the_command_line(folder, sa2va):
    clip(folder / "a", range(37, 71))
    outcome = sa2va("ask", "a", "red", "--times", load=lambda *_: FakeChat())
    assert (outcome.code, outcome.out) == (0, "1.542 s to 2.958 s (frames 37 to 70)\n")
    outcome = sa2va("ask", "a", "red", "--times", "--json", load=lambda *_: FakeChat())
    assert '"evidence": "masks"' in outcome.out


def test_a_run_in_python_is_limited_to_a_moment(tmp_path):
    results = Sa2VA(FakeChat()).segment(clip(tmp_path / "a", range(37, 71)), "red", when="red")
    assert [result.frame.source_index for result in results] == list(range(37, 71))


def test_a_run_is_limited_to_a_moment(folder, sa2va):
    clip(folder / "a", range(37, 71))
    engine = FakeChat()
    outcome = sa2va(
        "segment", "a", "red", "--when", "red", "--save", "coco", "--json", load=lambda *_: engine
    )
    assert outcome.code == 0, outcome.err
    assert '"frames": 34' in outcome.out
    assert "frames 37 to 70" in outcome.err
    outcome = sa2va("segment", "a", "red", "--when", "blue", load=lambda *_: engine)
    assert outcome.code == 4


@pytest.mark.parametrize("source", ["b.png", "-"])
def test_what_has_no_times_or_is_read_once_is_refused_before_anything_is_loaded(folder, sa2va, source):
    make_image(folder / "b.png")
    for more in ((), ("--preview",)):
        outcome = sa2va("segment", source, "red", "--when", "red", *more, load=None)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome.err
        assert outcome.err.startswith("error: --when ")
