"""Tabs of a configuration's page about its run in the calendar, and about groups of its trades."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from nicegui import ui

from assay.documents.performance import Performance, performance
from assay.reports.performance_view import performance_view
from assay.studio import plots
from assay.studio.panels import empty
from assay.studio.tables import rows_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.studio.configuration_facts import ConfigurationFacts
    from assay.studio.plots import Palette

NO_FIGURES = "This configuration was stored without its run: train it again to see it."
GROUP_HEADS = ("Group", "Trades", "Win rate", "Mean R", "Mean net return", "Net profit")
AFTERWARDS = "Looked at afterwards: no group was tested, and with so many groups some are good by luck."


def _run(found: ConfigurationFacts) -> Performance | None:
    if found.figures is None or not found.figures["stitched"]["equity"]:
        empty("No run to show", NO_FIGURES)
        return None
    return performance(found.figures)


def returns(found: ConfigurationFacts, colours: Palette) -> None:
    """Show months and years, the run beside its market, the rolling Sharpe ratio and the deepest falls."""
    run = _run(found)
    if run is None:
        return
    view = performance_view(run)
    ui.label("Months and years, net profit in %").classes("part-title")
    _years(view)
    with ui.element("div").classes("grid halves"):
        with ui.element("div"):
            ui.label(f"Over the {run.days} days").classes("part-title")
            heads = {"name": "Measure"} | {f"p{i}": head for i, head in enumerate(view["heads"])}
            rows_table(heads, [dict(zip(heads, row, strict=True)) for row in view["paths"]], left=("name",))
        with ui.element("div"):
            ui.label("The deepest falls, by day ends").classes("part-title")
            heads = {"depth": "Depth", "begin": "From", "bottom": "Lowest", "recovery": "Recovered", "days": "Days"}
            rows_table(
                heads,
                [
                    {
                        "depth": f"{fall['depth_pct']:.2f} %", "begin": fall["begin"], "bottom": fall["bottom"],
                        "recovery": fall["recovery"] or "not yet", "days": fall["days"],
                    }
                    for fall in view["falls"]
                ],
            )  # fmt: skip
    known = [one for one in run.rolling if one.is_known]
    if known:
        ui.label("Rolling Sharpe ratio, a year").classes("part-title")
        first = np.datetime64(run.first_day)
        lines = {
            f"of {one.days} days": [
                (str(first + i), None if math.isnan(value) else round(value, 4)) for i, value in enumerate(one.ratios)
            ]
            for one in known
        }
        ui.echart(plots.lines(colours, lines, name="Sharpe ratio")).classes("chart")
        ui.label(f"One of {known[-1].days} days is uncertain by about {view['error']}, also without any edge.").classes(
            "muted"
        )


def _years(view: Mapping[str, Any]) -> None:
    heads = ["Year", *view["months"], "Whole", *(["Market"] if view["has_market"] else [])]
    with ui.element("div").classes("scroll"), ui.element("table").classes("plain-table months"):
        with ui.element("thead"), ui.element("tr"):
            for head in heads:
                _cell("th", head)
        with ui.element("tbody"):
            for year in view["years"]:
                with ui.element("tr"):
                    _cell("td", str(year["year"]))
                    for month in year["months"]:
                        cell = _cell("td", "" if month is None else month["value"])
                        if month is not None:
                            cell.classes("rose" if month["good"] else "fell").style(f"--strength: {month['strength']}%")
                    _cell("td", year["total"]).classes("strong")
                    if view["has_market"]:
                        _cell("td", year["market"])
    if view["in_part"]:
        ui.label("* The run covers only a part of this month.").classes("muted")


def _cell(tag: str, text: str) -> ui.element:
    with ui.element(tag).classes("number") as cell:
        ui.label(text)
    return cell


def groups(found: ConfigurationFacts, _: Palette) -> None:
    """Show the trades by side, weekday, reason and hour, and how far they went."""
    run = _run(found)
    if run is None:
        return
    view = performance_view(run)
    ui.label(AFTERWARDS).classes("muted")
    with ui.element("div").classes("grid halves"):
        for split in view["splits"]:
            with ui.element("div"):
                ui.label(split["title"]).classes("part-title")
                _table(GROUP_HEADS, split["rows"])
        with ui.element("div"):
            ui.label("How far trades went against and for them (medians)").classes("part-title")
            if view["summaries"] is None:
                empty("Unknown", "Stored by an earlier version: train it again to see it.")
            else:
                _table(("Trades", "Number", "Against (MAE)", "For (MFE)", "Bars"), view["summaries"])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    names = {f"c{i}": head for i, head in enumerate(heads)}
    rows_table(names, [dict(zip(names, row, strict=True)) for row in rows], left=("c0",))
