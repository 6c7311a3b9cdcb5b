"""Stored configurations in pages, filtered and sorted by the database, and counted by stage and strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from assay.errors import wrong_choice
from assay.store.keyset import after, before, order_of
from assay.store.registry import TABLE, Registered, conditions
from assay.validation.lifecycle import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.store.database import Database
    from assay.store.keyset import Ordered

SORTS: dict[str, bool] = {
    "created_at": True,
    "sharpe_ratio": True,
    "net_profit": True,
    "calmar_ratio": True,
    "sortino_ratio": True,
    "stability_score": True,
    "confidence_score": True,
    "sample_size": True,
    "p_value": False,
}
"""Columns by which configurations are sorted, and whether the largest value comes first."""

LEAST = ("sharpe_ratio", "net_profit", "sample_size", "confidence_score")
"""Columns that a filter bounds from below."""

MOST = ("p_value",)
"""Columns that a filter bounds from above."""

IN_DOCUMENTS = {"win_rate": True, "max_drawdown_pct": True, "profit_factor": True}
"""Measures that are no columns and are read from the documents, and whether the largest value comes first."""

TEXTS = {"status": True, "strategy_name": False, "pair": False, "is_active": True}
"""Columns that are no numbers and order a listing all the same; stages by how much they are worth."""

ORDERS = SORTS | IN_DOCUMENTS | TEXTS
"""All that orders a listing, and whether its largest value comes first."""

MEASURED = (*(name for name in SORTS if name != "created_at"), "gross_win_rate", *IN_DOCUMENTS)
"""Measures that a filter bounds."""

_BRIEF = ("config_id", "strategy_name", "exchange", "pair", "timeframe", "status", "is_active", "sharpe_ratio")
_BEST = 5


@dataclass(frozen=True, kw_only=True)
class ConfigurationFilter:
    """Which configurations are meant.

    Attributes
    ----------
    strategy, pair, exchange, timeframe, stage : str or None
        As `Registry.find` takes them.
    active, archived : bool or None
        None for both kinds.
    least, most : mapping
        Bounds by the name of a measure, of `MEASURED`; what is unknown is in none.
    below, above : mapping
        Bounds that are left out themselves.
    """

    strategy: str | None = None
    pair: str | None = None
    exchange: str | None = None
    timeframe: str | None = None
    stage: str | None = None
    active: bool | None = None
    archived: bool | None = False
    least: Mapping[str, float] | None = None
    most: Mapping[str, float] | None = None
    below: Mapping[str, float] | None = None
    above: Mapping[str, float] | None = None

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return what rows must fulfil; InputError for a name that cannot be one."""
        found = conditions(self.strategy, self.pair, self.exchange, self.timeframe, self.stage)
        if self.active is not None:
            found.append(TABLE.c.is_active == self.active)
        if self.archived is not None:
            found.append(TABLE.c.archived_at.is_not(None) if self.archived else TABLE.c.archived_at.is_(None))
        found += [measured(name) >= bound for name, bound in (self.least or {}).items()]
        found += [measured(name) <= bound for name, bound in (self.most or {}).items()]
        found += [measured(name) < bound for name, bound in (self.below or {}).items()]
        return found + [measured(name) > bound for name, bound in (self.above or {}).items()]


def measured(name: str) -> sa.ColumnElement[float]:
    """Return a measure of `MEASURED` as the database computes it; one of documents costs reading all of them."""
    if name not in MEASURED:
        raise wrong_choice("measure", name, MEASURED)
    return TABLE.c.config_json[("metrics", name)].as_float() if name in IN_DOCUMENTS else TABLE.c[name]


def _ordering(name: str) -> sa.ColumnElement[Any]:
    if name == "status":
        return sa.case({stage: place for place, stage in enumerate(STAGES)}, value=TABLE.c.status)
    if name == "is_active":
        return sa.case((TABLE.c.is_active, 1), else_=0)
    return measured(name) if name in IN_DOCUMENTS else TABLE.c[name]


class Place(NamedTuple):
    """Where a row stands in an order.

    Attributes
    ----------
    value : float, str or None
        Of what orders the listing.
    config_id : str
    """

    value: float | str | None
    config_id: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """In which order configurations are listed; of equal values the greater configId comes first, the unknown last.

    Attributes
    ----------
    name : str
        One of `ORDERS`.
    falling : bool or None
        Whether the largest comes first; None for what is usual.
    """

    name: str = "created_at"
    falling: bool | None = None

    def __post_init__(self) -> None:
        if self.name not in ORDERS:
            raise wrong_choice("sort", self.name, ORDERS)

    @property
    def falls(self) -> bool:
        """Whether the largest comes first."""
        return ORDERS[self.name] if self.falling is None else self.falling

    def keys(self) -> tuple[Ordered, ...]:
        """Return what orders the listing."""
        return (_ordering(self.name), self.falls), (TABLE.c.config_id, True)


