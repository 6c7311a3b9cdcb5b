"""A real cluster of processes over a real PostgreSQL: workers that die, tasks that kill, versions that differ."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from assay.errors import AssayError, GateError, InputError
from assay.service import cluster_task
from assay.service.cluster_task import code_name, run_task
from assay.service.dask_executor import DaskExecutor
from assay.service.executors import Outcome, Reply
from assay.service.reporter import Silent
from assay.store import Database
from assay.store.jobs import JobStore, NewJob
from assay.store.schema import JobStatus
from assay.store.workers import WorkerStore
from service import dask_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

distributed: Any = import_module("distributed")  # its functions have no types


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File with the address of the test's database: the environment of a process stands when it is started."""
    return tmp_path_factory.mktemp("cluster") / "address"


@pytest.fixture(scope="module")
def cluster(address: Path) -> Iterator[Any]:
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            env={"DATABASE_OF_THE_TEST": str(address)},
        ) as started,
    ):
        yield started


@pytest.fixture
def database(postgresql_url: str, address: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    address.write_text(postgresql_url)
    for name, value in {
        "service.dask_executor.LEASE_MS": 1_000,
        "service.housekeeping.EVERY_S": 0.2,
        "store.queue_terms.MAX_ATTEMPTS": 2,
        "store.reaping.MAX_ATTEMPTS": 2,
    }.items():
        monkeypatch.setattr(f"assay.{name}", value)
    opened = Database.open(postgresql_url)
    yield opened
    opened.close()


def make(database: Database, *specs: dict[str, Any]) -> str:
    new = NewJob(id=str(uuid4()), config={}, digest="d", strategy="S", user="u", seed=0, created_ms=1)
    return JobStore(database).create(new, specs)


def executor(cluster: Any, task: Any = dask_tasks.acted) -> DaskExecutor:
    return DaskExecutor(cluster.scheduler_address, task, poll_s=0.1)


def test_a_worker_is_killed_in_the_middle_and_a_task_kills_every_worker(
    cluster: Any, database: Database, tmp_path: Path
) -> None:
    """Every task has one result, the poison is given up, the cluster lives, and the address is in no message."""
    begun = tmp_path / "begun"
    specs = [{"do": "sleep"}] * 10 + [{"do": "wait", "begun": str(begun)}, {"do": "die"}] + [{"do": "sleep"}] * 4
    job, heard = make(database, *specs), Notes()

    def kill() -> None:
        while not begun.exists() or not begun.read_text():
            time.sleep(0.02)
        os.kill(int(begun.read_text()), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    state = executor(cluster).run(heard, database, job, user="u")
    assert state.status == JobStatus.COMPLETED
    assert state.counts == {JobStatus.COMPLETED: 15, JobStatus.FAILED: 1}
    rows = JobStore(database).tasks(job)
    assert [row["number"] for row in rows if row["status"] == JobStatus.FAILED] == [11]
    assert "the worker died 2 times" in rows[11]["error_message"]
    assert all(row["result"]["number"] == row["number"] for row in rows if row["status"] == JobStatus.COMPLETED)
    assert rows[10]["attempts"] == 2
    assert len([note for note in heard.notes if "is gone" in note]) >= 3
    assert "postgresql" not in "".join(heard.notes)


def test_a_cancelled_job_ends(cluster: Any, database: Database) -> None:
    job = make(database, *[{"do": "sleep"}] * 400)
    done: list[Any] = []
    running = threading.Thread(target=lambda: done.append(executor(cluster).run(Silent(), database, job, user="u")))
    running.start()
    while JobStore(database).state(job).over < 3:
        time.sleep(0.02)
    JobStore(database).cancel(job)
    running.join(timeout=10)
    (state,) = done
    assert state.status == JobStatus.CANCELLED
    assert state.over < 400


def test_a_worker_that_cannot_is_given_nothing_and_nothing_secret_is_said(
    cluster: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version, a bug whose text holds the address, a cluster of threads: each in a sentence."""
    job, heard = make(database, {"do": "sleep"}), Notes()
    with monkeypatch.context() as patch:
        patch.setattr("assay.service.dask_executor.code_name", lambda: "other")
        with pytest.raises(AssayError, match=r"no worker of tcp.* can be used: it is of another version"):
            executor(cluster).run(heard, database, job, user="u")
    with pytest.raises(AssayError, match=r"Dask could not run the task there .KeyError."):
        executor(cluster, dask_tasks.bug).run(heard, database, job, user="u")
    assert "postgresql" not in "".join(heard.notes)
    assert JobStore(database).state(job).counts == {JobStatus.PENDING: 1}
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            protocol="tcp",
        ) as threads,
        pytest.raises(AssayError, match="2 threads: start it with --nthreads 1"),
    ):
        executor(threads).run(heard, database, job, user="u")
    assert executor(cluster).run(heard, database, job, user="u").status == JobStatus.COMPLETED


def test_what_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--address: must be tcp"):
        DaskExecutor("127.0.0.1:8786")
    with pytest.raises(InputError, match="needs PostgreSQL"):
        DaskExecutor("tcp://127.0.0.1:1").run(Silent(), Database.open(tmp_path / "a.db"), "x", user="u")


def test_a_job_of_newer_code_is_refused(database: Database) -> None:
    new = NewJob(id="j", config={}, digest="d", strategy="S", user="u", seed=0, created_ms=1, made_by="99 procedure 99")
    JobStore(database).create(new, [{"do": "sleep"}])
    with pytest.raises(GateError, match="which is newer than"):
        DaskExecutor("tcp://127.0.0.1:1").run(Silent(), database, "j", user="u")


def test_no_scheduler(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.service.dask_executor.CONNECT_S", 0.3)
    job = make(database, {"do": "sleep"})
    with pytest.raises(InputError, match="no Dask scheduler answers there"):
        DaskExecutor("tcp://127.0.0.1:1").run(Silent(), database, job, user="u")


def test_a_process_of_a_cluster_refuses_what_it_must_not_do(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other code, no server, another database, a database that is away: none of it says an address."""
    job = str(uuid4())
    assert run_task(job, 0, "0.0.1 (abc)").outcome == Outcome.REFUSED
    monkeypatch.chdir(tmp_path)
    for url in (None, str(tmp_path / "a.db"), "sqlite:///a.db"):
        monkeypatch.setenv("ASSAY_DATABASE_URL", url) if url else monkeypatch.delenv("ASSAY_DATABASE_URL")
        assert run_task(job, 0, code_name()).reason.startswith("its environment names no PostgreSQL")
    monkeypatch.setenv("ASSAY_DATABASE_URL", postgresql_url)
    assert "has no such job" in run_task(job, 0, code_name()).reason
    opened = Database.open(postgresql_url)
    market = {"exchange": "e", "symbol": "A/B", "timeframe": "5m", "first_ms": 1, "last_ms": 2}
    job = make(opened, {**market, "strategy": "S", "experiment": {"data_digest": "d"}})
    assert run_task(job, 0, code_name()) == Reply(Outcome.DONE)
    assert "procedure" in JobStore(opened).tasks(job)[0]["error_message"]
    assert run_task(job, 0, code_name()) == Reply(Outcome.TAKEN)
    assert len(WorkerStore(opened).page(9, alive=True)) == 1  # as any worker is seen
    opened.close()
    monkeypatch.setattr("assay.store.database.RETRY_S", 0.1)
    monkeypatch.setenv("ASSAY_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/away")
    reply = run_task(job, 0, code_name())
    assert reply.outcome == Outcome.TROUBLE
    assert "secret" not in reply.reason
    assert "127.0.0.1" not in reply.reason
    cluster_task._worker(postgresql_url).bars.database.close()
    cluster_task._worker.cache_clear()
