"""Rules about what comes of a strategy: sweep and replay agree, and dirty bars do no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.engine import OBJECTIVES, TABLE, Combinations, Execution, Signals, Span, from_sums, layout
from assay.engine.funnel import NOT_BOTH, SENT
from assay.engine.layout import EXITS, LEVELS
from assay.evaluation import ConstraintMask, Evaluator, backtest, first_signal_bar, signal_funnel
from assay.testing.declared import MAX_COMBINATIONS
from assay.testing.markets import DIRT, cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars
    from assay.testing.case import Case, Values

_REPLAYED = 24
_SAMPLED = 2_000


def sweep_equals_replay(case: Case) -> str | None:
    """Combinations of the default grid have the same sums, to the last bit, in a sweep and replayed alone."""
    strategy, bars = case.strategy, case.bars
    grid, rng = Combinations(strategy.default_grid), np.random.default_rng(0)
    if len(grid) > MAX_COMBINATIONS:
        index = [rng.integers(len(v), size=_SAMPLED) for v in grid.values.values()]
        grid = Combinations(grid.values, np.stack(index, axis=1))
    execution = Execution(case.sides).on(bars.market)
    evaluator = Evaluator.over(strategy, grid.values, execution=execution)
    span = evaluator.span(first_signal_bar(bars, 0, evaluator.warmup), len(bars))
    swept, by_two = (_sums(evaluator, bars, span, grid, threads) for threads in (1, 2))
    if not np.array_equal(swept, by_two, equal_nan=True):
        return "is swept to other results by two threads than by one"
    sensible = np.flatnonzero(~ConstraintMask.of(strategy, grid).at(np.arange(len(grid))))
    for position in rng.choice(sensible, min(_REPLAYED, len(sensible)), replace=False).tolist():
        values = grid.at(position)
        alone = backtest(strategy, bars, values, execution=execution, span=span).sums
        if (found := _unequal(swept[position], alone, bars)) is not None:
            return f"has other results in a sweep than alone at {values}: {found}"
    return None


def _sums(evaluator: Evaluator, bars: Bars, span: Span, grid: Combinations, threads: int) -> NDArray[np.float64]:
    sums = np.full((len(grid), layout.SUM_FIELDS), np.nan)
    for block in evaluator.blocks(bars, [span], grid, lambda block: block, threads=threads):
        sums[block.position] = block.sums
    return sums


def _unequal(swept: NDArray[np.float64], alone: NDArray[np.float64], bars: Bars) -> str | None:
    """Say which measure differs first."""
    if np.array_equal(swept, alone, equal_nan=True):
        return None
    for name in dict.fromkeys((*TABLE, *OBJECTIVES)):
        one, other = (float(from_sums(sums, name, bars.market.days_per_year)) for sums in (swept, alone))
        if not np.array_equal(one, other, equal_nan=True):
            return f"{name} {one!r} instead of {other!r}"
    return f"sums {swept.tolist()} instead of {alone.tolist()}"


def funnel_adds_up(case: Case) -> str | None:
    """No stage of the signal funnel has more than the one before, and its ends are those of a backtest."""
    execution = Execution(case.sides)
    for values in case.points:
        found = signal_funnel(case.strategy, case.bars, values, execution=execution).funnel
        run = backtest(case.strategy, case.bars, values, execution=execution)
        passed = [stage.passed for stage in found.stages]
        if passed != sorted(passed, reverse=True):
            return f"has a funnel that widens at {values}: {passed}"
        named = {stage.name: stage.passed for stage in found.stages}
        counted = named[NOT_BOTH], named[SENT], found.trades, sum(n for _, n in found.exits)
        traded = run.signals, run.orders_sent, len(run.trades), len(run.trades)
        if counted != traded:
            return (
                f"has a funnel of {counted} signals, orders, fills and exits, and a backtest of {traded}, at {values}"
            )
    return None


def survives_dirty_bars(case: Case) -> str | None:
    """Holes, quiet bars, bad ticks and short histories neither raise nor leave a signal without its prices."""
    for name, dirty in (*DIRT.items(), ("a history shorter than the warm-up", lambda bars: _too_short(case, bars))):
        bars = dirty(case.bars)
        for values in case.points:
            try:
                found = _harm(case, bars, values)
            except Exception as error:  # noqa: BLE001  (a strategy may raise anything; that it does is the finding)
                found = f"raises {type(error).__name__}: {error}"
            if found is not None:
                return f"on {name}, at {values}: {found}"
    return None


def _too_short(case: Case, bars: Bars) -> Bars:
    return cut(bars, 0, max(1, case.strategy.warmup(case.strategy.parameters.defaults) // 2))


def _harm(case: Case, bars: Bars, values: Values) -> str | None:
    strategy = case.strategy
    span = Span(0, len(bars), strategy.warmup(values))
    setups = strategy.all_setups(bars, values, case.sides)
    rows = Signals.select(bars, setups, strategy.rules, strategy.bracket, values, span).rows
    for name in _needed(case, values):
        unknown = np.isnan(rows.levels[:, LEVELS.index(name)])
        if unknown.any():
            return f"a signal passes at bar {rows.bar[np.argmax(unknown)]} whose level {name!r} is NaN"
    run = backtest(strategy, bars, values, execution=Execution(case.sides))
    if not (np.isfinite(run.trades.net_return).all() and np.isfinite(run.equity).all()):
        return "a trade has no finite return"
    return None


def _needed(case: Case, values: Values) -> list[str]:
    """Return the levels without which the bracket has no stop or no target."""
    b = dict(zip(EXITS, case.strategy.bracket.vector(values).tolist(), strict=True))
    needed = {
        "stop_unit": b["stop_multiple"] != 0 or case.strategy.bracket.trail == "distance",
        "target_unit": b["target_in_unit"] > 0 and np.isfinite(b["target_multiple"]),
        "target_limit": b["target_limited"] > 0 and np.isinf(b["target_multiple"]),
    }
    return [name for name, is_needed in needed.items() if is_needed]
