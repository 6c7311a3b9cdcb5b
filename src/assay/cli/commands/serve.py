"""`assay serve`: API and Studio, and worker processes beside them."""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.api import server
from assay.api.app import create_app
from assay.api.scopes import HostName
from assay.api.settings import LOOPBACK, Settings
from assay.cli import options
from assay.cli.first import INTERRUPTED
from assay.cli.log_options import LogOptions
from assay.cli.output import Output
from assay.cli.user_code import words
from assay.errors import InputError
from assay.lazy import lazy
from assay.service.accounts import refuse_open_server
from assay.service.beside import WorkersBeside
from assay.service.database import open_database
from assay.service.housekeeping import Housekeeper
from assay.service.log_files import LogSettings
from assay.service.logs import configured_logs
from assay.service.memory import parse_memory
from assay.service.redaction import Redactor
from assay.service.supervisor import Supervisor
from assay.store import Database
from assay.store.accounts import AccountStore
from assay.store.location import database_url, home, setting

if TYPE_CHECKING:
    from assay.studio import mount
else:  # NiceGUI, where there are pages
    mount = lazy("assay.studio.mount")

Host = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; beyond this machine it needs users.")
]
Port = Annotated[int, typer.Option("--port", metavar="N", help="0 takes one that is free.")]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="Worker processes; one core is left free by default.")
]
Memory = Annotated[
    str | None, typer.Option("--memory", metavar="SIZE", help="What each worker may use for itself: 2G, 512M.")
]
NoWorkers = Annotated[bool, typer.Option("--no-workers", help="Only the API; workers run elsewhere.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="The token of a server without users; a new one each start by default [ASSAY_TOKEN].",
    ),
]
Strategies = Annotated[
    Path | None,
    typer.Option("--strategies", metavar="DIR", help="Folder of your own strategies, which requests may name."),
]
Hosts = Annotated[str | None, typer.Option("--hosts", metavar="A,B", help="Names by which browsers reach the server.")]
TrustProxy = Annotated[
    str | None,
    typer.Option("--trust-proxy", metavar="A,B", help="Addresses of proxies whose X-Forwarded-For is believed."),
]
SecureCookies = Annotated[
    bool, typer.Option("--secure-cookies", help="Browsers reach the server by https: send cookies no other way.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no exchange for bars.")]
Requests = Annotated[
    int, typer.Option("--requests-per-minute", metavar="N", help="Of one user and of one address, at most.")
]
NoStudio = Annotated[bool, typer.Option("--no-studio", help="Only the API, for programs: no pages.")]

MAX_PORT = 65_535
MAX_REQUESTS = 1_000_000_000
ENDING = (
    f"Requests may finish, workers finish their task or give it back, in {server.DRAIN_S:.0f} s at most; "
    "Ctrl-C once more ends all at once"
)
MIN_TOKEN = 20
"""Characters of a token that an operator chose."""


@dataclass(frozen=True, kw_only=True)
class ServerOptions(LogOptions):
    """Options of every server."""

    host: Host = "127.0.0.1"
    port: Port = 8000
    workers: Workers = None
    no_workers: NoWorkers = False
    memory: Memory = None
    token_file: TokenFile = None
    strategies: Strategies = None
    hosts: Hosts = None
    trust_proxy: TrustProxy = None
    secure_cookies: SecureCookies = False
    requests_per_minute: Requests = Settings().requests_per_minute
    offline: Offline = False
    database: options.DatabaseUrl = None

    @property
    def worker_count(self) -> int:
        """How many workers run beside the server."""
        if self.no_workers:
            return 0
        if self.workers is None:
            return max(options.check_threads(None) - 1, 1)
        if not 0 <= self.workers <= options.MAX_THREADS:
            raise InputError("--workers", f"must be from 0 to {options.MAX_THREADS:,}", self.workers)
        return self.workers

    @property
    def memory_limit(self) -> int | None:
        """Bytes that each worker may use for itself."""
        return None if self.memory is None else parse_memory(self.memory)

    def check(self) -> None:
        """Refuse what cannot be served, before anything is begun."""
        if not 0 <= self.port <= MAX_PORT:
            raise InputError("--port", f"must be from 0 to {MAX_PORT:,}", self.port)
        if not 1 <= self.requests_per_minute <= MAX_REQUESTS:
            rule = f"must be from 1 to {MAX_REQUESTS:,}"
            raise InputError("--requests-per-minute", rule, self.requests_per_minute)
        if self.strategies is not None and not self.strategies.is_dir():
            raise InputError("--strategies", "must be a folder", str(self.strategies))

    def settings(self, token: str | None) -> Settings:
        """Return what the API is told."""
        return Settings(
            token=token,
            hosts=(*_host_names(self.hosts), *_own_name(self.host)),
            strategies=None if self.strategies is None else self.strategies.resolve(),
            offline=self.offline,
            requests_per_minute=self.requests_per_minute,
            secure_cookies=self.secure_cookies,
            trusted_proxies=_proxies(self.trust_proxy),
        )


@dataclass(frozen=True, kw_only=True)
class ServeOptions(ServerOptions):
    """Options of `assay serve`."""

    no_studio: NoStudio = False


def _host_names(text: str | None) -> tuple[str, ...]:
    found = [] if text is None else options.names(text, "--hosts")
    for name in found:
        if HostName.of(name) is None:
            raise InputError("--hosts", "must be names such as assay.example.org", name)
    return tuple(name.lower() for name in found)


def _own_name(host: str) -> tuple[str, ...]:
    """Return the address that is listened on as a name of the server; that of all addresses is none."""
    found = HostName.of(f"[{host}]" if ":" in host else host)
    is_wide = host in ("0.0.0.0", "::")  # noqa: S104  (compared, not bound)
    return () if found is None or is_wide or found.name in LOOPBACK else (host if ":" not in host else f"[{host}]",)


