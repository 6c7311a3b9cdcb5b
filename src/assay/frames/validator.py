"""`WalkForwardValidator`: what parameters, or the search for them, do in the days that follow."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from assay.documents.configuration import SEARCHED_AGAIN
from assay.errors import InputError, ParameterError
from assay.frames.engine import BacktestEngine
from assay.frames.inputs import StrategyLike, as_bars, as_parameters, cores, is_history, one_of
from assay.frames.optimizers import OptimizationResult, read_space, run_experiment
from assay.frames.progress import progress_bar
from assay.frames.results import Result, completed, stamps
from assay.frames.stages import stage_of
from assay.search import parse_space
from assay.training.evidence import Metrics
from assay.validation import SplitPlan, WalkForward, fixed_walk_forward, make_splits, walk_forward
from assay.validation.walkforward import broken_promises

if TYPE_CHECKING:
    from assay.market import Bars
    from assay.parameters import Value
    from assay.training import Experiment
    from assay.validation import BarSplits
    from assay.validation.splits import Mode


class ScaledWindowsWarning(UserWarning):
    """A history is too short for three windows of the lengths that were asked for: they were made shorter."""


@dataclass(frozen=True, eq=False)
class ValidationResult(Result):
    """What a walk-forward showed; ``result["metrics"]`` and ``result.metrics`` are the same.

    Attributes
    ----------
    parameters : dict
        The replayed ones; where windows were searched again, the best of all days: what to trade next.
    metrics : dict
        Every measure of one replay over all test windows, with the measures over windows
        (mean_test_sharpe, profitable_windows, stability_score ...) and ``p_value``: NaN, since no
        permutation test was run. NaN where undefined, never None. A dict that knows what it was measured on:
        `ConfigurationWriter` stores that.
    in_sample, out_of_sample : dict
        Each measure's mean over the train and over the test windows in which it is defined.
    windows : list of dict
        train_from, train_to, test_from, test_to (opens of first and last bar), parameters (None where no
        point was positive: the window trades nothing), train and test measures.
    is_overfit : bool
        Whether any flag is raised.
    label : str
        Whether these days were unseen.
    flags, notes : list of str
        Signs of overfitting; what was scaled or raised.
    walk : WalkForward
        The engine's own record.
    """

    KEYS: ClassVar[tuple[str, ...]] = (
        *("parameters", "metrics", "in_sample", "out_of_sample", "windows"),
        *("is_overfit", "label", "flags", "notes"),
    )

    parameters: dict[str, Value]
    metrics: dict[str, float]
    in_sample: dict[str, float] = field(repr=False)
    out_of_sample: dict[str, float] = field(repr=False)
    windows: list[dict[str, Any]] = field(repr=False)
    is_overfit: bool
    label: str
    flags: list[str]
    notes: list[str]
    walk: WalkForward = field(repr=False)


def _means(walk: WalkForward, part: str) -> dict[str, float]:
    """Mean of each measure over the windows in which it is defined."""
    means = {}
    for name in walk.measures:
        values = [getattr(w, part).get(name, math.nan) for w in walk.windows]
        known = [v for v in values if not math.isnan(v)]
        means[name] = sum(known) / len(known) if known else math.nan
    return means


def _window_rows(walk: WalkForward, bars: Bars) -> list[dict[str, Any]]:
    rows = []
    for w in walk.windows:
        s = w.window
        edges = bars.time[[s.train_start, s.train_stop - 1, s.test_start, s.test_stop - 1]]
        named = zip(("train_from", "train_to", "test_from", "test_to"), stamps(edges), strict=True)
        rows.append({**dict(named), "parameters": w.parameters, "train": w.train, "test": w.test})
    return rows


def _result(
    walk: WalkForward,
    parameters: dict[str, Value],
    flags: tuple[str, ...],
    label: str,
    splits: BarSplits,
    experiment: Experiment,
    bars: Bars,
) -> ValidationResult:
    summary = walk.summary(bars.market.days_per_year)
    return ValidationResult(
        parameters=parameters,
        metrics=Metrics(completed(walk.measures) | summary | {"p_value": math.nan}, experiment, bars),
        in_sample=_means(walk, "train"),
        out_of_sample=_means(walk, "test"),
        windows=_window_rows(walk, bars),
        is_overfit=bool(flags),
        label=label,
        flags=list(flags),
        notes=list(splits.notes),
        walk=walk,
    )


class WalkForwardValidator:
    """Train and test windows that move through a history.

    Parameters
    ----------
    train_window_days, test_window_days, gap_days : float
        60, 30 and 7 where not given. The gap is raised to the longest holding time. A history that is too
        short for three windows has them scaled down, with a `ScaledWindowsWarning` and a note of the result; below 5
        test days it is refused.
    train_period_days, test_period_days, gap_period_days : float
        The same under other names.
    mode : {"rolling", "anchored", "split"}, optional
        Whether training days move along, start with the history, or are its first 70 %. By default rolling
        where parameters are replayed and anchored where every window is searched again.
    """

    def __init__(
        self,
        train_window_days: float | None = None,
        test_window_days: float | None = None,
        gap_days: float | None = None,
        *,
        train_period_days: float | None = None,
        test_period_days: float | None = None,
        gap_period_days: float | None = None,
        mode: Mode | None = None,
    ) -> None:
        self.train_window_days: float = one_of(
            "train_window_days", train_window_days, "train_period_days", train_period_days, 60
        )
        self.test_window_days: float = one_of(
            "test_window_days", test_window_days, "test_period_days", test_period_days, 30
        )
        self.gap_days: float = one_of("gap_days", gap_days, "gap_period_days", gap_period_days, 7)
        self.mode = mode
        self._plan("anchored")  # refuses what makes no sense

    def _plan(self, usual: Mode) -> SplitPlan:
        days = (float(self.train_window_days), float(self.test_window_days), float(self.gap_days))
        return SplitPlan(usual if self.mode is None else self.mode, *days, holdout=0.0)

    def validate(
        self,
        config: Any = None,
        data: Any = None,
        strategy_class: StrategyLike | BacktestEngine | None = None,
        parameters: Mapping[str, Any] | None = None,
        backtest_engine: BacktestEngine | None = None,
        parameter_space: Mapping[str, Any] | None = None,
        objective: str = "sharpe_ratio",
        *,
        method: str | None = None,
        n_samples: int | None = None,
        seed: int = 42,
    ) -> ValidationResult:
        """Replay parameters in every window, or search every window again.

        The positional order (data, parameters, backtest_engine) is understood too.

        Parameters
        ----------
        config, parameters : mapping
            Parameters, or a result or document that holds some: replayed as they are in every window. That is
            not out of sample where they were found on these days, and the result's label says so.
        data : DataFrame or Bars
        strategy_class : str, Strategy class or Strategy, optional
            Where neither the config nor the engine knows it.
        backtest_engine : BacktestEngine, optional
            Costs, sizing and sides; that of the config where it is an optimizer's result.
        parameter_space : mapping, optional
            Instead of a config: each window is searched, and what was found trades its test days.
        objective : str
            Of those searches.
        method : str, optional
            Of those searches: grid, random, tpe, cmaes or gp. Where not given, a random search where `n_samples` is
            given and a grid where it is not.
        n_samples : int, optional
            Points that each search tries.
        seed : int
            Of drawn points.

        Warns
        -----
        ScaledWindowsWarning
            When the history is too short for windows of these lengths; it says which they are instead.
        """
        if is_history(config):
            if data is not None and (is_history(data) or parameters is not None):
                raise InputError("data", "is given twice: a history as the first argument needs parameters next")
            config, data = data, config
        if isinstance(strategy_class, BacktestEngine):
            backtest_engine, strategy_class = strategy_class, None
        given = one_of("config", config, "parameters", parameters)
        if (given is None) == (parameter_space is None):
            rule = "give parameters to replay, or a parameter_space to search in every window, not both"
            raise InputError("config", rule)
        if isinstance(given, OptimizationResult):
            backtest_engine = backtest_engine or given.backtest_engine
            strategy_class = strategy_class or given.strategy
        elif isinstance(given, Mapping) and "parameters" in given:
            strategy_class = strategy_class or given.get("strategy")
            if backtest_engine is None and given.get("execution"):
                backtest_engine = BacktestEngine.of_document(given)
        engine = backtest_engine or BacktestEngine()
        strategy = engine.strategy(strategy_class)
        bars = as_bars(data)
        if given is not None:
            values = strategy.parameters.complete(as_parameters(given))
            if reason := strategy.constraint(values):
                raise ParameterError("parameters", reason)
            point = parse_space({name: [value] for name, value in values.items()}, strategy.parameters)
            fixed = engine.experiment(strategy, point, objective=objective, allow_bad_data=True)
            return self._replay(fixed, values, bars)
        drawn = {"method": method or ("grid" if n_samples is None else "random"), "budget": n_samples}
        space = read_space(parameter_space, strategy)
        searched = engine.experiment(strategy, space, objective=objective, seed=seed, allow_bad_data=True, **drawn)
        return self._search(engine, searched, bars)

    def _splits(self, experiment: Experiment, bars: Bars, warmup: int, usual: Mode) -> BarSplits:
        start, stop = experiment.bounds(bars, warmup)
        per_day = bars.market.bars_per_day
        holding = experiment.holding_bars or math.ceil(per_day)
        plan = self._plan(usual)
        splits = make_splits(plan, start, stop, per_day, holding)
        if plan.mode != "split" and (splits.train_days, splits.test_days) != (plan.train_days, plan.test_days):
            warnings.warn(splits.notes[-1], ScaledWindowsWarning, stacklevel=4)
        return splits

    def _replay(self, experiment: Experiment, values: dict[str, Value], bars: Bars) -> ValidationResult:
        evaluator = experiment.evaluator(bars)
        splits = self._splits(experiment, bars, evaluator.warmup, "rolling")
        walk, fixed = fixed_walk_forward(evaluator, bars, values, splits)
        described = replace(experiment, procedure="fixed", plan=self._plan("rolling"))
        return _result(walk, values, fixed.flags, fixed.label, splits, described, bars)

    def _search(self, engine: BacktestEngine, experiment: Experiment, bars: Bars) -> ValidationResult:
        evaluator = experiment.evaluator(bars)
        splits = self._splits(experiment, bars, evaluator.warmup, "anchored")
        bounded = experiment.holding_bars is not None
        with progress_bar("Walk-forward", len(splits.windows)) as advance:
            walk = walk_forward(
                evaluator,
                bars,
                experiment.search,
                splits,
                threads=cores(),
                bounded=bounded,
                on_window=lambda _done, _total: advance(1),
            )
        best = run_experiment(engine, experiment, bars, "All days", stacklevel=3)
        traded = [(w.train, w.test) for w in walk.windows if w.parameters is not None]
        flags = broken_promises(walk.measures, promised=True) if traded else ("no window had a candidate",)
        described = replace(experiment, plan=self._plan("anchored"))
        return _result(walk, best.parameters, flags, SEARCHED_AGAIN, splits, described, bars)

    def assign_lifecycle_stage(self, metrics: Mapping[str, Any]) -> str:
        """Return PAPER, DISCOVERY, VALIDATION or MATURE; see `assay.frames.stages`."""
        return stage_of(metrics)
