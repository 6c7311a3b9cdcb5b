"""What came in and how good it was: every import is written down, and a fall of quality is an alert."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.market import data_filter, measure_quality
from assay.store import schema
from assay.store.bars import merged, uncovered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from assay.market import Bars, Market, QualityReport
    from assay.store.bars import BarStore, Span, Written

ALERT_MARGIN_PCT = 5.0
"""A fall of the valid bars by more than this (percentage points) is an alert. From month to month the recorded liquid
markets fall by 0.3 at most (BinanceUS BTC/USD by 1.1), the illiquid ones by 19 to 71."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A market's quality fell between two imports.

    Attributes
    ----------
    market : Market
    before_pct, after_pct : float
        Valid bars of the market in percent, after the import before and after this one.
    new_pct : float or None
        Valid bars of the span that this import added; None when it added less than a day.
    """

    market: Market
    before_pct: float
    after_pct: float
    new_pct: float | None

    def __str__(self) -> str:
        alone = "" if self.new_pct is None else f", {self.new_pct:.1f} % in the span that was added"
        return (
            f"ALERT {self.market}: quality fell, {self.before_pct:.1f} % of the bars were valid after the last import, "
            f"{self.after_pct:.1f} % are now{alone}"
        )

    def as_dict(self) -> dict[str, float | None]:
        """Return the shares as plain values."""
        return {"before_pct": self.before_pct, "after_pct": self.after_pct, "new_pct": self.new_pct}


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a market: what it changed and what is stored after it.

    Attributes
    ----------
    at_ms : int
    source : str
        The file, frame or exchange.
    data_digest : str
        Of the market's bars after the import.
    bars : int
        Bars that came in; of them `inserted` were new and `changed` were stored with other values, which stay.
    valid_pct : float
        Valid bars of the market after the import, in percent.
    quality : dict
        ``data_filter`` of the market after the import, with ``found`` (rows that could not be used), ``new_valid_pct``,
        ``alert``, the ``revision`` that it describes and the ``coverage`` of that moment.
    """

    at_ms: int
    source: str
    data_digest: str
    bars: int
    inserted: int
    changed: int
    valid_pct: float
    quality: dict[str, Any]

    @property
    def coverage(self) -> list[Span] | None:
        """Spans that were stored then, milliseconds UTC; None for an import of before they were written down."""
        spans = self.quality.get("coverage")
        return None if spans is None else [(int(start), int(stop)) for start, stop in spans]


@dataclass(frozen=True, slots=True)
class Imported:
    """What one import did.

    Attributes
    ----------
    written : Written
    report : QualityReport
        Of the market after the import.
    alert : Alert or None
    """

    market: Market
    written: Written
    report: QualityReport
    alert: Alert | None


