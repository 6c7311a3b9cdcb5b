"""Answers about markets and their bars."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from assay.api.models.common import Answer, MarketNames, Span, StoredMarketNames


class MarketRow(StoredMarketNames):
    """A line of the list of markets."""

    holes: list[Span] = Field(description="Spans that were never fetched.")
    valid_pct: float | None = Field(description="Bars that may signal, % of those that the calendar expects.")
    size_bytes: int = Field(description="About what it takes in the database.")


class Coverage(MarketNames):
    """What was asked for and answered: inside, an absent bar is the source's; outside, nothing was fetched."""

    spans: list[Span]


class ImportRow(Answer):
    """What came in."""

    at: str = Field(examples=["2026-01-02T03:04:05Z"])
    source: str = Field(examples=["BINANCE_BTCUSDT_5m.parquet"])
    bars: int
    inserted: int
    changed: int = Field(description="Stored already with other values, which stay.")
    valid_pct: float
    alert: dict[str, Any] | None = Field(description="A fall of the quality, if there was one.")


class Quality(StoredMarketNames):
    """What is wrong with the bars of a market, and whether training takes them."""

    data_digest: str
    mask_digest: str
    may_signal: str
    may_fill: str
    before: dict[str, int] = Field(description="Recorded bars, before masking.")
    after: dict[str, int] = Field(description="Bars that may signal, and those that may fill (tradable).")
    passes: bool = Field(description="Whether training takes these bars.")
    override: bool
    report: dict[str, bool | int | float | None] = Field(description="Counts of findings; unknown is null.")
    holes: list[Span]
    changed_bars: int
    found_in_sources: dict[str, int] = Field(description="Rows of files that could not be used, by kind.")
    imports: list[ImportRow]


class BarColumns(Answer):
    """Bars as columns of equal length."""

    time: list[int] = Field(description="Opens, milliseconds UTC.")
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float | None] = Field(description="null where none is recorded.")
    valid: list[bool] = Field(description="Whether a bar may signal.")


class BarsAnswer(MarketNames):
    """Bars of a market, recorded ones alone."""

    made_from: str = Field(description="Timeframe of the stored bars they were made of.", examples=["5m"])
    revision: int = Field(description="Another number when the stored bars have changed.")
    bars: int
    columns: BarColumns


class Removed(StoredMarketNames):
    """A market before bars of it were removed, and how many were."""

    removed: int


class Reading(Answer):
    """How a file was read."""

    shape: str = Field(examples=["CSV in zip, header in line 1"])
    format: str | None = Field(examples=["Binance archive"])
    columns: dict[str, str] = Field(description="Field, and the column that it was read from.")
    times: str
    notes: list[str]


class Uploaded(MarketNames):
    """What became of the bars of a file."""

    file: str
    from_: str = Field(alias="from")
    to: str
    read_as: Reading
    rows: int
    inserted: int
    unchanged: int
    changed: int = Field(description="Stored already with other values, which stay.")
    found: dict[str, int] = Field(description="Rows that could not be used, by kind.")
    sentences: list[str]
    valid_pct: float
    passes: bool = Field(description="Whether training takes the market's bars.")
    alert: dict[str, Any] | None


class Inspected(Reading, MarketNames):
    """How a file is understood; nothing was stored."""

    file: str
    from_: str | None = Field(alias="from")
    to: str | None
    rows: int
    found: dict[str, int]
    bars: int
    understood: list[dict[str, Any]] = Field(description="The first bars, as they were understood.")
    as_written: list[dict[str, Any]] = Field(description="The first rows, as they stand in the file.")
    options: dict[str, str] = Field(description="What would change it, and what is taken now.")
