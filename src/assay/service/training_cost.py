"""What a training computes, stage by stage, and how long that takes at known rates.

The searches are those of `assay.training.train`, counted before any is run: one on all days, one per window, one per
window of the matrix, and one per permutation of either kind.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine.sweep import TABLE_BYTES, USES_PER_EXIT
from assay.engine.sweep_kernels import LANES, TABLE_FIELDS
from assay.evaluation import MAX_CACHED_SHAPES
from assay.search import SAMPLERS
from assay.search.axes import Axes
from assay.training.train import STAGES_OF_WORK
from assay.training.training_run import longest_holding
from assay.validation import make_splits
from assay.validation.matrix import matrix_layout
from assay.validation.permutation import MAX_EXCEEDANCES
from assay.validation.walkforward import MAX_SCORES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from assay.market import Market
    from assay.search import SearchPlan
    from assay.service.calibration import Rates
    from assay.strategies import Strategy
    from assay.training import Evidence, Experiment, Progress
    from assay.validation import BarSplits, Window

SEARCH, WALK_FORWARD, MATRIX, PERMUTATIONS, SCALED = STAGES_OF_WORK
PROOF = "statistics"
"""What is made of the winner: its neighbours, changes of its terms, the Sharpe statistics."""

REPLAYS, REPLAYS_IN_DEPTH = 60, 260
"""Replays of single points that the proof takes, without and with the Sharpe statistics."""

PER_THREAD = 0.8
"""What a second thread adds to the first."""

PROPOSALS = {"gp": (0.012, 3.3e-7), "tpe": (0.02, 0.0), "cmaes": (0.001, 1e-7)}
"""Seconds in which a method that learns chooses n points: a n + b n^3, measured on one core."""

OTHER_PROPOSAL = (0.02, 0.0)

BASE_BYTES = 230 * 2**20
"""A process with the package and its kernels."""

BAR_BYTES = 8 * 8 + 3
ROW_BYTES = 8 * 24


@dataclass(frozen=True)
class SearchSize:
    """How large one search is, as the engine sees it.

    Attributes
    ----------
    points : int
        Combinations.
    shapes, exits : float
        Distinct shapes, and distinct exit combinations of one shape.
    is_list : bool
        Points of their own instead of a grid.
    keeps_setups : bool
        Whether the setups of one search are those of the next on the same bars.
    method : str
    learns : bool
        Whether points are chosen by the scores of those before: then windows are searched one by one.
    """

    points: int
    shapes: float
    exits: float
    is_list: bool
    keeps_setups: bool
    method: str
    learns: bool

    @classmethod
    def of(cls, plan: SearchPlan, strategy: Strategy) -> SearchSize:
        """Return the size of a plan's search."""
        named = strategy.shape_names, strategy.exit_names
        learns = SAMPLERS[plan.method].learns and Axes.of(plan.space).reach > plan.size
        is_list = plan.method != "grid" and (learns or not SAMPLERS[plan.method].learns)
        points, values = plan.size, plan.space.values
        if is_list:
            all_shapes, all_exits = (Axes.of(plan.space, names).reach for names in named)
            shapes = _distinct(all_shapes, points)
            exits = _distinct(all_exits, points / shapes)
        else:
            shapes, exits = (float(math.prod(len(values[name]) for name in names)) for names in named)
        return cls(points, shapes, exits, is_list, shapes <= MAX_CACHED_SHAPES, plan.method, learns)

    @property
    def proposals_s(self) -> float:
        """Seconds in which a method that learns chooses its points."""
        if not self.learns:
            return 0.0
        linear, cubic = PROPOSALS.get(self.method, OTHER_PROPOSAL)
        return linear * self.points + cubic * self.points**3


def _distinct(values: float, drawn: float) -> float:
    """Return how many of so many equally likely values are expected among so many draws, one at least."""
    if math.isinf(values):
        return max(drawn, 1.0)
    return max(values * -math.expm1(drawn * math.log1p(-1.0 / values)), 1.0) if values > 1 else 1.0


