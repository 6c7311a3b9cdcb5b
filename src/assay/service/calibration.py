"""How fast this machine computes: measured once per machine and version of the code, refined by its trainings.

A strategy is measured on simulated bars, in a fraction of a second. What an estimate makes of the numbers is said by
`assay.service.training_cost`.
"""

from __future__ import annotations

import math
import os
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assay.compiled import result_digest
from assay.evaluation import Evaluator
from assay.evaluation.evaluator import loosest_thresholds
from assay.search import SearchPlan, Space, parse_space
from assay.service.kernels import compile_kernels
from assay.service.reporter import Silent
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store.calibrations import calibration_of, change_calibration
from assay.store.database import now_ms
from assay.validation import mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from assay.engine import Span
    from assay.market import Bars
    from assay.store import Database
    from assay.strategies import Strategy

T = TypeVar("T")

MAX_POINTS = 6_000
"""Combinations of the default grid that are timed at most."""

SPARSE_POINTS, DENSE_POINTS = 40, 600
"""Random points that are timed: so few that each is replayed on its own, and so many that they share outcomes."""

DAYS, LONGEST_DAYS = 60, 730
"""Days of the bars on which a strategy is timed: more where its warm-up is long."""

MAX_TIMED_SHAPES = 3

MAX_RATIO = 8.0
"""A machine that seems so many times slower than it was measured was busy with something else."""

MEMORY = 8
"""Trainings in which a ratio forgets what was before."""

MAX_STRATEGIES = 200
"""Strategies that are kept per machine: every edit of a user's file is another one."""


@dataclass(frozen=True)
class Rates:
    """What one strategy costs on one machine, in nanoseconds, and how often its pattern is seen.

    Attributes
    ----------
    setup_ns : float
        Making the setups of one shape, per bar.
    rows_per_bar : float
        Setups of one shape.
    outcome_ns : float
        Following one setup to its exit under one exit combination.
    trades_per_bar : float
        Trades of a combination of the default grid.
    trade_ns : float
        One trade of a combination of a grid.
    point_ns, sparse_ns : float
        One point of a list per bar: where points share outcomes, and where each is replayed on its own.
    replay_ns : float
        A whole replay of one set of parameters, per bar.
    permutation_ns : float
        Making permuted bars, per bar.
    usual_rows_per_bar : float
        Setups of the default parameters.
    """

    setup_ns: float
    rows_per_bar: float
    outcome_ns: float
    trades_per_bar: float
    trade_ns: float
    point_ns: float
    sparse_ns: float
    replay_ns: float
    permutation_ns: float
    usual_rows_per_bar: float

    @classmethod
    def from_dict(cls, given: object) -> Rates | None:
        """Return stored rates; None for what is none."""
        names = [f.name for f in fields(cls)]
        if not isinstance(given, dict) or not all(_is_rate(given.get(name)) for name in names):
            return None
        return cls(**{name: float(given[name]) for name in names})


@dataclass(frozen=True)
class Learned:
    """What trainings of a strategy have taken, as a share of what was expected.

    Attributes
    ----------
    ratio : float
        1 where they took as long as expected.
    trainings : int
    """

    ratio: float = 1.0
    trainings: int = 0

    @classmethod
    def from_dict(cls, given: object) -> Learned:
        """Return what is stored; nothing learned for what is none."""
        if not isinstance(given, dict) or not _is_rate(given.get("ratio")) or not _is_rate(given.get("trainings")):
            return cls()
        return cls(_bounded(float(given["ratio"])), int(given["trainings"]))

    def after(self, ratio: float) -> Learned:
        """Return what is known after another training: the geometric mean, which forgets what is long past."""
        weight = 1.0 / (min(self.trainings, MEMORY - 1) + 1)
        mean = math.log(self.ratio) * (1.0 - weight) + math.log(_bounded(ratio)) * weight
        return Learned(math.exp(mean), self.trainings + 1)


