"""Health, readiness, measures, the request's line, and how a server ends."""

from __future__ import annotations

import http.client
import io
import json
import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from fastapi.responses import StreamingResponse
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from assay.api import metrics as measures
from assay.api import readiness
from assay.api.app import create_app
from assay.api.operation import GOODBYE, InTime
from assay.api.server import Serving, address_of, listening, serve
from assay.api.settings import Settings
from assay.api.state import state_of
from assay.errors import InputError
from assay.service.log_files import LogSettings
from assay.service.logs import configured_logs
from assay.service.redaction import Redactor
from assay.store import Database, schema
from assay.store.database import now_ms
from assay.store.schema import JOB_STATES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fastapi import FastAPI

OURS = "a-token-of-this-test-alone"
AUTHORIZED = {"Authorization": f"Bearer {OURS}"}


def worker(database: Database, *, seen_s_ago: float = 0.0, **more: Any) -> None:
    at = now_ms() - round(1000 * seen_s_ago)
    row = {"id": os.urandom(8).hex(), "host": "h", "process": 1, "version": "1", "started_at": at, "seen_at": at} | more
    database.write(lambda c: c.execute(sa.insert(schema.workers).values(row)))


def job(database: Database, status: str, tasks: list[tuple[str, int]]) -> str:
    """A job with tasks of these states and attempts."""
    name = os.urandom(8).hex()
    made = {
        "id": name, "user_id": "me", "strategy_name": "S", "status": status, "config": {}, "digest": "d", "seed": 1,
        "total_combinations": 1, "created_at": now_ms() - 60_000,
    }  # fmt: skip
    rows = [
        {"job_id": name, "number": i, "spec": {}, "status": s, "attempts": a, "progress": {"stage": "search"}}
        for i, (s, a) in enumerate(tasks)
    ]
    events = [{"job_id": name, "at": 1, "kind": "log", "body": {}} for _ in range(3)]

    def work(c: sa.Connection) -> None:
        c.execute(sa.insert(schema.training_jobs).values(made))
        c.execute(sa.insert(schema.training_tasks), rows)
        c.execute(sa.insert(schema.training_events), events)

    database.write(work)
    return name


@pytest.fixture
def database(sqlite: Database) -> Database:
    return sqlite


@pytest.fixture
def app(database: Database) -> FastAPI:
    return create_app(database, Settings(token=OURS))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


def measured(client: TestClient) -> dict[tuple[str, ...], float]:
    answer = client.get("/api/metrics", headers=AUTHORIZED)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == measures.CONTENT_TYPE
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_health_asks_no_database(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "_run", lambda *_, **__: pytest.fail("asked"))
    answer = client.get("/api/health")
    assert (answer.status_code, answer.json()["status"], answer.headers["cache-control"]) == (200, "ok", "no-store")


def lacking(client: TestClient) -> str | None:
    answer = client.get("/api/ready")
    if answer.status_code == 200:
        assert answer.json() == {"status": "ready"}
        return None
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "not_ready")
    assert error["message"]
    assert error["hint"] or error["field"] == "server"
    return str(error["field"])


def test_ready_says_what_is_lacking(app: FastAPI, database: Database, client: TestClient) -> None:
    assert lacking(client) == "workers"
    worker(database, seen_s_ago=31)
    worker(database, ended_at=now_ms())
    assert lacking(client) == "workers"
    worker(database, seen_s_ago=29)
    assert lacking(client) is None
    state_of(app).operation.end()
    assert lacking(client) == "server"


def test_ready_knows_older_and_newer_tables_and_a_database_that_is_gone(client: TestClient, database: Database) -> None:
    worker(database)
    version = sa.text("UPDATE alembic_version SET version_num = :v")
    for other in ("0005", "9999"):
        database.write(lambda c, v=other: c.execute(version, {"v": v}))  # type: ignore[misc]
        assert lacking(client) == "schema"
    database.write(lambda c: c.execute(sa.text("DROP TABLE alembic_version")))
    assert lacking(client) == "schema"
    database.write(lambda c: c.execute(sa.text("DROP TABLE workers")))
    assert lacking(client) == "schema"


