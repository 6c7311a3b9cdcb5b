"""What an estimate says is what the training then does: every count, and the price of a try by the ledger."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.engine.execution import ExecutionTerms
from assay.errors import InputError
from assay.evaluation import Evaluator
from assay.market import Bars, Market, Timeframe
from assay.reports.power import Training, power_of
from assay.service import calibration
from assay.service.calibration import Learned, Rates, calibrated, known_calibration, learn, machine_key
from assay.service.campaign import begin_campaign
from assay.service.estimate import Estimator, estimate
from assay.service.estimate_campaign import unrelated_limit
from assay.service.estimate_learning import learn_from
from assay.service.reporter import Silent
from assay.service.request import ProofTerms, SearchTerms, TrainingRequest
from assay.service.spans import SpanTerms
from assay.service.training import train_and_store
from assay.service.training_cost import StageClock, without_edge
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, Database, campaigns
from assay.store.bars import present
from assay.training import PERMUTATIONS, train
from assay.validation import Stage, adjusted_p

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assay.service.estimate_parts import TaskEstimate
    from assay.training import Evidence

STRATEGY = "LIQUIDITY_SWEEP"
SPACE = {"atr_multiplier_sl": [2.0, 3.0], "risk_reward_ratio": [3.0, 4.0], "pierce_depth": [0.001, 0.002]}
RATES = Rates(300.0, 0.09, 100.0, 0.002, 20.0, 3.0, 10.0, 20.0, 25.0, 0.09)
FREE = ExecutionTerms(fee=0.0, slippage=0.0)


@cache
def edge() -> Bars:
    return simulate_market(SimulatedMarket(days=110, timeframe="15m", seed=2, edge_r=1.5, round_trip=0.0))


@cache
def dirty() -> Bars:
    return simulate_market(SimulatedMarket(days=60, timeframe="15m", seed=4, dirty=True))


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estimator]:
    """Two stored markets, on a machine whose speed is known."""
    database = Database.open(tmp_path_factory.mktemp("estimate") / "assay.db")
    for bars in (edge(), dirty()):
        BarStore(database).write(bars.market, present(bars), source="test", at_ms=1, covered=bars.span_ms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "measured", lambda _: RATES)
        calibrated(database, [load_strategy(STRATEGY)])
    yield Estimator(database)
    database.close()


def request(**fields: Any) -> TrainingRequest:
    search = {"space": SPACE} | {name: fields.pop(name) for name in ("space", "method", "samples") if name in fields}
    span = SpanTerms(days=fields.pop("days", None))
    proof = {"permutations": 0, "train_days": 20.0, "test_days": 10.0} | fields
    return TrainingRequest(
        strategy=STRATEGY, search=SearchTerms(**search), proof=ProofTerms(**proof), execution=FREE, span=span
    )


def trained(one: TrainingRequest, bars: Bars) -> tuple[Evidence, int, dict[str, int]]:
    """Train, and return the combinations that were scored, and how much of each stage there was."""
    scored, totals = [0], {}
    plain = Evaluator.scores

    def counting(self: Evaluator, bars: Bars, spans: Any, combinations: Any, **options: Any) -> Any:
        scored[0] += len(spans) * len(combinations)
        return plain(self, bars, spans, combinations, **options)

    def heard(progress: Any) -> None:
        totals[progress.stage] = progress.total

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "scores", counting)
        evidence = train(one.experiment(load_strategy(STRATEGY), bars), bars, heard)
    return evidence, scored[0], totals


CASES: dict[str, dict[str, Any]] = {
    "grid, anchored": {},
    "the last days, rolling": {"days": 80, "validation": "rolling"},
    "random, split": {"method": "random", "samples": 30, "validation": "split"},
    "learning": {"method": "tpe", "samples": 12},
    "learning, all points": {"method": "gp", "samples": 50, "space": {"risk_reward_ratio": [3.0, 4.0]}},
    "windows that are scaled": {"train_days": 90.0, "test_days": 60.0},
    "a gap": {"gap_days": 3.0},
    "permutations": {"permutations": 39},
    "permutations of another search": {
        "permutations": 5,
        "space": {"risk_reward_ratio": (3.0, 4.0)},
        "method": "random",
        "samples": 4,
    },
    "in depth": {"permutations": 19, "space": {"pierce_depth": [0.001], "risk_reward_ratio": [4.0]}},
}


@pytest.mark.parametrize("name", CASES)
def test_the_counts_are_those_of_the_training(name: str, estimator: Estimator, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "in depth":  # what standard evidence asks for, with fewer permutations
        monkeypatch.setitem(PERMUTATIONS, "standard", 19)
    one = request(**CASES[name])
    task = estimator.of_bars(edge(), one).tasks[0]
    evidence, scored, totals = trained(one, edge())
    tests, around = evidence.tests, evidence.search.neighbourhood
    assert (task.refused, task.combinations) == (None, evidence.search.result.combinations)
    assert task.windows == len(evidence.splits.windows)
    assert task.notes == evidence.splits.notes
    assert task.data.days == pytest.approx((evidence.splits.stop - evidence.splits.start) / 96)
    stages = {stage.name: stage for stage in task.stages}
    ran = {"search": 1, "walk-forward": task.windows}
    if "matrix" in totals:
        ran["matrix"] = totals["matrix"]
    for stage, test in (("permutations", tests.permutation), ("scaled permutations", tests.scaled_permutation)):
        if test.done:
            own = stages[stage].searches - test.asked  # the real bars, where another search is compared
            assert own == (stage == "permutations" and "of another" in name)
            ran[stage] = test.done + own
    assert {k: n for k, n in ran.items() if k not in ("permutations", "scaled permutations")} == {
        k: stages[k].searches for k in ran if k not in ("permutations", "scaled permutations")
    }
    expected = sum(n * stages[stage].combinations for stage, n in ran.items())
    assert scored == expected + (0 if around is None else len(around.values))
    assert task.backtests == sum(stage.backtests for stage in task.stages) >= expected
    if name == "in depth":
        assert set(ran) == set(stages)
        assert tests.permutation.p_value <= 0.05


def test_the_whole_estimate_is_plain_and_says_what_it_assumes(estimator: Estimator) -> None:
    unknown = Market("binance", "NEW/USDT", Timeframe.parse("15m"))
    days = request(days=100.0)
    found = estimator.estimate([edge().market, dirty().market, unknown], [days, request(days=100.0, method="random")])
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [task["refused"] is None for task in told["tasks"]] == [True, True, True, True, True, True]
    stored, fetched = told["tasks"][0], told["tasks"][4]
    assert not stored["data"]["is_assumed"]
    assert stored["data"]["missing_days"] == pytest.approx(100.0)  # the bars are of 2024, and 100 days end today
    assert stored["windows_sentence"].endswith("validation windows")
    assert fetched["data"] | {"is_assumed": True, "bars": 0} == fetched["data"]
    assert (fetched["campaign"], fetched["trades"]) == (None, None)
    assert told["total"]["combinations"] == sum(task["combinations"] for task in told["tasks"])
    offline = estimator.estimate([dirty().market, unknown], [days], offline=True).tasks
    assert "must be positive and at most what the data holds, got 100" in str(offline[0].refused)
    assert str(offline[1].refused) == "is not stored"
    assert "bars are valid, training needs 70 %" in str(estimator.of_bars(dirty(), request()).tasks[0].refused)


def test_the_newest_days_are_those_that_a_plan_asks_for(estimator: Estimator) -> None:
    market = edge().market
    (some,) = estimator.estimate([market], [request()], offline=True, most_days=80).tasks
    (days,) = estimator.estimate([market], [request(days=80.0)], offline=True).tasks
    assert some == days
    (most,) = estimator.estimate([market], [request()], offline=True, most_days=900).tasks
    assert most == estimator.estimate([market], [request()], offline=True).tasks[0]


def test_bars_that_change_and_tries_that_are_added_are_seen(estimator: Estimator) -> None:
    bars = replace(edge(), market=replace(edge().market, symbol="GROWS/USDT"))
    store = BarStore(estimator.database)
    store.write(bars.market, present(bars.head(6_000)), source="test", at_ms=1)

    def asked() -> TaskEstimate:
        return estimator.estimate([bars.market], [request()], offline=True).tasks[0]

    first = asked()
    assert asked() == first
    store.write(bars.market, present(bars.tail(6_000)), source="test", at_ms=2)
    second = asked()
    assert (first.data.bars, second.data.bars) == (6_000, len(bars))
    begin_campaign(
        estimator.database, request(method="random", samples=9).experiment(load_strategy(STRATEGY), bars), bars
    )
    third = asked()
    assert third.campaign is not None
    assert second.campaign is not None
    assert third.campaign.experiments == second.campaign.experiments + 1


# --- the price of a try


def campaign(database: Database, one: TrainingRequest, *others: TrainingRequest) -> Any:
    requests = (one, *others)
    if not others:
        return Estimator(database).of_bars(edge(), one).tasks[0].campaign
    return estimate(database, [edge().market], requests, offline=True).tasks[0].campaign


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(calibration, "measured", lambda _: RATES)
    opened = Database.open(tmp_path / "assay.db")
    yield opened
    opened.close()


def test_the_price_of_a_try_is_what_the_ledger_makes_of_it(database: Database) -> None:
    one = request(permutations=39)
    alone = campaign(database, one)
    assert (alone.experiments, alone.is_new, alone.tries, alone.p_best) == (0, True, 1, pytest.approx(1 / 40))
    assert (alone.p_needed, alone.p_needed_after) == (pytest.approx(0.05), unrelated_limit(1))
    assert alone.permutations_needed is None
    found, tried = train_and_store(one.experiment(load_strategy(STRATEGY), edge()), edge(), database, Silent())
    again = campaign(database, one)
    assert (again.is_new, again.tries, again.p_needed_after) == (False, 0, pytest.approx(0.05))
    assert again.combinations == tried.combinations
    assert again.promoted == (found.evidence.stage != Stage.PAPER)
    assert "costs nothing" in again.sentence
    # begun and broken off: nobody can repeat them, and they cost in full
    for seed in (1, 2):
        other = replace(one, search=replace(one.search, method="random", samples=4, seed=seed))
        begin_campaign(database, other.experiment(load_strategy(STRATEGY), edge()), edge())
    later = campaign(database, request(permutations=39, space={"risk_reward_ratio": [9.0]}))
    assert (later.experiments, later.unknown, later.permutations_needed) == (3, 2, 58)
    known = database.read(lambda c: campaigns.tried_experiments(c, []))
    least, _ = adjusted_p(9.0, found.evidence.tests.permutation.maxima[:39] * 0.0 + 0.1, 1 / 40, known)
    assert later.p_best == pytest.approx(1 - (1 - least) * (1 - 1 / 40) ** 2)
    assert "fewer than 58" in later.sentence


def test_requests_beside_each_other_are_tries_on_the_same_days(database: Database) -> None:
    BarStore(database).write(edge().market, present(edge()), source="test", at_ms=1, covered=edge().span_ms)
    one, two = request(permutations=39), request(permutations=39, method="random", samples=7)
    found = campaign(database, one, two)
    assert (found.experiments, found.beside, found.tries) == (0, 1, 2)
    assert (found.p_needed, found.p_needed_after) == (unrelated_limit(1), unrelated_limit(2))
    assert campaign(database, request()).p_best is None


@pytest.mark.parametrize(("others", "limit"), [(0, 0.05), (1, 0.0253), (19, 0.00256)])
def test_the_limit_beside_unrelated_tries(others: int, limit: float) -> None:
    assert unrelated_limit(others) == pytest.approx(limit, rel=2e-3)
    assert 1 - (1 - unrelated_limit(others)) ** (1 + others) == pytest.approx(0.05)


# --- time


@pytest.mark.parametrize(("asked", "done"), [(0, 0), (5, 5), (39, 23), (199, 39), (999, 56)])
def test_permutations_of_a_market_without_an_edge_end_early(asked: int, done: int) -> None:
    """Pencil: 10 + 10 x (1/11 + ... + 1/B)."""
    assert without_edge(asked) == done


def test_what_trainings_take_is_learned_within_bounds(database: Database) -> None:
    strategy = load_strategy(STRATEGY)
    assert known_calibration(database).of(strategy) == (None, Learned())
    assert calibrated(database, [strategy]).of(strategy) == (RATES, Learned())
    for expected, taken in ((1.0, 2.0), (1.0, 2.0), (0.0, 1.0), (1.0, math.nan), (1.0, 1e9)):
        learn(database, strategy, expected, taken)
    _, learned = known_calibration(database).of(strategy)
    assert learned.trainings == 3
    assert learned.ratio == pytest.approx((2 * 2 * 8) ** (1 / 3))
    seconds = estimate(database, [], [request()]).total.seconds
    assert seconds is None  # no market, no time
    slow = Estimator(database).of_bars(edge(), request()).tasks[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learned, "from_dict", classmethod(lambda cls, _: cls()))
        usual = Estimator(database).of_bars(edge(), request()).tasks[0]
    assert slow.seconds is not None
    assert usual.seconds is not None
    assert slow.seconds.likely == pytest.approx(learned.ratio * usual.seconds.likely)
    assert slow.seconds.low <= slow.seconds.likely <= slow.seconds.high


def test_a_training_that_is_over_teaches(database: Database) -> None:
    strategy = load_strategy(STRATEGY)
    calibrated(database, [strategy])
    clock = StageClock()
    evidence = train(request().experiment(strategy, edge()), edge(), clock)
    assert set(clock.seconds) == {"search", "walk-forward"}
    learn_from(database, evidence, dict.fromkeys(clock.seconds, 0.0001))  # too short to say anything
    assert known_calibration(database).of(strategy)[1].trainings == 0
    learn_from(database, evidence, dict.fromkeys(clock.seconds, 100.0))
    assert known_calibration(database).of(strategy)[1].ratio == pytest.approx(calibration.MAX_RATIO)


def test_a_real_calibration_is_positive_and_private(tmp_path: Path) -> None:
    with_rates = Database.open(tmp_path / "real.db")
    strategy = load_strategy("SUPPLY_SHOCK")
    rates, _ = calibrated(with_rates, [strategy]).of(strategy)
    assert rates is not None
    assert all(value > 0 for value in vars(rates).values())
    assert known_calibration(with_rates).of(strategy)[0] == rates
    import platform

    assert platform.node() not in machine_key() or len(platform.node()) < 3
    with_rates.close()


BROKEN = """
from assay.engine import Bracket, at_least
from assay.parameters import Parameter, Parameters
from assay.strategies import Strategy

