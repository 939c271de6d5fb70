import numpy as np
import pytest

from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.search import Search
from sa2va_cli.visual_prompts import (
    BoxPrompt,
    Length,
    MaskPrompt,
    PointPrompt,
    from_document,
    read_box,
    read_mask,
    read_point,
    to_document,
)

POINTS = {
    "320,200": PointPrompt(Length(320), Length(200)),
    "320,200@1.5s": PointPrompt(Length(320), Length(200), at="1.5s"),
    "dog:320,200@1.5": PointPrompt(Length(320), Length(200), at="1.5", name="dog"),
    "the dog: 50%,40.5%,-": PointPrompt(Length(50, True), Length(40.5, True), False, name="the dog"),
    "a:b:1,2,+@00:01:02:03": PointPrompt(Length(1), Length(2), at="00:01:02:03", name="a:b"),
    "5,5,-@12f": PointPrompt(Length(5), Length(5), False, at="12f"),
}


@pytest.mark.parametrize("text", POINTS)
def test_a_point_is_read_as_it_is_written(text):
    assert read_point(text) == POINTS[text]


@pytest.mark.parametrize("text", ["", "5", "5,", "5,6,7", "x,5", "5,6,*", "5,6@", "dog", "1e3,5", "nan,5"])
def test_what_is_no_point_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match="is not understood; write") as error:
        read_point(text)
    assert "\n" not in error.value.command_line


def test_a_box_may_be_given_by_any_two_opposite_corners():
    wanted = BoxPrompt(Length(10), Length(20), Length(30), Length(40), "2", "dog")
    assert read_box("dog:30,20,10,40@2") == wanted
    assert read_box("dog:10,20,30,40@2") == wanted


@pytest.mark.parametrize("text", ["1,2,3", "1,2,1,4", "1,2,3,2", "1,2,50%,4", "1,2,3,4,5"])
def test_what_is_no_box_is_refused(text):
    with pytest.raises(UsageError, match="box"):
        read_box(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mask.png", MaskPrompt("mask.png")),
        ("dog:out/mask.png@1.5s", MaskPrompt("out/mask.png", "1.5s", "dog")),
        ("a@b.png", MaskPrompt("a@b.png")),
        ("C:/mask.png@12f", MaskPrompt("C:/mask.png", "12f")),
        ("c:\\mask.png", MaskPrompt("c:\\mask.png")),
        ("2:mask.png@1", MaskPrompt("mask.png", "1", "2")),
        ("猫:out/mask.png", MaskPrompt("out/mask.png", None, "猫")),
        ("a:mask.png", MaskPrompt("mask.png", None, "a")),
    ],
)
def test_a_mask_is_a_file_with_a_name_before_it_and_a_time_after_it(text, wanted):
    assert read_mask(text) == wanted


def test_a_mask_without_a_file_is_refused():
    with pytest.raises(UsageError, match="write"):
        read_mask("dog:")


@pytest.mark.parametrize("size", [(5, 7), (8, 16), (1, 1)])
def test_every_visual_prompt_is_the_same_after_json(size):
    mask = np.random.default_rng(0).random(size) > 0.5
    mask[0, 0] = True
    prompts = [*POINTS.values(), read_box("1,2,30%,4".replace("30%", "3")), MaskPrompt.of(mask, at="1")]
    assert [from_document(to_document(one)) for one in prompts] == prompts
    bitmap = prompts[-1].bitmap
    np.testing.assert_array_equal(bitmap.mask, mask)


@pytest.mark.parametrize("mask", [np.arange(9).reshape(3, 3), np.full((2, 2, 3), 1), np.array([[1, 2]])])
def test_a_mask_of_several_values_is_refused(mask):
    with pytest.raises(UsageError, match="a mask is a picture of two"):
        MaskPrompt.of(mask)


def test_points_without_words_are_one_prompt_for_each_name():
    search = Search(points=(read_point("1,2"), read_point("dog:3,4"), read_point("dog:5,6,-@1")))
    assert [(one.id, one.text, one.label, len(one.visual)) for one in search.prompts] == [
        (1, "", "object", 1),
        (2, "", "dog", 2),
    ]


def test_points_belong_to_the_words_that_they_name():
    search = Search(
        ("red ball", "dog"),
        points=(read_point("dog:1,2"), read_point("dog 2:3,4"), read_point("cat:5,6")),
    )
    assert [(one.label, [hint.name for hint in one.visual]) for one in search.prompts] == [
        ("red ball", []),
        ("dog", ["dog", "dog 2"]),
        ("cat", ["cat"]),
    ]
    assert Search(search.prompts).prompts == search.prompts


def test_a_point_without_a_name_belongs_to_the_only_words():
    (prompt,) = Search(("dog",), boxes=(read_box("1,2,3,4"),)).prompts
    assert (prompt.text, len(prompt.visual)) == ("dog", 1)
    with pytest.raises(UsageError, match=r"could belong to several prompts.*dog:, cat:"):
        Search(("dog", "cat"), points=(read_point("1,2"),))


def test_without_words_and_points_there_is_nothing_to_look_for():
    with pytest.raises(UsageError, match="there is no prompt"):
        Search(())
