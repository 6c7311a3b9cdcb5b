"""Charts of trades: candles with what was traded, groups, excursions, and the Sharpe ratio along the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bokeh.models import BoxZoomTool, FactorRange, HoverTool, Line, Range1d, Scatter, Segment, Text, VBar

from assay.market.calendar import days_to_ms
from assay.reports.plots import BLUE, GREY, ORANGE, TEXT, add_legend, add_zero, empty_plot, source_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bokeh.models import Plot

    from assay.documents.performance import RollingSharpe, TradeExcursions
    from assay.engine.trade_groups import TradeGroup

CANDLE_COLUMNS = ("time", "open", "high", "low", "close", "width", "fill", "color")
"""What the page fills in from the candles of the figures."""

MARKS = {
    "exit": ("exit", "x", GREY),
    "long": ("long entry", "triangle", BLUE),
    "short": ("short entry", "inverted_triangle", ORANGE),
}
"""Marks of trades: source, legend, shape and colour; the shape alone tells them apart."""


def candles(sides: Collection[str]) -> Plot:
    """Return an empty chart of candles with the marks of trades: the page fills its sources by their names.

    A candle that fell is full and one that rose is hollow; of the chosen trade the way, the stop and the target are
    drawn with their names.

    Parameters
    ----------
    sides : collection of str
        Those that were traded.
    """
    plot = empty_plot(
        380,
        x_axis_type="datetime",
        x_range=Range1d(start=0, end=1, name="candle-range"),
        y_range=Range1d(start=0, end=1, name="candle-prices"),
        name="candle-plot",
    )
    source = source_of({name: [] for name in CANDLE_COLUMNS}, "candles")
    plot.add_glyph(source, Segment(x0="time", y0="low", x1="time", y1="high", line_color="color"))
    body = VBar(
        x="time", width="width", top="close", bottom="open", fill_color="color", fill_alpha="fill", line_color="color"
    )
    bodies = plot.add_glyph(source, body)
    legend: list[tuple[str, list[Any]]] = []
    for name in ("exit", *(side for side in MARKS if side in sides)):
        label, marker, color = MARKS[name]
        marks = source_of({"time": [], "price": [], "text": [], "size": []}, name)
        shape = Scatter(
            x="time", y="price", marker=marker, size="size", fill_color=color, line_color=color, line_width=2
        )
        legend.append((label, [plot.add_glyph(marks, shape)]))
    way = source_of({"x0": [], "x1": [], "y0": [], "y1": [], "dash": [], "color": []}, "way")
    plot.add_glyph(way, Segment(x0="x0", y0="y0", x1="x1", y1="y1", line_color="color", line_width=2, line_dash="dash"))
    names = source_of({"x": [], "y": [], "text": []}, "way-names")
    plot.add_glyph(
        names,
        Text(x="x", y="y", text="text", x_offset=4, text_baseline="middle", text_font_size="11px", text_color=TEXT),
    )
    plot.add_tools(
        HoverTool(renderers=[renderer for _, drawn in legend for renderer in drawn], tooltips=[("trade", "@text")]),
        HoverTool(
            renderers=[bodies],
            formatters={"@time": "datetime"},
            tooltips=[
                ("", "@time{%F %H:%M}"),
                ("open, close", "@open{0.[00000000]}, @close{0.[00000000]}"),
                ("high, low", "@high{0.[00000000]}, @low{0.[00000000]}"),
            ],
        ),
        BoxZoomTool(dimensions="width", name="candle-zoom"),
    )
    plot.toolbar.active_drag = None  # the page switches it on where there is a mouse: a finger scrolls the page
    add_legend(plot, legend, click=True)
    plot.yaxis.axis_label = "price"
    return plot


def rolling_sharpe(rolling: Sequence[RollingSharpe], start_ms: int) -> Plot:
    """Return the annual Sharpe ratio of the days before each day, a line for each length."""
    plot = empty_plot(220, x_axis_type="datetime")
    items: list[tuple[str, list[Any]]] = []
    for one, color, dash in zip(rolling, (GREY, BLUE), ("dashed", "solid"), strict=False):
        points: dict[str, list[Any]] = {
            "time": [start_ms + days_to_ms(i + 1) for i in range(len(one.ratios))],
            "sharpe": list(one.ratios),
        }
        shape = Line(x="time", y="sharpe", line_color=color, line_width=2 if dash == "solid" else 1, line_dash=dash)
        items.append((f"{one.days} days", [plot.add_glyph(source_of(points), shape, name=f"{one.days} days")]))
    plot.add_tools(
        HoverTool(
            renderers=[line for _, lines in items for line in lines],
            mode="vline",
            formatters={"@time": "datetime"},
            tooltips=[("until", "@time{%F}"), ("Sharpe ratio", "@sharpe{0.00}, $name")],
        )
    )
    add_zero(plot)
    add_legend(plot, items, click=True)
    plot.yaxis.axis_label = "Sharpe ratio, annual"
    return plot


def groups(found: Sequence[TradeGroup], label: str, *, letters: int = 3) -> Plot:
    """Return the mean R of each group as a bar, with the number of its trades above its name.

    Parameters
    ----------
    letters : int
        So many of a name are shown.
    """
    names = [group.name[:letters] for group in found]
    columns: dict[str, list[Any]] = {
        "name": names,
        "mean": [group.mean_r for group in found],
        "trades": [group.trades for group in found],
        "won": [100.0 * group.win_rate for group in found],
        "color": [BLUE if group.mean_r > 0 else ORANGE for group in found],
    }
    plot = empty_plot(200, x_range=FactorRange(factors=names))
    shape = VBar(x="name", width=0.7, top="mean", fill_color="color", fill_alpha=0.75, line_color=None)
    bars = plot.add_glyph(source_of(columns), shape)
    told = [("", "@name"), ("trades", "@trades"), ("mean R", "@mean{+0.00}"), ("won", "@won{0.0} %")]
    plot.add_tools(HoverTool(renderers=[bars], tooltips=told))
    add_zero(plot)
    plot.xaxis.axis_label, plot.yaxis.axis_label = label, "mean R"
    return plot


def excursions(found: TradeExcursions, multiples: Sequence[float | None]) -> dict[str, Plot]:
    """Return R of each trade over its MAE, its MFE and its duration, by the name of their place."""
    return {
        "mae": _against(found.mae_r, multiples, "MAE, R"),
        "mfe": _against(found.mfe_r, multiples, "MFE, R"),
        "duration": _against(found.bars, multiples, "bars in the trade"),
    }


def _against(across: Sequence[float], multiples: Sequence[float | None], label: str) -> Plot:
    plot = empty_plot(220)
    items: list[tuple[str, list[Any]]] = []
    for name, marker, color, won in (("won", "circle", BLUE, True), ("did not", "x", ORANGE, False)):
        rows = [i for i, r in enumerate(multiples) if r is not None and (r > 0) == won]
        points: dict[str, list[Any]] = {
            "x": [across[i] for i in rows],
            "r": [round(r, 4) for r in multiples if r is not None and (r > 0) == won],
            "trade": [i + 1 for i in rows],
        }
        shape = Scatter(x="x", y="r", marker=marker, size=6, fill_color=None, line_color=color, line_alpha=0.7)
        items.append((name, [plot.add_glyph(source_of(points), shape)]))
    plot.add_tools(
        HoverTool(
            renderers=[dots for _, drawn in items for dots in drawn],
            tooltips=[("trade", "@trade"), (label, "@x{0.00}"), ("R", "@r{+0.00}")],
        )
    )
    add_zero(plot)
    add_legend(plot, items, click=True)
    plot.xaxis.axis_label, plot.yaxis.axis_label = label, "R"
    return plot
