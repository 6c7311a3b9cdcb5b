"""`assay worker`: run the tasks of a training job; `assay train` starts as many as there are cores."""

from typing import Annotated

import typer

from assay.cli import options
from assay.cli.output import Output

Job = Annotated[str, typer.Option("--job", metavar="ID", help="The training job.")]
Parent = Annotated[int | None, typer.Option("--parent", metavar="PID", help="End when this process has ended.")]
User = Annotated[str, typer.Option("--user", metavar="NAME", help="Who is written into the ledger.")]


def worker(
    output: Output, job: Job, database: options.DatabaseUrl = None, parent: Parent = None, user: User = "local"
) -> None:
    """Run tasks of a training job until none is left."""
    from assay.service.worker import Worker  # noqa: PLC0415  (commands import when they run)

    with options.open_database(database) as opened:
        done = Worker(opened, job, user=user, parent=parent).run()
    if output.json:
        output.document({"job": job, "tasks": done})
