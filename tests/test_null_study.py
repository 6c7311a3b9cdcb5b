"""The study of null markets: its cells, its counts and its page."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from benchmarks.report import marks
from scipy.stats import binom
from studies import equal_lows, honesty_figures, null_markets
from studies.null_cells import CELLS, PATTERN_TERMS, QUICK, Cell, PatternTask, Task, judged
from studies.null_figures import by_cell, figures, goals, ks_p, nearest, patterns_table
from studies.shares import holm, lower_limit
from studies.simulated import GatesOnly

from assay.engine import Costs
from assay.sources.null_markets import NULL_KINDS, NullMarket, simulate_null
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment
from test_studies import check_share, tables

if TYPE_CHECKING:
    from assay.market import Bars

ROOT = Path(__file__).resolve().parents[1]
SPACE = (
    ("volume_spike_threshold", (1.5, 2.0, 3.0)),
    ("reversal_candles", (1, 2)),
    ("atr_multiplier_sl", (1.5, 3.0)),
    ("risk_reward_ratio", (2.0, 4.0)),
)
SHORT = replace(QUICK, days=80, permutations=4, space=SPACE)


# --- shares


def test_a_lower_limit_is_exceeded_as_rarely_as_it_says() -> None:
    assert lower_limit(0, 40, 0.001) == 0.0
    for hits, n, level in ((3, 40, 0.05), (9, 40, 0.001), (40, 40, 0.01)):
        limit = lower_limit(hits, n, level)
        assert binom.sf(hits - 1, n, limit) == pytest.approx(level)


def test_holm_is_what_a_step_down_by_hand_gives() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    with_gap = holm([0.02, math.nan, 0.5])
    assert with_gap[0] == pytest.approx(0.04)
    assert math.isnan(with_gap[1])
    assert with_gap[2] == pytest.approx(0.5)
    assert holm([]) == []


# --- cells and their markets


def test_every_null_market_stands_in_six_cells_with_seeds_of_its_own() -> None:
    asked = null_markets.tasks(QUICK, CELLS, 40)
    assert len(CELLS) == 9 * 2 * 3
    assert len(asked) == 40 * len(CELLS)
    assert len({(task.cell, task.cell.seed(task.number)) for task in asked.values()}) == len(asked)
    assert len({task.cell.seed(n) for task in asked.values() for n in (0, 199)}) == 2 * len(CELLS)
    first = list(asked.values())[: len(CELLS)]
    assert [task.number for task in first] == [0] * len(CELLS)
    kinds = {str(simulate_null(NullMarket("stale", days=1)).market.symbol)}
    kinds |= {task.bars().market.symbol for task in (replace(t, terms=replace(QUICK, days=1)) for t in first)}
    assert len(kinds) == len(NULL_KINDS)


def test_a_cell_is_trained_by_default_settings_on_its_side_and_costs() -> None:
    bars = simulate_null(NullMarket("stale", days=1))
    task = Task(QUICK, Cell("stale", "exchange", "both"), 0)
    assert task.experiment().canonical(bars) == Experiment(LiquiditySweep(), permutations=39).canonical(bars)
    free = Task(QUICK, Cell("stale", "zero", "short"), 0).experiment()
    assert free.execution.sides == "short"
    assert free.execution.costs == Costs(fee=0.0, slippage=0.0)


def test_a_row_says_what_the_training_said() -> None:
    task = Task(SHORT, Cell("drift up", "zero", "long"), 3)
    row = judged(task)
    assert (row["cell"], row["number"], row["seed"]) == ("drift up, zero, long", 3, task.cell.seed(3))
    assert row["stage"] in {"PAPER", "DISCOVERY", "VALIDATION", "MATURE"}
    assert row["permutations"] >= 1
    assert row["combinations"] == 24
    assert row["cpu_seconds"] > 0
    assert row["lean"] in {None, 1.0}
    assert {"alpha_pct", "alpha_t", "beta", "similarity", "p_adjusted"} <= set(row)
    again = judged(task)
    assert {k: v for k, v in row.items() if "seconds" not in k} == {
        k: v for k, v in again.items() if "seconds" not in k
    }


# --- patterns of prices


def slow_equal_lows(bars: Bars, side: int, within: float, unit: Any) -> list[int]:
    """Every bar compared with every one 3 to 29 bars before it."""
    edge = bars.low if side > 0 else bars.high
    return [
        t
        for t in range(len(bars))
        if unit[t] > 0
        and bars.valid[t]
        and any(
            not bars.absent[j] and (edge[t] == edge[j] if within == 0 else abs(edge[t] - edge[j]) <= within * unit[t])
            for j in range(max(0, t - 29), t - 2)
        )
    ]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("kind", [equal_lows.EqualLows, equal_lows.NearLows])
def test_equal_lows_are_those_of_a_slow_loop(kind: type[equal_lows.EqualLows], side: int) -> None:
    from assay import atr

    bars = simulate_null(NullMarket("on_a_tick", days=6, timeframe="15m", seed=4))
    found = kind().setups(bars, side, {})
    expected = slow_equal_lows(bars, side, kind.within_atr, atr(bars))
    assert found.bar.tolist() == expected
    assert len(expected) > 50


def test_continuous_prices_have_no_equal_lows() -> None:
    smooth = simulate_null(NullMarket("clusters", days=6, timeframe="15m"))
    assert len(equal_lows.EqualLows().setups(smooth, 1, {}).bar) == 0
    assert len(equal_lows.NearLows().setups(smooth, 1, {}).bar) > 0


def test_both_patterns_see_the_same_markets_as_a_users_file() -> None:
    equal, near = PatternTask("equal lows", 2), PatternTask("near lows", 2)
    assert equal.bars().digest == near.bars().digest
    assert len(equal.bars()) == PATTERN_TERMS.days * 96
    assert equal.bars().market.tick is None
    experiment = equal.experiment()
    assert isinstance(experiment, GatesOnly)
    assert experiment.strategy.source_digest is not None
    assert experiment.strategy.name == "EQUAL_LOWS"
    assert near.experiment().strategy.name == "NEAR_LOWS"


# --- figures


def row(cell: Cell, number: int, stage: str = "PAPER", exceedances: int = 10) -> dict[str, Any]:
    return {
        "cell": cell.name, "number": number, "seed": cell.seed(number), "stage": stage, "permutations": 39,
        "exceedances": exceedances, "trades": 50, "cpu_seconds": 1.0,
    }  # fmt: skip


def test_the_cells_nearest_the_limit_are_those_of_the_first_markets() -> None:
    a, b, c, d = CELLS[:4]
    rows = [row(cell, i) for cell in (a, b, c, d) for i in range(10)]
    rows[12]["stage"], rows[25]["stage"], rows[26]["stage"] = "VALIDATION", "MATURE", "VALIDATION"
    rows[38]["exceedances"] = 0
    assert nearest(rows, 10) == [c, b]
    assert nearest(rows, 2, 4) == [a, b, c, d]
    rows[12]["stage"] = "PAPER"
    assert nearest(rows, 10) == [c, d]
    more = [row(a, i, "MATURE") for i in range(10, 50)]
    assert nearest(rows + more, 10) == [c, d]


def test_goals_are_failed_by_what_they_forbid() -> None:
    rng = np.random.default_rng(3)
    fair = [row(cell, i, exceedances=int(rng.integers(0, 40))) for cell in CELLS[:6] for i in range(40)]
    for r in fair:  # tests that met ten stopped somewhere
        if r["exceedances"] >= 10:
            r["permutations"], r["exceedances"] = 39 if r["exceedances"] == 10 else 390 // (r["exceedances"] + 1), 10
    met = {line["goal"]: line["met"] for line in goals(by_cell(fair))}
    assert set(met.values()) == {True}
    one_cell = [dict(r, stage="VALIDATION") if r["cell"] == CELLS[2].name and r["number"] < 9 else r for r in fair]
    failed = [line for line in goals(by_cell(one_cell)) if not line["met"]]
    assert [line["goal"] for line in failed] == ["no cell is significantly above, VALIDATION or better"]
    assert CELLS[2].name in str(failed[0]["measured"])
    spread = [dict(r, stage="MATURE") if r["number"] < 1 else r for r in fair]
    assert {str(line["goal"]) for line in goals(by_cell(spread)) if not line["met"]} == {"all cells together, MATURE"}
    small = [dict(r, exceedances=0, permutations=39) if r["cell"] == CELLS[1].name else r for r in fair]
    assert [line["goal"] for line in goals(by_cell(small)) if not line["met"]] == ["p is uniform in every cell"]


def test_a_pattern_is_judged_by_p_and_by_promotions() -> None:
    def line(small: int, believed: int) -> Any:
        rows = [
            row(CELLS[0], i, "VALIDATION" if i < believed else "PAPER", 0 if i < small else 10)
            | {"pattern": "equal lows", "permutations": 19}
            for i in range(60)
        ]
        (found,) = patterns_table(rows).rows
        return found["not significantly above 5 % (at 1 %)"]

    # of 60 markets eight or more happen less than once in a hundred
    assert binom.sf(7, 60, 0.05) < 0.01 < binom.sf(6, 60, 0.05)
    assert line(7, 7) is True
    assert line(8, 0) is False
    assert line(0, 8) is False


def test_markets_without_a_test_have_no_p() -> None:
    untested = [row(CELLS[0], i) | {"permutations": 0, "exceedances": 0} for i in range(3)]
    assert math.isnan(ks_p(untested))
    assert "p is uniform in every cell" not in {line["goal"] for line in goals(by_cell(untested))}
    assert "| - |" in figures(untested, [])


def check_nulls(page: str) -> None:
    """The page's tables agree with each other and with the sentence above them."""
    asked, cells, *patterns = tables(page, null_markets.PLACE)
    hits = dict.fromkeys(honesty_figures.REACHED, 0)
    total = 0
    for line in cells:
        n = int(line["markets"].replace(",", ""))
        total += n
        of_cell = {what: check_share(line[what], n) for what in hits}
        assert of_cell["MATURE"] <= of_cell["VALIDATION or better"] <= of_cell["any money"]
        hits = {what: hits[what] + of_cell[what] for what in hits}
    together = {line["goal"]: line for line in asked if line["goal"].startswith("all cells together")}
    for what, limit in honesty_figures.MAX_WITHOUT_EDGE.items():
        line = together[f"all cells together, {what}"]
        assert check_share(line["measured"], total) == hits[what]
        assert (line["met"] == "yes") == (hits[what] <= limit * total)
    met = sum(line["met"] == "yes" for line in asked)
    sentence = page.split(marks(null_markets.PLACE)[0])[1].strip().splitlines()[0]
    assert re.match(rf"Of {total:,} markets without an edge ", sentence)
    assert sentence.endswith(f"{met} of {len(asked)} goals are met.")
    for line in (line for table in patterns for line in table):
        n = int(line["markets"])
        assert check_share(line["any money"], n) <= n