class Broken(Strategy):
    name = "BROKEN"
    parameters = Parameters(Parameter(name="x", default=1.0, low=0.5, high=3.0, doc="x"))
    rules = (at_least("body", "x"),)
    bracket = Bracket(stop=2.0, target=2.0, max_bars=20)

    def setups(self, bars, side, shape):
        raise KeyError("no")
"""


def test_a_strategy_that_cannot_be_timed_has_no_time_and_all_else(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    own = Database.open(tmp_path / "assay.db")
    one = TrainingRequest(strategy=f"{tmp_path / 'broken.py'}:Broken", proof=ProofTerms(train_days=20, test_days=10))
    found = Estimator(own).of_bars(edge(), one)
    task = found.tasks[0]
    assert (task.refused, task.seconds, task.trades, task.combinations) == (None, None, None, 1)
    assert (found.total.seconds, found.cheaper) == (None, ())
    json.dumps(found.to_dict(), allow_nan=False)
    own.close()


# --- cheaper, larger, and how much it finds


def test_a_cheaper_way_is_named_where_it_saves_much(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "measured", lambda _: replace(RATES, trade_ns=2_000.0))
    large = request(space=None, evidence="standard", permutations=None)
    found = Estimator(database).of_bars(edge(), large)
    changes = [one.change for one in found.cheaper]
    assert {"method": "random", "samples": 1000} in changes
    assert {"evidence": "quick"} in changes
    assert any("space" in change for change in changes)
    saved = [one.seconds.likely for one in found.cheaper if one.seconds is not None]
    assert saved == sorted(saved)
    assert found.total.seconds is not None
    assert max(saved) < found.total.seconds.likely
    assert found.to_dict()["tip"] == found.cheaper[0].sentence
    assert not Estimator(database).of_bars(edge(), request()).cheaper  # nobody needs one


def test_a_grid_that_is_too_large_is_told_the_way_out(estimator: Estimator) -> None:
    names = ("pierce_depth", "risk_reward_ratio", "atr_multiplier_sl")
    huge = {name: {"low": 1.0, "high": 3.0, "step": 0.001} for name in names[1:]} | {
        names[0]: {"low": 0.001, "high": 0.01, "step": 0.00001}
    }
    found = estimator.of_bars(edge(), request(space=huge))
    (task,) = found.tasks
    assert task.combinations == 2001 * 2001 * 901
    assert "a grid may have at most 50,000,000 combinations" in str(task.refused)
    assert found.cheaper[0].change == {"method": "random", "samples": 1000}
    assert "assay sweep --stream" in found.cheaper[0].sentence


def test_power_is_said_where_it_was_measured_and_nowhere_else() -> None:
    like = Training("LIQUIDITY_SWEEP", 18_432, 0.0015, 365.0, "5m", 199)
    found = power_of(like)
    assert [row.edge_r for row in found.rows] == [0.0, 0.1, 0.2, 0.4]
    assert found.sentence.startswith("Detects an edge of 0.2 R a trade (after costs) with 94 %")
    changes: list[dict[str, Any]] = [
        {"strategy": "SUPPLY_SHOCK"},
        {"combinations": 200},
        {"days": 100.0},
        {"timeframe": "1h"},
        {"permutations": 39},
    ]
    for change in changes:
        other = power_of(like._replace(**change))
        assert other.rows == ()
        assert other.sentence.startswith("How large an edge it can find is not known: ")
    assert power_of(like._replace(per_side=0.0)).rows != found.rows


# --- any request


def requests() -> st.SearchStrategy[TrainingRequest]:
    axis = st.one_of(
        st.lists(st.sampled_from([1.5, 2.0, 2.5, 3.0, 4.0]), min_size=1, max_size=4),
        st.just((1.5, 4.0)),
        st.just({"low": 1.5, "high": 4.0, "step": 0.5}),
        st.just({"low": 1.5, "high": 4.5, "step": 0.001}),
    )
    space = st.one_of(
        st.none(), st.dictionaries(st.sampled_from(["atr_multiplier_sl", "risk_reward_ratio"]), axis, max_size=2)
    )
    search = st.builds(
        SearchTerms,
        space=space,
        method=st.sampled_from(["auto", "grid", "random", "gp", "tpe", "cmaes"]),
        samples=st.one_of(st.none(), st.integers(1, 10**6)),
        objective=st.sampled_from(["sharpe_ratio", "net_profit", "calmar_ratio"]),
    )
    proof = st.builds(
        ProofTerms,
        evidence=st.sampled_from(["quick", "standard", "thorough"]),
        permutations=st.one_of(st.none(), st.integers(0, 10**9)),
        validation=st.sampled_from(["anchored", "rolling", "split"]),
        train_days=st.floats(0.5, 400.0),
        test_days=st.floats(5.0, 400.0),
        gap_days=st.floats(0.0, 200.0),
    )
    span = st.one_of(
        st.builds(SpanTerms),
        st.builds(SpanTerms, days=st.floats(0.01, 4000.0)),
        st.builds(SpanTerms, start=st.just("2024-02-01"), days=st.floats(0.01, 50.0)),
    )
    return st.builds(
        TrainingRequest,
        strategy=st.sampled_from(["LIQUIDITY_SWEEP"]),
        search=search,
        proof=proof,
        span=span,
        allow_bad_data=st.booleans(),
    )


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(one=requests(), offline=st.booleans(), workers=st.integers(1, 64), threads=st.integers(1, 64))
def test_any_request_has_an_estimate(
    estimator: Estimator, one: TrainingRequest, offline: bool, workers: int, threads: int
) -> None:
    unknown = Market("binance", "NEW/USDT", Timeframe.parse("1h"))
    future = Market("cme", "ES", Timeframe.parse("5m"), kind="future")
    markets = [edge().market, dirty().market, unknown, future]
    found = estimator.estimate(markets, [one], workers=workers, threads=threads, offline=offline)
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(found.tasks) == len(markets)
    assert found.tasks[-1].refused is not None
    for task in found.tasks:
        check(task)


def check(task: TaskEstimate) -> None:
    assert task.combinations >= 1
    if task.refused is not None:
        assert (task.windows, task.backtests, task.seconds, task.campaign) == (None, None, None, None)
        return
    assert task.windows is not None
    assert task.windows >= 1
    assert task.backtests is not None
    assert task.backtests >= 2 * task.combinations
    assert task.seconds is not None
    assert 0 < task.seconds.low <= task.seconds.likely <= task.seconds.high
    assert task.memory_bytes is not None
    assert task.memory_bytes > 0


def test_what_is_no_request_is_refused(estimator: Estimator) -> None:
    with pytest.raises(InputError, match="pierce_depth"):
        estimator.estimate([edge().market], [request(space={"pierce_dept": [0.1]})])
