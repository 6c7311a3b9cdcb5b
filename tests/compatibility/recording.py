"""How the command line is described: options from the parser's own objects, documents by the paths of their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE = """[space]
pierce_depth = [0.001, 0.002]
min_level_touches = [1, 2]
atr_multiplier_sl = [1.5, 3.0]
"""
"""A small space of LIQUIDITY_SWEEP, `space.toml` in the working folder of every recorded call."""

NAMED_BY_DATA = {"parameters", "space", "values", "marginals", "aliases", "refused"}
"""Mappings whose keys are names of parameters: another strategy has others."""


def key_paths(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all keys: the items of a list are one, and so are the keys that data names."""
    if isinstance(value, dict):
        by_data = path.rpartition(".")[2] in NAMED_BY_DATA
        for name, inner in value.items():
            below = f"{path}.{'*' if by_data else name}".removeprefix(".")
            yield below
            yield from key_paths(inner, below)
    elif isinstance(value, list):
        for inner in value:
            yield from key_paths(inner, f"{path}[]")


def described(command: Any) -> dict[str, dict[str, Any]]:
    """The options and arguments of a command of the parser, by their first spelling."""
    found = {}
    for p in command.params:
        spellings = [*p.opts, *p.secondary_opts]
        found[spellings[0]] = {
            "kind": p.param_type_name,
            "spellings": spellings,
            "metavar": p.metavar,
            "required": p.required,
            "default": None if p.default is None else str(p.default),
            "flag": bool(getattr(p, "is_flag", False)),
            "several": p.multiple or p.nargs != 1,
        }
    return dict(sorted(found.items()))


def commands(command: Any, name: str = "assay") -> dict[str, Any]:
    """A command and all below it, by their full names."""
    command = command.load() if hasattr(command, "load") else command  # one that is imported when it is used
    found = {name: command}
    for word, inner in getattr(command, "commands", {}).items():
        found |= commands(inner, f"{name} {word}")
    return found