def _proxies(text: str | None) -> tuple[str, ...]:
    found = [] if text is None else options.names(text, "--trust-proxy")
    for address in found:
        try:
            ip_network(address, strict=False)
        except ValueError:
            raise InputError("--trust-proxy", "must be addresses or networks such as 10.0.0.0/8", address) from None
    return tuple(found)


@dataclass(frozen=True)
class Token:
    """The token of a server without users.

    Attributes
    ----------
    text : str or None
        None where users sign in.
    where : str
        What to say of it in public.
    file : Path or None
        Where one that was made here is kept, for this user alone.
    is_lasting : bool
        Whether the next start has the same one: who is signed in then stays so.
    """

    text: str | None = field(repr=False)
    where: str
    file: Path | None = None
    is_lasting: bool = False

    @classmethod
    def of(cls, given: Path | None, accounts: AccountStore, lasting: Path | None = None) -> "Token":
        """Return that of a file or of ASSAY_TOKEN, else that of the last start or a new one; none where users sign in.

        Parameters
        ----------
        lasting : Path, optional
            Where one is kept from start to start.
        """
        if accounts.is_open():
            return cls(None, "users sign in")
        if given is not None:
            return cls(_checked(_read(given), "--token-file"), f"its token is in {given}")
        if own := setting("ASSAY_TOKEN"):
            return cls(_checked(own, "ASSAY_TOKEN"), "its token is that of ASSAY_TOKEN")
        file = lasting or home() / f"token-{os.getpid()}"
        text = _checked(_read(file), "the token's file") if file.is_file() else secrets.token_urlsafe(32)
        return cls(text, f"its token is in {file}", file, is_lasting=lasting is not None)

    def lines(self, address: str, *, on_terminal: bool) -> list[str]:
        """Return what is said when the server answers: a token only to the person at a terminal."""
        if on_terminal and self.file is not None:
            return [f"Assay answers at {address}; Ctrl-C ends it. Its token:", str(self.text)]
        return [f"Assay answers at {address} ({self.where}); Ctrl-C ends it"]


def _checked(token: str, where: str) -> str:
    if len(token) < MIN_TOKEN or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise InputError(where, f"must hold a token of at least {MIN_TOKEN} letters, digits and signs")
    return token


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise InputError("--token-file", f"cannot be read ({error.strerror})", str(path)) from None
    except UnicodeDecodeError:
        raise InputError("--token-file", "is no text", str(path)) from None


def write_private(file: Path, text: str) -> None:
    """Write a file that this user alone can read.

    Raises
    ------
    InputError
        When its folder cannot be made, or it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(text + "\n")
    except OSError as error:
        rule = f"must be a folder in which the token can be kept ({error.strerror})"
        raise InputError("--home", rule, str(file.parent)) from None


@contextmanager
def _without_token() -> Iterator[None]:
    """Keep the token out of the environment meanwhile: worker processes inherit it, and run users' strategies."""
    kept = os.environ.pop("ASSAY_TOKEN", None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ["ASSAY_TOKEN"] = kept


def _beside(database: Database, url: str, count: int, memory: int | None, logs: LogSettings) -> WorkersBeside:
    """Start workers, whose log goes where the server's does, and look after jobs."""
    file = () if logs.file is None else ("--log-file", str(logs.file.resolve()))
    options = ("--log-level", logs.level, *file)
    supervisor = Supervisor(database, url, workers=count, memory=memory, options=options) if count else None
    beside = WorkersBeside(supervisor, Housekeeper(database))
    beside.start()
    return beside


def serve(output: Output, given: ServeOptions) -> None:
    """Run API and Studio, with worker processes beside them."""
    run_server(output, given, pages=not given.no_studio)


def run_server(
    output: Output,
    given: ServerOptions,
    *,
    pages: bool = True,
    lasting: Path | None = None,
    opened: Callable[[str, Token], None] = lambda *_: None,
) -> None:
    """Serve until a signal ends it.

    Parameters
    ----------
    pages : bool
        Whether the Studio is served too.
    lasting : Path, optional
        Where the token of a server without users is kept from start to start.
    opened : callable
        Called with the address and the token when the first request can be answered.
    """
    given.check()
    url, count, memory = given.database or database_url(), given.worker_count, given.memory_limit
    given.settings(None)
    logs = given.log_settings
    with ExitStack() as stack:
        database = stack.enter_context(open_database(url))
        accounts = AccountStore(database)
        refuse_open_server(given.host, accounts)
        token = Token.of(given.token_file, accounts, lasting)
        stack.enter_context(_without_token())
        stack.enter_context(configured_logs(logs, Redactor.of(token.text, url)))
        listener = stack.enter_context(server.listening(given.host, given.port))
        beside = stack.enter_context(ExitStack())
        if token.file is not None:
            write_private(token.file, str(token.text))
            if not token.is_lasting:
                beside.callback(token.file.unlink, missing_ok=True)
        beside.callback(_beside(database, url, count, memory, logs).stop, server.DRAIN_S)
        address = server.address_of(listener)

        def on_ready() -> None:
            for line in token.lines(address, on_terminal=words().isatty()):
                output.note(line)
            if output.json:
                output.document({"url": address, "pid": os.getpid(), "token_file": token.file})
            opened(address, token)

        def on_end() -> None:
            if words().isatty():
                output.note(ENDING)
            beside.close()

        serving = server.Serving(on_ready=on_ready, on_end=on_end)
        app = create_app(database, given.settings(token.text))
        if pages:
            mount.mount_studio(app)
        ended_well = server.serve(app, listener, serving)
    if not ended_well:
        raise typer.Exit(INTERRUPTED)
