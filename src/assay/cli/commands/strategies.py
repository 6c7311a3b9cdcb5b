"""`assay strategies`: which strategies there are, and what their parameters mean."""

from dataclasses import dataclass
from typing import Annotated

import typer

from assay.cli import complete, options
from assay.cli.output import Column, Output, number
from assay.parameters import Parameter
from assay.service.strategy_facts import describe, summaries
from assay.sources.user_strategy import load_strategy
from assay.strategies import Strategy

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="A registered name, or path.py:Class; all without.",
        autocompletion=complete.choice("strategy"),
    ),
]


@dataclass(frozen=True, kw_only=True)
class StrategiesOptions:
    """Options of `assay strategies`."""

    name: Name = None
    columns: options.Columns = None


def strategies(output: Output, given: StrategiesOptions) -> None:
    """List strategies, or show one: parameters, rules, exits."""
    if given.name is None:
        _list(output, given.columns)
    else:
        _show(output, load_strategy(given.name))


def _list(output: Output, only: str | None) -> None:
    rows = summaries()
    if output.json:
        output.document({"strategies": rows})
    else:
        columns = (Column("name"), Column("parameters", 1), Column("summary", narrow=24))
        output.table("Strategies", columns, [list(row.values()) for row in rows], only, choosable=True)


def _show(output: Output, strategy: Strategy) -> None:
    document = describe(strategy)
    if output.json:
        output.document(document)
        return
    output.text(f"{strategy.name}: {document['summary']}")
    columns = (
        Column("name", narrow=16),
        Column("default"),
        Column("range", narrow=8),
        Column("step", 2),
        Column("grid", narrow=12),
        Column("unit", narrow=6),
    )
    output.table("Parameters", columns, _rows(strategy))
    for p in strategy.parameters:
        output.text(f"  {p.name}: {p.doc}")
    output.text("")
    for title in ("rules", "exits"):
        output.text(f"{title.capitalize()}:")
        for line in document[title]:
            output.text(f"  {line}")


def _rows(strategy: Strategy) -> list[list[object]]:
    """Return one row of texts per parameter."""
    return [
        [
            p.name,
            number(p.default),
            _range(p),
            "" if p.step is None else number(p.step),
            _listed(p.grid),
            p.unit,
        ]
        for p in strategy.parameters
    ]


def _listed(values: tuple[object, ...]) -> str:
    return " ".join(number(v) for v in values)


def _range(p: Parameter) -> str:
    if p.low is None or p.high is None:
        return _listed(p.choices)
    return f"{number(p.low)} to {number(p.high)}"
