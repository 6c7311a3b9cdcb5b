"""Whole trainings: a market with a planted edge, one without, and recorded ones."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest

from assay.documents.configuration import configuration, iso, json_schema, validate
from assay.documents.schema import sealed
from assay.engine import Costs, Execution, Setups, Side
from assay.errors import FileFormatError, InsufficientDataError, QualityError
from assay.market import Bars, Timeframe, resample
from assay.search import ADAPTIVE, parse_space, run_search
from assay.sources import read_bars
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Evidence, Experiment, Progress
from assay.validation import Holdout, SplitPlan
from validation.toys import Spike, changed_from, market, train

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.parameters import Value

TESTS = Path(__file__).parents[1]
CREATED = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
SPIKE = Spike()
CHEAP = Execution(Side.LONG, Costs(fee=0.0003, slippage=0.0001))
DEAR = Execution(Side.LONG, Costs.of("10%"))
FREE = Execution(costs=Costs(fee=0.0, slippage=0.0))
PLAN = SplitPlan(train_days=40, test_days=20)
SWEEP_SPACE = {
    "pierce_depth": [0.0005, 0.001, 0.002], "volume_spike_threshold": [1.0, 1.5, 2.0], "min_level_touches": [1],
    "reversal_candles": [1, 2], "key_level_lookback": [50, 100], "risk_reward_ratio": [1.5, 3.0],
    "max_holding_periods": [20, 40], "atr_multiplier_sl": [1.0, 2.0],
}  # fmt: skip


def planted() -> Bars:
    return market(31, 230, edge=0.012)


def spike_experiment(**fields: Any) -> Experiment:
    usual: dict[str, Any] = {"execution": CHEAP, "plan": PLAN, "permutations": 79}
    return Experiment(SPIKE, **(usual | fields))


def sweep_experiment(**fields: Any) -> Experiment:
    space = parse_space(SWEEP_SPACE, LiquiditySweep.parameters)
    usual: dict[str, Any] = {
        "space": space,
        "execution": Execution(costs=Costs(fee=0.0, slippage=0.0)),
        "permutations": 19,
    }
    return Experiment(LiquiditySweep(), **(usual | fields))


def recorded(folder: Path) -> Bars:
    """110 days of 15-minute bars."""
    return resample(read_bars(folder / "BINANCE_BTCUSDT_5m.parquet").head(288 * 110), Timeframe.parse("15m"))


def text(evidence: Evidence) -> str:
    return json.dumps(configuration(evidence, CREATED), allow_nan=False)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return planted()


@pytest.fixture(scope="module")
def evidence(bars: Bars) -> Evidence:
    return train(spike_experiment(), bars)


@pytest.fixture(scope="module")
def document(evidence: Evidence) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text(evidence))
    return found


@pytest.fixture(scope="module")
def bitcoin(shared_data: Path) -> Bars:
    return recorded(shared_data)


@pytest.fixture(scope="module")
def swept(bitcoin: Bars) -> Evidence:
    return train(sweep_experiment(), bitcoin)


# --- the same experiment gives the same bytes


def test_threads_change_no_byte(evidence: Evidence, swept: Evidence, bars: Bars, bitcoin: Bars) -> None:
    assert text(train(spike_experiment(), bars, threads=2)) == text(evidence)
    assert text(train(sweep_experiment(), bitcoin, threads=2)) == text(swept)
    assert text(train(sweep_experiment(), bitcoin, threads=3)) == text(swept)


def test_nor_does_another_process(evidence: Evidence, swept: Evidence, shared_data: Path) -> None:
    code = (
        "import hashlib, sys; from pathlib import Path;"
        "from training.test_train import *;"
        "first = text(train(spike_experiment(), planted(), threads=2));"
        "second = text(train(sweep_experiment(), recorded(Path(sys.argv[1])), threads=2));"
        "print(hashlib.sha256((first + second).encode()).hexdigest())"
    )
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": paths}
    run = subprocess.run(
        [sys.executable, "-c", code, str(shared_data)],
        capture_output=True, text=True, check=True, env=environment, timeout=120,
    )  # fmt: skip
    assert run.stdout.strip() == hashlib.sha256((text(evidence) + text(swept)).encode()).hexdigest()


def test_the_seed_moves_neither_a_grid_nor_its_permutations(evidence: Evidence, bars: Bars) -> None:
    other = train(spike_experiment(seed=43), bars)
    assert other.tests.permutation.maxima.tolist() == evidence.tests.permutation.maxima.tolist()
    assert other.walk_forward.measures == pytest.approx(evidence.walk_forward.measures, nan_ok=True, rel=0, abs=0)
    assert other.search.result.best == evidence.search.result.best


# --- the document


def test_documents_keep_their_schema(document: dict[str, Any], swept: Evidence) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(document)
    validator.validate(json.loads(text(swept)))
    for part, key, value in (
        ("metrics", "win_rate", 55.0),
        ("metrics", "max_drawdown_pct", 3.0),
        ("lifecycle", "current_stage", "GOLD"),
        ("context", "extra", 1),
        ("provenance", None, None),
    ):
        broken = json.loads(json.dumps(document))
        if key is None:
            del broken[part]
        else:
            broken[part][key] = value
        assert not validator.is_valid(broken)
        with pytest.raises(FileFormatError, match=f"configuration {part}"):
            validate(broken)


def test_a_rate_that_is_no_share_of_the_trades_is_refused(document: dict[str, Any]) -> None:
    # the old fault: 12 wins of 80 stored as 0.0015
    for rate, fine in ((0.15, True), (0.0015, False), (0.15 + 1e-9, True), (0.151, False)):
        other = json.loads(json.dumps(document))
        other["metrics"] |= {"total_trades": 80, "win_rate": rate, "gross_win_rate": 0.5}
        if fine:
            assert sealed(other)["metrics"]["win_rate"] == rate
        else:
            with pytest.raises(FileFormatError, match="win_rate x total_trades"):
                sealed(other)


def test_an_edited_document_is_refused_by_its_digest(document: dict[str, Any]) -> None:
    assert validate(json.loads(json.dumps(document))) == document
    again = json.loads(json.dumps(document)) | {"createdAt": "2027-01-01T00:00:00Z"}
    assert validate(again)["provenance"] == document["provenance"]  # the digest knows no time
    for section, name, value in (
        ("lifecycle", "max_allocation_pct", 50.0),
        ("metrics", "net_profit_pct", 99.0),
        ("parameters", "hold", 5),
        ("provenance", "document_digest", "0" * 64),
        ("provenance", "document_digest", None),
    ):
        edited = json.loads(json.dumps(document))
        edited[section][name] = value
        with pytest.raises(FileFormatError, match="it was changed after it was written"):
            validate(edited)


def test_identity_and_context(document: dict[str, Any], evidence: Evidence, bars: Bars) -> None:
    digest = spike_experiment().digest(bars)
    assert document["configId"] == f"SPIKE_V3_20260301_123456_{digest[:6]}"
    assert document["createdAt"] == "2026-03-01T12:34:56Z"
    assert document["context"] == {
        "exchange": "test",
        "pair": "BTC/USDT",
        "timeframe": "1h",
        "side": "long",
        "from": "1971-02-06T16:00:00Z",  # 400 days and the warm-up of 40 hours after 1970-01-01
        "to": iso(int(bars.time[-1])),
        "regime": evidence.search.regime.name,
    }
    assert document["provenance"]["experiment_digest"] == digest == evidence.provenance.experiment_digest
    assert document["provenance"]["data_digest"] == bars.digest
    assert document["provenance"]["trials"] == 2 * 3 * 1 * 2 * 2
    assert document["parameters"] == evidence.search.result.best
    assert document["provenance"]["data_override"] is False


def test_the_windows_of_the_document(document: dict[str, Any], bars: Bars) -> None:
    # 230 days at 24 bars: 5,520; the span starts at 40, 20 % of 5,480 sealed, 6 purged
    assert document["validation"]["window_count"] == 7  # (4,418 - 40 - 960 - 6) / 480
    assert document["validation"]["holdout"]["from"] == iso(int(bars.time[5520 - 1096]))
    first = document["validation"]["windows"][0]
    assert first["train_from"] == iso(int(bars.time[40]))
    assert first["train_to"] == iso(int(bars.time[40 + 960 - 1]))
    assert first["test_from"] == iso(int(bars.time[40 + 960 + 6]))
    assert first["test_to"] == iso(int(bars.time[40 + 960 + 6 + 480 - 1]))


# --- metrics again, from trades and bars


@pytest.mark.parametrize("which", ["evidence", "swept"])
def test_metrics_from_trades_and_equity(which: str, request: pytest.FixtureRequest) -> None:
    e: Evidence = request.getfixturevalue(which)
    m = json.loads(text(e))["metrics"]
    t, money, bars = e.walk_forward.run.trades, e.experiment.execution.money, e.bars
    net = t.net_return
    sized = t.size * net
    assert m["total_trades"] == m["sample_size"] == len(net) > 30
    assert m["win_rate"] == pytest.approx(np.count_nonzero(net > 0) / len(net), abs=1e-15)
    assert m["gross_win_rate"] == pytest.approx(np.count_nonzero(t.gross_return > 0) / len(net), abs=1e-15)
    assert m["profit_factor"] == pytest.approx(sized[net > 0].sum() / -sized[net <= 0].sum(), rel=1e-12)
    assert m["expectancy_pct"] == pytest.approx(100 * net.mean(), rel=1e-12)
    assert m["avg_win_pct"] == pytest.approx(100 * net[net > 0].mean(), rel=1e-12)
    assert m["avg_loss_pct"] == pytest.approx(100 * net[net <= 0].mean(), rel=1e-12)
    assert m["z_score"] == pytest.approx(net.mean() / net.std(ddof=1) * math.sqrt(len(net)), rel=1e-9)
    assert m["avg_holding_periods"] == pytest.approx((t.exit_bar - t.entry_bar + 1).mean())
    assert m["ambiguous_trades"] == t.ambiguous.sum()
    fee, slip = money.costs.fee, money.costs.slippage
    x = t.exit_raw * (1 - t.side * slip)
    entry = t.entry_raw * (1 + t.side * slip)
    assert net == pytest.approx(t.side * (x / entry - 1) - fee * (1 + x / entry), abs=1e-12)

    # the account at every close, one bar after the other
    start, stop = (
        e.walk_forward.windows[0].window.test_start,
        e.walk_forward.windows[-1].window.test_stop,
    )
    end = max(stop - 1, int(t.exit_bar.max()))
    equity = peak = 1.0
    worst = 0.0
    at_close = {}
    held = 0
    trade = 0
    for i in range(start, end + 1):
        inside = trade < len(net) and t.entry_bar[trade] <= i
        value = equity
        if inside:
            held += 1
            if i == t.exit_bar[trade]:
                equity *= 1 + sized[trade]
                value = equity
                trade += 1
                assert trade == len(net) or t.entry_bar[trade] > i  # an exit frees the next open
            else:
                move = t.side[trade] * (bars.close[i] / entry[trade] - 1) - fee
                value = equity * (1 + t.size[trade] * move)
        peak = max(peak, value)
        worst = max(worst, 1 - value / peak)
        at_close[int(bars.time[i]) // 86_400_000] = value
    daily = np.array([at_close[d] for d in range(min(at_close), max(at_close) + 1)])
    returns = daily / np.concatenate(([1.0], daily[:-1])) - 1
    assert e.walk_forward.run.equity == pytest.approx(daily, rel=1e-12)
    assert m["days"] == len(daily)
    assert m["net_profit_pct"] == pytest.approx(100 * (np.prod(1 + sized) - 1), rel=1e-12, abs=1e-12)
    assert m["net_profit"] == pytest.approx(100 * m["net_profit_pct"], rel=1e-12)
    sharpe = returns.mean() / returns.std(ddof=1) * math.sqrt(365)
    assert m["sharpe_ratio"] == pytest.approx(sharpe, rel=1e-9)
    downside = math.sqrt(np.mean(np.minimum(returns, 0) ** 2))
    assert m["sortino_ratio"] == pytest.approx(returns.mean() / downside * math.sqrt(365), rel=1e-9)
    assert m["max_drawdown_pct"] == pytest.approx(-100 * worst, rel=1e-9)
    annual = daily[-1] ** (365 / len(daily)) - 1
    assert m["calmar_ratio"] == pytest.approx(annual / worst, rel=1e-9)
    assert m["exposure"] == pytest.approx(held / (end + 1 - start), rel=1e-12)


def test_the_verdict_says_what_the_measures_say(document: dict[str, Any]) -> None:
    m, life = document["metrics"], document["lifecycle"]
    assert life["confidence_score"] == pytest.approx(
        0.3 * min(m["total_trades"] / 200, 1)
        + 0.3 * min(m["sharpe_ratio"] / 3, 1)
        + 0.2 * m["win_rate"]
        + 0.2 * m["stability_score"]
    )
    test = [w["test"] for w in document["validation"]["windows"]]
    sharpe, wins = (np.array([w[n] for w in test]) for n in ("sharpe_ratio", "win_rate"))
    profitable = np.mean([w["net_profit_pct"] > 0 for w in test])
    assert m["stability_score"] == pytest.approx(
        0.4 / (1 + sharpe.std(ddof=1)) + 0.3 / (1 + 10 * wins.std(ddof=1)) + 0.3 * profitable
    )
    assert document["evidence"]["permutation"]["p_value"] == m["p_value"] == 1 / 80


# --- the sealed holdout


def test_a_planted_edge_becomes_mature_and_opens_the_door_once(evidence: Evidence, document: dict[str, Any]) -> None:
    assert evidence.stage == "MATURE"
    assert document["lifecycle"] | {"gates": None, "confidence_score": None} == {
        "current_stage": "MATURE", "max_allocation_pct": 10.0, "size_factor": 1.0, "why_not_promoted": "",
        "requested_stage": None, "gates": None, "confidence_score": None,
    }  # fmt: skip
    assert evidence.holdout_openings == 1
    assert document["validation"]["holdout"]["opened"] is True
    assert document["validation"]["holdout"]["metrics"]["sharpe_ratio"] > 0
    first = int(evidence.bars.session[evidence.splits.holdout_start])
    assert document["validation"]["holdout"]["metrics"]["days"] == int(evidence.bars.session[-1]) - first + 1


def test_what_lies_behind_the_door_changes_nothing_before_it(evidence: Evidence, bars: Bars) -> None:
    other = train(spike_experiment(), changed_from(bars, evidence.splits.holdout_start))
    assert other.search.result.best == evidence.search.result.best
    assert other.search.result.scores.tolist() == evidence.search.result.scores.tolist()
    assert other.tests.permutation.maxima.tolist() == evidence.tests.permutation.maxima.tolist()
    assert [w.parameters for w in other.walk_forward.windows] == [w.parameters for w in evidence.walk_forward.windows]
    assert other.walk_forward.run.equity.tolist() == evidence.walk_forward.run.equity.tolist()
    assert [f.net_profit_pct for f in other.tests.fragility] == [f.net_profit_pct for f in evidence.tests.fragility]
    assert other.holdout_measures != evidence.holdout_measures
    assert other.provenance.experiment_digest != evidence.provenance.experiment_digest


class Nosy(Spike):
    """Remembers how many bars it was shown."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        self.shown.append(len(bars))
        return super().setups(bars, side, shape)


