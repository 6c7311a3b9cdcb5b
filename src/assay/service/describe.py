"""Markets, spans and costs as plain values, as every answer of a command shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.market.calendar import ms_to_days
from assay.service.times import iso_time

if TYPE_CHECKING:
    from assay.engine import Money
    from assay.market import Bars, Market


def describe_market(market: Market) -> dict[str, Any]:
    """Return a market as plain values."""
    return {
        "exchange": market.exchange,
        "symbol": market.symbol,
        "timeframe": str(market.timeframe),
        "kind": market.kind,
    }


def describe_span(bars: Bars, start: int, stop: int) -> dict[str, Any]:
    """Return which bars may signal as plain values."""
    step = bars.market.timeframe.ms
    first, last = int(bars.time[start]), int(bars.time[stop - 1]) + step
    return {"from": iso_time(first), "to": iso_time(last), "bars": stop - start, "days": ms_to_days(last - first)}


def describe_money(money: Money) -> dict[str, Any]:
    """Return costs and sizing as plain values."""
    costs, sizing = money.costs, money.sizing
    return {
        "fee": costs.fee,
        "slippage": costs.slippage,
        "tick": costs.tick,
        "sizing": sizing.method,
        "risk_fraction": sizing.risk_fraction,
        "leverage_cap": sizing.leverage_cap,
    }
