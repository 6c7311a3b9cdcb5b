"""Simulated markets with a known answer: a walk without an edge, an edge planted in one, a dirty market.

The walk is a martingale in simple returns with clustered, fat-tailed volatility and a daily rhythm. An edge is
a drift laid after genuine LIQUIDITY_SWEEP signals and nothing else: volume, noise and stamps stay as they were.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import Signals, Span
from assay.engine.layout import LEVELS
from assay.engine.rules import Rule
from assay.errors import InputError
from assay.market import Bars, Market, Timeframe
from assay.market.calendar import DAY_MS, MINUTE_MS
from assay.sources import simulated_kernels
from assay.strategies.liquidity_sweep import LiquiditySweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.engine import Setups
    from assay.parameters import Value

EXCHANGE = "simulated"
FIRST_PRICE = 100.0
STEPS = 12
"""Sub-steps of a bar; its high and low are those of a continuous path through them."""

DRIFT_BARS = 20
"""Bars over which a planted drift is spread."""


@dataclass(frozen=True, slots=True)
class Texture:
    """Numbers of the price and volume model; the defaults resemble liquid 5-minute markets.

    Attributes
    ----------
    news, memory : float
        Weights of the last squared move and of the last variance in the variance of the next bar,
        GARCH(1,1); the rest is the long-run variance.
    tail : float
        Degrees of freedom of Student's t of a bar's move given its variance.
    season : float
        Amplitude of the daily rhythm, in log standard deviation.
    volume_rhythm, volume_regime, volume_shock, volume_move : float
        Exponents with which volume follows the daily rhythm, the GARCH deviation, the bar's own surprise in
        variance, and the size of the bar's realised move.
    volume_memory, volume_persistent, volume_noise : float
        AR(1) coefficient and standard deviation of the slow part of log volume, standard deviation of its
        fast part.
    volume_median : float
        Typical volume of a bar, in units of the base.
    """

    news: float = 0.10
    memory: float = 0.88
    tail: float = 5.0
    season: float = 0.25
    volume_rhythm: float = 1.0
    volume_regime: float = 0.8
    volume_shock: float = 0.65
    volume_move: float = 0.2
    volume_memory: float = 0.95
    volume_persistent: float = 0.4
    volume_noise: float = 0.4
    volume_median: float = 1000.0


TRUE_PARAMETERS: dict[str, Value] = {"atr_multiplier_sl": 3.0, "risk_reward_ratio": 4.0}
"""What the true parameters set apart from the defaults of LIQUIDITY_SWEEP; they lie on its default grid.

