"""What the registry says of a strategy, as Markdown: parameters, grid, rules and exits, and the index of all."""

from __future__ import annotations

import math
import re
from itertools import product
from typing import TYPE_CHECKING, Any

from benchmarks.report import Row, Table, markdown

from assay.cli.output import number
from assay.service.strategy_facts import describe, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.strategies import Strategy


def page_name(name: str) -> str:
    """Return the file of a strategy's page."""
    return f"{name.lower().replace('_', '-')}.md"


def grid_sizes(strategy: Strategy) -> tuple[int, int]:
    """Return the combinations of the default grid, and those of them that make sense."""
    grid = strategy.default_grid
    combinations = (dict(zip(grid, values, strict=True)) for values in product(*grid.values()))
    return math.prod(map(len, grid.values())), sum(strategy.constraint(c) is None for c in combinations)


def _value(value: object) -> str:
    """Return a value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else number(value)


def _values(values: tuple[object, ...]) -> str:
    return ", ".join(map(_value, values))


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def _searched(p: Mapping[str, Any]) -> str:
    stepped = "" if p["step"] is None else f", step {number(p['step'])}"
    spread = _between(p["low"], p["high"])
    return f"{spread}{stepped}" if spread else _values(p["choices"])


def _hard(p: Mapping[str, Any]) -> str:
    is_number = isinstance(p["default"], (int, float)) and not isinstance(p["default"], bool)
    return _between(p["hard_low"], p["hard_high"]) if is_number else "the choices"


def parameter_table(strategy: Strategy) -> str:
    """Return all parameters, and how many combinations the default grid has."""
    described = describe(strategy)
    rows: list[Row] = [
        {
            "name": f"`{p['name']}`",
            "default": _value(p["default"]),
            "search range": _searched(p),
            "hard bounds": _hard(p),
            "default grid": _values(p["grid"] or (p["default"],)),
            "unit": p["unit"] or "-",
            "kind": p["role"],
            "meaning": p["doc"],
        }
        for p in described["parameters"]
    ]
    whole, sensible = grid_sizes(strategy)
    left_out = f", of which {number(sensible)} make sense" if sensible < whole else ""
    told = [
        markdown(Table(f"{len(rows)} parameters", rows)),
        f"The default grid has {number(whole)} combinations{left_out}. What a search tries by default is exactly it.",
    ]
    if aliases := described["aliases"]:
        told.append("Other names: " + ", ".join(f"`{old}` for `{new}`" for old, new in aliases.items()) + ".")
    told += [f"`{name}` is refused: it {reason}." for name, reason in described["refused"].items()]
    return "\n\n".join(told) + "\n"


def rule_list(strategy: Strategy) -> str:
    """Return the rules and exits as the engine reads them, each parameter with its default."""
    defaults = strategy.parameters.defaults
    described = describe(strategy)

    def with_defaults(line: str) -> str:
        """Say the number that stands for a name; a mode is named by its value, and a word before a colon is no name."""

        def named(match: re.Match[str]) -> str:
            default = defaults.get(match[0])
            is_word = "_" not in match[0] and line[match.end() : match.end() + 1] == ":"
            return f"{match[0]} [{number(default)}]" if isinstance(default, (int, float)) and not is_word else match[0]

        return re.sub(r"[a-z][a-z0-9_]*", named, line)

    parts = []
    for title, lines in (("signal when", described["rules"]), ("exits", described["exits"])):
        parts.append("\n".join([f"{title}:", *(f"  {with_defaults(line)}" for line in lines)]))
    return "```text\n" + "\n\n".join(parts) + "\n```\n"


def index_table(strategies: list[Strategy]) -> str:
    """Return one row per strategy."""
    rows: list[Row] = [
        {
            "strategy": f"[{s.name}]({page_name(s.name)})",
            "what it trades": summary(s),
            "parameters": len(s.parameters),
            "default grid": grid_sizes(s)[1],
        }
        for s in strategies
    ]
    return markdown(Table("Strategies of the registry", rows)) + "\n"