@dataclass(frozen=True)
class Stage:
    """A stage of a training.

    Attributes
    ----------
    name : str
        One of `STAGES_OF_WORK`.
    searches : int
        At most: permutations end early where chance explains the result, and what follows a winner needs one.
    search : SearchSize
    hull_bars : int
        Bars whose setups are followed to their exits, summed over what is swept at once.
    span_bars : int
        Signal bars of all searches.
    fresh_bars : int
        Bars whose setups are made.
    permuted_bars : int
        Bars that are permuted.
    """

    name: str
    searches: int
    search: SearchSize
    hull_bars: int
    span_bars: int
    fresh_bars: int
    permuted_bars: int = 0

    @property
    def backtests(self) -> int:
        """Combinations of all searches."""
        return self.searches * self.search.points

    def seconds(self, rates: Rates, rows: float = 1.0) -> float:
        """Return how long it takes on one thread.

        Parameters
        ----------
        rows : float
            Setups of these bars as a multiple of those on which the rates were measured.
        """
        s = self.search
        outcomes = rates.rows_per_bar * rows * self.hull_bars * s.shapes * s.exits * rates.outcome_ns
        if not s.is_list:
            swept = outcomes + s.points * self.span_bars * rates.trades_per_bar * rows * rates.trade_ns
        elif s.exits > LANES and s.points / s.shapes / s.exits < USES_PER_EXIT:
            swept = s.points * self.span_bars * rates.sparse_ns * rows
        else:
            swept = outcomes + s.points * self.span_bars * rates.point_ns * rows
        setups = s.shapes * self.fresh_bars * rates.setup_ns
        return 1e-9 * (swept + setups + self.permuted_bars * rates.permutation_ns) + self.searches * s.proposals_s


