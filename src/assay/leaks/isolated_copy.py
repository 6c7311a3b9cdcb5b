"""Copies of a strategy that have not been asked anything: what a call leaves behind shows beside one."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from assay.leaks.state_snapshot import StateSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.strategies import Strategy

    Another = Callable[[], AbstractContextManager[Strategy]]
    """Gives a strategy that was not asked anything; the first one is afterwards what it is then."""


def isolated_copies(strategy: Strategy) -> Another:
    """Return how to have a strategy as it is now, before a check asks it anything.

    One that comes from a file is made from the file again, and shares nothing with the first, whatever that keeps and
    wherever. Another is copied, and what its classes and modules hold is put back meanwhile, as far as Python shows it;
    what an instance kept before it came here is copied with it.
    """
    made_again = strategy.made_again
    if made_again is not None:
        return lambda: nullcontext(made_again())
    pristine, snapshot = copied(strategy), StateSnapshot.by(type(strategy))

    @contextmanager
    def another() -> Iterator[Strategy]:
        with snapshot.put_back():
            yield copied(pristine)

    return another


def copied(strategy: Strategy) -> Strategy:
    """Copy where Python can; a strategy may hold something that cannot be copied, such as a lock."""
    try:
        return copy.deepcopy(strategy)
    except TypeError:
        return strategy
