"""How usual a verdict is: what the honesty study measured on simulated markets, in words for one document.

A study of simulated markets says how often a search like this one promotes an edge of a known size, and how often it
promotes none. The sentences are made when a verdict is shown and are no part of a document: another study changes them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from assay.documents import TrainedDocument
from assay.reports import power_table
from assay.training.procedure import PROCEDURE_VERSION
from assay.validation import Stage

if TYPE_CHECKING:
    from assay.documents import Document

USUAL_EDGE, CLEAR_EDGE = 0.1, 0.2
"""Edges that are named, in R a trade after costs: one that a year often misses, and one that it seldom does."""

EXCHANGE_COSTS = 0.0015
"""Fee and slippage a side of the level ``exchange`` of the study; the other level is 0."""

COMPARABLE = 4.0
"""A search up to so many times larger or smaller than that of the study is like it."""

FEWER_DAYS = 0.75
"""Below this share of the study's days a training has seen clearly less."""


class PowerRow(NamedTuple):
    """Simulated markets of one kind.

    Attributes
    ----------
    costs : str
        ``zero`` or ``exchange``.
    edge_r : float
        R a trade after costs; 0 is a market without an edge.
    days : int
    timeframe : str
    markets : int
    promoted : int
        How many reached VALIDATION or MATURE.
    """

    costs: str
    edge_r: float
    days: int
    timeframe: str
    markets: int
    promoted: int

    @property
    def promoted_pct(self) -> float:
        """Share that was promoted, percent."""
        return 100.0 * self.promoted / self.markets


ROWS = tuple(PowerRow(*row) for row in power_table.ROWS)


def usual_sentence(document: Document) -> str:
    """Return how usual it is that nothing was promoted, and what could have been found.

    Parameters
    ----------
    document : Document

    Returns
    -------
    str
        Empty where something was promoted, where nothing was measured (no permutation test, bars below the quality
        gate, plain measures), and where the study describes no such training: another strategy, a search of another
        size, or no markets at such costs.
    """
    if not isinstance(document, TrainedDocument) or not _measured_as_paper(document) or not _is_like_study(document):
        return ""
    level = _level_of(document)
    rows = {row.edge_r: row for row in ROWS if row.costs == level}
    none, usual, clear = (rows.get(edge) for edge in (0.0, USUAL_EDGE, CLEAR_EDGE))
    if none is None or usual is None or clear is None:
        return ""
    return (
        f"That is usual: of simulated histories of {usual.days} days of {usual.timeframe} bars at {level} costs, "
        f"{100.0 - usual.promoted_pct:.3g} % with an edge of {usual.edge_r:g} R (after costs a trade earns "
        f"{usual.edge_r:g} times what it risks) are not promoted, and {100.0 - none.promoted_pct:.3g} % of those "
        f"without any edge. An edge of {clear.edge_r:g} R is promoted in {clear.promoted_pct:.3g} % of them "
        f"({power_table.STRATEGY}, {power_table.COMBINATIONS:,} combinations{_by_earlier()}).{_other(document, usual)}"
    )


class Training(NamedTuple):
    """What is known of a training before it is begun.

    Attributes
    ----------
    strategy : str
    combinations : int
    per_side : float
        Fee and slippage of one side.
    days : float
    timeframe : str
    permutations : int
    """

    strategy: str
    combinations: int
    per_side: float
    days: float
    timeframe: str
    permutations: int


class Power(NamedTuple):
    """How large an edge a training can be expected to find.

    Attributes
    ----------
    sentence : str
        What was measured, or why nothing is known.
    rows : tuple of PowerRow
        Edges of the study, the smallest first; none where the study describes no such training.
    """

    sentence: str
    rows: tuple[PowerRow, ...] = ()


def power_of(training: Training) -> Power:
    """Return what the study says of a training that is not begun; no more than what it measured."""
    if reason := _not_measured(training):
        return Power(f"How large an edge it can find is not known: {reason}.")
    level = costs_level(training.per_side)
    rows = tuple(sorted((row for row in ROWS if row.costs == level), key=lambda row: row.edge_r))
    found = {row.edge_r: row for row in rows}
    none, usual, clear = (found.get(edge) for edge in (0.0, USUAL_EDGE, CLEAR_EDGE))
    if none is None or usual is None or clear is None:
        return Power("How large an edge it can find is not known: nothing was measured at such costs.")
    return Power(
        f"Detects an edge of {clear.edge_r:g} R a trade (after costs) with {clear.promoted_pct:.3g} %, one of "
        f"{usual.edge_r:g} R with {usual.promoted_pct:.3g} %, and believes {none.promoted_pct:.3g} % of markets "
        f"without any: measured on simulated histories of {usual.days} days of {usual.timeframe} bars at {level} costs "
        f"({power_table.COMBINATIONS:,} combinations, {power_table.PERMUTATIONS} permutations{_by_earlier()}).",
        rows,
    )


def _not_measured(training: Training) -> str:
    """Return why the study says nothing of a training; "" where it does."""
    measured = ROWS[0]
    if training.strategy != power_table.STRATEGY:
        return f"only {power_table.STRATEGY} was measured"
    if not is_like_study(training.strategy, training.combinations):
        return f"searches of about {power_table.COMBINATIONS:,} combinations were measured"
    if training.timeframe != measured.timeframe:
        return f"only {measured.timeframe} bars were measured"
    if training.days < FEWER_DAYS * measured.days:
        return f"{measured.days} days were measured, and fewer find less"
    if training.permutations < power_table.PERMUTATIONS:
        return f"{power_table.PERMUTATIONS} permutations were measured, and fewer find less"
    return ""


def _by_earlier() -> str:
    earlier = power_table.PROCEDURE_VERSION != PROCEDURE_VERSION
    return ", measured with an earlier version of the procedure" if earlier else ""


def _measured_as_paper(document: TrainedDocument) -> bool:
    """Whether nothing was promoted for a reason that markets without an edge have, too: no profit, or a large p."""
    if document.lifecycle.current_stage != Stage.PAPER or document.provenance.data_override:
        return False
    failed = [gate for gate in document.lifecycle.gates if not gate.passed]
    return not document.evidence.search.candidate_found or any(
        gate.value is not None and not gate.is_switch for gate in failed
    )


def _is_like_study(document: TrainedDocument) -> bool:
    """Whether a training searched the strategy of the study among about as many combinations."""
    return is_like_study(document.strategy, document.evidence.search.combinations)


def is_like_study(strategy: str, combinations: int) -> bool:
    """Whether a search of a strategy among so many combinations is like that of the study."""
    times = combinations / power_table.COMBINATIONS
    return strategy == power_table.STRATEGY and 1 / COMPARABLE <= times <= COMPARABLE


def _level_of(document: TrainedDocument) -> str:
    costs = document.execution.costs
    return costs_level(costs.fee + costs.slippage)


def costs_level(per_side: float) -> str:
    """Return the level of the study that is nearer to fee and slippage of one side."""
    return "exchange" if per_side > EXCHANGE_COSTS / 2 else "zero"


def _other(document: TrainedDocument, usual: PowerRow) -> str:
    """Return in what a training was not that of the study: clearly fewer days, another timeframe."""
    begin, end = (datetime.fromisoformat(moment) for moment in (document.context.from_, document.context.to))
    days = (end - begin) / timedelta(days=1)
    fewer = f" This training saw {days:.0f} days: fewer days find less." if days < FEWER_DAYS * usual.days else ""
    frame = document.context.timeframe
    return fewer + ("" if frame == usual.timeframe else f" Nothing was measured for {frame} bars.")
