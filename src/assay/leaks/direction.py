"""Direction: where the direction of every bar is tossed, orders earn no more than under another toss.

Bars are mirrored at random (`assay.validation.mirror`): what was is independent of what comes, so orders made from the
past are worth the same on the bars they were made from as on the same bars tossed again. Both runs meet the same
volatility, gaps, wicks and fills, hence their means are equal on any market, also where a mean itself is not zero. A
strategy that sees through its own bar earns on the first and not on the second.

This is the random walk without drift and the shuffled label in one: a driftless simulated market, given as bars, is the
first; orders that meet a future which is not theirs are the second.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assay.leaks.findings import Finding, Looked, NotRun
from assay.leaks.probe import ask
from assay.rounding import deviation
from assay.validation.null_bars import mirror

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.leaks.probe import Probe
    from assay.parameters import Value

WHY = "earns more, in percent of the price, on the bars that its orders were made from than on others"
STANDARD_ERRORS = 4.0
"""One honest strategy in 30,000 lies beyond, for each of at most three points."""
MIN_TRADES = 100
BAR_BUDGET = 2_000_000
MIN_TOSSES, MAX_TOSSES = 6, 24


def direction(probe: Probe) -> Looked | NotRun:
    """Trade tossed bars, and the same orders on bars tossed again; compare the mean trades."""
    tosses = probe.times(BAR_BUDGET, len(probe.points), MIN_TOSSES, MAX_TOSSES)
    findings: list[Finding] = []
    counted, most = 0, 0
    for point in probe.points:
        own, other = _returns(probe, point, tosses)
        most = max(most, min(len(own), len(other)))
        if min(len(own), len(other)) < MIN_TRADES:
            continue
        counted += len(own) + len(other)
        if _standard_errors(own, other) > STANDARD_ERRORS:
            expected, found = 100.0 * float(other.mean()), 100.0 * float(own.mean())
            findings.append(Finding(what="the mean trade", why=WHY, expected=expected, found=found, shape=point))
    if not counted:
        return NotRun(f"needs {MIN_TRADES} trades on {tosses} tosses of the bars, there were {most}")
    return Looked(f"{counted:,} trades on {tosses} tosses of the bars", tuple(findings[:1]))


def _returns(probe: Probe, point: Mapping[str, Value], tosses: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the trades' returns on the bars of the orders, and on the bars tossed again."""
    own, other = [], []
    for i in range(tosses):
        bars, again = (mirror(probe.bars, 2 * i + k) for k in (0, 1))
        setups = ask(probe.strategy, bars, point, probe.sides)
        own.append(probe.trades(bars, setups, point).net_return)
        scale = (again.close / bars.close)[setups.bar][:, None]
        moved = replace(setups, levels=setups.levels * scale)
        other.append(probe.trades(again, moved, point).net_return)
    return np.concatenate(own), np.concatenate(other)


def _standard_errors(own: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Difference of the means in its own standard errors (Welch's t)."""
    # Returns that do not vary are no sample of anything: 0 says that nothing was seen.
    if np.isnan(deviation(own)) and np.isnan(deviation(other)):
        return 0.0
    error = math.sqrt(own.var(ddof=1) / len(own) + other.var(ddof=1) / len(other))
    return float(own.mean() - other.mean()) / error
