"""Rules about what a strategy declares: it is documented, its grid is of a size to search, no parameter is dead."""

from __future__ import annotations

import inspect
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Combinations, Execution
from assay.evaluation import ConstraintMask, backtest
from assay.testing.case import tried

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.parameters import Parameter
    from assay.testing.case import Case, Values

MAX_COMBINATIONS = 25_000
"""Of a default grid, those that the constraint refuses not counted."""

_DRAWS = 24


def documented(case: Case) -> str | None:
    """Class and parameters say what they are, defaults and default grid fit the ranges."""
    strategy = case.strategy
    strategy.check()
    if not (type(strategy).__doc__ or "").strip() or type(strategy).__doc__ == inspect.getdoc(type(strategy).__base__):
        return "has no docstring that says what it trades"
    for parameter in strategy.parameters:
        if (found := _undocumented(parameter)) is not None:
            return f"parameter {parameter.name!r} {found}"
    if (reason := strategy.constraint(strategy.parameters.defaults)) is not None:
        return f"refuses its own defaults: {reason}"
    if (size := _grid_size(case)) > MAX_COMBINATIONS:
        return f"has a default grid of {size:,} combinations, at most {MAX_COMBINATIONS:,} are allowed"
    return None


def _undocumented(parameter: Parameter) -> str | None:
    low, high = (end if end is not None else parameter.default for end in (parameter.low, parameter.high))
    rules = (
        (re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", parameter.name), "must be named in snake_case"),
        (parameter.doc.strip(), "has no doc"),
        (parameter.unit.strip() or not parameter.is_number, "is a number without a unit ('ATR', 'bars', 'fraction')"),
        (
            not parameter.is_number or float(low) <= float(parameter.default) <= float(high),
            f"has the default {parameter.default} outside its range {low} to {high}",
        ),
        (
            not parameter.grid or parameter.default in parameter.grid,
            f"has a grid that leaves out its default {parameter.default}",
        ),
    )
    return next((said for holds, said in rules if not holds), None)


def _grid_size(case: Case) -> int:
    grid = Combinations(case.strategy.default_grid)
    refused_by_constraint = ConstraintMask.of(case.strategy, grid)
    free = math.prod(len(v) for name, v in grid.values.items() if name not in refused_by_constraint.names)
    return int(np.count_nonzero(~refused_by_constraint.table)) * free


def no_dead_parameter(case: Case) -> str | None:
    """Each parameter changes signals or trades somewhere in its range, under some values of the others."""
    dead = {p.name: tried(p) for p in case.strategy.parameters}
    for values in _bases(case):
        before = _answer(case, values)
        dead = {name: options for name, options in dead.items() if not _moves(case, values, name, before)}
        if not dead:
            return None
    return "has dead parameters: " + "; ".join(
        f"{name!r} changes no signal and no trade at any of {options}" for name, options in dead.items()
    )


def _bases(case: Case) -> Iterator[Values]:
    """Yield parameters to start from: those under which most happens, then random ones."""
    points = case.points
    yield from points[1:] + points[:1]
    strategy, rng = case.strategy, np.random.default_rng(0)
    options = {p.name: tried(p) for p in strategy.parameters}
    for _ in range(_DRAWS):
        values = {name: some[int(rng.integers(len(some)))] for name, some in options.items()}
        if strategy.constraint(values) is None:
            yield values


def _answer(case: Case, values: Values) -> tuple[object, ...]:
    run = backtest(case.strategy, case.bars, values, execution=Execution(case.sides))
    trades = run.trades
    columns = (trades.signal_bar, trades.side, trades.exit_bar, trades.exit_price, trades.net_return)
    return (run.signals, run.orders_sent, *(column.tobytes() for column in columns))


def _moves(case: Case, values: Values, name: str, before: tuple[object, ...]) -> bool:
    """Whether a parameter changes anything while the others stay."""
    others = (values | {name: value} for value in tried(case.strategy.parameters[name]) if value != values[name])
    return any(case.strategy.constraint(v) is None and _answer(case, v) != before for v in others)
