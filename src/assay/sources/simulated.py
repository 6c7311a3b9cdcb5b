"""Simulated markets with a known answer: a walk without an edge, an edge planted in one, a dirty market.

The walk is a martingale in simple returns with clustered, fat-tailed volatility and a daily rhythm. An edge is
a drift laid after genuine LIQUIDITY_SWEEP signals and nothing else: volume, noise and stamps stay as they were.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import Signals, Span
from assay.engine.layout import LEVELS
from assay.engine.rules import Rule
from assay.errors import InputError, require
from assay.market import Bars, Market, Timeframe
from assay.market.calendar import DAY_MS
from assay.sources import simulated_kernels
from assay.sources.price_path import (
    BUSIEST_HOUR,
    EXCHANGE,
    FIRST_PRICE,
    LARGEST_SURPRISE,
    LEVEL,
    STEPS,
    USUAL,
    Canvas,
    Noise,
    Texture,
    Walk,
    daily_rhythm,
    first_stamp,
    stamps,
)
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.engine import Setups
    from assay.parameters import Value

DRIFT_BARS = 20
"""Bars over which a planted drift is spread."""

TRUE_PARAMETERS: dict[str, Value] = {"atr_multiplier_sl": 3.0, "risk_reward_ratio": 4.0}
"""What the true parameters set apart from the defaults of LIQUIDITY_SWEEP; they lie on its default grid.

