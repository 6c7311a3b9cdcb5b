"""A group of commands that imports the module of a command when that command is used, and not before.

`assay --help` needs the name and one line of every command; the modules behind them bring NumPy, Numba and the
database. So the table of a group holds for each command where its function lives and its line of the help, and
`LazyGroup` puts the real command in the place of its line once it is called.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from typing import Any, NamedTuple, get_type_hints

import typer
import typer.core

Wrapper = Callable[[Callable[..., None]], Callable[..., None]]
"""What a command's function becomes before typer reads its signature."""


class Entry(NamedTuple):
    """A command in the table of its group."""

    path: str
    """Where its function is: ``module:function``."""
    help: str
    """The first line of the function's docstring; a test holds the two together."""

    def function(self) -> Callable[..., None]:
        """Import the command's module and return its function."""
        module, _, name = self.path.partition(":")
        found: Callable[..., None] = getattr(import_module(module), name)
        return found


class PlainCommand(typer.core.TyperCommand):
    """A command whose help names what to write, and no type of Python."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options as two lists."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            found = (p.get_help_record(ctx) for p in self.get_params(ctx) if p.param_type_name == kind)
            records = [(_TYPE.sub("", name), _RANGE.sub("", text)) for name, text in filter(None, found)]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


_TYPE = re.compile(r" <[^<>]*>$")
_RANGE = re.compile(r"(?:; )?x[<>]=?[-\d.]+")
"""What typer adds: ``<list[Path]>`` to the name of an argument, ``x>=0`` to what a number may be."""


class Planned(PlainCommand):
    """A command of which only the name and the line of the help are known so far."""

    def __init__(self, name: str, entry: Entry, wrapper: Wrapper, *, hidden: bool = False) -> None:
        super().__init__(name, help=entry.help, hidden=hidden)
        self._entry, self._wrapper = entry, wrapper

    def load(self) -> Any:
        """Return the command itself."""
        app = _app()
        app.command(self.name, cls=PlainCommand)(self._wrapper(self._entry.function()))
        return typer.main.get_command(app)


class PlannedGroup(Planned):
    """A command that does its work alone, and has further commands below it: ``assay ledger``, ``assay ledger verify``.

    Parameters
    ----------
    above : callable
        What the command's own function becomes, in the place of `wrapper`: it learns which command follows, if any.
    table : mapping
        The commands below, as of `lazy_group`.
    """

    def __init__(
        self, name: str, entry: Entry, wrapper: Wrapper, above: Wrapper, table: Mapping[str, tuple[str, str]]
    ) -> None:
        super().__init__(name, entry, wrapper)
        self._above, self._table = above, table

    def load(self) -> Any:
        """Return the group itself; only the module of its own function is imported."""
        group = lazy_group(self._above(self._entry.function()), self._table, self._wrapper, self._entry.help)
        group.name = self.name
        return group


class LazyGroup(typer.core.TyperGroup):
    """A group whose commands are imported one by one, each when it is used."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with their whole lines, wrapped where they do not fit."""
        rows = [
            (name, self.commands[name].help or "") for name in self.list_commands(ctx) if not self.commands[name].hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the command and its arguments; the command is the real one."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Planned) else command, rest


def lazy_group(
    callback: Callable[..., None], table: Mapping[str, tuple[str, str]], wrapper: Wrapper, text: str | None = None
) -> LazyGroup:
    """Return a group whose commands are in a table of (``module:function``, line of the help).

    Parameters
    ----------
    callback : callable
        Takes the options of the group itself.
    wrapper : callable
        Applied to a command's function when it is imported.
    text : str, optional
        Help of the group; the callback's docstring where not given.
    """
    app = _app()
    app.callback(invoke_without_command=True, help=text)(callback)
    group = typer.main.get_command(app)
    assert isinstance(group, LazyGroup)  # noqa: S101  (what `_app` asks typer for)
    for name, entry in table.items():
        group.add_command(Planned(name, Entry(*entry), wrapper))
    return group


def _app() -> typer.Typer:
    return typer.Typer(
        cls=LazyGroup,
        add_completion=False,
        rich_markup_mode=None,  # rich would triple the time of --help
        pretty_exceptions_enable=False,
    )


def option_parameters(command: Callable[..., None]) -> tuple[type | None, list[inspect.Parameter]]:
    """Return the class of a command's options, its second argument, and each of its fields as typer reads them."""
    own = list(inspect.signature(command).parameters)[1:]
    if not own:
        return None, []
    kind = get_type_hints(command)[own[0]]
    if len(own) > 1 or not is_dataclass(kind) or not isinstance(kind, type):
        raise TypeError(f"{command.__name__}: a command takes its Output and one dataclass of options")
    hints = get_type_hints(kind, include_extras=True)
    options = [field for field in fields(kind) if field.metadata.get("option", True)]
    required_first = sorted(options, key=lambda field: field.default is not MISSING)
    return kind, [_parameter(field, hints[field.name]) for field in required_first]


def _parameter(field: Field[Any], annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