@dataclass(frozen=True)
class Work:
    """Everything that a training computes.

    Attributes
    ----------
    stages : tuple of Stage
        Those that it has, in order.
    splits : BarSplits
    bars : int
        Those before the holdout.
    permutations : int
        Of one test, at most.
    in_depth : bool
    """

    stages: tuple[Stage, ...]
    splits: BarSplits
    bars: int
    permutations: int
    in_depth: bool

    @property
    def backtests(self) -> int:
        """Combinations of all searches, at most."""
        return sum(stage.backtests for stage in self.stages)

    def stage(self, name: str) -> Stage | None:
        """Return a stage by its name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def seconds(self, rates: Rates, *, rows: float = 1.0, threads: int = 1) -> StageSeconds:
        """Return how long each stage takes."""
        faster = 1.0 + PER_THREAD * (max(threads, 1) - 1)
        found = {stage.name: stage.seconds(rates, rows) / faster for stage in self.stages}
        replays = REPLAYS_IN_DEPTH if self.in_depth else REPLAYS
        return StageSeconds(found, 1e-9 * replays * self.bars * rates.replay_ns, self.permutations)

    def memory_bytes(self, rates: Rates | None, *, rows: float = 1.0, threads: int = 1) -> int:
        """Return about how much memory a process takes that runs it."""
        plan, compared = self.stages[0].search, (self.stage(PERMUTATIONS) or self.stages[0]).search
        density = 0.3 if rates is None else rates.rows_per_bar * rows
        windows = min(len(self.splits.windows), max(MAX_SCORES // max(plan.points, 1), 1))

        def one(search: SearchSize) -> float:
            kept = min(search.shapes, MAX_CACHED_SHAPES)
            table = min(density * self.bars * min(search.shapes, 16) * LANES * TABLE_FIELDS * 8, TABLE_BYTES)
            return self.bars * BAR_BYTES + density * self.bars * kept * ROW_BYTES + table + 40 * search.points

        lists = 8 * 24 * plan.points if plan.is_list else 0
        own = one(plan) + 16 * windows * plan.points + lists
        return int(BASE_BYTES + own + max(threads, 1) * one(compared))


@dataclass(frozen=True)
class StageSeconds:
    """How long the stages of a training take.

    Attributes
    ----------
    stages : mapping of str to float
        By name, where all of it is run.
    proof : float
        What is made of a winner.
    permutations : int
    """

    stages: Mapping[str, float]
    proof: float
    permutations: int

    def total(self, permutations: int | None = None, *, scaled: bool = False, winner: bool = True) -> float:
        """Return the seconds with so many permutations, with or without those that are scaled.

        Parameters
        ----------
        permutations : int, optional
            All where not given.
        winner : bool
            Whether the search finds a combination that earns anything: without one there is nothing to prove.
        """
        found = self.stages.get(SEARCH, 0.0) + self.stages.get(WALK_FORWARD, 0.0)
        if not winner:
            return found
        share = 1.0 if permutations is None or not self.permutations else permutations / self.permutations
        found += self.proof + self.stages.get(MATRIX, 0.0) + share * self.stages.get(PERMUTATIONS, 0.0)
        return found + (self.stages.get(SCALED, 0.0) if scaled else 0.0)


def without_edge(permutations: int) -> int:
    """Return how many permutations a market without an edge takes on average: they end after 10 that are as good.

    Of n permutations and the search itself each is the best with equal chance, so the test goes on beyond n with
    probability 10/(n + 1).
    """
    sure = min(permutations, MAX_EXCEEDANCES)
    later = range(MAX_EXCEEDANCES, min(permutations, 100_000))
    return round(sure + sum(MAX_EXCEEDANCES / (n + 1) for n in later))


def work_of(experiment: Experiment, market: Market, start: int, stop: int) -> Work:
    """Return what a training on the signal bars start <= t < stop of a market computes.

    Raises
    ------
    InsufficientDataError
        When they cannot hold windows of at least 5 test days.
    """
    per_day, holding = market.bars_per_day, longest_holding(experiment, market)
    splits = make_splits(experiment.plan, start, stop, per_day, holding)
    strategy, total = experiment.strategy, experiment.permutations
    plan, compared = (SearchSize.of(plan, strategy) for plan in (experiment.search, experiment.compared))
    before, span = splits.holdout_start, splits.search_stop - splits.start
    stages = [
        Stage(SEARCH, 1, plan, span, span, before),
        _windows(WALK_FORWARD, plan, splits.windows, before),
    ]
    if experiment.asks_for_matrix:
        layout = matrix_layout(experiment.plan, (start, stop), per_day, holding)
        stages.append(_windows(MATRIX, plan, layout.windows, before))
    if total:
        # where another search is compared than that on all days, the real bars are searched once more
        n = total + (experiment.compared != experiment.search)
        stages.append(Stage(PERMUTATIONS, n, compared, n * span, n * span, n * before, total * before))
    if total and experiment.in_depth:
        n = total
        stages.append(Stage(SCALED, n, compared, n * span, n * span, n * before, n * before))
    return Work(tuple(stages), splits, before, total, experiment.in_depth)


def _windows(name: str, search: SearchSize, windows: Sequence[Window], bars: int) -> Stage:
    """Return the searches of train windows: those whose points are known are swept many windows at once."""
    lengths = [w.train_stop - w.train_start for w in windows]
    if search.learns or search.points > MAX_SCORES:
        swept, hull = len(windows), sum(lengths)
    else:
        step = max(1, MAX_SCORES // search.points)
        parts = [windows[i : i + step] for i in range(0, len(windows), step)]
        swept = len(parts)
        hull = sum(max(w.train_stop for w in part) - min(w.train_start for w in part) for part in parts)
    fresh = 0 if search.keeps_setups else swept * bars
    return Stage(name, len(windows), search, hull, sum(lengths), fresh)


class StageClock:
    """Hears the progress of a training and adds up how long each of its stages takes.

    Parameters
    ----------
    then : callable, optional
        Hears it afterwards, and says whether time has run out.
    """

    def __init__(self, then: Callable[[Progress], bool | None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._then, self._last = then, time.monotonic()

    def __call__(self, progress: Progress) -> bool | None:
        """Count the time since the last progress, whatever stage that was of, to the stage that goes on."""
        now = time.monotonic()
        self.seconds[progress.stage] = self.seconds.get(progress.stage, 0.0) + now - self._last
        self._last = now
        return None if self._then is None else self._then(progress)


def expected_of(evidence: Evidence, rates: Rates, rows: float = 1.0) -> dict[str, float]:
    """Return how long the stages of a finished training should have taken on one thread, by what was really run."""
    work = work_of(evidence.experiment, evidence.bars.market, evidence.splits.start, evidence.splits.stop)
    seconds, tests = work.seconds(rates, rows=rows).stages, evidence.tests
    done = {
        SEARCH: 1.0,
        WALK_FORWARD: 1.0,
        MATRIX: float(evidence.validation.matrix is not None),
        PERMUTATIONS: tests.permutation.done / max(work.permutations, 1),
        SCALED: tests.scaled_permutation.done / max(work.permutations, 1),
    }
    return {name: value * done[name] for name, value in seconds.items() if value * done[name] > 0}