def test_no_part_of_the_work_is_shown_the_holdout(bars: Bars) -> None:
    nosy = Nosy()
    found = train(replace(spike_experiment(permutations=3), strategy=nosy), bars)
    assert found.tests.permutation.done == 3
    assert max(nosy.shown) == found.splits.holdout_start
    opened = Nosy()
    assert train(replace(spike_experiment(), strategy=opened), bars).stage == "MATURE"
    before = opened.shown[: opened.shown.index(found.splits.stop)]
    assert (max(before), max(opened.shown)) == (found.splits.holdout_start, found.splits.stop)


@pytest.mark.parametrize(
    "fields", [{"permutations": 0}, {"permutations": 19}, {"execution": Execution(Side.LONG, Costs.of("1%"))}]
)
def test_the_door_stays_shut_when_a_gate_fails(
    bars: Bars, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: Holdout, reason: str) -> Bars:
        raise AssertionError(reason)

    monkeypatch.setattr(Holdout, "open", never)
    found = train(spike_experiment(**fields), bars)
    assert found.stage != "MATURE"
    assert found.holdout_openings == 0
    assert found.validation.holdout is None
    holdout = configuration(found, CREATED)["validation"]["holdout"]
    assert (holdout["opened"], holdout["metrics"]) == (False, None)


