from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from assay.validation import Facts, decide, deserves_holdout
from assay.validation.lifecycle import STAGES, Stage, confidence

GOOD = Facts(
    has_candidate=True,
    net_profit_pct=20.0,
    sharpe=2.0,
    trades=150.0,
    fill_rate=0.99,
    p_value=0.01,
    stopped_by_budget=False,
    data_override=False,
    fragile=(),
    fragility_known=True,
    adverse_selection=0.1,
    win_rate=0.55,
    stability=0.7,
    permutations_run=199,
    combinations=100,
    similarity=0.9,
    lean=0.05,
    gross_p=0.01,
)
NAN = math.nan


def stage(holdout: float = 1.0, **changes: Any) -> str:
    return decide(replace(GOOD, holdout_sharpe=holdout, **changes)).stage


@pytest.mark.parametrize(
    "changes",
    [
        {"has_candidate": False},
        {"net_profit_pct": 0.0},
        {"net_profit_pct": -1e-9},
        {"net_profit_pct": NAN},
        {"sharpe": 0.4999999},
        {"sharpe": NAN},
        {"fill_rate": 0.6999999},
        {"fill_rate": NAN},
        {"p_value": 0.0500001},
        {"p_value": NAN},
        {"stopped_by_budget": True},
        {"data_override": True},
        {"data_override": True, "trades": 5.0},
    ],
)
def test_paper(changes: dict[str, Any]) -> None:
    assert stage(**changes) == "PAPER"
    assert not deserves_holdout(replace(GOOD, **changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"p_value": 0.05, "sharpe": 0.5, "fill_rate": 0.7, "net_profit_pct": 1e-9}, "VALIDATION"),
        ({"trades": 29.0}, "DISCOVERY"),
        ({"trades": 0.0}, "DISCOVERY"),
        ({"trades": NAN}, "DISCOVERY"),
        ({"trades": 30.0}, "VALIDATION"),
        ({"trades": 100.0}, "VALIDATION"),
        ({"trades": 101.0}, "MATURE"),
        ({"sharpe": 1.5}, "VALIDATION"),
        ({"sharpe": 1.5000001}, "MATURE"),
        ({"p_value": 0.025}, "MATURE"),
        ({"p_value": 0.0250001}, "VALIDATION"),
        ({"fragile": ("costs x 1.5",)}, "VALIDATION"),
        ({"fragility_known": False}, "VALIDATION"),
        ({"adverse_selection": 0.3}, "VALIDATION"),
        ({"adverse_selection": 0.2999999}, "MATURE"),
        ({"adverse_selection": NAN}, "VALIDATION"),
        ({"holdout": 0.0}, "VALIDATION"),
        ({"holdout": -0.1}, "VALIDATION"),
        ({"holdout": NAN}, "VALIDATION"),
        ({"holdout": 1e-9}, "MATURE"),
        ({}, "MATURE"),
        ({"stability": NAN}, "MATURE"),
    ],
)
def test_the_rows_above_paper(changes: dict[str, Any], expected: str) -> None:
    assert stage(**changes) == expected


def test_the_first_row_that_applies() -> None:
    # few trades and no profit: PAPER, not DISCOVERY; everything of MATURE but 29 trades: DISCOVERY
    assert stage(trades=5.0, net_profit_pct=-1.0) == "PAPER"
    assert stage(trades=29.0, sharpe=9.0, p_value=0.001) == "DISCOVERY"


def test_money_by_stage() -> None:
    table = {"PAPER": (0, 0), "DISCOVERY": (0.25, 2), "VALIDATION": (0.5, 5), "MATURE": (1.0, 10), "DECAY": (0, 3)}
    assert tuple(table) == STAGES
    assert {s.value: (s.size_factor, s.max_allocation_pct) for s in Stage} == table


@pytest.mark.parametrize(
    "changes",
    [{"trades": 100.0}, {"sharpe": 1.5}, {"p_value": 0.03}, {"fragile": ("x",)}, {"adverse_selection": 0.5}],
)
def test_the_holdout_is_opened_only_when_all_else_holds(changes: dict[str, Any]) -> None:
    assert deserves_holdout(GOOD)
    assert not deserves_holdout(replace(GOOD, **changes))
    verdict = decide(replace(GOOD, **changes))
    assert not any("holdout" in gate.name for gate in (*verdict.passed, *verdict.failed))


