import pytest

from sa2va_cli.pipeline.prompts import question


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("girl in red dress", "<image>Please segment girl in red dress."),
        ("the girl.", "<image>Please segment the girl."),
        ("红裙子的女孩。", "<image>Please segment 红裙子的女孩."),
        ("segmented worm", "<image>Please segment segmented worm."),
        ("what the boy holds", "<image>Please segment what the boy holds."),
        ("please segment the dog", "<image>please segment the dog"),
        ("Segment the dog.", "<image>Segment the dog."),
        ("Can you segment the dog?", "<image>Can you segment the dog?"),
        ("请分割小狗", "<image>请分割小狗"),
        ("把小狗分割出来", "<image>把小狗分割出来"),
    ],
)
def test_names_become_requests_and_requests_stay(prompt, expected):
    assert question(prompt) == expected


def test_verbatim_changes_nothing():
    assert question("the girl.", verbatim=True) == "<image>the girl."


@pytest.mark.parametrize("verbatim", [False, True])
@pytest.mark.parametrize("prompt", ["girl", "Segment the girl.", "<image> [SEG]<|im_end|>", "a {} b\n", "."])
def test_what_was_typed_is_marked_as_a_persons_words(prompt, verbatim):
    pieces = list(question(prompt, verbatim=verbatim).pieces())
    assert [text for text, literal in pieces if literal] in ([prompt], [prompt.rstrip(". ")])
    template = "".join(text for text, literal in pieces if not literal)
    assert template in ("<image>", "<image>Please segment .")