def test_without_a_holdout_none_is_mature(bars: Bars) -> None:
    found = train(spike_experiment(plan=SplitPlan(train_days=40, test_days=20, holdout=0.0)), bars)
    assert (found.stage, found.holdout_openings) == ("VALIDATION", 0)
    assert "holdout Sharpe above 0: unknown" in found.verdict.why_not_promoted
    assert configuration(found, CREATED)["validation"]["holdout"]["from"] is None


# --- the walk-forward under other window lengths


@pytest.fixture(scope="module")
def standard(bars: Bars) -> tuple[Evidence, Nosy, dict[str, list[tuple[int, int]]]]:
    """Evidence of the standard level, and who was shown what on the way."""
    seen: dict[str, list[tuple[int, int]]] = {}
    nosy = Nosy()
    found = train(
        replace(spike_experiment(permutations=199), strategy=nosy),
        bars,
        lambda p: seen.setdefault(p.stage, []).append((p.done, p.total)),
    )
    return found, nosy, seen


def test_standard_evidence_holds_the_matrix(
    standard: tuple[Evidence, Nosy, dict[str, list[tuple[int, int]]]], bars: Bars
) -> None:
    found, nosy, seen = standard
    written = json.loads(text(found))
    jsonschema.validate(written, json_schema())
    matrix = written["validation"]["matrix"]
    assert (matrix["train_days"], matrix["test_days"]) == ([30, 40, 60, 90, 120], [15, 20, 30, 60])
    own = matrix["train_days"].index(40), matrix["test_days"].index(20)
    for name, value in (("sharpe", "sharpe_ratio"), ("net_profit_pct", "net_profit_pct")):
        assert matrix[name][own[0]][own[1]] == written["metrics"][value]
        # 184 days before the holdout: 120 + 3 x 30 do not fit, 120 + 4 x 15 do
        assert matrix[name][-1] == [matrix[name][-1][0], matrix[name][-1][1], None, None]
    assert matrix["windows"][own[0]][own[1]] == written["validation"]["window_count"] == 7
    assert matrix["windows"][-1] == [4, 3, 0, 0]
    assert list(seen) == ["search", "walk-forward", "matrix", "permutations", "scaled permutations"]
    assert seen["matrix"][-1][0] == seen["matrix"][-1][1] == len(seen["matrix"])
    before = nosy.shown[: nosy.shown.index(found.splits.stop)]
    assert (max(before), max(nosy.shown)) == (found.splits.holdout_start, found.splits.stop)
    assert found.holdout_openings == 1
    # noise in the holdout, and another number of threads
    other = train(spike_experiment(permutations=199), changed_from(bars, found.splits.holdout_start), threads=2)
    assert configuration(other, CREATED)["validation"]["matrix"] == matrix


