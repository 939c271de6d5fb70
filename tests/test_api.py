import dataclasses
import inspect
import threading

import numpy as np
import pytest
from clips import make_image, make_video
from fakes import FakeChat, FakeSegmenter
from families import checkpoint

from sa2va_cli import Sa2VA
from sa2va_cli.errors import InputError, ModelError, UsageError
from sa2va_cli.pipeline.search import Search
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.visual_prompts import read_point


def model() -> Sa2VA:
    return Sa2VA(FakeSegmenter())


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sa2va-")]


def test_each_frame_has_masks_of_the_source_size(tmp_path):
    results = list(model().segment(make_video(tmp_path / "a.mp4"), ["red", "blue"]))
    assert [result.frame.index for result in results] == list(range(20))
    assert results[0].masks.shape == (2, 48, 64)
    assert results[0].masks.dtype == np.bool_
    assert results[0].scores.shape == (2,)


def test_where_nothing_matches_there_are_no_masks_but_all_frames(tmp_path):
    results = list(model().segment(make_video(tmp_path / "a.mp4"), "a unicorn", max_frames=3))
    assert [result.masks.shape for result in results] == [(0, 48, 64)] * 3


def test_a_conversation_shows_files_and_pictures_and_gives_masks(tmp_path):
    red = np.full((48, 64, 3), 90, np.uint8)
    red[10:30, 20:40] = (250, 20, 20)
    engine = FakeChat()
    talk = Sa2VA(engine).converse(frames=3, seed=4)
    pieces: list[str] = []
    reply = talk.ask("Where is red?", make_video(tmp_path / "a.mp4"), red, [red] * 5, listener=pieces.append)
    assert reply.text == "".join(pieces) == "It is the red"
    shown = [(len(one.images), one.video) for one in engine.questions[0].pictures]
    assert shown == [(3, True), (1, False), (3, True)]
    masks = talk.masks()
    assert [one.masks.shape for one in masks] == [(1, 48, 64)] * 7
    assert masks[3].masks[0, 20, 30]
    assert talk.ask("And?").queries.size == 0
    assert talk.masks() == []
    talk.undo()
    assert len(talk) == 1
    assert len(talk.masks()) == 7
    assert Sa2VA(engine).ask("Hello", temperature=0.5).stop == "end"
    with pytest.raises(UsageError, match="top_p"):
        Sa2VA(engine).converse(top_p=2)


def test_regions_of_an_image_are_pointed_at_or_given_as_masks():
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32, 0], image[:, 32:, 2] = 250, 250
    engine, mask = FakeChat(), np.zeros((48, 64), np.bool_)
    mask[3:9, 5:7] = True
    Sa2VA(engine).ask("What is region2?", image, regions=[read_point("50,9"), mask])
    regions = engine.questions[0].regions
    assert regions.shape == (2, 48, 64)
    assert regions[0, 20, 50]
    np.testing.assert_array_equal(regions[1], mask)
    Sa2VA(engine).ask("What is region1?", image, regions=mask[None])
    np.testing.assert_array_equal(engine.questions[1].regions, mask[None])
    with pytest.raises(UsageError, match=r"regions are those of one still image, .*: frames \(video\)"):
        Sa2VA(engine).ask("What is region1?", [image, image], regions=[mask])
    with pytest.raises(UsageError, match="shape of"):
        Sa2VA(engine).ask("What is region1?", image, regions=mask)
    with pytest.raises(UsageError, match="outside the picture"):
        Sa2VA(engine).ask("What is region1?", image, regions=[read_point("64,9")])


def test_a_chat_model_without_masks_is_loaded_and_answers_and_segments_nothing(tmp_path):
    model = Sa2VA.load(checkpoint("sail_vl"), device="cpu", dtype="fp32")
    assert model.ask("Hello, who are you?", max_new_tokens=4).token_ids
    image = np.full((48, 64, 3), 90, np.uint8)
    talk = model.converse(max_new_tokens=2)
    assert talk.ask("What is it?", image).stop == "length"
    assert talk.masks() == []
    with pytest.raises(ModelError, match="has no mask decoder: it answers"):
        model.segment(make_video(tmp_path / "a.mp4"), "red")
    with pytest.raises(UsageError, match="knows no regions"):
        model.ask("What is region1?", image, regions=[read_point("5,5")])


