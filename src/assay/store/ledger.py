"""The ledger: what was tried on which days, once per experiment, and never rewritten."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from assay.store import chain, schema
from assay.store.keyset import after, order_of
from assay.store.schema import DeclarationKind
from assay.validation import DayCloses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from assay.store.database import Database
    from assay.store.keyset import Ordered


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
    first_day : int or None
        Ordinal of the first UTC day since 1970; None in entries of before, as are the next two.
    day_closes : bytes or None
        Closes by UTC day (see `pack_closes`).
    task : mapping or None
        What the experiment is made again from.
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
    first_day: int | None = None
    day_closes: bytes | None = None
    task: Mapping[str, Any] | None = None

    @property
    def days(self) -> MarketDays:
        """The days that the experiment has seen."""
        return MarketDays.of(self)


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


@dataclass(frozen=True, eq=False)
class MarketDays:
    """The days of a market, by what they are and by what they are called.

    Attributes
    ----------
    exchange, symbol : str
    start_ms, stop_ms : int
    closes : DayCloses or None
        None in entries of before: then the names count.
    """

    exchange: str
    symbol: str
    start_ms: int
    stop_ms: int
    closes: DayCloses | None = None

    @classmethod
    def of(cls, entry: Any) -> Self:
        """Return the days of an entry or a row of the ledger, by the names of its columns."""
        closes = None if entry.day_closes is None else unpack_closes(entry.first_day, entry.day_closes)
        return cls(entry.exchange, entry.symbol, entry.start_ms, entry.stop_ms, closes)

    def same_as(self, other: MarketDays) -> bool:
        """Whether more than half of the shorter span is the same days of the same market.

        Prices tell, whatever file or exchange they came from; where those of one side are unknown, names and spans do.
        """
        if self.closes is not None and other.closes is not None:
            return self.closes.same_days_as(other.closes)
        if (self.exchange, self.symbol) != (other.exchange, other.symbol):
            return False
        shared = min(self.stop_ms, other.stop_ms) - max(self.start_ms, other.start_ms)
        return 2 * shared > min(self.stop_ms - self.start_ms, other.stop_ms - other.start_ms)

    def same_market_as(self, other: MarketDays) -> bool:
        """Whether the days in common, however few, are those of the same market."""
        if self.closes is not None and other.closes is not None:
            return self.closes.same_market_as(other.closes)
        return (self.exchange, self.symbol) == (other.exchange, other.symbol)


def pack_closes(closes: DayCloses) -> bytes:
    """Return closes as they are stored: float32, little-endian."""
    return closes.closes.astype("<f4").tobytes()


def unpack_closes(first: int, content: bytes) -> DayCloses:
    """Return closes as they were packed."""
    return DayCloses(int(first), np.frombuffer(content, "<f4"))


@dataclass(frozen=True, slots=True)
class Tried:
    """What the ledger holds of a market's days.

    Attributes
    ----------
    experiments, combinations : int
        Of all experiments that have seen more than half of the shorter span of the same days; one that was begun and
        has no result counts, with no combinations.
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

    def tried(self, days: MarketDays) -> Tried:
        """Count what was tried on a market's days, whatever the timeframe, the strategy and the names."""
        return self.tried_on([days])[0]

    def tried_on(self, days: Sequence[MarketDays]) -> list[Tried]:
        """Count what was tried on several markets' days, all in one state of the ledger."""
        return self.database.read(lambda c: [counted(c, one) for one in days])

    def days_of(self, experiment_digest: str) -> MarketDays | None:
        """Return the days that an experiment has seen; None where the ledger does not have it."""
        return self.database.read(lambda c: days_of(c, experiment_digest))

    def entries(self, *, exchange: str | None = None, symbol: str | None = None) -> list[dict[str, Any]]:
        """Every experiment, newest first."""
        t = schema.trials.c
        query = sa.select(schema.trials).order_by(t.at.desc(), t.experiment_digest)
        query = query.where(t.exchange == exchange) if exchange else query
        query = query.where(t.symbol == symbol) if symbol else query
        return self.database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])

    def page(
        self,
        *,
        limit: int,
        place: tuple[int, str] | None = None,
        exchange: str | None = None,
        symbol: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return a page of the experiments, newest first, after the time and the digest of the one before it."""
        t = schema.trials.c
        return self._page(schema.trials, ((t.at, True), (t.experiment_digest, False)), limit, place, exchange, symbol)

    def openings_page(
        self,
        *,
        limit: int,
        place: tuple[int, str] | None = None,
        exchange: str | None = None,
        symbol: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return a page of the openings of a holdout, newest first, after the time and the digest of the one before."""
        h, t = schema.holdout_openings, schema.holdout_openings.c
        return self._page(h, ((t.at, True), (t.experiment_digest, False)), limit, place, exchange, symbol)

    def _page(
        self,
        table: sa.Table,
        keys: Sequence[Ordered],
        limit: int,
        place: tuple[int, str] | None,
        exchange: str | None,
        symbol: str | None,
    ) -> list[dict[str, Any]]:
        query = sa.select(table).order_by(*order_of(keys)).limit(limit)
        query = query.where(table.c.exchange == exchange) if exchange else query
        query = query.where(table.c.symbol == symbol) if symbol else query
        query = query if place is None else query.where(after(keys, place))
        return self.database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])

    def openings(self) -> list[dict[str, Any]]:
        """Every opening of a holdout, newest first."""
        query = sa.select(schema.holdout_openings).order_by(schema.holdout_openings.c.at.desc())
        return self.database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])


