from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Qwen2Config

from sa2va_cli.conversation import Generation
from sa2va_cli.model import decoding
from sa2va_cli.model.decoding import PATIENCE, Decoded, Draws, Phrases, Prefix, Prompt, decode

PROMPT = [101, 102, 103]
END, WRONG = 0, 99


class Speaker:
    """A language model that says what it has to, as long as it was told nothing else.

    Its keys are the tokens that it read, so that it knows what the cache knows. A state is how many tokens
    there were so far, and whether all of them were right.
    """

    def __init__(self, answer: list[int], prompt: list[int] = PROMPT) -> None:
        self.wanted = [*prompt, *answer]
        self.begin = len(prompt)
        self.language_model = SimpleNamespace(config=Qwen2Config(num_hidden_layers=1))
        self.passes: list[int] = []

    picture_id = -1

    def read(self, ids: list[int], pictures: Any, cache: Any, shown: int = 0) -> Tensor:
        self.passes.append(len(ids))
        before = cache.get_seq_length()
        keys = torch.tensor(ids).float().view(1, 1, -1, 1)
        known = cache.update(keys, keys, 0)[0].flatten().tolist()
        ends = range(before + 1, before + len(ids) + 1)
        return torch.tensor([[end, known[:end] == self.wanted[:end]] for end in ends]).float()

    def next_tokens(self, states: Tensor) -> Tensor:
        after = [*self.wanted, WRONG]
        tokens = [
            after[min(int(end), len(self.wanted))] if right else WRONG for end, right in states.tolist()
        ]
        return torch.tensor(tokens)

    def ends(self, tokens: list[int]) -> bool:
        return tokens[-1] == END


NONE = Phrases()


def answered(speaker: Speaker, phrases: Phrases = NONE, prefix: Prefix | None = None) -> Decoded:
    return decode(speaker, Prompt(speaker.wanted[: speaker.begin], None, 2), phrases, prefix)


LIKELY = Phrases(answers=[[1, 2, 3, 4], [1, 5, 3, 4], [6, 3, 4]], sources=[[11, 12, 13, 14], [7, 8, 3, 4]])

# What is said, and how many tokens each pass read when drafts were allowed.
SAID = {
    "the likeliest answer": ([1, 2, 3, 4, END], [7]),
    "another one": ([1, 5, 3, 4, END], [7, 3]),
    "one that begins otherwise": ([6, 3, 4, END], [7, 3]),
    "words of a source": ([1, 5, 12, 13, 14, END], [7, 3, 3]),
    "a source and its end": ([1, 7, 8, 3, 4, END], [7, 4]),
    "nothing likely": ([20, 21, 22, END], [7, 1, 1, 1]),
    "a part of the likeliest": ([1, 2, END], [7]),
    "nothing": ([END], [7]),
    "repetition": ([1, 2, 3, 4, 1, 2, 3, 4, END], [7, 1, 1, 2]),
}


@pytest.mark.parametrize("name", SAID)
def test_drafts_change_how_often_the_model_is_run_and_nothing_else(name: str) -> None:
    answer, passes = SAID[name]
    plain, quick = Speaker(answer), Speaker(answer)
    wanted, got = answered(plain), answered(quick, LIKELY)
    assert got.tokens == wanted.tokens == answer
    assert torch.equal(got.hidden, wanted.hidden)
    assert torch.equal(got.read, wanted.read)
    assert len(got.hidden) == len(answer)
    assert plain.passes == [3] + [1] * (len(answer) - 1)
    assert quick.passes == passes


def test_a_model_that_never_says_what_is_likely_is_soon_left_alone() -> None:
    speaker = Speaker([*[1, 30, 1, 31] * 10, END])
    answered(speaker, Phrases(answers=[[40]], sources=[[1, 41, 42]]))
    assert len([size for size in speaker.passes if size > 1]) == PATIENCE


def test_an_answer_without_end_is_cut_off_within_a_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "GREEDY", Generation(max_new_tokens=3))
    got = answered(Speaker([1, 2, 3, 4, END]), LIKELY)
    assert (got.tokens, got.stop) == ([1, 2, 3], "length")
    assert got.whole.ids == [*PROMPT, 1, 2]
    assert got.whole.layers[0][0].flatten().tolist() == [*PROMPT, 1, 2]  # and nothing of the draft


def test_the_beginning_of_a_prompt_is_read_once() -> None:
    first, second = Speaker([1, 2, END]), Speaker([6, 3, 4, END], [*PROMPT[:2], 104, 105])
    prefix = answered(first, LIKELY).prefix
    assert prefix is not None
    assert prefix.ids == PROMPT[:2]
    for _ in range(2):  # what was read stays as it was
        got = answered(second, LIKELY, prefix)
        assert got.tokens == [6, 3, 4, END]
        assert got.prefix is prefix
        assert len(got.read) == 2
    assert second.passes == [2 + 4, 3] * 2
    assert [len(keys[0, 0]) for keys, _ in prefix.layers] == [2]


@pytest.mark.parametrize(("prompt", "read"), [([101, 104, 103], 2), ([101, 102], 1), ([105, 102], 2)])
def test_of_a_prompt_that_begins_otherwise_only_the_difference_is_read(prompt: list[int], read: int) -> None:
    prefix = answered(Speaker([END])).prefix
    other = Speaker([1, END], prompt)
    assert answered(other, prefix=prefix).tokens == [1, END]
    assert other.passes == [read, 1]


def test_a_picture_that_is_remembered_in_part_is_read_again() -> None:
    prefix = Prefix([1, 7, 7, 7, 2], [])
    assert prefix.shared([1, 7, 7, 7, 2, 3], 7) == 5
    assert prefix.shared([1, 7, 7, 7, 4, 3], 7) == 4
    assert prefix.shared([1, 7, 7, 7, 7, 2], 7) == 1
    assert prefix.shared([1, 7, 7], 7) == 1


def test_a_conversation_goes_on_where_it_was_left() -> None:
    first = answered(Speaker([6, 3, 4, END]), LIKELY)
    assert first.whole.ids == [*PROMPT, 6, 3, 4]
    longer = [*PROMPT, 6, 3, 4, END, 50, 51]
    second = Speaker([8, END], longer)
    got = decode(second, Prompt(longer, None), NONE, first.whole)
    assert (got.tokens, got.known, second.passes) == ([8, END], 6, [3, 1])


def test_a_listener_can_end_an_answer() -> None:
    got = decode(
        Speaker([1, 2, 3, 4, END]), Prompt(PROMPT, None), LIKELY, heard=lambda tokens: len(tokens) < 2
    )
    assert (got.tokens, got.stop) == ([1, 2], "interrupted")


def test_what_is_drawn_depends_on_the_seed_and_on_nothing_else() -> None:
    logits = torch.tensor([0.0, 1.0, 1.1, 0.9, -5.0])

    def drawn(**how: float) -> list[int]:
        draws = Draws(Generation(**{"temperature": 1.0} | how))  # type: ignore[arg-type]
        return [draws.token(logits) for _ in range(40)]

    assert drawn(seed=1) == drawn(seed=1) != drawn(seed=2)
    assert len(set(drawn(temperature=3.0))) > 3
    assert set(drawn(temperature=1e-9)) == {2}
    assert set(drawn(top_p=0.3)) == {2}
    assert set(drawn(top_p=0.6)) == {1, 2}


def test_a_prompt_that_shares_nothing_leaves_no_prefix() -> None:
    assert decode(Speaker([END]), Prompt(PROMPT, None), LIKELY).prefix is None