A stop so wide lets most trades live through the drift; one at 1.5 ATR leaves after half of it and cannot earn
the costs back.
"""

_LARGEST_SURPRISE = 100.0  # of a bar's variance against what was expected of it
_LEVEL = 1.05  # measured: bounds and slow convergence take 5 % of the long-run standard deviation
_BUSIEST_HOUR = 14.5  # UTC
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
    texture: Texture = Texture()
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
            "busiest_hour_utc": _BUSIEST_HOUR,
            "largest_surprise": _LARGEST_SURPRISE,
            "largest_news": simulated_kernels.LARGEST_NEWS,
            "level": _LEVEL,
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
    _start_ms(spec)
    _ = spec.truth


def _start_ms(spec: SimulatedMarket) -> int:
    try:
        return int(np.datetime64(spec.start, "D").astype("datetime64[ms]").astype(np.int64))
    except ValueError as error:
        raise InputError("start", "must be a date such as 2024-01-01", spec.start) from error


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


def _rhythm(spec: SimulatedMarket, time: NDArray[np.int64]) -> NDArray[np.float64]:
    """Daily rhythm of the standard deviation, shape (n,), mean square 1."""
    middle = time % DAY_MS + 0.5 * min(spec.market.timeframe.ms, DAY_MS)
    angle = 2.0 * np.pi * (middle / (60.0 * MINUTE_MS) - _BUSIEST_HOUR) / 24.0
    amplitude = spec.texture.season
    rhythm: NDArray[np.float64] = np.exp(amplitude * np.cos(angle)) / math.sqrt(np.i0(2.0 * amplitude))
    return rhythm


@dataclass(frozen=True, eq=False)
class _Base:
    """The walk before any edge or dirt.

    Attributes
    ----------
    time, volume, rhythm, variance : shape (n,)
        Stamps, volume, daily rhythm, variance of each bar's log path.
    path : shape (n, STEPS)
        Log price at the end of each sub-step against the bar's open.
    waits : shape (n, STEPS, 2)
        Standard exponentials from which the extremes between sub-steps follow.
    """

    time: NDArray[np.int64]
    volume: NDArray[np.float64]
    rhythm: NDArray[np.float64]
    variance: NDArray[np.float64]
    path: NDArray[np.float64]
    waits: NDArray[np.float64]


def _base(spec: SimulatedMarket) -> _Base:
    n, t = spec.n_bars, spec.texture
    time = _start_ms(spec) + spec.market.timeframe.ms * np.arange(n, dtype=np.int64)
    normal = _generator(spec, 0).standard_normal((n, STEPS))
    surprise = np.minimum((t.tail - 2.0) / _generator(spec, 1).chisquare(t.tail, n), _LARGEST_SURPRISE)
    rhythm = _rhythm(spec, time)
    sigma = _LEVEL * spec.volatility_pct / 100.0
    path, variance, deviation, size = simulated_kernels.random_walk(normal, surprise, rhythm, sigma, t.news, t.memory)
    log_volume = (
        t.volume_rhythm * np.log(rhythm)
        + t.volume_regime * np.log(deviation)
        + t.volume_shock * np.log(surprise)
        + t.volume_move * size
        + t.volume_persistent * simulated_kernels.slow(_generator(spec, 2).standard_normal(n), t.volume_memory)
        + t.volume_noise * _generator(spec, 3).standard_normal(n)
    )
    waits = _generator(spec, 5).standard_exponential((n, STEPS, 2))
    return _Base(time, t.volume_median * np.exp(log_volume), rhythm, variance, path, waits)


class _Canvas:
    """Prices under construction, from the first bar on: log level (n + 1,), drift per bar (n,), columns (n,)."""

    def __init__(self, spec: SimulatedMarket, base: _Base) -> None:
        n = len(base.time)
        self.spec, self.base = spec, base
        self.level, self.drift = np.zeros(n + 1), np.zeros(n)
        self.open, self.high, self.low, self.close = (np.empty(n) for _ in range(4))

    def build(self, first: int, stop: int) -> None:
        """Make the prices of bars first <= i < stop under the drift known so far."""
        base, prices = self.base, (self.open, self.high, self.low, self.close)
        simulated_kernels.build(
            first, stop, FIRST_PRICE, base.path, base.variance, base.waits, self.drift, self.level, *prices
        )

    def bars(self, first: int, stop: int) -> Bars:
        """Return copies of bars first <= i < stop."""
        cut = slice(first, stop)
        columns = (self.open, self.high, self.low, self.close, self.base.volume)
        return Bars.from_columns(self.spec.market, self.base.time[cut], *(c[cut] for c in columns))


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


def _next_signal(canvas: _Canvas, first: int, stop: int) -> tuple[int, int, float] | None:
    """Return (bar, side, ATR) of the first true signal on a bar first <= t < stop, if there is one."""
    spec = canvas.spec
    begin = max(0, first - _HISTORY_BARS - LiquiditySweep().warmup(spec.truth))
    rows = true_signals(spec, canvas.bars(begin, stop))
    later = np.flatnonzero(rows.bar >= first - begin)
    if not len(later):
        return None
    k = later[0]
    return begin + int(rows.bar[k]), int(rows.side[k]), float(rows.levels[k, LEVELS.index("stop_unit")])


def _plant(canvas: _Canvas) -> list[tuple[int, int, float]]:
    """Lay drifts from left to right; return (bar, side, log drift) of each.

    A signal is looked for on the path as planted so far, and its drift never changes what came before it:
    every planted signal is a signal of the final path.
    """
    spec, n = canvas.spec, len(canvas.base.time)
    multiple = float(spec.truth["atr_multiplier_sl"])
    planted: list[tuple[int, int, float]] = []
    built, first = 0, 0
    while built < n:
        stop = min(max(built, first) + _BLOCK_BARS, n)
        canvas.build(built, stop)
        signal = _next_signal(canvas, first, stop)
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


def _dirty_bars(spec: SimulatedMarket, base: _Base) -> Bars:
    """Return an illiquid version of a walk: quiet bars repeat the price, stamps miss, one tick is wrong."""
    n, dirt = len(base.time), spec.dirt
    draw = _generator(spec, 4).random((n, 2))
    quiet = 1.0 / base.rhythm
    quiet /= quiet.mean()
    silent = draw[:, 0] < dirt.zero_volume * quiet
    still = ~silent & (draw[:, 0] < (dirt.zero_volume + dirt.flat_traded) * quiet)
    moving = ~(silent | still)
    path, variance = np.where(moving[:, None], base.path, 0.0), np.where(moving, base.variance, 0.0)
    volume = np.where(silent, 0.0, np.where(still, 0.1 * base.volume, base.volume))
    canvas = _Canvas(spec, replace(base, path=path, variance=variance, volume=volume))
    canvas.build(0, n)
    bad = n // 3 + int(np.argmax(moving[n // 3 :]))
    canvas.close[bad] *= dirt.bad_tick
    canvas.high[bad] = max(canvas.high[bad], canvas.close[bad])
    canvas.low[bad] = min(canvas.low[bad], canvas.close[bad])
    kept = draw[:, 1] >= dirt.absent
    kept[n // 2 : n // 2 + dirt.hole_bars] = False
    kept[[0, bad, n - 1]] = True
    columns = (canvas.open, canvas.high, canvas.low, canvas.close, volume)
    return Bars.from_columns(spec.market, base.time[kept], *(c[kept] for c in columns))


def simulate(spec: SimulatedMarket) -> Simulation:
    """Make a market and say where its edge lies.

    The same specification gives the same bars on one platform.

    Raises
    ------
    InputError
        When a drift would exceed the price itself.
    """
    base = _base(spec)
    planted: list[tuple[int, int, float]] = []
    if spec.dirty:
        bars = _dirty_bars(spec, base)
    else:
        canvas = _Canvas(spec, base)
        if spec.edge_r:
            planted = _plant(canvas)
        else:
            canvas.build(0, len(base.time))
        bars = canvas.bars(0, len(base.time))
    t, side, drift = zip(*planted, strict=True) if planted else ((), (), ())
    return Simulation(bars, np.array(t, np.int64), np.array(side, np.int8), np.array(drift, np.float64))


def simulate_market(spec: SimulatedMarket | None = None) -> Bars:
    """Return the bars of a simulated market (a year of 5-minute bars without an edge when None)."""
    return simulate(spec or SimulatedMarket()).bars
