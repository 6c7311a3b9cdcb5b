"""Ambiguous trades: what they leave open, and what finer bars say happened first.

A trade is ambiguous when its last bar opened between stop and target and its range holds both. The engine takes
the stop; the optimistic end takes every such trade out at its target, on the same bar.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import compounded_pct
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.engine import Run
    from assay.market import Bars

ROUNDING = 1e-9
"""Prices of two timeframes agree within this share: the digits of a float, never a tick."""

# What the inside of a bar says of a trade: its pessimistic end, its optimistic end, or why neither.
STOP = "stop"
TARGET = "target"
BOTH = "both lie in one finer bar"
NEITHER = "tradable finer bars reach neither"
BETWEEN = "the first target was reached, the rest left at neither end"
UNCOVERED = "finer bars are absent"
CONTRADICTED = "finer bars have other prices"
_REST = "rest"  # the first leg left at its target, the other at its stop


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """The interval of a run's net profit, and where in it the truth lies as far as finer bars tell.

    Attributes
    ----------
    trades : int
        Ambiguous ones.
    pessimistic_net_profit_pct, optimistic_net_profit_pct : float
        All of them at their stops, as the run has them; all at their targets, exit bars unchanged.
    finer_timeframe : str or None
        Of the bars that were looked into; None without.
    to_target, to_stop : int
        Trades whose order of events finer bars decide.
    resolved_net_profit_pct : float
        With those decided, the others at the stop; NaN without finer bars.
    reasons : tuple of (str, int)
        Why the others are not decided, and how many each.
    """

    trades: int
    pessimistic_net_profit_pct: float
    optimistic_net_profit_pct: float
    finer_timeframe: str | None = None
    to_target: int = 0
    to_stop: int = 0
    resolved_net_profit_pct: float = math.nan
    reasons: tuple[tuple[str, int], ...] = ()

    @property
    def resolved(self) -> int:
        """Trades that finer bars decide."""
        return self.to_target + self.to_stop

    @property
    def unresolved(self) -> int:
        """Trades that stay at the stop for want of an answer."""
        return self.trades - self.resolved

    @property
    def note(self) -> str:
        """What is left open, in words; empty when nothing is."""
        if not self.unresolved:
            return ""
        if self.finer_timeframe is None:
            return "only finer bars of the same market can tell which came first"
        return f"{self.unresolved} stay at the stop: " + ", ".join(f"{n} because {why}" for why, n in self.reasons)

    def interval(self) -> dict[str, Any]:
        """Return what a document holds, as plain values; unknown is None."""
        known = self.finer_timeframe is not None
        return {
            "trades": self.trades,
            "pessimistic_net_profit_pct": self.pessimistic_net_profit_pct,
            "optimistic_net_profit_pct": self.optimistic_net_profit_pct,
            "resolved": self.resolved if known else None,
            "resolved_net_profit_pct": self.resolved_net_profit_pct if known else None,
            "finer_timeframe": self.finer_timeframe,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the interval with how it was resolved, as plain values; unknown is None."""
        known = self.finer_timeframe is not None
        return self.interval() | {
            "to_target": self.to_target if known else None,
            "to_stop": self.to_stop if known else None,
            "unresolved": self.unresolved,
            "note": self.note,
        }


def ambiguity(run: Run, bars: Bars, finer: Bars | None = None) -> Ambiguity:
    """Return the interval that a run's ambiguous trades leave, and look into their last bars where possible.

    Which of stop and target came first is read from the finer bars inside the ambiguous bar, in the order of the
    fill rules: an open at or beyond a level, then the range, untradable bars left out. A finer bar that again holds
    both decides nothing. Only the order is read: prices stay those of the coarse run, and so do exit bars. Where
    the first target of a trade with two legs lies in the bar, the stop of the rest is break-even from there on, as
    in the coarse run (not on the entry bar); a rest that leaves elsewhere than one of the two ends, or not at all
    on this bar, is not decided.

    Parameters
    ----------
    run : Run
    bars : Bars
        Those of the run, or more of the same series.
    finer : Bars, optional
        Of the same market; their timeframe divides that of `bars`. Where their prices are not those of the
        ambiguous bar, or one of them is absent, they are not used.

    Raises
    ------
    InputError
        When the finer bars are those of another market, or not finer.
    """
    t = run.trades
    unclear = np.flatnonzero(t.ambiguous)
    pessimistic = compounded_pct(t.size * t.net_return)
    optimistic = compounded_pct(t.size * t.optimistic_return)
    if finer is None:
        return Ambiguity(len(unclear), pessimistic, optimistic)
    _check_finer(bars, finer)
    found = [_inside(run, bars, finer, int(i)) for i in unclear]
    at_target = unclear[np.array([what == TARGET for what in found], dtype=np.bool_)]
    net = t.net_return.copy()
    net[at_target] = t.optimistic_return[at_target]
    return Ambiguity(
        trades=len(unclear),
        pessimistic_net_profit_pct=pessimistic,
        optimistic_net_profit_pct=optimistic,
        finer_timeframe=str(finer.market.timeframe),
        to_target=found.count(TARGET),
        to_stop=found.count(STOP),
        resolved_net_profit_pct=compounded_pct(t.size * net),
        reasons=tuple(Counter(what for what in found if what not in (STOP, TARGET)).most_common()),
    )


