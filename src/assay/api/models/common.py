"""What several answers share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from assay.service.faults import NAME, PLAIN
from assay.service.times import iso_time

__all__ = ["NAME", "PLAIN"]

Exchange = Annotated[
    str, Query(min_length=1, max_length=50, pattern=PLAIN, description="Where it is traded.", examples=["binance"])
]
Symbol = Annotated[
    str, Query(min_length=1, max_length=50, pattern=PLAIN, description="Any usual spelling.", examples=["BTC/USDT"])
]
Timeframe = Annotated[
    str, Query(min_length=1, max_length=20, pattern=PLAIN, description="Length of a bar.", examples=["5m"])
]
AnyExchange = Annotated[str | None, Query(max_length=50, pattern=PLAIN, description="Only this exchange.")]
AnySymbol = Annotated[str | None, Query(max_length=50, pattern=PLAIN, description="Only this symbol, however spelt.")]
AnyTimeframe = Annotated[str | None, Query(max_length=20, pattern=PLAIN, description="Only this timeframe.")]
From = Annotated[
    str | None, Query(alias="from", max_length=40, pattern=PLAIN, description="First moment, ISO 8601, UTC.")
]
To = Annotated[str | None, Query(max_length=40, pattern=PLAIN, description="End, excluded, ISO 8601, UTC.")]
ConfigurationId = Annotated[
    str,
    Path(
        max_length=200,
        pattern=NAME,
        description="A configId, whole, or the id of its row.",
        examples=["LIQUIDITY_SWEEP_V3_20260301_123456_f10cb7"],
    ),
]


class Answer(BaseModel):
    """An answer: what stands in it is declared."""

    model_config = ConfigDict(extra="forbid")


class MarketNames(Answer):
    """Which market."""

    exchange: str = Field(examples=["binance"])
    symbol: str = Field(examples=["BTC/USDT"])
    timeframe: str = Field(examples=["5m"])
    kind: str = Field(description="spot, perpetual or future.", examples=["spot"])


class Span(Answer):
    """From a moment to another, which is excluded."""

    from_: str = Field(alias="from", examples=["2025-01-01T00:00:00Z"])
    to: str = Field(examples=["2026-01-01T00:00:00Z"])


class StoredMarketNames(MarketNames):
    """A market and what is stored of it."""

    bars: int = Field(examples=[105120])
    from_: str | None = Field(alias="from", examples=["2025-01-01T00:00:00Z"])
    to: str | None = Field(description="End of the last bar.", examples=["2026-01-01T00:00:00Z"])


def _iso(time_ms: int | None) -> str | None:
    return None if time_ms is None else iso_time(time_ms)


_EXAMPLE = Field(examples=["2026-01-01T00:00:00Z"])

Moment = Annotated[int, PlainSerializer(iso_time, return_type=str), _EXAMPLE]
"""A field of an answer: milliseconds UTC, which are sent as ISO 8601."""

MaybeMoment = Annotated[int | None, PlainSerializer(_iso, return_type=str | None), _EXAMPLE]
"""The same, or null where there is none yet."""
