"""What agents are told and what is refused them, by the official client in this process.

Nothing that a tool says depends on the bars of a holdout: two databases that differ in those alone answer alike.
"""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa
from documentation import agents
from mcp import Client

from agents.conftest import Agent, Twice, twice_trained
from assay.agents import server as server_module
from assay.agents.inputs import Training, TrainingChanges
from assay.agents.instructions import INSTRUCTIONS
from assay.agents.server import TOOLS, AgentServer
from assay.agents.tools import markets
from assay.api import errors as api_errors
from assay.errors import StoreError
from assay.service import calibration, tasks
from assay.service.error_facts import CODES
from assay.service.training_plan import _PLAN, _TERMS
from assay.service.worker import Worker
from assay.store import Registry, schema
from service.test_estimate import RATES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.market import Bars


def tries(agent: Agent, config_id: str) -> dict[str, Any]:
    found: dict[str, Any] = agent("verdict", config_id=config_id)["tries"]
    return found


def test_a_client_learns_what_there_is_and_how_to_use_it(agent: Agent) -> None:
    async def ask() -> tuple[str | None, list[Any]]:
        async with Client(AgentServer(agent.state)) as client:
            return client.instructions, (await client.list_tools()).tools

    instructions, tools = asyncio.run(ask())
    assert instructions == INSTRUCTIONS
    assert [tool.name for tool in tools] == [spec.name for spec in TOOLS]
    for tool, spec in zip(tools, TOOLS, strict=True):
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema["properties"]["summary"]["description"]
        assert tool.annotations.read_only_hint is not spec.changes
        for name, one in tool.input_schema["properties"].items():
            said = str(one)
            assert "description" in said or "examples" in said or "$ref" in said or "default" in said, (tool.name, name)
    for name in (spec.name for spec in TOOLS if spec.name not in ("retrain", "cancel_training", "list_trainings")):
        assert name in INSTRUCTIONS or name in ("funnel", "compare_configurations")


def test_answers_about_trainings_carry_p_adjusted_and_the_number_of_tries(agent: Agent, twice: Twice) -> None:
    first, second = twice.configurations
    answers = {
        "verdict": agent("verdict", config_id=first),
        "funnel": agent("funnel", config_id=first),
        "training_status": agent("training_status", job=twice.jobs[0])["tasks"][0],
        "training_results": agent("training_results", job=twice.jobs[0])["results"][0],
        "compare_configurations": agent("compare_configurations", config_ids=[first, second])["configurations"][0],
    }
    assert {name: (one["tries"]["tries"], one["tries"]["combinations"]) for name, one in answers.items()} == (
        dict.fromkeys(answers, (2, 6))
    )
    assert len({one["tries"]["p_adjusted"] for one in answers.values()}) == 1
    assert answers["verdict"]["tries"]["p_adjusted"] == pytest.approx(1 / 40)
    assert tries(agent, second)["p_adjusted"] is None
    assert "nothing is promoted" in tries(agent, second)["meaning"]
    for spec in TOOLS:
        assert ("Tries" in str(spec.made().output_schema)) == (spec.name in answers or spec.changes), spec.name


def test_a_try_that_is_begun_counts_and_one_that_is_not_does_not(agent: Agent, twice: Twice) -> None:
    first = twice.configurations[0]
    job = agent("retrain", job=twice.jobs[0], changes={"seed": 7})["job"]
    waiting = agent("training_status", job=job, wait_s=0)
    assert (waiting["status"], waiting["tasks"][0]["tries"]["tries"], tries(agent, first)["tries"]) == ("pending", 3, 3)
    assert "no worker is running" in waiting["summary"]
    assert agent("cancel_training", job=job)["status"] == "cancelled"
    assert tries(agent, first)["tries"] == 2, "it was never begun"
    assert agent("training_status", job=job)["tasks"][0]["tries"]["tries"] == 2
    error = agent.error("cancel_training", job=twice.jobs[0])
    assert (error["code"], error["field"]) == ("conflict", "job")
    assert "belongs to somebody" in error["message"]
    listed = agent("list_trainings", status="cancelled")["trainings"]
    assert [(one["job"], one["repeats"], one["user"]) for one in listed] == [(job, twice.jobs[0], "me")]


