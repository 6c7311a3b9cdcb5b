from __future__ import annotations

import threading
import time

import pytest

from assay.threads import ordered_map


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 8])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    def work(i: int) -> int:
        time.sleep(0.004 if i % 3 == 0 else 0.0)
        return i * i

    assert list(ordered_map(work, range(40), threads)) == [i * i for i in range(40)]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_nothing_in_nothing_out(threads: int) -> None:
    assert list(ordered_map(abs, [], threads)) == []


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_exception_arrives_in_its_turn(threads: int) -> None:
    def work(i: int) -> int:
        if i == 4:
            raise ZeroDivisionError(i)
        return i

    results = ordered_map(work, range(100), threads)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError, match="4"):
        next(results)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_exception_of_the_items_arrives(threads: int) -> None:
    def items() -> object:
        yield 1
        raise KeyError("items")

    with pytest.raises(KeyError, match="items"):
        list(ordered_map(str, items(), threads))  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_consumer_that_stops_leaves_little_begun(threads: int) -> None:
    begun = []

    def work(i: int) -> int:
        begun.append(i)
        return i

    for value in ordered_map(work, range(10_000), threads):
        if value == 5:
            break
    assert 6 <= len(begun) <= 6 + 2 * threads
    before = threading.active_count()
    time.sleep(0.02)
    assert len(begun) <= 6 + 2 * threads
    assert threading.active_count() <= before


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_items_are_not_taken_far_ahead(threads: int) -> None:
    taken = [0]

    def items() -> object:
        for i in range(1000):
            taken[0] += 1
            yield i

    for done, _ in enumerate(ordered_map(abs, items(), threads), start=1):  # type: ignore[arg-type]
        assert taken[0] <= done + 2 * threads
        if done == 50:
            break


def test_several_threads_do_work() -> None:
    barrier = threading.Barrier(2, timeout=5.0)
    assert list(ordered_map(lambda i: barrier.wait() >= 0 and i, [1, 2], 2)) == [1, 2]
