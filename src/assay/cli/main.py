"""`assay`: the commands, the options that all of them share, and the exit codes.

A command is one module in `assay.cli.commands` and one line in `COMMANDS`; commands that belong together, such as
``assay data import`` and ``assay data list``, are one line in `GROUPS`. Each is a function of an `Output` and a frozen
dataclass of its own options; ``--json``, ``--quiet`` and ``--home`` are added here. A command's module is imported when
the command is used: ``assay --help`` starts at once, and imports stand at the top of every module.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from assay import __version__
from assay.cli import shells
from assay.cli.failures import USAGE
from assay.cli.failures import report as report_failure
from assay.cli.interrupts import interruptible
from assay.cli.lazy_group import Entry, LazyGroup, Planned, PlannedGroup, lazy_group, option_parameters
from assay.cli.output import Output
from assay.cli.shared import LAST, Home, Json, Quiet
from assay.cli.terminal import unfailing_streams
from assay.cli.user_code import results, set_apart
from assay.cli.values import check_values, refuse_blank
from assay.errors import InputError

MAX_WIDTH = 120
"""Columns of the help on a terminal that has them."""

Table = dict[str, tuple[str, str]]
"""Commands by name: where the function is, ``module:function``, and the line of the help."""

COMMANDS: Table = {
    "demo": ("assay.cli.commands.demo:demo", "Train on three simulated markets: edge, no edge, bad data."),
    "train": (
        "assay.cli.commands.train:train",
        "Search parameters, then test whether what is found is luck.",
    ),
    "backtest": ("assay.cli.commands.backtest:backtest", "Replay one set of parameters and measure it."),
    "sweep": ("assay.cli.commands.sweep:sweep", "Backtest every combination of a grid."),
    "funnel": (
        "assay.cli.commands.funnel:funnel",
        "Show which condition of a strategy costs most signals.",
    ),
    "quality": (
        "assay.cli.commands.quality:quality",
        "Count what is wrong with files of bars.",
    ),
    "report": (
        "assay.cli.commands.report:report",
        "Write a configuration as one HTML page with charts.",
    ),
    "strategies": (
        "assay.cli.commands.strategies:strategies",
        "List strategies, or show one: parameters, rules, exits.",
    ),
    "leaks": (
        "assay.cli.commands.leaks:leaks",
        "Check a strategy for look-ahead.",
    ),
    "ledger": (
        "assay.cli.commands.ledger:ledger",
        "List every experiment ever run and every opened holdout.",
    ),
    "self-check": (
        "assay.cli.commands.self_check:self_check",
        "Recompute statistics whose values are published.",
    ),
    "studio": ("assay.cli.commands.studio:studio", "Open the Strategy Studio in the browser."),
    "serve": ("assay.cli.commands.serve:serve", "Run API and Studio, with worker processes beside them."),
    "mcp": ("assay.cli.commands.mcp:mcp", "Let agents train and read what is found (MCP, stdio)."),
    "worker": ("assay.cli.commands.worker:worker", "Run tasks of training jobs."),
}
"""Every command, in the order of the help."""

_DATA: Table = {
    "inspect": (
        "assay.cli.commands.data.inspect:inspect",
        "Show how a file is understood, and what would change that.",
    ),
    "import": (
        "assay.cli.commands.data.files:import_",
        "Store the bars of files.",
    ),
    "download": (
        "assay.cli.commands.data.download:download",
        "Fetch the bars that the database does not hold.",
    ),
    "list": (
        "assay.cli.commands.data.inventory:list_",
        "List the markets in the database.",
    ),
    "quality": (
        "assay.cli.commands.data.inventory:quality",
        "Say what is wrong with the bars of each market.",
    ),
    "export": (
        "assay.cli.commands.data.files:export",
        "Write a market's bars to a file, at any coarser timeframe.",
    ),
    "delete": (
        "assay.cli.commands.data.inventory:delete",
        "Remove the bars of markets, or of a span of them.",
    ),
}

_DATABASE: Table = {
    "status": (
        "assay.cli.commands.database:status",
        "Show where the database is and what it holds.",
    ),
    "upgrade": (
        "assay.cli.commands.database:upgrade",
        "Bring the tables up to this version.",
    ),
    "backup": (
        "assay.cli.commands.database:backup",
        "Copy everything, of a server too, into one SQLite file.",
    ),
}

_CONFIGURATIONS: Table = {
    "list": ("assay.cli.commands.configurations:list_", "List configurations, the newest first."),
    "show": (
        "assay.cli.commands.configurations:show",
        "Explain every field: value, unit and meaning.",
    ),
    "compare": (
        "assay.cli.commands.configurations:compare",
        "Show the fields in which configurations differ.",
    ),
    "trades": (
        "assay.cli.commands.configuration_runs:trades",
        "List the trades out of sample, or write them to a file.",
    ),
    "equity": (
        "assay.cli.commands.configuration_runs:equity",
        "List the daily equity out of sample, or write it to a file.",
    ),
    "activate": (
        "assay.cli.commands.configurations:activate",
        "Let trading programs load a configuration.",
    ),
    "deactivate": (
        "assay.cli.commands.configurations:deactivate",
        "Stop trading programs from loading a configuration.",
    ),
    "archive": (
        "assay.cli.commands.configurations:archive",
        "Hide a configuration from the list; --undo brings it back.",
    ),
    "export": (
        "assay.cli.commands.configurations:export",
        "Write V3 documents, or their rows as one table (--csv).",
    ),
    "verify": (
        "assay.cli.commands.configurations:verify",
        "Train again from what is stored: the same bytes must come.",
    ),
}

_USERS: Table = {
    "add": ("assay.cli.commands.users:add", "Add somebody who may use the service."),
    "list": ("assay.cli.commands.users:list_", "List users, or the tokens of one."),
    "role": ("assay.cli.commands.users:role", "Give a user another role."),
    "password": ("assay.cli.commands.users:password", "Give a user another password."),
    "disable": ("assay.cli.commands.users:disable", "Close every way in: sessions and tokens end."),
    "enable": ("assay.cli.commands.users:enable", "Let a disabled user sign in again."),
    "token": ("assay.cli.commands.users:token", "Make a token for a program; it is shown once."),
    "revoke": ("assay.cli.commands.users:revoke", "End a token now."),
}

GROUPS: dict[str, tuple[str, Table]] = {
    "data": ("Bars: import, download, list, check, export, delete.", _DATA),
    "database": ("Where everything is kept: status, upgrade, backup.", _DATABASE),
    "configurations": (
        "Results: show, compare, trades, equity, export and more.",
        _CONFIGURATIONS,
    ),
    "users": ("Who may use the service: add, list, role, disable, token.", _USERS),
}
"""Commands of two words, by their first: what the help says of the group, and its commands by their second."""

BELOW: dict[str, Table] = {
    "ledger": {
        "declare": (
            "assay.cli.commands.ledger:declare",
            "Write down an experiment before it is run.",
        ),
        "verify": (
            "assay.cli.commands.ledger:verify",
            "Check that no entry was changed or removed.",
        ),
    },
}
"""Commands below one of `COMMANDS`, which does its own work where none of them follows."""

OLD_NAMES = {"evidence": "self-check"}
"""Names that a command had before: they work, and the help does not show them."""

Version = Annotated[bool, typer.Option("--version", help="Print the version.")]
InstallCompletion = Annotated[
    bool, typer.Option("--install-completion", help="Let this shell complete commands, options and their values.")
]
ShowCompletion = Annotated[
    bool, typer.Option("--show-completion", help="Print what --install-completion would install.")
]

_SHARED = {"json": (Json, False), "quiet": (Quiet, False), "home": (Home, None)}


def _root(
    context: typer.Context,
    json: Json = False,
    quiet: Quiet = False,
    home: Home = None,
    version: Version = False,
    install_completion: InstallCompletion = False,
    show_completion: ShowCompletion = False,
) -> None:
    """Find parameters of trading strategies by exhaustive backtests and spend the speed on proof."""
    context.obj = {"json": json, "quiet": quiet, "home": home}
    if version:
        output = Output(json=json)
        if json:
            output.document({"version": __version__})
        else:
            output.text(f"assay {__version__}")
        raise typer.Exit
    if install_completion or show_completion:
        _complete(Output(json=json, quiet=quiet), install=install_completion)
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(USAGE)


def _complete(output: Output, *, install: bool) -> None:
    """Install completion for the shell that calls, or print what would be installed."""
    shell = shells.calling_shell()
    if install:
        output.text(f"{shell} completes assay from its next start: {shells.install(shell)}", whole=True)
    else:
        sys.stdout.write(shells.script(shell) + "\n")


def _use_home(home: Path | None) -> None:
    """Let everything that is imported from now on keep its files in a folder."""
    if home is None:
        return
    if home.exists() and not home.is_dir():
        raise InputError("--home", "must be a folder", str(home))
    os.environ["ASSAY_HOME"] = str(home)


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command as typer wants it: one argument for each of its own options and for each shared one.

    Parameters
    ----------
    command : callable
        A function of an `Output`, or of an `Output` and a frozen dataclass whose fields are its options.
    """
    return _as_typer_wants_it(command, _run)


