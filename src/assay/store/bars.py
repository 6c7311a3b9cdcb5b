"""Bars in the database: written in bulk, never overwritten, read into arrays, with the spans that are stored."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import sqlalchemy as sa

from assay.documents.plain import iso
from assay.errors import InputError, NotFoundError, near_name
from assay.market import Bars, Market, Timeframe, resample
from assay.market.bars import check_rows
from assay.market.calendar import DAY_MS
from assay.market.ohlcv import COLUMNS, VALUES, OhlcvColumns
from assay.store import schema
from assay.store.database import insert, now_ms, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from assay.store.database import Database

T = TypeVar("T")
Span = tuple[int, int]

MAX_CACHED = 32
"""Reads that are kept; a year of 5-minute bars is 5 MB."""

MAX_CONFLICTS = 1000
"""Changed bars of one write that are told one by one; more are counted."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the bars of one write.

    Attributes
    ----------
    inserted, unchanged, changed : int
        New bars; bars that were stored with the same values; bars that were stored with others, which stay.
    """

    inserted: int
    unchanged: int
    changed: int


@dataclass(frozen=True, slots=True)
class StoredMarket:
    """A market with the bars that are stored of it.

    Attributes
    ----------
    bars : int
    first_ms, last_ms : int or None
        Opens of the first and last bar.
    revision : int
        Counts changes.
    """

    id: int
    market: Market
    bars: int
    first_ms: int | None
    last_ms: int | None
    revision: int


def merged(spans: Sequence[Span]) -> list[Span]:
    """Join spans that touch or overlap."""
    out: list[Span] = []
    for start, stop in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((start, stop))
    return out


def uncovered(covered: Sequence[Span], start: int, stop: int) -> list[Span]:
    """Return what of [start, stop) lies outside the covered spans."""
    gaps, at = [], start
    for a, b in merged(covered):
        if b <= at or a >= stop:
            continue
        if a > at:
            gaps.append((at, a))
        at = max(at, b)
    if at < stop:
        gaps.append((at, stop))
    return gaps


class BarStore:
    """The bars of every market.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._cache: dict[tuple[int, int | None, int | None], tuple[int, Bars]] = {}
        self._facts: dict[tuple[str, int], tuple[int, Any]] = {}
        self._lock = threading.Lock()

    # markets

    def markets(self) -> list[StoredMarket]:
        """Every market, by exchange, symbol and timeframe."""

        def work(c: sa.Connection) -> list[StoredMarket]:
            found = [self.stored(c, row) for row in c.execute(sa.select(schema.markets)).all()]
            return sorted(found, key=lambda h: (h.market.exchange, h.market.symbol, h.market.timeframe.ms))

        return self.database.read(work)

    def stored(self, c: sa.Connection, row: sa.Row[Any]) -> StoredMarket:
        """Return a market with the extent of its bars, in a transaction of the caller's."""
        b = schema.bars.c
        query = sa.select(sa.func.count(), sa.func.min(b.time), sa.func.max(b.time)).where(b.market_id == row.id)
        count, first, last = self.fact("extent", row.id, row.revision, lambda: tuple(c.execute(query).one()))
        return StoredMarket(row.id, market_of(row), int(count), first, last, row.revision)

    def fact(self, name: str, market: int, revision: int, find: Callable[[], T]) -> T:
        """Return what is so of a market's bars as long as they do not change, found once."""
        with self._lock:
            known = self._facts.get((name, market))
        if known is not None and known[0] == revision:
            fact: T = known[1]
            return fact
        fact = find()
        with self._lock:
            self._facts[name, market] = revision, fact
        return fact

    def find(self, exchange: str, symbol: str, timeframe: Timeframe) -> Market | None:
        """Return the market that is stored under this name, with its kind and tick."""
        row = self.database.read(lambda c: _row(c, Market(exchange, symbol, timeframe, "spot", None)))
        return None if row is None else market_of(row)

    def finer(self, market: Market) -> list[Market]:
        """Return the stored markets, this one among them, of whose bars it can be made: the coarsest first."""
        m, b = schema.markets.c, schema.bars.c
        stored = sa.exists().where(b.market_id == m.id)  # counting millions of bars would say no more
        query = sa.select(schema.markets).where(m.exchange == market.exchange, m.symbol == market.symbol, stored)
        found = [market_of(row) for row in self.database.read(lambda c: c.execute(query).all())]
        fitting = [one for one in found if market.timeframe.ms % one.timeframe.ms == 0]
        return sorted(fitting, key=lambda one: -one.timeframe.ms)

    def market_of(self, market: Market) -> Market | None:
        """Return the market whose bars `read_resampled` gives, as it is stored; None when there are none."""
        sources = self.finer(market)
        return replace(sources[0], timeframe=market.timeframe) if sources else None

    def newest_ms(self, market: Market) -> int | None:
        """Return the open of the newest bar; None where there is none."""
        b = schema.bars.c

        def work(c: sa.Connection) -> int | None:
            row = _row(c, market)
            query = sa.select(sa.func.max(b.time)).where(b.market_id == (None if row is None else row.id))
            return c.execute(query).scalar()

        return self.database.read(work)

    def state(self, market: Market) -> tuple[int, int]:
        """Return the number of a market that is stored, and its revision."""
        row = self.database.read(lambda c: _row(c, market))
        if row is None:
            raise self._unknown(market)
        return int(row.id), int(row.revision)

    def size_bytes(self) -> dict[int, int]:
        """Return about how much room the bars of each market take, by the market's number."""

        def work(c: sa.Connection) -> dict[int, int]:
            rows = c.execute(sa.select(schema.markets)).all()
            counts = {row.id: found.bars for row in rows if (found := self.stored(c, row)).bars}
            if c.dialect.name == "sqlite":
                # nearly all of the file is bars; asking for each table would read every page of it
                query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            else:
                query = "SELECT pg_total_relation_size('bars')"
            whole = int(c.exec_driver_sql(query).scalar_one())
            return {number: whole * n // max(sum(counts.values()), 1) for number, n in counts.items()}

        return self.database.read(work)

    # writing

    def write(
        self,
        market: Market,
        columns: Mapping[str, NDArray[Any]],
        *,
        source: str,
        at_ms: int,
        covered: Span | None = None,
    ) -> Written:
        """Add bars; those that are stored stay as they are. All of it is written or nothing.

        Parameters
        ----------
        columns : OhlcvColumns, or a mapping with its six columns
            Bars that the source has, in order of time.
        source : str
            Where they come from, for findings.
        at_ms : int
            Now.
        covered : (int, int), optional
            The span that was asked for and answered; from the first bar to the end of the last where not given.

        Raises
        ------
        BarsError
            Naming the first row that breaks a rule of `Bars`.
        """
        offered = OhlcvColumns.of(columns)
        time = offered.time
        if len(time):
            volume = offered.volume if offered.has_volume else np.zeros(len(time))
            check_rows(time, {**offered, "volume": volume}, market.timeframe.ms)
        if covered is None and len(time):
            covered = (int(time[0]), int(time[-1]) + market.timeframe.ms)

        def work(c: sa.Connection) -> Written:
            number = _ensure(c, market)
            if len(time):
                _same_volumes(c, number, market, known=offered.has_volume)
                _same_grid(c, number, market, int(time[0]))
            stored = _columns(c, number, int(time[0]), int(time[-1]) + 1) if len(time) else None
            inserted = 0
            changed = np.zeros(0, dtype=np.int64)
            if stored is not None:
                at = np.searchsorted(stored.time, time)
                known = at < len(stored.time)
                known[known] = stored.time[at[known]] == time[known]
                rows = np.flatnonzero(known)
                differs = np.zeros(len(rows), dtype=np.bool_)
                for name in VALUES:
                    a, b = offered[name][rows], stored[name][at[rows]]
                    differs |= (a != b) & ~(np.isnan(a) & np.isnan(b))
                changed = rows[differs]
                inserted = _insert(c, number, offered.rows(~known))
                _tell_conflicts(c, number, offered, changed, stored, at, source, at_ms)
            covering = _cover(c, number, covered) if covered else False
            if inserted or covering:
                _touch(c, number)
            return Written(inserted, len(time) - inserted - len(changed), len(changed))

        return self.database.write(work)

    def delete(self, market: Market, start_ms: int | None = None, stop_ms: int | None = None) -> int:
        """Remove bars of a market, all of them and the market itself without bounds; return how many."""
        b, m = schema.bars.c, schema.markets.c

        def work(c: sa.Connection) -> int:
            number = _number(c, market)
            where = [b.market_id == number]
            where += [b.time >= start_ms] if start_ms is not None else []
            where += [b.time < stop_ms] if stop_ms is not None else []
            removed = c.execute(sa.delete(schema.bars).where(*where)).rowcount
            if start_ms is None and stop_ms is None:
                c.execute(sa.delete(schema.markets).where(m.id == number))
            else:
                cover = schema.market_coverage.c
                spans = c.execute(sa.select(cover.start_ms, cover.stop_ms).where(cover.market_id == number)).all()
                low, high = (spans and min(s[0] for s in spans)), (spans and max(s[1] for s in spans))
                if spans:
                    begin = int(low if start_ms is None else start_ms)  # type: ignore[arg-type]
                    end = int(high if stop_ms is None else stop_ms)  # type: ignore[arg-type]
                    kept = [s for a, z in spans for s in uncovered([(begin, end)], int(a), int(z))]
                    c.execute(sa.delete(schema.market_coverage).where(cover.market_id == number))
                    _add_spans(c, number, kept)
                _touch(c, number)
            return int(removed)

        return self.database.write(work)

    # reading

    def coverage(self, market: Market) -> list[Span]:
        """Spans that were asked for and answered, in order."""

        def work(c: sa.Connection) -> list[Span]:
            row = _row(c, market)
            return [] if row is None else _spans(c, row.id)

        return self.database.read(work)

    def missing(self, market: Market, start_ms: int, stop_ms: int) -> list[Span]:
        """Spans of [start, stop) that were never fetched."""
        return uncovered(self.coverage(market), start_ms, stop_ms)

    def columns(self, market: Market, start_ms: int, stop_ms: int) -> OhlcvColumns:
        """Return the stored bars of [start, stop) as arrays, shape (n,) each; absent stamps are absent."""
        return self.database.read(lambda c: _columns(c, _number(c, market), start_ms, stop_ms))

    def read(self, market: Market, start_ms: int | None = None, stop_ms: int | None = None) -> Bars:
        """Return the bars of a market in [start, stop), absent stamps inserted.

        Repeated reads come from memory as long as the market's revision stands, which is asked every time: bars that
        another process wrote are never missed.

        Raises
        ------
        NotFoundError
            When the market is not stored, or holds nothing in the span.
        """
        number, revision = self.state(market)
        with self._lock:
            kept = self._cache.get((number, start_ms, stop_ms))
        if kept is not None and kept[0] == revision:
            return kept[1]

        def work(c: sa.Connection) -> tuple[sa.Row[Any], OhlcvColumns] | None:
            # asked again, so that bars and revision are of one state of the database
            row = _row(c, market)
            low, high = start_ms if start_ms is not None else -(2**62), stop_ms if stop_ms is not None else 2**62
            return None if row is None else (row, _columns(c, row.id, low, high))

        found = self.database.read(work)
        if found is None:
            raise self._unknown(market)
        row, columns = found
        if not len(columns.time):
            raise self._outside(market, row, start_ms, stop_ms)
        c = columns
        volume = c.volume if c.has_volume else None
        bars = Bars.from_columns(market_of(row), c.time, c.open, c.high, c.low, c.close, volume)
        with self._lock:
            self._cache[int(row.id), start_ms, stop_ms] = (int(row.revision), bars)
            while len(self._cache) > MAX_CACHED:
                self._cache.pop(next(iter(self._cache)))
        return bars

    def read_resampled(self, market: Market, start_ms: int | None = None, stop_ms: int | None = None) -> Bars:
        """Return the bars of a market, made of the coarsest finer bars stored where it is not stored itself."""
        sources = self.finer(market)
        if not sources or sources[0].timeframe == market.timeframe:
            return self.read(market, start_ms, stop_ms)  # which says what is stored where nothing fits
        return resample(self.read(sources[0], start_ms, stop_ms), market.timeframe)

    def _outside(self, market: Market, row: sa.Row[Any], start_ms: int | None, stop_ms: int | None) -> NotFoundError:
        stored = self.database.read(lambda c: self.stored(c, row))
        asked = [None if at is None else iso(at) for at in (start_ms, stop_ms)]
        hint = "It holds none at all"
        if stored.first_ms is not None and stored.last_ms is not None:
            hint = f"It holds {iso(stored.first_ms)} to {iso(stored.last_ms)}"
        return NotFoundError(str(market), "holds no bars in this span", asked, hint)

    def _unknown(self, market: Market) -> NotFoundError:
        stored = [str(h.market) for h in self.markets()]
        hint = near_name(str(market), stored) if stored else "The database holds no markets: assay data import FILE"
        return NotFoundError(str(market), "is not stored", hint=hint)


def present(bars: Bars) -> OhlcvColumns:
    """Return the bars that the source had, without the absent stamps that were inserted."""
    kept = ~bars.absent
    columns = {name: getattr(bars, name)[kept] for name in COLUMNS}
    if not bars.has_volume:
        columns["volume"] = np.full(int(kept.sum()), np.nan)
    return OhlcvColumns.of(columns)


def market_of(row: Any) -> Market:
    """Return the market of a row of the table `markets`."""
    return Market(row.exchange, row.symbol, Timeframe.parse(row.timeframe), row.kind, row.tick_size)


def _row(c: sa.Connection, market: Market) -> sa.Row[Any] | None:
    """Return the row of a market; None when it is not stored."""
    m = schema.markets.c
    where = (m.exchange == market.exchange, m.symbol == market.symbol, m.timeframe == str(market.timeframe))
    return c.execute(sa.select(schema.markets).where(*where)).first()


def _number(c: sa.Connection, market: Market) -> int:
    row = _row(c, market)
    if row is None:
        raise NotFoundError(str(market), "is not stored")
    return int(row.id)


def _ensure(c: sa.Connection, market: Market) -> int:
    """Return the market's number; make its row where there is none, fill in its tick where that was unknown."""
    values = {
        "exchange": market.exchange,
        "symbol": market.symbol,
        "timeframe": str(market.timeframe),
        "kind": market.kind,
        "tick_size": market.tick,
        # a market that is made again after it was removed may get the number of the first: what was read of that one
        # must not be taken for it, so revisions never begin twice at the same number
        "revision": now_ms(),
    }
    c.execute(insert(c, schema.markets).values(**values).on_conflict_do_nothing())
    m = schema.markets.c
    number = _number(c, market)
    # one writer of a market at a time: what it finds stored stays so until it is done (SQLite has one writer anyway)
    c.execute(sa.select(m.id).where(m.id == number).with_for_update())
    if market.tick is not None:
        c.execute(sa.update(schema.markets).where(m.id == number, m.tick_size.is_(None)).values(tick_size=market.tick))
    return number


def _same_volumes(c: sa.Connection, number: int, market: Market, *, known: bool) -> None:
    """Refuse to mix bars with and without volume: rules that need it would judge by accident."""
    b = schema.bars.c
    row = c.execute(sa.select(b.volume).where(b.market_id == number).limit(1)).first()
    if row is not None and (row[0] is not None) != known:
        stored, offered = ("with", "without") if row[0] is not None else ("without", "with")
        raise InputError(str(market), f"is stored {stored} volumes, so bars {offered} them cannot be added")


def _same_grid(c: sa.Connection, number: int, market: Market, first_ms: int) -> None:
    """Refuse weeks that begin on another day than those that are stored."""
    b, step = schema.bars.c, market.timeframe.ms
    if step <= DAY_MS:
        return
    row = c.execute(sa.select(b.time).where(b.market_id == number).limit(1)).first()
    if row is not None and (int(row[0]) - first_ms) % step:
        days = [f"{np.datetime64(at, 'ms').item():%A}" for at in (int(row[0]), first_ms)]
        raise InputError(str(market), f"has bars that begin on {days[0]}, so bars of {days[1]} cannot be added")


def _touch(c: sa.Connection, number: int) -> None:
    m = schema.markets.c
    c.execute(sa.update(schema.markets).where(m.id == number).values(revision=m.revision + 1))


def _spans(c: sa.Connection, number: int) -> list[Span]:
    cover = schema.market_coverage.c
    rows = c.execute(sa.select(cover.start_ms, cover.stop_ms).where(cover.market_id == number).order_by(cover.start_ms))
    return [(int(a), int(b)) for a, b in rows]


def _add_spans(c: sa.Connection, number: int, spans: Sequence[Span]) -> None:
    rows = [{"market_id": number, "start_ms": a, "stop_ms": b} for a, b in spans]
    if rows:
        c.execute(sa.insert(schema.market_coverage), rows)


def _cover(c: sa.Connection, number: int, span: Span) -> bool:
    """Add a span to those stored; return whether anything changed."""
    stored = _spans(c, number)
    joined = merged([*stored, span])
    if joined == stored:
        return False
    c.execute(sa.delete(schema.market_coverage).where(schema.market_coverage.c.market_id == number))
    _add_spans(c, number, joined)
    return True


_SELECT = "SELECT {} FROM bars WHERE market_id = {} AND time >= {} AND time < {} ORDER BY time"
_ARRAY_HEADER = 20
_CHUNK = 1 << 20
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
_TRAILER = b"\xff\xff"


def _columns(c: sa.Connection, number: int, start: int, stop: int) -> OhlcvColumns:
    """Read bars into arrays by the driver's own fastest way."""
    with raw(c) as driver:
        if c.dialect.name == "sqlite":
            rows = driver.execute(_SELECT.format(", ".join(COLUMNS), "?", "?", "?"), (number, start, stop)).fetchall()
            table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
            # stamps in milliseconds are exact in a float64 until the year 287,000
            columns = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(COLUMNS)}
            return OhlcvColumns.of(columns | {"time": columns["time"].astype(np.int64)})
        # one row of six arrays, taken in binary: COPY would hand over a message per bar
        arrays = ", ".join(f"array_agg({name})" for name in COLUMNS)
        names = ", ".join((*COLUMNS[:-1], "coalesce(volume, 'NaN') AS volume"))
        with driver.cursor(binary=True) as cursor:
            cursor.execute(f"SELECT {arrays} FROM ({_SELECT.format(names, number, start, stop)}) AS held")  # noqa: S608
            values = [cursor.pgresult.get_value(0, i) for i in range(len(COLUMNS))]
    return OhlcvColumns.of(
        {
            name: _array(value, np.int64 if name == "time" else np.float64)
            for name, value in zip(COLUMNS, values, strict=True)
        }
    )


