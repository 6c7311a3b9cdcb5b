"""The campaign of a stored configuration against the ledger: what else was tried, only the ledger can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from assay.documents import Document, TrainedDocument
from assay.store import schema
from assay.store.campaigns import tried_experiments
from assay.store.chain import identity
from assay.validation import TriedExperiment, adjusted_p
from assay.validation.campaign import MEMBER_DIGITS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class CampaignCheck:
    """Whether a document's p with all tries is what the ledger gives for the experiments that it names.

    Attributes
    ----------
    note : str
        What could not be compared, in words; empty where all was.
    stored, recomputed : float or None
        Both p where they differ; None where they agree or nothing was compared.
    """

    note: str = ""
    stored: float | None = None
    recomputed: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether nothing speaks against the document."""
        return self.recomputed is None


def check_campaign(c: sa.Connection, document: Mapping[str, Any]) -> CampaignCheck:
    """Take the p of a document's campaign again from the ledger, in a transaction of the caller's.

    A try whose null statistics were unknown then and are known by now lowers it: only a p above the stored one speaks
    against the document.
    """
    found = Document.of(document)
    campaign = found.evidence.campaign if isinstance(found, TrainedDocument) else None
    if campaign is None or not isinstance(found, TrainedDocument):
        return CampaignCheck()
    if campaign.ledger != identity(c).id:
        return CampaignCheck(
            f"what else was tried was counted in another ledger ({campaign.ledger}): its campaign, and the stage that "
            "follows from it, are compared as they are stored"
        )
    test = found.evidence.permutation
    if campaign.p_adjusted is None or test.statistic is None or test.p_value is None:
        return CampaignCheck()
    others = _named(c, campaign.members)
    recomputed, _ = adjusted_p(test.statistic, test.null_statistics, test.p_value, others)
    if recomputed <= campaign.p_adjusted + ROUNDING:
        return CampaignCheck()
    return CampaignCheck(stored=campaign.p_adjusted, recomputed=recomputed)


def _named(c: sa.Connection, prefixes: tuple[str, ...]) -> list[TriedExperiment]:
    """Return the experiments whose digests begin so; one that the ledger does not have is unknown."""
    tables = (schema.trials, schema.trial_declarations, schema.trial_nulls)
    digests = sa.union(*(sa.select(table.c.experiment_digest) for table in tables))
    by_prefix = {str(digest)[:MEMBER_DIGITS]: str(digest) for digest in c.execute(digests).scalars()}
    known = tried_experiments(c, [by_prefix[one] for one in prefixes if one in by_prefix])
    missing = [TriedExperiment(one, math.nan, np.zeros(0)) for one in prefixes if one not in by_prefix]
    return [*known, *missing]