def test_a_training_that_was_begun_and_fails_stays_a_try(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    job = agent("start_training", training=agents.TRAINING | {"seed": 8}, key="once")["job"]
    assert agent("start_training", training=agents.TRAINING | {"seed": 8}, key="once")["job"] == job
    monkeypatch.setattr(tasks, "run_training", fail)
    Worker(agent.state.database, job).run()
    status = agent("training_status", job=job, wait_s=300)
    assert (status["status"], status["tasks"][0]["tries"]["tries"]) == ("failed", 3)
    assert "needed more memory" in status["tasks"][0]["error"]
    assert status["tasks"][0]["error"] in status["summary"]
    assert agent("training_results", job=job)["results"][0]["tries"]["p_adjusted"] is None


def test_waiting_ends_with_the_training_and_says_how_far_it_is(agent: Agent, twice: Twice) -> None:
    job = agent("retrain", job=twice.jobs[0], changes={"seed": 9, "permutations": 0})["job"]
    seen: list[tuple[float, str | None]] = []

    async def on_progress(done: float, _: float | None, message: str | None) -> None:
        if not seen:
            threading.Thread(target=Worker(agent.state.database, job).run).start()
        seen.append((done, message))

    answer = agent.call("training_status", job=job, wait_s=60, on_progress=on_progress)
    assert (answer.structured_content or {})["status"] == "completed"
    assert [one for one, _ in seen] == sorted(one for one, _ in seen)
    assert "0 of 1 task done" in str(seen[0][1])


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "field"),
    [
        ("list_market", {}, "not_found", "tool"),
        ("list_markets", {"exchnge": "sim"}, "invalid_input", "exchnge"),
        ("verdict", {}, "invalid_input", "config_id"),
        ("verdict", {"config_id": "x\n"}, "invalid_input", "config_id"),
        ("verdict", {"config_id": "nothing"}, "not_found", "configuration"),
        ("training_status", {"job": "nothing"}, "not_found", "job"),
        ("training_status", {"job": "x", "wait_s": 301}, "invalid_input", "wait_s"),
        ("training_status", {"job": "x", "wait_s": "nan"}, "invalid_input", "wait_s"),
        ("compare_configurations", {"config_ids": ["x"]}, "invalid_input", "config_ids"),
        ("market_quality", {"exchange": "sim", "symbol": "EDGE", "timeframe": "5m"}, "invalid_input", "symbol"),
        ("describe_strategy", {"strategy": "../x.py:Y"}, "invalid_input", "strategy"),
        ("describe_strategy", {"strategy": "SUPPLY"}, "not_found", "strategy"),
        ("start_training", {"training": {"strategy": "SUPPLY_SHOCK"}}, "invalid_input", "training.pairs"),
        ("start_training", {"training": agents.TRAINING | {"sed": 1}}, "invalid_input", "training.sed"),
        ("start_training", {"training": agents.TRAINING | {"exchanges": ["simm"]}}, "invalid_input", "pairs"),
        ("start_training", {"training": agents.TRAINING | {"evidence": "much"}}, "invalid_input", "evidence"),
        ("retrain", {"job": "nothing", "changes": {}}, "not_found", "job"),
        ("campaign", agents.MARKET | {"days": -1}, "invalid_input", "days"),
        ("list_trainings", {"limit": 0}, "invalid_input", "limit"),
    ],
)
def test_what_is_wrong_is_said_in_one_shape(
    agent: Agent, tool: str, arguments: dict[str, Any], code: str, field: str
) -> None:
    error = agent.error(tool, **arguments)
    assert (error["code"], error["field"]) == (code, field)
    assert "Traceback" not in error["message"]
    assert agent("list_trainings")["trainings"].__len__() == 2, "nothing was begun"


