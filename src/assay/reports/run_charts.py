"""The charts of a single run: equity beside the market, drawdown, and what each trade brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import DataRange1d
from bokeh.resources import INLINE

from assay.documents.figures import by_day
from assay.engine.tables import trade_columns
from assay.reports.charts import cumulative_r, curves
from assay.reports.plots import empty_plot

if TYPE_CHECKING:
    from bokeh.models import Column, Plot

    from assay.engine import Run
    from assay.market import Bars


def run_charts(run: Run, bars: Bars) -> Column:
    """Return a run by day over its market, its drawdown beneath, and the sum of R after each trade, if any."""
    top = empty_plot(300, x_axis_type="datetime", y_range=DataRange1d(only_visible=True))
    low = empty_plot(130, x_axis_type="datetime", x_range=top.x_range, y_range=DataRange1d(end=0.0, min_interval=1.0))
    curves(top, low, [("the run", by_day(run, bars))])
    plots: list[Plot] = [top, low]
    if len(run.trades):
        trades = trade_columns(bars, run)
        plots.append(cumulative_r(trades["exit_time"].tolist(), trades["R"].tolist()))
    return column(*plots, sizing_mode="stretch_width")


def page(layout: Column, title: str) -> str:
    """Return a layout as one HTML page that opens without a network."""
    return file_html(layout, resources=INLINE, title=title)
