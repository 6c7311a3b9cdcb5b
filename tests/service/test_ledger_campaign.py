"""What else was tried on the same days: under whatever name, in whatever order, and by whom it is computed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa

from assay import load_configuration
from assay.documents.configuration import lowered
from assay.documents.rebuild import verify
from assay.engine import Costs, Execution
from assay.engine.execution import ExecutionTerms
from assay.errors import GateError, QualityError
from assay.market import Bars, Timeframe
from assay.market.resampling import resample
from assay.search import parse_space
from assay.service.campaign import Beginning, begin_campaign, begin_job
from assay.service.jobs import job_document
from assay.service.ledger import declaration_of
from assay.service.reporter import Silent
from assay.service.request import ProofTerms, SearchTerms, TrainingRequest
from assay.service.submission import make_job
from assay.service.training import train_and_store
from assay.service.worker import Worker
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, Registry, campaigns, schema
from assay.store.bars import present
from assay.store.campaign_check import CampaignCheck, check_campaign
from assay.store.chain import append
from assay.store.jobs import JobStore
from assay.store.ledger import Ledger
from assay.store.schema import DeclarationKind
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment
from assay.validation import SplitPlan, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FREE = Execution(costs=Costs(fee=0.0, slippage=0.0))
SPACE = {"atr_multiplier_sl": [2.0, 3.0], "risk_reward_ratio": [3.0, 4.0]}
B = 39


@cache
def edge() -> Bars:
    return simulate_market(SimulatedMarket(days=150, timeframe="5m", seed=2, edge_r=0.9, round_trip=0.0))


def experiment(space: dict[str, Any] | None = None, **fields: Any) -> Experiment:
    strategy = LiquiditySweep()
    usual: dict[str, Any] = {"execution": FREE, "permutations": B, "plan": SplitPlan(train_days=40, test_days=20)}
    return Experiment(strategy, parse_space(space or SPACE, strategy.parameters), **(usual | fields))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "assay.db")
    yield opened
    opened.close()


def campaign_of(database: Database, bars: Bars, **fields: Any) -> dict[str, Any]:
    trained, _ = train_and_store(experiment(**fields), bars, database, Silent())
    found: dict[str, Any] = trained.document["evidence"]["campaign"]
    return found


def renamed(bars: Bars, exchange: str, symbol: str) -> Bars:
    return replace(bars, market=replace(bars.market, exchange=exchange, symbol=symbol))


def test_alone_p_stays_and_a_copy_under_another_name_moves_it_by_next_to_nothing(database: Database) -> None:
    first = campaign_of(database, edge())
    assert (first["experiments"], first["unknown"], first["p_adjusted"]) == (0, 0, 1 / 40)
    assert first["ledger"] == Ledger(database).identity()
    copy = campaign_of(database, renamed(edge(), "kraken", "COPY/USD"), seed=7)
    assert (copy["experiments"], copy["unknown"]) == (1, 0)
    assert copy["p_adjusted"] - first["p_adjusted"] < 0.005
    _, tried = train_and_store(experiment(), edge(), database, Silent())
    assert tried.experiments == 2  # whatever the files and exchanges are called


def test_other_timeframes_and_spans_of_the_same_bars_are_tries_on_the_same_days(database: Database) -> None:
    hourly = resample(edge(), Timeframe.parse("1h"))
    for bars, fields in (
        (renamed(hourly, "other", "ELSE/USDT"), {}),
        (edge(), {"start_ms": int(edge().time[288 * 20])}),
        (edge().tail(288 * 30), {}),
    ):
        campaign_of(database, bars, permutations=0, **fields)
    other = simulate_market(SimulatedMarket(days=150, timeframe="5m", seed=77))
    campaign_of(database, other, permutations=0)
    found = campaign_of(database, edge())
    assert found["experiments"] == 3
    assert found["members"] == sorted(found["members"])
    assert found["unknown"] == 0  # their bars are parts of these, or made of them
    away = simulate_market(SimulatedMarket(days=170, timeframe="5m", seed=2, edge_r=0.9, round_trip=0.0))
    campaign_of(database, away, permutations=0)  # its bars are not at hand later, so it is completed at once
    again = campaign_of(database, edge(), seed=9)
    assert (again["experiments"], again["unknown"]) == (5, 0)


def test_what_can_be_repeated_is_completed_to_the_permutations_that_are_asked(database: Database) -> None:
    for ratio in (2.0, 2.5):
        campaign_of(database, edge(), space={"risk_reward_ratio": [ratio]}, permutations=0)
    found = campaign_of(database, edge())
    assert (found["experiments"], found["unknown"]) == (2, 0)
    digests = [entry["experiment_digest"] for entry in Ledger(database).entries()]
    known = database.read(lambda c: campaigns.tried_experiments(c, digests))
    assert [len(one.maxima) for one in known] == [B, B, B]
    # what was completed is what its own training would have found
    own = Database.open(f"{database.name}.own")
    trained, _ = train_and_store(experiment({"risk_reward_ratio": [2.0]}), edge(), own, Silent())
    test = trained.evidence.tests.permutation
    same = [one for one in known if np.array_equal(one.maxima[: len(test.maxima)], test.maxima)]
    assert len(same) == 1
    assert same[0].statistic == test.statistic
    own.close()


def unknown_tries(database: Database, n: int) -> None:
    """Searches of the first release: neither days nor null statistics, known by symbol and span alone."""
    bars, market = edge(), edge().market
    with database.engine.begin() as c:
        for i in range(n):
            row = {
                "experiment_digest": f"{i:064x}", "data_digest": "d", "exchange": market.exchange,
                "symbol": market.symbol, "timeframe": "1h", "start_ms": int(bars.time[0]),
                "stop_ms": bars.moment(len(bars)), "strategy": "OLD", "method": "grid", "objective": "sharpe_ratio",
                "combinations": 10, "distribution": {}, "user_id": "me", "at": 1,
            }  # fmt: skip
            append(c, schema.trials, row)


def test_what_is_unknown_costs_in_full_and_the_document_says_how_many(database: Database) -> None:
    unknown_tries(database, 2)
    found = campaign_of(database, edge())
    assert (found["experiments"], found["unknown"]) == (2, 2)
    assert found["p_adjusted"] == pytest.approx(1 - (1 - 1 / 40) ** 3)
    assert found["needed_permutations"] == 58  # 1 - (1 - 1/59)^3 is below .05
    (stored,) = Registry(database).find()
    assert stored.status == "PAPER"
    why = stored.typed.lifecycle.why_not_promoted
    assert why.startswith("p with all that was tried on these days of at most 0.05: 0.07")
    assert "2 other experiments were made on these days" in why
    assert "--permutations 58" in why


def test_who_goes_on_trying_loses_what_was_promoted(database: Database) -> None:
    trained, _ = train_and_store(experiment(), edge(), database, Silent())
    config, registry = trained.document["configId"], Registry(database)
    assert registry.get(config).status == "VALIDATION"
    registry.activate(config, at_ms=1)
    market = edge().market
    live = load_configuration("LIQUIDITY_SWEEP", market.symbol, database=database, reload_s=0.0)
    assert live.active
    # a further try that can be repeated is completed at once, and costs what it is worth
    _, tried = train_and_store(experiment({"pierce_depth": [0.003]}), edge(), database, Silent())
    assert tried.experiments == 2
    standing = registry.standing(config)
    assert (standing.unknown, standing.stage) == (0, "VALIDATION")
    assert live.active
    assert live["lifecycle"]["current_stage"] == "VALIDATION"
    unknown_tries(database, 3)
    standing = registry.standing(config)
    assert (standing.experiments, standing.unknown, standing.stage) == (4, 3, "PAPER")
    assert standing.p_adjusted >= 1 - (1 - 1 / 40) ** 4 - 1e-12
    live.refresh()
    assert not live.active
    assert "no longer trusted" in str(live.fault)
    assert registry.get(config).document == trained.document  # what was stored stays as it was
    registry.deactivate(config, at_ms=2)
    with pytest.raises(GateError, match=r"4 other experiments have been made on its days by now \(3 of them cannot"):
        registry.activate(config, at_ms=3)


def test_a_mature_configuration_is_lowered_before_it_is_refuted(database: Database) -> None:
    trained, _ = train_and_store(experiment(), edge(), database, Silent())
    shown = lowered(trained.document, Stage.DISCOVERY, "more was tried")
    assert shown["lifecycle"]["size_factor"] == 0.25
    assert shown["circuit_breakers"]["max_position_size_pct"] == 2.0
    assert shown["parameters"] == trained.document["parameters"]


def test_a_refused_training_is_no_try_and_a_broken_off_one_is(database: Database) -> None:
    bars = simulate_market(SimulatedMarket(days=100, timeframe="5m", seed=4, dirty=True))
    with pytest.raises(QualityError):
        train_and_store(experiment(), bars, database, Silent())
    days = declaration_of(experiment(), bars, DeclarationKind.STARTED).days
    assert database.read(lambda c: campaigns.members(c, days)) == []
    begin_campaign(database, experiment({"risk_reward_ratio": [9.0]}), edge())  # and then the process is killed
    found = campaign_of(database, edge())
    assert (found["experiments"], found["unknown"]) == (1, 1)
    tried = Ledger(database).tried(declaration_of(experiment(), edge(), DeclarationKind.STARTED).days)
    assert tried.experiments == found["experiments"] + 1  # the number in every sentence: with its own
    assert database.read(campaigns.without_result) == 1


def test_a_declaration_stands_in_the_document(database: Database) -> None:
    entry = declaration_of(experiment(), edge(), DeclarationKind.DECLARED, "sweeps of the daily low")
    database.write(lambda c: campaigns.declare(c, entry, user="me", at_ms=1_700_000_000_000))
    found = campaign_of(database, edge())
    assert (found["declared"], found["declared_at"]) == ("sweeps of the daily low", "2023-11-14T22:13:20Z")
    assert found["experiments"] == 0  # to mean to try is not to try


def test_nothing_rewrites_null_statistics(database: Database) -> None:
    trained, _ = train_and_store(experiment(), edge(), database, Silent())
    digest = trained.evidence.provenance.experiment_digest
    for statement in ("UPDATE trial_nulls SET statistic = 9", "DELETE FROM trial_nulls"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), database.engine.begin() as c:
            c.execute(sa.text(statement))
    with database.engine.begin() as c:
        again = "SELECT experiment_digest, first, 9.0, maxima, at FROM trial_nulls"
        c.execute(sa.text(f"INSERT OR REPLACE INTO trial_nulls {again}"))
    (known,) = database.read(lambda c: campaigns.tried_experiments(c, [digest]))
    assert known.statistic == trained.evidence.tests.permutation.statistic


def test_verify_takes_the_campaign_from_the_ledger_again(database: Database) -> None:
    campaign_of(database, edge(), space={"risk_reward_ratio": [2.0]}, permutations=0)
    trained, _ = train_and_store(experiment(), edge(), database, Silent())
    document = trained.document
    assert database.read(lambda c: check_campaign(c, document)) == CampaignCheck()
    again = verify(document, LiquiditySweep(), edge())
    assert again.equal, again.differences
    better = json.loads(json.dumps(document))
    better["evidence"]["campaign"]["p_adjusted"] = 0.001
    found = database.read(lambda c: check_campaign(c, better))
    assert not found.agrees
    assert (found.stored, found.recomputed) == (0.001, document["evidence"]["campaign"]["p_adjusted"])
    hidden = json.loads(json.dumps(document))
    hidden["evidence"]["campaign"]["members"] = ["f" * 16]  # a try that the ledger has never heard of
    assert not database.read(lambda c: check_campaign(c, hidden)).agrees
    elsewhere = Database.open(f"{database.name}.other")
    told = elsewhere.read(lambda c: check_campaign(c, document))
    assert told.agrees
    assert "another ledger" in told.note
    elsewhere.close()


# --- jobs


def request(ratios: list[float]) -> TrainingRequest:
    return TrainingRequest(
        strategy="LIQUIDITY_SWEEP",
        search=SearchTerms(space={"atr_multiplier_sl": [2.0, 3.0], "risk_reward_ratio": ratios}),
        proof=ProofTerms(permutations=B, train_days=40, test_days=20),
        execution=ExecutionTerms(fee=0.0, slippage=0.0),
    )


def job_documents(path: Path, *, turned: bool) -> dict[str, dict[str, Any]]:
    """Run a job of two tasks on the same days in some order; return what does not depend on the moment."""
    database = Database.open(path)
    bars = renamed(edge(), "binance", "EDGE/USDT")
    BarStore(database).write(bars.market, present(bars), source="test", at_ms=1, covered=bars.span_ms)
    requests = [request([3.0, 4.0]), request([2.0])]
    job, left = make_job(Silent(), database, [bars.market], requests[::-1] if turned else requests, user="me")
    assert not left
    jobs = JobStore(database)
    Worker(database, job, user="me").run()
    shown = job_document(jobs, jobs.state(job))
    assert [task["status"] for task in shown["tasks"]] == ["completed"] * 2
    assert [one["experiments"] for one in shown["tried"]] == [2]
    found = {}
    for stored in Registry(database).find():
        document = json.loads(json.dumps(stored.document))
        for name in ("configId", "createdAt"):
            document.pop(name)
        document["provenance"].pop("document_digest")
        document["evidence"]["campaign"].pop("ledger")
        found[stored.typed.provenance.experiment_digest] = document  # type: ignore[union-attr]
    database.close()
    return found


def test_the_tasks_of_a_job_count_each_other_in_whatever_their_order(tmp_path: Path) -> None:
    first, second = (job_documents(tmp_path / f"{turned}.db", turned=turned) for turned in (False, True))
    assert first == second
    campaign = [document["evidence"]["campaign"] for document in first.values()]
    assert [one["experiments"] for one in campaign] == [1, 1]
    promoted = [one for one in campaign if one["p_adjusted"] is not None]
    assert promoted
    assert all(one["unknown"] == 0 for one in promoted)


def test_experiments_that_begin_together_have_the_campaigns_that_they_would_have_alone(database: Database) -> None:
    """And the ledger is not locked while they are compared: what is left then is to look it up."""
    bars, other = edge(), simulate_market(SimulatedMarket(days=150, timeframe="5m", seed=3))
    part = bars.between(0, len(bars) // 2)
    entries = [
        declaration_of(experiment(objective=name), on, DeclarationKind.STARTED)
        for on in (bars, other, part)
        for name in ("sharpe_ratio", "net_profit")
    ]
    begin_job(database, entries[:1], user="me")
    beginning = Beginning.of(database, [*entries, None])
    compared = len(beginning.same.known)
    found = database.write(lambda c: beginning.begin(c, user="me"))
    assert len(beginning.same.known) == compared
    alone = database.read(lambda c: [campaigns.members(c, one.days) for one in entries])
    digests = [one.experiment_digest for one in entries]
    assert found == [*([d for d in a if d != own] for a, own in zip(alone, digests, strict=True)), []]
    same = {frozenset(digests[i] for i in group) for group in ((0, 1, 4, 5), (2, 3))}
    assert {frozenset(a) for a in alone} == same
