"""The verdict: how far a configuration may be believed, and why not further."""

from __future__ import annotations

import math
from dataclasses import dataclass

STAGES = ("PAPER", "DISCOVERY", "VALIDATION", "MATURE", "DECAY")

MAX_ALLOCATION_PCT = {"PAPER": 0.0, "DISCOVERY": 2.0, "VALIDATION": 5.0, "MATURE": 10.0, "DECAY": 3.0}
SIZE_FACTOR = {"PAPER": 0.0, "DISCOVERY": 0.25, "VALIDATION": 0.5, "MATURE": 1.0, "DECAY": 0.0}

MIN_SHARPE = 0.5
MATURE_SHARPE = 1.5
MAX_P = 0.05
MATURE_P = 0.025
MIN_FILL_RATE = 0.7
DISCOVERY_TRADES = 30
MATURE_TRADES = 100
MAX_ADVERSE = 0.3


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of a stage.

    Attributes
    ----------
    name : str
        What is asked, in words.
    value : float
        What was measured; NaN = unknown, which fails.
    limit : float
    passed : bool
    stage : str
        The stage that this gate guards.
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

    @property
    def margin(self) -> float:
        """How far beyond the limit on the good side; negative falls short, NaN is unknown."""
        return self.limit - self.value if self.at_most else self.value - self.limit


