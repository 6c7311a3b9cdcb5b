"""Assay finds parameters of trading strategies by exhaustive backtests and spends the speed on proof.

Everything in `__all__` is imported when it is first used, so `import assay` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

from assay._version import __version__

TYPE_CHECKING = False  # that of typing, whose import takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any

    from assay import errors
    from assay.documents.configuration import configuration
    from assay.engine import (
        Bracket,
        Costs,
        Execution,
        Money,
        Setups,
        Sizing,
        Vote,
        at_least,
        at_most,
        calculate_position_size,
        equals,
        measure,
    )
    from assay.evaluation import signal_funnel
    from assay.frames.backtesting import BacktestRun, backtest
    from assay.frames.collector import DataCollector, DataWarning
    from assay.frames.engine import BacktestEngine
    from assay.frames.optimizers import (
        BayesianOptimizer,
        GridSearchOptimizer,
        NoCandidateWarning,
        ParameterOptimizer,
        RandomSearchOptimizer,
    )
    from assay.frames.strategies import (
        CapitulationReversalStrategy,
        FailedBreakdownStrategy,
        LiquiditySweepStrategy,
        SupplyShockStrategy,
    )
    from assay.frames.training import train
    from assay.frames.validator import ScaledWindowsWarning, WalkForwardValidator
    from assay.frames.writer import ConfigurationWriter, StageCappedWarning
    from assay.indicators import atr, rsi, volume_ratio
    from assay.market import Bars, Market, Timeframe
    from assay.parameters import Parameter, Parameters
    from assay.service.live import LiveConfiguration, load_configuration
    from assay.sources.bar_files import read_bars
    from assay.sources.frames import bars_from_frame, frame_from_bars
    from assay.sources.null_markets import NullMarket, simulate_null
    from assay.sources.simulated import SimulatedMarket, simulate_market
    from assay.sources.user_strategy import load_strategy
    from assay.strategies import Strategy, find_strategy
    from assay.training import Evidence, Experiment, Progress
    from assay.validation import SplitPlan

__all__ = [
    "BacktestEngine",
    "BacktestRun",
    "Bars",
    "BayesianOptimizer",
    "Bracket",
    "CapitulationReversalStrategy",
    "ConfigurationWriter",
    "Costs",
    "DataCollector",
    "DataWarning",
    "Evidence",
    "Execution",
    "Experiment",
    "FailedBreakdownStrategy",
    "GridSearchOptimizer",
    "LiquiditySweepStrategy",
    "LiveConfiguration",
    "Market",
    "Money",
    "NoCandidateWarning",
    "NullMarket",
    "Parameter",
    "ParameterOptimizer",
    "Parameters",
    "Progress",
    "RandomSearchOptimizer",
    "ScaledWindowsWarning",
    "Setups",
    "SimulatedMarket",
    "Sizing",
    "SplitPlan",
    "StageCappedWarning",
    "Strategy",
    "SupplyShockStrategy",
    "Timeframe",
    "Vote",
    "WalkForwardValidator",
    "__version__",
    "at_least",
    "at_most",
    "atr",
    "backtest",
    "bars_from_frame",
    "calculate_position_size",
    "configuration",
    "equals",
    "errors",
    "find_strategy",
    "frame_from_bars",
    "load_configuration",
    "load_strategy",
    "measure",
    "read_bars",
    "rsi",
    "signal_funnel",
    "simulate_market",
    "simulate_null",
    "train",
    "volume_ratio",
]

_NAMES_OF = {
    "engine": (
        *("Bracket", "Costs", "Execution", "Money", "Setups", "Sizing", "Vote", "at_least", "at_most"),
        *("calculate_position_size", "equals", "measure"),
    ),
    "indicators": ("atr", "rsi", "volume_ratio"),
    "market": ("Bars", "Market", "Timeframe"),
    "parameters": ("Parameter", "Parameters"),
    "sources.bar_files": ("read_bars",),
    "sources.frames": ("bars_from_frame", "frame_from_bars"),
    "sources.null_markets": ("NullMarket", "simulate_null"),
    "sources.simulated": ("SimulatedMarket", "simulate_market"),
    "sources.user_strategy": ("load_strategy",),
    "strategies": ("Strategy", "find_strategy"),
    "evaluation": ("signal_funnel",),
    "frames.backtesting": ("BacktestRun", "backtest"),
    "training": ("Evidence", "Experiment", "Progress"),
    "documents.configuration": ("configuration",),
    "validation": ("SplitPlan",),
    "frames.collector": ("DataCollector", "DataWarning"),
    "frames.engine": ("BacktestEngine",),
    "service.live": ("LiveConfiguration", "load_configuration"),
    "frames.optimizers": (
        *("BayesianOptimizer", "GridSearchOptimizer", "NoCandidateWarning", "ParameterOptimizer"),
        "RandomSearchOptimizer",
    ),
    "frames.strategies": (
        *("CapitulationReversalStrategy", "FailedBreakdownStrategy", "LiquiditySweepStrategy"),
        "SupplyShockStrategy",
    ),
    "frames.training": ("train",),
    "frames.validator": ("ScaledWindowsWarning", "WalkForwardValidator"),
    "frames.writer": ("ConfigurationWriter", "StageCappedWarning"),
}
_HOME = {name: module for module, names in _NAMES_OF.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("assay.errors")
    home = _HOME.get(name)
    if home is None and name.endswith("Strategy"):
        home = "frames.strategies"  # that of a registered strategy, bar by bar
    value = None if home is None else getattr(import_module(f"{__name__}.{home}"), name, None)
    if value is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
