"""What a strategy is, as plain values: its parameters, its rules and its ways out in words."""

from __future__ import annotations

import inspect
import math
import sys
from typing import TYPE_CHECKING, Any

from assay.engine import Rule, Switch
from assay.engine.rules import SIGNS
from assay.strategies import STRATEGIES

if TYPE_CHECKING:
    from assay.engine import Bracket
    from assay.engine.rules import AnyRule
    from assay.parameters import Parameter
    from assay.strategies import Strategy

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


def summary(strategy: type[Strategy] | Strategy) -> str:
    """Return the first line of a strategy's docstring."""
    return (strategy.__doc__ or "").strip().split("\n", maxsplit=1)[0]


def idea(strategy: Strategy) -> str:
    """Return what a strategy is about: the text of its module where it ships, else of its class; "" where none is."""
    module = sys.modules.get(type(strategy).__module__)
    text = module.__doc__ if strategy.ships and module is not None else type(strategy).__doc__
    first, _, rest = inspect.cleandoc(text or "").partition("\n")
    sentence = first.partition(": ")[2] or first
    paragraphs = [sentence[:1].upper() + sentence[1:], *rest.strip().split("\n\n")]
    return "\n".join(" ".join(part.split()) for part in paragraphs if part.strip())


def summaries() -> list[dict[str, Any]]:
    """Return the strategies that ship, a line each."""
    return [
        {"name": name, "parameters": len(kind.parameters), "summary": summary(kind)}
        for name, kind in STRATEGIES.items()
    ]


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