def test_what_asks_for_the_matrix() -> None:
    fixed = parse_space({"volume": [3.0]}, Spike.parameters)
    continuous = parse_space({"target": (1.0, 3.0)}, Spike.parameters)
    for fields, asked in (
        ({"permutations": 199}, True),
        ({"permutations": 198}, False),
        ({"permutations": 199, "method": "random", "budget": 10}, True),
        ({"permutations": 199, "method": "gp", "budget": 10}, False),
        ({"permutations": 199, "method": "random", "space": continuous}, False),
        ({"permutations": 199, "space": fixed, "procedure": "fixed"}, False),
        ({"permutations": 199, "plan": SplitPlan("rolling")}, True),
        ({"permutations": 199, "plan": SplitPlan("split")}, False),
    ):
        assert spike_experiment(**fields).asks_for_matrix is asked, fields


def test_without_a_candidate_or_below_the_standard_there_is_none(evidence: Evidence, bars: Bars) -> None:
    assert evidence.validation.matrix is None
    assert json.loads(text(evidence))["validation"]["matrix"] is None
    assert train(spike_experiment(permutations=199, execution=DEAR), bars).validation.matrix is None


# --- ambiguous trades


def test_the_document_holds_the_interval_of_ambiguous_trades(bars: Bars) -> None:
    space = parse_space({"volume": [1.5], "stop": [0.004], "target": [1.0], "hold": [6]}, Spike.parameters)
    written = json.loads(text(train(spike_experiment(space=space, permutations=0), bars)))
    metrics = written["metrics"]
    assert metrics["ambiguous_trades"] > 0
    assert written["evidence"]["ambiguity"] == {
        "trades": metrics["ambiguous_trades"],
        "pessimistic_net_profit_pct": metrics["net_profit_pct"],
        "optimistic_net_profit_pct": metrics["optimistic_net_profit_pct"],
        "resolved": None,
        "resolved_net_profit_pct": None,
        "finer_timeframe": None,
    }


