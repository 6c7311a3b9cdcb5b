"""What is said of a bar depends on bars up to it; what only seems to is found out."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from assay.engine import Bracket, Costs, Money, Setups, Sizing, Trades, at_least
from assay.indicators import atr, rsi, swing_high, swing_low, volume_mean, volume_ratio
from assay.market import Bars, Market, Timeframe
from assay.parameters import Parameter, Parameters
from assay.sources import read_bars
from assay.strategies import STRATEGIES, Strategy, backtest
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from assay.engine.rules import AnyRule
    from assay.parameters import Value

CUTS = 16
MARKETS = ("BINANCE_SOLUSDT_5m", "BINANCE_ONGUSDT_5m", "BINANCEUS_BTCUSD_5m")
FREE = Money(Costs(0.0, 0.0), Sizing("notional"))


@pytest.fixture(scope="module", params=MARKETS)
def history(request: pytest.FixtureRequest, shared_data: Path) -> Bars:
    bars = read_bars(shared_data / f"{request.param}.parquet")
    return bars.head(37_500) if request.param.startswith("BINANCEUS") else bars.head(8000)


def loose(strategy: Strategy) -> dict[str, Value]:
    """Parameters under which many rows exist."""
    asked = {"volume_spike_threshold": 1.5, "min_level_touches": 1, "pierce_depth": 0.001}
    known = strategy.parameters.names
    return strategy.parameters.complete({name: v for name, v in asked.items() if name in known})


def same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def leads(strategy: Strategy, bars: Bars, side: int, seed: int = 0) -> list[int]:
    """The cuts at which the rows of a shortened history differ from those of the whole."""
    values = {name: value for name, value in loose(strategy).items() if name in strategy.shape_names}
    whole = strategy.setups(bars, side, values)
    rng = np.random.default_rng(seed)
    # half of the cuts come right after a row: only its last bar can show a lead of one bar
    after_rows = rng.choice(whole.bar, CUTS // 2) + 1
    found = []
    for cut in [*rng.integers(300, len(bars), CUTS - len(after_rows)).tolist(), *after_rows.tolist()]:
        part, known = strategy.setups(bars.head(cut), side, values), whole.take(whole.bar < cut)
        columns: list[tuple[NDArray[Any], NDArray[Any]]]
        columns = [(part.bar, known.bar), (part.side, known.side), (part.levels, known.levels)]
        columns += [(part.flat_by, known.flat_by), (part.groups, known.groups)]
        columns += [(part.features[name], known.features[name]) for name in whole.features]
        if not all(same(a, b) for a, b in columns):
            found.append(cut)
    return found


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("name", STRATEGIES)
def test_setups_know_nothing_of_later_bars(history: Bars, name: str, side: int) -> None:
    assert not leads(STRATEGIES[name](), history, side)


class Leading(LiquiditySweep):
    """The same, with the unit of the stop read one bar too early."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        rows = super().setups(bars, side, shape)
        unit = np.append(atr(bars)[1:], np.nan)
        return Setups.build(bar=rows.bar, side=rows.side, features=rows.features, stop_unit=unit[rows.bar])


