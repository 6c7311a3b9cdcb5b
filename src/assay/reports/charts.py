"""The charts of a report: Bokeh models from plain data."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import (
    DataRange1d,
    FactorRange,
    HBar,
    HoverTool,
    Line,
    Quad,
    Range1d,
    Scatter,
    Segment,
    Step,
    Text,
    VArea,
    VStrip,
)

from assay.market.calendar import days_to_ms
from assay.reports.plots import (
    BLUE,
    GREY,
    ORANGE,
    RIGHT_AXIS,
    TEXT,
    add_legend,
    add_right_axis,
    add_zero,
    empty_plot,
    source_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models import Plot
    from bokeh.plotting import figure

    from assay.documents.sections.validation import Window


Points = dict[str, list[Any]]

MARKET = "the market, held (right scale)"


def _percent(level: Sequence[float | None]) -> list[float | None]:
    """Return levels that start from 1 as percent gained; six decimals are more than a screen shows."""
    return [None if v is None else round(100.0 * (v - 1.0), 6) for v in level]


# --- out of sample


def _curve(run: Mapping[str, Any], level: float = 1.0, market: float = 1.0) -> Points:
    """Return a run by day from its first midnight on, both lines scaled to begin at a level."""
    days = len(run["equity"])
    return {
        "time": [run["start_ms"] + days_to_ms(i) for i in range(days + 1)],
        "equity": _percent([level, *(level * v for v in run["equity"])]),
        "market": _percent([market, *(None if v is None else market * v for v in run["market"])]),
        "drawdown": [0.0, *(round(v, 6) for v in run["drawdown_pct"])],
    }


def _shade(plot: figure, spans: Sequence[Sequence[int]], alpha: Sequence[float], color: str = BLUE) -> Any:
    source = source_of({"from": [a for a, _ in spans], "to": [b for _, b in spans], "alpha": list(alpha)})
    shape = VStrip(x0="from", x1="to", fill_color=color, fill_alpha="alpha", line_color=None)
    return plot.add_glyph(source, shape)


def equity(figures: Mapping[str, Any], label: str) -> tuple[Plot, Plot]:
    """Return the run of figures by day with windows and holdout shaded, and its drawdown beneath."""
    run, windows, holdout = figures["stitched"], figures["windows"], figures["holdout"]
    span = holdout["span"] or windows[-1]
    x_range = Range1d(windows[0][0], max(span[1], windows[-1][1]))
    top = empty_plot(300, x_axis_type="datetime", x_range=x_range, y_range=DataRange1d(only_visible=True))
    low = empty_plot(130, x_axis_type="datetime", x_range=x_range, y_range=DataRange1d(end=0.0, min_interval=1.0))
    for plot in (top, low):
        _shade(plot, windows, [0.10 if i % 2 else 0.05 for i in range(len(windows))])
        if holdout["span"]:
            _shade(plot, [holdout["span"]], [0.16], GREY)
    parts = [(label, run)]
    if holdout["run"]:
        parts.append(("holdout", holdout["run"]))
    curves(top, low, parts)
    return top, low


def curves(top: figure, low: figure, parts: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Draw runs by day, one after the other in time, with the market held beside them, and their drawdown beneath.

    The market has a scale of its own on the right: it may move ten times as far, and a run would be a flat line beside.

    Parameters
    ----------
    parts : sequence of (str, mapping)
        Label and run by day (`assay.documents.figures.by_day`); each begins where the one before ended.
    """
    market = DataRange1d(only_visible=True)
    top.extra_y_ranges = {"market": market}
    drawn: dict[str, list[Any]] = {**{label: [] for label, _ in parts}, MARKET: []}
    level, held = 1.0, 1.0
    for color, (label, run) in zip((BLUE, ORANGE), parts, strict=False):
        source = source_of(_curve(run, level, held))
        level, held = run["equity"][-1], run["market"][-1] or 1.0
        held_line = Line(x="time", y="market", line_color=GREY, line_alpha=0.7)
        drawn[MARKET].append(top.add_glyph(source, held_line, y_range_name="market"))
        line = top.add_glyph(source, Line(x="time", y="equity", line_color=color, line_width=2))
        drawn[label].append(line)
        top.add_tools(
            HoverTool(
                renderers=[line],
                mode="vline",
                formatters={"@time": "datetime"},
                tooltips=[
                    ("day", "@time{%F}"),
                    (label, "@equity{+0.00} %"),
                    ("the market", "@market{+0.00} %"),
                    ("drawdown", "@drawdown{0.00} %"),
                ],
            )
        )
        low.add_glyph(source, VArea(x="time", y1=0, y2="drawdown", fill_color=color, fill_alpha=0.35))
        low.add_glyph(source, Line(x="time", y="drawdown", line_color=color))
    _, first = parts[0]
    if "same_exposure" in first:  # reports that were stored before have none
        same = source_of({"time": _curve(first)["time"], "worth": _percent([1.0, *first["same_exposure"]])})
        drawn["the market, held with the mean position"] = [
            top.add_glyph(same, Line(x="time", y="worth", line_color=GREY, line_dash="dashed"))
        ]
    market.renderers = list(drawn[MARKET])
    if isinstance(top.y_range, DataRange1d):
        top.y_range.renderers = [line for name, lines in drawn.items() if name != MARKET for line in lines]
    add_right_axis(top, "market", "the market, % (own scale)")
    add_zero(top)
    add_legend(top, [(name, lines) for name, lines in drawn.items() if lines], click=True)
    top.yaxis[0].axis_label, low.yaxis.axis_label = "net profit, %", "drawdown, %"
    low.min_border_right = RIGHT_AXIS