def _array(value: bytes | None, kind: type[np.int64 | np.float64]) -> NDArray[Any]:
    """Decode PostgreSQL's binary form of an array without nulls: a header, then a length and 8 bytes per element."""
    if value is None:
        return np.zeros(0, dtype=kind)
    element = np.dtype([("size", ">i4"), ("value", np.dtype(kind).newbyteorder(">"))])
    return np.frombuffer(value, dtype=element, offset=_ARRAY_HEADER)["value"].astype(kind)


def _insert(c: sa.Connection, number: int, columns: OhlcvColumns) -> int:
    """Insert bars of which none is stored; return how many."""
    n = len(columns.time)
    if not n:
        return 0
    if c.dialect.name == "sqlite":
        with raw(c) as driver:
            driver.executemany(
                "INSERT INTO bars (market_id, time, open, high, low, close, volume) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                zip([number] * n, *(columns[name].tolist() for name in COLUMNS), strict=True),
            )
        return n
    # the market's row is locked and what is stored was left out: nothing can be in the way of a plain COPY
    names = [*COLUMNS[:-1], *(("volume",) if columns.has_volume else ())]
    kinds = {"market_id": ">i8", **{name: ">i8" if name == "time" else ">f8" for name in names}}
    fields = [
        (f"{part}_{name}", kind if part == "value" else ">i4")
        for name, kind in kinds.items()
        for part in ("size", "value")
    ]
    records = np.zeros(n, dtype=[("fields", ">i2"), *fields])
    records["fields"] = len(kinds)
    for name in kinds:
        records[f"size_{name}"] = 8
        records[f"value_{name}"] = number if name == "market_id" else columns[name]
    data = memoryview(_SIGNATURE + records.tobytes() + _TRAILER)
    with raw(c) as driver, driver.cursor() as cursor:
        with cursor.copy(f"COPY bars ({', '.join(kinds)}) FROM STDIN (FORMAT BINARY)") as copy:
            for begin in range(0, len(data), _CHUNK):
                copy.write(data[begin : begin + _CHUNK])
        return int(cursor.rowcount)


def _tell_conflicts(
    c: sa.Connection,
    number: int,
    columns: OhlcvColumns,
    changed: NDArray[np.int64],
    stored: OhlcvColumns,
    at: NDArray[np.int64],
    source: str,
    at_ms: int,
) -> None:
    """Write down bars that came again with other values."""
    if not len(changed):
        return

    def values(table: OhlcvColumns, row: int) -> dict[str, float | None]:
        found = {name: float(table[name][row]) for name in VALUES}
        return {name: None if np.isnan(value) else value for name, value in found.items()}

    rows = [
        {
            "market_id": number,
            "time": int(columns.time[i]),
            "found_at": at_ms,
            "source": source,
            "held": values(stored, int(at[i])),
            "offered": values(columns, int(i)),
        }
        for i in changed[:MAX_CONFLICTS].tolist()
    ]
    c.execute(insert(c, schema.bar_conflicts).on_conflict_do_nothing(), rows)
