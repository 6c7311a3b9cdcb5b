"""Markets without an edge that look as if they had one: ticks, drift, bounce, storms, stale bars and others.

A test that holds on a walk may still be fooled by what real markets have and the walk of `assay.sources.simulated` has
not. Each kind adds one such property and nothing that a rule could earn from, but for the drift itself, which whoever
holds the market earns, and for the bounce, which nobody earns who pays the spread.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import InputError, require, wrong_choice
from assay.market import Bars, Market, Timeframe
from assay.market.calendar import DAY_MS, HOUR_MS
from assay.sources import simulated_kernels
from assay.sources.price_path import (
    EXCHANGE,
    FIRST_PRICE,
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

if TYPE_CHECKING:
    from numpy.typing import NDArray

YEAR_MS = 365 * DAY_MS
GROWTH = 1.9
"""Of a market of the kind `drift`, where nothing else is asked for."""

MEDIAN_RANGE = 1.1
"""Measured: range of the median bar in standard deviations of a bar's return."""

_ROUNDING, _JUMP, _JUMP_SIZE, _JUMP_SIDE = 6, 7, 8, 9  # streams of random numbers after those of `Noise`


@dataclass(frozen=True, slots=True)
class NullTerms:
    """Numbers of the kinds; each belongs to the kind that is named with it.

    Attributes
    ----------
    ticks_per_range : float
        on_a_tick: range of a median bar in ticks, 1 to 5; the tick is the nearest 1, 2 or 5 of a decimal place.
    falls : float
        leverage: weight of a squared fall in the next variance; a squared rise weighs 2 - falls.
    jump_chance, jump_size : float
        leverage, common_factor: chance of a jump before a bar, and its mean size in standard deviations of a bar's
        return. Jumps of `leverage` go down, and the drift pays them back.
    half_spread : float
        bounce: distance of bid and ask from the mid price, a fraction of it.
    u_depth, weekend : float
        clusters: how much the standard deviation at midnight exceeds that at noon, and its factor at weekends.
    calm_days, storm_days, storm, yearly_trend : float
        calm_and_storm: mean lengths of both regimes, standard deviation of the storm over that of the calm, and the
        factor by which volatility grows in one year, and falls again in the next.
    correlation : float
        common_factor: share of a bar's variance that is the factor's.
    quiet : float
        stale: share of bars without a move, half of them without volume.
    """

    ticks_per_range: float = 3.0
    falls: float = 1.8
    jump_chance: float = 0.00025
    jump_size: float = 12.0
    half_spread: float = 0.0005
    u_depth: float = 1.2
    weekend: float = 0.6
    calm_days: float = 10.0
    storm_days: float = 3.0
    storm: float = 3.0
    yearly_trend: float = 2.0
    correlation: float = 0.6
    quiet: float = 0.2


