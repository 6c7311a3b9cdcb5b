"""`assay mcp`: tools for agents over the Model Context Protocol, and worker processes beside them."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli import options
from assay.cli.log_options import LogOptions
from assay.cli.output import Output
from assay.cli.user_code import results
from assay.errors import AssayError, InputError
from assay.lazy import lazy
from assay.service.beside import WorkersBeside
from assay.service.database import open_database
from assay.service.logs import configured_logs
from assay.service.redaction import Redactor
from assay.service.supervisor import Supervisor
from assay.store.location import database_url

if TYPE_CHECKING:
    from assay.agents import server, state, stdio
else:  # they import the package mcp, which only the extra `agents` brings
    server, state, stdio = (lazy(f"assay.agents.{name}") for name in ("server", "state", "stdio"))

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", help="Worker processes; one core is left free by default, 0 where they run elsewhere."
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no exchange for bars.")]
Strategies = Annotated[
    Path | None,
    typer.Option("--strategies", metavar="DIR", help="Folder of your own strategies, which a training may name."),
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="Who is written into the ledger; the user of this system by default."),
]

MAX_USER = 50
GRACE_S = 1.0
"""A client waits two seconds for the server to end; what workers hold is given back before."""


@dataclass(frozen=True, kw_only=True)
class McpOptions(LogOptions):
    """Options of `assay mcp`."""

    workers: Workers = None
    offline: Offline = False
    strategies: Strategies = None
    user: User = None
    database: options.DatabaseUrl = None

    @property
    def worker_count(self) -> int:
        """How many workers run beside the server."""
        if self.workers is None:
            return max(options.check_threads(None) - 1, 1)
        if not 0 <= self.workers <= options.MAX_THREADS:
            raise InputError("--workers", f"must be from 0 to {options.MAX_THREADS:,}", self.workers)
        return self.workers

    @property
    def user_name(self) -> str:
        """Who is written into the ledger."""
        name = getpass.getuser() if self.user is None else self.user.strip()
        if not (0 < len(name) <= MAX_USER and name.isprintable()):
            raise InputError("--user", f"must be a name of at most {MAX_USER} characters", self.user)
        return name

    @property
    def worker_options(self) -> tuple[str, ...]:
        """What workers are told: their log goes where the server's does."""
        file = () if self.log_file is None else ("--log-file", str(self.log_file.resolve()))
        return ("--log-level", self.log_level.lower(), *file)

    def folder(self) -> Path | None:
        """Where users' strategies are."""
        if self.strategies is not None and not self.strategies.is_dir():
            raise InputError("--strategies", "must be a folder", str(self.strategies))
        return None if self.strategies is None else self.strategies.resolve()


@contextmanager
def _with_package() -> Iterator[None]:
    """Say what is lacking where the extra `agents` was not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"mcp", "mcp_types"}:
            raise
        raise AssayError("assay mcp needs the package mcp: pip install 'assay[agents]'") from None


def mcp(_: Output, given: McpOptions) -> None:
    """Let agents train and read what is found (MCP, stdio).

    A program that speaks the Model Context Protocol starts this command by itself; nothing is printed for people.
    """
    count, user, folder = given.worker_count, given.user_name, given.folder()
    url = given.database or database_url()
    with ExitStack() as stack:
        database = stack.enter_context(open_database(url))
        stack.enter_context(configured_logs(given.log_settings, Redactor.of(url)))
        with _with_package():
            serving = server.AgentServer(state.AgentState(database, user, given.offline, folder))
        if count:
            workers = WorkersBeside(Supervisor(database, url, workers=count, options=given.worker_options))
            workers.start()
            stack.callback(workers.stop, GRACE_S)
        stdio.serve_streams(serving, sys.stdin, results())
