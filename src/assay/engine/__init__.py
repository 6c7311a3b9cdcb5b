"""Setups and rules, brackets, costs, the replay, the sweep and their measures."""

from assay.engine.bracket import Bracket, Switch
from assay.engine.combinations import Combinations
from assay.engine.costs import Costs, Money, Sizing, calculate_position_size
from assay.engine.execution import Execution, Side
from assay.engine.layout import REASONS
from assay.engine.limits import Limits
from assay.engine.measures import compounded_pct, measure
from assay.engine.objectives import OBJECTIVES
from assay.engine.replay import Signals, Span, replay
from assay.engine.rules import Rule, Vote, at_least, at_most, equals
from assay.engine.setups import Setups
from assay.engine.sums import TABLE, from_sums
from assay.engine.sweep import sweep
from assay.engine.trades import Run, Trades

__all__ = [
    "OBJECTIVES",
    "REASONS",
    "TABLE",
    "Bracket",
    "Combinations",
    "Costs",
    "Execution",
    "Limits",
    "Money",
    "Rule",
    "Run",
    "Setups",
    "Side",
    "Signals",
    "Sizing",
    "Span",
    "Switch",
    "Trades",
    "Vote",
    "at_least",
    "at_most",
    "calculate_position_size",
    "compounded_pct",
    "equals",
    "from_sums",
    "measure",
    "replay",
    "sweep",
]
