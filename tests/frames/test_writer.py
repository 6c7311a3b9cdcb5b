"""`ConfigurationWriter`, and the three bugs of the requirement's analysis."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay import (
    BacktestEngine,
    ConfigurationWriter,
    Experiment,
    StageCappedWarning,
    WalkForwardValidator,
    errors,
    frame_from_bars,
)
from assay.documents.rebuild import bars_for, verify
from assay.store import Database, Registered, Registry
from assay.training.evidence import Metrics
from assay.validation.lifecycle import Stage, Verdict
from store.documents import BARS, evidence, proven
from validation.toys import HOURLY, SameProcess, Spike, first_stamps

if TYPE_CHECKING:
    from pathlib import Path

    from assay.frames.validator import ValidationResult

VALUES = {"hold": 6, "volume": 3.0}
ENGINE = BacktestEngine(Spike, sides="long")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "assay.db"


@pytest.fixture
def writer(path: Path) -> ConfigurationWriter:
    return ConfigurationWriter(path)


@pytest.fixture(scope="module")
def validated() -> ValidationResult:
    return WalkForwardValidator(30, 15, 1).validate(VALUES, frame_from_bars(BARS), ENGINE)


def stored(path: Path, config_id: str) -> Registered:
    return Registry(Database.open(path)).get(config_id)


@pytest.mark.filterwarnings("ignore::assay.StageCappedWarning")
def test_the_quick_starts_last_step(writer: ConfigurationWriter, path: Path, validated: ValidationResult) -> None:
    config_id = writer.save_configuration(
        strategy=Spike,
        parameters=validated["parameters"],
        metrics=validated["metrics"],
        lifecycle_stage="DISCOVERY",
    )
    assert re.fullmatch(r"SPIKE_V3_\d{8}_\d{6}_[0-9a-f]{6}", config_id)
    found = stored(path, config_id)
    row, metrics = found.row, validated["metrics"]
    assert (row["exchange"], row["pair"], row["timeframe"]) == ("test", "BTC/USDT", "1h")
    assert row["regime"] == "bull"
    for column, name in (
        ("sharpe_ratio", "sharpe_ratio"), ("net_profit", "net_profit"), ("gross_win_rate", "gross_win_rate"),
        ("sample_size", "total_trades"), ("avg_win", "avg_win_pct"), ("avg_loss", "avg_loss_pct"),
        ("calmar_ratio", "calmar_ratio"), ("stability_score", "stability_score"),
    ):  # fmt: skip
        assert row[column] == metrics[name]
    assert row["p_value"] is None
    document = found.document
    assert document["validation"]["train_window_days"] == 30
    assert document["evidence"]["verified"] is True
    assert (found.status, document["lifecycle"]["requested_stage"]) == ("PAPER", "DISCOVERY")
    assert verify(document, Spike(), bars_for(document, BARS, "here"), fresh_process=SameProcess()).equal
    drawn = Registry(Database.open(path)).figures(config_id)
    assert drawn is not None
    assert drawn["stitched"]["equity"][-1] == pytest.approx(1 + metrics["net_profit_pct"] / 100)


def test_a_stage_is_capped_with_a_reason(writer: ConfigurationWriter, validated: ValidationResult) -> None:
    said = "is stored as PAPER, not as MATURE: p of the permutation test is unknown and must be at most"
    with pytest.warns(StageCappedWarning, match=said):
        writer.save_configuration(Spike, validated.parameters, validated.metrics, "MATURE")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        writer.save_configuration(Spike, validated.parameters, validated.metrics, "paper")


def test_what_the_evidence_supports_is_granted_and_less_too(writer: ConfigurationWriter, path: Path) -> None:
    e = proven()
    assert e.judgement.verdict.stage == "VALIDATION"
    for asked, given in (("VALIDATION", "VALIDATION"), ("DISCOVERY", "DISCOVERY")):
        found = stored(path, writer.save_configuration(Spike, e.parameters, e, asked))
        assert found.status == given
        assert found.row["max_position_size"] == {"VALIDATION": 0.05, "DISCOVERY": 0.02}[given]
    assert len(Registry(Database.open(path)).find()) == 2  # of one second and one experiment
    for wrong, match in (("DECAY", "found by monitoring"), ("LIVE", "must be one of PAPER")):
        with pytest.raises(errors.InputError, match=match):
            writer.save_configuration(Spike, e.parameters, e, wrong)


def test_a_verdict_that_was_written_into_evidence_is_made_again(writer: ConfigurationWriter, path: Path) -> None:
    """What is saved is judged by the facts and by all that was tried, whatever the evidence says of itself."""
    e = evidence()
    claimed = replace(e, judgement=replace(e.judgement, verdict=Verdict(Stage.VALIDATION, (), (), 0.5)))
    with pytest.warns(StageCappedWarning, match="is stored as PAPER, not as VALIDATION: p of the permutation test"):
        config_id = writer.save_configuration(Spike, e.parameters, claimed, "VALIDATION")
    assert stored(path, config_id).status == "PAPER"


def test_metrics_of_a_training_know_it(writer: ConfigurationWriter, path: Path) -> None:
    e = evidence()
    assert isinstance(e.metrics, Metrics)
    found = stored(path, writer.save_configuration(Spike, e.parameters, e.metrics))
    assert found.row["p_value"] == e.tests.permutation.p_value
    assert found.row["experiment_digest"] == e.provenance.experiment_digest


def test_a_changed_number_changes_nothing(writer: ConfigurationWriter, path: Path, validated: ValidationResult) -> None:
    told = Metrics(validated.metrics | {"sharpe_ratio": 9.9}, validated.metrics.experiment, BARS)  # type: ignore[attr-defined]
    found = stored(path, writer.save_configuration(Spike, validated.parameters, told))
    assert found.row["sharpe_ratio"] == validated.metrics["sharpe_ratio"]


def test_what_was_not_measured_is_refused(writer: ConfigurationWriter, validated: ValidationResult) -> None:
    with pytest.raises(errors.InputError, match=r"parameters: are not those that were measured, got \{'hold': 5\}"):
        writer.save_configuration(Spike, {**VALUES, "hold": 5}, validated.metrics)
    with pytest.raises(errors.InputError, match="strategy: is not the one that was measured, SPIKE"):
        writer.save_configuration("LIQUIDITY_SWEEP", VALUES, validated.metrics)
    with pytest.raises(errors.InputError, match="pair: is not the one that was measured, BTC/USDT"):
        writer.save_configuration(Spike, VALUES, validated.metrics, pair="ETHUSDT")


def test_windows_that_were_searched_again_verify_too(writer: ConfigurationWriter, path: Path) -> None:
    space = {"hold": [3, 6], "volume": [1.5, 3.0]}
    result = WalkForwardValidator(30, 15, 1).validate(data=BARS, backtest_engine=ENGINE, parameter_space=space)
    document = stored(path, writer.save_configuration(Spike, result.parameters, result.metrics)).document
    assert document["validation"]["label"] == result.label
    assert document["metrics"]["sharpe_ratio"] == result.metrics["sharpe_ratio"]
    assert verify(document, Spike(), BARS, fresh_process=SameProcess()).equal


PLAIN = {"sharpe_ratio": 1.23, "gross_win_rate": 0.15, "total_trades": 80, "avg_win_pct": 1.8, "avg_loss_pct": -1.2}


def test_a_plain_dict_proves_nothing(writer: ConfigurationWriter, path: Path, validated: ValidationResult) -> None:
    for metrics in (PLAIN, dict(validated.metrics)):
        said = "not as MATURE: it was saved from plain numbers, which prove nothing"
        with pytest.warns(StageCappedWarning, match=said):
            config_id = writer.save_configuration("LIQUIDITY_SWEEP_V3", {}, metrics, "MATURE", pair="btcusdt")
        found = stored(path, config_id)
        assert config_id.startswith("LIQUIDITY_SWEEP_V3_")
        assert (found.status, found.document["evidence"]) == ("PAPER", {"verified": False})
        assert (found.row["pair"], found.row["exchange"], found.row["timeframe"]) == ("BTC/USDT", None, None)
        assert found.row["sharpe_ratio"] == metrics["sharpe_ratio"]
        with pytest.raises(errors.GateError, match="0 % of the capital"):
            Registry(Database.open(path)).activate(config_id, at_ms=1)
        with pytest.raises(errors.GateError, match="stored from measures without evidence"):
            bars_for(found.document, BARS, "here")


def test_the_plans_names_of_plain_measures(writer: ConfigurationWriter, path: Path) -> None:
    plan = {"sample_size": 40, "avg_win": 0.018, "max_drawdown": -0.08, "net_profit": 12.5, "calmar_ratio": None}
    row = stored(path, writer.save_configuration("MY_OWN", {"a": 1}, plan))
    assert (row.row["sample_size"], row.row["avg_win"], row.row["net_profit"]) == (40, pytest.approx(1.8), 12.5)
    assert row.document["metrics"]["max_drawdown_pct"] == -8.0
    assert row.row["calmar_ratio"] is None
    for wrong, match in (({"sharpe_ratio": "high"}, "must be a number"), (7, "must be a mapping")):
        with pytest.raises(errors.InputError, match=match):
            writer.save_configuration("MY_OWN", {}, wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.InputError, match="must be a name of letters"):
        writer.save_configuration("no name!", {}, {})


# the three bugs of the analysis


def test_twelve_wins_of_eighty_are_15_percent(writer: ConfigurationWriter, path: Path) -> None:
    """They were stored divided by 100: 0.0015, shown as 0.15 %."""
    row = stored(path, writer.save_configuration("LIQUIDITY_SWEEP", {}, {**PLAIN, "gross_win_rate": 12 / 80})).row
    assert (row["gross_win_rate"], row["sample_size"]) == (0.15, 80)
    with pytest.raises(errors.FileFormatError, match="whole number of trades"):
        writer.save_configuration("LIQUIDITY_SWEEP", {}, {**PLAIN, "gross_win_rate": 0.0015})
    with pytest.raises(errors.FileFormatError, match="gross_win_rate"):
        writer.save_configuration("LIQUIDITY_SWEEP", {}, {**PLAIN, "gross_win_rate": 15})


def test_shorts_exit_by_the_rules_of_shorts() -> None:
    """By those of longs a short was stopped out on its next bar: price below the 'target', above the 'stop'."""
    from assay.market import Bars

    n, signal = 80, 50
    close = np.where(np.arange(n) <= signal + 1, 100.0, 100.0 - 1.2 * (np.arange(n) - signal - 1))
    open_ = np.concatenate(([100.0], close[:-1]))
    volume = np.where(np.arange(n) == signal, 9.0, 1.0)
    bars = Bars.from_columns(HOURLY, first_stamps(n), open_, open_ + 0.1, close - 0.1, close, volume)
    engine = BacktestEngine(Spike, sides="short")
    trades = engine.run_backtest(bars, {"stop": 0.03, "target": 1.0, "hold": 20}, 0.0, 0.0).trades
    (trade,) = trades.to_dict("records")
    assert (trade["direction"], trade["reason"]) == ("SHORT", "TAKE_PROFIT")
    assert trade["take_profit"] < trade["entry_price"] < trade["stop_loss"]
    assert trade["bars_held"] > 1
    assert trade["pnl_pct"] == pytest.approx(3.0, abs=0.2)


def test_averages_are_what_the_trades_say(writer: ConfigurationWriter, path: Path) -> None:
    """They were read from keys that do not exist, and so were 0."""
    e = evidence()
    row = stored(path, writer.save_configuration(Spike, e.parameters, e.metrics)).row
    returns = 100.0 * e.walk_forward.run.trades.net_return
    assert row["avg_win"] == pytest.approx(returns[returns > 0].mean())
    assert row["avg_loss"] == pytest.approx(returns[returns <= 0].mean())
    assert row["avg_win"] > 0 > row["avg_loss"]
    assert row["gross_win_rate"] == pytest.approx((e.walk_forward.run.trades.gross_return > 0).mean())


def test_the_writer_finds_the_users_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    config_id = ConfigurationWriter().save_configuration("MY_OWN", {}, {})
    assert stored(tmp_path / "home" / "assay.db", config_id).config_id == config_id


def test_an_experiment_of_another_procedure_is_another(validated: ValidationResult) -> None:
    metrics: Any = validated.metrics
    assert isinstance(metrics.experiment, Experiment)
    assert metrics.experiment.procedure == "fixed"
    assert {**metrics} == dict(metrics)
    assert isinstance(metrics | {}, dict)
