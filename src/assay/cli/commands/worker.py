"""`assay worker`: run the tasks of training jobs; `assay train` starts as many as there are cores."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from assay.cli import options
from assay.cli.first import INTERRUPTED
from assay.cli.log_options import LogOptions
from assay.cli.output import Output
from assay.errors import InputError
from assay.service.database import open_database
from assay.service.logs import configured_logs
from assay.service.memory import limit_memory, parse_memory
from assay.service.redaction import Redactor
from assay.service.supervisor import Supervisor
from assay.service.worker import Worker, end_with
from assay.store import Database
from assay.store.jobs import JobStore
from assay.store.location import database_url

POLL_S = 0.5
GRACE_S = 20.0
"""After which workers that are to end are ended by force; what they do is begun again elsewhere."""

Job = Annotated[str | None, typer.Option("--job", metavar="ID", help="Take tasks of this job, until none is left.")]
Forever = Annotated[bool, typer.Option("--forever", help="Take tasks of all jobs, and wait for more.")]
Processes = Annotated[
    int, typer.Option("--processes", metavar="N", help="With --forever: so many workers, each a process of its own.")
]
Memory = Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="What each may use for itself: 2G, 512M.")]
Parent = Annotated[int | None, typer.Option("--parent", metavar="PID", help="End when this process has ended.")]
User = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="Who is written into the ledger; else whose job it is.")
]
Id = Annotated[str | None, typer.Option("--id", metavar="UUID", help="What others call this start of the worker.")]


@contextmanager
def _silent(parent: int | None) -> Iterator[None]:
    """Leave it to the command that started this worker to say that it was interrupted: Ctrl-C reaches all of them."""
    try:
        yield
    except KeyboardInterrupt:
        if parent is None:
            raise
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _logged(given: "WorkerOptions") -> Iterator[None]:
    """Write the log of a worker that runs for ever; one of a single job leaves the words to the command."""
    if not given.forever:
        yield
        return
    with configured_logs(given.log_settings, Redactor.of(given.database or database_url())):
        yield


@dataclass(frozen=True, kw_only=True)
class WorkerOptions(LogOptions):
    """Options of `assay worker`."""

    job: Job = None
    forever: Forever = False
    processes: Processes = 1
    memory: Memory = None
    database: options.DatabaseUrl = None
    parent: Parent = None
    user: User = None
    id: Id = None


def worker(output: Output, given: WorkerOptions) -> None:
    """Run tasks of training jobs."""
    if (given.job is None) != given.forever:
        raise InputError("--job or --forever", "exactly one of them says what to work on")
    if given.parent is not None and given.parent < 1:
        raise InputError("--parent", "must be the number of a process", given.parent)
    if not 1 <= given.processes <= options.MAX_THREADS:
        raise InputError("--processes", f"must be from 1 to {options.MAX_THREADS:,}", given.processes)
    memory = None if given.memory is None else parse_memory(given.memory)
    with _silent(given.parent), _logged(given), open_database(given.database) as opened:
        if given.processes > 1:
            _several(given, opened, memory)
            return
        job = None if given.job is None else JobStore(opened).resolve(given.job)
        if memory is not None:
            limit_memory(memory)
        working = Worker(opened, job, user=given.user, id=given.id, memory_limit=memory)
        if given.parent is not None:
            end_with(given.parent)
        if given.forever:
            signal.signal(signal.SIGTERM, lambda *_: working.drain())
        done = working.run()
    if output.json:
        output.document({"job": job, "tasks": done})


def _several(given: WorkerOptions, database: Database, memory: int | None) -> None:
    """Keep several workers running until this process is to end."""
    if not given.forever or given.id is not None:
        raise InputError("--processes", "is for --forever, and each process has an id of its own", given.processes)
    user = () if given.user is None else ("--user", given.user)
    file = () if given.log_file is None else ("--log-file", str(given.log_file.resolve()))
    url = given.database or database_url()
    workers = Supervisor(
        database, url, workers=given.processes, memory=memory, options=("--log-level", given.log_level, *user, *file)
    )
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))
    try:
        workers.start()
        while not ending:
            workers.poll()
            time.sleep(POLL_S)
    finally:
        workers.stop(GRACE_S)