def ordered_page(
    database: Database,
    chosen: ConfigurationFilter,
    order: Order,
    *,
    limit: int,
    place: Place | None = None,
    backwards: bool = False,
) -> list[tuple[Place, Registered]]:
    """Return the configurations of a page, as they are stored, each with its place.

    Parameters
    ----------
    place : Place, optional
        Of the row before the page; of the one after it, where `backwards`.
    backwards : bool
        The page that ends before `place`; its rows come in the order of the listing all the same.
    """
    keys = order.keys()
    value = keys[0][0].label("ordered_by")
    # the rows of a page are found by themselves, so that no document is read that is not on it
    named = sa.select(TABLE.c.id, value).where(*chosen.where()).order_by(*order_of(keys, backwards=backwards))
    if place is not None:
        named = named.where((before if backwards else after)(keys, place))
    found_ids = named.limit(limit).subquery()
    by = found_ids.c.ordered_by
    query = (
        sa.select(TABLE, by)
        .join(found_ids, TABLE.c.id == found_ids.c.id)
        .order_by(*order_of(((by, order.falls), keys[1]), backwards=backwards))
    )

    def work(c: sa.Connection) -> list[tuple[Place, Registered]]:
        found = []
        for row in c.execute(query).mappings():
            columns = dict(row)
            by = columns.pop("ordered_by")
            found.append((Place(by, columns["config_id"]), Registered.of(columns)))
        return found[::-1] if backwards else found

    return database.read(work)


def configuration_count(
    database: Database, chosen: ConfigurationFilter, order: Order | None = None, place: Place | None = None
) -> int:
    """Return how many configurations fit; where a place in an order is given, how many of them come before it."""
    query = sa.select(sa.func.count()).select_from(TABLE).where(*chosen.where())
    if order is not None and place is not None:
        query = query.where(before(order.keys(), place))
    return database.read(lambda c: int(c.execute(query).scalar_one()))


def configuration_names(database: Database) -> dict[str, list[str]]:
    """Return which strategies, pairs, exchanges and timeframes configurations have, archived ones too."""

    def work(c: sa.Connection) -> dict[str, list[str]]:
        columns = {name: TABLE.c[name] for name in ("strategy_name", "pair", "exchange", "timeframe")}
        return {
            name: [str(value) for value in c.scalars(sa.select(column).where(column.is_not(None)).distinct())]
            for name, column in columns.items()
        }

    return {name: sorted(values) for name, values in database.read(work).items()}


def configuration_page(
    database: Database,
    chosen: ConfigurationFilter,
    *,
    sort: str,
    limit: int,
    place: tuple[float | None, str] | None = None,
) -> list[Registered]:
    """Return the configurations of a page, as they are stored.

    Parameters
    ----------
    sort : str
        A column of `SORTS`; of equal values the greater configId comes first, what is unknown comes last.
    place : (float or None, str), optional
        Value of that column and configId of the row before the page.
    """
    if sort not in SORTS:
        raise wrong_choice("sort", sort, SORTS)
    found = ordered_page(
        database, chosen, Order(name=sort), limit=limit, place=None if place is None else Place(*place)
    )
    return [one for _, one in found]


def configuration_summary(database: Database) -> dict[str, Any]:
    """Return how many configurations there are of each stage and strategy, which are active, and the best.

    Archived ones are counted on their own and nowhere else.
    """

    def work(c: sa.Connection) -> dict[str, Any]:
        t, used = TABLE.c, TABLE.c.archived_at.is_(None)
        count = sa.func.count()
        whole = sa.select(count, sa.func.count(t.archived_at), sa.func.max(t.created_at)).select_from(TABLE)
        total, archived, newest = c.execute(whole).one()
        stages = c.execute(sa.select(t.status, count).where(used).group_by(t.status)).all()
        active_ones = sa.func.sum(sa.case((t.is_active, 1), else_=0))
        strategies = c.execute(
            sa.select(t.strategy_name, count, active_ones, sa.func.max(t.sharpe_ratio), sa.func.max(t.net_profit))
            .where(used)
            .group_by(t.strategy_name)
            .order_by(t.strategy_name)
        ).all()
        brief = sa.select(*(t[name] for name in _BRIEF)).where(used)
        best = brief.where(t.sharpe_ratio.is_not(None)).order_by(t.sharpe_ratio.desc(), t.config_id.desc())
        active = brief.where(t.is_active).order_by(t.config_id)
        names = ("strategy", "configurations", "active", "best_sharpe_ratio", "best_net_profit")
        return {
            "total": total - archived,
            "archived": archived,
            "active": sum(int(row[2]) for row in strategies),
            "newest_at": newest,
            "by_stage": {str(name): n for name, n in stages},
            "by_strategy": [dict(zip(names, row, strict=True)) for row in strategies],
            "best": [dict(row) for row in c.execute(best.limit(_BEST)).mappings()],
            "active_configurations": [dict(row) for row in c.execute(active).mappings()],
        }

    return database.read(work)
