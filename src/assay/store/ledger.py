"""The ledger: what was tried on which days, once per experiment, and never rewritten."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import chain, schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.store.database import Database


@dataclass(frozen=True, kw_only=True)
class TrialEntry:
    """One experiment's search.

    Attributes
    ----------
    experiment_digest, data_digest : str
    exchange, symbol, timeframe : str
    start_ms, stop_ms : int
        First signal bar's open and the end of the last, milliseconds UTC.
    strategy : str
    strategy_source : str or None
        Hash of a user's strategy file.
    method, objective : str
    combinations : int
        Points tried; windows and permutations repeat the same search and are not counted.
    best : float or None
        Best score.
    distribution : mapping
        Histogram and quantiles of the scores.
    """

    experiment_digest: str
    data_digest: str
    exchange: str
    symbol: str
    timeframe: str
    start_ms: int
    stop_ms: int
    strategy: str
    strategy_source: str | None
    method: str
    objective: str
    combinations: int
    best: float | None
    distribution: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class HoldoutOpening:
    """An opening of a holdout."""

    experiment_digest: str
    exchange: str
    symbol: str
    timeframe: str
    start_ms: int
    stop_ms: int
    reason: str
    sharpe_ratio: float | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What the ledger holds of a market's days.

    Attributes
    ----------
    experiments, combinations : int
        Of all experiments whose spans overlap by more than half of the shorter one.
    openings : int
        Of holdouts that overlap at all.
    """

    experiments: int
    combinations: int
    openings: int


class Ledger:
    """The trials of everybody who uses a database.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def record(self, entry: TrialEntry, *, user: str, at_ms: int) -> bool:
        """Append an experiment; return False when it is there already, which counts once."""
        return self.database.write(lambda c: append_trial(c, entry, user=user, at_ms=at_ms))

    def record_opening(self, opening: HoldoutOpening, *, user: str, at_ms: int) -> bool:
        """Append an opening of a holdout; return False when this experiment's is there already."""
        return self.database.write(lambda c: append_opening(c, opening, user=user, at_ms=at_ms))

    def identity(self) -> str:
        """Return which ledger it is: a random UUID, which backups keep."""
        return self.database.read(chain.identity).id

    def head(self) -> chain.Head:
        """Return how many entries it has, and the hash of the newest, in which all before are contained."""
        return self.database.read(chain.head)

    def tried(self, exchange: str, symbol: str, start_ms: int, stop_ms: int) -> Tried:
        """Count what was tried on a market's days, whatever the timeframe and strategy."""
        return self.tried_on([(exchange, symbol, start_ms, stop_ms)])[0]

    def tried_on(self, days: Sequence[tuple[str, str, int, int]]) -> list[Tried]:
        """Count what was tried on several (exchange, symbol, start, stop), all in one state of the ledger."""
        return self.database.read(lambda c: [counted(c, *one) for one in days])

    def entries(self, *, exchange: str | None = None, symbol: str | None = None) -> list[dict[str, Any]]:
        """Every experiment, newest first."""
        t = schema.trials.c
        query = sa.select(schema.trials).order_by(t.at.desc(), t.experiment_digest)
        query = query.where(t.exchange == exchange) if exchange else query
        query = query.where(t.symbol == symbol) if symbol else query
        return self.database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])

    def openings(self) -> list[dict[str, Any]]:
        """Every opening of a holdout, newest first."""
        query = sa.select(schema.holdout_openings).order_by(schema.holdout_openings.c.at.desc())
        return self.database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])


def counted(c: sa.Connection, exchange: str, symbol: str, start_ms: int, stop_ms: int) -> Tried:
    """Count experiments whose spans overlap by more than half of the shorter span, in a transaction of the caller's."""
    t, h = schema.trials.c, schema.holdout_openings.c
    near = sa.select(t.start_ms, t.stop_ms, t.combinations).where(
        t.exchange == exchange, t.symbol == symbol, t.start_ms < stop_ms, t.stop_ms > start_ms
    )
    experiments = combinations = 0
    for a, b, n in c.execute(near):
        if 2 * (min(b, stop_ms) - max(a, start_ms)) > min(b - a, stop_ms - start_ms):
            experiments += 1
            combinations += n
    seen = sa.select(sa.func.count()).where(
        h.exchange == exchange, h.symbol == symbol, h.start_ms < stop_ms, h.stop_ms > start_ms
    )
    return Tried(experiments, combinations, int(c.execute(seen).scalar_one()))


def append_trial(c: sa.Connection, entry: TrialEntry, *, user: str, at_ms: int) -> bool:
    """Append an experiment in a transaction of the caller's."""
    return chain.append(c, schema.trials, asdict(entry) | {"user_id": user, "at": at_ms})


def append_opening(c: sa.Connection, opening: HoldoutOpening, *, user: str, at_ms: int) -> bool:
    """Append an opening of a holdout in a transaction of the caller's."""
    return chain.append(c, schema.holdout_openings, asdict(opening) | {"user_id": user, "at": at_ms})
