"""`DataCollector`: a `BarCollector` that hands out data frames and warns as Python does."""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from assay.frames.inputs import as_bars, one_of
from assay.frames.progress import progress_bar
from assay.indicators import atr, rsi, swing_high, swing_low, volume_mean, volume_ratio
from assay.lazy import lazy
from assay.market import refuse_futures
from assay.service.collector import BarCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pandas as pd

    from assay.market import Bars, Timeframe
    from assay.service.collecting import Source
    from assay.service.collector import Moment
    from assay.service.reporter import Advance
    from assay.sources import frames
    from assay.store import Database, Written
else:
    pd = lazy("pandas")
    frames = lazy("assay.sources.frames")


class DataWarning(UserWarning):
    """The bars are not all that was asked for, or not what they were; the text says which, and why."""


class _Warnings:
    """Warns as Python does, in the line of whoever called; shows a bar to a person who watches."""

    def progress(self, title: str, total: int, done: int = 0) -> AbstractContextManager[Advance]:
        """Show a bar on stderr."""
        return progress_bar(title, total)

    def working(self, title: str) -> AbstractContextManager[None]:
        """Show nothing."""
        return nullcontext()

    def note(self, sentence: str) -> None:
        """Say nothing."""

    def warn(self, sentence: str) -> None:
        """Raise a `DataWarning` that names the first line outside of this package."""
        level, frame = 1, sys._getframe(0)  # noqa: SLF001  (the warning names the caller's line, not one of these)
        while frame is not None and frame.f_globals.get("__name__", "").startswith("assay."):
            level, frame = level + 1, frame.f_back  # type: ignore[assignment]
        warnings.warn(sentence, DataWarning, stacklevel=level)


class DataCollector(BarCollector):
    """History of markets: database first, exchange second, and what was fetched is stored.

    Parameters
    ----------
    exchanges : sequence of str or Exchange, optional
        The only exchanges that may be asked, by name or opened by `assay.sources.open_exchange`; any that is named in
        a call where not given.
    database : Database, str or path, optional
        ``postgresql://...`` or the path of an SQLite file; where not given that of ASSAY_DATABASE_URL, else
        ``assay.db`` in the home folder (ASSAY_HOME).
    clock : callable
        Seconds since 1970; replaced in tests.
    """

    def __init__(
        self,
        exchanges: Sequence[str | Source] | None = None,
        database: Database | str | Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(exchanges, database, reporter=_Warnings(), clock=clock)

    def fetch_ohlcv(
        self,
        symbol: str | None = None,
        exchange: str | None = None,
        timeframe: str | Timeframe = "5m",
        since: Moment | None = None,
        until: Moment | None = None,
        *,
        pair: str | None = None,
        lookback_days: float | None = None,
    ) -> pd.DataFrame:
        """Return a market's bars; what the database does not hold is fetched and stored first.

        Parameters
        ----------
        symbol, pair : str
            ``BTC/USDT``; both names mean the same. ``fetch_ohlcv("binance", "BTC/USDT", ...)`` is understood too.
        exchange : str
            Where not given, the first of `exchanges`, else ``binance``.
        timeframe : str or Timeframe
            One that is not stored is made from finer bars where these cover the span.
        since, until : datetime, str or int
            [since, until); until now where not given.
        lookback_days : float
            Days before `until` instead of `since`; 365 where neither is given.

        Returns
        -------
        DataFrame
            ``timestamp`` (UTC), open, high, low, close, volume of the recorded bars; the market in ``attrs["market"]``.

        Warns
        -----
        DataWarning
            When the exchange cannot be asked: the bars are then those that are stored, days counted back from the
            newest one. Also when the exchange has less, or answered with something odd.

        Raises
        ------
        ExchangeError
            When the exchange cannot be asked and nothing is stored.
        InputError
            For an unknown exchange, symbol or timeframe, and a span that is empty.
        """
        bars = self.fetch_bars(symbol, exchange, timeframe, since, until, pair=pair, lookback_days=lookback_days)
        return frames.frame_from_bars(bars)

    def fetch_bars(
        self,
        symbol: str | None = None,
        exchange: str | None = None,
        timeframe: str | Timeframe = "5m",
        since: Moment | None = None,
        until: Moment | None = None,
        *,
        pair: str | None = None,
        lookback_days: float | None = None,
    ) -> Bars:
        """Return a market's history as `Bars`; otherwise as `fetch_ohlcv`."""
        name = one_of("symbol", symbol, "pair", pair)
        return super().fetch_bars(name, exchange, timeframe, since, until, lookback_days=lookback_days)

    def store_market_data(self, df: Any, exchange: str, pair: str, timeframe: str | Timeframe) -> Written:
        """Store the bars of a frame; those that are stored already stay as they are.

        Returns
        -------
        Written
            Bars that were inserted, unchanged, and changed: with other values, reported and not replaced.

        Warns
        -----
        DataWarning
            When bars came again with other values, or the market's quality fell.
        """
        market = self._market(pair, exchange, timeframe)
        refuse_futures(market)
        return self.store_bars(frames.bars_from_frame(df, market), market, "frame")

    def calculate_indicators(self, df: Any) -> pd.DataFrame:
        """Return a frame with indicators added, each computed from the bars up to its own.

        ``atr14`` and ``rsi14`` (Wilder), ``volume_sma20`` (mean of the 20 tradable bars before) and ``volume_ratio``
        (volume over it), ``swing_high`` and ``swing_low`` (price of the newest swing that was known when the bar
        closed: it takes the two bars after it). NaN where there is too little history; a volume ratio also where the
        bar could not trade.
        """
        bars = as_bars(df)
        frame = df.copy() if isinstance(df, pd.DataFrame) else frames.frame_from_bars(bars)
        columns = {
            "atr14": atr(bars),
            "rsi14": rsi(bars),
            "volume_sma20": volume_mean(bars),
            "volume_ratio": volume_ratio(bars),
            "swing_high": swing_high(bars),
            "swing_low": swing_low(bars),
        }
        for name, values in columns.items():
            frame[name] = values[~bars.absent]
        return frame
