"""The verdict: how far a configuration may be believed, and why not further."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING

from assay.validation.next_steps import (
    alpha_step,
    campaign_step,
    candidate_step,
    history_step,
    p_step,
    process_step,
    profit_step,
    trades_step,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.validation.facts import Facts


class Stage(StrEnum):
    """How far a configuration may be believed, from not at all on; DECAY is found by monitoring."""

    PAPER = "PAPER"
    DISCOVERY = "DISCOVERY"
    VALIDATION = "VALIDATION"
    MATURE = "MATURE"
    DECAY = "DECAY"

    @property
    def max_allocation_pct(self) -> float:
        """Most of the capital that it may be given, in percent."""
        return _FACTS[self][0]

    @property
    def size_factor(self) -> float:
        """Share of its usual size that a position may have."""
        return _FACTS[self][1]

    def capped_by(self, supported: Stage) -> Stage:
        """Return the lower of this stage, which is asked for, and the one that the evidence supports."""
        return min(self, supported, key=list(Stage).index)


_FACTS = {
    Stage.PAPER: (0.0, 0.0),
    Stage.DISCOVERY: (2.0, 0.25),
    Stage.VALIDATION: (5.0, 0.5),
    Stage.MATURE: (10.0, 1.0),
    Stage.DECAY: (3.0, 0.0),
}

STAGES = tuple(stage.value for stage in Stage)

MIN_SHARPE = 0.5
MATURE_SHARPE = 1.5
MAX_P = 0.05
MATURE_P = 0.025
MIN_FILL_RATE = 0.7
DISCOVERY_TRADES = 30
MATURE_TRADES = 100
MAX_ADVERSE = 0.3
MAX_LEAN = 0.2
"""A position that leans further to one side has to earn more than the market gives it."""

ALPHA_T = 1.645
"""One-sided 5 % of the normal distribution."""

MIN_SIMILARITY = 1.0 / 3.0
"""The winner's pattern on permuted bars, the smaller over the larger count."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gate said.

    Attributes
    ----------
    name : str
        What was asked, in words.
    value : float
        What was measured; NaN = unknown, which fails.
    limit : float
    passed : bool
    stage : str
        The stage that the gate guards.
    next_step : str
        The cheapest thing that could change the answer.
    """

    name: str
    value: float
    limit: float
    passed: bool
    stage: str
    next_step: str
    at_most: bool = False
    is_switch: bool = False

    @property
    def margin(self) -> float:
        """How far beyond the limit on the good side; negative falls short, NaN is unknown."""
        return self.limit - self.value if self.at_most else self.value - self.limit

    @property
    def measured(self) -> str:
        """The value with its margin, in words."""
        if self.is_switch:
            return "yes" if self.value else "no"
        return "unknown" if math.isnan(self.value) else f"{self.value:.4g} (margin {self.margin:+.4g})"


@dataclass(frozen=True)
class Gate:
    """One condition of a stage.

    Attributes
    ----------
    name : callable
        From the facts to what is asked, in words.
    guards : Stage
    measure : callable
        From the facts to what is measured; NaN where it is unknown, which fails.
    limit : float
    holds : callable
        Whether a measure keeps the limit: `ge`, `gt`, `le` or `lt`.
    next_step : callable
        From the facts to the cheapest thing that could change the answer.
    also : callable
        What else the facts must say.
    applies : callable
        Whether the gate is asked at all.
    is_switch : bool
        Whether the measure is a yes or no, 1 or 0.
    """

    name: Callable[[Facts], str]
    guards: Stage
    measure: Callable[[Facts], float]
    limit: float
    holds: Callable[[float, float], bool]
    next_step: Callable[[Facts], str]
    also: Callable[[Facts], bool] = lambda _: True
    applies: Callable[[Facts], bool] = lambda _: True
    is_switch: bool = False

    def ask(self, facts: Facts) -> Answer:
        """Return what the gate says of the facts."""
        value = self.measure(facts)
        return Answer(
            name=self.name(facts),
            value=value,
            limit=self.limit,
            passed=bool(self.holds(value, self.limit)) and self.also(facts),
            stage=self.guards.value,
            next_step=self.next_step(facts),
            at_most=self.holds in (le, lt),
            is_switch=self.is_switch,
        )


def _says(text: str) -> Callable[[Facts], str]:
    return lambda _: text


def _small_p(facts: Facts) -> bool:
    """Whether p alone would do: only then does it matter what else was tried and how alike the bars are."""
    return facts.p_value <= MAX_P


def _in_campaign(facts: Facts) -> bool:
    return facts.campaign_known and _small_p(facts)


def _side(facts: Facts) -> str:
    return f"positions lean {100 * facts.lean:.0f} % to one side"


GATES: tuple[Gate, ...] = (
    Gate(
        _says("bars accepted without override"), Stage.DISCOVERY,
        lambda f: float(not f.data_override), 1.0, ge, _says("Train on bars that pass the quality gate."),
        is_switch=True,
    ),
    Gate(
        _says("a combination with a positive objective exists"), Stage.DISCOVERY,
        lambda f: float(f.has_candidate), 1.0, ge, candidate_step, is_switch=True,
    ),
    Gate(
        _says("out-of-sample net profit above 0 %"), Stage.DISCOVERY,
        lambda f: f.net_profit_pct, 0.0, gt, profit_step,
    ),
    Gate(
        _says(f"out-of-sample Sharpe of at least {MIN_SHARPE}"), Stage.DISCOVERY,
        lambda f: f.sharpe, MIN_SHARPE, ge, history_step,
    ),
    Gate(
        _says(f"fill rate of at least {MIN_FILL_RATE}"), Stage.DISCOVERY,
        lambda f: f.fill_rate, MIN_FILL_RATE, ge, _says("Choose a market that trades in every bar."),
    ),
    Gate(
        _says(f"permutation p of at most {MAX_P}"), Stage.DISCOVERY,
        lambda f: f.p_value, MAX_P, le, p_step, lambda f: not f.stopped_by_budget,
    ),
    Gate(
        _says("the pattern is as frequent on permuted bars (smaller over larger count)"), Stage.DISCOVERY,
        lambda f: f.similarity, MIN_SIMILARITY, ge, lambda f: f"p is not comparable: {f.counts}", applies=_small_p,
    ),
    Gate(
        _says(f"p with all that was tried on these days of at most {MAX_P}"), Stage.DISCOVERY,
        lambda f: f.p_adjusted, MAX_P, le, campaign_step, applies=_in_campaign,
    ),
    Gate(
        lambda f: f"alpha over the market of {ALPHA_T} standard errors ({_side(f)})", Stage.DISCOVERY,
        lambda f: f.alpha_t, ALPHA_T, ge, alpha_step, applies=lambda f: f.lean > MAX_LEAN,
    ),
    Gate(
        _says("a user's strategy answers the same in a fresh process"), Stage.DISCOVERY,
        lambda f: float(not f.fresh_process), 1.0, ge, process_step,
        applies=lambda f: f.fresh_process is not None, is_switch=True,
    ),
    Gate(
        _says(f"at least {DISCOVERY_TRADES} out-of-sample trades"), Stage.VALIDATION,
        lambda f: f.trades, DISCOVERY_TRADES, ge, lambda f: trades_step(f, DISCOVERY_TRADES),
    ),
    Gate(
        _says(f"more than {MATURE_TRADES} out-of-sample trades"), Stage.MATURE,
        lambda f: f.trades, MATURE_TRADES, gt, lambda f: trades_step(f, MATURE_TRADES + 1),
    ),
    Gate(
        _says(f"out-of-sample Sharpe above {MATURE_SHARPE}"), Stage.MATURE,
        lambda f: f.sharpe, MATURE_SHARPE, gt, history_step,
    ),
    Gate(
        _says(f"permutation p of at most {MATURE_P}"), Stage.MATURE,
        lambda f: f.p_value, MATURE_P, le, p_step, lambda f: not f.stopped_by_budget,
    ),
    Gate(
        _says(f"p with all that was tried on these days of at most {MATURE_P}"), Stage.MATURE,
        lambda f: f.p_adjusted, MATURE_P, le, campaign_step, applies=_in_campaign,
    ),
    Gate(
        lambda f: "profit survives " + (", ".join(f.fragile) or "small changes"), Stage.MATURE,
        lambda f: float(f.fragility_known and not f.fragile), 1.0, ge, _says("See the fragility table."),
        is_switch=True,
    ),
    Gate(
        _says(f"adverse selection below {MAX_ADVERSE}"), Stage.MATURE,
        lambda f: f.adverse_selection, MAX_ADVERSE, lt,
        _says("Fills move against the position at once: wait a bar or use another venue."),
    ),
)  # fmt: skip
"""What every stage asks, in the order of asking; a later gate of a stage is read after the earlier ones."""

HOLDOUT = Gate(
    _says("holdout Sharpe above 0"),
    Stage.MATURE,
    lambda f: f.holdout_sharpe,
    0.0,
    gt,
    _says("Wait for new bars and train again."),
)
"""The last gate of MATURE, asked when all others hold: only then may the holdout be opened."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stage with its reasons.

    Attributes
    ----------
    stage : Stage
    failed : tuple of Answer
        The gates of the next stage that failed; empty for MATURE.
    passed : tuple of Answer
    confidence : float
        In [0, 1]; NaN when a part of it is unknown.
    """

    stage: Stage
    failed: tuple[Answer, ...]
    passed: tuple[Answer, ...]
    confidence: float

    @property
    def why_not_promoted(self) -> str:
        """The first gate that failed, its margin, the others that failed, and the cheapest next step."""
        if not self.failed:
            return ""
        first, *others = self.failed
        also = f" Also failed: {'; '.join(f'{gate.name}: {gate.measured}' for gate in others)}." if others else ""
        return f"{first.name}: {first.measured}.{also} {first.next_step}"


def confidence(trades: float, sharpe: float, win_rate: float, stability: float) -> float:
    """Return .3 min(trades/200, 1) + .3 min(max(Sharpe, 0)/3, 1) + .2 win rate + .2 stability."""
    return 0.3 * min(trades / 200.0, 1.0) + 0.3 * min(max(sharpe, 0.0) / 3.0, 1.0) + 0.2 * win_rate + 0.2 * stability


def _answers(facts: Facts, stage: Stage) -> list[Answer]:
    return [gate.ask(facts) for gate in GATES if gate.guards == stage and gate.applies(facts)]


def deserves_holdout(facts: Facts) -> bool:
    """Whether all gates of MATURE but the holdout hold: only then may it be opened."""
    return all(answer.passed for stage in (Stage.DISCOVERY, Stage.MATURE) for answer in _answers(facts, stage))


def decide(facts: Facts) -> Verdict:
    """Return the first stage whose successor's gates do not all hold."""
    sure = confidence(facts.trades, facts.sharpe, facts.win_rate, facts.stability)
    asked: list[Answer] = []
    for stage, below in ((Stage.DISCOVERY, Stage.PAPER), (Stage.VALIDATION, Stage.DISCOVERY)):
        answers = _answers(facts, stage)
        if not all(a.passed for a in answers):
            return Verdict(below, _failed(answers), _passed(asked or answers), sure)
        asked += answers
    mature = _answers(facts, Stage.MATURE)
    if all(a.passed for a in mature):
        mature.append(HOLDOUT.ask(facts))
    asked += mature
    reached = Stage.MATURE if all(a.passed for a in mature) else Stage.VALIDATION
    return Verdict(reached, _failed(asked), _passed(asked), sure)


def _failed(answers: list[Answer]) -> tuple[Answer, ...]:
    return tuple(a for a in answers if not a.passed)


def _passed(answers: list[Answer]) -> tuple[Answer, ...]:
    return tuple(a for a in answers if a.passed)