@pytest.mark.parametrize(
    ("trades", "sharpe", "win_rate", "stability", "expected"),
    [
        (0, 0.0, 0.0, 0.0, 0.0),
        (200, 3.0, 1.0, 1.0, 1.0),
        (900, 12.0, 1.0, 1.0, 1.0),  # both capped
        (100, 1.5, 0.5, 0.5, 0.5),
        (50, -4.0, 0.4, 0.25, 0.075 + 0.0 + 0.08 + 0.05),
    ],
)
def test_confidence(trades: float, sharpe: float, win_rate: float, stability: float, expected: float) -> None:
    assert confidence(trades, sharpe, win_rate, stability) == pytest.approx(expected, abs=1e-15)


def test_confidence_is_unknown_when_a_part_is() -> None:
    assert math.isnan(confidence(10, NAN, 0.5, 0.5))
    assert math.isnan(confidence(10, 1.0, NAN, 0.5))
    assert math.isnan(decide(replace(GOOD, stability=NAN, holdout_sharpe=1.0)).confidence)


def test_why_not_promoted_names_gate_margin_and_step() -> None:
    assert decide(replace(GOOD, holdout_sharpe=1.0)).why_not_promoted == ""
    low = decide(replace(GOOD, sharpe=0.3))
    assert [g.name for g in low.failed] == ["out-of-sample Sharpe of at least 0.5"]
    assert low.failed[0].margin == pytest.approx(-0.2)
    assert "out-of-sample Sharpe of at least 0.5: 0.3 (margin -0.2)" in low.why_not_promoted
    assert low.why_not_promoted.endswith(
        "Try a longer history: three years find most of the edges that one year misses."
    )
    few = decide(replace(GOOD, trades=12.0))
    assert "at least 30 out-of-sample trades: 12 (margin -18). Use a longer history." in few.why_not_promoted
    few = decide(replace(GOOD, trades=12.0, days=120.0))  # .1 a day: 18 more take 180 days
    assert few.why_not_promoted.endswith("at 0.1 trades a day 180 more days would do.")
    assert "31 more days" in decide(replace(GOOD, trades=100.0, days=3100.0)).why_not_promoted
    sealed = decide(replace(GOOD, holdout_sharpe=-0.25))
    assert "holdout Sharpe above 0: -0.25" in sealed.why_not_promoted


def test_the_next_step_fits_the_cause() -> None:
    assert "--evidence" in decide(replace(GOOD, p_value=NAN, permutations_run=0)).why_not_promoted
    assert "unknown" in decide(replace(GOOD, p_value=NAN, permutations_run=0)).why_not_promoted
    stopped = decide(replace(GOOD, p_value=0.01, stopped_by_budget=True, permutations_run=50))
    assert stopped.stage == "PAPER"
    assert "time budget" in stopped.why_not_promoted
    unlucky = decide(replace(GOOD, p_value=0.2))
    assert "fewer than 100 combinations" in unlucky.why_not_promoted
    assert "fewer than" not in decide(replace(GOOD, p_value=0.2, combinations=1)).why_not_promoted
    costly = decide(replace(GOOD, sharpe=0.1, round_trip_share=0.4))
    assert "Costs are 40 % of the median stop distance" in costly.why_not_promoted
    loss = replace(GOOD, net_profit_pct=-3.0, round_trip=0.003)
    assert "may cost 0.12 % of the price, and costs 0.30 %" in decide(replace(loss, break_even=0.0012)).why_not_promoted
    noise = decide(replace(loss, break_even=0.0012, gross_p=0.5)).why_not_promoted
    assert "may be chance (p = 0.5 of its mean trade)" in noise
    assert "fees" not in noise
    assert "may be chance" in decide(replace(loss, break_even=0.0012, gross_p=NAN)).why_not_promoted
    assert "loses even without costs" in decide(replace(loss, break_even=0.0)).why_not_promoted
    assert "longer history" in decide(replace(loss, break_even=NAN)).why_not_promoted
    fragile = decide(replace(GOOD, fragile=("costs x 1.5", "entry one bar late")))
    assert "costs x 1.5, entry one bar late" in fragile.why_not_promoted


def test_the_first_failed_gate_speaks_and_all_are_listed() -> None:
    bad = decide(replace(GOOD, data_override=True, has_candidate=False, net_profit_pct=NAN, p_value=0.5))
    assert [g.name.split()[0] for g in bad.failed] == ["bars", "a", "out-of-sample", "permutation"]
    assert bad.why_not_promoted.startswith("bars accepted without override")
    assert len(bad.passed) + len(bad.failed) == 6


