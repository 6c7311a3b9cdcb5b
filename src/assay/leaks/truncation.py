"""Truncation: a history cut short says of the bars that are left what the whole one says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.leaks.compare import Slack, differences
from assay.leaks.findings import Finding, Looked
from assay.leaks.probe import first_of_each, fresh

if TYPE_CHECKING:
    from assay.engine import Setups
    from assay.leaks.probe import Probe, Question

WHY = "depends on bars that were not over yet"
BAR_BUDGET = 5_000_000
MIN_CUTS, MAX_CUTS = 16, 64
ROUNDING = Slack(relative=1e-9)
"""Matrix products and FFTs round the last bits otherwise in arrays of another length; a lead changes more than that."""


def truncation(probe: Probe) -> Looked:
    """Shorten the history at many bars, for every shape that is asked and every side, and compare all rows.

    Most cuts come right after a signal bar: only the last bar of a history can show a lead of one bar.
    """
    findings: list[Finding] = []
    count, rows = 0, 0
    cuts = probe.times(BAR_BUDGET, len(probe.every_question), MIN_CUTS, MAX_CUTS)
    for number, question in enumerate(probe.every_question):
        whole = question.of(probe.strategy, fresh(probe.bars))
        for cut in cuts_of(whole, len(probe.bars), cuts, probe.rng(100 + number)):
            known = whole.take(whole.bar < cut)
            findings += _leaks(probe, question, known, cut)
            count, rows = count + 1, rows + len(known)
    return Looked(f"{count:,} cuts, {rows:,} rows", first_of_each(findings))


def cuts_of(whole: Setups, n: int, cuts: int, rng: np.random.Generator) -> list[int]:
    """Return lengths to which n bars are cut: three quarters of them end with a signal bar."""
    after_signals = rng.choice(whole.bar, 3 * cuts // 4) + 1 if len(whole) else np.zeros(0, np.int64)
    anywhere = rng.integers(n // 2, n, cuts - len(after_signals))
    chosen = np.unique(np.concatenate([after_signals, anywhere]))
    return [int(cut) for cut in chosen[chosen < n]]


def _leaks(probe: Probe, question: Question, known: Setups, cut: int) -> list[Finding]:
    # what is expected is what can be known: the rows of the shortened history
    alone = question.of(probe.strategy, probe.bars.head(cut))
    return list(probe.findings(differences(alone, known, ROUNDING), question, WHY))