@dataclass(frozen=True)
class Calibration:
    """What is known of this machine's speed.

    Attributes
    ----------
    rates : mapping of str to Rates
        By the key of a strategy (`key_of`); absent where it could not be measured.
    learned : mapping of str to Learned
    """

    rates: Mapping[str, Rates] = field(default_factory=dict)
    learned: Mapping[str, Learned] = field(default_factory=dict)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Calibration:
        """Return what is stored; what cannot be read counts as not measured."""
        known = {key: Rates.from_dict(value) for key, value in _mapping(body.get("rates")).items()}
        learned = {key: Learned.from_dict(value) for key, value in _mapping(body.get("learned")).items()}
        return cls({key: rates for key, rates in known.items() if rates is not None}, learned)

    def of(self, strategy: Strategy) -> tuple[Rates | None, Learned]:
        """Return the rates of a strategy, and what was learned of it."""
        key = key_of(strategy)
        return self.rates.get(key), self.learned.get(key, Learned())


def key_of(strategy: Strategy) -> str:
    """Return what rates are kept under: the digest of the code says nothing of a user's own strategy."""
    identity = strategy.identity()
    return strategy.name if identity is None else f"{strategy.name} {identity[:16]}"


@cache
def machine_key() -> str:
    """Return what tells machines of another speed apart: processor, cores and platform; no name of a host."""
    return f"{_processor()}, {cores()} cores, {platform.system()} {platform.machine()}"


def cores() -> int:
    """Return how many cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Hardware"):
                return " ".join(value.split())
    return platform.processor() or platform.machine() or "unknown"


def known_calibration(database: Database) -> Calibration:
    """Return what is known of this machine's speed; nothing is measured."""
    body = database.read(lambda c: calibration_of(c, machine_key(), result_digest()))
    return Calibration.from_body(body or {})


def calibrated(database: Database, strategies: Iterable[Strategy]) -> Calibration:
    """Return the speed of this machine, after those of the strategies that were never timed on it are.

    It takes a fraction of a second per strategy, and some seconds more where kernels were never compiled. A user's
    strategy is run on simulated bars; one that raises has no rates.
    """
    known = known_calibration(database)
    missing = {key_of(strategy): strategy for strategy in strategies if key_of(strategy) not in known.rates}
    found = {key: rates for key, strategy in missing.items() if (rates := measured(strategy)) is not None}
    if not found:
        return known

    def with_rates(body: dict[str, Any]) -> dict[str, Any]:
        return body | {"rates": _newest(_mapping(body.get("rates")), {k: asdict(r) for k, r in found.items()})}

    machine, code, at = machine_key(), result_digest(), now_ms()
    body = database.write(lambda c: change_calibration(c, machine, code, with_rates, at_ms=at))
    return Calibration.from_body(body)


def learn(database: Database, strategy: Strategy, expected_s: float, taken_s: float) -> None:
    """Fold in how long work of a strategy has taken on this machine; numbers that are none are left out.

    Parameters
    ----------
    expected_s : float
        What the rates alone say for the very work that was done.
    taken_s : float
    """
    if not (math.isfinite(expected_s) and math.isfinite(taken_s) and expected_s > 0 and taken_s > 0):
        return
    key = key_of(strategy)

    def with_ratio(body: dict[str, Any]) -> dict[str, Any]:
        learned = _mapping(body.get("learned"))
        after = Learned.from_dict(learned.get(key)).after(taken_s / expected_s)
        return body | {"learned": _newest(learned, {key: asdict(after)})}

    machine, code, at = machine_key(), result_digest(), now_ms()
    database.write(lambda c: change_calibration(c, machine, code, with_ratio, at_ms=at))


def measured(strategy: Strategy) -> Rates | None:
    """Time a strategy on simulated bars; None where it cannot be run on them."""
    with suppress(Exception):  # a user's strategy may raise anything: then nothing is known of its speed
        return _measured(strategy)
    return None


def _measured(strategy: Strategy) -> Rates | None:
    default = {name: list(values) for name, values in strategy.default_grid.items()}
    space = parse_space(default, strategy.parameters).thinned(MAX_POINTS)
    evaluator = Evaluator.over(strategy, space.values)
    days = max(DAYS, math.ceil(4 * evaluator.warmup / 288))
    if days > LONGEST_DAYS:
        return None
    bars = _bars(days)
    compile_kernels(Silent(), strategy, bars)
    span = evaluator.span(evaluator.warmup, len(bars))
    return _Timing(strategy, space, evaluator, bars, span).rates()


@cache
def _bars(days: int) -> Bars:
    return simulate_market(SimulatedMarket(days=days, seed=5))


