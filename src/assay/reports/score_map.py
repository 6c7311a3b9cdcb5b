"""The score map of a report: the in-sample score over pairs of searched parameters, around the winner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bokeh.core.properties import field
from bokeh.models import BasicTicker, FactorRange, HoverTool, LinearColorMapper, Rect, Text
from bokeh.models.annotations.legends import ColorBar
from bokeh.palettes import Viridis256

from assay.reports.plots import GREY, ORANGE, TEXT, empty_plot, source_of
from assay.search.objective import MAX_RATIO, REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models import Plot

MAX_LABELLED = 10
"""Columns up to which the cells carry their numbers."""


def _label(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def planes(drawn: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every plane of a map as the columns that its chart draws: the page swaps them.

    Returns
    -------
    list of dict
        ``name``; ``x`` and ``y``, labels of the axes; ``columns`` and ``rows``, their values as texts, each once;
        ``turn``, how the columns' names stand; ``cells`` with columns x, y, score (None where there are too few
        trades) and texts; ``at``, the place of the winner.
    """
    axes = {axis["name"]: [_label(v) for v in axis["values"]] for axis in drawn["axes"]}
    low, high = _scale([s for plane in drawn["planes"] for row in plane["scores"] for s in row if s != REFUSED])
    light = low + 0.55 * (high - low)  # from there on the colours are too light for white letters
    found = []
    for plane in drawn["planes"]:
        across, down = axes[plane["x"]], axes.get(plane["y"], [""])
        scores = [None if s == REFUSED else round(s, 4) for row in plane["scores"] for s in row]
        label = ["few" if s is None else "no loss" if s > MAX_RATIO else f"{s:.2f}" for s in scores]
        found.append(
            {
                "name": plane["x"] if plane["y"] is None else f"{plane['x']} x {plane['y']}",
                "x": plane["x"],
                "y": plane["y"] or "",
                "columns": across,
                "rows": down,
                "turn": 0.9 if max(map(len, across)) > 6 else "horizontal",
                "cells": {
                    "x": across * len(down),
                    "y": [name for name in down for _ in across],
                    "score": scores,
                    "label": label,
                    "text": label if len(across) <= MAX_LABELLED else [""] * len(label),
                    "ink": ["#101418" if s is not None and s > light else "#ffffff" for s in scores],
                },
                "at": {"x": [across[drawn["at"][plane["x"]]]], "y": [down[drawn["at"].get(plane["y"], 0)]]},
            }
        )
    return found


def _scale(scores: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the colours: of what has a loss, since all else lies far above."""
    known = [score for score in scores if score <= MAX_RATIO]
    low = min(known, default=0.0)
    return low, max([*known, low + 0.01])


def chart(drawn: Sequence[Mapping[str, Any]]) -> Plot:
    """Return the first plane as a heat map; all planes share one scale, so that they can be compared."""
    first = drawn[0]
    low, high = _scale([s for plane in drawn for s in plane["cells"]["score"] if s is not None])
    mapper = LinearColorMapper(palette=Viridis256, low=low, high=high, nan_color=GREY)
    plot = empty_plot(
        380,
        x_range=FactorRange(factors=first["columns"], name="columns"),
        y_range=FactorRange(factors=first["rows"], name="rows"),
    )
    source = source_of(first["cells"], "cells")
    colored = field("score", transform=mapper)
    cells = plot.add_glyph(source, Rect(x="x", y="y", width=1, height=1, line_color=None, fill_color=colored))
    numbers = Text(
        x="x",
        y="y",
        text="text",
        text_align="center",
        text_baseline="middle",
        text_font_size="11px",
        text_color="ink",
    )
    plot.add_glyph(source, numbers)
    frame = Rect(x="x", y="y", width=0.96, height=0.96, fill_color=None, line_color=ORANGE, line_width=4)
    plot.add_glyph(source_of(first["at"], "winner"), frame)
    plot.add_tools(HoverTool(renderers=[cells], tooltips=[("", "@x, @y"), ("score", "@label")]))
    bar = ColorBar(
        color_mapper=mapper,
        ticker=BasicTicker(desired_num_ticks=5),
        width=10,
        padding=6,
        label_standoff=4,
        background_fill_color=None,
        major_label_text_font_size="11px",
        major_label_text_color=TEXT,
    )
    plot.add_layout(bar, "right")
    plot.ygrid.visible = False
    plot.xaxis.axis_label, plot.yaxis.axis_label = first["x"], first["y"]
    plot.xaxis.name, plot.yaxis.name = "map-x", "map-y"
    plot.xaxis.major_label_orientation = first["turn"]
    return plot