def test_a_database_that_does_not_answer_is_waited_for_so_long_and_by_one_thread(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of readiness and of measures: neither hangs, and nobody piles up threads."""
    over, asked = threading.Event(), []
    monkeypatch.setattr(readiness, "ANSWER_S", 0.05)
    monkeypatch.setattr(measures, "ANSWER_S", 0.05)

    def hang(*_: object, **__: object) -> None:
        asked.append(threading.current_thread().name)
        over.wait(30)

    monkeypatch.setattr(Database, "read", hang)
    try:
        assert [lacking(client) for _ in range(3)] == ["database"] * 3
        assert measured(client)["assay_database_up",] == 0
        assert sorted(asked) == ["assay-metrics", "assay-readiness"]
    finally:
        over.set()


def test_a_question_is_asked_again_and_its_error_is_everybodys() -> None:
    answers = iter([1, 2])
    question = InTime(lambda: next(answers), "x")
    assert (question.answer(5), question.answer(5)) == (1, 2)
    with pytest.raises(StopIteration):
        question.answer(5)


def test_measures_equal_the_database(
    app: FastAPI, database: Database, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "CACHE_S", 0.0)
    before = measured(client)
    assert (before["assay_database_up",], before["assay_events_total",]) == (1, 0)
    job(database, "pending", [("pending", 0), ("completed", 1), ("completed", 3)])
    running = job(database, "running", [("running", 2), ("failed", 3)])
    worker(database, job_id=running, task=0)
    worker(database, seen_s_ago=40)
    with state_of(app).operation.stream():
        found = measured(client)
    for table, name in ((schema.training_jobs, "assay_jobs"), (schema.training_tasks, "assay_tasks")):
        query = sa.select(table.c.status, sa.func.count()).group_by(table.c.status)
        with database.engine.connect() as connection:
            counted = {str(status): int(number) for status, number in connection.execute(query)}
        assert {s: found[name, s] for s in JOB_STATES} == {s: counted.get(s, 0) for s in JOB_STATES}
    assert (found["assay_tasks_completed_total",], found["assay_tasks_failed_total",]) == (2, 1)
    assert found["assay_leases_lost_total",] == 2 + 1 + 2
    assert found["assay_events_total",] == 6
    assert (found["assay_workers_alive",], found["assay_event_streams_open",]) == (1, 1)
    assert 59 < found["assay_oldest_pending_job_seconds",] < 70
    first = found["assay_stage_seconds_total", "search"]
    time.sleep(0.05)
    again = measured(client)
    assert again["assay_event_streams_open",] == 0
    assert 0.05 <= again["assay_stage_seconds_total", "search"] - first < 5


def test_the_database_is_read_once_in_two_seconds(client: TestClient, database: Database) -> None:
    assert measured(client)["assay_jobs", "pending"] == 0
    job(database, "pending", [("pending", 0)])
    assert measured(client)["assay_jobs", "pending"] == 0


def test_requests_are_measured_and_logged_by_route(app: FastAPI, client: TestClient) -> None:
    """By the template of the route: what a client invents is neither a label nor in the log."""

    @app.get("/api/jobs/{job}/parts/{part:path}")
    def part(job: str, part: str) -> str:
        raise RuntimeError(f"{job} {part}")

    stream = io.StringIO()
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # the test's own client
    with configured_logs(LogSettings(), Redactor(), stream):
        assert client.get("/api/jobs/17/parts/a/b?token=invented", headers=AUTHORIZED).status_code == 500
        assert client.get("/api/openapi.json", headers=AUTHORIZED).status_code == 200
        client.get("/api/invented/by/me?x=invented", headers=AUTHORIZED)
        client.request("INVENTED", "/api/x")
        client.get("/api/health")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    said = [line for line in lines if line["event"] == "request"]
    assert [(one["route"], one["status"], one["level"]) for one in said[:3]] == [
        ("/api/jobs/{job}/parts/{part}", 500, "warning"),
        ("/api/openapi.json", 200, "info"),
        ("unmatched", 404, "info"),
    ]
    assert said[3]["method"] == "other"
    assert len(said) == 4, "what monitors poll is said at the level debug"
    (incident,) = [line for line in lines if line["event"].startswith("incident")]
    assert "RuntimeError: 17 a/b" in incident["exception"]
    assert incident["request"] == said[0]["request"]
    assert "invented" not in stream.getvalue().replace("/api/invented", "")
    found = measured(client)
    labels = ("GET", "/api/jobs/{job}/parts/{part}")
    assert found["assay_http_requests_total", *labels, "500"] == 1
    assert found["assay_http_request_seconds_count", *labels] == 1
    assert found["assay_http_requests_total", "GET", "/api/health", "200"] == 1
    assert "invented" not in str(found)


def test_addresses_that_cannot_be_served_are_refused() -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"--port: is in use by another program, got {port}.*--port 0"):
            listening("127.0.0.1", port)
        assert address_of(taken) == f"http://127.0.0.1:{port}"
    for host in ("192.0.2.1", "no-such-name.invalid", "x" * 300, "a..b"):
        with pytest.raises(InputError, match=r"--host: .*of this machine"):
            listening(host, 0)


class Client(threading.Thread):
    """Asks a server, and remembers what came and when."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(daemon=True)
        self.port, self.path = port, path
        self.first, self.body, self.status, self.failure = threading.Event(), b"", 0, ""
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", self.path, headers=AUTHORIZED)
            with connection.getresponse() as answer:
                self.status = answer.status
                while part := answer.read1(1_000):
                    self.body += part
                    self.first.set()
        except OSError as error:
            self.failure = type(error).__name__
        finally:
            connection.close()
            self.first.set()


def with_slow_routes(app: FastAPI, over: threading.Event) -> threading.Event:
    begun = threading.Event()

    @app.get("/api/slow")
    def slow(seconds: float) -> str:
        begun.set()
        over.wait(seconds)
        return "done"

    @app.get("/api/stream")
    def stream() -> StreamingResponse:
        async def events() -> AsyncIterator[bytes]:
            operation = state_of(app).operation
            with operation.stream():
                yield b"id: 1\ndata: {}\n\n"
                while not await operation.ends_within(10):
                    yield b": still here\n\n"
                yield GOODBYE

        return StreamingResponse(events(), media_type="text/event-stream")

    return begun


def end_when(begun: list[threading.Event], signals: int, gap_s: float = 0.3) -> None:
    def end() -> None:
        for event in begun:
            event.wait(10)
        for _ in range(signals):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(gap_s)

    threading.Thread(target=end, daemon=True).start()


@pytest.mark.usefixtures("quiet_uvicorn")
def test_sigterm_lets_requests_finish_and_streams_end_with_a_hint(app: FastAPI) -> None:
    begun, ended, listener = with_slow_routes(app, threading.Event()), [], listening("127.0.0.1", 0)
    port = listener.getsockname()[1]
    clients: list[Client] = []

    def on_ready() -> None:
        clients.extend([Client(port, "/api/slow?seconds=1"), Client(port, "/api/stream")])
        end_when([begun, clients[1].first], 1)

    def on_end() -> None:
        with suppress(OSError):  # until nothing new is accepted
            while True:
                socket.create_connection(("127.0.0.1", port), 1).close()
        ended.append(threading.current_thread().name)

    start = time.monotonic()
    assert serve(app, listener, Serving(on_ready=on_ready, on_end=on_end, drain_s=10))
    assert time.monotonic() - start < 5
    for client in clients:
        client.join(5)
    slow, stream = clients
    assert (slow.status, slow.body, slow.failure) == (200, b'"done"', "")
    assert (stream.status, stream.failure, stream.body) == (200, "", b"id: 1\ndata: {}\n\n" + GOODBYE)
    assert ended == ["assay-end"]
    assert state_of(app).operation.streams == 0


@pytest.mark.usefixtures("quiet_uvicorn")
@pytest.mark.parametrize(("signals", "code"), [(1, 0), (2, 1)], ids=["limit", "second signal"])
def test_a_request_that_does_not_end_is_given_up(app: FastAPI, signals: int, code: int) -> None:
    """At the limit, or at once where a second signal comes; the process would be ended there."""
    over, left = threading.Event(), []
    begun, listener = with_slow_routes(app, over), listening("127.0.0.1", 0)

    def leave(with_code: int) -> None:
        left.append(with_code)
        over.set()

    def on_ready() -> None:
        Client(listener.getsockname()[1], "/api/slow?seconds=20")
        end_when([begun], signals)

    start = time.monotonic()
    drain_s = 1 if signals == 1 else 30
    assert serve(app, listener, Serving(on_ready=on_ready, drain_s=drain_s, leave=leave)) is (signals == 1)
    assert left == [code]
    assert time.monotonic() - start < 5


@pytest.mark.usefixtures("quiet_uvicorn")
def test_headers_that_do_not_end_end_their_connection(app: FastAPI) -> None:
    """Also trailers behind a body; a body itself may be longer, and comes in parts of any length."""
    listener = listening("127.0.0.1", 0)
    port, answers = listener.getsockname()[1], dict[str, bytes]()
    first = b"POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunked = first + b"Transfer-Encoding: chunked\r\n\r\n"
    sent = {
        "header": first + b"X: " + b"a" * 2**20,
        "address": b"GET /" + b"a" * 2**20,
        "trailer": chunked + b"2\r\n{}\r\n0\r\nX: " + b"a" * 2**20,
        "body": chunked + b"1\r\n \r\n" * 50_000 + b"2\r\n{}\r\n0\r\nX: y\r\n\r\n",
    }

    def ask() -> None:
        for name, data in sent.items():
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                try:
                    client.sendall(data)
                    answers[name] = client.recv(64)[9:12]
                except ConnectionError:  # what was not read any more takes the answer with it
                    answers[name] = b"431"
        os.kill(os.getpid(), signal.SIGTERM)

    assert serve(app, listener, Serving(on_ready=threading.Thread(target=ask, daemon=True).start, drain_s=10))
    assert answers.pop("body") == b"422"
    assert answers.keys() == sent.keys() - {"body"}
    assert set(answers.values()) <= {b"431", b""}  # behind a body that is being answered there is nothing to say


@pytest.fixture
def quiet_uvicorn() -> Iterator[None]:
    logger = logging.getLogger("uvicorn.error")
    before, logger.level = logger.level, logging.CRITICAL
    yield
    logger.level = before
