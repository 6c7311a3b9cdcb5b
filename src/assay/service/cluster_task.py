"""A task that a process of a cluster does for a command elsewhere: what is called there, and what it answers."""

from __future__ import annotations

import os
from functools import cache

from assay._version import __version__
from assay.compiled import result_digest
from assay.errors import AssayError, StoreError
from assay.service.executors import Outcome, Reply
from assay.service.identity import host_name
from assay.service.versions import CODE_VERSION
from assay.service.worker import Worker
from assay.store import Database
from assay.store.location import setting
from assay.store.workers import WorkerRow


@cache
def code_name() -> str:
    """Return the version of the code and the digest of all that a result can depend on."""
    return f"{__version__} ({result_digest()})"


def run_task(job: str, number: int, code: str) -> Reply:
    """Do one task on behalf of a command elsewhere; called in a process of a cluster.

    The database is the one that this process's own ASSAY_DATABASE_URL names: an address with a password is in no
    message and in no log of the cluster.

    Parameters
    ----------
    code : str
        `code_name` of the command: a process with other code would give another result under the same name.
    """
    if code != code_name():
        return Reply(Outcome.REFUSED, f"it runs Assay {code_name()}, the command {code}: install the same version")
    url = setting("ASSAY_DATABASE_URL")
    if url is None or not url.startswith("postgres"):
        return Reply(Outcome.REFUSED, "its environment names no PostgreSQL: set ASSAY_DATABASE_URL where it starts")
    try:
        worker = _worker(url)
        task = worker.queue.claim_task(job, number, worker.id)
        if task is None and not worker.jobs.states([job]):
            return Reply(Outcome.REFUSED, "its database has no such job: its ASSAY_DATABASE_URL names another one")
        if task is None:
            return Reply(Outcome.TAKEN)
        worker.work(task)
        return Reply(Outcome.DONE)
    except StoreError:  # its sentence names the database
        return Reply(Outcome.TROUBLE, "it cannot use its database: `assay database status` there says why")
    except AssayError as error:
        return Reply(Outcome.TROUBLE, str(error))
    except Exception as error:  # noqa: BLE001  (its text may hold anything, and a cluster writes it into its logs)
        return Reply(Outcome.TROUBLE, f"a {type(error).__name__}, which is a bug in Assay")


@cache
def _worker(url: str) -> Worker:
    """Return the one worker of this process, announced in its database: it does many tasks."""
    worker = Worker(Database.open(url, upgrade=False))
    row = WorkerRow(id=worker.id, host=host_name(), process=os.getpid(), version=CODE_VERSION)
    worker.workers.announce(row)
    return worker
