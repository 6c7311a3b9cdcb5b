"""The signal funnel: where the moments of a pattern are lost on their way to trades.

The unit is a moment: one bar on one side. A moment passes a stage when any of its rows does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import layout
from assay.engine.layout import REASONS
from assay.engine.limits import Limits
from assay.engine.rules import SIGNS, Rule, passing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.engine.replay import Span
    from assay.engine.rules import AnyRule
    from assay.engine.setups import Setups
    from assay.engine.trades import Run
    from assay.market import Bars
    from assay.parameters import Value

NOT_BOTH, SENT, FILLED = "not both sides at once", "sent", "filled"
_LOSSES = (
    ("stop and target make sense", (layout.FATE_REFUSED,)),
    ("a bar is left to fill on", (layout.FATE_UNSENT,)),
    (NOT_BOTH, (layout.FATE_NOT_CHOSEN,)),
    ("equity is left", (layout.FATE_RUINED,)),
    ("not in a position", (layout.FATE_BUSY,)),
    ("not cooling down", (layout.FATE_COOLING,)),
    ("group has fills left", (layout.FATE_FULL,)),
    (SENT, tuple(layout.FATE_HELD_BACK + i for i in range(len(Limits.names())))),
    (FILLED, (layout.FATE_UNFILLED,)),
)
"""What a moment needs after the rules, and the fates of those that lack it, in the order of asking."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How many moments are left after one question.

    Attributes
    ----------
    name : str
        The question.
    long, short : int
        Moments left of each side.
    alone : int or None
        Of the pattern's moments, how many pass this condition whatever the others say; None where it is no condition.
    without : int or None
        How many more would pass all conditions, were this one not asked.
    parts : tuple of (str, int)
        The conditions of a vote, each with the moments that meet it alone.
    """

    name: str
    long: int
    short: int
    alone: int | None = None
    without: int | None = None
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def passed(self) -> int:
        """Moments left on both sides."""
        return self.long + self.short


@dataclass(frozen=True, slots=True)
class Funnel:
    """Bars -> valid -> pattern -> each condition -> orders -> fills -> exits; every difference is a loss that is named.

    Attributes
    ----------
    stages : tuple of Stage
        In the order of asking; each has at most as many moments as the one before.
    exits : tuple of (str, int)
        Closed trades by reason; their sum is the last stage.
    """

    stages: tuple[Stage, ...]
    exits: tuple[tuple[str, int], ...] = field(default=())

    @property
    def conditions(self) -> tuple[Stage, ...]:
        """The stages that are rules of the strategy."""
        return tuple(stage for stage in self.stages if stage.alone is not None)

    @property
    def pattern(self) -> Stage:
        """Moments at which the pattern could be complete."""
        return next(stage for stage in self.stages if stage.name == "pattern")

    @property
    def signals(self) -> int:
        """Moments that pass every condition."""
        return (self.conditions or (self.pattern,))[-1].passed

    @property
    def trades(self) -> int:
        """Orders filled."""
        return self.stages[-1].passed


def rule_name(rule: Rule, values: Mapping[str, Value]) -> str:
    """Return a condition as a person reads it: ``volume >= 2 (volume_spike_threshold)``."""
    text = f"{rule.feature} {SIGNS[rule.comparison]} {rule.number(values):.4g}"
    return f"{text} ({rule.limit})" if isinstance(rule.limit, str) else text


def count(
    bars: Bars,
    rows: Setups,
    rules: tuple[AnyRule, ...],
    values: Mapping[str, Value],
    span: Span,
    run: Run,
    sides: tuple[int, ...],
) -> Funnel:
    """Count the moments of one run.

    Parameters
    ----------
    rows : Setups
        Those on valid bars inside the span (`replay.eligible`), judged by no threshold yet.
    rules, values
        What judges the rows.
    run : Run
        The replay of the rows that pass.
    sides : tuple of int
        The sides traded.
    """
    in_span = np.arange(span.start, span.stop)
    warm = bars.valid[in_span] & (bars.age[in_span] >= span.warmup)

    def each(name: str, number: int) -> Stage:
        return Stage(name, long=number * (1 in sides), short=number * (-1 in sides))

    stages = [each("bars", len(in_span)), each("valid", int(warm.sum()))]
    everything = np.ones(len(rows), dtype=np.bool_)
    stages.append(Stage("pattern", *_moments(rows, everything)))
    passed = [rule.passes(rows.features, values) for rule in rules]
    so_far = everything
    signals = passing(rules, rows.features, values, len(rows))
    total = sum(_moments(rows, signals))
    for i, rule in enumerate(rules):
        so_far = so_far & passed[i]
        others = everything.copy()
        for j, mask in enumerate(passed):
            if j != i:
                others &= mask
        stages.append(
            Stage(
                _condition(rule, values),
                *_moments(rows, so_far),
                alone=sum(_moments(rows, passed[i])),
                without=sum(_moments(rows, others)) - total,
                parts=_parts(rule, rows, values),
            )
        )
    stages += _after(rows.take(signals), run.fates)
    reasons = np.bincount(run.trades.reason, minlength=len(REASONS))
    return Funnel(tuple(stages), tuple((REASONS[i], int(reasons[i])) for i in np.flatnonzero(reasons)))


def _condition(rule: AnyRule, values: Mapping[str, Value]) -> str:
    if isinstance(rule, Rule):
        return rule_name(rule, values)
    return f"vote >= {rule.hundredths(values) / 100:.2f} ({rule.threshold})"


def _parts(rule: AnyRule, rows: Setups, values: Mapping[str, Value]) -> tuple[tuple[str, int], ...]:
    if isinstance(rule, Rule):
        return ()
    return tuple(
        (f".{weight:02d} for {rule_name(one, values)}", sum(_moments(rows, one.passes(rows.features, values))))
        for weight, one in rule.conditions
    )


def _moments(rows: Setups, mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Count the moments (long, short) that have a row in a mask; rows are in order of time."""
    side = rows.side
    long, short = (_distinct(rows.bar[mask & (side == one)]) for one in (1, -1))
    return long, short


def _distinct(ordered: NDArray[np.int64]) -> int:
    """Count the different values of an array in order, shape (n,), without sorting it again."""
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + min(len(ordered), 1)


def _after(rows: Setups, fates: NDArray[np.int64]) -> list[Stage]:
    """Follow the moments with a passing row to their fills.

    A moment of several rows has the best of their fates: those behind the one that was chosen are not lost.
    """
    stages: list[Stage] = []
    moment = rows.bar * 2 + (rows.side < 0)
    _, place = np.unique(moment, return_inverse=True)
    order = np.zeros(layout.FATE_HELD_BACK + len(Limits.names()), dtype=np.int64)
    for rank, (_, lost) in enumerate(_LOSSES):
        order[list(lost)] = rank
    order[layout.FATE_FILLED] = len(_LOSSES)
    best = np.full(int(place.max(initial=-1)) + 1, -1, dtype=np.int64)
    np.maximum.at(best, place, order[fates])
    short = np.zeros(len(best), dtype=np.bool_)
    short[place] = rows.side < 0
    for rank, (name, _) in enumerate(_LOSSES):
        left = best > rank
        stages.append(Stage(name, int((left & ~short).sum()), int((left & short).sum())))
    return stages