# --- stages and gates


def test_without_permutations_p_is_unknown_and_the_stage_paper(bars: Bars) -> None:
    found = train(spike_experiment(permutations=0), bars)
    written = configuration(found, CREATED)
    assert found.stage == "PAPER"
    assert math.isnan(found.tests.permutation.p_value)
    assert written["metrics"]["p_value"] is None
    assert written["evidence"]["permutation"]["method"] is None
    assert [g.name for g in found.verdict.failed] == ["permutation p of at most 0.05"]
    assert "Run the permutation test" in found.verdict.why_not_promoted


def test_a_market_without_an_edge_is_not_believed() -> None:
    stages = [train(spike_experiment(permutations=39), market(700 + i, 120)).stage for i in range(6)]
    assert stages.count("PAPER") >= 5


def test_no_candidate_is_a_result(bars: Bars) -> None:
    found = train(spike_experiment(execution=DEAR), bars)
    written = json.loads(text(found))
    jsonschema.validate(written, json_schema())
    assert found.stage == "PAPER"
    assert found.search.result.best is None
    assert written["parameters"] == Spike.parameters.defaults
    assert written["evidence"]["search"]["candidate_found"] is False
    assert written["evidence"]["neighbourhood"] is None
    assert written["metrics"]["total_trades"] == 0
    assert written["metrics"]["win_rate"] is None
    assert "a combination with a positive objective exists" in found.verdict.why_not_promoted


