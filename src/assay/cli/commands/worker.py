"""`assay worker`: run the tasks of training jobs; `assay train` starts as many as there are cores."""

import signal
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
from assay.service.redaction import Redactor
from assay.service.worker import Worker, end_with
from assay.store.jobs import JobStore
from assay.store.location import database_url

Job = Annotated[str | None, typer.Option("--job", metavar="ID", help="Take tasks of this job, until none is left.")]
Forever = Annotated[bool, typer.Option("--forever", help="Take tasks of all jobs, and wait for more.")]
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
    with _silent(given.parent), _logged(given), open_database(given.database) as opened:
        job = None if given.job is None else JobStore(opened).resolve(given.job)
        working = Worker(opened, job, user=given.user, id=given.id)
        if given.parent is not None:
            end_with(given.parent)
        if given.forever:
            signal.signal(signal.SIGTERM, lambda *_: working.drain())
        done = working.run()
    if output.json:
        output.document({"job": job, "tasks": done})
