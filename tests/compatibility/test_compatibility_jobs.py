"""A job that the first release left half done is refused by the second procedure; what it had done stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from compatibility.conftest import HERE, as_then, content, rows

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay

RESUMED = json.loads((HERE / "resumed.json").read_text())
JOB = RESUMED["job"]
TASKS = "SELECT * FROM training_tasks WHERE job_id = ? ORDER BY number"
STORED = "SELECT config_json FROM trained_configurations WHERE job_id = ? ORDER BY config_id"
STORES = ("training_jobs", "training_tasks", "trained_configurations", "trials", "holdout_openings")


def made(database_file: Path) -> list[dict[str, Any]]:
    """The documents of the job."""
    return [json.loads(row["config_json"]) for row in rows(database_file, STORED, JOB)]


def test_a_half_done_job_of_the_earlier_procedure_does_not_go_on(assay: Assay, database_file: Path) -> None:
    before = {name: rows(database_file, f"SELECT * FROM {name}") for name in STORES}  # noqa: S608  (our own names)
    tasks = rows(database_file, TASKS, JOB)
    assert {t["status"] for t in tasks} == {"completed", "running", "pending"}

    ran = assay("train", "--resume", JOB, "--threads", 1, "--database", database_file, "--json", "--quiet")
    assert ran.code == 3, ran.out + ran.err
    assert ran.document["error"]["type"] == "GateError"
    assert ran.err == (
        "assay: this job was made by the earlier procedure (1, now 3) and cannot go on: "
        "what is done stays, start a new job for the rest\n"
    )
    for name, stored in before.items():
        assert as_then(stored, rows(database_file, f"SELECT * FROM {name}")) == stored, name  # noqa: S608


def test_a_worker_trains_no_task_of_the_earlier_procedure(assay: Assay, database_file: Path) -> None:
    """A worker may be started by hand, past the command that refuses the whole job."""
    before, tasks = made(database_file), rows(database_file, TASKS, JOB)
    assay("worker", "--job", JOB, "--database", database_file, "--quiet")
    assert made(database_file) == before
    for task, later in zip(tasks, rows(database_file, TASKS, JOB), strict=True):
        if task["status"] == "completed":
            assert as_then([task], [later]) == [task]
        elif task["status"] == "pending":
            assert later["status"] == "failed"
            assert "was made by the earlier procedure (1, now 3)" in later["error_message"]


def test_what_the_half_done_job_had_done_is_shown_and_exported(
    assay: Assay, database_file: Path, tmp_path: Path
) -> None:
    done = [d for d in RESUMED["documents"] if d["configId"] in {m["configId"] for m in made(database_file)}]
    assert len(done) == 2
    for document in done:
        out = tmp_path / f"{document['configId']}.json"
        ran = assay("configurations", "export", document["configId"], "--out", out, "--database", database_file)
        assert ran.code == 0, ran.err
        assert content(json.loads(out.read_text())) == content(document)


def test_a_finished_job_stays_as_it_is(assay: Assay, database_file: Path) -> None:
    before = {name: rows(database_file, f"SELECT * FROM {name}") for name in STORES}  # noqa: S608  (our own names)
    (job,) = [j for j in before["training_jobs"] if j["total_combinations"] == 4]
    ran = assay("train", "--resume", job["id"], "--threads", 1, "--database", database_file, "--json", "--quiet")
    assert ran.code == 0, ran.err
    assert [t["status"] for t in ran.document["tasks"]] == ["completed"] * 4
    assert {t["config_id"] for t in ran.document["tasks"]} == {
        c["config_id"] for c in before["trained_configurations"] if c["job_id"] == job["id"]
    }
    for name, stored in before.items():
        assert as_then(stored, rows(database_file, f"SELECT * FROM {name}")) == stored, name  # noqa: S608
