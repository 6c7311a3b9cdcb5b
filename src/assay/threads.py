"""Spread independent pieces of work over threads, results in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

A = TypeVar("A")
B = TypeVar("B")
P = ParamSpec("P")


class Workers:
    """Threads that several rounds of work share, as a context manager.

    The order of results, and so everything computed from them, does not depend on the number of threads.

    Parameters
    ----------
    threads : int
        1 or less does the work where it is asked for.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="assay") if threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """Yield work(item) in the order of the items, at most 2 x threads of them begun ahead.

        A consumer that stops early leaves at most the begun pieces to finish.
        """
        if self._pool is None:
            yield from map(work, items)
            return
        begun: deque[Future[B]] = deque()
        try:
            for item in items:
                begun.append(self._pool.submit(work, item))
                if len(begun) >= 2 * self.threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


def ordered_map(work: Callable[[A], B], items: Iterable[A], threads: int) -> Iterator[B]:
    """Yield work(item) in the order of the items, on threads of its own (see `Workers.map`)."""
    with Workers(threads) as workers:
        yield from workers.map(work, items)


def apart(work: Callable[P, B], *args: P.args, **kwargs: P.kwargs) -> B:
    """Return what work gives on a thread of its own: the frames below it are the same, whoever asks.

    What it raises is raised here.
    """
    answer: Future[B] = Future()

    def run() -> None:
        try:
            answer.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  (handed over, whatever it is)
            answer.set_exception(error)

    # a daemon: an interrupted program does not wait for work that never ends
    Thread(target=run, name="assay", daemon=True).start()
    return answer.result()
