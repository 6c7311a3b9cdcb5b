"""The campaign study: twenty different tries on the same days, settled as the core settles them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from benchmarks.report import marks
from studies import campaigns
from studies.campaign_figures import any_money, any_money_alone, any_money_on_the_way, goals, settled, users_of
from studies.campaign_tries import (
    GROUPS,
    STRATEGY_NAMES,
    TRIES,
    VARIANTS,
    Nulls,
    Try,
    facts_of,
    facts_row,
    judged,
    other_space,
    row_of,
    scores,
)
from studies.rows import plain

from assay.strategies import STRATEGIES
from assay.training import null_statistics, train
from assay.validation import DayCloses, Facts
from test_studies import tables

if TYPE_CHECKING:
    from pathlib import Path

BRIEF = replace(GROUPS[0], permutations=3)


# --- what is tried


def test_a_user_tries_twenty_different_things() -> None:
    asked = campaigns.tasks(GROUPS, 2, 1, 365)
    assert len(asked) == len(TRIES) * (2 + 2 + 1)
    assert TRIES[0] == ("LIQUIDITY_SWEEP", "default")
    assert set(STRATEGY_NAMES) == set(STRATEGIES)
    tries = [replace(task, days=230) for task in list(asked.values())[: len(TRIES)]]
    digests = {task.experiment().digest(task.bars()) for task in tries}
    assert len(digests) == len(TRIES) == 20
    assert len({task.market.seed for task in asked.values()}) == 5


@pytest.mark.parametrize("name", STRATEGY_NAMES)
def test_the_other_space_is_another_grid_that_is_not_empty(name: str) -> None:
    strategy = STRATEGIES[name]()
    task = Try(BRIEF, 0, TRIES.index((name, VARIANTS[1])), 60)
    space = other_space(strategy)
    assert task.experiment().grid_space == space
    default = strategy.default_grid
    changed = [n for n in default if tuple(space.values[n]) != tuple(default[n])]
    assert changed
    for parameter in changed:
        assert not set(space.values[parameter]) & set(default[parameter])
    assert 16 <= space.size <= 250_000


def test_all_tries_lie_on_the_same_days() -> None:
    tries = [Try(BRIEF, 1, number, 365) for number, (name, _) in enumerate(TRIES) if name == "LIQUIDITY_SWEEP"]
    closes = []
    for task in tries:
        bars, experiment = task.bars(), task.experiment()
        closes.append(DayCloses.of(bars, *experiment.bounds(bars, experiment.evaluator(bars).warmup)))
    assert all(a.same_days_as(b) for a in closes for b in closes)
    other = Try(BRIEF, 2, 0, 365)
    assert not closes[0].same_days_as(DayCloses.of(other.bars(), 0, len(other.bars())))


# --- rows


def test_facts_survive_their_row() -> None:
    facts = Facts(has_candidate=True, sharpe=1.5, fragile=("costs x 1.5",), fresh_process=None, counts="many")
    again = facts_of(json.loads(json.dumps(facts_row(facts), allow_nan=False)))
    assert math.isnan(again.p_value)
    assert again.fresh_process is None
    assert (again.sharpe, again.fragile, again.counts) == (1.5, ("costs x 1.5",), "many")
    assert facts_row(again) == facts_row(facts)


def test_a_row_holds_the_training_and_its_missing_null_statistics() -> None:
    task = Try(BRIEF, 0, TRIES.index(("SUPPLY_SHOCK", "1h")), 120)
    evidence = train(task.experiment(), task.bars())
    row = judged(task)
    assert plain(row_of(task, evidence)).items() <= row.items()
    assert row["stage"] == evidence.stage
    assert facts_row(facts_of(row["facts"])) == facts_row(evidence.judgement.facts)
    whole = null_statistics(task.experiment(), task.bars(), 0, 3)
    assert row["statistic"] == whole.statistic
    rest = judged(Nulls(task, 1))
    assert rest["of"] == task.key
    assert rest["maxima"] == whole.maxima[1:].tolist()
    assert row["maxima"] == whole.maxima[: len(row["maxima"])].tolist()


# --- settling


def rows_of_user(promoted: dict[int, float], statistics: list[list[float]] | None = None) -> list[dict[str, Any]]:
    """Twenty rows of one user: PAPER but for those named, with their statistic over unrelated standard normal nulls."""
    rng = np.random.default_rng(7)
    rows = []
    for number in range(len(TRIES)):
        maxima = (5.0 + rng.standard_normal(39)).tolist() if statistics is None else statistics[number]
        own = promoted.get(number, 5.0)
        p = (1 + sum(value >= own for value in maxima)) / 40
        good: dict[str, Any] = {
            "net_profit_pct": 20.0, "sharpe": 1.0, "fill_rate": 1.0, "trades": 60.0, "similarity": 1.0, "lean": 0.0,
        }  # fmt: skip
        facts = Facts(has_candidate=True, p_value=p, **good if number in promoted else {})
        rows.append({
            "group": GROUPS[0].name, "user": 0, "number": number, "key": f"try {number}", "digest": f"{number:064d}",
            "stage": "VALIDATION" if number in promoted else "PAPER", "p": p, "statistic": own, "maxima": maxima,
            "facts": facts_row(facts),
        })  # fmt: skip
    return rows


def test_a_lucky_try_loses_its_money_to_nineteen_unrelated_ones() -> None:
    ((tries,),) = users_of(rows_of_user({3: 7.6}), []).values()
    assert tries[3].facts.p_value <= 0.05
    assert any_money_alone(tries, 4)
    assert not any_money_alone(tries, 3)
    assert settled(tries[:4], 3) == "VALIDATION"
    assert settled(tries, 3) == "PAPER"
    assert not any_money(tries, 20)
    assert any_money_on_the_way(tries, 20)


def test_a_strong_try_keeps_its_money() -> None:
    ((tries,),) = users_of(rows_of_user({0: 30.0}), []).values()
    assert settled(tries, 0) == "VALIDATION"
    assert any_money(tries, 20)


def test_copies_of_a_try_cost_nothing() -> None:
    same = (5.0 + np.random.default_rng(7).standard_normal(39)).tolist()
    ((tries,),) = users_of(rows_of_user({3: 7.6}, [same] * 20), []).values()
    assert tries[3].facts.p_value <= 0.05
    assert settled(tries, 3) == "VALIDATION"


def test_only_users_with_something_to_believe_in_are_completed() -> None:
    rows = rows_of_user({3: 7.6})
    for row in rows:
        row["maxima"] = row["maxima"][:12] if row["number"] != 3 else row["maxima"]
    poor = [dict(row, user=1, stage="PAPER") for row in rows]
    asked = campaigns.tasks(GROUPS[:1], 2, 0, 365)
    missing = campaigns.missing_nulls(asked, [*rows, *poor])
    assert len(missing) == 19
    assert {task.first for task in missing.values()} == {12}
    assert {task.tried.user for task in missing.values()} == {0}
    whole = {row["key"]: row["maxima"] for row in rows_of_user({3: 7.6})}
    nulls = [{"of": row["key"], "maxima": whole[row["key"]][12:]} for row in rows if row["number"] != 3]
    ((completed,),) = users_of(rows, nulls).values()
    assert all(np.array_equal(known.tried.maxima, whole[f"try {i}"]) for i, known in enumerate(completed))


def test_a_search_without_any_score_is_no_rival() -> None:
    rows = rows_of_user({0: 7.6})
    for row in rows[1:]:
        row["statistic"], row["maxima"] = None, scores([-math.inf] * 38 + [5.0])
    json.dumps(rows, allow_nan=False)
    ((tries,),) = users_of(rows, []).values()
    assert tries[1].tried.statistic == -math.inf
    assert settled(tries, 0) == "VALIDATION"


def test_goals_count_users() -> None:
    rows = rows_of_user({3: 7.6}) + [dict(row, user=1) for row in rows_of_user({})]
    lines = {str(line["goal"]): line for line in goals(users_of(rows, []))}
    after, on_the_way = lines.values()
    assert str(after["measured"]).startswith("0.0 %")
    assert after["met"]
    assert str(on_the_way["measured"]).startswith("50.0 %")
    assert not on_the_way["met"]
    edge = [dict(row, group=GROUPS[-1].name) for row in rows_of_user({0: 30.0})]
    (line,) = goals(users_of(edge, []))
    assert str(line["measured"]).startswith("100.0 %")
    assert line["met"]
    assert users_of(rows[:5], []) == {}


# --- the study itself


def test_campaigns_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    begin, end = marks(campaigns.PLACE)
    page.write_text(f"words\n{begin}\n{end}\n")
    monkeypatch.setattr(campaigns, "GROUPS", GROUPS[:1])
    given = ["--users", "1", "--edge-users", "0", "--days", "100", "--permutations", "1", "--workers", "1"]
    assert campaigns.main([*given, "--folder", str(tmp_path), "--markdown", str(page)]) == 0
    found = tables(page.read_text(), campaigns.PLACE)
    assert len(found) == 2
    assert [line["tries"] for line in found[1]] == ["1", "2", "5", "10", "15", "20"]
    kept = (tmp_path / "rows.jsonl").read_bytes()
    assert len(kept.splitlines()) >= 20
    assert campaigns.main([*given, "--folder", str(tmp_path)]) == 0
    assert (tmp_path / "rows.jsonl").read_bytes() == kept
    with pytest.raises(SystemExit, match="rows of other code or settings"):
        campaigns.main([*given, "--folder", str(tmp_path), "--days", "101"])