def _check_finer(bars: Bars, finer: Bars) -> None:
    market, other = bars.market, finer.market
    if (market.exchange, market.symbol) != (other.exchange, other.symbol):
        raise InputError("finer", f"must be bars of {market.exchange} {market.symbol}", str(other))
    step = other.timeframe.ms
    if step >= market.timeframe.ms or market.timeframe.ms % step:
        raise InputError("finer", f"must have a timeframe that divides {market.timeframe}", str(other.timeframe))


def _inside(run: Run, bars: Bars, finer: Bars, trade: int) -> str:
    """Return which end of an ambiguous trade the finer bars show, or why they do not."""
    t = run.trades
    bar = int(t.exit_bar[trade])
    step = finer.market.timeframe.ms
    begin = (int(bars.time[bar]) - int(finer.time[0])) // step
    part = slice(begin, begin + bars.market.timeframe.ms // step)
    if begin < 0 or part.stop > len(finer) or finer.absent[part].any():
        return UNCOVERED
    theirs = finer.open[begin], finer.high[part].max(), finer.low[part].min(), finer.close[part.stop - 1]
    ours = bars.open[bar], bars.high[bar], bars.low[bar], bars.close[bar]
    if not np.allclose(theirs, ours, rtol=ROUNDING, atol=0.0):
        return CONTRADICTED
    side, stop, target, first = int(t.side[trade]), t.exit_raw[trade], t.target[trade], t.first_target[trade]
    left = t.partial_bar[trade]
    path = _Path(finer, side, begin, part.stop)
    # the first leg is of no concern where it had left by this bar's open, or where there is none
    if math.isnan(first) or left < bar or (left == bar and side * (bars.open[bar] - first) >= 0.0):
        return path.first_touch(begin, stop, target)[0]
    entry = math.nan if bar == t.entry_bar[trade] else t.entry_price[trade]
    if math.isnan(left):  # the run has both legs at the stop
        ended = path.two_legs(stop, first, target, entry)
        return BETWEEN if ended == _REST else ended
    # the run has the first leg at its target and the rest at break-even: the stop lies outside the bar
    ended = path.two_legs(-side * math.inf, first, target, entry)
    return {_REST: STOP, NEITHER: BETWEEN}.get(ended, ended)


@dataclass(frozen=True, slots=True)
class _Path:
    """The finer bars begin <= k < stop inside one coarse bar, seen by a position."""

    finer: Bars
    side: int
    begin: int
    end: int

    def range_of(self, k: int) -> tuple[float, float, float]:
        """Return open, favourable and adverse end of a bar."""
        b = self.finer
        good, bad = (b.high[k], b.low[k]) if self.side > 0 else (b.low[k], b.high[k])
        return float(b.open[k]), float(good), float(bad)

    def first_touch(self, begin: int, stop: float, target: float) -> tuple[str, int]:
        """Return which level comes first from a bar on, and in which bar."""
        for k in range(begin, self.end):
            if not self.finer.tradable[k]:
                continue
            o, good, bad = self.range_of(k)
            if self.side * (stop - o) >= 0.0:
                return STOP, k
            if self.side * (o - target) >= 0.0:
                return TARGET, k
            lost, gained = self.side * (stop - bad) >= 0.0, self.side * (good - target) >= 0.0
            if lost or gained:
                return (BOTH if lost and gained else STOP if lost else TARGET), k
        return NEITHER, self.end

    def two_legs(self, stop: float, first: float, target: float, entry: float) -> str:
        """Return how a position leaves whose first leg is still open; NaN for entry = no break-even on this bar."""
        what, k = self.first_touch(self.begin, stop, first)
        if what != TARGET:
            return what
        even = entry if self.side * (entry - stop) > 0.0 else stop
        o, _, bad = self.range_of(k)
        if self.side * (o - first) < 0.0 and self.side * (even - bad) >= 0.0:
            return BOTH  # the adverse end may lie before the first target
        what, _ = self.first_touch(k, even, target)
        return _REST if what == STOP else what
