"""Every registered strategy's results on fixed recorded bars are those of `golden.json`; `make golden` renews it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import REASONS
from assay.evaluation import backtest
from assay.strategies import STRATEGIES, find_strategy
from assay.testing import loose_values, practice_bars
from assay.testing.markets import cut
from strategies.markets import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.engine import Run, Trades
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy

GOLDEN = Path(__file__).with_name("golden.json")
SLICES = (
    ("BINANCE_BTCUSDT_5m", 28_000, 40_000),
    ("BINANCE_SOLUSDT_5m", 20_000, 32_000),
    ("BINANCE_CVCUSDT_5m", 81_000, 93_000),  # listed again at 81,888
    ("BINANCE_ONGUSDT_5m", 36_000, 48_000),  # a fifth of its bars has no volume
)
PLACES = 9  # of returns; prices keep as many digits: the last bits of a float may differ between platforms

Results = dict[str, dict[str, dict[str, Any]]]


def sets_of(strategy: Strategy) -> dict[str, dict[str, Value]]:
    """The defaults, and the loose end of every threshold with both sides on."""
    both = {"allow_short": True} if "allow_short" in strategy.parameters.names else {}
    return {"defaults": strategy.parameters.defaults, "loose": loose_values(strategy) | both}


def rounded(value: float) -> float:
    return round(float(value), PLACES) + 0.0  # no -0.0


def told(trades: Trades, i: int) -> str:
    """One trade: side, bars of signal, entry and exit, prices, return, reason."""
    side = "long" if trades.side[i] > 0 else "short"
    bars = f"{trades.signal_bar[i]} {trades.entry_bar[i]} {trades.exit_bar[i]}"
    prices = f"{trades.entry_price[i]:.{PLACES}g} to {trades.exit_price[i]:.{PLACES}g}"
    return f"{side}, bars {bars}, {prices}, {rounded(trades.net_return[i])}, {REASONS[trades.reason[i]]}"


def summary(run: Run) -> dict[str, Any]:
    """What is kept of a run: enough to read what changed, and a digest of every trade."""
    trades = run.trades
    every = [told(trades, i) for i in range(len(trades))]
    reasons = {REASONS[r]: int(n) for r, n in zip(*np.unique(trades.reason, return_counts=True), strict=True)}
    return {
        "signals": run.signals,
        "trades": len(trades),
        "longs": int(np.count_nonzero(trades.side > 0)),
        "reasons": reasons,
        "sum_net_return": rounded(trades.net_return.sum()),
        "first_trade": every[0] if every else None,
        "sha256": hashlib.sha256("\n".join(every).encode()).hexdigest(),
    }


def results(strategy: Strategy, bars: dict[str, Bars]) -> Results:
    """By set of parameters: the parameters themselves, and what each slice gives."""
    return {
        name: {"parameters": values}
        | {where: summary(backtest(strategy, history, values)) for where, history in bars.items()}
        for name, values in sets_of(strategy).items()
    }


def compare(name: str, found: Results, golden: dict[str, Results]) -> None:
    assert name in golden, f"{name} has no golden results: run `make golden` and commit {GOLDEN.name}"
    for values, parts in found.items():
        for part, now in parts.items():
            then = golden[name].get(values, {}).get(part)
            assert now == then, f"{name} at its {values}, {part}, changed: if that is meant, run `make golden`"


@pytest.fixture(scope="module")
def slices(shared_data: Path) -> dict[str, Bars]:
    return {f"{f} {a} to {b}": cut(load(shared_data / f"{f}.parquet"), a, b) for f, a, b in SLICES}


@pytest.fixture(scope="module")
def renew(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--renew-golden"))


@pytest.fixture(scope="module")
def golden(renew: bool) -> Iterator[dict[str, Results]]:
    kept: dict[str, Results] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if renew:
        kept = {name: kept.get(name, {}) for name in STRATEGIES}
    yield kept
    if renew:
        GOLDEN.write_text(json.dumps(kept, indent=1) + "\n")


@pytest.mark.parametrize("name", STRATEGIES)
def test_results_are_those_of_the_file(
    name: str, golden: dict[str, Results], slices: dict[str, Bars], renew: bool
) -> None:
    found = results(find_strategy(name)(), slices)
    if renew:
        golden[name] = found
    compare(name, found, golden)


def test_the_file_holds_registered_strategies_only() -> None:
    assert set(json.loads(GOLDEN.read_text())) <= set(STRATEGIES), "run `make golden`: a strategy is gone"


def test_a_strategy_without_results_is_told_what_to_run() -> None:
    with pytest.raises(AssertionError, match=r"NEW has no golden results: run `make golden` and commit golden\.json"):
        compare("NEW", {}, {})


def test_one_trade_is_enough_to_change_the_file_and_rounding_is_not() -> None:
    strategy = find_strategy("SUPPLY_SHOCK")()
    run = backtest(strategy, practice_bars(), strategy.parameters.defaults)
    kept = {"SUPPLY_SHOCK": {"defaults": {"bars": summary(run)}}}

    def again(factor: float) -> Results:
        price = run.trades.exit_price.copy()
        price[-1] *= factor
        return {"defaults": {"bars": summary(replace(run, trades=replace(run.trades, exit_price=price)))}}

    compare("SUPPLY_SHOCK", again(1.0 + 1e-14), kept)
    with pytest.raises(AssertionError, match=r"SUPPLY_SHOCK at its defaults, bars, changed: .* `make golden`"):
        compare("SUPPLY_SHOCK", again(1.0 + 1e-6), kept)
