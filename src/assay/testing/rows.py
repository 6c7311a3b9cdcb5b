"""Rules about the rows a strategy makes: they know no later bars, they are a function of bars, both sides agree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Execution, Side, Span
from assay.engine.layout import LEVELS
from assay.engine.replay import eligible
from assay.evaluation import backtest
from assay.leaks import CHECKS, copied, inspect_strategy
from assay.testing.comparison import ROUNDING, nearly, unlike
from assay.testing.markets import cut, mirrored, on_a_grid, raised
from assay.threads import ordered_map

if TYPE_CHECKING:
    from assay.engine.setups import Setups
    from assay.market import Bars
    from assay.testing.case import Case, Values

MIN_SIGNALS = 20
"""Signals of each side without which the other rules would say nothing."""

_MAX_UNWARMED = 0.02  # an average that forgets slowly moves a row over a limit now and then
_WARMUP_BARS = 150
_PRICES = ("stop_base", "anchor", "target_limit", "invalid_price")


def fires(case: Case) -> str | None:
    """There are enough signals of each side for the other rules to mean something."""
    for side in (Side.LONG, Side.SHORT) if case.sides == Side.BOTH else (case.sides,):
        runs = (backtest(case.strategy, case.bars, values, execution=Execution(side)) for values in case.points)
        most = max((run.signals for run in runs), default=0)
        if most < MIN_SIGNALS:
            return (
                f"gives {most} {side} signals on {case.bars!r} at its loosest, and the rules need {MIN_SIGNALS}: "
                "pass `bars` on which it trades, or `sides` where it is meant to trade one side"
            )
    return None


def causal(case: Case) -> str | None:
    """What is said of a bar depends on bars up to it; `assay leaks` asks more, and on bars of one's own."""
    return _finding(case, "truncation")


def deterministic(case: Case) -> str | None:
    """Setups are a function of bars, side and shape: calls before, threads and repetition change nothing."""
    strategy, untouched = case.strategy, copied(case.strategy)
    wanted = [(side, case.shape(values)) for values in case.shapes for side in Side.parse(case.sides).signs]
    bars, fresh = (cut(case.bars, 0, len(case.bars)) for _ in range(2))

    def made(task: tuple[Bars, int, Values]) -> Setups:
        return strategy.setups(*task)

    first = [made((cut(case.bars, 0, len(case.bars)), side, dict(shape))) for side, shape in wanted]
    again = [made((bars, side, shape)) for side, shape in reversed(wanted)][::-1]
    at_once = list(ordered_map(made, [(fresh, side, dict(shape)) for side, shape in wanted + wanted], threads=2))
    if {bars.digest, fresh.digest} != {case.bars.digest}:
        return "changes the bars it is given"
    if wanted != [(side, case.shape(values)) for values in case.shapes for side in Side.parse(case.sides).signs]:
        return "changes the parameters it is given"
    calls = (
        ("again", again),
        ("from two threads", at_once[: len(wanted)]),
        ("from two threads", at_once[len(wanted) :]),
    )
    for how, rows in calls:
        for (side, shape), one, other in zip(wanted, first, rows, strict=True):
            if (found := unlike(one, other, 0.0)) is not None:
                return f"gives other rows when called {how} with side {side:+d} and {shape}: {found}"
    return _finding(replace(case, strategy=untouched), "purity")


def _finding(case: Case, name: str) -> str | None:
    """Return the first finding of a leak check."""
    (check,) = (check for check in CHECKS if check.name == name)
    report = inspect_strategy(case.strategy, case.bars, sides=case.sides, effort=0.5, checks=(check,))
    return report.findings[0].sentence if report.findings else None


def sides_mirror(case: Case) -> str | None:
    """Shorts are the longs of the bars upside down, row by row.

    Prices lie on a grid of powers of two, where this is exact. Only a rule that reads fractions of the price sees
    that the mirrored price is another one; such a strategy is known by rows that change when a constant is added to
    all prices, and may differ in a tenth of its rows.
    """
    if case.sides != "both":
        return None
    bars = on_a_grid(case.bars)
    other = mirrored(bars)
    for values in case.shapes:
        shape = case.shape(values)
        rows = {side: _rows(case, bars, side, shape) for side in (1, -1)}
        turned = {side: _rows(case, other, side, shape) for side in (1, -1)}
        if any(not len(rows[side]) + len(turned[side]) for side in (1, -1)):
            continue  # this shape trades one side only
        for side, name in ((-1, "short"), (1, "long")):
            mine, expected = rows[side], turned[-side]
            if (found := unlike(mine, expected, ROUNDING)) is None:
                continue
            if _reads_fractions(case, bars, side, shape) and nearly(mine, expected):
                continue
            return f"does not mirror its sides: at {shape} its {name} rows are not those of the mirrored bars: {found}"
    return None


def warmup_is_enough(case: Case) -> str | None:
    """A signal needs no more history than `warmup` bars: with these alone it is there, and nothing of it is unknown."""
    for values in case.shapes:
        shape, warmup = case.shape(values), case.strategy.warmup(values)
        for side in Side.parse(case.sides).signs:
            rows = eligible(case.bars, case.strategy.setups(case.bars, side, shape), Span(0, len(case.bars), warmup))
            moments = np.unique(rows.bar)
            moments = moments[np.linspace(0, len(moments) - 1, min(len(moments), _WARMUP_BARS)).astype(int)]
            lost = []
            for t in moments.tolist():
                alone = case.strategy.setups(cut(case.bars, t - warmup, t + 1), side, shape)
                if _known(alone.take(alone.bar == warmup)) < _known(rows.take(rows.bar == t)):
                    lost.append(t)
            if len(lost) > _MAX_UNWARMED * len(moments):
                return (
                    f"has too short a warm-up: with its {warmup} bars at {shape} before a signal, "
                    f"{len(lost)} of {len(moments)} lose rows or features, the first at bar {lost[0]}"
                )
    return None


def _known(rows: Setups) -> int:
    """Count rows and all numbers in them that are known."""
    columns = (*rows.features.values(), *rows.levels.T)
    return len(rows) + sum(int(np.count_nonzero(~np.isnan(column))) for column in columns)


def _rows(case: Case, bars: Bars, side: int, shape: Values) -> Setups:
    """Return setups whose prices are given as distances from the close, in the direction of the trade."""
    rows = case.strategy.setups(bars, side, shape)
    levels = rows.levels.copy()
    prices = [LEVELS.index(name) for name in _PRICES]
    levels[:, prices] = side * (levels[:, prices] - bars.close[rows.bar][:, None])
    return replace(rows, levels=levels)


def _reads_fractions(case: Case, bars: Bars, side: int, shape: Values) -> bool:
    """Whether rows change when all prices are raised by the same amount: twice the price halves every fraction."""
    by = 2.0 ** np.round(np.log2(bars.close.mean()))
    rows, others = (_rows(case, b, side, shape) for b in (bars, raised(bars, by)))
    return unlike(rows, others, ROUNDING) is not None
