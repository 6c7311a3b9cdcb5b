"""History: a history that begins later says the same, once the strategy's warm-up has long passed.

Exponential averages (Wilder's, EMA) never quite forget their first value: with a time constant of k bars they keep
exp(-a/k) of it after a bars. So nothing is asked right after the warm-up. A strategy's warm-up says how long its memory
is; an average whose time constant is no longer than that has forgotten its start to e^-14 = 8e-7 after 14 warm-ups.
The start itself may be off by ten times the usual size of a value, so a value may differ by 1e-5. A running total, a
rank among all bars so far or the number of a bar never forget: they differ as much after 14 warm-ups as after one.
Where a value and its limit all but agree, so little decides whether a row exists: one row in a thousand may come or go.

Only bars with trade are counted, as indicators do: where there is none for hours, averages stand still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.leaks.compare import Slack, differences
from assay.leaks.findings import Finding, Looked, NotRun
from assay.leaks.probe import first_of_each, fresh

if TYPE_CHECKING:
    from assay.engine import Setups
    from assay.leaks.probe import Probe, Question

WHY = "depends on where the history begins, however many bars lie before it"
WARMUPS = 14
SLACK = Slack(relative=1e-5, rows=0.001)
MIN_COMPARED = 500
BAR_BUDGET = 1_200_000
MIN_BEGINS, MAX_BEGINS = 3, 8


def history(probe: Probe) -> Looked | NotRun:
    """Begin the history later, at several bars, and compare the rows that have 14 warm-ups before them."""
    reach = WARMUPS * max(probe.warmup, 1)
    traded = np.cumsum(probe.bars.tradable)
    latest = min(len(traded) // 2, int(np.searchsorted(traded, traded[-1] - reach - MIN_COMPARED)))
    if latest < 2:
        least = reach + MIN_COMPARED
        return NotRun(f"needs {least:,} bars with trade ({WARMUPS} warm-ups of {probe.warmup} and some)")
    times = probe.times(BAR_BUDGET, len(probe.every_question), MIN_BEGINS, MAX_BEGINS)
    begins = np.unique(probe.rng(200).integers(1, latest, times)).tolist()
    findings: list[Finding] = []
    rows = 0
    for question in probe.every_question:
        whole = question.of(probe.strategy, fresh(probe.bars))
        for begin in begins:
            first = int(np.searchsorted(traded, traded[begin] + reach))
            seen = _since(whole, first)
            findings += _differing(probe, question, seen, begin, first)
            rows += len(seen)
    return Looked(f"{len(begins)} later beginnings, {rows:,} rows at least {reach:,} bars on", first_of_each(findings))


def _since(setups: Setups, bar: int) -> Setups:
    return setups.take(setups.bar >= bar)


def _differing(probe: Probe, question: Question, whole: Setups, begin: int, first: int) -> list[Finding]:
    later = _since(question.of(probe.strategy, probe.bars.tail(begin)), first - begin)
    return list(probe.findings(differences(_moved(whole, -begin), later, SLACK), question, WHY, begin))


def _moved(setups: Setups, by: int) -> Setups:
    """Return the rows with their bars counted from another one."""
    flat_by = np.where(setups.flat_by < 0, setups.flat_by, setups.flat_by + by)
    return type(setups)(
        bar=setups.bar + by,
        side=setups.side,
        features=setups.features,
        levels=setups.levels,
        flat_by=flat_by,
        groups=setups.groups,
    )
