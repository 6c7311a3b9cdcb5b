"""Optimizers: search a space of parameters on one history."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from assay.errors import InputError, wrong_choice
from assay.frames.inputs import StrategyLike, as_bars, cores, one_of
from assay.frames.ledger import in_ledger
from assay.frames.progress import progress_bar
from assay.frames.results import Result, metrics_of
from assay.lazy import lazy
from assay.search import BUDGETS, SAMPLERS, parse_space, run_search

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterator, KeysView, ValuesView

    from assay.frames.engine import BacktestEngine
    from assay.market import Bars
    from assay.parameters import Value
    from assay.search import SearchResult, Space
    from assay.service import ledger
    from assay.strategies import Strategy
    from assay.training import Experiment
else:
    ledger = lazy("assay.service.ledger")  # the database, for searches only


class NoCandidateWarning(UserWarning):
    """A search found no point with a positive objective: its best point should not be traded."""


@dataclass(frozen=True, eq=False)
class OptimizationResult(Result):
    """The best point of a search: a mapping that also unpacks as ``parameters, score = result``.

    Iterating yields these two, as unpacking asks for; ``keys()``, ``items()``, ``values()``, ``in``, ``len``,
    ``result["score"]`` and ``dict(result)`` are those of the mapping.

    Attributes
    ----------
    parameters : dict
        All parameters of the best point, defaults included.
    score : float
        What the objective is worth, seen in so many trades (see `assay.search.penalised`): at most its value in
        `metrics`, and always finite; above 1e6 where that value is undefined for want of a loss.
    metrics : dict
        Every measure of the best point on the days that chose it: in sample. NaN where undefined.
    n_combinations : int
        How many points were tried.
    candidate_found : bool
        Whether the best point's score is positive with at least 10 trades.
    strategy : Strategy
    backtest_engine : BacktestEngine
        On whose terms the search ran; the validator goes on with them.
    """

    KEYS: ClassVar[tuple[str, ...]] = ("parameters", "score", "metrics", "n_combinations", "candidate_found")

    parameters: dict[str, Value]
    score: float
    metrics: dict[str, float] = field(repr=False)
    n_combinations: int
    candidate_found: bool
    strategy: Strategy = field(repr=False)
    backtest_engine: BacktestEngine = field(repr=False)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.parameters, self.score))

    def _plain(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in self.KEYS}

    def keys(self) -> KeysView[str]:
        """Return the names of the fields."""
        return self._plain().keys()

    def items(self) -> ItemsView[str, Any]:
        """Return names and fields."""
        return self._plain().items()

    def values(self) -> ValuesView[Any]:
        """Return the fields."""
        return self._plain().values()


def run_experiment(
    engine: BacktestEngine, experiment: Experiment, bars: Bars, title: str, *, stacklevel: int
) -> OptimizationResult:
    """Search on all bars and return the best point, with a warning when nothing is positive."""
    evaluator = experiment.evaluator(bars)
    span = evaluator.span(*experiment.bounds(bars, evaluator.warmup))
    plan = experiment.search
    with progress_bar(title, plan.size) as advance:
        found = run_search(plan, lambda c: evaluator.score(bars, span, c, threads=cores(), on_done=advance))
    _count(experiment, bars, (span.start, span.stop), found)
    best = found.best
    if best is None:
        best = found.tried.at(int(np.argmax(found.scores)))
        warnings.warn(
            f"none of {found.combinations:,} combinations has a positive {experiment.objective} with at least "
            f"10 trades; the best scores {found.score:.2f}",
            NoCandidateWarning,
            stacklevel=stacklevel + 1,
        )
    return OptimizationResult(
        parameters=best,
        score=found.score,
        metrics=metrics_of(evaluator.replay(bars, best, span), bars),
        n_combinations=found.combinations,
        candidate_found=found.best is not None,
        strategy=experiment.strategy,
        backtest_engine=engine,
    )


def _count(experiment: Experiment, bars: Bars, span: tuple[int, int], found: SearchResult) -> None:
    """Write a search into the ledger."""
    entry = ledger.entry_of(experiment, bars, span, found.combinations, found.score, found.distribution())
    in_ledger(lambda: ledger.record_search(entry))


def read_space(given: Mapping[str, Any] | str | None, strategy: Strategy) -> Space:
    """Return the space of a user's mapping; the strategy's default grid for None."""
    if given is None:
        given = {name: list(values) for name, values in strategy.default_grid.items()}
    if not isinstance(given, Mapping):
        raise InputError("parameter_space", "must be a mapping of names to values", type(given).__name__)
    return parse_space(given, strategy.parameters)


def require_engine(given: object) -> None:
    """Refuse what is no engine; engines import this module, so the class is not known here."""
    if isinstance(given, type) or not hasattr(given, "experiment"):
        kind = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        raise InputError("backtest_engine", f'must be BacktestEngine("LIQUIDITY_SWEEP") or so, not {kind}')


class ParameterOptimizer(ABC):
    """A way to choose points of a space. A subclass says which, and all else is the same."""

    title: ClassVar[str]

    @abstractmethod
    def search_options(self, space: Space, budget: int | None) -> dict[str, Any]:
        """Return ``method`` and, where the method draws points, ``budget`` of the `Experiment`.

        Parameters
        ----------
        budget : int or None
            The call's n_calls or n_iterations.
        """

    def optimize(
        self,
        backtest_engine: BacktestEngine,
        data: Any,
        strategy_class: StrategyLike | Mapping[str, Any] | None = None,
        parameter_space: Mapping[str, Any] | str | None = None,
        objective: str = "sharpe_ratio",
        n_calls: int | None = None,
        *,
        n_iterations: int | None = None,
        seed: int = 42,
    ) -> OptimizationResult:
        """Find the parameters with the highest objective on a history.

        The positional order (backtest_engine, data, parameter_space, objective) is understood too.

        Parameters
        ----------
        backtest_engine : BacktestEngine
            Its strategy, costs, sizing and sides.
        data : DataFrame or Bars
        strategy_class : str, Strategy class or Strategy, optional
            Overrides the engine's.
        parameter_space : mapping, optional
            Per parameter: a tuple of two floats is continuous (5 levels in a grid), of two whole numbers a
            range, of three (low, high, step); a list holds choices; anything else is one value. Parameters
            that are not named stay at their defaults. The strategy's default grid when not given.
        objective : str
            sharpe_ratio, net_profit (alias of net_profit_pct), calmar_ratio, sortino_ratio, profit_factor or
            expectancy_pct.
        n_calls, n_iterations : int, optional
            Two names for how many points may be tried.
        seed : int
            Of drawn points; a grid does not depend on it.

        Returns
        -------
        OptimizationResult
            A mapping that also unpacks as (parameters, score). It is in sample: `train` or
            `WalkForwardValidator` say what it is worth.

        Warns
        -----
        NoCandidateWarning
            When no point is positive; `candidate_found` is then False.
        """
        if isinstance(strategy_class, Mapping):
            if isinstance(parameter_space, str):
                objective = parameter_space
            strategy_class, parameter_space = None, strategy_class
        require_engine(backtest_engine)
        strategy = backtest_engine.strategy(strategy_class)
        space = read_space(parameter_space, strategy)
        options = self.search_options(space, one_of("n_calls", n_calls, "n_iterations", n_iterations))
        experiment = backtest_engine.experiment(strategy, space, objective=objective, seed=seed, **options)
        return run_experiment(backtest_engine, experiment, as_bars(data), self.title, stacklevel=2)


class GridSearchOptimizer(ParameterOptimizer):
    """Every combination of the space; of equals the first wins."""

    title = "Grid Search"

    def search_options(self, space: Space, budget: int | None) -> dict[str, Any]:
        """Return the method; a budget that the grid exceeds is refused, not cut."""
        if budget is not None and budget < space.size:
            raise InputError(
                "n_calls", f"a grid runs all of its {space.size:,} combinations", budget, "Use RandomSearchOptimizer"
            )
        return {"method": "grid"}


@dataclass(frozen=True)
class RandomSearchOptimizer(ParameterOptimizer):
    """Points drawn at random: uniform on ranges and choices, the same for the same seed.

    Attributes
    ----------
    n_samples : int
        How many, where the call does not say.
    """

    title: ClassVar[str] = "Random Search"

    n_samples: int = BUDGETS["random"]

    def search_options(self, space: Space, budget: int | None) -> dict[str, Any]:
        """Return the method and how many points it draws."""
        return {"method": "random", "budget": self.n_samples if budget is None else budget}


@dataclass(frozen=True)
class BayesianOptimizer(ParameterOptimizer):
    """Points chosen by the scores of those before: for spaces that are continuous or too large for a grid.

    Attributes
    ----------
    n_iterations : int
        How many points, where the call does not say; all of them where the space has no more.
    method : str
        One that learns: "gp" (a Gaussian process), "tpe" (Optuna's tree-structured Parzen estimator) or "cmaes".
    """

    title: ClassVar[str] = "Bayesian Search"

    n_iterations: int = BUDGETS["gp"]
    method: str = "gp"

    def __post_init__(self) -> None:
        known = [name for name, sampler in SAMPLERS.items() if sampler.learns]
        if self.method not in known:
            raise wrong_choice("method", self.method, known)

    def search_options(self, space: Space, budget: int | None) -> dict[str, Any]:
        """Return the method and how many points it tries."""
        return {"method": self.method, "budget": self.n_iterations if budget is None else budget}
