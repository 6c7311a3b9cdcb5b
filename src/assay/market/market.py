"""Which market a series of bars belongs to, and the length of its bars."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from assay.errors import InputError
from assay.market.calendar import DAY_MS, HOUR_MS, MINUTE_MS, calendar_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.market.calendar import Calendar

_UNIT_MS = {"w": 7 * DAY_MS, "d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS}


@dataclass(frozen=True, slots=True, order=True)
class Timeframe:
    """The length of a bar, such as ``5m``, ``1h`` or ``1d``.

    Attributes
    ----------
    ms : int
        Length in milliseconds; a whole number of minutes that divides a day, or whole days.
    """

    ms: int

    def __post_init__(self) -> None:
        divides = DAY_MS % self.ms == 0 if 0 < self.ms <= DAY_MS else self.ms > 0 and self.ms % DAY_MS == 0
        if self.ms <= 0 or self.ms % MINUTE_MS or not divides:
            raise InputError("timeframe", "must be whole minutes that divide a day", f"{self.ms} ms")

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """Read ``1m 5m 15m 1h 4h 1d 1w`` and the like.

        Raises
        ------
        InputError
            For other texts, and for a month (``1M``), which has no fixed length.
        """
        if re.fullmatch(r"\d+M", text.strip()):
            refuse_month(text)
        match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip().lower())
        if match is None or int(match[1]) == 0:
            raise InputError("timeframe", "must look like 1m, 5m, 15m, 1h, 4h or 1d", text, _likely(text))
        try:
            return cls(int(match[1]) * _UNIT_MS[match[2]])
        except InputError as error:  # in the words of whoever wrote it
            raise InputError(error.field, error.rule, text) from None

    def __str__(self) -> str:
        for unit in ("d", "h", "m"):  # weeks are written 7d, as they always were
            if self.ms % _UNIT_MS[unit] == 0:
                return f"{self.ms // _UNIT_MS[unit]}{unit}"
        raise AssertionError


def refuse_month(text: str) -> NoReturn:
    """Refuse bars of a month, which has no fixed length."""
    raise InputError("timeframe", "must have a fixed length, and a month has none (1m is a minute)", text)


UNIT_WORDS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "wk", "week", "weeks"), "w"),
}
"""How people write the unit of a timeframe."""


def _likely(text: str) -> str:
    """Return a hint where another spelling of a timeframe was written: 5min, M5, 1 hour, 60."""
    found = re.fullmatch(r"\s*(\d{1,4})[ -]?([a-z]*)\s*|([mhd])(\d{1,4})", text.lower())
    if found is None:
        return ""
    number, unit = (found[4], found[3]) if found[3] else (found[1], UNIT_WORDS.get(found[2] or "m"))
    return f"Did you mean {number}{unit}?" if unit and int(number) else ""


Kind = Literal["spot", "perpetual", "future"]


@dataclass(frozen=True, slots=True)
class Market:
    """One tradable series: exchange, symbol, timeframe and what is known of its contract.

    Attributes
    ----------
    symbol : str
        Canonical ``BASE/QUOTE`` for crypto, ``BASE/QUOTE:SETTLEMENT`` for its contracts, the root (``ES``) for futures.
    tick : float or None
        Smallest price step; None when unknown.
    point_value : float
        What a price move of 1 is worth per contract, in `currency`; 1 where the symbol itself is traded.
    """

    exchange: str
    symbol: str
    timeframe: Timeframe
    kind: Kind = "spot"
    tick: float | None = None
    point_value: float = 1.0

    def __post_init__(self) -> None:
        if self.tick is not None and not self.tick > 0:
            raise InputError("tick", "must be positive, or None when unknown", self.tick)
        if not (self.point_value > 0 and math.isfinite(self.point_value)):
            raise InputError("point_value", "must be positive", self.point_value)

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} on {self.exchange}"

    @property
    def calendar(self) -> Calendar:
        """Its grid of stamps, sessions and trading days."""
        return calendar_of(self.kind)

    @property
    def days_per_year(self) -> int:
        """Days with trading in a year."""
        return self.calendar.days_per_year

    @property
    def bars_per_day(self) -> float:
        """Bars in a trading day."""
        return self.calendar.bars_per_day(self.timeframe.ms)

    @property
    def currency(self) -> str:
        """Currency in which profit and loss are counted: the quote of ``BASE/QUOTE``, else US dollars."""
        return self.symbol.partition("/")[2].partition(":")[0] or "USD"

    def terms(self) -> list[Any]:
        """Return the market as plain values, for documents and digests; what came later is left out at its default."""
        known = [self.exchange, self.symbol, str(self.timeframe), str(self.kind), self.tick]
        return known if self.point_value == 1.0 else [*known, self.point_value]

    @classmethod
    def from_terms(cls, terms: Sequence[Any]) -> Market:
        """Return what `terms` gave."""
        exchange, symbol, timeframe, kind, tick, *later = terms
        return cls(exchange, symbol, Timeframe.parse(timeframe), kind, tick, *later)


def refuse_futures(market: Market) -> None:
    """Refuse a market whose clock and costs are not built yet, instead of running it on crypto terms.

    Futures have sessions, trading days and commissions of their own; on UTC days and percentage fees every measure
    would be wrong without a word.
    """
    if market.kind == "future":
        raise InputError("market", "futures need their own sessions and costs, which are not built yet", str(market))
