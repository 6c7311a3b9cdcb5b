"""`assay worker`: run the tasks of a training job; `assay train` starts as many as there are cores."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from assay.cli import options
from assay.cli.first import INTERRUPTED
from assay.cli.output import Output
from assay.errors import InputError
from assay.service.database import open_database
from assay.service.worker import Worker
from assay.store.jobs import JobStore

Job = Annotated[str, typer.Option("--job", metavar="ID", help="The training job.")]
Parent = Annotated[int | None, typer.Option("--parent", metavar="PID", help="End when this process has ended.")]
User = Annotated[str, typer.Option("--user", metavar="NAME", help="Who is written into the ledger.")]


@contextmanager
def _silent(parent: int | None) -> Iterator[None]:
    """Leave it to the command that started this worker to say that it was interrupted: Ctrl-C reaches all of them."""
    try:
        yield
    except KeyboardInterrupt:
        if parent is None:
            raise
        raise typer.Exit(INTERRUPTED) from None


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """Options of `assay worker`."""

    job: Job
    database: options.DatabaseUrl = None
    parent: Parent = None
    user: User = "local"


def worker(output: Output, given: WorkerOptions) -> None:
    """Run tasks of a training job until none is left."""
    if given.parent is not None and given.parent < 1:
        raise InputError("--parent", "must be the number of a process", given.parent)
    with _silent(given.parent), open_database(given.database) as opened:
        job = JobStore(opened).resolve(given.job)
        done = Worker(opened, job, user=given.user, parent=given.parent).run()
    if output.json:
        output.document({"job": job, "tasks": done})