def test_no_profit_too_few_trades_and_unknown_are_told_apart() -> None:
    idle = decide(replace(GOOD, net_profit_pct=0.0, sharpe=NAN, trades=0.0, fill_rate=NAN))
    assert "Nothing was traded out of sample" in idle.why_not_promoted
    few = decide(replace(GOOD, has_candidate=False, judged=0, net_profit_pct=NAN)).why_not_promoted
    assert few.startswith("a combination with a positive objective exists: no.")
    assert "None of the 100 combinations trades 10 times with a known measure" in few
    lost = decide(replace(GOOD, has_candidate=False, judged=9, best_score=-8.25)).why_not_promoted
    assert "None of the 100 combinations earns on these days (the best scores -8.25)" in lost


def test_all_failed_gates_stand_in_one_sentence_the_binding_one_first() -> None:
    bad = decide(replace(GOOD, sharpe=0.2, p_value=0.4, lean=0.9, alpha_t=NAN)).why_not_promoted
    assert bad.startswith(
        "out-of-sample Sharpe of at least 0.5: 0.2 (margin -0.3). Also failed: permutation p of at most 0.05: 0.4 "
        "(margin -0.35); alpha over the market of 1.645 standard errors (positions lean 90 % to one side): unknown. Try"
    )


@pytest.mark.parametrize(
    ("lean", "t", "expected"),
    [(0.2, -9.0, "MATURE"), (0.2000001, 1.645, "MATURE"), (0.21, 1.6449999, "PAPER"), (1.0, NAN, "PAPER"),
     (NAN, NAN, "MATURE")],
)  # fmt: skip
def test_who_leans_to_one_side_has_to_beat_the_market(lean: float, t: float, expected: str) -> None:
    assert stage(lean=lean, alpha_t=t) == expected


@pytest.mark.parametrize(
    ("similarity", "expected"), [(1 / 3, "MATURE"), (0.3333, "PAPER"), (0.0, "PAPER"), (NAN, "PAPER")]
)
def test_p_on_bars_that_are_not_comparable_promotes_nothing(similarity: float, expected: str) -> None:
    assert stage(similarity=similarity) == expected
    at_the_limit = "VALIDATION" if expected == "MATURE" else expected
    assert stage(similarity=similarity, p_value=0.05) == at_the_limit


@pytest.mark.parametrize(
    ("p_adjusted", "expected"),
    [(0.01, "MATURE"), (0.025, "MATURE"), (0.0250001, "VALIDATION"), (0.05, "VALIDATION"), (0.0500001, "PAPER"),
     (NAN, "PAPER")],
)  # fmt: skip
def test_a_campaign_is_a_gate_where_a_ledger_was_asked(p_adjusted: float, expected: str) -> None:
    assert stage(campaign_known=True, p_adjusted=p_adjusted) == expected
    assert stage(campaign_known=False, p_adjusted=p_adjusted) == "MATURE"


def test_a_campaign_names_the_tries_and_the_permutations_that_it_needs() -> None:
    facts = replace(GOOD, campaign_known=True, p_adjusted=0.06, experiments=1_200, unknown=7, needed=155)
    why = decide(facts).why_not_promoted
    assert "1,200 other experiments were made on these days, 7 of them without null statistics" in why
    assert "--permutations 155 or more could tell" in why
    assert "declare" in decide(replace(facts, unknown=0, needed=0)).why_not_promoted


def test_a_users_strategy_has_to_answer_in_a_fresh_process() -> None:
    """Of a strategy that ships nothing is asked, and its gates are those of before."""
    name = "a user's strategy answers the same in a fresh process"
    assert name not in [gate.name for gate in decide(GOOD).passed]
    assert stage(fresh_process="") == stage(fresh_process=None)
    asked = decide(replace(GOOD, fresh_process=""))
    assert name in [gate.name for gate in asked.passed]
    unasked = decide(replace(GOOD, fresh_process="it is of a notebook"))
    assert (unasked.stage, [gate.name for gate in unasked.failed]) == ("PAPER", [name])
    assert unasked.why_not_promoted.endswith("It was not asked in a fresh process: it is of a notebook.")
    assert not deserves_holdout(replace(GOOD, fresh_process="it is of a notebook"))
