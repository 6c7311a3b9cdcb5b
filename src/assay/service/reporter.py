"""`Reporter`: where work reports its progress while it goes on."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from assay.training import Progress

    Advance = Callable[[int], None]
    """Called with the number of units done since the last call."""

TITLES = {
    "search": "searching",
    "walk-forward": "searching again in every window",
    "matrix": "walking forward in other windows",
    "permutations": "searching bars without direction",
    "scaled permutations": "searching bars whose moves changed places",
}
"""What the stages of a training are called while they run."""


class Reporter(Protocol):
    """Hears how far work is, and sentences about it; it never changes what is done.

    A context manager of `progress` or `working` is entered and left by the thread that works; several may be open at
    once, one inside the other.
    """

    def progress(self, title: str, total: int, done: int = 0) -> AbstractContextManager[Advance]:
        """Follow work of known length; `done` of it was done before."""
        ...

    def working(self, title: str) -> AbstractContextManager[None]:
        """Follow work of unknown length."""
        ...

    def note(self, sentence: str) -> None:
        """Hear something beside the result."""
        ...

    def warn(self, sentence: str) -> None:
        """Hear that the result is not all that was asked for, or not what it was."""
        ...


class Silent:
    """A reporter that says nothing."""

    @contextmanager
    def progress(self, title: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Show nothing."""
        yield lambda _: None

    @contextmanager
    def working(self, title: str) -> Iterator[None]:
        """Show nothing."""
        yield

    def note(self, sentence: str) -> None:
        """Say nothing."""

    def warn(self, sentence: str) -> None:
        """Say nothing."""


@dataclass
class StageProgress:
    """Turns a training's progress into one piece of work per stage, as a context manager that closes the last one.

    Attributes
    ----------
    reporter : Reporter
    prefix : str
        Put before the title of every stage.
    """

    reporter: Reporter
    prefix: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)
    _stage: str = ""
    _done: int = 0
    _advance: Advance | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, progress: Progress) -> bool:
        """Show a step; never asks the training to stop."""
        if progress.stage != self._stage:
            self._close()
            self._stage, self._done = progress.stage, 0
            title = self.prefix + TITLES[progress.stage]
            self._advance = self._stack.enter_context(self.reporter.progress(title, progress.total))
        if self._advance is not None:
            self._advance(progress.done - self._done)
        self._done = progress.done
        return False

    def _close(self) -> None:
        self._stack.close()
        self._stack = ExitStack()
