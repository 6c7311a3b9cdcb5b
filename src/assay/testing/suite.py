"""The rules a strategy keeps, and the one line that checks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine import Side
from assay.errors import AssayError, ParameterError
from assay.testing import declared, held_against, rows, runs
from assay.testing.case import Case
from assay.testing.markets import cut, practice_bars

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars
    from assay.strategies import Strategy


@dataclass(frozen=True)
class Check:
    """One rule, which is called with a strategy.

    Attributes
    ----------
    rule : str
        Its name.
    finding : callable
        From a case to what breaks the rule, or None.
    """

    rule: str
    finding: Callable[[Case], str | None]

    def __call__(self, strategy: Strategy | type[Strategy], bars: Bars | None = None, *, sides: str = "both") -> None:
        """Raise `AssertionError` where a strategy breaks the rule (parameters as `check_strategy`)."""
        if sides not in list(Side):
            raise ParameterError("sides", "must be both, long or short", sides)
        history = practice_bars() if bars is None else bars
        # a copy: a strategy that writes into its bars must not spoil those of the next rule
        own = cut(history, 0, len(history))
        case = Case(strategy() if isinstance(strategy, type) else strategy, own, Side(sides))
        try:
            found = self.finding(case)
        except AssayError as error:
            found = str(error)
        except Exception as error:
            raised = f"raises {type(error).__name__}: {error}"
            raise AssertionError(f"{case.strategy.name} breaks {self.rule!r}: {raised}") from error
        if found is not None:
            raise AssertionError(f"{case.strategy.name} breaks {self.rule!r}: {found}")


_FINDINGS = (
    declared.documented,
    rows.fires,
    rows.causal,
    rows.deterministic,
    rows.sides_mirror,
    rows.warmup_is_enough,
    declared.no_dead_parameter,
    runs.sweep_equals_replay,
    held_against.replay_equals_oracle,
    runs.funnel_adds_up,
    runs.survives_dirty_bars,
)

CHECKS: dict[str, Check] = {finding.__name__: Check(finding.__name__, finding) for finding in _FINDINGS}
"""Every rule by name, each to be called with a strategy; made to be parametrized."""


def check_strategy(strategy: Strategy | type[Strategy], bars: Bars | None = None, *, sides: str = "both") -> None:
    """Check every rule that a strategy must keep.

    Parameters
    ----------
    strategy : Strategy or subclass
        A class is made without arguments.
    bars : Bars, optional
        A history on which it trades; a simulated one of forty days of 5-minute bars when None.
    sides : {"both", "long", "short"}
        The sides that it is meant to trade.

    Raises
    ------
    AssertionError
        Naming the strategy and, line by line, each broken rule with the values that break it.
    """
    broken = []
    for check in CHECKS.values():
        try:
            check(strategy, bars, sides=sides)
        except AssertionError as error:
            broken.append(str(error))
    if broken:
        raise AssertionError("\n".join(broken))