A stop so wide lets most trades live through the drift; one at 1.5 ATR leaves after half of it and cannot earn
the costs back.
"""

_BLOCK_BARS = 512  # searched at once for the next signal
_HISTORY_BARS = 1024  # before a block: Wilder's average forgets its start to (13/14)^900 = 1e-29


@dataclass(frozen=True, slots=True)
class Dirt:
    """How an illiquid market is made from a walk.

    Attributes
    ----------
    zero_volume, flat_traded : float
        Shares of bars without a trade, and with trades at one price only; both repeat the last price.
    absent : float
        Share of stamps missing one by one.
    hole_bars : int
        Length of one outage in the middle.
    bad_tick : float
        One bar closes at this multiple of its true price; the next opens right again.
    """

    zero_volume: float = 0.20
    flat_traded: float = 0.18
    absent: float = 0.01
    hole_bars: int = 36
    bad_tick: float = 1.6


@dataclass(frozen=True, slots=True)
class SimulatedMarket:
    """Everything that a simulated market depends on.

    More days of the same seed extend the same market.

    Attributes
    ----------
    days : int
    timeframe : str
        Length of a bar, such as ``5m``; at most a day.
    seed : int
        Not negative; every other seed is another market.
    edge_r : float
        Size of the planted drift net of `round_trip`, in risks (stop distances of the true parameters); 0
        plants nothing at all.
    start : str
        First UTC day.
    volatility_pct : float
        Standard deviation of a bar's return, percent.
    dirty : bool
        Make the market illiquid; only without an edge.
    round_trip : float
        Costs that the drift makes good, as a fraction of the price (default: those of `assay.engine.Costs`).
    true_parameters : mapping
        Parameters of LIQUIDITY_SWEEP over `TRUE_PARAMETERS`: which signals carry the drift, and the risk.
    symbol : str or None
        EDGE/USDT, WALK/USDT or DIRTY/USDT when None.
    """

    days: int = 365
    timeframe: str = "5m"
    seed: int = 0
    edge_r: float = 0.0
    start: str = "2024-01-01"
    volatility_pct: float = 0.13
    dirty: bool = False
    round_trip: float = 0.003
    true_parameters: Mapping[str, Value] = field(default_factory=dict, hash=False)
    symbol: str | None = None
    texture: Texture = USUAL
    dirt: Dirt = Dirt()

    def __post_init__(self) -> None:
        _check(self)

    @property
    def market(self) -> Market:
        """The market that the bars belong to."""
        name = "DIRTY" if self.dirty else "EDGE" if self.edge_r else "WALK"
        return Market(EXCHANGE, self.symbol or f"{name}/USDT", Timeframe.parse(self.timeframe))

    @property
    def truth(self) -> dict[str, Value]:
        """All parameters of the strategy whose signals carry the drift."""
        declared = LiquiditySweep.parameters
        values = declared.complete(self.true_parameters)
        named = {declared.resolve(name) for name in self.true_parameters}
        return values | {name: value for name, value in TRUE_PARAMETERS.items() if name not in named}

    @property
    def n_bars(self) -> int:
        """Stamps on the grid."""
        return int(self.days * DAY_MS // self.market.timeframe.ms)

    def describe(self) -> dict[str, Any]:
        """Return every number that the market is made of, as plain values."""
        fixed = {
            "exchange": EXCHANGE,
            "first_price": FIRST_PRICE,
            "steps_per_bar": STEPS,
            "drift_bars": DRIFT_BARS,
            "busiest_hour_utc": BUSIEST_HOUR,
            "largest_surprise": LARGEST_SURPRISE,
            "largest_news": simulated_kernels.LARGEST_NEWS,
            "level": LEVEL,
            "strategy": LiquiditySweep.name,
            "n_bars": self.n_bars,
        }
        return asdict(self) | {"symbol": self.market.symbol, "true_parameters": self.truth} | fixed


def _check(spec: SimulatedMarket) -> None:
    """Refuse a specification that makes no market."""
    t, d = spec.texture, spec.dirt
    rules = (
        ("days", spec.days, 1 <= spec.days <= 36_500, "must be a number of days from 1 to 36,500"),
        ("seed", spec.seed, spec.seed >= 0, "must not be negative"),
        ("edge_r", spec.edge_r, -5 <= spec.edge_r <= 5, "must lie in [-5, 5] risks"),
        ("volatility_pct", spec.volatility_pct, 0 < spec.volatility_pct <= 10, "must lie in (0, 10] percent"),
        ("round_trip", spec.round_trip, 0 <= spec.round_trip < 0.5, "must be a fraction in [0, 0.5)"),
        ("dirty", spec.dirty, not (spec.dirty and spec.edge_r), "a dirty market has no edge: set edge_r to 0"),
        ("days", spec.days, not spec.dirty or spec.n_bars >= 300, "a dirty market needs at least 300 bars"),
        ("timeframe", spec.timeframe, Timeframe.parse(spec.timeframe).ms <= DAY_MS, "must be at most 1d"),
        ("news + memory", t.news + t.memory, t.news >= 0 <= t.memory and t.news + t.memory < 1, "must be below 1"),
        ("tail", t.tail, t.tail > 2, "must exceed 2 degrees of freedom"),
        ("volume_memory", t.volume_memory, 0 <= t.volume_memory < 1, "must lie in [0, 1)"),
        ("dirt", d, min(d.zero_volume, d.flat_traded, d.absent, d.hole_bars) >= 0, "must not be negative"),
        ("dirt", d, d.zero_volume + d.flat_traded < 0.8 and d.absent < 0.8, "must leave most bars"),
        ("dirt", d, d.hole_bars <= 100 and d.bad_tick > 0, "hole_bars up to 100, bad_tick above 0"),
    )
    for name, value, holds, rule in rules:
        if not holds:
            raise InputError(name, rule, value)
    first_stamp(spec.start)
    _ = spec.truth


@dataclass(frozen=True, eq=False)
class Simulation:
    """A market and where its edge lies.

    Attributes
    ----------
    bars : Bars
    planted_bar : int64, shape (k,)
        Signal bars whose next `DRIFT_BARS` bars carry a drift.
    planted_side : int8, shape (k,)
        +1 upwards, -1 downwards.
    planted_drift : float64, shape (k,)
        Whole drift in log price, signed.
    """

    bars: Bars
    planted_bar: NDArray[np.int64]
    planted_side: NDArray[np.int8]
    planted_drift: NDArray[np.float64]


def _generator(spec: SimulatedMarket, stream: int) -> np.random.Generator:
    """One stream per purpose, so that more days extend the same market."""
    return np.random.default_rng(np.random.SeedSequence([spec.seed, stream]))


def _walk(spec: SimulatedMarket) -> Walk:
    """Return the walk before any edge or dirt."""
    n, bar_ms, t = spec.n_bars, spec.market.timeframe.ms, spec.texture
    time = stamps(spec.start, bar_ms, n)
    noise = Noise.drawn(lambda stream: _generator(spec, stream), n, t.tail)
    return Walk.made(time, noise, daily_rhythm(time, bar_ms, t.season), spec.volatility_pct, t)


def true_signals(spec: SimulatedMarket, bars: Bars) -> Setups:
    """Return the signals of the true parameters, both sides, one row each; a bar that signals both is left out.

    Parameters
    ----------
    bars : Bars
        A market, or a part of one that begins long before the signals asked for.
    """
    strategy, values = LiquiditySweep(), spec.truth
    span = Span(0, len(bars), strategy.warmup(values))
    # rows that no rule would pass need not be made: planting asks hundreds of times
    floors = [r for r in strategy.rules if isinstance(r, Rule) and r.comparison == "at_least"]
    setups = strategy.all_setups(bars, values, "both", {str(r.limit): r.number(values) for r in floors})
    rows = Signals.select(bars, setups, strategy.rules, strategy.bracket, values, span).rows
    _, first = np.unique(np.stack([rows.bar, rows.side]), axis=1, return_index=True)
    rows = rows.take(np.sort(first))
    _, inverse, count = np.unique(rows.bar, return_inverse=True, return_counts=True)
    return rows.take(count[inverse] == 1)


def _next_signal(spec: SimulatedMarket, canvas: Canvas, first: int, stop: int) -> tuple[int, int, float] | None:
    """Return (bar, side, ATR) of the first true signal on a bar first <= t < stop, if there is one."""
    begin = max(0, first - _HISTORY_BARS - LiquiditySweep().warmup(spec.truth))
    rows = true_signals(spec, canvas.bars(begin, stop))
    later = np.flatnonzero(rows.bar >= first - begin)
    if not len(later):
        return None
    k = later[0]
    return begin + int(rows.bar[k]), int(rows.side[k]), float(rows.levels[k, LEVELS.index("stop_unit")])


def _plant(spec: SimulatedMarket, canvas: Canvas) -> list[tuple[int, int, float]]:
    """Lay drifts from left to right; return (bar, side, log drift) of each.

    A signal is looked for on the path as planted so far, and its drift never changes what came before it:
    every planted signal is a signal of the final path.
    """
    n = len(canvas.walk.time)
    multiple = float(spec.truth["atr_multiplier_sl"])
    planted: list[tuple[int, int, float]] = []
    built, first = 0, 0
    while built < n:
        stop = min(max(built, first) + _BLOCK_BARS, n)
        canvas.build(built, stop)
        signal = _next_signal(spec, canvas, first, stop)
        if signal is None:
            built = first = stop
            continue
        t, side, unit = signal
        size = spec.edge_r * multiple * unit / canvas.close[t] + spec.round_trip
        if abs(size) >= 1.0:
            raise InputError("edge_r", "edge and costs must stay below the price of a bar so volatile", spec.edge_r)
        drift = math.log1p(side * size)
        canvas.drift[t + 1 : t + 1 + DRIFT_BARS] = drift / DRIFT_BARS
        planted.append((t, side, drift))
        built, first = t + 1, t + 1 + DRIFT_BARS
    return planted


def _dirty_bars(spec: SimulatedMarket, walk: Walk) -> Bars:
    """Return an illiquid version of a walk: quiet bars repeat the price, stamps miss, one tick is wrong."""
    n, dirt = len(walk.time), spec.dirt
    draw = _generator(spec, 4).random((n, 2))
    quiet = 1.0 / walk.rhythm
    quiet /= quiet.mean()
    silent = draw[:, 0] < dirt.zero_volume * quiet
    still = ~silent & (draw[:, 0] < (dirt.zero_volume + dirt.flat_traded) * quiet)
    canvas = Canvas(spec.market, walk.quieted(silent, still))
    canvas.build(0, n)
    bad = n // 3 + int(np.argmin((silent | still)[n // 3 :]))
    canvas.close[bad] *= dirt.bad_tick
    canvas.high[bad] = max(canvas.high[bad], canvas.close[bad])
    canvas.low[bad] = min(canvas.low[bad], canvas.close[bad])
    kept = draw[:, 1] >= dirt.absent
    kept[n // 2 : n // 2 + dirt.hole_bars] = False
    kept[[0, bad, n - 1]] = True
    columns = (*canvas.prices, canvas.walk.volume)
    return Bars.from_columns(spec.market, walk.time[kept], *(c[kept] for c in columns))


def simulate(spec: SimulatedMarket) -> Simulation:
    """Make a market and say where its edge lies.

    The same specification gives the same bars on one platform.

    Raises
    ------
    InputError
        When a drift would exceed the price itself.
    """
    walk = _walk(spec)
    planted: list[tuple[int, int, float]] = []
    if spec.dirty:
        bars = _dirty_bars(spec, walk)
    else:
        canvas = Canvas(spec.market, walk)
        if spec.edge_r:
            planted = _plant(spec, canvas)
        else:
            canvas.build(0, len(walk.time))
        bars = canvas.bars(0, len(walk.time))
    t, side, drift = zip(*planted, strict=True) if planted else ((), (), ())
    return Simulation(bars, np.array(t, np.int64), np.array(side, np.int8), np.array(drift, np.float64))


def simulate_market(spec: SimulatedMarket | None = None) -> Bars:
    """Return the bars of a simulated market (a year of 5-minute bars without an edge when None)."""
    if spec is not None:
        require("spec", spec, SimulatedMarket)
    return simulate(spec or SimulatedMarket()).bars
