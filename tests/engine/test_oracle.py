"""Random runs: the engine and an independent simulator agree in every field, to the last bit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.engine import REASONS
from engine.bridge import case_differences, random_case

BLOCKS, RUNS = 8, 150


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_runs_agree(block: int) -> None:
    wrong = {}
    for seed in range(block * RUNS, (block + 1) * RUNS):
        if found := case_differences(random_case(seed)):
            wrong[seed] = found[:5]
    assert not wrong


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(1_000_000, 2_000_000), st.sampled_from([0, 1, 2]), st.booleans())
def test_delays_and_opposite_signals_agree(seed: int, delay: int, opposite: bool) -> None:
    case = replace(random_case(seed, longest=120), delay=delay, opposite=opposite)
    assert not case_differences(case)


def test_the_random_runs_reach_every_way_out() -> None:
    seen: Counter[str] = Counter()
    for seed in range(BLOCKS * RUNS):
        case = random_case(seed)
        run = case.run()
        trades = run.trades
        seen.update(REASONS[r] for r in trades.reason)
        seen["two legs"] += int((trades.partial_raw > 0).sum())
        seen["ambiguous"] += int(trades.ambiguous.sum())
        seen["flat bar absent"] += int(trades.flat_bar_absent.sum())
        seen["unfilled"] += run.orders_sent - len(trades)
        seen["ignored"] += run.signals - run.orders_sent
        seen["refused"] += len({*case.signals.rows.bar}) - run.signals
        seen["capped"] += int((trades.size == case.money.sizing.leverage_cap).sum())
        seen["uncapped"] += int((trades.size < case.money.sizing.leverage_cap).sum())
        seen["days"] += int((case.bars.day[trades.exit_bar] > case.bars.day[trades.entry_bar]).sum())
    asked = [r for r in REASONS if r != "PARTIAL"]
    more = ["two legs", "ambiguous", "flat bar absent", "unfilled", "ignored", "refused", "capped", "uncapped"]
    scarce = {name: seen[name] for name in (*asked, *more, "days") if seen[name] < 10}
    assert not scarce
