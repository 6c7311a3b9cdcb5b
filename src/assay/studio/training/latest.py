"""`Latest`: work that somebody's typing asks for again and again; one at a time, and the last answer wins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from assay.errors import AssayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Q = TypeVar("Q")
A = TypeVar("A")


class Latest(Generic[Q, A]):
    """Answers the last question; those that came while another was answered are left out.

    Parameters
    ----------
    work : callable
        From a question to its answer.
    show : callable
        Takes the question and its answer, or the error in its place: of the last question alone.
    wait_s : float
        How long nobody must have asked anew before the work begins.
    """

    def __init__(
        self, work: Callable[[Q], Awaitable[A]], show: Callable[[Q, A | AssayError], None], *, wait_s: float
    ) -> None:
        self._work, self._show, self._wait_s = work, show, wait_s
        self._questions: list[Q] = []
        self._due = 0.0
        self._asked_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting_s(self) -> float | None:
        """For how long an answer has been waited for; None where none is."""
        return None if self._asked_at is None else asyncio.get_running_loop().time() - self._asked_at

    def ask(self, question: Q, *, at_once: bool = False) -> None:
        """Ask; a question that is not begun yet is dropped for this one."""
        now = asyncio.get_running_loop().time()
        self._questions = [question]
        self._due = now + (0.0 if at_once else self._wait_s)
        if self._asked_at is None:
            self._asked_at = now
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer())

    def drop(self) -> None:
        """Take the question back: no answer is shown, not even of work that has begun."""
        self._questions.clear()
        self._asked_at = None

    def stop(self) -> None:
        """Let nothing begin any more; nobody is there."""
        self.drop()
        if self._task is not None:
            self._task.cancel()

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        while self._questions:
            if (left := self._due - loop.time()) > 0:  # asked anew meanwhile it may be later
                await asyncio.sleep(left)
                continue
            question = self._questions.pop()
            answer: A | AssayError
            try:
                answer = await self._work(question)
            except AssayError as error:
                answer = error
            except BaseException:
                self._asked_at = None
                raise
            if not self._questions and self._asked_at is not None:
                self._asked_at = None
                self._show(question, answer)
