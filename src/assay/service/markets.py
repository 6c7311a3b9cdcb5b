"""The stored markets: which are meant, what is stored of each, and how good it is."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from assay.errors import InputError, NotFoundError, likeliest
from assay.market import Timeframe, canonical_symbol, data_filter, measure_quality
from assay.service.describe import describe_market
from assay.service.times import iso_time, parse_moment
from assay.store.market_pages import market_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assay.market import Market
    from assay.store import BarStore, Import, Imports, StoredMarket

MARKET_NAMES = ("exchange", "symbol", "timeframe")
"""What errors call the parts of a market."""

SPAN_NAMES = ("from", "to")
"""What errors call the bounds of a span."""


def wanted_market(exchange: str | None, symbol: str | None, timeframe: str | None) -> tuple[str | None, ...]:
    """Return the names of a market as they are stored; None for what is not given."""
    return (
        exchange and exchange.strip().lower(),
        symbol and canonical_symbol(symbol),
        timeframe and str(Timeframe.parse(timeframe)),
    )


def select(
    store: BarStore,
    exchange: str | None,
    symbol: str | None,
    timeframe: str | None,
    names: Sequence[str] = MARKET_NAMES,
) -> list[StoredMarket]:
    """Return the markets that fit all that is given.

    Parameters
    ----------
    names : sequence of str
        What errors call exchange, symbol and timeframe.

    Raises
    ------
    InputError
        When there is none, naming what is stored.
    """
    wanted = wanted_market(exchange, symbol, timeframe)
    markets = store.markets()
    if not markets and any(wanted):
        raise InputError("data", "the database holds no markets", hint="Try `assay data import FILE`")
    for part, (name, value) in enumerate(zip(names, wanted, strict=True)):
        if not value:
            continue
        found = [m for m in markets if _parts(m.market)[part] == value]
        if not found:
            known = sorted({_parts(m.market)[part] for m in markets})
            close = likeliest(value, known)
            hint = "" if close is None else f"Did you mean {close!r}?"
            raise InputError(name, f"must be one that is stored: {', '.join(known)}", value, hint)
        markets = found
    return markets


def _parts(market: Market) -> tuple[str, str, str]:
    return market.exchange, market.symbol, str(market.timeframe)


def span_ms(from_: str | None, to: str | None, names: tuple[str, str] = SPAN_NAMES) -> tuple[int | None, int | None]:
    """Return the bounds of a span in milliseconds UTC.

    Raises
    ------
    InputError
        When one is no moment, or they are not in order.
    """
    start = None if from_ is None else parse_moment(from_, names[0])
    stop = None if to is None else parse_moment(to, names[1])
    if start is not None and stop is not None and start >= stop:
        raise InputError(f"{names[0]} and {names[1]}", f"must be in order, {names[0]} before {names[1]}", [from_, to])
    return start, stop


def describe_stored(stored: StoredMarket) -> dict[str, Any]:
    """Return a market and the span that is stored of it as plain values."""
    step = stored.market.timeframe.ms
    return {
        **describe_market(stored.market),
        "bars": stored.bars,
        "from": None if stored.first_ms is None else iso_time(stored.first_ms),
        "to": None if stored.last_ms is None else iso_time(stored.last_ms + step),
    }


def spans_of(store: BarStore, stored: StoredMarket) -> list[dict[str, str]]:
    """Return the spans that were asked for and answered: outside of them nothing was ever fetched."""
    return _spans(store.coverage(stored.market))


def holes_of(store: BarStore, stored: StoredMarket) -> list[dict[str, str]]:
    """Return spans between the first and the last bar that were never fetched."""
    return _spans((before[1], after[0]) for before, after in itertools.pairwise(store.coverage(stored.market)))


def _spans(spans: Iterable[tuple[int, int]]) -> list[dict[str, str]]:
    return [{"from": iso_time(start), "to": iso_time(stop)} for start, stop in spans]


def valid_share(imports: Imports, stored: StoredMarket) -> float | None:
    """Return the valid bars in percent: as they were recorded where nothing has changed since; None without bars."""
    if not stored.bars:
        return None

    def found() -> float:
        last = imports.last(stored.market)
        if last is not None and last.quality.get("revision") == stored.revision:
            return last.valid_pct
        return measure_quality(imports.store.read(stored.market)).valid_pct

    return imports.store.fact("valid share", stored.id, stored.revision, found)


def market_row(imports: Imports, stored: StoredMarket, sizes: Mapping[int, int]) -> dict[str, Any]:
    """Return a line of the list of markets.

    Parameters
    ----------
    sizes : mapping
        Bytes by the number of a market (`BarStore.size_bytes`).
    """
    return {
        **describe_stored(stored),
        "holes": holes_of(imports.store, stored),
        "valid_pct": valid_share(imports, stored),
        "size_bytes": sizes.get(stored.id, 0),
    }


def quality_of(imports: Imports, stored: StoredMarket) -> dict[str, Any]:
    """Return what is wrong with a market's bars, before and after masking, and what came in when.

    Raises
    ------
    InputError
        When it has no bars.
    """
    history = imports.history(stored.market)
    return {
        **describe_stored(stored),
        **data_filter(imports.store.read(stored.market)),
        "holes": holes_of(imports.store, stored),
        "changed_bars": imports.conflicts(stored.market),
        "found_in_sources": _found(history),
        "imports": [
            {
                "at": iso_time(i.at_ms),
                "source": i.source,
                "bars": i.bars,
                "inserted": i.inserted,
                "changed": i.changed,
                "valid_pct": i.valid_pct,
                "alert": i.quality.get("alert"),
            }
            for i in history
        ],
    }


def stored_market(store: BarStore, exchange: str, symbol: str, timeframe: str) -> StoredMarket:
    """Return the one market of a name.

    Raises
    ------
    NotFoundError
        When it is not stored.
    """
    wanted = wanted_market(exchange, symbol, timeframe)
    found = market_page(store, wanted, limit=1)
    if not found:
        raise NotFoundError(" ".join(map(str, wanted)), "is not stored")
    return found[0]


def remove_bars(
    store: BarStore, market: tuple[str, str, str], span: tuple[int | None, int | None] = (None, None)
) -> dict[str, Any]:
    """Remove the bars of a span, or a whole market where it has no bounds; return what was there, and how many went.

    Parameters
    ----------
    market : (str, str, str)
        Exchange, symbol and timeframe.
    span : (int or None, int or None)
        [start, stop) in milliseconds UTC.

    Raises
    ------
    NotFoundError
        When it is not stored.
    """
    stored = stored_market(store, *market)
    removed = store.delete(stored.market, *span)
    return {**describe_stored(stored), "removed": removed}


def _found(history: Sequence[Import]) -> dict[str, int]:
    """Add up the rows of all sources that could not be used."""
    found: dict[str, int] = {}
    seen = set()
    for done in history:
        counts = done.quality.get("found", {})
        key = (done.source, json.dumps(counts, sort_keys=True))
        if key not in seen:  # the same file again is the same dirt
            seen.add(key)
            for kind, n in counts.items():
                found[kind] = found.get(kind, 0) + n
    return found