def test_stopping_early_leaves_no_threads(tmp_path):
    results = model().segment(make_video(tmp_path / "a.mp4", stamps=range(200)), "red")
    next(results)
    assert sorted(threads()) == ["sa2va-decode", "sa2va-encode"]
    results.close()
    assert threads() == []


def test_an_image_is_one_frame(tmp_path):
    (result,) = model().segment(str(make_image(tmp_path / "a.png")), "red", threshold=0.9)
    assert result.threshold == 0.9
    assert result.frame.index == 0


def test_a_faulty_option_fails_at_once(tmp_path):
    with pytest.raises(UsageError, match="sampling"):
        model().segment("a.mp4", "red", sampling="random")


def test_a_missing_file_fails_when_the_first_result_is_wanted():
    results = model().segment("missing.mp4", "red")
    with pytest.raises(InputError, match=r"missing\.mp4"):
        next(results)


def pictures(count: int = 6) -> list[np.ndarray]:
    frames = np.full((count, 48, 64, 3), 20, np.uint8)
    for number, frame in enumerate(frames):
        frame[:20, 2 * number : 2 * number + 20] = (255, 0, 0)
    return list(frames)


@pytest.mark.parametrize("make", [list, np.stack, iter], ids=["list", "array", "iterator"])
def test_frames_that_a_program_holds_are_a_source(make):
    sampling = "first" if make is iter else "uniform"
    results = list(model().segment(make(pictures()), ["red", "blue"], sampling=sampling, times=range(6)))
    assert [result.frame.index for result in results] == list(range(6))
    assert [result.frame.seconds for result in results] == [0, 1, 2, 3, 4, 5]
    assert [(one.id, one.prompt.id, one.label) for one in results[0].objects] == [
        (1, 1, "red"),
        (2, 2, "blue"),
    ]
    assert results[3].masks[0, 10, 16]
    assert not results[3].masks[1].any()


def test_parts_of_a_list_are_chosen_as_those_of_a_file():
    results = list(model().segment(pictures(10), "red", start="2f", every=3))
    assert [(result.frame.index, result.frame.source_index) for result in results] == [(0, 2), (1, 5), (2, 8)]


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no frames"),
        ([np.zeros((4, 4), np.uint8)], "frame 0 is"),
        ([np.zeros((4, 4, 3), np.float32)], "float32"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)], "frame 1"),
        (["a.png"], "frame 0 is str"),
    ],
)
def test_what_is_no_frame_is_an_input_error(frames, words):
    with pytest.raises(InputError, match=words):
        list(model().segment(frames, "red"))
    with pytest.raises(InputError, match=words):
        list(model().segment(iter(frames), "red", sampling="first"))


def test_times_must_rise_and_be_enough():
    for times in ([0, 0.5, 0.5, 1, 2, 3], [0, 1, 2]):
        with pytest.raises(InputError, match="time"):
            list(model().segment(pictures(), "red", times=times))


def test_frames_that_come_once_cannot_be_looked_at_out_of_order():
    with pytest.raises(UsageError, match='sampling="first"'):
        model().segment(iter(pictures()), "red")
    with pytest.raises(UsageError, match="leave them out for frames as they come"):
        model().segment(iter(pictures()), "red", sampling="first", every=2)


def test_frames_that_come_once_are_not_read_further_than_is_asked_for():
    taken = []

    def come():
        for picture in pictures(200):
            taken.append(picture)
            yield picture

    results = model().segment(come(), "red", sampling="first", keyframes=2)
    next(results)
    results.close()
    assert len(taken) < 20
    assert threads() == []


@pytest.mark.parametrize(("method", "value"), [(Sa2VA.segment, Search), (Sa2VA.load, ModelChoice)])
def test_keywords_are_the_fields_of_the_value_with_the_same_defaults(method, value):
    keywords = {name: one.default for name, one in inspect.signature(method).parameters.items()}
    for field in dataclasses.fields(value):
        assert keywords[field.name] == (
            inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
        )


def test_messages_in_python_speak_of_arguments():
    with pytest.raises(UsageError, match=r"^unknown sampling 'random'; choose uniform or first$"):
        model().segment("a.mp4", "red", sampling="random")
    with pytest.raises(UsageError, match=r"^end=1 does not come after start=2$"):
        next(model().segment("a.mp4", "red", start=2, end=1))
    with pytest.raises(UsageError, match=r"^unknown device 'tpu'; choose auto"):
        Sa2VA.load("demo", device="tpu")
