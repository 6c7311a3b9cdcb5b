"""How far a stored configuration may be believed today: its verdict, with everything that was tried since.

A verdict is of its moment. Whoever goes on trying on the same days makes the best of a larger search, and every
configuration that is used is judged by the whole campaign: the later p is never smaller than the one of its document.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from assay.documents import Document, TrainedDocument
from assay.store import campaigns
from assay.store.ledger import MarketDays, days_of
from assay.validation import Stage, adjusted_p
from assay.validation.lifecycle import MATURE_P, MAX_P

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Standing:
    """What a configuration is worth by the ledger of today.

    Attributes
    ----------
    stage : Stage
        That of its document, or a lower one.
    p_adjusted : float
        p with all that was tried on its days, never below that of its document; NaN where it has none.
    experiments, unknown : int
        Other experiments on its days, and those of them without null statistics.
    """

    stage: Stage
    p_adjusted: float
    experiments: int
    unknown: int

    @property
    def reason(self) -> str:
        """Why the stage is lower than that of the document, in one sentence; to be read where it is."""
        blind = f" ({self.unknown:,} of them cannot be repeated)" if self.unknown else ""
        limit = MAX_P if self.stage == Stage.PAPER else MATURE_P
        others = "1 other experiment has" if self.experiments == 1 else f"{self.experiments:,} other experiments have"
        return (
            f"{others} been made on its days by now{blind}: p with all of them is "
            f"{self.p_adjusted:.3g}, above {limit:g}"
        )


class Adjusted(NamedTuple):
    """A p with all that was tried on the same days by now.

    Attributes
    ----------
    p_adjusted : float
        Never below that of the document.
    experiments, unknown : int
        Other experiments on these days, and those of them without null statistics, which cost in full.
    """

    p_adjusted: float
    experiments: int
    unknown: int


def standing(c: sa.Connection, document: Mapping[str, Any]) -> Standing:
    """Return what a configuration is worth today, in a transaction of the caller's.

    A document without evidence is PAPER and stays so; one of an earlier procedure has null statistics that cannot be
    compared, and keeps its stage.
    """
    found = Document.of(document)
    stage = Stage(found.lifecycle.current_stage)
    if not isinstance(found, TrainedDocument) or stage == Stage.PAPER:
        return Standing(stage, math.nan, 0, 0)
    today = adjusted_today(c, found)
    if today is None:
        return Standing(stage, math.nan, 0, 0)
    p = today.p_adjusted
    capped = Stage.PAPER if p > MAX_P else Stage.VALIDATION if p > MATURE_P else stage
    return Standing(stage.capped_by(capped), p, today.experiments, today.unknown)


def adjusted_today(c: sa.Connection, document: TrainedDocument) -> Adjusted | None:
    """Return the p of a document with all that was tried on its days by now, in a transaction of the caller's.

    None where p is unknown, or of an earlier procedure.
    """
    provenance, test, then = document.provenance, document.evidence.permutation, document.evidence.campaign
    if not document.is_of_this_procedure or test.p_value is None or test.statistic is None:
        return None
    others = [d for d in campaigns.members(c, _days(c, document)) if d != provenance.experiment_digest]
    now, unknown = adjusted_p(
        test.statistic, test.null_statistics, test.p_value, campaigns.tried_experiments(c, others)
    )
    before = test.p_value if then is None or then.p_adjusted is None else then.p_adjusted
    return Adjusted(max(now, before), len(others), unknown)


def _days(c: sa.Connection, document: TrainedDocument) -> MarketDays:
    """Return the days of a configuration, from its entry of the ledger where there is one."""
    found = days_of(c, document.provenance.experiment_digest)
    if found is not None:
        return found
    context, span = document.context, document.provenance.data
    return MarketDays(context.exchange, context.pair, span.from_ms, span.to_ms)
