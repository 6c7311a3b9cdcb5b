"""The page of a plain backtest: the same charts and numbers as a report, without any evidence, and it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.documents.plain import measures as plain_measures
from assay.documents.plain import plain
from assay.engine.glossary import MEASURES
from assay.reports.rendering import rendered
from assay.reports.run_view import json_file, run_view
from assay.reports.values import measured, plainly, text

if TYPE_CHECKING:
    from collections.abc import Mapping

TILES = (
    ("net_profit_pct", "Net profit", "{:+.2f} %"),
    ("sharpe_ratio", "Sharpe ratio", "{:.2f}"),
    ("max_drawdown_pct", "Maximum drawdown", "{:.2f} %"),
    ("total_trades", "Trades", "{:,d}"),
    ("win_rate", "Win rate, net", "{:.1%}"),
    ("expectancy_r", "Mean R", "{:+.2f}"),
)
"""What a reader looks at first: measure, label, form."""


def backtest_html(ran: Mapping[str, Any], figures: Mapping[str, Any], *, version: str) -> str:
    """Return a backtest as one page that loads nothing.

    Parameters
    ----------
    ran : mapping
        What was run and what came of it, as `assay backtest --json` prints it.
    figures : mapping
        `assay.documents.figures.run_figures` of the run.
    version : str
        Of the code that ran it.
    """
    metrics, run = plain_measures(ran["metrics"]), run_view(dict(figures), "the run")
    market, span = ran["market"], ran["span"]
    name = f"{ran['strategy']}-{market['symbol']}-{market['timeframe']}".replace("/", "").replace(":", "-")
    return rendered(
        "backtest.html",
        run.charts,
        {"planes": [], "name": name, "document": json_file(ran)} | run.content,
        ran=plain(dict(ran)),
        market=market,
        span=span,
        figures=figures,
        version=version,
        tiles=[
            {"label": label, "value": text(metrics[key], form), "meaning": MEASURES[key].meaning}
            for key, label, form in TILES
        ],
        measures=[
            (key, measured(key, value), MEASURES[key].meaning if key in MEASURES else "")
            for key, value in metrics.items()
        ],
        terms=[(key.replace("_", " "), plainly(value)) for key, value in ran["costs"].items()],
        **run.shown,
    )