@dataclass(frozen=True, slots=True)
class Facts:
    """What the verdict is made of; all stitched out of sample, NaN = unknown.

    Attributes
    ----------
    has_candidate : bool
        The search on all days before the holdout found a positive point.
    round_trip_share : float
        Round-trip cost over the median stop distance.
    round_trip, break_even : float
        What a round trip costs, and would have to cost for a profit of 0; fractions of the price.
    days : float
        Days out of sample.
    funnel : str
        What keeps the trades few.
    """

    has_candidate: bool
    net_profit_pct: float
    sharpe: float
    trades: float
    fill_rate: float
    p_value: float
    stopped_by_budget: bool
    data_override: bool
    fragile: tuple[str, ...]
    fragility_known: bool
    adverse_selection: float
    win_rate: float
    stability: float
    round_trip_share: float = math.nan
    round_trip: float = math.nan
    break_even: float = math.nan
    days: float = math.nan
    permutations_run: int = 0
    combinations: int = 0
    best_score: float = math.nan
    funnel: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stage with its reasons.

    Attributes
    ----------
    stage : str
        One of `STAGES`.
    failed : tuple of Gate
        The gates of the next stage that failed; empty for MATURE.
    passed : tuple of Gate
    confidence : float
        In [0, 1]; NaN when a part of it is unknown.
    """

    stage: str
    failed: tuple[Gate, ...]
    passed: tuple[Gate, ...]
    confidence: float

    @property
    def why_not_promoted(self) -> str:
        """One sentence: the first gate that failed, its margin and the cheapest next step."""
        if not self.failed:
            return ""
        gate = self.failed[0]
        value = "unknown" if math.isnan(gate.value) else f"{gate.value:.4g} (margin {gate.margin:+.4g})"
        return f"{gate.name}: {value}. {gate.next_step}"


def confidence(trades: float, sharpe: float, win_rate: float, stability: float) -> float:
    """Return .3 min(trades/200, 1) + .3 min(max(Sharpe, 0)/3, 1) + .2 win rate + .2 stability."""
    return 0.3 * min(trades / 200.0, 1.0) + 0.3 * min(max(sharpe, 0.0) / 3.0, 1.0) + 0.2 * win_rate + 0.2 * stability


def _profit_step(f: Facts) -> str:
    if f.break_even == 0:
        return "It loses even without costs: try another market, another timeframe or another idea."
    if f.break_even < f.round_trip:
        return (
            f"It earns before costs: a round trip may cost {100 * f.break_even:.2f} % of the price, and costs "
            f"{100 * f.round_trip:.2f} %. Try maker fees, a cheaper venue, a higher timeframe or min_stop_costs."
        )
    return _history_step(f)


def _history_step(f: Facts) -> str:
    if f.round_trip_share > 0.25:
        return (
            f"Costs are {100 * f.round_trip_share:.0f} % of the median stop distance: try a higher timeframe, "
            "a cheaper venue or min_stop_costs before a longer history."
        )
    return "Try a longer history: three years find most of the edges that one year misses."


def _trades_step(f: Facts, wanted: int) -> str:
    if not (f.trades > 0 and f.days > 0):
        return f"Use a longer history. {f.funnel}".rstrip()
    more = math.ceil((wanted - f.trades) * f.days / f.trades)
    longer = f"Use a longer history: at {f.trades / f.days:.2g} trades a day {max(more, 1):,} more days would do."
    return f"{longer} {f.funnel}".rstrip()


def _candidate_step(f: Facts) -> str:
    step = (
        f"None of the {f.combinations:,} combinations earns on these days (the best scores {f.best_score:.2f}): try "
        "another market, a higher timeframe, a cheaper venue or another idea."
    )
    return f"{step} {f.funnel}".rstrip() if f.trades < DISCOVERY_TRADES else step


def _p_step(f: Facts) -> str:
    if not f.permutations_run:
        return "Run the permutation test (--evidence standard)."
    if f.stopped_by_budget:
        return "The test was stopped by its time budget: let it finish."
    many = f" or choose fewer than {f.combinations:,} combinations beforehand" if f.combinations > 1 else ""
    return f"A search on bars without direction finds as much too often: use a longer history{many}."


def _paper_gates(f: Facts) -> list[Gate]:
    p_ok = f.p_value <= MAX_P and not f.stopped_by_budget
    return [
        Gate("bars accepted without override", float(not f.data_override), 1.0, not f.data_override, "DISCOVERY",
             "Train on bars that pass the quality gate."),
        Gate("a combination with a positive objective exists", float(f.has_candidate), 1.0, f.has_candidate,
             "DISCOVERY", _candidate_step(f)),
        Gate("out-of-sample net profit above 0 %", f.net_profit_pct, 0.0, f.net_profit_pct > 0, "DISCOVERY",
             _profit_step(f)),
        Gate(f"out-of-sample Sharpe of at least {MIN_SHARPE}", f.sharpe, MIN_SHARPE, f.sharpe >= MIN_SHARPE,
             "DISCOVERY", _history_step(f)),
        Gate(f"fill rate of at least {MIN_FILL_RATE}", f.fill_rate, MIN_FILL_RATE,
             f.fill_rate >= MIN_FILL_RATE, "DISCOVERY", "Choose a market that trades in every bar."),
        Gate(f"permutation p of at most {MAX_P}", f.p_value, MAX_P, p_ok, "DISCOVERY", _p_step(f), at_most=True),
    ]  # fmt: skip


def _mature_gates(f: Facts) -> list[Gate]:
    adverse_known = f.adverse_selection < MAX_ADVERSE
    fragile = f.fragility_known and not f.fragile
    return [
        Gate(f"more than {MATURE_TRADES} out-of-sample trades", f.trades, MATURE_TRADES, f.trades > MATURE_TRADES,
             "MATURE", _trades_step(f, MATURE_TRADES + 1)),
        Gate(f"out-of-sample Sharpe above {MATURE_SHARPE}", f.sharpe, MATURE_SHARPE, f.sharpe > MATURE_SHARPE,
             "MATURE", _history_step(f)),
        Gate(f"permutation p of at most {MATURE_P}", f.p_value, MATURE_P,
             f.p_value <= MATURE_P and not f.stopped_by_budget, "MATURE", _p_step(f), at_most=True),
        Gate("profit survives " + (", ".join(f.fragile) if f.fragile else "small changes"),
             float(fragile), 1.0, fragile, "MATURE", "See the fragility table."),
        Gate(f"adverse selection below {MAX_ADVERSE}", f.adverse_selection, MAX_ADVERSE, adverse_known,
             "MATURE", "Fills move against the position at once: wait a bar or use another venue.", at_most=True),
    ]  # fmt: skip


def holdout_gate(sharpe: float) -> Gate:
    """Return the last gate of MATURE."""
    return Gate("holdout Sharpe above 0", sharpe, 0.0, sharpe > 0, "MATURE", "Wait for new bars and train again.")


def deserves_holdout(f: Facts) -> bool:
    """Whether all gates of MATURE but the holdout hold: only then may the door be opened."""
    return all(g.passed for g in [*_paper_gates(f), *_mature_gates(f)])


def decide(f: Facts, holdout_sharpe: float = math.nan) -> Verdict:
    """Return the first stage of the table that applies."""
    sure = confidence(f.trades, f.sharpe, f.win_rate, f.stability)
    paper = _paper_gates(f)
    if not all(g.passed for g in paper):
        return Verdict("PAPER", _failed(paper), _passed(paper), sure)
    enough = Gate(f"at least {DISCOVERY_TRADES} out-of-sample trades", f.trades, DISCOVERY_TRADES,
                  f.trades >= DISCOVERY_TRADES, "VALIDATION", _trades_step(f, DISCOVERY_TRADES))  # fmt: skip
    if not enough.passed:
        return Verdict("DISCOVERY", (enough,), _passed(paper), sure)
    mature = _mature_gates(f)
    if all(g.passed for g in mature):
        mature.append(holdout_gate(holdout_sharpe))
    gates = [*paper, enough, *mature]
    stage = "MATURE" if all(g.passed for g in mature) else "VALIDATION"
    return Verdict(stage, _failed(gates), _passed(gates), sure)


def _failed(gates: list[Gate]) -> tuple[Gate, ...]:
    return tuple(g for g in gates if not g.passed)


def _passed(gates: list[Gate]) -> tuple[Gate, ...]:
    return tuple(g for g in gates if g.passed)
