"""Trainings through the API: start, watch, read, cancel, begin again; a worker does them as it does any."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from api.asgi import Client
from api.conftest import OPERATED, with_people
from assay.api.app import create_app
from assay.api.models.training import TrainingConfig
from assay.api.operation import GOODBYE
from assay.api.state import events_of
from assay.errors import GateError, StoreError, UnstorableError
from assay.service.job_log import JobLog
from assay.service.jobs import job_document
from assay.service.pulse import Pulse, TaskStopped
from assay.service.submission import MAX_NAMES
from assay.service.tasks import TrainingTask
from assay.service.training_plan import _PLAN, _TERMS
from assay.service.worker import Worker
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, Registry, campaigns
from assay.store.bars import present
from assay.store.events import EventKind, EventStore
from assay.store.jobs import JobStore, NewJob
from assay.store.queue import TaskQueue
from assay.store.schema import training_jobs
from assay.training import Progress

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from api.asgi import Answer
    from api.conftest import People

CONFIG = {
    "strategy": "LIQUIDITY_SWEEP_V3",
    "pairs": ["AAA/USDT"],
    "exchanges": ["sim"],
    "timeframes": ["15m"],
    "optimizationMethod": "random",
    "optimizationParams": {"nSamples": 20},
    "validationParams": {"trainPeriodDays": 20, "testPeriodDays": 10},
    "permutations": 3,
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> bytes:
    """A database with two small markets."""
    path = tmp_path_factory.mktemp("stored") / "markets.db"
    path.write_bytes(sqlite_template)
    database = Database.open(path, upgrade=False)
    for seed, symbol in enumerate(("AAA/USDT", "BBB/USDT")):
        bars = simulate_market(SimulatedMarket(days=70, timeframe="15m", seed=seed))
        market = replace(bars.market, exchange="sim", symbol=symbol)
        BarStore(database).write(market, present(bars), source="test", at_ms=1)
    database.close()
    return path.read_bytes()


@pytest.fixture
def database(tmp_path: Path, stored: bytes) -> Iterator[Database]:
    (tmp_path / "assay.db").write_bytes(stored)
    opened = Database.open(tmp_path / "assay.db", upgrade=False)
    yield opened
    opened.close()


@pytest.fixture
def app(database: Database) -> Any:
    return create_app(database, replace(OPERATED, offline=True))


@pytest.fixture
def trader(app: Any, client: Client) -> Client:
    return with_people(app, client).by_token("trader")


def started(trader: Client, **changes: Any) -> str:
    answer = trader("POST", "/api/training/start", CONFIG | changes)
    assert answer.status == 202, answer.body
    return str(answer.json["job_id"])


def endless(_: object, __: object, on_progress: Callable[[Progress], object], **___: object) -> None:
    while True:
        on_progress(Progress("search", 1, 2))
        time.sleep(0.005)


def sent(answer: Answer) -> list[tuple[str, int | None, Any]]:
    """Events of a stream as a browser reads them: type, id, data."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            number = int(fields["id"]) if "id" in fields else None
            found.append((fields["event"], number, json.loads(fields["data"])))
    return found


def test_a_training_from_its_start_to_its_report(trader: Client, database: Database) -> None:
    both = {"pairs": ["AAA/USDT", "BBB/USDT", "ZZZ/USDT"], "strategy": None}
    answer = trader("POST", "/api/training/start", CONFIG | both | {"strategies": ["LIQUIDITY_SWEEP", "SUPPLY_SHOCK"]})
    assert answer.status == 202
    job = answer.json["job_id"]
    assert (answer.json["status"], answer.json["total_combinations"]) == ("pending", 4)
    assert [one["market"] for one in answer.json["left_out"]] == ["ZZZ/USDT 15m on sim"]
    status = trader("GET", f"/api/training/jobs/{job}/status").json
    assert [task["market"] for task in status["tasks"]] == ["sim AAA/USDT 15m"] * 2 + ["sim BBB/USDT 15m"] * 2
    assert (status["user"], status["request"]["strategies"]) == ("trader", ["LIQUIDITY_SWEEP", "SUPPLY_SHOCK"])
    assert Worker(database, job).run() == 4
    status = trader("GET", f"/api/training/jobs/{job}/status").json
    assert (status["status"], status["completed_combinations"], status["configurations_created"]) == ("completed", 4, 4)
    results = trader("GET", f"/api/training/jobs/{job}/results?documents=true").json
    expected = job_document(JobStore(database), JobStore(database).state(job))
    assert [r["config_id"] for r in results["tasks"]] == [r["config_id"] for r in expected["tasks"]]
    for row, document, known in zip(results["tasks"], results["documents"], expected["tasks"], strict=True):
        assert document == Registry(database).get(row["config_id"]).document
        for name in ("sharpe_ratio", "net_profit", "total_trades", "p_value", "p_adjusted", "q_value"):
            assert row[name] == known[name], name
    assert len({r["p_adjusted"] is None for r in results["tasks"]}) == 1
    table = trader("GET", f"/api/training/jobs/{job}/results?format=csv").body.decode().splitlines()
    assert [line.split(",")[4] for line in table[1:]] == [r["config_id"] for r in results["tasks"]]
    events = sent(trader("GET", f"/api/training/jobs/{job}/events"))
    assert [e[2]["status"] for e in events if e[0] == "state"] == ["pending", "running", "completed"]
    assert events[-1][:2] == ("end", None)
    assert trader("GET", f"/api/training/jobs/{job}/logs").json == {"items": [], "next_cursor": None}
    worker, *_ = trader("GET", "/api/workers").json["items"]
    assert (worker["is_alive"], worker["job"]) == (False, None)


