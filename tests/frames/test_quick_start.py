"""The steps of the training system's quick start as they are written, and those of the plan."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from assay import (
    BacktestEngine,
    ConfigurationWriter,
    GridSearchOptimizer,
    LiquiditySweepStrategy,
    RandomSearchOptimizer,
    WalkForwardValidator,
)

if TYPE_CHECKING:
    import pandas as pd

pytestmark = [
    pytest.mark.filterwarnings("ignore::assay.ScaledWindowsWarning"),  # 100 days are few for 60 + 30
    pytest.mark.filterwarnings("ignore::assay.NoCandidateWarning"),
    pytest.mark.filterwarnings("ignore::assay.StageCappedWarning"),  # no permutation was run: PAPER
]

PARAM_SPACE = {
    "pierce_depth": (0.001, 0.005),
    "volume_spike_threshold": (1.5, 5.0),
    "reversal_candles": [1, 2, 3, 4, 5],
    "min_distance_from_level": (0.0005, 0.003),
    "atr_multiplier_sl": (1.0, 3.0),
    "risk_reward_ratio": (1.5, 4.0),
    "max_holding_periods": [10, 20, 30, 50, 100],
}


def test_the_quick_start_from_optimise_to_the_printed_line(data: pd.DataFrame) -> None:
    optimizer = GridSearchOptimizer()
    engine = BacktestEngine()

    best_config = optimizer.optimize(
        backtest_engine=engine,
        data=data,
        strategy_class=LiquiditySweepStrategy,
        parameter_space=PARAM_SPACE,
        objective="sharpe_ratio",
    )
    validator = WalkForwardValidator(train_window_days=60, test_window_days=30, gap_days=7)
    validated_config = validator.validate(config=best_config, data=data, strategy_class=LiquiditySweepStrategy)

    writer = ConfigurationWriter()
    config_id = writer.save_configuration(
        strategy="LIQUIDITY_SWEEP",
        parameters=validated_config["parameters"],
        metrics=validated_config["metrics"],
        lifecycle_stage="DISCOVERY",
    )

    assert re.fullmatch(r"LIQUIDITY_SWEEP_V3_\d{8}_\d{6}_[0-9a-f]{6}", config_id)
    assert best_config["n_combinations"] == 5**7
    assert validated_config["parameters"] == best_config["parameters"]
    assert set(PARAM_SPACE) <= set(validated_config["parameters"])
    line = f"saved with Sharpe {validated_config['metrics']['sharpe_ratio']:.2f}"
    assert isinstance(validated_config["metrics"]["sharpe_ratio"], float)
    assert float(line.rsplit(maxsplit=1)[-1]) == pytest.approx(validated_config["metrics"]["sharpe_ratio"], abs=0.005)
    assert "not out of sample" in validated_config["label"]


def test_random_search_as_written(data: pd.DataFrame) -> None:
    result = RandomSearchOptimizer().optimize(
        backtest_engine=BacktestEngine(),
        data=data,
        strategy_class=LiquiditySweepStrategy,
        parameter_space=PARAM_SPACE | {"min_distance_from_level": 0.001},
        n_iterations=500,
    )
    assert result["n_combinations"] == 500
    assert 0.001 <= result["parameters"]["pierce_depth"] <= 0.005


def test_the_plans_keywords_and_its_order_of_arguments(data: pd.DataFrame) -> None:
    space = {"pierce_depth": [0.001, 0.002, 0.003], "rejection_candles": [1, 2], "target_multiple": [1.5, 3.0]}
    engine = BacktestEngine("LIQUIDITY_SWEEP_V3")

    best_parameters, best_score = GridSearchOptimizer().optimize(engine, data, space, "net_profit")
    validator = WalkForwardValidator(train_period_days=45, test_period_days=15, gap_period_days=7)
    result = validator.validate(data, best_parameters, engine)

    assert math.isfinite(best_score)
    assert best_parameters["reversal_candles"] in (1, 2)
    assert len(result.windows) == 3
    assert result.in_sample["sharpe_ratio"] != result.out_of_sample["sharpe_ratio"]
    assert isinstance(result.is_overfit, bool)
    assert validator.assign_lifecycle_stage(result.metrics) == "PAPER"

    drawn = RandomSearchOptimizer(n_samples=7).optimize(
        backtest_engine=engine, data=data, parameter_space=space, objective="net_profit"
    )
    assert drawn.n_combinations == 7


def test_a_backtest_in_the_plans_words(data: pd.DataFrame) -> None:
    engine = BacktestEngine(strategy_type="LIQUIDITY_SWEEP")
    result = engine.run_backtest(data, {"pierce_depth": 0.002}, exchange_fees=0.001, slippage=0.0005)
    named = {"gross_win_rate", "net_profit", "sharpe_ratio", "calmar_ratio", "max_drawdown", "sample_size"}
    assert named <= set(result.metrics)
    assert result.metrics["sample_size"] == len(result.trades) > 0
    assert set(result.trades["direction"]) == {"LONG", "SHORT"}
