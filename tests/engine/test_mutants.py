"""Mistakes planted in the kernels' source, one at a time: the fill tests must notice each of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from engine.bridge import OWN_ANSWERS, Case, differences, random_case, worked_differences
from engine.mutation import SOURCE, Mutant, use

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assay.testing.oracle import OracleOrder, OracleResult

CASES = 700


MUTANTS = (
    Mutant("a stop beyond the close", "not (risk > 0.0 and side * (close - stop) > 0.0)", "not risk > 0.0"),
    Mutant(
        "target before stop",
        "elif side * (stop - bad) >= 0.0:",
        "elif side * (stop - bad) >= 0.0 and not side * (good - target) >= 0.0:",
    ),
    Mutant("a touch does not stop", "elif side * (stop - bad) >= 0.0:", "elif side * (stop - bad) > 0.0:"),
    Mutant(
        "a touch does not reach the target",
        "            if side * (good - target) >= 0.0:\n                exit",
        "            if side * (good - target) > 0.0:\n                exit",
    ),
    Mutant("stop gap at the level", "exit_raw, reason = o, stop_reason", "exit_raw, reason = stop, stop_reason"),
    Mutant(
        "target gap at the level",
        "exit_raw, reason = o, REASON_TAKE_PROFIT",
        "exit_raw, reason = target, REASON_TAKE_PROFIT",
    ),
    Mutant("open at the stop is no gap", "if side * (stop - o) >= 0.0:", "if side * (stop - o) > 0.0:"),
    Mutant("busy at the close of the exit bar", "if bar[row] < free:", "if bar[row] <= free:"),
    Mutant("free one bar early", "if bar[row] < free:", "if bar[row] < free - 1.0:"),
    Mutant(
        "no marks at day ends",
        "for d in range(first, final):\n        bar",
        "for d in range(first, first):\n        bar",
    ),
    Mutant(
        "day marks ignore the first leg",
        "OUTCOME_PARTIAL_BAR] <= bar else np.nan\n        mark =",
        "OUTCOME_PARTIAL_BAR] <= -1 else np.nan\n        mark =",
    ),
    Mutant(
        "marks without the entry's costs",
        "return side * (close / entry - 1.0) - costs[COST_FEE] - costs[COST_COMMISSION] / entry",
        "return side * (close / entry - 1.0)",
    ),
    Mutant("peak ignores the path", "outcome[OUTCOME_MAX_MARK])", "outcome[OUTCOME_FACTOR])"),
    Mutant("drawdown ignores the path", "OUTCOME_MIN_MARK]) / peak", "OUTCOME_FACTOR]) / peak"),
    Mutant("no drawdown inside a trade", "OUTCOME_INNER_DRAWDOWN], ", "OUTCOME_INNER_DRAWDOWN] * 0.0, "),
    Mutant(
        "downside counts every day",
        "        if r < 0.0:\n            sd += r * r\n        before = value",
        "        sd += r * r\n        before = value",
    ),
    Mutant("entry at the close", "entry_raw = opens[entry_bar]", "entry_raw = closes[entry_bar]"),
    Mutant("entry at the signal's close", "entry_raw = opens[entry_bar]", "entry_raw = close_ref"),
    Mutant(
        "trail in force on its own bar",
        "stop, stop_reason = candidate, REASON_TRAILING_STOP",
        "stop, stop_reason = candidate, REASON_TRAILING_STOP\n"
        "                        if side * (stop - bad) >= 0.0:\n"
        "                            exit_raw, reason = stop, stop_reason\n"
        "                            break",
    ),
    Mutant(
        "trail follows the extreme",
        "            if trail_kind > 0.0:\n"
        "                if best == -np.inf or side * (c - best) > 0.0:\n                    best = c",
        "            if trail_kind > 0.0:\n"
        "                if best == -np.inf or side * (good - best) > 0.0:\n                    best = good",
    ),
    Mutant("trail loosens the stop", "if side * (candidate - stop) > 0.0:", "if side * (candidate - stop) != 0.0:"),
    Mutant(
        "trail of the extreme one bar short",
        "range(max(0, j - trail_bars + 1), j)",
        "range(max(0, j - trail_bars + 2), j)",
    ),
    Mutant("break-even on the entry bar", "if even_now and j > entry_bar and", "if even_now and"),
    Mutant(
        "break-even without costs",
        "exit_raw, reason = entry, REASON_BREAK_EVEN",
        "exit_raw, reason = entry_raw, REASON_BREAK_EVEN",
    ),
    Mutant("no break-even after the first leg", "if even_now and side * (entry - stop) > 0.0:", "if False:"),
    Mutant("first leg beyond the target", "if side * (target - first) <= 0.0:", "if False:"),
    Mutant(
        "trailed stop forgotten at an open beyond R1",
        "in_force = j == entry_bar or side * (stop - entry) >= 0.0",
        "in_force = j == entry_bar",
    ),
    Mutant(
        "first leg at the level when it gaps",
        "first_raw, partial_bar, pending = o, float(j), False",
        "first_raw, partial_bar, pending = first, float(j), False",
    ),
    Mutant("both legs weigh one", "net = 0.5 * leg1 + 0.5 * last_leg", "net = leg1 + last_leg"),
    Mutant("time exit one bar late", "j - entry_bar + 1 >= max_bars", "j - entry_bar >= max_bars"),
    Mutant(
        "time exit before the flat bar",
        "            if is_flat_by and j == last:",
        "            if max_bars > 0.0 and j - entry_bar + 1 >= max_bars:\n"
        "                exit_raw, reason = c, REASON_MAX_HOLDING\n"
        "                break\n"
        "            if is_flat_by and j == last:",
    ),
    Mutant("untradable bars let in", "if not tradable[entry_bar]:", "if False:"),
    Mutant("untradable bars let out", "        if tradable[j]:", "        if True:"),
    Mutant("ends on an untradable bar", "while last > entry_bar and not tradable[last]:", "while False:"),
    Mutant("flat bar ignored", "last = min(flat_by, n - 1)", "last = n - 1"),
    Mutant("absent flat bar not flagged", "if is_flat_by and last < flat_by:", "if False:"),
    Mutant("late fill after the flat bar", "and not 0 <= flat_by < entry_bar", "and not 0 <= flat_by < entry_bar - 1"),
    Mutant("signal on the flat bar", "or (flat_by >= 0 and flat_by <= t):", "or (flat_by >= 0 and flat_by < t):"),
    Mutant(
        "invalidation at the same close",
        "                ordered = REASON_INVALIDATION",
        "                exit_raw, reason = c, REASON_INVALIDATION\n                break",
    ),
    Mutant("opposite signals ignored", "elif j >= opposite:", "elif False:"),
    Mutant("no slippage at the exit", "exit_price = slipped(exit_raw, -side, slip, tick)", "exit_price = exit_raw"),
    Mutant("no slippage at the entry", "entry = slipped(entry_raw, side, slip, tick)", "entry = entry_raw"),
    Mutant("slippage in favour", "return price * (1.0 + side * slippage)", "return price * (1.0 - side * slippage)"),
    Mutant("a price beside the grid's float", "return steps * whole / unit", "return steps * tick"),
    Mutant("slippage below a tick", "if tick > price * slippage:", "if False:"),
    Mutant("fee on one side", "costs[COST_FEE] * (1.0 + x)", "costs[COST_FEE]"),
    Mutant(
        "commission once", "(costs[COST_COMMISSION] + costs[COST_COMMISSION]) / entry", "costs[COST_COMMISSION] / entry"
    ),
    Mutant(
        "never ambiguous",
        "out[OUTCOME_AMBIGUOUS] = 0.0 if np.isnan(optimistic) else 1.0",
        "out[OUTCOME_AMBIGUOUS] = 0.0",
    ),
    Mutant("optimistic end at the stop", "out[OUTCOME_OPTIMISTIC_NET] = best_net", "out[OUTCOME_OPTIMISTIC_NET] = net"),
    Mutant(
        "optimistic end without the second target",
        "optimistic = target if holds_target else first",
        "optimistic = first",
    ),
    Mutant("cooldown ignored", "free = cool + exit_[EXIT_COOLDOWN]", "free = cool"),
    Mutant("trade limits ignored", "        if full:\n", "        if False:\n"),
    Mutant(
        "limits count orders",
        "        sent += 1\n        if o[OUTCOME_STATUS] < 1.0:\n",
        "        sent += 1\n"
        "        if o[OUTCOME_STATUS] < 1.0:\n"
        "            for g in range(2):\n"
        "                if exit_[EXIT_CAP_A + g] >= 0.0 and groups.of_row[row, g] >= 0:\n"
        "                    fills[groups.of_row[row, g] + g * groups.sizes[0]] += 1\n",
    ),
    Mutant(
        "unsent orders counted",
        "            fates[row] = FATE_UNSENT\n            continue\n",
        "            fates[row] = FATE_UNSENT\n            sent += 1\n            continue\n",
    ),
    Mutant("both sides do not cancel", "if long_row >= 0 and short_row < 0:", "if long_row >= 0:"),
    Mutant(
        "last row preferred",
        "                    if long_row < 0:\n                        long_row = row",
        "                    long_row = row",
    ),
    Mutant(
        "size not capped",
        "size = min(costs[COST_LEVERAGE_CAP], costs[COST_RISK_FRACTION] * close_ref / risk)",
        "size = costs[COST_RISK_FRACTION] * close_ref / risk",
    ),
    Mutant(
        "size from the fill",
        "size = min(costs[COST_LEVERAGE_CAP], costs[COST_RISK_FRACTION] * close_ref / risk)",
        "size = min(costs[COST_LEVERAGE_CAP], costs[COST_RISK_FRACTION] * opens[entry_bar] / risk)",
    ),
    Mutant(
        "stop rounded towards the price", "stop = round_away(stop, -side, tick)", "stop = round_away(stop, side, tick)"
    ),
    Mutant(
        "target rounded towards the price",
        "target = round_away(target, side, tick)",
        "target = round_away(target, -side, tick)",
    ),
    Mutant("anchor ignored", "if side * (stop - level[LEVEL_ANCHOR]) > 0.0:", "if False:"),
    Mutant("floor ignored", "distance = max(distance, level[LEVEL_STOP_FLOOR])", "distance = max(distance, 0.0)"),
    Mutant(
        "target limit ignored",
        "if exit_[EXIT_TARGET_LIMITED] > 0.0 and side * (target - level[LEVEL_TARGET_LIMIT]) > 0.0:",
        "if False:",
    ),
    Mutant("poor targets taken", " or abs(target - close) < exit_[EXIT_MIN_TARGET_R] * risk:", ":"),
    Mutant("r in units of the entry's risk", "net * entry / risk", "net * entry / abs(entry - stop)"),
)


class Known(NamedTuple):
    """A random case with the oracle's answer."""

    case: Case
    orders: list[OracleOrder]
    answer: OracleResult


