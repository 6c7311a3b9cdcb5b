"""A task that a process of a cluster does for a command elsewhere: what is called there, and what it answers."""

from __future__ import annotations

from functools import cache

from assay._version import __version__
from assay.compiled import result_digest
from assay.errors import AssayError, NotFoundError, StoreError
from assay.service.executors import Outcome, Reply
from assay.service.worker import Worker
from assay.store import Database
from assay.store.database import now_ms
from assay.store.jobs import JobStore
from assay.store.location import setting


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
        return Reply(Outcome.DONE if _OneTask(_opened(url), job).run_one(number) else Outcome.TAKEN)
    except NotFoundError:
        return Reply(Outcome.REFUSED, "its database has no such job: its ASSAY_DATABASE_URL names another one")
    except StoreError:  # its sentence names the database
        return Reply(Outcome.TROUBLE, "it cannot use its database: `assay database status` there says why")
    except AssayError as error:
        return Reply(Outcome.TROUBLE, str(error))
    except Exception as error:  # noqa: BLE001  (its text may hold anything, and a cluster writes it into its logs)
        return Reply(Outcome.TROUBLE, f"a {type(error).__name__}, which is a bug in Assay")


class _OneTask(Worker):
    """A worker for a single task."""

    def __init__(self, database: Database, job: str) -> None:
        super().__init__(database, job, user="local")

    def run_one(self, number: int) -> bool:
        task = JobStore(self.bars.database).claim(self.job, self.owner, now_ms())
        if task is None:
            return False
        with self._kept(task):
            self._work(task)
        return True


@cache
def _opened(url: str) -> Database:
    """Return the one connection of this process to its database: it does many tasks."""
    return Database.open(url, upgrade=False)