def test_a_budget_that_ends_the_test_is_recorded_and_blocks(bars: Bars) -> None:
    def enough(progress: Progress) -> bool:
        return progress.stage == "permutations" and progress.done == 60

    found = train(spike_experiment(), bars, enough)
    assert (found.tests.permutation.done, found.tests.permutation.stopped_by_budget) == (60, True)
    assert found.stage == "PAPER"
    assert configuration(found, CREATED)["evidence"]["permutation"]["stopped_by_budget"] is True


def test_progress_counts_to_the_end(bars: Bars) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    train(spike_experiment(permutations=3), bars, lambda p: seen.setdefault(p.stage, []).append((p.done, p.total)))
    assert list(seen) == ["search", "walk-forward", "permutations"]
    assert {stage: rows[-1] for stage, rows in seen.items()} == {
        "search": (24, 24),
        "walk-forward": (7, 7),
        "permutations": (3, 3),
    }


def test_a_continuous_space_is_compared_on_a_grid_that_both_sides_use(bars: Bars) -> None:
    space = parse_space({"volume": (1.5, 6.0), "target": (1.0, 3.0), "hold": (3, 6)}, Spike.parameters)
    sampled = train(spike_experiment(space=space, method="random", budget=30, permutations=3), bars)
    gridded = train(spike_experiment(space=space, permutations=3), bars)
    assert sampled.search.result.combinations == sampled.provenance.trials == 30
    assert gridded.search.result.combinations == 5 * 5 * 4
    assert sampled.tests.permutation.statistic == gridded.tests.permutation.statistic == gridded.search.result.score
    assert sampled.tests.permutation.maxima.tolist() == gridded.tests.permutation.maxima.tolist()
    assert sampled.search.result.best is not None
    assert sampled.search.result.best != gridded.search.result.best


