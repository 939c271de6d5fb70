"""What was nearly answered instead, and how far it leads elsewhere."""

import numpy as np
import pytest
import torch

from sa2va_cli.model.decoding import Phrases, Prompt, decode
from sa2va_cli.model.second_answers import elsewhere, second_answers

THING = torch.tensor([[1.0, 0.0]])
OTHER = torch.tensor([[0.0, 1.0]])
NOTHING = torch.zeros(0, 2)

SEGMENT, END = 8, 9
NEXT = {
    0: (1, 2, 0.5),  # it hesitates between 1 and 2
    1: (3, 4, 9.0),
    2: (SEGMENT, 5, 9.0),
    3: (SEGMENT, 5, 9.0),
    SEGMENT: (END, 5, 9.0),
    5: (END, 1, 9.0),
}
"""Of each token the one that follows, the second likeliest one, and how much lower its logit is."""


class Parrot:
    """A language model whose every state is the last token, and which says what ``NEXT`` says."""

    picture_id = -1
    segment_id = SEGMENT

    class language_model:  # noqa: N801
        config = None

    def __init__(self) -> None:
        self.read_tokens = 0

    def read(self, ids, pictures, cache, shown=0):
        self.read_tokens += len(ids)
        keys = torch.tensor(ids, dtype=torch.float32)[None, None, :, None]
        cache.update(keys, keys, 0)
        return keys[0, 0]

    def logits(self, states):
        found = torch.full((len(states), 10), -20.0)
        for row, token in zip(found, states[:, 0].int().tolist(), strict=True):
            first, second, gap = NEXT.get(token, (END, 5, 9.0))
            row[first], row[second] = 0.0, -gap
        return found

    def next_tokens(self, states):
        return self.logits(states).argmax(-1)

    def ends(self, tokens):
        return tokens[-1] == END

    def states_after_norm(self, states):
        return states


def test_the_second_word_is_taken_where_the_first_was_hardly_likelier_and_said_to_the_end():
    chat, prompt = Parrot(), Prompt([7, 0], None)
    first = decode(chat, prompt, Phrases())
    assert first.tokens == [1, 3, SEGMENT, END]
    before = chat.read_tokens
    (second,) = second_answers(chat, prompt, first)
    assert second.gap == pytest.approx(0.5)
    assert second.states.tolist() == [[SEGMENT]]  # the state at the [SEG] of 2 [SEG]
    assert chat.read_tokens - before <= 2 + len(first.tokens)  # what was read for the first is not read again


def test_an_answer_without_masks_has_no_second_one():
    chat, prompt = Parrot(), Prompt([7, 5], None)
    assert second_answers(chat, prompt, decode(chat, prompt, Phrases())) == ()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], 0.0),
        ([(0.0, THING)], 0.0),  # another way to say the same
        ([(0.0, OTHER)], 0.5),  # as probable as what was said
        ([(0.0, NOTHING)], 0.5),
        ([(0.0, torch.cat([OTHER, THING]))], 0.0),
        ([(0.0, OTHER), (0.0, OTHER)], 2 / 3),
        ([(0.0, OTHER), (0.0, THING)], 1 / 3),
        ([(np.log(9), OTHER)], 0.1),
    ],
)
def test_something_else_is_as_probable_as_the_second_answers_that_lead_there(seconds, expected):
    assert elsewhere(THING, seconds) == pytest.approx(expected, abs=1e-3)


def test_of_several_objects_the_one_most_in_doubt_counts():
    assert elsewhere(torch.cat([THING, OTHER]), [(0.0, THING)]) == pytest.approx(0.5)
