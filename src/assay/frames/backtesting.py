"""`backtest` for scripts and notebooks: a run that makes frames and charts of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine import Run, Span
from assay.errors import InputError
from assay.evaluation import PreparedReplay
from assay.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from bokeh.models import Column

    from assay.engine import Execution
    from assay.frames import results
    from assay.market import Bars
    from assay.parameters import Value
    from assay.reports import run_charts
    from assay.sources import files
    from assay.strategies import Strategy
else:  # pandas, Bokeh and pyarrow for who asks for frames, charts and files
    results, run_charts = lazy("assay.frames.results"), lazy("assay.reports.run_charts")
    files = lazy("assay.sources.files")


@dataclass(frozen=True, eq=False)
class BacktestRun(Run):
    """A run that knows on which bars it traded.

    Attributes
    ----------
    history : Bars
        What it traded on; `bars` is how many of them the run has.
    span : Span
        The signal bars.
    """

    history: Bars
    span: Span

    def to_frame(self) -> pd.DataFrame:
        """Return one row per trade in order; its columns are those of `BacktestResult.trades`."""
        return results.trades_frame(self, self.history)

    def equity_frame(self) -> pd.DataFrame:
        """Return one row per day, indexed by the day (UTC).

        ``equity`` in account currency at its end, from 10,000 before the first; ``return_pct`` of the day and
        ``drawdown_pct`` below the highest day end, in percent points.
        """
        return results.equity_frame(self)

    def plot(self, path: str | Path | None = None) -> Column:
        """Return a Bokeh layout: equity beside the market, drawdown, and R of each trade.

        In a notebook ``bokeh.io.show`` shows it.

        Parameters
        ----------
        path : str or path, optional
            An .html file to write as well, which opens without a network.
        """
        if path is not None and not str(path).lower().endswith((".html", ".htm")):
            raise InputError("path", "must end in .html", str(path))
        layout = run_charts.run_charts(self, self.history)
        if path is not None:
            title = f"{self.history.market}, {len(self.trades):,} trades"
            files.write_text(path, run_charts.page(layout, title))
        return layout


def backtest(
    strategy: Strategy | type[Strategy],
    bars: Bars,
    values: Mapping[str, Value],
    *,
    execution: Execution | None = None,
    span: Span | None = None,
    exit_on_opposite: bool = False,
) -> BacktestRun:
    """Replay one set of parameters.

    Parameters
    ----------
    strategy : Strategy
        A class that needs no arguments will do.
    bars : Bars
        `bars_from_frame` makes them of a data frame, `read_bars` of a file.
    values : mapping
        Parameters; those not given stay at their default.
    execution : Execution, optional
        Sides, costs, sizing and the least distance of a stop; the usual terms of an exchange by default.
    span : Span, optional
        All bars after the warm-up by default.
    exit_on_opposite : bool
        Leave at the open after a signal of the other side.

    Returns
    -------
    BacktestRun
        Trades, daily equity and counts; ``to_frame()``, ``equity_frame()`` and ``plot()`` show them.

    Raises
    ------
    InputError
        For arguments of another kind, unknown parameters and values outside their bounds.
    """
    prepared = PreparedReplay.of(strategy, bars, values, execution, span)
    run = prepared.run(prepared.signals(prepared.rows()), exit_on_opposite=exit_on_opposite)
    return BacktestRun(**vars(run), history=bars, span=prepared.span)
