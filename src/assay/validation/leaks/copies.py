"""Copies of a strategy that have not been asked anything: what a call leaves behind shows beside one."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.validation.leaks.held import Held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from assay.strategies import Strategy


@dataclass(frozen=True, eq=False)
class Copies:
    """How to have a strategy as it was before the laboratory asked it anything.

    One that comes from a file is made from the file again, and shares nothing with the first, whatever that keeps and
    wherever. Another is copied, and what its classes and modules hold is put back meanwhile, as far as Python shows it;
    what an instance kept before it came here is copied with it.

    Attributes
    ----------
    strategy, pristine : Strategy
    held : Held
    """

    strategy: Strategy
    pristine: Strategy
    held: Held

    @classmethod
    def of(cls, strategy: Strategy) -> Self:
        """Copy a strategy before the first question."""
        return cls(strategy, copied(strategy), Held.by(type(strategy)))

    @contextmanager
    def another(self) -> Iterator[Strategy]:
        """Give a strategy that was not asked anything; the first one is afterwards what it is now."""
        if self.strategy.made_again is not None:
            yield self.strategy.made_again()
            return
        with self.held.put_back():
            yield copied(self.pristine)


def copied(strategy: Strategy) -> Strategy:
    """Copy where Python can; a strategy may hold something that cannot be copied, such as a lock."""
    try:
        return copy.deepcopy(strategy)
    except TypeError:
        return strategy
