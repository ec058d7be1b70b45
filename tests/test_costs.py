"""What a call costs, in time and memory."""

import sys
import time

import pytest
import torch

from utils.costs import forward_and_back, milliseconds, most_at_once


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts a thread's own time too coarsely")
def test_time_is_this_threads_own():
    def busy():
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    found = milliseconds({"busy": busy, "asleep": lambda: time.sleep(0.02)}, rounds=3)
    assert found["busy"] >= 20 > found["asleep"]


def test_calls_take_turns_after_one_that_does_not_count():
    order = []
    milliseconds({name: lambda name=name: order.append(name) for name in "ab"}, rounds=2)
    assert order == list("ababab")


def test_tensors_count_as_long_as_they_are_alive():
    def one_after_the_other():
        for _ in range(5):
            torch.ones(1000)

    def together():
        return [torch.ones(1000) for _ in range(5)]

    assert most_at_once(one_after_the_other) == 4000
    assert most_at_once(together) == 20_000


def test_views_and_what_is_given_do_not_count():
    x = torch.ones(1000)
    assert most_at_once(lambda: x.view(10, 100).mT) == 0
    assert most_at_once(lambda: x.add_(1)) == 0
    assert most_at_once(lambda: (x + 1)[:10]) == 4000


def test_memory_is_counted_through_operations_of_several_steps():
    query, key, value = torch.randn(3, 1, 64, 8)
    three_axes = most_at_once(lambda: torch.nn.functional.scaled_dot_product_attention(query, key, value))
    assert three_axes >= 2 * 64 * 64 * 4  # scores and weights


def test_an_error_passes_and_leaves_nothing_behind():
    with pytest.raises(RuntimeError):
        most_at_once(lambda: torch.ones(2) @ torch.ones(3))
    assert most_at_once(lambda: torch.ones(1000)) == 4000


def test_what_is_kept_for_the_way_back_is_counted_once():
    x, y = torch.randn(4, 5), torch.randn(4, 5)
    (result, *gradients), seconds, kept = forward_and_back(lambda x, y: (x * y) * y, [x, y])
    torch.testing.assert_close(result, x * y * y)
    torch.testing.assert_close(gradients[0], 2 * result * y * y)
    assert kept == 3 * 20 * 4  # x, y and their product, in four bytes a number
    assert seconds > 0 and not x.requires_grad
