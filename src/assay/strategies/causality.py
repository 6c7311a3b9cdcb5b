"""Does a strategy know bars that were not over? Its setups of a shortened history must be those of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine.setups import LEVELS
from assay.errors import LeakError, StrategyError
from assay.strategies.base import SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from assay.engine import Setups
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies.base import Strategy

CUTS = 32
_ENOUGH_ROWS = 50
_ENOUGH_BARS = 20_000


@dataclass(frozen=True, slots=True)
class Leak:
    """What of a setup depends on bars after its signal bar.

    Attributes
    ----------
    what : str
        "feature 'x'", "level 'stop_unit'", or "the signal itself".
    bar : int
        The signal bar.
    alone, later : float
        The value with the bars up to the cut alone, and with those after it too; NaN for the signal itself.
    """

    what: str
    bar: int
    alone: float
    later: float


def find_leak(
    strategy: Strategy, bars: Bars, shape: Mapping[str, Value], side: int, *, seed: int = 0, cuts: int = CUTS
) -> Leak | None:
    """Shorten a history at several bars and compare what is said of the bars that are left.

    Most cuts come right after a signal bar: only the last bar of a history can show a lead of one bar.

    Parameters
    ----------
    shape : mapping
        Values of the strategy's shape parameters.
    side : {1, -1}
    seed : int
        Of the choice of cuts.

    Raises
    ------
    StrategyError
        When two calls with the same bars differ: such setups are no function of the bars.
    """
    whole = strategy.setups(bars, side, shape)
    if _difference(strategy.setups(bars, side, shape), whole) is not None:
        raise StrategyError(
            f"{strategy.name} setups", "must depend on bars, side and parameters alone: two calls gave different rows"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xCA05A1]))
    last_bars = rng.choice(whole.bar, 3 * cuts // 4) if len(whole) else np.zeros(0, np.int64)
    anywhere = rng.integers(len(bars) // 2, len(bars), cuts - len(last_bars))
    for cut in np.unique(np.concatenate([last_bars + 1, anywhere])).tolist():
        if cut < len(bars):
            known = whole.take(whole.bar < cut)
            if (leak := _difference(strategy.setups(bars.head(cut), side, shape), known)) is not None:
                return leak
    return None


def _difference(alone: Setups, later: Setups) -> Leak | None:
    """Return the first difference of two tables of rows."""
    if not (np.array_equal(alone.bar, later.bar) and np.array_equal(alone.side, later.side)):
        missing = np.setxor1d(alone.bar, later.bar)
        return Leak("the signal itself", int(missing[0] if len(missing) else later.bar[0]), np.nan, np.nan)
    for what, a, b in _columns(alone, later):
        differ = ~((a == b) | (np.isnan(a) & np.isnan(b)))
        if differ.any():
            row = int(np.argmax(differ))
            return Leak(what, int(later.bar[row]), float(a[row]), float(b[row]))
    return None


def _columns(alone: Setups, later: Setups) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    for name in later.features:
        # a feature that is there only sometimes is one that depends on later bars
        missing = np.full(len(alone), np.nan)
        yield f"feature {name!r}", alone.features.get(name, missing), later.features[name]
    for i, name in enumerate(LEVELS):
        yield f"level {name!r}", alone.levels[:, i], later.levels[:, i]
    yield "flat_by", alone.flat_by.astype(float), later.flat_by.astype(float)
    for i, name in enumerate(("group_a", "group_b")):
        yield name, alone.groups[:, i].astype(float), later.groups[:, i].astype(float)


def refuse_leaks(
    strategy: Strategy, bars: Bars, space: Mapping[str, tuple[Value, ...]], sides: str, *, seed: int = 0
) -> None:
    """Refuse a strategy that knows later bars, at both ends of its shapes.

    Raises
    ------
    LeakError
        Naming what depends on later bars, and where.
    StrategyError
        When the setups are no function of the bars.
    """
    for side in SIDES[sides]:
        for end in (0, -1):
            shape = {name: space[name][end] for name in strategy.shape_names}
            few = bars.head(_ENOUGH_BARS)
            seen = few if len(strategy.setups(few, side, shape)) >= _ENOUGH_ROWS else bars
            if (leak := find_leak(strategy, seen, shape, side, seed=seed)) is not None:
                moment = f"{np.datetime64(int(bars.time[leak.bar]), 'ms')}"[:16]
                raise LeakError(strategy.name, leak.what, moment, leak.alone, leak.later)
            if not strategy.shape_names:
                break
