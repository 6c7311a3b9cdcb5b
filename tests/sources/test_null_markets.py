"""Markets without an edge: each has the property that its kind names, and no other way to earn."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Costs, Execution, Side
from assay.errors import InputError
from assay.evaluation import backtest
from assay.market.quality import measure_quality
from assay.sources.null_markets import NULL_KINDS, NullMarket, NullTerms, simulate_common, simulate_null
from assay.sources.price_path import Texture
from assay.sources.simulated import SimulatedMarket
from assay.sources.simulated_kernels import regimes
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars

SEEDS = 4
YEAR_BARS = 365 * 288
FREE = Execution(costs=Costs(fee=0.0, slippage=0.0))
PARAMETERS = {
    "true": SimulatedMarket().truth,
    "loose": SimulatedMarket(
        true_parameters={"pierce_depth": 0.001, "volume_spike_threshold": 1.5, "reversal_candles": 1}
    ).truth,
}
FAIR = [kind for kind in NULL_KINDS if kind not in {"drift", "bounce"}]


@lru_cache(maxsize=12)
def year(kind: str, seed: int) -> Bars:
    return simulate_null(NullMarket(kind, seed=seed))


def moves(bars: Bars) -> NDArray[np.float64]:
    """Simple returns from close to close, the first from the first open."""
    closes = np.concatenate((bars.open[:1], bars.close))
    return np.asarray(closes[1:] / closes[:-1] - 1.0)


def t_statistic(values: NDArray[np.float64]) -> float:
    return float(values.mean() / (values.std(ddof=1) / np.sqrt(len(values))))


def autocorrelation(x: NDArray[np.float64]) -> float:
    return float(np.corrcoef(x[1:], x[:-1])[0, 1])


def traded(kind: str, values: Any, execution: Execution = FREE) -> NDArray[np.float64]:
    """Results of all trades in risks."""
    runs = (backtest(LiquiditySweep(), year(kind, seed), values, execution=execution) for seed in range(SEEDS))
    return np.concatenate([run.trades.r_multiple for run in runs])


# --- what all kinds have in common


@pytest.mark.parametrize("kind", [kind for kind in NULL_KINDS if kind != "drift"])
def test_prices_are_a_martingale(kind: str) -> None:
    assert abs(t_statistic(np.concatenate([moves(year(kind, seed)) for seed in range(SEEDS)]))) < 3


@pytest.mark.parametrize("values", PARAMETERS.values(), ids=PARAMETERS)
@pytest.mark.parametrize("kind", FAIR)
def test_right_parameters_without_costs_earn_nothing(kind: str, values: Any) -> None:
    results = traded(kind, values)
    assert len(results) > 500
    assert abs(t_statistic(results)) < 3


@pytest.mark.parametrize("kind", NULL_KINDS)
def test_bars_are_consistent_and_pass_the_quality_gate(kind: str) -> None:
    bars = year(kind, 0)
    assert len(bars) == YEAR_BARS
    assert not bars.absent.any()
    assert np.all(bars.high >= np.maximum(bars.open, bars.close))
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(bars.low > 0)
    assert measure_quality(bars).passes
    # of the storm a year holds some thirty: its volatility is known no better
    assert 100 * moves(bars).std() == pytest.approx(0.13, rel=0.2)


@pytest.mark.parametrize("kind", NULL_KINDS)
def test_the_specification_decides_every_byte(kind: str) -> None:
    short, again, long = (simulate_null(NullMarket(kind, days=days, seed=5)) for days in (20, 20, 31))
    assert short.digest == again.digest
    assert short.digest == long.head(len(short)).digest
    assert short.digest != simulate_null(NullMarket(kind, days=20, seed=6)).digest


def test_kinds_do_not_share_their_random_numbers() -> None:
    signs = np.array([np.sign(moves(simulate_null(NullMarket(kind, days=30)))) for kind in NULL_KINDS])
    pairs = np.corrcoef(signs)[~np.eye(len(signs), dtype=bool)]
    assert np.abs(pairs).max() < 0.06


@pytest.mark.parametrize(("timeframe", "count"), [("1m", 1440 * 3), ("1h", 72), ("1d", 3)])
@pytest.mark.parametrize("kind", NULL_KINDS)
def test_other_timeframes(kind: str, timeframe: str, count: int) -> None:
    bars = simulate_null(NullMarket(kind, days=3, timeframe=timeframe, start="2023-05-06"))
    assert len(bars) == count
    assert bars.time[0] == 1683331200000


def test_markets_are_named_by_their_kind() -> None:
    markets = [NullMarket(kind).market for kind in NULL_KINDS]
    assert len({market.symbol for market in markets}) == len(NULL_KINDS)
    assert {market.exchange for market in markets} == {"simulated"}
    assert NullMarket("stale", symbol="A/B").market.symbol == "A/B"


@pytest.mark.parametrize("kind", NULL_KINDS)
def test_description_holds_every_number(kind: str) -> None:
    described = NullMarket(kind, seed=7).describe()
    assert json.loads(json.dumps(described)) == described
    assert set(NullMarket.__dataclass_fields__) <= set(described)
    assert described["terms"]["quiet"] == NullTerms().quiet
    assert described["growth"] == (1.9 if kind == "drift" else 1.0)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("kind", {"kind": "drfit"}), ("days", {"days": 0}), ("seed", {"seed": -1}),
        ("volatility_pct", {"volatility_pct": 0.0}),
        ("timeframe", {"timeframe": "2d"}), ("start", {"start": "soon"}), ("growth", {"growth": 1.9}),
        ("growth", {"kind": "drift", "growth": 0.0}), ("tick_known", {"tick_known": True}), ("member", {"member": 1}),
        ("member", {"kind": "common_factor", "member": -1}), ("tail", {"texture": Texture(tail=2.0)}),
        ("news + memory", {"texture": Texture(news=0.2)}), ("falls", {"terms": NullTerms(falls=2.1)}),
        ("jump_chance", {"terms": NullTerms(jump_chance=0.2)}), ("jump_size", {"terms": NullTerms(jump_size=-1)}),
        ("half_spread", {"terms": NullTerms(half_spread=0.1)}), ("u_depth", {"terms": NullTerms(u_depth=-0.1)}),
        ("weekend", {"terms": NullTerms(weekend=0.0)}), ("calm_days", {"terms": NullTerms(storm_days=0.001)}),
        ("storm", {"terms": NullTerms(storm=0.5)}), ("yearly_trend", {"terms": NullTerms(yearly_trend=0.0)}),
        ("correlation", {"terms": NullTerms(correlation=1.1)}), ("quiet", {"terms": NullTerms(quiet=0.6)}),
        ("ticks_per_range", {"terms": NullTerms(ticks_per_range=0.5)}),
    ],
)  # fmt: skip
def test_impossible_specifications_are_refused(field: str, given: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        NullMarket(**{"kind": "stale", **given})
    assert caught.value.field == field


def test_a_misspelt_kind_is_answered_with_the_near_name() -> None:
    with pytest.raises(InputError, match="drift"):
        NullMarket("drfit")


# --- on a tick


@pytest.mark.parametrize("asked", [1.0, 2.0, 3.0, 5.0])
def test_every_price_is_a_whole_number_of_ticks(asked: float) -> None:
    spec = NullMarket("on_a_tick", days=30, terms=NullTerms(ticks_per_range=asked))
    bars, tick = simulate_null(spec), spec.tick
    assert tick is not None
    decimals = len(f"{tick:g}".partition(".")[2])
    for column in (bars.open, bars.high, bars.low, bars.close):
        assert np.array_equal(column, np.round(column, decimals))  # the very floats of the numerals
        assert np.abs(column / tick - np.round(column / tick)).max() < 1e-9
    assert np.median(bars.high - bars.low) / tick == pytest.approx(asked, abs=0.5 + 0.4 * asked)


def test_a_median_bar_spans_a_few_ticks_all_year() -> None:
    spec = NullMarket("on_a_tick")
    bars = year("on_a_tick", 0)
    assert spec.tick == 0.05
    ranges = (bars.high - bars.low).reshape(73, -1) / spec.tick
    medians = np.median(ranges, axis=1)
    assert 1 <= medians.min() <= medians.max() <= 12
    assert 1 <= np.median(medians) <= 5


def test_equal_prices_are_common_on_a_tick_and_absent_elsewhere() -> None:
    def equal_lows(bars: Bars) -> int:
        return int(np.count_nonzero(bars.low[3:] == bars.low[:-3]))

    ticks, smooth = year("on_a_tick", 0), year("clusters", 0)
    assert equal_lows(ticks) > 3000
    assert equal_lows(smooth) == 0
    assert (ticks.close == ticks.high).mean() > 0.1
    assert np.array_equal(ticks.open[1:], ticks.close[:-1])


def test_a_market_says_its_tick_or_does_not() -> None:
    known, unknown = (NullMarket("on_a_tick", days=2, tick_known=known) for known in (True, False))
    assert known.market.tick == known.tick == unknown.tick
    assert unknown.market.tick is None
    assert np.array_equal(simulate_null(known).close, simulate_null(unknown).close)


# --- drift


@pytest.mark.parametrize("growth", [1.9, 0.4])
def test_drift_is_what_was_asked_for(growth: float) -> None:
    drifting, still = (simulate_null(NullMarket("drift", growth=asked)) for asked in (growth, 1.0))
    passed = np.arange(1, YEAR_BARS + 1) / YEAR_BARS
    assert drifting.close / still.close == pytest.approx(growth**passed, rel=1e-9)
    assert np.array_equal(drifting.volume, still.volume)
    returns = np.concatenate([moves(simulate_null(NullMarket("drift", seed=s, growth=growth))) for s in range(SEEDS)])
    assert abs(t_statistic(returns - np.expm1(np.log(growth) / YEAR_BARS))) < 3


def test_drift_is_earned_by_whoever_holds() -> None:
    values = LiquiditySweep.parameters.complete({"max_holding_periods": 100, "atr_multiplier_sl": 3.0})
    up = NullMarket("drift", growth=50.0)
    long, short = (
        np.concatenate([
            backtest(LiquiditySweep(), bars, values, execution=Execution(side, FREE.costs)).trades.r_multiple
            for bars in (simulate_null(NullMarket("drift", seed=s, growth=up.growth)) for s in range(2))
        ])
        for side in (Side.LONG, Side.SHORT)
    )  # fmt: skip
    assert long.mean() > 0.03 > -0.03 > short.mean()


# --- leverage


def test_falls_raise_the_next_variance_more_than_rises() -> None:
    returns = [moves(year("leverage", seed)) for seed in range(SEEDS)]
    large = 0.0026  # two standard deviations
    fallen = np.concatenate([r[1:][r[:-1] < -large] for r in returns])
    risen = np.concatenate([r[1:][r[:-1] > large] for r in returns])
    assert fallen.var() > 1.5 * risen.var()
    even = np.concatenate([moves(year("drift", seed)) for seed in range(SEEDS)])
    assert even[1:][even[:-1] < -large].var() == pytest.approx(even[1:][even[:-1] > large].var(), rel=0.15)


def test_jumps_are_rare_go_down_and_are_paid_back() -> None:
    bars = year("leverage", 0)
    gaps = bars.open[1:] / bars.close[:-1] - 1.0
    jumps = gaps[gaps != 0.0]
    assert len(jumps) == pytest.approx(0.00025 * YEAR_BARS, abs=3 * np.sqrt(0.00025 * YEAR_BARS))
    assert jumps.max() < 0
    assert jumps.mean() == pytest.approx(-0.0156, rel=0.5)
    # so many that the loss, not paid back, would be seventy standard errors
    often = NullTerms(jump_chance=0.01, jump_size=10.0)
    returns = moves(simulate_null(NullMarket("leverage", terms=often)))
    assert abs(t_statistic(returns)) < 3
    lost = 0.01 * 0.013 / 1.013
    assert lost / (returns.std() / np.sqrt(len(returns))) > 10


# --- bounce


def test_bounce_is_an_edge_that_the_spread_takes() -> None:
    half = NullTerms().half_spread
    closes = [moves(year("bounce", seed)) for seed in range(SEEDS)]
    variance = 0.0013**2
    assert np.mean([autocorrelation(r) for r in closes]) == pytest.approx(
        -(half**2) / (variance + 2 * half**2), rel=0.2
    )
    after_a_fall = np.concatenate([r[1:][r[:-1] < 0] for r in closes])
    assert t_statistic(after_a_fall) > 10
    assert after_a_fall.mean() < half
    for values in PARAMETERS.values():
        assert t_statistic(traded("bounce", values, Execution(costs=Costs(fee=half, slippage=0.0)))) < 3


def test_trades_stand_at_bid_or_ask() -> None:
    spec = NullMarket("bounce", days=5)
    bars, mid = simulate_null(spec), simulate_null(NullMarket("bounce", days=5, terms=NullTerms(half_spread=0.0)))
    half = spec.terms.half_spread
    for traded_at, middle in ((bars.open, mid.open), (bars.close, mid.close)):
        assert np.abs(traded_at / middle - 1.0) == pytest.approx(half, rel=1e-9)
        assert (traded_at > middle).mean() == pytest.approx(0.5, abs=0.05)
    assert bars.high / mid.high - 1.0 == pytest.approx(half, rel=1e-9)
    assert 1.0 - bars.low / mid.low == pytest.approx(half, rel=1e-9)


# --- clusters and seasons


def test_a_day_is_a_u_and_weekends_are_quiet() -> None:
    hours: dict[int, list[float]] = {0: [], 12: [], 23: []}
    weekend, week = [], []
    for seed in range(SEEDS):
        bars = year("clusters", seed)
        size, hour, day = moves(bars) ** 2, bars.time // 3_600_000 % 24, (bars.time // 86_400_000 + 3) % 7
        for h, found in hours.items():
            found.append(float(np.sqrt(np.median(size[hour == h]))))
        weekend.append(np.sqrt(np.median(size[day >= 5])))
        week.append(np.sqrt(np.median(size[day < 5])))
    assert min(np.mean(hours[0]), np.mean(hours[23])) > 1.7 * np.mean(hours[12])
    assert np.mean(weekend) / np.mean(week) == pytest.approx(0.6, abs=0.06)


def test_moves_cluster_and_volume_follows_the_range() -> None:
    bars = year("clusters", 0)
    ranges = np.log(bars.high / bars.low)
    assert autocorrelation(np.abs(moves(bars))) > 0.2
    assert autocorrelation(moves(bars)) == pytest.approx(0.0, abs=0.03)
    assert np.corrcoef(np.log(ranges), np.log(bars.volume))[0, 1] > 0.7
    assert bars.volume.min() > 0


# --- calm and storm


def test_regimes_last_as_long_as_asked() -> None:
    storm = regimes(np.random.default_rng(1).random(400_000), 0.001, 0.004)
    assert not storm[0]
    assert storm.mean() == pytest.approx(0.2, abs=0.02)
    changes = np.count_nonzero(storm[1:] != storm[:-1])
    assert changes == pytest.approx(2 * 400_000 / (1000 + 250), rel=0.15)


def test_storms_come_suddenly_and_volatility_grows_over_the_year() -> None:
    daily = np.array([moves(year("calm_and_storm", s)).reshape(365, 288).std(axis=1) for s in range(SEEDS)])
    low, high = np.quantile(daily, [0.1, 0.9])
    assert high > 3 * low
    steady = moves(year("on_a_tick", 0)).reshape(365, 288).std(axis=1)
    assert np.quantile(steady, 0.9) < 2.5 * np.quantile(steady, 0.1)
    assert np.median(daily[:, 270:]) > 1.3 * np.median(daily[:, :95])


# --- a common factor


def test_members_of_a_factor_correlate_as_asked() -> None:
    pairs = []
    for seed in range(4):
        members = simulate_common(NullMarket("common_factor", days=180, seed=seed), 3)
        found = np.corrcoef([np.log1p(moves(bars)) for bars in members])
        pairs += [found[0, 1], found[0, 2], found[1, 2]]
    assert np.mean(pairs) == pytest.approx(0.6, abs=0.04)
    assert np.ptp(pairs) < 0.15


def test_members_of_a_factor_share_its_jumps() -> None:
    first, second = simulate_common(NullMarket("common_factor", days=365), 2)
    a, b = (bars.open[1:] / bars.close[:-1] - 1.0 for bars in (first, second))
    assert np.array_equal(a != 0.0, b != 0.0)
    assert a == pytest.approx(b, abs=1e-12)
    assert (a < -0.002).any()
    assert (a > 0.002).any()
    assert not np.array_equal(first.volume, second.volume)


def test_a_further_member_changes_none_of_the_others() -> None:
    spec = NullMarket("common_factor", days=10, seed=3)
    two, three = simulate_common(spec, 2), simulate_common(spec, 3)
    assert [bars.digest for bars in two] == [bars.digest for bars in three[:2]]
    assert simulate_null(NullMarket("common_factor", days=10, seed=3, member=2)).digest == three[2].digest
    assert [bars.market.symbol for bars in three] == ["FACTOR0/USDT", "FACTOR1/USDT", "FACTOR2/USDT"]


def test_only_a_factor_has_members() -> None:
    with pytest.raises(InputError, match="common_factor"):
        simulate_common(NullMarket("stale"))


# --- stale


def test_a_fifth_of_the_bars_is_stale() -> None:
    for seed in range(3):
        bars = year("stale", seed)
        flat = bars.high == bars.low
        assert flat.mean() == pytest.approx(0.2, abs=0.006)
        assert (bars.volume == 0.0).mean() == pytest.approx(0.1, abs=0.005)
        assert flat[bars.volume == 0.0].all()
        assert np.array_equal(bars.close[1:][flat[1:]], bars.close[:-1][flat[1:]])
        assert np.array_equal(bars.valid, ~flat)
