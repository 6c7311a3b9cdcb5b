"""What agents are told and what is refused them, by the official client in this process."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from documentation import agents
from mcp import Client

from assay.agents import server as server_module
from assay.agents.inputs import Training, TrainingChanges
from assay.agents.instructions import INSTRUCTIONS
from assay.agents.server import TOOLS, AgentServer
from assay.agents.tools import markets
from assay.api import errors as api_errors
from assay.errors import StoreError
from assay.service import tasks
from assay.service.error_facts import CODES
from assay.service.training_plan import _PLAN, _TERMS
from assay.service.worker import Worker
from assay.store import schema

if TYPE_CHECKING:
    from agents.conftest import Agent, Twice


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
