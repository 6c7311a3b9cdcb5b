"""A job that the first release left half done goes on to what the first release made of it."""

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
TRIALS = "SELECT * FROM trials ORDER BY experiment_digest"


def made(database_file: Path) -> list[dict[str, Any]]:
    """The documents of the job."""
    return [json.loads(row["config_json"]) for row in rows(database_file, STORED, JOB)]


def test_a_half_done_job_goes_on_to_the_same_documents(assay: Assay, database_file: Path) -> None:
    tasks, trials, before = (rows(database_file, TASKS, JOB), rows(database_file, TRIALS), made(database_file))
    assert {t["status"] for t in tasks} == {"completed", "running", "pending"}

    ran = assay("train", "--resume", JOB, "--threads", 1, "--database", database_file, "--json", "--quiet")
    told = ran.document
    assert ran.code == RESUMED["code"], ran.err
    assert (told["job"], told["status"], told["left_out"]) == (JOB, "completed", [])
    assert as_then(RESUMED["tasks"], told["tasks"]) == RESUMED["tasks"]

    after = made(database_file)
    assert [content(d) for d in after] == [content(d) for d in RESUMED["documents"]]
    assert {json.dumps(d) for d in before} < {json.dumps(d) for d in after}

    now = rows(database_file, TASKS, JOB)
    for task, later in zip(tasks, now, strict=True):
        if task["status"] == "completed":
            assert as_then([task], [later]) == [task]  # not even begun again
        else:
            assert later["attempts"] == task["attempts"] + 1
            assert later["lease_token"] > task["lease_token"]
    ledger = {t["experiment_digest"]: t for t in rows(database_file, TRIALS)}
    assert as_then(trials, [ledger[t["experiment_digest"]] for t in trials]) == trials
    assert ledger.keys() - {t["experiment_digest"] for t in trials} == {
        d["provenance"]["experiment_digest"] for d in after if d not in before
    }


def test_a_finished_job_stays_as_it_is(assay: Assay, database_file: Path) -> None:
    tables = ("training_jobs", "training_tasks", "trained_configurations", "trials", "holdout_openings")
    before = {name: rows(database_file, f"SELECT * FROM {name}") for name in tables}  # noqa: S608  (our own names)
    (job,) = [j for j in before["training_jobs"] if j["total_combinations"] == 4]
    ran = assay("train", "--resume", job["id"], "--threads", 1, "--database", database_file, "--json", "--quiet")
    assert ran.code == 0, ran.err
    assert [t["status"] for t in ran.document["tasks"]] == ["completed"] * 4
    assert {t["config_id"] for t in ran.document["tasks"]} == {
        c["config_id"] for c in before["trained_configurations"] if c["job_id"] == job["id"]
    }
    for name, stored in before.items():
        assert as_then(stored, rows(database_file, f"SELECT * FROM {name}")) == stored, name  # noqa: S608