# --- windows


def windows(rows: Sequence[Window], starts_ms: Sequence[int]) -> Plot:
    """Return the Sharpe ratio of every window: of the days that chose the parameters, and of those that followed."""
    train = [row.train.get("sharpe_ratio") for row in rows]
    test = [row.test.get("sharpe_ratio") for row in rows]
    plot = empty_plot(360, x_axis_type="datetime")
    points: Points = {
        "time": list(starts_ms),
        "train": train,
        "test": test,
        "profit": [row.test.get("net_profit_pct") for row in rows],
        "trades": [row.test.get("total_trades") for row in rows],
    }
    source = source_of(points)
    plot.add_glyph(source, Segment(x0="time", y0="train", x1="time", y1="test", line_color=GREY, line_alpha=0.6))
    ring = Scatter(x="time", y="train", size=8, line_color=GREY, fill_color=None, line_width=2)
    hollow = plot.add_glyph(source, ring)
    full = plot.add_glyph(source, Scatter(x="time", y="test", size=9, line_color=BLUE, fill_color=BLUE))
    items = [("train", [hollow]), ("test", [full])]
    if idle := [t for t, value in zip(starts_ms, test, strict=True) if value is None]:
        places = source_of({"x": idle, "y": [0.0] * len(idle)})
        cross = Scatter(x="x", y="y", marker="x", size=9, line_color=ORANGE, line_width=2)
        items.append(("no trades to measure", [plot.add_glyph(places, cross)]))
    plot.add_tools(
        HoverTool(
            renderers=[full],
            formatters={"@time": "datetime"},
            mode="vline",
            tooltips=[
                ("test from", "@time{%F}"),
                ("train Sharpe", "@train{0.00}"),
                ("test Sharpe", "@test{0.00}"),
                ("test net profit", "@profit{+0.00} %"),
                ("trades", "@trades"),
            ],
        )
    )
    add_zero(plot)
    add_legend(plot, items)
    plot.yaxis.axis_label = "Sharpe ratio, annual"
    return plot


# --- permutations


def histogram(values: Sequence[float], around: float) -> tuple[list[int], list[float]]:
    """Return (counts, edges) of values in about 24 bins of one width, one of whose edges is `around`."""
    given = np.array([*values, around])
    width = (given.max() - given.min()) / 24 or 1.0
    bins = np.floor((given - around) / width).astype(np.int64)
    first = int(bins.min())
    counts = np.bincount(bins[:-1] - first, minlength=int(bins.max()) - first + 1)
    return counts.tolist(), [around + width * (first + i) for i in range(len(counts) + 1)]


def _bars(plot: figure, counts: Sequence[int], edges: Sequence[float], colors: Sequence[str], what: str) -> None:
    points: Points = {"left": list(edges[:-1]), "right": list(edges[1:]), "count": list(counts), "color": list(colors)}
    shape = Quad(
        left="left", right="right", top="count", bottom=0, fill_color="color", fill_alpha=0.75, line_color=None
    )
    bars = plot.add_glyph(source_of(points), shape)
    plot.add_tools(HoverTool(renderers=[bars], tooltips=[(what, "@left{0.00} to @right{0.00}"), ("count", "@count")]))


def permutations(maxima: Sequence[float], real: float) -> Plot:
    """Return the best score of every search on bars without direction, and that of the real one."""
    counts, edges = histogram(maxima, real)
    plot = empty_plot(220, y_range=DataRange1d(start=0))
    beyond = [ORANGE if left >= real else GREY for left in edges[:-1]]
    _bars(plot, counts, edges, beyond, "best score")
    tall = max(counts) * 1.05
    ends = source_of({"x": [real], "bottom": [0], "top": [tall]})
    line = plot.add_glyph(ends, Segment(x0="x", y0="bottom", x1="x", y1="top", line_color=BLUE, line_width=3))
    add_legend(plot, [(f"the search on the real bars: {real:.2f}", [line])])
    plot.xaxis.axis_label, plot.yaxis.axis_label = "best score of each search on bars without direction", "searches"
    return plot


