from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sa2va_cli.model.attention import look_up

WAIT = 300.0
"""Seconds after which a test that is stuck fails."""


class Watched(list[Tensor]):
    """Values that tell when they are about to be averaged."""

    def __init__(self, values: Tensor, seen: Callable[[], object]) -> None:
        super().__init__([values])
        self.seen = seen

    def __iter__(self) -> Iterator[Tensor]:
        self.seen()
        return super().__iter__()


def precision() -> str:
    return torch.backends.mkldnn.matmul.fp32_precision


@torch.inference_mode()
def looked_up(seen: Callable[[], object], dtype: torch.dtype = torch.bfloat16) -> Tensor:
    drawn = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(1, count, 32, generator=drawn).to(dtype) for count in (40, 70))
    return look_up(queries, [keys], Watched(keys[..., :8], seen), nn.Identity())


def test_threads_that_come_and_go_in_any_order_leave_the_precision_as_it_was() -> None:
    before, first_inside, second_inside, first_gone = precision(), Event(), Event(), Event()
    during: list[str] = []

    def first() -> Tensor:
        found = looked_up(lambda: (first_inside.set(), second_inside.wait(WAIT)))
        first_gone.set()
        return found

    def second() -> Tensor:
        assert first_inside.wait(WAIT)
        return looked_up(lambda: (second_inside.set(), first_gone.wait(WAIT), during.append(precision())))

    with ThreadPoolExecutor(2) as threads:
        found = [thread.result(WAIT) for thread in (threads.submit(first), threads.submit(second))]
    assert during == ["bf16"]  # the first one did not take it from the second
    assert precision() == before
    assert torch.equal(*found)


def test_an_error_leaves_the_precision_as_it_was() -> None:
    before = precision()
    with pytest.raises(ZeroDivisionError):
        looked_up(lambda: 1 / 0)
    assert precision() == before


def test_float32_is_looked_up_in_float32() -> None:
    during: list[str] = []
    looked_up(lambda: during.append(precision()), torch.float32)
    assert during == [precision()]


def test_bfloat16_instructions_cost_nothing_but_their_rounding() -> None:
    exact = looked_up(lambda: None, torch.float32)
    torch.testing.assert_close(looked_up(lambda: None).float(), exact, atol=0.03, rtol=0.03)


@torch.inference_mode()
@pytest.mark.parametrize("sizes", [(5,), (1024,), (1025, 3), (700, 700, 700, 16), (16,) * 200, (4096, 1)])
def test_keys_in_parts_of_any_size_are_looked_up_as_if_they_were_one(sizes: tuple[int, ...]) -> None:
    drawn = torch.Generator().manual_seed(0)
    queries = torch.randn(2, 530, 8, generator=drawn)
    keys = torch.randn(2, sum(sizes), 8, generator=drawn)
    keys[:, -1] *= 100  # scores that are far above all before
    values = torch.randn(2, sum(sizes), 3, generator=drawn)
    found = look_up(queries, keys.split(sizes, 1), values.split(sizes, 1), nn.Identity())
    scores = queries.double() @ keys.double().mT / 8**0.5
    torch.testing.assert_close(found, (scores.softmax(-1) @ values.double()).float(), atol=1e-4, rtol=0)


class Attended(TorchFunctionMode):
    """Keeps the queries of fused attention."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[Tensor] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is F.scaled_dot_product_attention:
            self.queries.append(args[0])
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("gaps", [False, True])
def test_queries_that_objects_share_lie_apart_for_kernels_that_want_it(gaps: bool) -> None:
    queries, keys = torch.randn(1, 5, 8), torch.randn(3, 7, 8)
    with Attended() as attended:
        found = look_up(queries, [keys], [keys], nn.Identity(), torch.ones(7) if gaps else None)
    (seen,) = attended.queries
    assert seen.is_contiguous()
    assert torch.equal(seen[0], seen[2])
    alone = look_up(queries, [keys[2:]], [keys[2:]], nn.Identity())
    assert torch.allclose(found[2:], alone, atol=1e-6)
