"""What is done to stored configurations, and what is said of it: switched on and off, put away, taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assay.store import Registry
from assay.store.configuration_pages import Order, configuration_count, measured, ordered_page
from assay.store.registry import TABLE

if TYPE_CHECKING:
    from assay.store import Database, Registered
    from assay.store.configuration_pages import ConfigurationFilter


class Action(StrEnum):
    """What is done to a configuration."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    ARCHIVE = "archive"
    RESTORE = "restore"


def act(database: Database, action: Action, config_id: str, *, at_ms: int) -> str:
    """Do something to a configuration and return what was done, in words.

    Raises
    ------
    GateError
        When its stage, the ledger, its document or its being active or archived forbids it, in words.
    ChangedError
        When it is to be activated and was changed after it was stored.
    """
    registry = Registry(database)
    if action is Action.ACTIVATE:
        was_active = registry.stored(config_id).is_active
        replaced = registry.activate(config_id, at_ms=at_ms)
        if was_active:
            return f"{config_id} was active already"
        return f"{config_id} is active" + (f", and {replaced} is not active any more" if replaced else "")
    if action is Action.DEACTIVATE:
        done = registry.deactivate(config_id, at_ms=at_ms)
        return f"{config_id} {'is not active any more' if done else 'was not active'}"
    if action is Action.ARCHIVE:
        done = registry.archive(config_id, at_ms=at_ms)
        return f"{config_id} {'is archived' if done else 'was archived already'}"
    done = registry.unarchive(config_id, at_ms=at_ms)
    return f"{config_id} {'is back in the list' if done else 'was not archived'}"


def would_replace(database: Database, config_id: str) -> str | None:
    """Return which configuration activating one would switch off: the active one of its market, if it is another."""

    def work(c: sa.Connection) -> str | None:
        mine = c.execute(sa.select(TABLE).where(TABLE.c.config_id == config_id)).mappings().first()
        if mine is None:
            return None
        same = [TABLE.c[name] == mine[name] for name in ("strategy_name", "exchange", "pair", "timeframe")]
        query = sa.select(TABLE.c.config_id).where(*same, TABLE.c.is_active, TABLE.c.config_id != config_id)
        found = c.execute(query).scalar_one_or_none()
        return None if found is None else str(found)

    return database.read(work)


@dataclass(frozen=True, eq=False)
class ArchivePlan:
    """What archiving by a filter would do, before it is done.

    Attributes
    ----------
    measure : str
    config_ids : tuple of str
        What would be archived: these and no others are, whatever is stored meanwhile.
    first : tuple of Registered
        The first of them, by the measure.
    active : int
        How many fit and stay, since trading programs load them.
    unknown : int
        How many of the list stay because their measure is unknown.
    """

    measure: str
    config_ids: tuple[str, ...]
    first: tuple[Registered, ...]
    active: int
    unknown: int


def plan_archive(
    database: Database, listed: ConfigurationFilter, measure: str, *, below: bool, bound: float, first: int = 10
) -> ArchivePlan:
    """Return which configurations of a list would be archived: those whose measure lies below, or above, a bound.

    Parameters
    ----------
    listed : ConfigurationFilter
        The list; archived ones are in no plan.
    measure : str
        One of `assay.store.configuration_pages.MEASURED`.
    below : bool
        Below the bound, or above it; what equals it stays.
    first : int
        How many are shown.
    """
    bounds = {**((listed.below if below else listed.above) or {}), measure: bound}
    there = replace(listed, archived=False)
    chosen = replace(there, below=bounds) if below else replace(there, above=bounds)
    idle = replace(chosen, active=False)
    order = Order(name=measure, falling=not below)
    unknown = sa.select(sa.func.count()).where(*there.where(), measured(measure).is_(None))
    ids = sa.select(TABLE.c.config_id).where(*idle.where()).order_by(TABLE.c.config_id)
    names, blind = database.read(
        lambda c: (tuple(str(name) for name in c.scalars(ids)), int(c.execute(unknown).scalar_one()))
    )
    if listed.active:  # a list of active ones alone: nothing of it may be archived
        names = ()
    shown = ordered_page(database, idle, order, limit=first) if names else []
    stay = configuration_count(database, replace(chosen, active=True)) if listed.active is not False else 0
    return ArchivePlan(measure, names, tuple(one for _, one in shown), stay, blind)