# --- fragility


def fragility(changes: Sequence[tuple[str, float | None]]) -> Plot:
    """Return the net profit that is left after each change, in percent; what is unknown has no bar."""
    names = [name for name, _ in changes][::-1]
    values = [value for _, value in changes][::-1]
    colors = [BLUE if value is not None and value > 0 else ORANGE for value in values]
    source = source_of({"name": names, "value": values, "color": colors})
    plot = empty_plot(50 + 26 * len(names), y_range=FactorRange(factors=names))
    shape = HBar(y="name", right="value", height=0.6, fill_color="color", fill_alpha=0.75, line_color=None)
    bars = plot.add_glyph(source, shape)
    plot.add_tools(HoverTool(renderers=[bars], tooltips=[("", "@name"), ("net profit", "@value{+0.00} %")]))
    add_zero(plot, "height")
    plot.ygrid.visible = False
    plot.xaxis.axis_label = "net profit, %"
    return plot


def _beside(end: str) -> Text:
    """Return a text of each bar, beside its end."""
    return Text(
        x=end, y="name", text="text", text_baseline="middle", x_offset=5, text_font_size="11px", text_color=TEXT
    )


def funnel(stages: Sequence[tuple[str, int, int]]) -> Plot:
    """Return how many moments are left after each stage (name, left, lost); the axis is logarithmic."""
    names = [name for name, _, _ in stages][::-1]
    left = [n for _, n, _ in stages][::-1]
    columns: dict[str, list[Any]] = {
        "name": names,
        "right": [max(n, 0.5) for n in left],
        "left": [0.5] * len(names),  # a logarithm knows no 0
        "passed": left,
        "lost": [n for _, _, n in stages][::-1],
        "text": [f"{n:,}" for n in left],
    }
    source = source_of(columns)
    plot = empty_plot(50 + 26 * len(names), y_range=FactorRange(factors=names), x_axis_type="log")
    shape = HBar(y="name", left="left", right="right", height=0.6, fill_color=BLUE, fill_alpha=0.75, line_color=None)
    bars = plot.add_glyph(source, shape)
    plot.add_glyph(source, _beside("right"))
    plot.add_tools(HoverTool(renderers=[bars], tooltips=[("", "@name"), ("left", "@passed"), ("lost", "@lost")]))
    plot.x_range = Range1d(start=0.5, end=max([*left, 1]) * 4.0)
    plot.ygrid.visible = False
    plot.xaxis.axis_label = "moments left (logarithmic)"
    return plot


# --- trades


def r_distribution(multiples: Sequence[float]) -> Plot:
    """Return how often a trade ended with which multiple of its risk."""
    counts, edges = histogram(multiples, 0.0)
    plot = empty_plot(220, y_range=DataRange1d(start=0))
    colors = [BLUE if left + right > 0 else ORANGE for left, right in pairwise(edges)]
    _bars(plot, counts, edges, colors, "R")
    add_zero(plot, "height")
    plot.xaxis.axis_label, plot.yaxis.axis_label = "R", "trades"
    return plot


def cumulative_r(exits: Sequence[str], multiples: Sequence[float]) -> Plot:
    """Return the sum of R after each trade, in order of entry."""
    total = np.cumsum(multiples).round(6).tolist()
    plot = empty_plot(220)
    points = {
        "number": list(range(1, len(total) + 1)),
        "total": total,
        "exit": list(exits),
        "r": [round(r, 6) for r in multiples],
    }
    line = plot.add_glyph(source_of(points), Step(x="number", y="total", line_color=BLUE, line_width=2, mode="after"))
    plot.add_tools(
        HoverTool(
            renderers=[line],
            mode="vline",
            tooltips=[("trade", "@number"), ("exit", "@exit"), ("R", "@r{+0.00}"), ("sum of R", "@total{+0.00}")],
        )
    )
    add_zero(plot)
    plot.xaxis.axis_label, plot.yaxis.axis_label = "trade", "sum of R"
    return plot


def exit_reasons(reasons: Sequence[str]) -> Plot:
    """Return how trades ended, the most frequent reason on top."""
    names = sorted(set(reasons), key=lambda r: (reasons.count(r), r))
    counts = [reasons.count(name) for name in names]
    plot = empty_plot(50 + 28 * len(names), y_range=FactorRange(factors=names))
    source = source_of({"name": names, "count": counts, "text": [str(n) for n in counts]})
    shape = HBar(y="name", right="count", height=0.6, fill_color=BLUE, fill_alpha=0.75, line_color=None)
    plot.add_glyph(source, shape)
    plot.add_glyph(source, _beside("count"))
    plot.x_range = DataRange1d(start=0, range_padding=0.35)
    plot.ygrid.visible = False
    plot.xaxis.axis_label = "trades"
    return plot