_OF_DAYS = ("exchange", "symbol", "start_ms", "stop_ms", "first_day", "day_closes")


def days_of(c: sa.Connection, experiment_digest: str) -> MarketDays | None:
    """Return the days that an experiment has seen, in a transaction of the caller's; None where it is not there."""
    t = schema.trials.c
    query = sa.select(*(t[name] for name in _OF_DAYS)).where(t.experiment_digest == experiment_digest)
    row = c.execute(query).first()
    return None if row is None else MarketDays.of(row)


def trials_on(c: sa.Connection, days: MarketDays) -> dict[str, int]:
    """Return how many combinations each experiment on the same days has, by digest, in the caller's transaction."""
    rows = trials_near(c, days)
    return {row.experiment_digest: row.combinations for row in rows if days.same_as(MarketDays.of(row))}


def trials_near(c: sa.Connection, days: MarketDays) -> Sequence[sa.Row[Any]]:
    """Return the experiments whose span touches that of some days, whatever the market, the oldest first."""
    t = schema.trials.c
    columns = (t.experiment_digest, t.combinations, *(t[name] for name in _OF_DAYS))
    near = sa.select(*columns).where(t.start_ms < days.stop_ms, t.stop_ms > days.start_ms)
    return c.execute(near.order_by(t.at, t.experiment_digest)).all()


def begun(c: sa.Connection, days: MarketDays | None = None) -> list[sa.Row[Any]]:
    """Return the declarations of experiments that were started and not withdrawn, in the caller's transaction.

    Parameters
    ----------
    days : MarketDays, optional
        Only those whose span touches that of these days, under whatever name.
    """
    t = schema.trial_declarations
    query = sa.select(t)
    if days is not None:
        query = query.where(t.c.start_ms < days.stop_ms, t.c.stop_ms > days.start_ms)
    rows = c.execute(query).all()
    withdrawn = {row.experiment_digest for row in rows if row.kind == DeclarationKind.WITHDRAWN}
    return [r for r in rows if r.kind == DeclarationKind.STARTED and r.experiment_digest not in withdrawn]


def counted(c: sa.Connection, days: MarketDays) -> Tried:
    """Count what was tried on the same days, in a transaction of the caller's: finished, or begun and broken off."""
    found = trials_on(c, days)
    started = {row.experiment_digest for row in begun(c, days) if days.same_as(MarketDays.of(row))}
    h, t = schema.holdout_openings.c, schema.trials.c
    seen = (
        sa.select(h.exchange, h.symbol, h.start_ms, h.stop_ms, t.first_day, t.day_closes)
        .join_from(schema.holdout_openings, schema.trials, h.experiment_digest == t.experiment_digest, isouter=True)
        .where(h.start_ms < days.stop_ms, h.stop_ms > days.start_ms)
    )
    openings = [MarketDays.of(row) for row in c.execute(seen)]
    return Tried(len(started | set(found)), sum(found.values()), sum(days.same_market_as(one) for one in openings))


def append_trial(c: sa.Connection, entry: TrialEntry, *, user: str, at_ms: int) -> bool:
    """Append an experiment in a transaction of the caller's."""
    return chain.append(c, schema.trials, asdict(entry) | {"user_id": user, "at": at_ms})


def append_opening(c: sa.Connection, opening: HoldoutOpening, *, user: str, at_ms: int) -> bool:
    """Append an opening of a holdout in a transaction of the caller's."""
    return chain.append(c, schema.holdout_openings, asdict(opening) | {"user_id": user, "at": at_ms})
