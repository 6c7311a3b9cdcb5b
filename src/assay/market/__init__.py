"""Bars, markets and timeframes, the calendar, resampling and the quality of data."""

from assay.market.bars import Bars, require_bars
from assay.market.market import Market, Timeframe, refuse_futures
from assay.market.names import canonical_symbol, kind_of, market_from_name, named_market
from assay.market.quality import QualityReport, daily_quality, data_filter, measure_quality
from assay.market.regime import Regime, measure_regime
from assay.market.resampling import coarser, resample

__all__ = [
    "Bars",
    "Market",
    "QualityReport",
    "Regime",
    "Timeframe",
    "canonical_symbol",
    "coarser",
    "daily_quality",
    "data_filter",
    "kind_of",
    "market_from_name",
    "measure_quality",
    "measure_regime",
    "named_market",
    "refuse_futures",
    "require_bars",
    "resample",
]
