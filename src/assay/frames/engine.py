"""`BacktestEngine`: replay one set of parameters and look at every trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from assay.documents import TrainedDocument
from assay.engine import Execution
from assay.engine.costs import cost_of
from assay.errors import InputError, StrategyError
from assay.evaluation import backtest
from assay.frames.inputs import StrategyLike, as_bars, as_parameters, as_strategy
from assay.frames.results import Result, equity_series, metrics_of, trades_frame
from assay.search import parse_space
from assay.training import Experiment

if TYPE_CHECKING:
    import pandas as pd

    from assay.engine import Costs, Run
    from assay.parameters import Value
    from assay.search import Space
    from assay.strategies import Strategy


@dataclass(frozen=True, eq=False)
class BacktestResult(Result):
    """What one backtest did; ``result["metrics"]`` and ``result.metrics`` are the same.

    Attributes
    ----------
    trades : DataFrame
        One row per trade: signal_time, entry_time, exit_time (opens of those bars, UTC), direction (LONG or
        SHORT), entry_price and exit_price (slippage inside), stop_loss, take_profit (NaN = none), size (share
        of the equity), pnl_pct (percent of the notional, net of costs), gross_pnl_pct, r_multiple, bars_held,
        reason, ambiguous.
    equity_curve : Series
        Account currency at the end of each day from 10,000, indexed by the day (UTC).
    metrics : dict
        Every measure; NaN where undefined. ``*_pct`` is percent points, every other rate a fraction,
        ``max_drawdown`` not above 0.
    parameters : dict
        All parameters, defaults included.
    run : Run
        The engine's own record.
    """

    KEYS: ClassVar[tuple[str, ...]] = ("trades", "equity_curve", "metrics", "parameters")

    trades: pd.DataFrame = field(repr=False)
    equity_curve: pd.Series[float] = field(repr=False)
    metrics: dict[str, float]
    parameters: dict[str, Value]
    run: Run = field(repr=False)


class BacktestEngine:
    """Backtests of one strategy, or of the one named in each call.

    Parameters
    ----------
    strategy_type : str, Strategy class, Strategy or None
        A registered name (the suffix _V3 and case do not matter), a class or an instance.
    execution : Execution, optional
        What optimizers and the validator trade on, and `run_backtest` where nothing else is given: both sides, a fee of
        .001 and slippage of .0005 a side by default.
    **terms
        The fields of `Execution`, such as ``costs=Costs(fee=0.0002)`` or ``sides="long"``, instead of it.
    """

    def __init__(
        self, strategy_type: StrategyLike | None = None, *, execution: Execution | None = None, **terms: Any
    ) -> None:
        if execution is not None and terms:
            raise InputError("execution", "is given twice", sorted(terms))
        if unknown := sorted(set(terms) - {f.name for f in fields(Execution)}):
            raise InputError(unknown[0], "is not a term of execution", terms[unknown[0]])
        self.strategy_type = strategy_type
        self.execution = Execution(**terms) if execution is None else execution
        if strategy_type is not None:
            as_strategy(strategy_type)

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> BacktestEngine:
        """Return an engine on the terms of a V3 document: its strategy, side, costs, sizing and stop floor."""
        given = TrainedDocument(document)
        terms = given.execution.model_dump()
        return cls(given.strategy, execution=Execution.from_terms({**terms, "sides": terms["side"]}))

    def strategy(self, strategy_class: object = None) -> Strategy:
        """Return the strategy of a call, or the engine's own."""
        chosen = self.strategy_type if strategy_class is None else strategy_class
        if chosen is None:
            raise StrategyError(
                "strategy_class", "must be given here or to BacktestEngine", hint='Try "LIQUIDITY_SWEEP"'
            )
        return as_strategy(chosen)

    def experiment(self, strategy: Strategy, space: Space, **options: Any) -> Experiment:
        """Return a search or a single point on the engine's terms, without a permutation test."""
        return Experiment(strategy, space, permutations=0, execution=self.execution, **options)

    def run_backtest(
        self,
        data: Any,
        parameters: Mapping[str, Any],
        exchange_fees: float | str | None = None,
        slippage: float | str | None = None,
        strategy_class: StrategyLike | None = None,
    ) -> BacktestResult:
        """Replay one set of parameters over a history.

        Parameters
        ----------
        data : DataFrame or Bars
            The market is read from ``attrs["market"]`` of a frame, or inferred from its stamps.
        parameters : mapping
            Those not given stay at their defaults; a result of an optimizer will do. A V3 document brings its own
            side, costs, sizing and stop floor.
        exchange_fees, slippage : float or str, optional
            Fractions per side, .001 or ``"0.1%"`` or ``"10bps"``; those of `execution` (.001 and .0005) where not
            given. From 1 % on a number is refused: ``"10%"`` says that it is meant.
        strategy_class : str, Strategy class or Strategy, optional
            Overrides the engine's.

        Raises
        ------
        ParameterError
            For unknown names and values outside their bounds.
        InsufficientDataError
            When the history is shorter than the strategy's warm-up.
        """
        if isinstance(parameters, Mapping) and parameters.get("execution"):
            terms = BacktestEngine.of_document(parameters)
            return terms.run_backtest(data, parameters["parameters"], exchange_fees, slippage, strategy_class)
        strategy = self.strategy(strategy_class)
        values = strategy.parameters.complete(as_parameters(parameters))
        costs = _charged(self.execution.costs, exchange_fees, slippage)
        bars = as_bars(data)
        charging = BacktestEngine(self.strategy_type, execution=replace(self.execution, costs=costs))
        experiment = charging.experiment(strategy, parse_space(values, strategy.parameters))
        evaluator = experiment.evaluator(bars)
        span = evaluator.span(*experiment.bounds(bars, evaluator.warmup))
        run = backtest(strategy, bars, values, execution=experiment.execution, span=span)
        return BacktestResult(trades_frame(run, bars), equity_series(run), metrics_of(run, bars), values, run)


def _charged(costs: Costs, exchange_fees: float | str | None, slippage: float | str | None) -> Costs:
    """Return costs with what a call charges in their place."""
    fee = costs.fee if exchange_fees is None else cost_of("exchange_fees", exchange_fees)
    slip = costs.slippage if slippage is None else cost_of("slippage", slippage)
    return replace(costs, fee=fee, slippage=slip, allow_high=True)
