"""Which market rows are of: what the file's name, its content, its stamps and its format say together."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from assay.errors import FileFormatError
from assay.market import Market, Timeframe
from assay.market.calendar import DAY_MS
from assay.market.market import refuse_month
from assay.market.names import CONTRACT_EXCHANGES, as_contract, is_pair, kind_of, timeframe_of_word
from assay.sources.bar_files.taken import symbol_of
from assay.sources.timeframes import common_step, settle_timeframe, step_text

if TYPE_CHECKING:
    from assay.sources.bar_files.dialects import Dialect
    from assay.sources.bar_files.file_names import Named
    from assay.sources.bar_files.options import ReadingOptions
    from assay.sources.bar_files.taken import TakenRows

_MONTH_DAYS = (28, 31)


def settle(
    taken: TakenRows, named: Named, dialect: Dialect | None, options: ReadingOptions, where: str, stem: str
) -> tuple[Market, list[str]]:
    """Return the market of rows whose caller did not name it, and notes."""
    notes: list[str] = []
    said = _with_content(named, taken, notes, where, chosen=bool(options.where))
    step = common_step(taken.ms)
    if not said.firm and said.timeframe is not None and step not in (None, said.timeframe.ms):
        notes.append(f"its name says {said.timeframe}, its stamps are {step_text(step)} apart: the stamps count")
        said = replace(said, timeframe=None)
    timeframe = options.timeframe or _timeframe(said.timeframe, step, where)
    symbol = said.symbol or _contract_of(stem, taken) or stem.upper() or "UNKNOWN"
    exchange = said.exchange or (dialect.exchange if dialect and said.symbol else "") or "file"
    return Market(exchange, symbol, timeframe, kind_of(exchange, symbol)), notes


def _with_content(named: Named, taken: TakenRows, notes: list[str], where: str, *, chosen: bool) -> Named:
    """Return what name and content say together; they must not contradict each other.

    Of rows that the user has `chosen` the content counts.
    """
    said, says = named, taken.says
    if "symbol" in says:
        symbol = taken.symbol
        if named.symbol is None or symbol is None or chosen:
            said = replace(said, symbol=(symbol or named.symbol) if chosen else (named.symbol or symbol))
        elif not _same_pair(named.symbol, symbol):
            rule = f"must hold {named.symbol} as its name says, but its content says {says['symbol']}"
            raise FileFormatError(where, rule, hint="Rename the file or say --symbol")
        elif named.symbol != symbol and kind_of("", named.symbol) == "spot" != kind_of("", symbol):
            said = replace(said, symbol=symbol)
            notes.append(f"its content says {says['symbol']}, its name {named.symbol}: it is the contract")
        elif named.symbol != symbol:
            notes.append(f"its content says {says['symbol']}, its name {named.symbol}: the name counts")
    if said.symbol is not None and (taken.is_contract or says.get("exchange", "").lower() in CONTRACT_EXCHANGES):
        said = replace(said, symbol=as_contract(said.symbol))
    if "timeframe" in says and said.timeframe is None:
        said = replace(said, timeframe=timeframe_of_word(says["timeframe"]))
    if "exchange" in says and said.exchange is None:
        said = replace(said, exchange=says["exchange"].strip().lower())
    return said


def _same_pair(named: str, said: str) -> bool:
    """Whether two symbols have one base, or the same two currencies: some write the quote first."""
    a, b = (re.split("[/:-]", symbol)[:2] for symbol in (named, said))
    return a[0] == b[0] or set(a) == set(b)


def _contract_of(stem: str, taken: TakenRows) -> str | None:
    """Return the contract that a name without a timeframe says, or that the content says of its pair."""
    symbol = symbol_of(stem) if is_pair(stem) else None
    if symbol and taken.is_contract:
        symbol = as_contract(symbol)
    return symbol if symbol and kind_of("", symbol) != "spot" else None


def _timeframe(said: Timeframe | None, step: int | None, where: str) -> Timeframe:
    """Return the timeframe that the name says, else the most common step; months are refused."""
    if said is None and step is not None and _MONTH_DAYS[0] * DAY_MS <= step <= _MONTH_DAYS[1] * DAY_MS:
        refuse_month("1M")
    return settle_timeframe(said, step, where, "the timeframe")
