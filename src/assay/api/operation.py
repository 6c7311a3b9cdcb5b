"""`Operation`: what a running server knows of itself: whether it is ending, and which streams are open."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

RETRY_MS = 2_000
"""After how long a browser whose stream of events was ended comes again."""

GOODBYE = f"retry: {RETRY_MS}\n\n".encode()
"""The last bytes of a stream of events that ends because the server does."""


class Operation:
    """What a running server knows of itself.

    A stream of events is counted while it is open, and ends when the server does::

        with operation.stream():
            while not await operation.ends_within(0.5):
                ...  # send what is new
            yield GOODBYE

    Attributes
    ----------
    streams : int
        Streams of events that are open.
    """

    def __init__(self) -> None:
        self.streams = 0
        self._ending = asyncio.Event()
        self._told: list[Callable[[], object]] = []

    def when_ending(self, tell: Callable[[], object]) -> None:
        """Call somebody when the server takes no more requests."""
        self._told.append(tell)

    @property
    def is_ending(self) -> bool:
        """Whether the server takes no more requests."""
        return self._ending.is_set()

    def end(self) -> None:
        """Let streams end; called in the server's loop when it takes no more requests."""
        self._ending.set()
        for tell in self._told:
            tell()

    async def ends_within(self, seconds: float) -> bool:
        """Wait so long; return at once, and True, when the server ends."""
        if not self.is_ending:
            try:
                await asyncio.wait_for(self._ending.wait(), seconds)
            except TimeoutError:
                return False
        return True

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count a stream while it is open."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1


class InTime(Generic[T]):
    """Asks something that may take for ever, such as a database behind a cut line, and waits so long and no longer.

    One question is under way at a time: whoever asks meanwhile waits for its answer. So a database that does not answer
    costs one thread, not one for each request.

    Parameters
    ----------
    ask : callable
    name : str
        Of the thread.
    """

    def __init__(self, ask: Callable[[], T], name: str) -> None:
        self._ask, self._name = ask, name
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None

    def answer(self, seconds: float) -> T:
        """Return the answer, or raise what the question raised.

        Raises
        ------
        TimeoutError
            When there is none in time.
        """
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._work, args=(self._asked,), name=self._name, daemon=True).start()
            asked = self._asked
        return asked.result(seconds)

    def _work(self, asked: Future[Any]) -> None:
        try:
            asked.set_result(self._ask())
        except BaseException as error:  # noqa: BLE001  (whoever waits for the answer gets it)
            asked.set_exception(error)