def test_a_fixed_sample_of_a_discrete_space_is_repeated_as_it_is(bars: Bars) -> None:
    found = train(spike_experiment(method="random", budget=10, permutations=3), bars)
    assert found.tests.permutation.statistic == found.search.result.score


# --- methods that learn


LEARNED: dict[str, Any] = {
    "space": parse_space(
        {"volume": (1.5, 6.0), "target": (1.0, 3.0), "hold": (3, 6), "memory": [20, 40]}, Spike.parameters
    ),
    "budget": 14,
    "permutations": 3,
    "plan": SplitPlan(train_days=80, test_days=40),
}


@pytest.fixture(scope="module")
def gridded(bars: Bars) -> Evidence:
    return train(spike_experiment(**LEARNED), bars)


@pytest.mark.parametrize("method", ADAPTIVE)
def test_a_method_that_learns_goes_through_everything(bars: Bars, gridded: Evidence, method: str) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    experiment = spike_experiment(**LEARNED, method=method)
    found = train(experiment, bars, lambda p: seen.setdefault(p.stage, []).append((p.done, p.total)))
    assert seen["search"][-1] == (14, 14)
    assert found.search.result.best is not None
    assert found.search.result.combinations == found.provenance.trials == len(found.search.result.tried) == 14
    assert found.walk_forward.measures["sharpe_ratio"] > 0  # the planted edge is large
    assert found.tests.permutation.statistic == gridded.search.result.score
    assert found.tests.permutation.maxima.tolist() == gridded.tests.permutation.maxima.tolist()
    written = configuration(found, CREATED)
    jsonschema.validate(written, json_schema())
    assert written["evidence"]["search"]["method"] == method
    assert written["evidence"]["trials"] == written["evidence"]["search"]["combinations"] == 14
    assert written["evidence"]["permutation"]["compared"] == {"method": "grid", "combinations": 5 * 5 * 4 * 2}
    assert written["provenance"]["experiment"]["budget"] == 14
    # each window learns for itself
    window, evaluator = found.walk_forward.windows[1], experiment.evaluator(bars)
    span = evaluator.span(window.window.train_start, window.window.train_stop)
    alone = run_search(experiment.search, lambda c: evaluator.score(bars, span, c))
    assert (alone.best, alone.score) == (window.parameters, window.train_score)


@pytest.mark.parametrize("method", ADAPTIVE)
def test_threads_change_no_byte_of_a_learned_sweep(bitcoin: Bars, method: str) -> None:
    space = parse_space({"pierce_depth": (0.0005, 0.005), "key_level_lookback": (20, 200), "reversal_candles": (1, 3),
                         "risk_reward_ratio": (1.5, 4.0)}, LiquiditySweep.parameters)  # fmt: skip
    experiment = sweep_experiment(space=space, method=method, budget=30)
    evaluator = experiment.evaluator(bitcoin)
    span = evaluator.span(*experiment.bounds(bitcoin, evaluator.warmup))
    kept = {str(key) for key in bitcoin._derived if "setups" in str(key)}
    one, two = (
        run_search(experiment.search, lambda c, n=n: evaluator.score(bitcoin, span, c, threads=n))  # type: ignore[misc]
        for n in (1, 2)
    )
    assert one.scores.tobytes() == two.scores.tobytes()
    assert [one.tried.at(i) for i in range(30)] == [two.tried.at(i) for i in range(30)]
    # a new shape for almost every point: none of them may stay in memory
    assert not evaluator.keep_setups
    assert {str(key) for key in bitcoin._derived if "setups" in str(key)} == kept


