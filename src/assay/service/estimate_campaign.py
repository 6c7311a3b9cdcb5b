"""What was tried on some days so far, and what another try there costs, before anything is run.

The numbers follow from how a verdict counts tries in (`assay.validation.settle_campaign`): a try that cannot be
repeated costs in full, one that can be costs between nothing (a near copy) and that (an unrelated one).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.plurals import plural
from assay.store import campaigns
from assay.store.chain import head
from assay.store.ledger import counted
from assay.store.schema import trained_configurations
from assay.training.experiment import THINNED_GRID
from assay.validation import needed_permutations
from assay.validation.lifecycle import MAX_P

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.store.ledger import MarketDays, Tried


@dataclass(frozen=True)
class KnownTry:
    """An experiment that the ledger has.

    Attributes
    ----------
    permutations : int
        Null statistics that are stored.
    combinations : int or None
        None where it has no result, or cannot be made again.
    """

    permutations: int
    combinations: int | None

    def lacks(self, permutations: int) -> int:
        """Return how many null statistics have to be computed; 0 where they cannot be."""
        return max(permutations - self.permutations, 0) if self.is_repeatable else 0

    def is_unknown(self, permutations: int) -> bool:
        """Whether it costs as if it were unrelated."""
        return self.permutations < permutations and not self.is_repeatable

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be repeated, as far as the ledger tells: its bars or its strategy may be gone."""
        return self.combinations is not None and self.combinations <= THINNED_GRID


@dataclass(frozen=True)
class DaysTried:
    """What the ledger has of some days.

    Attributes
    ----------
    tried : Tried
    members : mapping of str to KnownTry
        By the digest of the experiment.
    promoted : int
        Configurations that were promoted on these days.
    """

    tried: Tried
    members: Mapping[str, KnownTry]
    promoted: int


def days_tried(c: sa.Connection, days: MarketDays) -> DaysTried:
    """Return what was tried on some days, in a transaction of the caller's."""
    members = campaigns.members(c, days)
    repeatable = campaigns.repeatable(c, members)
    known = {
        one.digest: KnownTry(len(one.maxima), repeatable[one.digest].combinations if one.digest in repeatable else None)
        for one in campaigns.tried_experiments(c, members)
    }
    return DaysTried(counted(c, days), known, len(campaigns.promoted_on(c, days)))


def ledger_state(c: sa.Connection) -> tuple[int, int, int]:
    """Return what changes whenever anything is tried, promoted or archived, in a transaction of the caller's."""
    t = trained_configurations.c
    rows = c.execute(sa.select(sa.func.count(), sa.func.max(t.updated_at)).select_from(trained_configurations)).one()
    return head(c).length, int(rows[0]), int(rows[1] or 0)


@dataclass(frozen=True)
class CampaignEstimate:
    """What was tried on the days of a training so far, and what it costs to try it.

    Attributes
    ----------
    experiments, combinations, holdout_openings : int
        What the ledger has of these days; the experiment itself is left out of the first.
    unknown : int
        Experiments of these that cannot be repeated and cost in full.
    promoted : int
        Configurations on these days whose p is taken again with every further try.
    beside : int
        Other experiments of the same estimate on these days.
    is_new : bool
        Whether the ledger does not have this very experiment: it counts once.
    tries : int
        New experiments on these days that the estimate would add, with this one.
    permutations : int
    permutations_needed : int or None
        Where so many are too few: with how many p could reach its limit.
    p_best : float or None
        Least p that this training can reach, the unknown tries counted in; None without permutations.
    p_needed, p_needed_after : float
        p alone that would convince if all tries were unrelated: of this training, and of the next one on these days.
    """

    experiments: int
    combinations: int
    holdout_openings: int
    unknown: int
    promoted: int
    beside: int
    is_new: bool
    tries: int
    permutations: int
    permutations_needed: int | None
    p_best: float | None
    p_needed: float
    p_needed_after: float

    @property
    def sentence(self) -> str:
        """What a try on these days costs, in words."""
        parts = [self._so_far, self._cost]
        if self.p_best is None:
            parts.append("Without permutations p stays unknown, and nothing is promoted.")
        elif self.permutations_needed is not None:
            parts.append(
                f"{plural(self.permutations, 'permutation')} can give no p below {self.p_best:.3g}: nothing can be "
                f"promoted with fewer than {self.permutations_needed:,}."
            )
        if self.promoted and self.is_new:
            parts.append(
                f"{plural(self.promoted, 'promoted configuration')} on these days will be judged with it, too."
            )
        return " ".join(parts)

    @property
    def _so_far(self) -> str:
        opened = f", and holdouts were opened {plural(self.holdout_openings, 'time')}" if self.holdout_openings else ""
        beside = f"; {plural(self.beside, 'other experiment')} of this request will be" if self.beside else ""
        if not self.experiments:
            return f"Nothing else was tried on these days{beside}."
        return (
            f"{plural(self.experiments, 'other experiment')} ({plural(self.combinations, 'combination')}) "
            f"{'was' if self.experiments == 1 else 'were'} tried on these days{opened}{beside}."
        )

    @property
    def _cost(self) -> str:
        if not self.is_new:
            return "This very experiment was begun before: to repeat it costs nothing."
        others = self.experiments + self.beside
        own = (
            f"If all are unrelated, p alone has to be at most {self.p_needed:.3g} (a first try: {MAX_P:g})"
            if others
            else f"p alone has to be at most {MAX_P:g}"
        )
        return f"{own}; after this, {self.p_needed_after:.3g} for the next try on these days, less if they are alike."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"sentence": self.sentence}


def unrelated_limit(others: int) -> float:
    """Return the p alone that is `MAX_P` beside so many unrelated tries."""
    return -math.expm1(math.log1p(-MAX_P) / (1 + others))


def campaign_estimate(digest: str, found: DaysTried, beside: frozenset[str], permutations: int) -> CampaignEstimate:
    """Return what a try costs.

    Parameters
    ----------
    digest : str
        Of the experiment.
    beside : frozenset of str
        Digests of the experiments of the same estimate on the same days, this one among them or not.
    permutations : int
        That it asks for.
    """
    others = {key: one for key, one in found.members.items() if key != digest}
    unknown = sum(one.is_unknown(permutations) for key, one in others.items() if key not in beside)
    siblings = beside - {digest} - set(others)
    new = (siblings | {digest}) - set(found.members)
    needed, every = needed_permutations(unknown), len(others) + len(siblings)
    best = None if not permutations else -math.expm1((1 + unknown) * math.log1p(-1.0 / (1 + permutations)))
    return CampaignEstimate(
        experiments=len(others),
        combinations=found.tried.combinations,
        holdout_openings=found.tried.openings,
        unknown=unknown,
        promoted=found.promoted,
        beside=len(siblings),
        is_new=digest not in found.members,
        tries=len(new),
        permutations=permutations,
        permutations_needed=needed if needed > permutations else None,
        p_best=best,
        p_needed=unrelated_limit(every),
        p_needed_after=unrelated_limit(every + 1 if digest not in found.members else every),
    )
