"""Which exchange, symbol and timeframe a user means; refused by name where there is none."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from assay.errors import InputError
from assay.lazy import lazy
from assay.market import Timeframe, canonical_symbol
from assay.market.calendar import DAY_MS
from assay.sources.exchanges.paging_rules import ALIASES, WELL_KNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ccxt
else:
    ccxt = lazy("ccxt")  # 0.3 s, needed once an exchange is open


def exchange_id(name: str) -> str:
    """Return ccxt's id of an exchange that serves candles."""
    text = name.strip().lower()
    found = ALIASES.get(text, text)
    if found not in ccxt.exchanges:
        close = get_close_matches(found, [*ccxt.exchanges, *ALIASES], n=1, cutoff=0.6)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(WELL_KNOWN)} and others of ccxt"
        raise InputError("exchange", "must be one that ccxt knows", name, hint)
    if getattr(ccxt, found)().has["fetchOHLCV"] is not True:
        raise InputError("exchange", "must serve candles", name, f"Use one such as {', '.join(WELL_KNOWN)}")
    return found


def find_symbol(text: str, markets: Mapping[str, Any], exchange: str, renamed: Mapping[str, str]) -> str:
    """Return the canonical symbol of a spot market or a perpetual contract from any spelling of it.

    A symbol with a colon is a contract and finds none but contracts, one without finds none but spot markets.

    Parameters
    ----------
    text : str
        ``BTC/USDT``, ``BTCUSDT``, ``btc-usdt``, the exchange's own id (``XXBTZUSD``), or ``BTC/USDT:USDT``.
    markets : mapping
        ccxt's markets by symbol.
    exchange : str
        Its name, for the error.
    renamed : mapping
        Currencies of the exchange that are called otherwise elsewhere (``XBT`` is ``BTC``).
    """
    wanted = _canonical(text)
    if is_contract(text):
        return _find_contract(text, wanted, markets, exchange)
    spot = {symbol: market for symbol, market in markets.items() if market.get("spot") and ":" not in symbol}
    common = "/".join(renamed.get(part, part) for part in wanted.split("/"))
    for symbol in (wanted, common):
        if symbol in spot:
            return symbol
    written = _letters(text)
    found = {symbol for symbol, market in spot.items() if written in _own_names(market)}
    found = found or {symbol for symbol in spot if _letters(symbol) == written}
    if len(found) == 1:
        return found.pop()
    if found:
        raise InputError("symbol", f"may mean {' or '.join(sorted(found))} on {exchange}; write BASE/QUOTE", text)
    raise InputError("symbol", f"must be a spot market of {exchange}", text, _near_symbols(common, spot))


def is_contract(text: str) -> bool:
    """Whether a spelling names a contract, by its settlement (``BTC/USDT:USDT``)."""
    return ("/" in text and ":" in text) or ":" in _canonical(text)


def _canonical(text: str) -> str:
    """Return the canonical symbol; the text itself where it may mean two, of which the exchange may list one."""
    try:
        return canonical_symbol(text)
    except InputError:
        return text.strip().upper()


def _find_contract(text: str, wanted: str, markets: Mapping[str, Any], exchange: str) -> str:
    swaps = {symbol: market for symbol, market in markets.items() if market.get("swap") and ":" in symbol}
    for symbol in (wanted, text.strip().upper()):
        if symbol in swaps:
            return symbol
    hint = _near_symbols(wanted, swaps) if swaps else "It lists none; use a spot market, written BASE/QUOTE"
    raise InputError("symbol", f"must be a perpetual contract of {exchange}", text, hint)


def _letters(name: str) -> str:
    return re.sub("[^A-Z0-9]", "", name.upper())


def _own_names(market: Mapping[str, Any]) -> set[str]:
    """Return the exchange's own spellings of a market in capitals, without separators."""
    info = market.get("info")
    more = (info.get("altname"), info.get("wsname")) if isinstance(info, dict) else ()
    return {_letters(str(name)) for name in (market.get("id"), *more) if name}


def _near_symbols(symbol: str, listed: Mapping[str, Any]) -> str:
    base = symbol.split("/", maxsplit=1)[0]
    same_base = sorted(known for known in listed if known.split("/")[0] == base)
    if near := [*dict.fromkeys([*get_close_matches(symbol, listed, n=3, cutoff=0.6), *same_base])][:5]:
        return f"Did you mean {' or '.join(near)}?"
    return f"It lists {len(listed):,} others, such as {', '.join(sorted(listed)[:3])}"


def offered(timeframes: Mapping[str, Any]) -> dict[int, str]:
    """Return ccxt's names of an exchange's timeframes by length in ms.

    Weeks, months and several days are left out: exchanges begin them on days of their own choice.
    """
    found = {}
    for name in timeframes:
        if name[-1] in "mhd" and name[:-1].isdigit():
            length = Timeframe.parse(name).ms
            if length <= DAY_MS:
                found[length] = name
    return dict(sorted(found.items()))


def find_timeframe(wanted: Timeframe, timeframes: Mapping[str, Any], exchange: str) -> str:
    """Return ccxt's name of a timeframe that the exchange offers."""
    names = offered(timeframes)
    if wanted.ms in names:
        return names[wanted.ms]
    finer = [name for length, name in names.items() if length < wanted.ms and wanted.ms % length == 0]
    hint = f"Fetch {finer[-1]} and resample it" if finer else "Choose one of these"
    raise InputError("timeframe", f"{exchange} offers {', '.join(names.values())}", str(wanted), hint)


def price_tick(market: Mapping[str, Any], precision_mode: int) -> float | None:
    """Return the smallest price step of a market, or None where ccxt does not know it."""
    precision = (market.get("precision") or {}).get("price")
    if precision is None:
        return None
    if precision_mode == ccxt.DECIMAL_PLACES:
        return float(f"1e-{int(precision)}")
    tick = float(precision)
    return tick if precision_mode == ccxt.TICK_SIZE and tick > 0 else None