class Imports:
    """The imports of every market.

    Parameters
    ----------
    store : BarStore
    """

    def __init__(self, store: BarStore) -> None:
        self.store = store

    def add(
        self,
        market: Market,
        columns: Mapping[str, NDArray[Any]],
        *,
        source: str,
        at_ms: int,
        found: Mapping[str, int] | None = None,
    ) -> Imported:
        """Write the bars of a file or frame (see `BarStore.write`) and record the import.

        Parameters
        ----------
        found : mapping of str to int, optional
            Rows of the source that could not be used, by kind.
        """
        time = columns["time"]
        span = (int(time[0]), int(time[-1]) + market.timeframe.ms) if len(time) else (0, 0)
        fresh = self.store.missing(market, *span)
        written = self.store.write(market, columns, source=source, at_ms=at_ms)
        return self.record(market, written, fresh, source=source, at_ms=at_ms, found=found)

    def record(
        self,
        market: Market,
        written: Written,
        fresh: Sequence[Span],
        *,
        source: str,
        at_ms: int,
        found: Mapping[str, int] | None = None,
    ) -> Imported:
        """Record an import whose bars were written, and compare the market's quality with that of the last record.

        Bars are written before their import is recorded. A process that is killed between the two leaves bars that no
        record describes; whoever records next judges them, too: the spans that the last record does not have.

        Parameters
        ----------
        fresh : sequence of (int, int)
            Spans that were not held before.

        Returns
        -------
        Imported
            An import after which the bars are those of the last record, from the same source, is not recorded again.
        """
        number, revision = self.store.state(market)
        bars = self.store.read(market)
        report = measure_quality(bars)
        before, coverage = self.last(market), self.store.coverage(market)
        left = [] if before is None else _unrecorded(before, coverage, bars)
        judged = bool(written.inserted or left)
        new_pct = self._valid_pct(market, [*(fresh if written.inserted else ()), *left]) if judged else None
        alert = _alert(market, before, report.valid_pct, new_pct) if judged else None
        quality = data_filter(bars, report) | {
            "found": dict(found or {}),
            "new_valid_pct": new_pct,
            "alert": alert and alert.as_dict(),
            "revision": revision,
            "coverage": [list(span) for span in coverage],
        }
        values = {
            "market_id": number,
            "at": at_ms,
            "source": source,
            "data_digest": bars.digest,
            "bars": written.inserted + written.unchanged + written.changed,
            "inserted": written.inserted,
            "changed": written.changed,
            "valid_pct": report.valid_pct,
            "quality": _plain(quality),
        }
        known = None if before is None else (before.source, before.data_digest, before.changed)
        again = known == (source, bars.digest, written.changed)
        if written.inserted or not again:
            self.store.database.write(lambda c: c.execute(sa.insert(schema.market_imports), values))
        return Imported(market, written, report, alert)

    def history(self, market: Market) -> list[Import]:
        """Imports of a market, oldest first."""
        return self._read(_imports_of(market).order_by(schema.market_imports.c.id))

    def last(self, market: Market) -> Import | None:
        """Return the newest import of a market."""
        found = self._read(_imports_of(market).order_by(schema.market_imports.c.id.desc()).limit(1))
        return found[0] if found else None

    def _read(self, query: sa.Select[Any]) -> list[Import]:
        rows = self.store.database.read(lambda c: list(c.execute(query)))
        return [
            Import(r.at, r.source, r.data_digest, r.bars, r.inserted, r.changed, r.valid_pct, r.quality) for r in rows
        ]

    def is_behind(self, market: Market) -> bool:
        """Whether bars were written that no record describes: the process that wrote them was killed before it."""
        last = self.last(market)
        if last is None or last.quality.get("revision") == self.store.state(market)[1]:
            return False
        return bool(_unrecorded(last, self.store.coverage(market), self.store.read(market)))

    def conflicts(self, market: Market) -> int:
        """Return how many bars came again with other values, as far as they are written down or were counted."""
        t, m = schema.bar_conflicts.c, schema.markets.c
        query = (
            sa.select(sa.func.count())
            .select_from(schema.bar_conflicts.join(schema.markets, m.id == t.market_id))
            .where(m.exchange == market.exchange, m.symbol == market.symbol, m.timeframe == str(market.timeframe))
        )
        rows = int(self.store.database.read(lambda c: c.execute(query).scalar_one()))
        # of one import no more than `MAX_CONFLICTS` bars are written down, and all are counted
        return max([rows, *(one.changed for one in self.history(market))])

    def _valid_pct(self, market: Market, fresh: Sequence[Span]) -> float | None:
        """Return the share of valid bars in spans, None where they are shorter than a day."""
        step = market.timeframe.ms
        expected = sum(b - a for a, b in merged(fresh)) // step
        if expected < market.bars_per_day:
            return None
        bars = self.store.read(market)
        valid = sum(int(bars.valid[bars.index_at(a) : bars.index_at(b)].sum()) for a, b in merged(fresh))
        return 100.0 * valid / expected


def _unrecorded(last: Import, coverage: Sequence[Span], bars: Bars) -> list[Span]:
    """Return the spans of bars that the last record does not have: none where the bars are still those of it."""
    if last.coverage is None or last.data_digest == bars.digest:
        return []
    first, end = bars.span_ms
    stored = [(max(start, first), min(stop, end)) for start, stop in coverage]
    return [span for start, stop in stored if start < stop for span in uncovered(last.coverage, start, stop)]


def _alert(market: Market, before: Import | None, after_pct: float, new_pct: float | None) -> Alert | None:
    if before is None:
        return None
    lowest = after_pct if new_pct is None else min(after_pct, new_pct)
    if before.valid_pct - lowest <= ALERT_MARGIN_PCT:
        return None
    return Alert(market, before.valid_pct, after_pct, new_pct)


def _plain(value: Any) -> Any:
    """Return JSON values: PostgreSQL refuses NaN."""
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _imports_of(market: Market) -> sa.Select[Any]:
    t, m = schema.market_imports.c, schema.markets.c
    query = sa.select(schema.market_imports).join(schema.markets, m.id == t.market_id)
    return query.where(m.exchange == market.exchange, m.symbol == market.symbol, m.timeframe == str(market.timeframe))