@dataclass(frozen=True, eq=False)
class _Timing:
    """A strategy whose parts are timed on some bars."""

    strategy: Strategy
    space: Space
    evaluator: Evaluator
    bars: Bars
    span: Span

    def rates(self) -> Rates:
        n, bars, defaults = len(self.bars), self.bars, self.strategy.parameters.defaults
        setup_s, rows = self._setups()
        outcome_ns, trade_ns, trades = self._grid(rows)
        sparse_s, dense_s, points = *(self._listed(k) for k in (SPARSE_POINTS, DENSE_POINTS)), DENSE_POINTS
        replay_s, _ = _fastest(lambda: self.evaluator.replay(bars, defaults, self.span))
        mirror_s, _ = _fastest(lambda: mirror(bars, 0))
        usual = self.evaluator.question(defaults).of(self.strategy, bars)
        return Rates(
            setup_ns=1e9 * setup_s / n,
            rows_per_bar=rows,
            outcome_ns=outcome_ns,
            trades_per_bar=trades,
            trade_ns=trade_ns,
            point_ns=1e9 * max(dense_s - sparse_s, 0.05 * dense_s) / ((points - SPARSE_POINTS) * n),
            sparse_ns=1e9 * sparse_s / (SPARSE_POINTS * n),
            replay_ns=1e9 * replay_s / n,
            permutation_ns=1e9 * mirror_s / n,
            usual_rows_per_bar=len(usual) / n,
        )

    def _setups(self) -> tuple[float, float]:
        """Return the seconds of one shape's setups, and its rows per bar."""
        names, defaults = self.strategy.shape_names, self.strategy.parameters.defaults
        shapes = list(islice(product(*(self.space.values[name] for name in names)), MAX_TIMED_SHAPES))
        questions = [self.evaluator.question({**defaults, **dict(zip(names, one, strict=True))}) for one in shapes]

        def ask() -> int:
            fresh = self.bars.between(0)  # nothing is kept of indicators
            return sum(len(question.of(self.strategy, fresh)) for question in questions)

        seconds, rows = _fastest(ask)
        return seconds / len(shapes), rows / len(shapes) / len(self.bars)

    def _grid(self, rows: float) -> tuple[float, float, float]:
        """Return nanoseconds per outcome and per trade, and trades per bar: of two grids, one with few combinations."""
        values, n = self.space.values, len(self.bars)
        loosest = loosest_thresholds(self.strategy, values)
        few = Space(
            tuple(
                (name, axis if name not in self.strategy.threshold_names else (loosest.get(name, axis[0]),))
                for name, axis in values.items()
            )
        )
        outcomes = (
            rows * n * math.prod(len(values[name]) for name in (*self.strategy.shape_names, *self.strategy.exit_names))
        )
        (few_s, few_trades), (all_s, all_trades) = (self._scored(SearchPlan(space)) for space in (few, self.space))
        more = all_trades - few_trades
        trade_ns = 1e9 * max(all_s - few_s, 0.1 * all_s) / more if more > 0 else 1e9 * 0.5 * all_s / max(all_trades, 1)
        outcome_ns = 1e9 * max(few_s - 1e-9 * trade_ns * few_trades, 0.3 * few_s) / max(outcomes, 1.0)
        return outcome_ns, trade_ns, all_trades / self.space.size / n

    def _listed(self, points: int) -> float:
        """Return the seconds of random points."""
        return self._scored(SearchPlan(self.space, "random", points))[0]

    def _scored(self, plan: SearchPlan) -> tuple[float, float]:
        """Return the seconds of a search whose setups are there already, and the trades of all its points."""
        points = plan.ahead
        if points is None:
            raise TypeError("the points of a timed search are known beforehand")
        self.evaluator.score(self.bars, self.span, points)
        seconds, (_, trades) = _fastest(lambda: self.evaluator.score(self.bars, self.span, points))
        return seconds, float(trades.sum())


def _fastest(work: Callable[[], T]) -> tuple[float, T]:
    """Return the shorter of two runs, as other processes only make it longer, and what the last gave."""
    best = math.inf
    for _ in range(2):
        begun = time.perf_counter()
        given = work()
        best = min(best, time.perf_counter() - begun)
    return best, given


def _bounded(ratio: float) -> float:
    return min(max(ratio, 1.0 / MAX_RATIO), MAX_RATIO)


def _is_rate(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _newest(before: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """Return both, the added last, without the oldest of too many."""
    kept = {key: value for key, value in before.items() if key not in added} | added
    return dict(list(kept.items())[-MAX_STRATEGIES:])
