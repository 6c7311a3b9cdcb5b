"""The ledger as campaigns: what was tried on the same days together, and what is left of what was promoted there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import schema
from assay.store.campaigns import members, tried_experiments
from assay.store.ledger import MarketDays
from assay.store.schema import DeclarationKind
from assay.store.standing import standing
from assay.validation import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class PromotedSummary:
    """A configuration that was promoted on the days of a campaign.

    Attributes
    ----------
    config_id : str
    stored_stage, stage : str
        When it was stored, and with everything that was tried since.
    p_adjusted : float or None
        With all tries of today.
    """

    config_id: str
    stored_stage: str
    stage: str
    p_adjusted: float | None


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    """Experiments on the same days.

    Attributes
    ----------
    markets : tuple of str
        Under which names the days were seen.
    start_ms, stop_ms : int
        From the first to the last day of any of them.
    experiments, combinations : int
    unknown : int
        Experiments without null statistics, which cost in full.
    declared : int
        How many were declared before anything was run.
    promoted : tuple of PromotedSummary
    """

    markets: tuple[str, ...]
    start_ms: int
    stop_ms: int
    experiments: int
    combinations: int
    unknown: int
    declared: int
    promoted: tuple[PromotedSummary, ...]


def campaigns(c: sa.Connection, entries: Sequence[Mapping[str, Any]]) -> list[CampaignSummary]:
    """Return the campaigns of some entries of the ledger, in their order, in a transaction of the caller's."""
    groups: list[tuple[MarketDays, list[SimpleNamespace]]] = []
    for entry in (SimpleNamespace(**row) for row in entries):
        days = MarketDays.of(entry)
        found = next((group for first, group in groups if first.same_as(days)), None)
        if found is None:
            groups.append((days, found := []))
        found.append(entry)
    return [_summary(c, days, group) for days, group in groups]


def _summary(c: sa.Connection, days: MarketDays, group: Sequence[SimpleNamespace]) -> CampaignSummary:
    digests = {entry.experiment_digest for entry in group} | set(members(c, days))
    d = schema.trial_declarations.c
    declared = sa.select(sa.func.count()).where(
        d.experiment_digest.in_(sorted(digests)), d.kind == DeclarationKind.DECLARED
    )
    return CampaignSummary(
        markets=tuple(dict.fromkeys(f"{e.exchange} {e.symbol} {e.timeframe}" for e in group)),
        start_ms=min(e.start_ms for e in group),
        stop_ms=max(e.stop_ms for e in group),
        experiments=len(digests),
        combinations=sum(e.combinations for e in group),
        unknown=sum(not len(one.maxima) for one in tried_experiments(c, digests)),
        declared=int(c.execute(declared).scalar_one()),
        promoted=_promoted(c, digests),
    )


def _promoted(c: sa.Connection, digests: set[str]) -> tuple[PromotedSummary, ...]:
    t = schema.trained_configurations.c
    query = sa.select(t.config_id, t.status, t.config_json).where(
        t.experiment_digest.in_(sorted(digests)), t.status != Stage.PAPER.value, t.archived_at.is_(None)
    )
    found = []
    for row in c.execute(query.order_by(t.config_id)).all():
        today = standing(c, row.config_json)
        p = None if math.isnan(today.p_adjusted) else today.p_adjusted
        found.append(PromotedSummary(row.config_id, row.status, today.stage.value, p))
    return tuple(found)