def test_bugs_and_databases_that_are_away_tell_nothing(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(error: Exception) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(markets, "listed", fail)

    raises(StoreError("/home/me/secret.db", "cannot be read"))
    error = agent.error("list_strategies")
    assert (error["code"], "secret" in str(error)) == ("database_unavailable", False)
    raises(ZeroDivisionError("secret"))
    error = agent.error("list_strategies")
    assert (error["code"], error["field"], "secret" in str(error)) == ("internal_error", "incident", False)
    assert error["value"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_codes_are_those_of_the_http_api() -> None:
    assert tuple((kind, code) for kind, _, code in api_errors.TABLE) == CODES


def test_terms_of_a_training_are_those_of_a_plan() -> None:
    assert set(TrainingChanges.model_fields) == set(Training.model_fields) == {*_PLAN, *_TERMS}


def test_only_trainings_count_and_they_are_all_that_writes(agent: Agent, twice: Twice) -> None:
    """Every tool that neither starts nor ends a training leaves each table of the database as it was."""
    arguments: dict[str, dict[str, Any]] = {
        "describe_strategy": {"strategy": "LIQUIDITY_SWEEP"},
        "compare_configurations": {"config_ids": list(twice.configurations)},
        **{name: dict(agents.MARKET) for name in ("campaign", "market_quality")},
        **{name: {"job": twice.jobs[0]} for name in ("training_status", "training_results")},
        **{name: {"config_id": twice.configurations[0]} for name in ("verdict", "funnel")},
    }

    def content() -> dict[str, Any]:
        return agent.state.database.read(
            lambda c: {t.name: c.execute(sa.select(sa.func.count()).select_from(t)).scalar() for t in tables}
        )

    tables, reading = schema.metadata.sorted_tables, [spec for spec in TOOLS if not spec.changes]
    before = content()
    for spec in reading:
        if spec.name != "estimate_training":  # it may keep how fast this machine is
            agent(spec.name, **arguments.get(spec.name, {}))
    assert content() == before
    assert {spec.name for spec in TOOLS if spec.counts} == {"start_training", "retrain"}
    assert server_module.TOOLS is TOOLS


# --- the holdout

DIGESTS = ("experiment_digest", "ledger_head")
"""Fields of a comparison that are hashes in which all bars are: they tell that bars are others, and nothing of them."""

MOMENTS = ("discovery_date",)
"""Fields of a comparison that say when a training was made."""


def answers(agent: Agent, twice: Twice) -> dict[str, Any]:
    """What every tool says, with ids and times of the two databases made alike."""
    first, second = twice.configurations
    found: dict[str, Any] = {}
    for name, arguments in (
        ("list_markets", {}),
        ("market_quality", agents.MARKET),
        ("list_strategies", {}),
        ("describe_strategy", {"strategy": "LIQUIDITY_SWEEP"}),
        ("campaign", agents.MARKET),
        ("estimate_training", {"training": agents.TRAINING}),
        ("list_trainings", {}),
        ("training_status", {"job": twice.jobs[0]}),
        ("training_results", {"job": twice.jobs[0]}),
        ("verdict", {"config_id": first}),
        ("funnel", {"config_id": first}),
        ("compare_configurations", {"config_ids": [first, second]}),
        ("retrain", {"job": twice.jobs[0], "changes": {"seed": 5}}),
        ("start_training", {"training": agents.TRAINING | {"seed": 6}}),
    ):
        found[name] = agent(name, **arguments)
    found["cancel_training"] = agent("cancel_training", job=found["start_training"]["job"])
    text = json.dumps(found)
    made = (*twice.jobs, found["retrain"]["job"], found["start_training"]["job"], *twice.configurations)
    for i, one in enumerate(made):
        text = text.replace(one, f"id {i}")
    alike: dict[str, Any] = _without_times(json.loads(text))
    return alike


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in ("created", "ended", "at")}
    if isinstance(value, list):
        return [
            _without_times(one)
            for one in value
            if not (isinstance(one, dict) and one.get("field") in (*DIGESTS, *MOMENTS))
        ]
    return value


def with_another_holdout(bars: Bars, begin: int) -> Bars:
    """The same bars before a moment; other prices, volumes and dead bars from there on."""
    rng, later = np.random.default_rng(1), np.arange(len(bars)) >= begin
    factor = np.where(later, np.exp(rng.normal(0.0, 0.01, len(bars)).cumsum()), 1.0)
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    volume = np.where(later, np.roll(bars.volume, 7) * (np.arange(len(bars)) % 10 > 0), bars.volume)
    return replace(bars, **prices, volume=volume)


def test_no_tool_tells_anything_of_the_holdout(
    tmp_path: Path,
    twice: Twice,
    bars: Bars,
    sqlite_template: bytes,
    opened: Callable[[bytes], Agent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "measured", lambda _: RATES)
    one = opened(twice.content)
    sealed = Registry(one.state.database).get(twice.configurations[0]).typed.raw["validation"]["holdout"]
    assert sealed["opened"] is False
    begin = int(np.searchsorted(bars.time, np.datetime64(sealed["from"][:-1], "ms").astype(np.int64)))
    assert 0.75 < begin / len(bars) < 0.85
    other_bars = with_another_holdout(bars, begin)
    other_twice = twice_trained(tmp_path, sqlite_template, other_bars)
    other = opened(other_twice.content)
    assert other_bars.digest != bars.digest
    here, there = answers(one, twice), answers(other, other_twice)
    assert set(here) == {spec.name for spec in TOOLS}, "every tool is asked"
    for name, answer in here.items():
        assert there[name] == answer, name
    # and the two would be told apart by a tool that looked at all bars
    monkeypatch.setattr(markets, "shown_until", lambda *_: 2**62)
    assert one("market_quality", **agents.MARKET)["before"] != other("market_quality", **agents.MARKET)["before"]
