"""Files of bars into the database, and what is said of a file before that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.errors import FileFormatError, InputError
from assay.market import Market, named_market, refuse_futures
from assay.market.ohlcv import VALUES
from assay.service.describe import describe_market
from assay.service.times import iso_time
from assay.sources import OpenedFile, read_bar_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assay.sources import BarFile, ReadingOptions
    from assay.store import BarStore, Imports

SHOWN = 3
"""Bars of a file that are shown."""


def import_file(
    imports: Imports,
    file: Path | OpenedFile,
    reading: ReadingOptions,
    *,
    exchange: str | None,
    symbol: str | None,
    at_ms: int,
    names: tuple[str, str] = ("exchange", "symbol"),
) -> dict[str, Any]:
    """Store the bars of a file, and return what became of them as plain values.

    Parameters
    ----------
    exchange, symbol : str, optional
        Which market it is, where its name and content do not say it.
    at_ms : int
        Now, milliseconds UTC: bars that are not over by then are left out.
    names : (str, str)
        What errors call exchange and symbol.

    Raises
    ------
    InputError
        When the file cannot be understood, or nothing says which market it holds.
    """
    read = read_bar_file(file, options=reading, now_ms=at_ms)
    rows, shown = read.rows, name_of(file)
    market = _settle(imports.store, rows.market, exchange, symbol, shown, names)
    refuse_futures(market)
    if not len(rows.columns.time):
        raise FileFormatError(shown, "holds no bar that is over yet")
    found = imports.add(market, rows.columns, source=file.name, at_ms=at_ms, found=rows.findings.as_dict())
    times = rows.columns["time"]
    return {
        "file": shown,
        **describe_market(market),
        "from": iso_time(int(times[0])),
        "to": iso_time(int(times[-1]) + market.timeframe.ms),
        "read_as": describe_reading(read),
        "rows": rows.findings.rows,
        "inserted": found.written.inserted,
        "unchanged": found.written.unchanged,
        "changed": found.written.changed,
        "found": rows.findings.as_dict(),
        "sentences": list(read.sentences),
        "valid_pct": found.report.valid_pct,
        "passes": found.report.passes,
        "alert": None if found.alert is None else found.alert.as_dict() | {"message": str(found.alert)},
    }


def inspect_file(
    file: Path | OpenedFile, reading: ReadingOptions, *, exchange: str | None = None, symbol: str | None = None
) -> tuple[BarFile, dict[str, Any]]:
    """Return a file of bars, and how it is understood as plain values; nothing is stored.

    Parameters
    ----------
    exchange, symbol : str, optional
        Which market it is, where its name and content do not say it.
    """
    found = read_bar_file(file, options=reading)
    times = found.rows.columns.time
    return found, {
        "file": name_of(file),
        **describe_market(_named(found.rows.market, exchange, symbol)),
        **describe_reading(found),
        "from": iso_time(int(times[0])) if len(times) else None,
        "to": iso_time(int(times[-1]) + found.rows.market.timeframe.ms) if len(times) else None,
        "rows": found.rows.findings.rows,
        "found": found.rows.findings.as_dict(),
        "bars": len(times),
        "understood": _understood(found),
        "as_written": list(found.shown),
        "options": dict(ways_out(found)),
    }


def name_of(file: Path | OpenedFile) -> str:
    """Return what a file is called in answers: where it lies, or the name under which it was sent."""
    return file.name if isinstance(file, OpenedFile) else str(file)


def describe_reading(found: BarFile) -> dict[str, Any]:
    """Return how a file was read, as plain values."""
    return {
        "shape": found.shape,
        "format": found.dialect or None,
        "columns": found.columns,
        "times": found.times,
        "notes": list(found.notes),
    }


def ways_out(found: BarFile) -> Iterator[tuple[str, str]]:
    """Yield the options that would change how a file was read, and what they say now."""
    chosen = ",".join(f"{field}={name}" for field, name in found.columns.items())
    yield "--columns", chosen
    yield "--timezone", found.times.rpartition("taken as ")[2] if "taken as" in found.times else "the times say it"
    yield "--dates", "day, month" if "day, month" in found.times else "no date can be read in two ways"
    yield "--where COLUMN=VALUE", "every row is used; it would take only those with this value"
    ends = any("bars end" in n for n in found.notes)
    yield "--bar-end", f"each time is taken as the {'end' if ends else 'beginning'} of its bar"
    yield "--timeframe", str(found.rows.market.timeframe)


def _understood(found: BarFile) -> list[dict[str, Any]]:
    """Return the first bars, as they were understood."""
    c = found.rows.columns
    rows = []
    for row in range(min(SHOWN, len(c.time))):
        prices = {name: float(c[name][row]) for name in VALUES if name != "volume" or c.has_volume}
        rows.append({"open_at": iso_time(int(c.time[row])), **prices})
    return rows


def _named(market: Market, exchange: str | None, symbol: str | None) -> Market:
    if exchange is None and symbol is None:
        return market
    return named_market(exchange or market.exchange, symbol or market.symbol, market.timeframe)


def _settle(
    store: BarStore, market: Market, exchange: str | None, symbol: str | None, file: str, names: tuple[str, str]
) -> Market:
    """Return the market of a file: what the options say, else its name and content."""
    market = _named(market, exchange, symbol)
    if market.exchange == "file" and "/" not in market.symbol and market.kind == "spot":
        rule = "must say which market it holds, as BINANCE_BTCUSDT_5m.parquet does"
        raise InputError(file, rule, hint=f"Or give {names[0]} and {names[1]}")
    return store.find(market.exchange, market.symbol, market.timeframe) or market