class LeadingVolume(LiquiditySweep):
    """The same, judged by the volume of the bar after the signal."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        rows = super().setups(bars, side, shape)
        ahead = np.append(bars.volume[1:], 0.0)[rows.bar]
        return Setups.build(
            bar=rows.bar,
            side=rows.side,
            features={**rows.features, "volume": ahead},
            stop_unit=rows.levels[:, 1],
        )


@pytest.mark.parametrize("control", [Leading, LeadingVolume])
@pytest.mark.parametrize("side", [1, -1])
def test_a_lead_of_one_bar_is_found_out(history: Bars, control: type[Strategy], side: int) -> None:
    assert leads(control(), history, side)


@pytest.mark.parametrize("indicator", [atr, rsi, swing_high, swing_low, volume_mean, volume_ratio])
def test_indicators_know_nothing_of_later_bars(history: Bars, indicator: Any) -> None:
    whole = indicator(history)
    for cut in np.random.default_rng(1).integers(1, len(history), CUTS).tolist():
        assert same(indicator(history.head(cut)), whole[:cut])


def poisoned(bars: Bars, k: int, rng: np.random.Generator) -> Bars:
    """The same up to bar k; then three times the price, volumes in another order."""
    there = ~bars.absent
    later = np.flatnonzero(there & (np.arange(len(bars)) > k))
    volume = bars.volume.copy()
    volume[later] = rng.permutation(volume[later])
    factor = np.where(np.arange(len(bars)) > k, 3.0, 1.0)
    o, h, lo, c = ((column * factor)[there] for column in (bars.open, bars.high, bars.low, bars.close))
    return Bars.from_columns(bars.market, bars.time[there], o, h, lo, c, volume[there])


def closed_until(trades: Trades, k: int) -> list[NDArray[Any]]:
    done = trades.exit_bar <= k
    return [getattr(trades, f.name)[done] for f in fields(trades)]


@pytest.mark.parametrize("name", STRATEGIES)
def test_poison_leaves_closed_trades_alone(history: Bars, name: str) -> None:
    strategy = STRATEGIES[name]()
    values = loose(strategy)
    before = backtest(strategy, history, values).trades
    assert len(before) > 20
    rng = np.random.default_rng(2)
    cuts = [*rng.integers(1000, len(history) - 50, CUTS // 2), *rng.choice(before.exit_bar[5:-1], CUTS // 2)]
    for k in map(int, cuts):
        after = backtest(strategy, poisoned(history, k, rng), values).trades
        pairs = zip(closed_until(before, k), closed_until(after, k), strict=True)
        assert all(same(a, b) for a, b in pairs)
        if k < int(before.exit_bar[-1]):
            assert not same(before.exit_price, after.exit_price)  # the poison works


class Following(Strategy):
    """Buys after a rise and sells after a fall, or, as a control, in the very bar that moves."""

    name = "FOLLOWING"
    parameters = Parameters(
        Parameter(name="strength", default=0.5, low=0.0, high=3.0, doc="Body in ATR."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, doc="Stop in ATR."),
    )
    rules: ClassVar[tuple[AnyRule, ...]] = (at_least("body", "strength"),)
    bracket = Bracket(stop="stop", target=1.0, max_bars=12)
    lead = 0

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:  # noqa: ARG002
        unit = atr(bars)
        t = np.arange(20, len(bars) - self.lead)
        seen = t + self.lead
        body = side * (bars.close[seen] - bars.open[seen]) / unit[t]
        return Setups.build(bar=t, side=np.full(len(t), side), features={"body": body}, stop_unit=unit[t])


class Clairvoyant(Following):
    """Enters at the open of the bar whose close it knows."""

    name = "CLAIRVOYANT"
    lead = 1


def driftless(seed: int, n: int = 40_000, steps: int = 40) -> Bars:
    """A walk without drift or memory, its bars cut from a path of small steps."""
    rng = np.random.default_rng(seed)
    path = 10_000.0 + np.cumsum(rng.normal(0.0, 1.0, n * steps)).reshape(n, steps)
    open_ = np.concatenate(([10_000.0], path[:-1, -1]))
    high, low = np.maximum(open_, path.max(axis=1)), np.minimum(open_, path.min(axis=1))
    volume = rng.lognormal(3.0, 0.8, n)
    time = np.arange(n, dtype=np.int64) * 300_000
    market = Market("test", "BTC/USDT", Timeframe.parse("5m"))
    return Bars.from_columns(market, time, open_, high, low, path[:, -1], volume)


def significance(strategy: Strategy, bars: Bars, values: Mapping[str, Value], sides: str = "both") -> float:
    """Mean return in standard errors."""
    net = backtest(strategy, bars, values, money=FREE, sides=sides).trades.net_return
    assert len(net) > 100
    return float(net.mean() / (net.std(ddof=1) / np.sqrt(len(net))))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_earned_on_a_walk_without_drift(seed: int) -> None:
    bars = driftless(seed)
    for sides in ("both", "long", "short"):
        assert abs(significance(Following(), bars, Following.parameters.defaults, sides)) < 3
    sweep = LiquiditySweep()
    values = sweep.parameters.complete(
        {"min_level_touches": 1, "volume_spike_threshold": 0.5, "pierce_depth": 0.0002, "reversal_candles": 1}
    )
    assert abs(significance(sweep, bars, values)) < 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fill_before_its_signal_is_detected(seed: int) -> None:
    assert significance(Clairvoyant(), driftless(seed), Clairvoyant.parameters.defaults) > 10
