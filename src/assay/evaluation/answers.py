"""What a search asks of a strategy, and a record of what the strategy answered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from assay.errors import InputError
from assay.strategies.faults import fault_in, place_of
from assay.threads import apart

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from assay.engine import Setups
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy

NO_PROCESS = "this training cannot start one (`assay train` and `assay.train` can)"
"""Why a strategy is not asked in a fresh process where no `FreshProcess` was handed in."""


@dataclass(frozen=True, eq=False)
class SetupsQuestion:
    """One question to a strategy, as a search asks it.

    Attributes
    ----------
    shape : mapping
        Values of the shape parameters.
    loosest : mapping
        Threshold parameters at the loosest value that the search asks for.
    sides : {"both", "long", "short"}
    """

    shape: Mapping[str, Value]
    loosest: Mapping[str, float]
    sides: str

    @property
    def key(self) -> Hashable:
        """What tells it from other questions."""
        return (str(self.sides), *sorted(self.shape.items()), None, *sorted(self.loosest.items()))

    def of(self, strategy: Strategy, bars: Bars) -> Setups:
        """Ask a strategy; a user's own on a thread of its own.

        The searches and the leak checks both ask here: a strategy that looks at its call stack sees the same frames.

        Raises
        ------
        StrategyError
            When a user's strategy breaks its contract, or raises what is no `Exception` (it ends the program). Any
            other exception of its own is raised as it is.
        """
        if strategy.ships:
            return strategy.all_setups(bars, self.shape, self.sides, self.loosest)
        return apart(_answer, strategy, bars, self)


def _answer(strategy: Strategy, bars: Bars, question: SetupsQuestion) -> Setups:
    """Ask a user's strategy; on this thread no Ctrl-C arrives, so whatever is raised is its own."""
    try:
        return strategy.all_setups(bars, question.shape, question.sides, question.loosest)
    except InputError as error:
        if strategy.source_file is None:
            raise
        raise fault_in(strategy, "setups", error) from error
    except Exception as error:
        if strategy.source_file is None or place_of(error) is not None:
            raise
        raise fault_in(strategy, "setups", error) from error  # it cannot be called as it must be
    except BaseException as error:
        raise fault_in(strategy, "setups", error) from error


class FreshProcess(Protocol):
    """Asks a strategy in a process that has asked it nothing before; handed in, since the pure rooms start none."""

    def refusal(self, strategy: Strategy) -> str:
        """Return why a strategy cannot be asked there; "" where it can."""

    def answers(
        self, strategy: Strategy, bars: Bars, questions: Sequence[tuple[SetupsQuestion, int]]
    ) -> Iterator[Setups]:
        """Answer each question on the first so many bars, in their order, in one process.

        Raises
        ------
        StrategyError
            When it gives no answer there.
        """


@dataclass(frozen=True, eq=False)
class Answers:
    """What a strategy answered on some bars during a training, as digests.

    Attributes
    ----------
    bars : Bars
        Answers on other bars (permuted, shortened) are not recorded.
    digests : dict
        Of each question's key, the digests of its answers: one, where the strategy is a function of the bars.
    """

    bars: Bars
    digests: dict[Hashable, set[str]] = field(default_factory=dict)

    def note(self, bars: Bars, question: SetupsQuestion, setups: Setups) -> None:
        """Record an answer; called from several threads."""
        # views of one history share its memory, permuted bars have prices of their own
        if len(bars) == len(self.bars) and np.may_share_memory(bars.close, self.bars.close):
            self.digests.setdefault(question.key, set()).add(digest_of(setups))


def digest_of(setups: Setups) -> str:
    """Return a digest of every row, to the last bit."""
    content = hashlib.sha256()
    columns = {"bar": setups.bar, "side": setups.side, "levels": setups.levels, "flat_by": setups.flat_by}
    for name, column in (*columns.items(), ("groups", setups.groups), *sorted(setups.features.items())):
        content.update(name.encode() + b"\0" + np.ascontiguousarray(column).tobytes())
    return content.hexdigest()
