"""Parts of a configuration's page: each shows one section of its document, with its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.documents.explained import explained as in_words
from assay.documents.figures import stored_equity
from assay.lazy import lazy
from assay.reports import evidence_words
from assay.reports.page import matrix_rows, measure_rows
from assay.reports.values import plainly, text
from assay.studio import plots
from assay.studio.configuration_returns import groups, returns
from assay.studio.panels import empty, panel
from assay.studio.tables import rows_table
from assay.studio.values import day, number, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from assay.reports import charts, score_map
    from assay.studio.configuration_facts import ConfigurationFacts
    from assay.studio.plots import Palette
else:  # they bring Bokeh
    charts, score_map = lazy("assay.reports.charts"), lazy("assay.reports.score_map")

NO_EVIDENCE = "These are plain numbers that came without evidence: train the strategy to get some."
NO_FIGURES = "This configuration was stored without its run: train it again to see it."


# --- beside the chart


def neighbourhood(found: ConfigurationFacts, colours: Palette) -> None:
    """Show the in-sample score over any two searched parameters."""
    with panel("Neighbourhood of the winner", note=MAP_NOTE):
        drawn = None if found.figures is None else found.figures["map"]
        planes = score_map.planes(drawn) if drawn and drawn["planes"] else []
        if not planes:
            empty("No map", "A map needs a grid of at least two combinations, and figures of the training.")
            return
        chart = ui.echart(plots.score_map(colours, planes[0])).classes("chart")

        def choose(place: int) -> None:
            chart.options.clear()
            chart.options.update(plots.score_map(colours, planes[place]))
            chart.update()

        if len(planes) > 1:
            names = {i: plane["name"] for i, plane in enumerate(planes)}
            ui.select(names, value=0, label="Parameters", on_change=lambda event: choose(event.value)).props(
                "dense outlined options-dense"
            ).classes("full")


MAP_NOTE = (
    "Score on the days that were searched, lowered where few trades stand behind it; all other parameters at the "
    "winner's values. The winner is framed. A plateau is a better sign than a peak."
)


def permutations(found: ConfigurationFacts, colours: Palette) -> None:
    """Show the best score of every search on bars without direction, and that of the real one."""
    with panel("Permutation test", note=PERMUTATION_NOTE):
        document = found.trained
        test = None if document is None else document.evidence.permutation
        if test is None or not test.done or test.statistic is None:
            empty(
                "p is unknown",
                "The permutation test was not run, or no combination earned." if document else NO_EVIDENCE,
            )
            return
        maxima = [value for value in test.maxima if value is not None]
        if maxima:
            counts, edges = charts.histogram(maxima, test.statistic)
            options = plots.histogram(
                colours, counts, edges, name="best score of each search on bars without direction",
                mark=test.statistic, mark_text="the real bars", good_from=test.statistic,
            )  # fmt: skip
            ui.echart(options).classes("chart low")
        ui.label(f"p = {number(test.p_value, 3)}: {test.exceedances} of {test.done} searches found as much.").classes(
            "strong"
        )


PERMUTATION_NOTE = (
    "The whole search was repeated on bars whose moves were shuffled, so that there is nothing to find. What is filled "
    "did at least as well as the search on the real bars: the more of it, the more likely it was luck."
)


# --- tabs


def _out_of_sample(found: ConfigurationFacts, colours: Palette) -> None:
    figures = found.figures
    if figures is None or not figures["windows"]:
        empty("No run to show", NO_FIGURES)
        return
    dates = [str(date) for date in stored_equity(figures)["date"]]
    ui.echart(plots.out_of_sample(colours, figures, dates)).classes("chart high")
    market = None if found.trained is None else found.trained.evidence.market
    if found.trained is not None and market is not None:
        rows = [{"name": name, "value": value} for name, value in evidence_words.market_rows(found.trained)]
        rows_table({"name": f"Over the {market.days} test days", "value": "Value"}, rows, left=("name",))


def _windows(found: ConfigurationFacts, colours: Palette) -> None:
    document = found.trained
    if document is None or not document.validation.windows:
        empty("No windows", NO_EVIDENCE)
        return
    rows = [
        {
            "test_from": window.test_from,
            "train": window.train.get("sharpe_ratio"),
            "test": window.test.get("sharpe_ratio"),
        }
        for window in document.validation.windows
    ]
    ui.echart(plots.windows(colours, rows)).classes("chart")
    own = document.parameters
    rows_table(
        {"test": "Test", "train": "Trained on", "score": "Train score", "train_sharpe": "Train Sharpe",
         "test_sharpe": "Test Sharpe", "profit": "Test net profit", "drawdown": "Drawdown", "trades": "Trades",
         "other": "Parameters that differ"},
        [
            {
                "test": f"{day(w.test_from)} to {day(w.test_to)}",
                "train": f"{day(w.train_from)} to {day(w.train_to)}",
                "score": number(w.train_score, 2),
                "train_sharpe": number(w.train.get("sharpe_ratio"), 2),
                "test_sharpe": number(w.test.get("sharpe_ratio"), 2),
                "profit": percent(w.test.get("net_profit_pct"), 2, sign=True),
                "drawdown": percent(w.test.get("max_drawdown_pct"), 2),
                "trades": text(w.test.get("total_trades"), "{:d}"),
                "other": "no combination earned: nothing was traded" if w.parameters is None else ", ".join(
                    f"{name} {plainly(value)}" for name, value in w.parameters.items() if value != own[name]
                ) or "none",
            }
            for w in document.validation.windows
        ],
        left=("test", "train", "other"),
    )  # fmt: skip
    matrix = document.validation.matrix
    if matrix is not None:
        ui.label("Sharpe ratio and net profit under other window lengths").classes("part-title")
        shown = matrix_rows(matrix)
        heads = {"days": "Train \\ test"} | {f"t{i}": f"{plainly(d)} days" for i, d in enumerate(shown["test_days"])}
        rows_table(
            heads,
            [
                {"days": f"{plainly(days)} days"}
                | {
                    f"t{i}": f"{cell['sharpe']} ({cell['profit']}, {cell['windows']} windows)"
                    for i, cell in enumerate(cells)
                }
                for days, cells in shown["rows"]
            ],
            left=("days",),
        )


def _funnel(found: ConfigurationFacts, colours: Palette) -> None:
    document = found.trained
    funnel = None if document is None else document.evidence.funnel
    if funnel is None:
        empty("No funnel", NO_EVIDENCE)
        return
    names = [in_words(stage.name) for stage in funnel.stages]
    passed = [stage.passed for stage in funnel.stages]
    options = plots.lying_bars(
        colours, names, passed, name="moments left (logarithmic)", logarithmic=True, texts=[f"{n:,d}" for n in passed]
    )
    ui.echart(options).classes("chart").style(f"height: {60 + 24 * len(names)}px")
    ui.label(in_words(funnel.sentence)).classes("strong")
    rows_table(
        {"parameter": "Parameter", "value": "Is", "looser": "A step looser", "signals": "Signals", "trades": "Trades"},
        [
            {
                "parameter": one.parameter, "value": plainly(one.value), "looser": plainly(one.looser),
                "signals": f"{one.signals:+,d}", "trades": f"{one.trades:+,d}",
            }
            for one in funnel.relaxed
        ],
        left=("parameter",),
    )  # fmt: skip


def _fragility(found: ConfigurationFacts, colours: Palette) -> None:
    document = found.trained
    if document is None or not document.evidence.fragility:
        empty("Unknown", "There is no winner to change." if document else NO_EVIDENCE)
        return
    changes = document.evidence.fragility
    names = ["as measured", *(one.change for one in changes)]
    values = [document.metrics.net_profit_pct, *(one.net_profit_pct for one in changes)]
    shown = [percent(value, 2, sign=True) for value in values]
    options = plots.lying_bars(colours, names, values, name="net profit out of sample, %", texts=shown, left=300)
    ui.echart(options).classes("chart").style(f"height: {60 + 24 * len(names)}px")
    rows_table(
        {"change": "Change", "profit": "Net profit", "holds": "Holds", "gate": "Gate"},
        [
            {
                "change": one.change, "profit": percent(one.net_profit_pct, 2, sign=True),
                "holds": "✓ yes" if one.holds else "✗ no", "gate": "of MATURE" if one.gate else "shown only",
            }
            for one in changes
        ],
        left=("change", "holds", "gate"),
    )  # fmt: skip


def _trades(found: ConfigurationFacts, colours: Palette) -> None:
    multiples = [value for value in found.trades.get("R", ()) if value is not None]
    if not multiples:
        empty("No trades", NO_FIGURES if found.figures is None else "There was no trade out of sample.")
        return
    counts, edges = charts.histogram(multiples, 0.0)
    reasons = list(found.trades["reason"])
    names = sorted(set(reasons), key=lambda reason: -reasons.count(reason))
    with ui.element("div").classes("grid halves"):
        ui.echart(plots.histogram(colours, counts, edges, name="R of a trade", good_from=0.0)).classes("chart")
        options = plots.lying_bars(colours, names, [reasons.count(name) for name in names], name="trades", left=150)
        ui.echart(options).classes("chart")


def _measures(found: ConfigurationFacts, _: Palette) -> None:
    rows_table(
        {"name": "Measure", "value": "Out of sample", "interval": "95 % interval", "sample": "In sample",
         "meaning": "Meaning"},
        measure_rows(found.document),
        left=("name", "meaning"),
    )  # fmt: skip


def _parameters(found: ConfigurationFacts, _: Palette) -> None:
    rows = [
        {"name": name, "value": plainly(value), "meaning": meaning}
        for name, value, _, meaning in found.sections["parameters"]
    ]
    rows_table({"name": "Parameter", "value": "Value", "meaning": "Meaning"}, rows, left=("name", "meaning"))


def _limits(found: ConfigurationFacts, _: Palette) -> None:
    document = found.trained
    runs = None if document is None else document.evidence.circuit_breakers
    for title, held in (
        ("The run under each limit of its stage, and under all", None if runs is None else runs.runs),
        ("The same trades, sized differently", None if document is None else document.evidence.sizing),
    ):
        ui.label(title).classes("part-title")
        if not held:
            empty("Unknown", NO_EVIDENCE)
            continue
        rows_table(
            {"name": "Limit or size", "trades": "Trades", "held": "Held back", "profit": "Net profit",
             "drawdown": "Max. drawdown", "sharpe": "Sharpe"},
            [
                {
                    "name": run.name.replace("_", " "), "trades": f"{run.trades:,d}", "held": f"{run.held_back:,d}",
                    "profit": percent(run.net_profit_pct, 2, sign=True), "drawdown": percent(run.max_drawdown_pct, 2),
                    "sharpe": number(run.sharpe_ratio, 2),
                }
                for run in held
            ],
            left=("name",),
        )  # fmt: skip


def _every_field(found: ConfigurationFacts, _: Palette) -> None:
    """Show every field of the document: nothing that it holds is more than two clicks away."""
    for title, rows in found.sections.items():
        ui.label(title).classes("part-title")
        rows_table(
            {"field": "Field", "value": "Value", "unit": "Unit", "meaning": "Meaning"},
            [
                {"field": name, "value": plainly(value), "unit": unit, "meaning": meaning}
                for name, value, unit, meaning in rows
            ],
            left=("field", "unit", "meaning"),
        )


def _document(found: ConfigurationFacts, _: Palette) -> None:
    ui.label("The V3 document, as it was stored").classes("part-title")
    ui.tree(list(_nodes(found.stored.document, "")), label_key="label").props("dense no-transition").classes("mono")


def _nodes(value: Any, path: str) -> Sequence[dict[str, Any]]:
    """Return the nodes of a tree of a document: one for each key, with its value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, inner in items:
        place = f"{path}/{name}"
        if isinstance(inner, (dict, list)):
            children = _nodes(inner, place)
            found.append({"id": place, "label": f"{name} ({len(inner)})", "children": children})
        else:
            found.append({"id": place, "label": f"{name}: {'unknown' if inner is None else inner}"})
    return found


PARTS: Mapping[str, Callable[[ConfigurationFacts, Palette], None]] = {
    "Out of sample": _out_of_sample,
    "Returns": returns,
    "Windows": _windows,
    "Trades": _trades,
    "Groups of trades": groups,
    "Funnel": _funnel,
    "Fragility": _fragility,
    "Measures": _measures,
    "Parameters": _parameters,
    "Limits and sizes": _limits,
    "Every field": _every_field,
    "Document": _document,
}
"""Tabs by their names, in the order in which they are read."""
