"""Several configurations side by side: how far each may be believed, field by field, and on common days."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.documents.explained import why_not_promoted
from assay.engine.glossary import MEASURES
from assay.engine.shared_days import DailyPath, SharedDays, shared_days
from assay.errors import ChangedError, InputError
from assay.market.calendar import ROUND_THE_CLOCK
from assay.service.configurations import parameter_words, standing_facts
from assay.store import Registry
from assay.store.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.store import Database, Registered

FEWEST, MOST = 2, 8
"""How many configurations are compared."""

IDENTITY = (
    "id", "config_id", "created_at", "updated_at", "runtime_env", "job_id", "experiment_digest", "ledger_length",
    "ledger_head", "last_activated_at", "last_deactivated_at", "archived_at", "status", "is_active",
)  # fmt: skip
"""Fields that tell one configuration from another or are said first, so that no table of differences names them."""


@dataclass(frozen=True, eq=False)
class Member:
    """A configuration among those that are compared.

    Attributes
    ----------
    letter : str
        By which it is called where its name is too long: A, B, C.
    found : Registered
    stage_today : str
        What it counts as with all that was tried on its days by now.
    p_adjusted : float
        NaN where it has none.
    reason : str or None
        Why that is less than its document says.
    why : str
        Why it was not promoted further; empty where it was.
    has_run : bool
        Whether its days out of sample are stored.
    """

    letter: str
    found: Registered
    stage_today: str
    p_adjusted: float
    reason: str | None
    why: str
    has_run: bool


@dataclass(frozen=True)
class FieldRow:
    """A field with a value of each configuration.

    Attributes
    ----------
    name : str
        As `Registry.compare` calls it.
    values : tuple
        None where it is unknown.
    unit, meaning : str
    differs : bool
    """

    name: str
    values: tuple[Any, ...]
    unit: str
    meaning: str
    differs: bool


@dataclass(frozen=True, eq=False)
class Compared:
    """Configurations side by side.

    Attributes
    ----------
    members : tuple of Member
    parameters, measures : tuple of FieldRow
    shared : SharedDays or None
        Of the members with a run, in their order; None where fewer than two have one, or no day is common to them.
    changed : tuple of (str, str)
        Those that were asked for and are not compared: changed after they were stored, and how.
    """

    members: tuple[Member, ...]
    parameters: tuple[FieldRow, ...]
    measures: tuple[FieldRow, ...]
    shared: SharedDays | None
    changed: tuple[tuple[str, str], ...]

    @property
    def with_run(self) -> tuple[Member, ...]:
        """The members whose days are stored, in the order of `shared`."""
        return tuple(member for member in self.members if member.has_run)


def check_ids(config_ids: Sequence[str]) -> list[str]:
    """Return names without repetition.

    Raises
    ------
    InputError
        When they are not two to eight.
    """
    names = list(dict.fromkeys(config_ids))
    if not FEWEST <= len(names) <= MOST:
        raise InputError("ids", f"must name {FEWEST} to {MOST} configurations", len(names))
    return names


def compared(database: Database, config_ids: Sequence[str]) -> Compared:
    """Compare two to eight configurations.

    Raises
    ------
    InputError
        When they are fewer or more.
    NotFoundError
        When there is none of a name.
    """
    registry = Registry(database)
    found: list[Registered] = []
    changed: list[tuple[str, str]] = []
    for name in check_ids(config_ids):
        one = registry.stored(name)
        if one.change:
            changed.append((one.config_id, one.change))
        else:
            found.append(one)
    if not found:
        raise ChangedError(*changed[0])
    figures = registry.figures_of(found)
    paths = {one.config_id: _path(figures.get(one.config_id)) for one in found}
    known = [path for path in paths.values() if path is not None]
    names = [one.config_id for one in found]
    fields = [_field(found, name, values) for name, values in registry.compare(names).items()]
    return Compared(
        members=tuple(
            _member(registry, one, chr(ord("A") + i), has_run=paths[one.config_id] is not None)
            for i, one in enumerate(found)
        ),
        parameters=tuple(field for field in fields if field.name.startswith("parameters.")),
        measures=tuple(f for f in fields if f.name not in IDENTITY and not f.name.startswith("parameters.")),
        shared=shared_days(known, ROUND_THE_CLOCK.days_per_year) if len(known) >= FEWEST else None,
        changed=tuple(changed),
    )


def _member(registry: Registry, one: Registered, letter: str, *, has_run: bool) -> Member:
    today = standing_facts(one, registry.standing(one.config_id))
    return Member(
        letter, one, today["stage"], today["p_adjusted"], today["reason"], why_not_promoted(one.typed), has_run
    )


def _path(figures: dict[str, Any] | None) -> DailyPath | None:
    """Return the days out of sample of stored figures; None where there are none."""
    run = None if figures is None else figures["stitched"]
    if run is None or not run["equity"]:
        return None
    first = int(ROUND_THE_CLOCK.day(np.array([run["start_ms"]]))[0])
    return DailyPath(first, np.array(run["equity"], dtype=np.float64))


def _field(found: Sequence[Registered], name: str, values: Sequence[Any]) -> FieldRow:
    differs = len({json.dumps(value, sort_keys=True) for value in values}) > 1
    if name.startswith("parameters."):
        bare = name.removeprefix("parameters.")
        meanings = [words for one in found if (words := parameter_words(one.typed.strategy, bare))]
        return FieldRow(name, tuple(values), "", meanings[0] if meanings else "", differs)
    known = FIELDS.get(name) or MEASURES.get(name.removeprefix("metrics."))
    return FieldRow(name, tuple(values), known.unit if known else "", known.meaning if known else "", differs)