def with_commands_below(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has further ones below it: where one of them follows, it hands the shared options on."""
    return _as_typer_wants_it(command, _run_or_hand_on)


Runner = Callable[[typer.Context, dict[str, Any], Callable[[Output, dict[str, Any]], None]], None]
"""Takes the context, all options that were given, and what runs the command."""


def _run(context: typer.Context, given: dict[str, Any], call: Callable[[Output, dict[str, Any]], None]) -> None:
    before = context.obj
    here = {name: given.pop(name) for name in _SHARED}
    _use_home(here["home"] or before["home"])
    with interruptible(), set_apart():
        call(Output(here["json"] or before["json"], here["quiet"] or before["quiet"]), given)


def _run_or_hand_on(
    context: typer.Context, given: dict[str, Any], call: Callable[[Output, dict[str, Any]], None]
) -> None:
    if context.invoked_subcommand is None:
        _run(context, given, call)
        return
    shared = {name: given.pop(name) for name in _SHARED}
    for name in sorted(_named(context, given)):
        option = f"--{name.replace('_', '-')}"
        raise InputError(option, f"must stand after `{context.info_name} {context.invoked_subcommand}`", given[name])
    _group(context, **shared)


def _named(context: typer.Context, given: Iterable[str]) -> frozenset[str]:
    """Return the options that the command line names; the others stand at their defaults."""
    sources = {name: context.get_parameter_source(name) for name in given}
    return frozenset(name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE")


def _as_typer_wants_it(command: Callable[..., None], runner: Runner) -> Callable[..., None]:
    kind, own = option_parameters(command)
    asks_for_named = "named" in getattr(kind, "__dataclass_fields__", ())

    @functools.wraps(command)
    def run(context: typer.Context, **given: Any) -> None:
        check_values(context.command.params, given)
        more = {"named": _named(context, given)} if asks_for_named else {}

        def call(output: Output, options: dict[str, Any]) -> None:
            command(*([output] if kind is None else [output, kind(**options, **more)]))

        runner(context, given, call)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("context", keyword, annotation=typer.Context),
        *own,
        *(inspect.Parameter(n, keyword, annotation=a, default=d) for n, (a, d) in _SHARED.items()),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _group(context: typer.Context, json: Json = False, quiet: Quiet = False, home: Home = None) -> None:
    before = context.obj
    context.obj = {
        "json": json or before["json"],
        "quiet": quiet or before["quiet"],
        "home": home or before["home"],
    }
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(USAGE)


def make_app() -> LazyGroup:
    """Return the program: every command by its name and its line of the help."""
    app = lazy_group(_root, COMMANDS, with_shared_options)
    for name, commands in BELOW.items():
        entry = Entry(*COMMANDS[name])
        app.add_command(PlannedGroup(name, entry, with_shared_options, with_commands_below, commands), name)
    for name, (text, commands) in GROUPS.items():
        app.add_command(lazy_group(_group, commands, with_shared_options, text), name)
    for old, new in OLD_NAMES.items():
        app.add_command(Planned(old, Entry(*COMMANDS[new]), with_shared_options, hidden=True))
    return app


@contextmanager
def _same_environment() -> Iterator[None]:
    """Forget ``--home`` when the command is done: a program may call `main` many times."""
    before = os.environ.get("ASSAY_HOME")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("ASSAY_HOME", None)
        else:
            os.environ["ASSAY_HOME"] = before


def _home_of(given: Sequence[str]) -> Path | None:
    """Return the folder that ``--home`` names, before anything is parsed; of several the last, as the parser has it.

    A command's module brings the compiled kernels, whose cache is in that folder, and it is imported in order to
    parse the command's options.
    """
    home = None
    for text, following in zip(given, [*given, ""][1:], strict=True):
        name, equals, value = text.partition("=")
        if name == "--home" and (value or (not equals and following)):
            home = Path(value or following)
    return home


def _resumed(given: list[str]) -> list[str]:
    """Give ``--resume`` without an id its value: the parser knows options with a value and without, not both."""
    out: list[str] = []
    for i, text in enumerate(given):
        out.append(text)
        if text == "--resume" and (i + 1 == len(given) or given[i + 1].startswith("-")):
            out.append(LAST)
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        0 done; 1 failed; 2 wrong input or usage; 3 refused by a gate; 130 interrupted.
    """
    given = _resumed(list(sys.argv[1:] if arguments is None else arguments))
    with unfailing_streams():
        return _ran(given)


def _ran(given: list[str]) -> int:
    if shells.ASKED in os.environ:
        return shells.answer(make_app)
    try:
        with _same_environment():
            refuse_blank(given)
            _use_home(_home_of(given))
            command = make_app()
            with command.make_context(shells.PROGRAM, given, max_content_width=MAX_WIDTH) as context:
                command.invoke(context)
            results().flush()
    except typer.Exit as done:
        return int(done.exit_code)
    except BaseException as error:  # noqa: BLE001  (each gets its exit code)
        return report_failure(error, as_json="--json" in given)
    return 0