@pytest.fixture(scope="module")
def known() -> list[Known]:
    cases = [random_case(seed, longest=110) for seed in range(500_000, 500_000 + CASES)]
    return [Known(case, case.orders(), case.answer()) for case in cases]


@pytest.fixture(scope="module")
def answers(shared_data: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((shared_data.parent / "answers" / "fills.json").read_text())
    return content


def failures(known: list[Known], answers: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Whatever the fill tests object to; an exception objects too."""
    try:
        for source in (answers, OWN_ANSWERS):
            for case in source["cases"]:
                yield from worked_differences(source, case)
        for k in known:
            yield from differences(k.case.run(), k.answer, k.case.bars, k.orders)
    except (IndexError, ZeroDivisionError, ValueError) as error:
        yield (repr(error),)


def test_plain_python_computes_the_same(
    monkeypatch: pytest.MonkeyPatch, known: list[Known], answers: dict[str, Any]
) -> None:
    use(monkeypatch, SOURCE)
    with np.errstate(all="ignore"):
        assert not list(failures(known, answers))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_mutant_is_caught(
    monkeypatch: pytest.MonkeyPatch, known: list[Known], answers: dict[str, Any], mutant: Mutant
) -> None:
    use(monkeypatch, mutant.source())
    with np.errstate(all="ignore"):
        assert next(failures(known, answers), None) is not None
