"""What workers of a cluster do in tests with a task: as its specification says, under a real lease."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from assay.service.executors import Outcome, Reply
from assay.store import Database, queue
from assay.store import database as store_database


def acted(job: str, number: int, code: str) -> Reply:
    """Sleep, kill this process, or wait to be killed."""
    vars(queue)["LEASE_MS"] = 1_000
    vars(store_database)["RETRY_S"] = 0.2  # a task that outlives its test does not wait for its database
    if code == "other":
        return Reply(Outcome.REFUSED, "it is of another version")
    # a cluster serves several tests, each with a database of its own
    database = Database.open(Path(os.environ["DATABASE_OF_THE_TEST"]).read_text(), upgrade=False)
    store = queue.TaskQueue(database)
    task = store.claim_task(job, number, f"dask {os.getpid()}")
    if task is None:
        return Reply(Outcome.TAKEN)
    what = task.spec["do"]
    if what == "die" or (what == "die once" and task.attempts == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "wait":
        Path(task.spec["begun"]).write_text(str(os.getpid()))
        while task.attempts == 1:
            time.sleep(0.05)
    time.sleep(0.02)
    store.complete(task, {"by": os.getpid(), "number": task.number})
    database.close()
    return Reply(Outcome.DONE)


def bug(_job: str, _number: int, _code: str) -> Reply:
    raise KeyError(Path(os.environ["DATABASE_OF_THE_TEST"]).read_text())
