"""How often the days of a training were tried on, and what that leaves of its p: part of every answer about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import Field

from assay.agents.figures import Figure, Part
from assay.documents import TrainedDocument
from assay.plurals import plural
from assay.store.ledger import MarketDays, Tried, counted, days_of
from assay.store.schema import DeclarationKind, trial_declarations
from assay.store.standing import adjusted_today
from assay.validation.lifecycle import MAX_P
from assay.validation.sharpe import expected_maximum

if TYPE_CHECKING:
    from assay.agents.state import AgentState
    from assay.store import Registered


class Tries(Part):
    """How often these days were tried on, and what that leaves of p."""

    p_value: Figure = Field(description="How often the same search finds as much on bars that cannot hold an edge.")
    p_adjusted: Figure = Field(
        description="p with everything counted in that was tried on these days by now; null where p is unknown."
    )
    tries: int | None = Field(description="Experiments on these days by now; null where they are not known yet.")
    combinations: int | None = Field(description="Sets of parameters that all of them have tried.")
    not_repeatable: int | None = Field(description="Other experiments that cannot be compared, which cost in full.")
    holdout_openings: int | None = Field(description="How often a holdout on these days was opened, by any training.")
    expected_maximum: Figure = Field(
        description="What the best of so many combinations shows without any edge, in standard errors."
    )
    meaning: str = Field(description="In plain words.")


def tries_of(state: AgentState, found: Registered) -> Tries:
    """Return the tries on the days of a configuration."""
    document = found.typed
    if not isinstance(document, TrainedDocument):
        return _tries(None, None, None, None)
    digest = document.provenance.experiment_digest

    def work(c: sa.Connection) -> Tries:
        days, today = _known_days(c, digest), adjusted_today(c, document)
        return _tries(
            document.evidence.permutation.p_value,
            None if today is None else today.p_adjusted,
            None if days is None else counted(c, days),
            None if today is None else today.unknown,
        )

    return state.database.read(work)


def tries_before_result(state: AgentState, digest: str) -> Tries:
    """Return the tries on the days of an experiment that has no result, or none yet."""

    def work(c: sa.Connection) -> Tries:
        days = _known_days(c, digest)
        return _tries(None, None, None if days is None else counted(c, days), None)

    return state.database.read(work)


def no_tries() -> Tries:
    """Return what is said of days that are not known yet."""
    return _tries(None, None, None, None)


def _known_days(c: sa.Connection, digest: str) -> MarketDays | None:
    """Return the days of an experiment: as it was recorded, else as it was begun, withdrawn since or not."""
    known = days_of(c, digest)
    if known is not None:
        return known
    t = trial_declarations
    row = c.execute(sa.select(t).where(t.c.experiment_digest == digest, t.c.kind == DeclarationKind.STARTED)).first()
    return None if row is None else MarketDays.of(row)


def _tries(p: float | None, adjusted: float | None, tried: Tried | None, unknown: int | None) -> Tries:
    return Tries(
        p_value=p,
        p_adjusted=adjusted,
        tries=None if tried is None else tried.experiments,
        combinations=None if tried is None else tried.combinations,
        not_repeatable=unknown,
        holdout_openings=None if tried is None else tried.openings,
        expected_maximum=None if tried is None else expected_maximum(tried.combinations),
        meaning=_meaning(p, adjusted, tried),
    )


def _meaning(p: float | None, adjusted: float | None, tried: Tried | None) -> str:
    so_far = "" if tried is None else f"{plural(tried.experiments, 'experiment')} on these days so far. "
    if p is None or adjusted is None:
        return f"{so_far}There is no p yet, or none was asked for: without one nothing is promoted."
    said = f"p is {p:.3g}; with all that was tried on these days counted in it is {adjusted:.3g}."
    if p > MAX_P:
        return f"{so_far}{said} Chance alone finds as much that often, so this result says nothing of an edge."
    if adjusted > MAX_P:
        return f"{so_far}{said} Of so many tries the best looks this good by chance: it is not believed."
    return f"{so_far}{said} That is believed so far; every further try on these days raises it or leaves it."
