"""`assay strategies`: which strategies there are, and what their parameters mean."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from assay.cli import complete, options
from assay.cli.output import Column, Output, number
from assay.engine import Bracket, Rule, Switch
from assay.engine.rules import SIGNS, AnyRule
from assay.parameters import Parameter
from assay.sources.user_strategy import load_strategy
from assay.strategies import STRATEGIES, Strategy

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="A registered name, or path.py:Class; all without.",
        autocompletion=complete.choice("strategy"),
    ),
]

_BRACKET_WORDS = {
    "stop": "stop: {} units away",
    "target": "target: {} {target}",
    "min_target_r": "no signal whose target is worth less than {} risks",
    "partial": "half is taken off at {} risks",
    "max_bars": "time stop after {} bars",
    "trail_distance": "trailing stop: {} units from the best close",
    "trail_bars": "trailing stop: the extreme of {} bars",
    "trail_activation": "  once {} {trail} were gained at a close",
    "cooldown": "no signal for {} bars after an exit",
    "cap_a": "at most {} trades per group a",
    "cap_b": "at most {} trades per group b",
}


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


def summary(strategy: type[Strategy] | Strategy) -> str:
    """Return the first line of a strategy's docstring."""
    return (strategy.__doc__ or "").strip().split("\n", maxsplit=1)[0]


def _list(output: Output, only: str | None) -> None:
    rows = [
        {"name": name, "parameters": len(kind.parameters), "summary": summary(kind)}
        for name, kind in STRATEGIES.items()
    ]
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


def describe(strategy: Strategy) -> dict[str, Any]:
    """Return a strategy as plain values."""
    return {
        "name": strategy.name,
        "summary": summary(strategy),
        "parameters": [_parameter(p, strategy) for p in strategy.parameters],
        "aliases": strategy.parameters.aliases,
        "refused": strategy.parameters.refused,
        "rules": [line for rule in strategy.rules for line in rule_in_words(rule)],
        "exits": bracket_in_words(strategy.bracket),
    }


def _parameter(p: Parameter, strategy: Strategy) -> dict[str, Any]:
    low, high = p.bounds
    role = "shape" if p.name in strategy.shape_names else "exit" if p.name in strategy.exit_names else "threshold"
    return {
        "name": p.name,
        "default": p.default,
        "low": p.low,
        "high": p.high,
        "step": p.step,
        "hard_low": low,
        "hard_high": high,
        "choices": p.choices,
        "grid": p.grid,
        "unit": p.unit,
        "role": role,
        "doc": p.doc,
    }


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


def _compare(rule: Rule) -> str:
    return f"{rule.feature} {SIGNS[rule.comparison]} {rule.limit}"


def rule_in_words(rule: AnyRule) -> list[str]:
    """Return a rule as lines such as ``pierce >= pierce_depth``."""
    if isinstance(rule, Rule):
        return [_compare(rule)]
    head = f"the weights of the met conditions reach {rule.threshold}:"
    return [head, *(f"  {weight / 100:.2f} for {_compare(condition)}" for weight, condition in rule.conditions)]


def bracket_in_words(bracket: Bracket) -> list[str]:
    """Return every way out that a bracket uses, one line each; a mode is a line for each of its values."""
    units = {
        "target": "risks away" if bracket.target_in == "risk" else "target units away",
        "trail": "risks" if bracket.trail_in == "risk" else "units",
    }
    lines = []
    for field, words in _BRACKET_WORDS.items():
        setting = getattr(bracket, field)
        modes = setting.settings if isinstance(setting, Switch) else ((None, setting),)
        for mode, chosen in modes:
            if chosen in (None, 0.0):
                continue
            line = "target: the limit of the pattern" if chosen == math.inf else words.format(chosen, **units)
            lines.append(line if mode is None else f"{line} ({setting.parameter} {mode})")
    return lines
