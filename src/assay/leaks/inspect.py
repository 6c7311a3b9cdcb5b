"""Every leak check on one strategy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from assay.errors import InputError, LeakError
from assay.leaks.calendar import calendar
from assay.leaks.direction import direction
from assay.leaks.findings import Looked, NotRun
from assay.leaks.history import WARMUPS, history
from assay.leaks.isolated_copy import isolated_copies
from assay.leaks.poison import poison
from assay.leaks.probe import Probe
from assay.leaks.purity import purity
from assay.leaks.report import Answer, Check, LeakReport
from assay.leaks.truncation import truncation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy

INSPECTION_VERSION = 3
"""Raised whenever a check changes: what earlier checks found clean is inspected again."""

CHECKS = (
    Check(
        "purity",
        "The rows are a function of bars, side and parameters: asked again, in another order, of another instance or "
        "from other threads, the strategy says the same, and it leaves nothing behind.",
        "Keep nothing between calls; share what is dear to compute by `bars.derived`, under a key that names every "
        "parameter it depends on, and seed random numbers inside the call.",
        purity,
    ),
    Check(
        "truncation",
        "A history cut short says of the bars that are left what the whole one says of them.",
        "A rule may use bars up to its own: shift what comes later, and compute nothing over all bars.",
        truncation,
    ),
    Check(
        "history",
        f"A history that begins later says the same, once {WARMUPS} warm-ups lie before the bar.",
        "Use windows of a fixed length instead of everything since the first bar, or declare a `warmup` at least as "
        "long as the slowest average's time constant.",
        history,
    ),
    Check(
        "calendar",
        "The same bars dated 28 years later, where weekdays and leap days fall alike, say the same.",
        "Take dates, tables of events and predictions by date out of the strategy: they were learned after these days.",
        calendar,
    ),
    Check(
        "direction",
        "On bars whose direction is tossed, orders earn no more than the same orders under another toss.",
        "Look for what is known too early among features, levels and rows; the other checks may name it.",
        direction,
    ),
    Check(
        "poison",
        "A trade that is closed stays what it was when the bars after its exit change.",
        "Stops, targets and `flat_by` may use bars up to the signal's own.",
        poison,
    ),
)
"""Every check, in the order in which they are run."""


def inspect_strategy(
    strategy: Strategy,
    bars: Bars,
    space: Mapping[str, tuple[Value, ...]] | None = None,
    sides: str = "both",
    *,
    seed: int = 0,
    effort: float = 1.0,
    checks: tuple[Check, ...] = CHECKS,
) -> LeakReport:
    """Ask every check whether a strategy knows what it cannot know.

    Nothing found is no proof: what shows on other bars only, and what was learned elsewhere and depends on no date,
    stays unseen.

    Parameters
    ----------
    bars : Bars
        The first 20,000 are looked at, or more where the strategy has fewer than 50 rows there.
    space : mapping of str to tuple, optional
        Values of each parameter, of which both ends are asked, and of shapes those between; the strategy's default
        grid where not given.
    sides : {"both", "long", "short"}
    seed : int
        Of everything that is chosen at random: the same seed looks at the same places.
    effort : float
        Scales how often each question is asked; 1 takes a few seconds on 20,000 bars.

    Raises
    ------
    StrategyError
        When the strategy raises, naming the line of its file and the bars that it was asked on.
    """
    if seed < 0:
        raise InputError("seed", "must not be negative", seed)
    if not 0 < effort < math.inf:
        raise InputError("effort", "must be above 0", effort)
    space = space or strategy.default_grid
    probe = Probe(strategy, isolated_copies(strategy), bars, space, sides, seed, effort).with_enough_rows()
    answers: list[Answer] = []
    for check in checks:
        answers.append(Answer(check, _look(check, probe, answers)))
    return LeakReport(strategy.name, len(probe.bars), tuple(answers))


def _look(check: Check, probe: Probe, before: list[Answer]) -> Looked | NotRun:
    """Run a check; none can compare answers that are no function of the bars."""
    impure = [a for a in before if a.check.look is purity and a.findings]
    if impure:
        return NotRun("purity does not hold: nothing can be compared")
    if check.look is not purity and not probe.row_count:
        return NotRun("the strategy has no row on these bars")
    return check.look(probe)


def refuse_leaks(report: LeakReport) -> None:
    """Refuse a strategy in which something was found.

    Raises
    ------
    LeakError
        Naming the first finding, the moment and the way out.
    """
    for answer in report.checks:
        for one in answer.findings:
            raise LeakError(
                report.strategy, one.what, one.moment, one.why, one.expected, one.found, answer.check.way_out
            )
