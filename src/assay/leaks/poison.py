"""Poison: bars after an exit, changed, leave closed trades as they were."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Trades
from assay.leaks.findings import Finding, Looked, NotRun
from assay.leaks.probe import ask, first_of_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.leaks.probe import Probe
    from assay.market import Bars
    from assay.parameters import Value

WHY = "changes when bars after its exit change"
FACTOR = 3.0
BAR_BUDGET = 1_500_000
MIN_CUTS, MAX_CUTS = 8, 16


def poison(probe: Probe) -> Looked | NotRun:
    """Triple prices and shuffle volume after some trades' exits; compare the trades that were closed by then."""
    cuts = probe.times(BAR_BUDGET, len(probe.points), MIN_CUTS, MAX_CUTS)
    findings: list[Finding] = []
    changed, compared = 0, 0
    for number, point in enumerate(probe.points):
        rng = probe.rng(300 + number)
        before = _trades(probe, probe.bars, point)
        if len(before) < 2:
            continue
        for k in _exits(before, cuts, rng):
            after = _trades(probe, poisoned(probe.bars, k, rng), point)
            findings += _changed(probe, before, after, k, point)
            changed, compared = changed + 1, compared + int(np.sum(before.exit_bar <= k))
    if not changed:
        return NotRun("needs two trades on the bars")
    return Looked(f"{changed} changed futures, {compared:,} closed trades", first_of_each(findings))


def poisoned(bars: Bars, k: int, rng: np.random.Generator) -> Bars:
    """Return the same bars up to k; after it three times the price, and the volumes in another order."""
    later = np.arange(len(bars)) > k
    traded = np.flatnonzero(later & bars.tradable)
    volume = bars.volume.copy()
    volume[traded] = rng.permutation(volume[traded])
    factor = np.where(later, FACTOR, 1.0)
    return bars.with_prices(bars.open * factor, bars.high * factor, bars.low * factor, bars.close * factor, volume)


def _exits(trades: Trades, cuts: int, rng: np.random.Generator) -> list[int]:
    """Choose exits; half of them of the shortest trades, where the changed bars lie nearest to the signal."""
    ended = trades.exit_bar[:-1]  # after the last trade there may be no bar left to change
    shortest = ended[np.argsort(trades.bars_held[:-1], kind="stable")[: cuts // 2]]
    return [int(k) for k in np.unique(np.concatenate([shortest, rng.choice(ended, cuts - len(shortest))]))]


def _trades(probe: Probe, bars: Bars, point: Mapping[str, Value]) -> Trades:
    return probe.trades(bars, ask(probe.strategy, bars, point, probe.sides), point)


def _changed(probe: Probe, before: Trades, after: Trades, k: int, point: Mapping[str, Value]) -> list[Finding]:
    """Return the first trade that was closed at bar k under one future and is another one under the other."""
    closed, found = np.sum(before.exit_bar <= k), np.sum(after.exit_bar <= k)
    both = int(min(closed, found))
    same = np.ones(both, dtype=np.bool_)
    for field in fields(Trades):
        a, b = getattr(before, field.name)[:both], getattr(after, field.name)[:both]
        same &= (a == b) | ((a != a) & (b != b))
    if same.all() and closed == found:
        return []
    row = both if same.all() else int(np.argmin(same))
    known = before if closed > row else after
    return [
        Finding(
            what="a closed trade",
            why=WHY,
            time_ms=int(probe.bars.time[known.signal_bar[row]]),
            expected=100.0 * float(before.net_return[row]) if closed > row else np.nan,
            found=100.0 * float(after.net_return[row]) if found > row else np.nan,
            side=int(known.side[row]),
            shape=dict(point),
        )
    ]