@dataclass(frozen=True, slots=True)
class NullMarket:
    """Everything that a market without an edge depends on.

    More days of the same seed extend the same market; the same seed gives every kind other random numbers.

    Attributes
    ----------
    kind : str
        One of `NULL_KINDS`.
    days : int
    timeframe : str
        Length of a bar, such as ``5m``; at most a day.
    seed : int
        Not negative; every other seed is another market.
    start : str
        First UTC day.
    volatility_pct : float
        Standard deviation of a bar's return, percent.
    growth : float or None
        Of the kind drift: expected price after a year over the price before, such as 1.9 or .4; `GROWTH` when None.
    tick_known : bool
        Of the kind on_a_tick: the market says its tick, or it is to be seen in the bars.
    member : int
        Of the kind common_factor: which of the markets that share the factor.
    symbol : str or None
        Named by the kind when None.
    """

    kind: str
    days: int = 365
    timeframe: str = "5m"
    seed: int = 0
    start: str = "2024-01-01"
    volatility_pct: float = 0.13
    growth: float | None = None
    tick_known: bool = False
    member: int = 0
    symbol: str | None = None
    texture: Texture = USUAL
    terms: NullTerms = NullTerms()

    def __post_init__(self) -> None:
        _check(self)

    @property
    def market(self) -> Market:
        """The market that the bars belong to."""
        name = _BASES[self.kind] + (str(self.member) if self.kind == "common_factor" else "")
        tick = self.tick if self.tick_known else None
        return Market(EXCHANGE, self.symbol or f"{name}/USDT", Timeframe.parse(self.timeframe), tick=tick)

    @property
    def tick(self) -> float | None:
        """Step of the prices, known to the market or not; None for continuous prices."""
        if self.kind != "on_a_tick":
            return None
        step, decimals = _decimal_tick(self)
        return float(step / 10.0**decimals)

    @property
    def n_bars(self) -> int:
        """Stamps on the grid."""
        return int(self.days * DAY_MS // Timeframe.parse(self.timeframe).ms)

    @property
    def expected_growth(self) -> float:
        """Expected price after a year over the price before: 1 for a martingale."""
        return (GROWTH if self.growth is None else self.growth) if self.kind == "drift" else 1.0

    def describe(self) -> dict[str, Any]:
        """Return every number that the market is made of, as plain values."""
        facts = {"symbol": self.market.symbol, "tick": self.tick, "growth": self.expected_growth, "n_bars": self.n_bars}
        return asdict(self) | facts | {"exchange": EXCHANGE, "first_price": FIRST_PRICE, "steps_per_bar": STEPS}


def _check(spec: NullMarket) -> None:
    """Refuse a specification that makes no market."""
    t, x = spec.terms, spec.texture
    if spec.kind not in NULL_KINDS:
        raise wrong_choice("kind", spec.kind, NULL_KINDS)
    of_kind = {"growth": ("drift", None), "tick_known": ("on_a_tick", False), "member": ("common_factor", 0)}
    for name, (kind, default) in of_kind.items():
        if getattr(spec, name) != default and spec.kind != kind:
            raise InputError(name, f"belongs to the kind {kind}", getattr(spec, name))
    bar_ms = Timeframe.parse(spec.timeframe).ms
    rules = (
        ("days", spec.days, 1 <= spec.days <= 36_500, "must be a number of days from 1 to 36,500"),
        ("seed", spec.seed, spec.seed >= 0, "must not be negative"),
        ("volatility_pct", spec.volatility_pct, 0 < spec.volatility_pct <= 10, "must lie in (0, 10] percent"),
        ("timeframe", spec.timeframe, bar_ms <= DAY_MS, "must be at most 1d"),
        ("growth", spec.growth, spec.growth is None or 0.01 <= spec.growth <= 100, "must lie in [.01, 100] a year"),
        ("member", spec.member, spec.member >= 0, "must not be negative"),
        ("news + memory", x.news + x.memory, x.news >= 0 <= x.memory and x.news + x.memory < 1, "must be below 1"),
        ("tail", x.tail, x.tail > 2, "must exceed 2 degrees of freedom"),
        ("ticks_per_range", t.ticks_per_range, 1 <= t.ticks_per_range <= 5, "must lie in [1, 5] ticks"),
        ("falls", t.falls, 0 <= t.falls <= 2, "must lie in [0, 2]"),
        ("jump_chance", t.jump_chance, 0 <= t.jump_chance <= 0.1, "must lie in [0, .1]"),
        ("jump_size", t.jump_size, 0 <= t.jump_size <= 100, "must lie in [0, 100] standard deviations"),
        ("half_spread", t.half_spread, 0 <= t.half_spread < 0.1, "must be a fraction in [0, .1)"),
        ("u_depth", t.u_depth, t.u_depth >= 0, "must not be negative"),
        ("weekend", t.weekend, 0 < t.weekend <= 1, "must lie in (0, 1]"),
        ("calm_days", t.calm_days, min(t.calm_days, t.storm_days) * DAY_MS >= bar_ms, "regimes last a bar or more"),
        ("storm", t.storm, t.storm >= 1, "must be at least 1"),
        ("yearly_trend", t.yearly_trend, 0.1 <= t.yearly_trend <= 10, "must lie in [.1, 10]"),
        ("correlation", t.correlation, 0 <= t.correlation <= 1, "must lie in [0, 1]"),
        ("quiet", t.quiet, 0 <= t.quiet <= 0.5, "must lie in [0, .5]"),
    )
    for name, value, holds, rule in rules:
        if not holds:
            raise InputError(name, rule, value)
    first_stamp(spec.start)


def _generator(spec: NullMarket, stream: int, *, own: bool = False) -> np.random.Generator:
    """One stream per purpose and kind, so that more days extend the same market; `own` is the member's."""
    entropy = [spec.seed, stream, 1 + NULL_KINDS.index(spec.kind)]
    return np.random.default_rng(np.random.SeedSequence([*entropy, 1 + spec.member] if own else entropy))


def _time(spec: NullMarket) -> NDArray[np.int64]:
    return stamps(spec.start, spec.market.timeframe.ms, spec.n_bars)


def _noise(spec: NullMarket, *, own: bool = False) -> Noise:
    return Noise.drawn(lambda stream: _generator(spec, stream, own=own), spec.n_bars, spec.texture.tail)


def _rhythm(spec: NullMarket, time: NDArray[np.int64]) -> NDArray[np.float64]:
    return daily_rhythm(time, spec.market.timeframe.ms, spec.texture.season)


def _walk(spec: NullMarket) -> Walk:
    """Return the walk that a kind changes afterwards."""
    time = _time(spec)
    return Walk.made(time, _noise(spec), _rhythm(spec, time), spec.volatility_pct, spec.texture)


def _built(spec: NullMarket, walk: Walk, drift: float = 0.0) -> Canvas:
    """Return prices of the whole walk under a drift per bar."""
    canvas = Canvas(spec.market, walk)
    canvas.drift[:] = drift
    canvas.build(0, len(walk.time))
    return canvas


def _bars(spec: NullMarket, walk: Walk, prices: tuple[NDArray[np.float64], ...]) -> Bars:
    open_, high, low, close = prices
    return Bars.from_columns(spec.market, walk.time, open_, high, low, close, walk.volume)


def _decimal_tick(spec: NullMarket) -> tuple[int, int]:
    """Return (step, decimals) of the tick step/10^decimals that is nearest to what is asked for, by ratio."""
    asked = FIRST_PRICE * MEDIAN_RANGE * spec.volatility_pct / 100.0 / spec.terms.ticks_per_range
    choices = [(step, decimals) for decimals in range(12) for step in (1, 2, 5)]
    return min(choices, key=lambda c: abs(math.log10(c[0] / asked) - c[1]))


def _on_a_tick(spec: NullMarket) -> Bars:
    """Every price a whole number of ticks, each the float that its decimal numeral is read as."""
    walk = _walk(spec)
    canvas, (step, decimals) = _built(spec, walk), _decimal_tick(spec)
    over_open = (column / canvas.open for column in (canvas.high, canvas.low, canvas.close))
    ticks = np.empty((4, len(walk.time)), np.int64)
    draw = _generator(spec, _ROUNDING).random(len(walk.time))
    simulated_kernels.build_in_ticks(round(FIRST_PRICE * 10**decimals / step), *over_open, draw, ticks)
    # one division of whole numbers is rounded once: k * .05 would miss the numeral by a last bit
    return _bars(spec, walk, tuple(ticks * step / 10.0**decimals))


def _drift(spec: NullMarket) -> Bars:
    """A martingale times a steady growth."""
    walk = _walk(spec)
    per_bar = math.log(spec.expected_growth) * spec.market.timeframe.ms / YEAR_MS
    return _bars(spec, walk, _built(spec, walk, per_bar).prices)


def _jumps(spec: NullMarket) -> NDArray[np.float64]:
    """Sizes of the jumps before each bar as positive logs, shape (n,); 0 where there is none."""
    n, t = spec.n_bars, spec.terms
    there = _generator(spec, _JUMP).random(n) < t.jump_chance
    size = t.jump_size * spec.volatility_pct / 100.0 * _generator(spec, _JUMP_SIZE).standard_exponential(n)
    return np.where(there, size, 0.0)


def _with_gaps(canvas: Canvas, jumps: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Prices with a log jump between each bar and the one before; without one, opens stay the closes before."""
    factor = np.exp(np.cumsum(jumps))
    return tuple(column * factor for column in canvas.prices)


def _leverage(spec: NullMarket) -> Bars:
    """Falls raise the next variance more than rises; rare jumps down, paid back by the drift of all bars."""
    time, t, jumps = _time(spec), spec.terms, -_jumps(spec)
    walk = Walk.made(time, _noise(spec), _rhythm(spec, time), spec.volatility_pct, spec.texture, t.falls, jumps)
    mean = t.jump_size * spec.volatility_pct / 100.0
    # 1 - exp(-x) of an exponential x of mean m has the mean m/(1 + m): so much is lost in a bar, and paid back
    payment = -math.log1p(-t.jump_chance * mean / (1.0 + mean))
    return _bars(spec, walk, _with_gaps(_built(spec, walk, payment), jumps))


def _bounce(spec: NullMarket) -> Bars:
    """Trades at bid or ask around a mid price that is the walk; the highest trade is at the ask, the lowest a bid."""
    walk, half = _walk(spec), spec.terms.half_spread
    open_, high, low, close = _built(spec, walk).prices
    side = 2.0 * _generator(spec, _ROUNDING).integers(0, 2, (len(open_), 2)) - 1.0
    trades = (
        open_ * (1.0 + half * side[:, 0]),
        high * (1.0 + half),
        low * (1.0 - half),
        close * (1.0 + half * side[:, 1]),
    )
    return _bars(spec, walk, trades)


def _seasons(spec: NullMarket, time: NDArray[np.int64]) -> NDArray[np.float64]:
    """A U over the day, quieter weekends; mean square 1 over a week."""
    bar_ms, t = spec.market.timeframe.ms, spec.terms

    def raw(moments: NDArray[np.int64]) -> NDArray[np.float64]:
        hour = (moments % DAY_MS + 0.5 * bar_ms) / HOUR_MS
        weekday = (moments // DAY_MS + 3) % 7  # 1970 began on a Thursday; 0 is Monday
        u: NDArray[np.float64] = 1.0 + t.u_depth * (hour / 12.0 - 1.0) ** 2
        return u * np.where(weekday >= 5, t.weekend, 1.0)

    week = raw(np.arange(0, 7 * DAY_MS, bar_ms, dtype=np.int64))
    return raw(time) / math.sqrt(float(np.mean(week * week)))


def _clusters(spec: NullMarket) -> Bars:
    """Clustered, fat-tailed moves in a daily and weekly season, and a volume that follows the bar's range."""
    time, noise, x = _time(spec), _noise(spec), spec.texture
    walk = Walk.made(time, noise, _seasons(spec, time), spec.volatility_pct, x)
    canvas = _built(spec, walk)
    usual = MEDIAN_RANGE * spec.volatility_pct / 100.0
    slow = x.volume_persistent * simulated_kernels.slow(noise.slow, x.volume_memory)
    volume = x.volume_median * np.log(canvas.high / canvas.low) / usual * np.exp(slow + x.volume_noise * noise.fast)
    return _bars(spec, replace(walk, volume=volume), canvas.prices)


def _weather(spec: NullMarket, time: NDArray[np.int64]) -> NDArray[np.float64]:
    """Factor of the standard deviation: two regimes of mean square 1, and a trend that turns every year."""
    t, bar_ms = spec.terms, spec.market.timeframe.ms
    chances = (bar_ms / (days * DAY_MS) for days in (t.calm_days, t.storm_days))
    storm = simulated_kernels.regimes(_generator(spec, _ROUNDING).random(len(time)), *chances)
    share = t.storm_days / (t.calm_days + t.storm_days)
    calm = 1.0 / math.sqrt(1.0 - share + share * t.storm**2)
    years = (time - time[0]) / YEAR_MS
    grown = 1.0 - np.abs(years % 2.0 - 1.0)  # 0 at the start, 1 after a year, 0 after two
    factor: NDArray[np.float64] = np.where(storm, t.storm * calm, calm) * t.yearly_trend ** (grown - 0.5)
    return factor


def _calm_and_storm(spec: NullMarket) -> Bars:
    """Two regimes of volatility with sudden changes, and a trend of volatility over the year."""
    time = _time(spec)
    rhythm = _rhythm(spec, time) * _weather(spec, time)
    walk = Walk.made(time, _noise(spec), rhythm, spec.volatility_pct, spec.texture)
    return _bars(spec, walk, _built(spec, walk).prices)


def _common_factor(spec: NullMarket) -> Bars:
    """Moves of a factor that all members share, with its surprises and its jumps up and down, and moves of its own."""
    time, shared, own, share = _time(spec), _noise(spec), _noise(spec, own=True), spec.terms.correlation
    normal = math.sqrt(share) * shared.normal + math.sqrt(1.0 - share) * own.normal
    size = _jumps(spec)
    up = _generator(spec, _JUMP_SIDE).random(len(time)) < 0.5
    # 2 - exp(-x) and exp(-x) have the mean 1: as much is won as lost
    jumps = np.where(up, np.log(2.0 - np.exp(-size)), -size)
    noise = replace(own, normal=normal, surprise=shared.surprise)
    walk = Walk.made(time, noise, _rhythm(spec, time), spec.volatility_pct, spec.texture, jumps=jumps)
    return _bars(spec, walk, _with_gaps(_built(spec, walk), jumps))


def _stale(spec: NullMarket) -> Bars:
    """Bars that repeat the last price, more often in calm hours: half of them without volume."""
    walk, bar_ms = _walk(spec), spec.market.timeframe.ms
    a_day = 1.0 / _rhythm(spec, np.arange(0, DAY_MS, bar_ms, dtype=np.int64))
    chance = spec.terms.quiet / walk.rhythm / float(a_day.mean())
    draw = _generator(spec, _ROUNDING).random(len(walk.time))
    walk = walk.quieted(draw < 0.5 * chance, (draw >= 0.5 * chance) & (draw < chance))
    return _bars(spec, walk, _built(spec, walk).prices)


_MAKERS = {
    "on_a_tick": _on_a_tick,
    "drift": _drift,
    "leverage": _leverage,
    "bounce": _bounce,
    "clusters": _clusters,
    "calm_and_storm": _calm_and_storm,
    "common_factor": _common_factor,
    "stale": _stale,
}
_BASES = dict(
    zip(_MAKERS, ("TICK", "DRIFT", "LEVERAGE", "BOUNCE", "CLUSTERS", "STORM", "FACTOR", "STALE"), strict=True)
)

NULL_KINDS = tuple(_MAKERS)
"""All kinds; their order is part of the random numbers, so a new one goes to the end."""


def simulate_null(spec: NullMarket) -> Bars:
    """Return the bars of a market without an edge; the same specification gives the same bars on one platform."""
    require("spec", spec, NullMarket)
    return _MAKERS[spec.kind](spec)


def simulate_common(spec: NullMarket, members: int = 5) -> tuple[Bars, ...]:
    """Return markets of one common factor, from member 0 on; a further one changes none of the others.

    Raises
    ------
    InputError
        When the specification is of another kind.
    """
    if spec.kind != "common_factor":
        raise InputError("kind", "must be common_factor", spec.kind)
    return tuple(simulate_null(replace(spec, member=member)) for member in range(members))