# --- the quality of the bars


@pytest.mark.parametrize("name", ["BINANCE_ONGUSDT_5m", "BINANCE_CVCUSDT_5m"])
def test_bars_below_the_gate_are_refused(shared_data: Path, name: str) -> None:
    bars = read_bars(shared_data / f"{name}.parquet")
    with pytest.raises(QualityError, match="--allow-bad-data") as caught:
        train(sweep_experiment(), bars)
    assert caught.value.exit_code == 3
    assert caught.value.required_pct == 70.0
    start = sweep_experiment().evaluator(bars).warmup
    assert caught.value.valid_pct == pytest.approx(100 * bars.valid[start:].mean())
    assert caught.value.valid_pct < 65


def test_an_override_is_recorded_and_never_promoted(shared_data: Path) -> None:
    bars = read_bars(shared_data / "BINANCE_ONGUSDT_5m.parquet").head(288 * 90)
    found = train(sweep_experiment(allow_bad_data=True, permutations=0), bars)
    written = json.loads(text(found))
    assert written["provenance"]["data_override"] is True
    assert written["provenance"]["quality"]["passes"] is False
    assert any("explicit override" in line for line in written["evidence"]["warnings"])
    assert found.stage == "PAPER"
    assert found.verdict.failed[0].name == "bars accepted without override"


def test_an_override_that_was_not_needed_changes_nothing(bars: Bars, evidence: Evidence) -> None:
    found = train(spike_experiment(allow_bad_data=True), bars)
    assert found.stage == evidence.stage
    assert found.judgement.warnings == evidence.judgement.warnings
    assert configuration(found, CREATED)["provenance"]["data_override"] is False


def test_a_short_history_is_refused_with_the_days_it_needs() -> None:
    with pytest.raises(InsufficientDataError, match="need about"):
        train(spike_experiment(), market(1, 20))
    with pytest.raises(InsufficientDataError, match="warm-up"):
        train(spike_experiment(), market(1, 20).head(30))


# --- the span


def test_bars_before_the_span_only_warm_up(bars: Bars) -> None:
    limits = {"start_ms": int(bars.time[600]), "stop_ms": int(bars.time[4000])}
    experiment = spike_experiment(permutations=9, **limits)
    whole = train(experiment, bars)
    assert (whole.splits.start, whole.splits.stop) == (600, 4000)
    names = ("time", "open", "high", "low", "close", "volume", "absent", "valid", "tradable", "session")
    shorter = replace(bars, **{n: getattr(bars, n)[560:4000] for n in names})
    louder = replace(bars, volume=np.where(np.arange(len(bars)) < 560, 99.0 * bars.volume, bars.volume))
    for other in (train(experiment, shorter), train(experiment, louder)):
        assert other.search.result.scores.tolist() == whole.search.result.scores.tolist()
        assert other.walk_forward.run.equity.tolist() == whole.walk_forward.run.equity.tolist()
        assert other.metrics == pytest.approx(whole.metrics, nan_ok=True, rel=0, abs=0)
    assert configuration(whole, CREATED)["context"]["from"] == iso(limits["start_ms"])
    assert configuration(whole, CREATED)["context"]["to"] == iso(int(bars.time[3999]))
    # bars behind the span are not even in the quality report
    assert whole.provenance.quality.expected == 3400


def test_the_first_signal_bar_waits_for_the_warm_up(bars: Bars) -> None:
    assert train(spike_experiment(permutations=0), bars).splits.start == 40
