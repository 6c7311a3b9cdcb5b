"""Walk-forward: where windows lie, what is replayed and what is said of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from assay import (
    BacktestEngine,
    Bars,
    Costs,
    GridSearchOptimizer,
    NoCandidateWarning,
    ScaledWindowsWarning,
    WalkForwardValidator,
    errors,
)

if TYPE_CHECKING:
    from assay.frames.validator import ValidationResult

pytestmark = pytest.mark.filterwarnings("ignore::assay.ScaledWindowsWarning")  # 100 days are few for 60 + 30

ENGINE = BacktestEngine("LIQUIDITY_SWEEP")
FREE = BacktestEngine("LIQUIDITY_SWEEP", costs=Costs(0.0, 0.0))
VALUES = {"pierce_depth": 0.001, "reversal_candles": 1}
SPACE = {"pierce_depth": [0.001, 0.002, 0.003], "reversal_candles": [1, 2]}
DAY = pd.Timedelta(days=1)


def same(a: ValidationResult, b: ValidationResult) -> bool:
    """Whether two results hold the same, NaN equal to NaN."""
    return repr({**a}) == repr({**b})


def test_windows_lie_as_documented(long_bars: Bars) -> None:
    result = WalkForwardValidator().validate(VALUES, long_bars.head(200 * 288), ENGINE)
    begin = result.windows[0]["train_from"]
    five = pd.Timedelta(minutes=5)

    def days(name: str) -> list[float]:
        return [(w[name] - begin + (five if name.endswith("_to") else 0 * five)) / DAY for w in result.windows]

    assert days("train_from") == [0, 30, 60, 90]
    assert days("train_to") == [60, 90, 120, 150]
    assert days("test_from") == [67, 97, 127, 157]
    assert days("test_to") == [97, 127, 157, 187]
    assert not result.notes


def test_fixed_parameters_are_replayed_in_every_window(long_bars: Bars) -> None:
    result = WalkForwardValidator().validate(VALUES, long_bars.head(200 * 288), ENGINE)
    assert result.label == "not out of sample: the parameters saw these days"
    assert all(w["parameters"] == result.parameters for w in result.windows)
    assert result.parameters == ENGINE.strategy().parameters.complete(VALUES)
    trades = ENGINE.run_backtest(long_bars.head(200 * 288), VALUES).trades
    for w in result.windows:
        for part in ("train", "test"):
            inside = trades["signal_time"].between(w[f"{part}_from"], w[f"{part}_to"]).sum()
            assert abs(w[part]["total_trades"] - inside) <= 1  # a trade open at the edge blocks the next
    for name in ("sharpe_ratio", "win_rate", "net_profit_pct"):
        assert result.in_sample[name] == pytest.approx(np.mean([w["train"][name] for w in result.windows]))
        assert result.out_of_sample[name] == pytest.approx(np.mean([w["test"][name] for w in result.windows]))
    total = sum(w["test"]["total_trades"] for w in result.windows)
    assert abs(result.metrics["sample_size"] - total) <= len(result.windows)
    assert result.metrics["mean_test_sharpe"] == pytest.approx(result.out_of_sample["sharpe_ratio"])
    assert math.isnan(result.metrics["p_value"])


def test_flags_say_what_looks_overfitted(bars: Bars) -> None:
    losing = WalkForwardValidator().validate(VALUES, bars, BacktestEngine("LIQUIDITY_SWEEP", costs=Costs.of("1%", 0.0)))
    assert losing.is_overfit
    assert {"train Sharpe is not positive", "test Sharpe below 0"} <= set(losing.flags)
    for fee in ("1%", 0.001, 0.0):
        result = WalkForwardValidator().validate(
            VALUES, bars, BacktestEngine("LIQUIDITY_SWEEP", costs=Costs.of(fee, 0.0))
        )
        worse = result.out_of_sample["sharpe_ratio"] < 0.7 * result.in_sample["sharpe_ratio"]
        assert ("test Sharpe below 0.7 x train Sharpe" in result.flags) == worse
        assert result.is_overfit == bool(result.flags)


def test_ninety_days_scale_down_and_say_so(bars: Bars) -> None:
    with pytest.warns(ScaledWindowsWarning, match=r"windows of 60 \+ 30 days: windows scaled to train 3") as caught:
        result = WalkForwardValidator(60, 30, 7).validate(VALUES, bars.head(90 * 288), ENGINE)
    assert [(w.filename, str(w.message)) for w in caught] == [(__file__, result.notes[0])]
    assert len(result.windows) == 3
    with pytest.raises(errors.InsufficientDataError, match="at least 5 test days"):
        WalkForwardValidator().validate(VALUES, bars.head(25 * 288), ENGINE)


def test_the_gap_is_raised_to_the_longest_holding_time(long_bars: Bars) -> None:
    validator = WalkForwardValidator(gap_days=0.1)
    result = validator.validate({**VALUES, "max_holding_periods": 100}, long_bars.head(170 * 288), ENGINE)
    assert any(note.startswith("gap raised from 0.1 days") for note in result.notes)
    window = result.windows[0]
    assert window["test_from"] - window["train_to"] == pd.Timedelta(minutes=5 * 101)


def test_all_ways_to_call_agree(bars: Bars, data: pd.DataFrame) -> None:
    validator = WalkForwardValidator()
    results = [
        validator.validate(config=VALUES, data=data, strategy_class="LIQUIDITY_SWEEP"),
        validator.validate(VALUES, data, "LIQUIDITY_SWEEP_V3"),
        validator.validate(VALUES, bars, ENGINE),
        validator.validate(data, VALUES, ENGINE),
        validator.validate(data=data, parameters=VALUES, backtest_engine=ENGINE),
        validator.validate(bars, parameters=VALUES, backtest_engine=ENGINE),
        validator.validate({"strategy": "LIQUIDITY_SWEEP", "parameters": VALUES}, data),
        validator.validate((VALUES, 1.23), data, ENGINE),
    ]
    assert all(same(results[0], other) for other in results[1:])


def test_an_optimizers_result_keeps_its_engine(bars: Bars) -> None:
    best = GridSearchOptimizer().optimize(FREE, bars, parameter_space=SPACE)
    validator = WalkForwardValidator()
    kept = validator.validate(best, bars)
    assert same(kept, validator.validate(best.parameters, bars, FREE))
    assert not same(kept, validator.validate(best, bars, backtest_engine=ENGINE))


@pytest.mark.filterwarnings("ignore::assay.NoCandidateWarning")
def test_with_a_space_every_window_is_searched_again(long_bars: Bars) -> None:
    history = long_bars.head(200 * 288)
    result = WalkForwardValidator().validate(data=history, backtest_engine=FREE, parameter_space=SPACE)
    assert result.label.startswith("out of sample")
    assert len(result.windows) == 4
    assert {w["train_from"] for w in result.windows} == {result.windows[0]["train_from"]}  # anchored
    for w in result.windows:
        days = (w["train_to"] - w["train_from"]) / DAY
        train = FREE.run_backtest(history.head(round((days + 1) * 288)), w["parameters"]).metrics
        assert w["train"]["total_trades"] == pytest.approx(train["total_trades"], abs=5)
    best = GridSearchOptimizer().optimize(FREE, history, parameter_space=SPACE)
    assert result.parameters == best.parameters
    drawn = WalkForwardValidator(mode="rolling").validate(
        data=history, backtest_engine=FREE, parameter_space=SPACE, n_samples=3, objective="net_profit"
    )
    assert len({w["train_from"] for w in drawn.windows}) == 4
    learned = WalkForwardValidator(mode="split").validate(
        data=history, backtest_engine=FREE, parameter_space=SPACE, method="tpe", n_samples=3
    )
    assert learned.windows[0]["parameters"] is not None


def test_windows_without_a_candidate_trade_nothing(bars: Bars) -> None:
    with pytest.warns(NoCandidateWarning) as caught:
        result = WalkForwardValidator().validate(
            data=bars, backtest_engine=ENGINE, parameter_space={"pierce_depth": [0.04, 0.05]}
        )
    assert caught[0].filename == __file__
    assert [w["parameters"] for w in result.windows] == [None] * 3
    assert result.flags == ["no window had a candidate"]
    assert isinstance(result.metrics["sharpe_ratio"], float)
    assert math.isnan(result.metrics["sharpe_ratio"])
    assert f"{result['metrics']['sharpe_ratio']:.2f}" == "nan"


def test_both_names_of_the_windows() -> None:
    assert vars(WalkForwardValidator()) == vars(WalkForwardValidator(60, 30, 7))
    by_period = WalkForwardValidator(train_period_days=90, test_period_days=20, gap_period_days=3)
    assert (by_period.train_window_days, by_period.test_window_days, by_period.gap_days) == (90, 20, 3)
    assert WalkForwardValidator(train_window_days=90, train_period_days=90).train_window_days == 90
    with pytest.raises(errors.InputError, match="test_window_days: differs from test_period_days"):
        WalkForwardValidator(test_window_days=30, test_period_days=20)
    for wrong in ({"train_window_days": 0}, {"test_window_days": -1}, {"gap_days": -1}, {"mode": "none"}):
        with pytest.raises(errors.InputError):
            WalkForwardValidator(**wrong)


def test_wrong_input_is_named(bars: Bars) -> None:
    validator = WalkForwardValidator()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"data": bars}, "not both"),
        ({"config": VALUES, "data": bars, "parameter_space": SPACE}, "not both"),
        ({"config": VALUES, "data": bars, "parameters": {"pierce_depth": 0.004}}, "config: differs"),
        ({"config": bars, "data": bars}, "data: is given twice"),
        ({"config": 3, "data": bars}, "parameters: must be a mapping"),
        ({"config": VALUES}, "data: must be a data frame"),
    ]
    for arguments, message in cases:
        with pytest.raises(errors.InputError, match=message):
            validator.validate(backtest_engine=ENGINE, **arguments)
    with pytest.raises(errors.StrategyError, match="must be given"):
        validator.validate(VALUES, bars)


GOOD: dict[str, Any] = {
    "net_profit_pct": 12.0,
    "sharpe_ratio": 1.6,
    "total_trades": 120,
    "fill_rate": 1.0,
    "p_value": 0.01,
    "adverse_selection_score": 0.1,
    "fragility_holds": True,
    "holdout_sharpe_ratio": 0.4,
}


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({}, "MATURE"),
        ({"net_profit_pct": 0.0}, "PAPER"),
        ({"sharpe_ratio": 0.49}, "PAPER"),
        ({"fill_rate": 0.69}, "PAPER"),
        ({"p_value": 0.051}, "PAPER"),
        ({"data_override": True}, "PAPER"),
        ({"stopped_by_budget": True}, "PAPER"),
        ({"candidate_found": False}, "PAPER"),
        *(
            ({name: unknown}, "PAPER")
            for name in [*list(GOOD)[:2], "fill_rate", "p_value"]
            for unknown in (None, math.nan)
        ),
        ({"total_trades": 29}, "DISCOVERY"),
        ({"total_trades": None}, "DISCOVERY"),
        ({"total_trades": 30}, "VALIDATION"),
        ({"total_trades": 100}, "VALIDATION"),
        ({"sharpe_ratio": 1.5}, "VALIDATION"),
        ({"p_value": 0.03}, "VALIDATION"),
        ({"adverse_selection_score": 0.3}, "VALIDATION"),
        ({"adverse_selection_score": None}, "VALIDATION"),
        ({"fragility_holds": False}, "VALIDATION"),
        ({"fragility_holds": None}, "VALIDATION"),
        ({"holdout_sharpe_ratio": -0.1}, "VALIDATION"),
        ({"holdout_sharpe_ratio": None}, "VALIDATION"),
    ],
    ids=str,
)
def test_stages(changes: dict[str, Any], stage: str) -> None:
    assert WalkForwardValidator().assign_lifecycle_stage(GOOD | changes) == stage


def test_stages_read_the_plans_names_and_miss_nothing_in_silence() -> None:
    assign = WalkForwardValidator().assign_lifecycle_stage
    plan = {"sample_size": 20, "sharpe_ratio": 1.0, "net_profit": 500.0, "fill_rate": 1.0, "p_value": 0.01}
    assert assign(plan) == "DISCOVERY"
    assert assign({}) == "PAPER"
    assert all(assign({k: v for k, v in plan.items() if k != name}) == "PAPER" for name in list(plan)[1:])
    with pytest.raises(errors.InputError, match="metrics sharpe_ratio: must be a number"):
        assign(GOOD | {"sharpe_ratio": "1.2"})
