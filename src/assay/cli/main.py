"""`assay`: the commands, the options that all of them share, and the exit codes.

A command is one module in `assay.cli.commands` and one line in `COMMANDS`; commands that belong together, such as
``assay data import`` and ``assay data list``, are one line in `GROUPS`. Each is a function of an `Output` and its own
options; ``--json``, ``--quiet`` and ``--home`` are added here and may stand before or after the names. Modules of
commands import the other rooms inside functions, so that ``assay --help`` starts at once.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from assay import __version__
from assay.cli import options
from assay.cli.commands import configurations, data, database
from assay.cli.commands.backtest import backtest
from assay.cli.commands.demo import demo
from assay.cli.commands.funnel import funnel
from assay.cli.commands.leaks import leaks
from assay.cli.commands.ledger import ledger
from assay.cli.commands.quality import quality
from assay.cli.commands.report import report
from assay.cli.commands.self_check import evidence
from assay.cli.commands.strategies import strategies
from assay.cli.commands.sweep import sweep
from assay.cli.commands.train import LAST, train
from assay.cli.commands.worker import worker
from assay.cli.failures import USAGE
from assay.cli.failures import report as report_failure
from assay.cli.output import Output
from assay.errors import InputError

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "train": train,
    "backtest": backtest,
    "sweep": sweep,
    "funnel": funnel,
    "quality": quality,
    "report": report,
    "strategies": strategies,
    "leaks": leaks,
    "ledger": ledger,
    "evidence": evidence,
    "worker": worker,
}
"""Every command, in the order of the help: one line each."""

GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "data": ("Bars in the database: import, download, list, check, export, delete.", data.COMMANDS),
    "database": (
        "Where everything is kept: status, upgrade, backup.",
        {"status": database.status, "upgrade": database.upgrade, "backup": database.backup},
    ),
    "configurations": (
        "What was found and kept: look, compare, switch on and off, put away, prove again.",
        {
            "list": configurations.list_,
            "show": configurations.show,
            "compare": configurations.compare,
            "activate": configurations.activate,
            "deactivate": configurations.deactivate,
            "archive": configurations.archive,
            "export": configurations.export,
            "verify": configurations.verify,
        },
    ),
}
"""Commands of two words, by their first: what the help says of the group, and its commands by their second."""

Version = Annotated[bool, typer.Option("--version", help="Print the version.")]

_SHARED = {"json": (options.Json, False), "quiet": (options.Quiet, False), "home": (options.Home, None)}


def _root(
    context: typer.Context,
    json: options.Json = False,
    quiet: options.Quiet = False,
    home: options.Home = None,
    version: Version = False,
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
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(USAGE)


def _use_home(home: Path | None) -> None:
    """Let everything that is imported from now on keep its files in a folder."""
    if home is None:
        return
    if home.exists() and not home.is_dir():
        raise InputError("--home", "must be a folder", str(home))
    os.environ["ASSAY_HOME"] = str(home)


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose first argument, its `Output`, is made from the shared options."""

    @functools.wraps(command)
    def run(context: typer.Context, **given: Any) -> None:  # noqa: ANN401  (the command's own options)
        before = context.obj
        here = {name: given.pop(name) for name in _SHARED}
        _use_home(here["home"] or before["home"])
        command(Output(here["json"] or before["json"], here["quiet"] or before["quiet"]), **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = list(inspect.signature(command).parameters.values())[1:]
    parameters = [
        inspect.Parameter("context", keyword, annotation=typer.Context),
        *(p.replace(kind=keyword) for p in own),
        *(inspect.Parameter(n, keyword, annotation=a, default=d) for n, (a, d) in _SHARED.items()),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _group(
    context: typer.Context, json: options.Json = False, quiet: options.Quiet = False, home: options.Home = None
) -> None:
    before = context.obj
    context.obj = {
        "json": json or before["json"], "quiet": quiet or before["quiet"], "home": home or before["home"],
    }  # fmt: skip
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(USAGE)


def _typer(
    callback: Callable[..., None], commands: dict[str, Callable[..., None]], text: str | None = None
) -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,  # rich would triple the time of --help
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True, help=text)(callback)
    for name, command in commands.items():
        app.command(name)(with_shared_options(command))
    return app


def make_app() -> typer.Typer:
    """Return the typer application with every command."""
    app = _typer(_root, COMMANDS)
    for name, (text, commands) in GROUPS.items():
        app.add_typer(_typer(_group, commands, text), name=name)
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
    try:
        with _same_environment():
            command = typer.main.get_command(make_app())
            with command.make_context("assay", given) as context:
                command.invoke(context)
            sys.stdout.flush()
    except typer.Exit as done:
        return int(done.exit_code)
    except (Exception, KeyboardInterrupt, typer.Abort) as error:  # noqa: BLE001  (each gets its exit code)
        return report_failure(error, as_json="--json" in given)
    return 0
