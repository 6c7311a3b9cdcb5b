"""Calendar: the same bars 28 years later say the same.

What a strategy knows of certain days (a crash that is left out, a table of events, a model's predictions by date) was
learned after them, and no shortened history can show it. Weekdays and leap days fall alike after 28 years (until 2100),
so hours, weekdays, months and sessions stay what they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from assay.leaks.compare import differences
from assay.leaks.findings import Finding, Looked
from assay.leaks.probe import RaisedError, first_of_each, fresh
from assay.market.calendar import DAY_MS

if TYPE_CHECKING:
    from assay.leaks.probe import Probe
    from assay.market import Bars

WHY = "depends on the date itself, not on the bars"
NONE_LATER = "cannot be had for the same bars under later dates"
CYCLE_DAYS = 28 * 365 + 7


def calendar(probe: Probe) -> Looked:
    """Date the bars 28 years later and compare all rows."""
    findings: list[Finding] = []
    rows = 0
    for question in probe.every_question:
        now = question.of(probe.strategy, fresh(probe.bars))
        try:
            then = question.of(probe.strategy, _later(probe.bars))
        except RaisedError as error:
            findings.append(Finding(what="an answer", why=f"{NONE_LATER} ({error.rule})", side=question.side))
            continue
        findings += probe.findings(differences(then, now), question, WHY)
        rows += len(now)
    return Looked(f"{rows:,} rows under two dates", first_of_each(findings))


def _later(bars: Bars) -> Bars:
    return replace(bars, time=bars.time + CYCLE_DAYS * DAY_MS, session=bars.session + CYCLE_DAYS)
