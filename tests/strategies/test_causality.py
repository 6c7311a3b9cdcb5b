"""What is said of a bar depends on bars up to it; what only seems to is found out."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from assay.engine import Bracket, Costs, Execution, Money, Setups, Side, Sizing, Trades, at_least
from assay.errors import LeakError
from assay.evaluation import backtest
from assay.indicators import atr, rsi, swing_high, swing_low, volume_mean, volume_ratio
from assay.leaks import CHECKS, Finding, inspect_strategy, refuse_leaks
from assay.market import Bars, Market, Timeframe
from assay.parameters import Parameter, Parameters
from assay.sources import read_bars
from assay.strategies import STRATEGIES, Strategy
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
    asked: dict[str, Value] = {"volume_spike_threshold": 1.5, "min_level_touches": 1, "pierce_depth": 0.001}
    asked |= {"gap_threshold_atr": 1.0, "volume_surge_multiplier": 1.5, "catalyst_strength_minimum": 0.1}
    asked |= {"allow_short": True, "panic_score_minimum": 0.5}
    known = strategy.parameters.names
    return strategy.parameters.complete({name: v for name, v in asked.items() if name in known})


def same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


TRUNCATION = tuple(check for check in CHECKS if check.name == "truncation")
SIDES = {1: "long", -1: "short"}


def leaks(strategy: Strategy, bars: Bars, side: int) -> tuple[Finding, ...]:
    space = {name: (value,) for name, value in loose(strategy).items()}
    return inspect_strategy(strategy, bars, space, SIDES[side], effort=0.1, checks=TRUNCATION).findings


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("name", STRATEGIES)
def test_setups_know_nothing_of_later_bars(history: Bars, name: str, side: int) -> None:
    assert leaks(STRATEGIES[name](), history, side) == ()


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


class Leaky(Strategy):
    """Rows after large volume; what leaks is set from outside."""

    name = "LEAKY"
    parameters = Parameters(Parameter(name="least", default=1.0, low=0.1, high=9.0, doc="Of the feature."))
    rules: ClassVar[tuple[AnyRule, ...]] = (at_least("size", "least"),)
    bracket = Bracket(stop=2.0, target=2.0, max_bars=10)

    def rows(self, bars: Bars) -> NDArray[np.bool_]:
        return bars.volume > 0

    def size(self, bars: Bars) -> NDArray[np.float64]:
        return bars.close / bars.open

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        del shape
        unit = atr(bars)
        t = np.flatnonzero((unit > 0) & self.rows(bars))
        size = self.size(bars)[t]
        return Setups.build(bar=t, side=np.full(len(t), side), features={"size": size}, stop_unit=unit[t])


class WholeMean(Leaky):
    """Divided by the mean of the whole frame."""

    def size(self, bars: Bars) -> NDArray[np.float64]:
        return np.asarray(bars.volume / bars.volume.mean())


class Filled(Leaky):
    """A gap filled from behind."""

    def size(self, bars: Bars) -> NDArray[np.float64]:
        return bars.close[np.minimum(np.arange(len(bars)) // 12 * 12 + 11, len(bars) - 1)]  # the hour's own close


class Pivot(Leaky):
    """A low that is lower than the two bars after it, known at the low itself."""

    def rows(self, bars: Bars) -> NDArray[np.bool_]:
        after = np.minimum(np.append(bars.low[1:], np.inf), np.append(bars.low[2:], [np.inf, np.inf]))
        return np.asarray(bars.low < after)


class Peeking(Leaky):
    """One bar ahead, in a fifth of the rows."""

    def size(self, bars: Bars) -> NDArray[np.float64]:
        ahead = np.append(bars.close[1:], bars.close[-1])
        return np.where(np.arange(len(bars)) % 100 < 20, ahead, bars.close)


@pytest.mark.parametrize(
    ("control", "what"),
    [
        (Leading, "level 'stop_unit'"),
        (LeadingVolume, "feature 'volume'"),
        (WholeMean, "feature 'size'"),
        (Filled, "feature 'size'"),
        (Pivot, "the signal itself"),
        (Peeking, "feature 'size'"),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_a_lead_is_found_out_and_named(history: Bars, control: type[Strategy], what: str, side: int) -> None:
    found = leaks(control(), history, side)
    assert [one.what for one in found] == [what]
    assert found[0].time_ms is not None
    assert int(history.time[0]) <= found[0].time_ms <= int(history.time[-1])


def test_what_leaks_is_said_with_the_moment_and_both_values(history: Bars) -> None:
    report = inspect_strategy(WholeMean(), history, effort=0.1, checks=TRUNCATION)
    with pytest.raises(LeakError, match=r"LEAKY: feature 'size' at 20..-..-..T..:.. depends on bars") as caught:
        refuse_leaks(report)
    error = caught.value
    assert error.exit_code == 3
    row = np.flatnonzero(history.time == np.datetime64(error.moment, "ms").astype(np.int64))[0]
    assert error.found == pytest.approx(history.volume[row] / history.head(20_000).volume.mean())
    assert error.expected != error.found


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

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
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
    net = backtest(strategy, bars, values, execution=Execution(Side(sides), FREE.costs, FREE.sizing)).trades.net_return
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