def test_more_trainings_are_made_by_a_worker(
    trader: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are the same: what was tried on the same days does not depend on who makes them."""
    made = {}
    for at_once in (8, 0):
        monkeypatch.setattr("assay.service.submission.AT_ONCE", at_once)
        job = started(trader, strategies=["LIQUIDITY_SWEEP", "SUPPLY_SHOCK"], strategy=None, seed=at_once)
        if not at_once:
            status = trader("GET", f"/api/training/jobs/{job}/status").json
            assert [task["work"] for task in status["tasks"]] == ["prepare"]
            worker = Worker(database, job)
            task = worker.queue.claim(worker.id, job=job)
            assert task is not None
            worker.work(task)
        rows = [t["spec"] for t in JobStore(database).tasks(job) if "work" not in t["spec"]]
        made[at_once] = [(r["strategy"], r["first_ms"], r["last_ms"], len(r["others"])) for r in rows]
    assert made[0] == [(*row[:3], row[3] + 2) for row in made[8]]  # the first job's two are others for the second
    assert trader("GET", f"/api/training/jobs/{job}/status").json["total_combinations"] == 3


def test_the_same_experiment_in_the_same_second_is_two_configurations(
    trader: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other things were tried between the two: what cannot be stored under its name has one of another second."""
    monkeypatch.setattr("assay.service.submission.now_ms", lambda: 1_800_000_000_000)
    jobs = [started(trader, seed=seed) for seed in (1, 2, 1)]
    assert [Worker(database, job).run() for job in jobs] == [1, 1, 1]
    first, _, second = (trader("GET", f"/api/training/jobs/{job}/results").json["tasks"][0] for job in jobs)
    assert (first["status"], second["status"]) == ("completed", "completed")
    names = [row["config_id"].split("_") for row in (first, second)]
    assert names[0][-1] == names[1][-1]
    assert int(names[1][-2]) == int(names[0][-2]) + 1


def test_a_result_that_is_refused_ends_its_task_and_no_worker(
    trader: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise GateError("nothing is stored today")

    monkeypatch.setattr("assay.service.worker.save_trained", refused)
    job = started(trader, seed=3)
    assert Worker(database, job).run() == 1
    assert [task["error"] for task in trader("GET", f"/api/training/jobs/{job}/status").json["tasks"]] == [
        "nothing is stored today"
    ]
    assert database.read(campaigns.without_result) == 0


def test_the_strategies_of_a_job_are_named_without_the_operators_folder(
    database: Database, runner: asyncio.Runner, tmp_path: Path
) -> None:
    """And as far as their column has room: PostgreSQL refuses a longer text."""
    folder = tmp_path / "a folder of the operator's"
    folder.mkdir()
    names = [f"A{n}" + "B" * 40 for n in range(3)]
    base = "from assay.strategies.liquidity_sweep import LiquiditySweep\n"
    (folder / "own.py").write_text(base + "".join(f"class {n}(LiquiditySweep):\n    name = '{n}'\n" for n in names))
    app = create_app(database, replace(OPERATED, offline=True, strategies=folder))
    trader = with_people(app, Client(app, runner)).by_token("trader")
    started(trader, strategies=names, strategy=None)
    (job,) = trader("GET", f"/api/training/jobs?strategy={names[1]}").json["items"]
    assert job["strategy_name"] == f"{names[0]},{names[1]},..."
    assert len(job["strategy_name"]) <= MAX_NAMES
    assert str(training_jobs.c.strategy_name.type) == f"VARCHAR({MAX_NAMES})"


def test_a_job_that_is_cancelled_while_its_trainings_are_made_has_tried_nothing(
    trader: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.service.submission.AT_ONCE", 0)
    job = started(trader, strategies=["LIQUIDITY_SWEEP", "SUPPLY_SHOCK"], strategy=None)
    worker = Worker(database, job)
    task = worker.queue.claim(worker.id, job=job)
    assert task is not None
    assert trader("DELETE", f"/api/training/jobs/{job}").status == 200
    worker.work(task)
    assert [one["status"] for one in JobStore(database).tasks(job)] == ["cancelled"]
    assert database.read(campaigns.without_result) == 0


def test_a_cancelled_job_stops_its_worker_and_can_be_begun_again(
    trader: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.service.pulse.TICK_S", 0.02)
    monkeypatch.setattr("assay.service.pulse.ASK_S", 0.02)
    monkeypatch.setattr("assay.service.pulse.SAY_S", 0.02)
    monkeypatch.setattr("assay.service.worker.run_task", endless)
    job = started(trader)
    worker, queue = Worker(database, job), TaskQueue(database)
    progress = queue.progress

    def then_cancel(*given: Any) -> bool:
        done = progress(*given)
        if JobStore(database).state(job).is_active:
            assert trader("DELETE", f"/api/training/jobs/{job}").status == 200
        return done

    monkeypatch.setattr(worker.queue, "progress", then_cancel)
    assert worker.run() == 1
    status = trader("GET", f"/api/training/jobs/{job}/status").json
    assert (status["status"], [task["status"] for task in status["tasks"]]) == ("cancelled", ["cancelled"])
    kinds = {event.kind for event in EventStore(database).after(job, 0)}
    assert kinds == {EventKind.STATE, EventKind.PROGRESS}
    again = trader("DELETE", f"/api/training/jobs/{job}")
    assert (again.status, again.code) == (409, "conflict")
    answer = trader("POST", f"/api/training/jobs/{job}/retry", {"maxRuntime": 60})
    assert (answer.json["status"], answer.json["max_runtime"]) == ("pending", 60)
    active = trader("POST", f"/api/training/jobs/{job}/retry")  # would take its limit away
    assert (active.status, active.code, JobStore(database).state(job).max_runtime_ms) == (409, "conflict", 60_000)
    changed = trader("POST", f"/api/training/jobs/{job}/rerun", {"permutations": 2, "pairs": ["BBB/USDT"]})
    parent, new = job, changed.json["job_id"]
    monkeypatch.undo()
    Worker(database, new).run()
    status = trader("GET", f"/api/training/jobs/{new}/status").json
    assert (status["parent_id"], status["status"], status["tasks"][0]["market"]) == (
        parent,
        "completed",
        "sim BBB/USDT 15m",
    )
    done = trader("POST", f"/api/training/jobs/{new}/retry")
    assert (done.status, done.code) == (409, "conflict")


def test_what_follows_from_a_training_ends_no_worker(
    trader: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is written then; one that cannot be written fails the task, whoever calls the worker."""

    def raises(error: Exception) -> Callable[..., None]:
        def raised(*_: object, **__: object) -> None:
            raise error

        return raised

    monkeypatch.setattr("assay.service.worker.complete_for_promoted", raises(ValueError("of a user's strategy")))
    worker = Worker(database)
    for error in (None, UnstorableError("db", "refused: a text with a zero byte")):
        job = started(trader, seed=int(error is None))
        task = worker.queue.claim(worker.id)
        assert task is not None
        if error is not None:
            monkeypatch.setattr(worker.queue, "complete", raises(error))
        worker.work(replace(task, attempts=2))  # once more, where the database refuses it for the first time
        status = trader("GET", f"/api/training/jobs/{job}/status").json
        assert status["status"] == ("completed" if error is None else "failed")


def test_a_campaign_is_left_when_its_task_is_to_stop(trader: Client, database: Database) -> None:
    """It computes what others lack, for minutes perhaps: a worker that does not hear of the end meanwhile is ended."""
    started(trader)
    worker = Worker(database)
    task = worker.queue.claim(worker.id)
    assert task is not None
    pulse = Pulse(worker.queue, worker.workers, worker.id, task, should_stop=lambda: True)
    campaign = worker._campaign(task, TrainingTask.from_spec(task.spec), JobLog(worker.events, task, pulse))
    pulse._heed(goes_on=False)
    with pytest.raises(TaskStopped), campaign.reporter.progress("what else was tried", 2) as advance:
        advance(1)


def test_an_estimate_counts_what_a_training_does_and_starts_nothing(trader: Client, database: Database) -> None:
    answer = trader(
        "POST", "/api/training/estimate", CONFIG | {"parallelWorkers": 2, "pairs": ["AAA/USDT", "ZZZ/USDT"]}
    )
    assert answer.status == 200, answer.body
    first, second = answer.json["tasks"]
    assert (first["combinations"], first["refused"]) == (20, None)
    assert "is not stored" in second["refused"]
    assert trader("GET", "/api/training/jobs").json["items"] == []
    Worker(database, started(trader)).run()
    (found,) = Registry(database).find()
    assert first["windows"] == len(found.document["validation"]["windows"])
    again = trader("POST", "/api/training/estimate", CONFIG | {"seed": 7}).json["tasks"][0]["campaign"]
    assert (again["experiments"], again["combinations"], again["is_new"]) == (1, 20, True)
    assert first["campaign"]["p_needed"] > again["p_needed"] > again["p_needed_after"]


def test_a_second_request_with_the_same_key_starts_nothing(trader: Client) -> None:
    key = [("Idempotency-Key", "form 7")]
    first, second = (trader("POST", "/api/training/start", CONFIG, headers=key).json for _ in range(2))
    assert first == second
    assert len(trader("GET", "/api/training/jobs").json["items"]) == 1
    other = trader("POST", "/api/training/start", CONFIG | {"seed": 9}, headers=key)
    again = trader("POST", f"/api/training/jobs/{first['job_id']}/rerun", headers=key)
    for answer in (other, again):
        assert (answer.status, answer.json["error"]["field"]) == (409, "Idempotency-Key")
        assert first["job_id"] in answer.json["error"]["rule"]


def test_a_job_of_which_nothing_came_says_why_wherever_it_is_looked_at(trader: Client, database: Database) -> None:
    job, why = started(trader, days=2), "windows of at least 5 test days need about"
    assert Worker(database, job).run() == 1
    (row,) = trader("GET", "/api/training/jobs?status=failed").json["items"]
    status = trader("GET", f"/api/training/jobs/{job}/status").json
    results = trader("GET", f"/api/training/jobs/{job}/results").json
    events = sent(trader("GET", f"/api/training/jobs/{job}/events"))
    told = [row["error_message"], status["error_message"], results["error_message"], events[-2][2]["message"]]
    assert len(set(told)) == 1
    assert why in told[0]
    again = trader("POST", f"/api/training/jobs/{job}/retry").json
    assert (again["status"], again["error_message"]) == ("pending", None)


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"strategy": "LIQUIDITY"}, 404, "not_found", "strategy"),
        ({"strategy": "/etc/passwd:X"}, 422, "invalid_input", "strategy"),
        ({"pairs": ["ZZZ/USDT"]}, 422, "invalid_input", "pairs"),
        ({"timeframes": ["5m"]}, 422, "invalid_input", "pairs"),
        ({"optimizationParams": {"nSamples": "many"}}, 422, "invalid_input", "optimizationParams.nSamples"),
        ({"fixed": {"pierce_dept": 1}}, 422, "invalid_parameter", "pierce_dept"),
        ({"unknown": 1}, 422, "invalid_input", "unknown"),
    ],
)
def test_what_is_wrong_is_answered_in_the_one_shape(
    trader: Client, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = trader("POST", "/api/training/start", CONFIG | changes)
    assert (answer.status, answer.code, answer.json["error"]["field"]) == (status, code, field)


def test_jobs_of_others_are_seen_and_not_changed(app: Any, client: Client) -> None:
    people = with_people(app, client)
    job = started(people.by_token("admin"))
    trader = people.by_token("trader")
    assert trader("GET", f"/api/training/jobs/{job}/status").status == 200
    for method, path in (("DELETE", ""), ("POST", "/retry")):
        assert trader(method, f"/api/training/jobs/{job}{path}").status == 403
    assert people.by_token("admin")("DELETE", f"/api/training/jobs/{job}").status == 200


def test_jobs_are_listed_to_the_end(trader: Client) -> None:
    jobs = [started(trader, seed=i) for i in range(5)]
    found, cursor = [], ""
    while cursor is not None:
        page = trader("GET", f"/api/training/jobs?limit=2{cursor and '&cursor=' + cursor}").json
        found += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(found) == sorted(jobs)
    trader("DELETE", f"/api/training/jobs/{jobs[2]}")
    page = trader("GET", "/api/training/jobs?status=cancelled&status=failed").json
    assert [job["id"] for job in page["items"]] == [jobs[2]]
    assert trader("GET", "/api/training/jobs?strategy=SUPPLY_SHOCK").json["items"] == []


def test_a_stream_that_is_taken_up_doubles_and_misses_nothing(trader: Client, database: Database) -> None:
    job, store = started(trader), EventStore(database)
    for i in range(1_200):
        store.log(job, f"line {i}")
    JobStore(database).cancel(job)
    whole = sent(trader("GET", f"/api/training/jobs/{job}/events"))
    numbers = [number for _, number, _ in whole if number is not None]
    assert len(numbers) == 1_202
    assert numbers == sorted(set(numbers))
    for last in (numbers[0], numbers[600], numbers[-2]):
        again = trader("GET", f"/api/training/jobs/{job}/events", headers=[("Last-Event-ID", str(last))])
        assert [n for _, n, _ in sent(again) if n is not None] == [n for n in numbers if n > last]
    over = trader("GET", f"/api/training/jobs/{job}/events", headers=[("Last-Event-ID", str(numbers[-1]))])
    assert (over.status, over.body) == (204, b"")
    lines, cursor = [], ""
    while cursor is not None:
        page = trader("GET", f"/api/training/jobs/{job}/logs?limit=500{cursor and '&cursor=' + cursor}").json
        lines += [line["message"] for line in page["items"]]
        cursor = page["next_cursor"]
    assert lines == [f"line {i}" for i in range(1_200)]
    store.prune(job, 100)
    assert [e[0] for e in sent(trader("GET", f"/api/training/jobs/{job}/events"))][:2] == ["pruned", "state"]
    kept = trader("GET", f"/api/training/jobs/{job}/events", headers=[("Last-Event-ID", str(numbers[-50]))])
    assert sent(kept)[0][0] == "log"


def test_a_stream_goes_over_from_the_database_to_memory(app: Any, database: Database, runner: asyncio.Runner) -> None:
    """While events come: before, during and after the reader falls behind what is in memory."""
    hub, store, job = events_of(app), EventStore(database), "job"
    new = NewJob(id=job, config={}, digest="d", strategy="S", user="me", seed=1, created_ms=10)
    JobStore(database).create(new, [{}])

    async def still() -> bool:
        return True

    async def listen() -> list[str]:
        found: list[str] = []
        stream = hub.stream(job, 0, is_over=False, pruned=False, signed_in=still)
        async for chunk in stream:
            found.append(chunk.decode())
            if len(found) % 40 == 2 and len(found) < 200:
                for _ in range(40):
                    store.log(job, "line")
            if len(found) == 200:
                JobStore(database).cancel(job)
        return found

    found = runner.run(listen())
    numbers = [int(line[4:]) for chunk in found for line in chunk.splitlines() if line.startswith("id: ")]
    assert numbers == [event.id for event in store.after(job, 0, 5_000)]
    assert hub.operation.streams == 0


@pytest.mark.parametrize("lost", ["newest", "after"])
def test_a_stream_whose_database_is_away_ends_and_is_no_bug(
    app: Any, trader: Client, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Who listens comes again: the last bytes say when."""

    job, hub = started(trader), events_of(app)
    answers = [hub.store.newest([job])] if lost == "newest" else []  # the question of the route itself is answered

    def away(*_: object) -> Any:
        if answers:
            return answers.pop()
        raise StoreError("db", "cannot be reached")

    monkeypatch.setattr(hub.store, lost, away)
    answer = trader("GET", f"/api/training/jobs/{job}/events")
    assert (answer.status, answer.body.endswith(GOODBYE)) == (200, True)
    assert hub.operation.streams == 0


def test_every_term_of_a_plan_is_in_the_body() -> None:
    assert set(TrainingConfig.model_fields) == {*_PLAN, *_TERMS}


def test_a_server_has_so_many_streams_and_no_more(database: Database, client: Client) -> None:
    app = create_app(database, replace(OPERATED, offline=True, event_limit=0))
    people: People = with_people(app, replace(client, app=app))
    job = started(people.by_token("trader"))
    answer = people.by_token("viewer")("GET", f"/api/training/jobs/{job}/events")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "5")
