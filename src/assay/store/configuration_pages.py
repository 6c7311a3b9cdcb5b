"""Stored configurations in pages, filtered and sorted by the database, and counted by stage and strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.errors import wrong_choice
from assay.store.keyset import after, order_of
from assay.store.registry import TABLE, Registered, conditions

if TYPE_CHECKING:
    from assay.store.database import Database

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
        Bounds by the name of a column, of `LEAST` and of `MOST`.
    """

    strategy: str | None = None
    pair: str | None = None
    exchange: str | None = None
    timeframe: str | None = None
    stage: str | None = None
    active: bool | None = None
    archived: bool | None = False
    least: dict[str, float] | None = None
    most: dict[str, float] | None = None

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return what rows must fulfil; InputError for a name that cannot be one."""
        found = conditions(self.strategy, self.pair, self.exchange, self.timeframe, self.stage)
        if self.active is not None:
            found.append(TABLE.c.is_active == self.active)
        if self.archived is not None:
            found.append(TABLE.c.archived_at.is_not(None) if self.archived else TABLE.c.archived_at.is_(None))
        found += [TABLE.c[name] >= bound for name, bound in (self.least or {}).items()]
        return found + [TABLE.c[name] <= bound for name, bound in (self.most or {}).items()]


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
    keys = ((TABLE.c[sort], SORTS[sort]), (TABLE.c.config_id, True))
    query = sa.select(TABLE).where(*chosen.where()).order_by(*order_of(keys)).limit(limit)
    query = query if place is None else query.where(after(keys, place))
    return database.read(lambda c: [Registered.of(dict(row)) for row in c.execute(query).mappings()])


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
