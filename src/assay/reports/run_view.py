"""What every page of a run shows, whether it was trained or only replayed: its charts, numbers, trades and files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.documents.performance import performance
from assay.documents.plain import plain
from assay.lazy import lazy
from assay.reports.performance_view import candles_sentence, performance_view
from assay.reports.trades import trade_columns, trade_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bokeh.models import Plot

    from assay.documents.performance import Performance
    from assay.reports import charts, trade_charts
else:  # Bokeh, for what is drawn
    charts, trade_charts = lazy("assay.reports.charts"), lazy("assay.reports.trade_charts")

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunView:
    """What a page shows of a run.

    Attributes
    ----------
    charts : dict of str to Plot
        By the name of their place.
    content : dict
        What the page's own code draws, sorts and writes to files, as JSON values.
    shown : dict
        What the templates of a run read: ``trades``, ``performance``, ``candles`` and their ``unit``; None is unknown.
    """

    charts: dict[str, Plot]
    content: dict[str, Any]
    shown: dict[str, Any]


def run_view(figures: Figures | None, label: str) -> RunView:
    """Return what a page shows of the run of figures, under a label; without figures everything is unknown."""
    if figures is None:
        return RunView({}, {}, {"trades": None, "performance": None, "candles": None, "unit": None})
    found, trades = performance(figures), len(figures["trades"]["R"])
    candles = figures.get("candles") if trades else None
    return RunView(
        _charts(figures, found, label),
        {
            "trades": trade_columns(figures),
            "candles": candles,
            "equity": {"first": found.first_day, "equity": figures["stitched"]["equity"]},
        },
        {
            "trades": trade_table(figures),
            "performance": performance_view(found),
            "candles": None if candles is None else candles_sentence(candles, trades),
            "unit": None if candles is None else f"{candles['unit']:.12f}".rstrip("0").rstrip("."),
        },
    )


def _charts(figures: Figures, found: Performance, label: str) -> dict[str, Plot]:
    drawn: dict[str, Plot] = {}
    drawn["equity"], drawn["drawdown"] = charts.equity(figures, label)
    rolling = [one for one in found.rolling if one.is_known]
    if rolling:
        drawn["rolling"] = trade_charts.rolling_sharpe(rolling, figures["stitched"]["start_ms"])
    return drawn | _charts_of_trades(figures, found)


def _charts_of_trades(figures: Figures, found: Performance) -> dict[str, Plot]:
    trades = figures["trades"]
    multiples = [r for r in trades["R"] if r is not None]
    if not multiples:
        return {}
    exits = [e[:16].replace("T", " ") for e, r in zip(trades["exit_time"], trades["R"], strict=True) if r is not None]
    splits = {split.name: split.groups for split in found.splits}
    drawn = {
        "r": charts.r_distribution(multiples),
        "cumulative": charts.cumulative_r(exits, multiples),
        "reasons": charts.exit_reasons(trades["reason"]),
        "hours": trade_charts.groups(splits["hour"], "hour of entry, UTC"),
        "weekdays": trade_charts.groups(splits["weekday"], "weekday of entry, UTC"),
    }
    if "candles" in figures:
        drawn["candles"] = trade_charts.candles(set(trades["side"]))
    return drawn if found.excursions is None else drawn | trade_charts.excursions(found.excursions, trades["R"])


def json_file(value: Mapping[str, Any]) -> str:
    """Return the text of a JSON file: of a document, the very bytes that a training writes."""
    return json.dumps(plain(value), indent=2, allow_nan=False) + "\n"