def test_null_markets_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    begin, end = marks(null_markets.PLACE)
    page.write_text(f"words\n{begin}\n{end}\nmore\n")
    given = ["--days", "60", "--permutations", "1", "--workers", "1", "--folder", str(tmp_path), "--only", "stale"]
    once = [*given, "--markets", "1", "--nearest-markets", "0", "--pattern-markets", "1"]
    assert null_markets.main([*once, "--markdown", str(page)]) == 0
    assert "6 of 6 rows" in capsys.readouterr().err
    check_nulls(page.read_text())
    assert page.read_text().startswith("words\n")
    kept = (tmp_path / "rows.jsonl").read_bytes()
    assert null_markets.main(once) == 0
    assert (tmp_path / "rows.jsonl").read_bytes() == kept
    more = [*given, "--markets", "1", "--nearest-markets", "2", "--pattern-markets", "0"]
    assert null_markets.main(more) == 0
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 6 + 2 + 2
    with pytest.raises(SystemExit, match="rows of other code or settings"):
        null_markets.main([*once, "--permutations", "2"])
    with pytest.raises(SystemExit, match="must be some of"):
        null_markets.main(["--only", "nonsense"])


def test_the_page_of_null_markets_agrees_with_itself() -> None:
    page = (ROOT / "docs" / "honesty.md").read_text()
    begin, end = marks(null_markets.PLACE)
    content = page.split(begin)[1].split(end, maxsplit=1)[0].strip()
    if content != "Not measured yet.":
        check_nulls(page)
