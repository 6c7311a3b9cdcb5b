"""Options of ECharts from plain values: one look for all charts of the pages, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Options = dict[str, Any]


@dataclass(frozen=True)
class Palette:
    """Colours of a theme.

    Attributes
    ----------
    text, muted, line : str
    main, other : str
        Of what is measured, and of what it is compared with.
    good, bad, mark : str
        Never the only sign: what they say stands there in words, signs or shapes too.
    scale : tuple of str
        From the lowest to the highest value.
    """

    text: str
    muted: str
    line: str
    main: str
    other: str
    good: str
    bad: str
    mark: str
    panel: str
    scale: tuple[str, ...]


DARK = Palette(
    text="#d7dee8", muted="#95a3b6", line="#232c3b", main="#7ab8ff", other="#6d7c92", good="#3fc1a6", bad="#ff8a80",
    mark="#e6b450", panel="#111722", scale=("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"),
)  # fmt: skip
LIGHT = Palette(
    text="#1b2430", muted="#56637a", line="#d5dce6", main="#0b5cad", other="#8b98ab", good="#00705b", bad="#b3261e",
    mark="#8a5a00", panel="#ffffff", scale=("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"),
)  # fmt: skip


def palette(*, dark: bool) -> Palette:
    """Return the colours of a theme."""
    return DARK if dark else LIGHT


def base(colours: Palette, *, left: int = 52, right: int = 16, top: int = 24, bottom: int = 36) -> Options:
    """Return what all charts have in common."""
    return {
        "animation": False,
        "backgroundColor": "transparent",
        "textStyle": {"color": colours.text, "fontSize": 11},
        "grid": {"left": left, "right": right, "top": top, "bottom": bottom},
        "tooltip": {
            "backgroundColor": colours.panel,
            "borderColor": colours.line,
            "textStyle": {"color": colours.text, "fontSize": 12},
            "confine": True,
        },
        "aria": {"enabled": True},
    }


def axis(colours: Palette, name: str = "", kind: str = "value", **more: Any) -> Options:
    """Return an axis."""
    return {
        "type": kind,
        "name": name,
        "nameLocation": "middle",
        "nameGap": 26,
        "nameTextStyle": {"color": colours.muted},
        "axisLabel": {"color": colours.muted, "fontSize": 11, "hideOverlap": True},
        "axisLine": {"lineStyle": {"color": colours.line}},
        "splitLine": {"lineStyle": {"color": colours.line}},
        **more,
    }


def histogram(
    colours: Palette, counts: Sequence[int], edges: Sequence[float], *, name: str, mark: float | None = None,
    mark_text: str = "", good_from: float | None = None,
) -> Options:  # fmt: skip
    """Return how often values fall between edges.

    Parameters
    ----------
    mark, mark_text : float and str
        A value that is marked by a line.
    good_from : float, optional
        Bins from there on are filled, those below are hollow.
    """
    step = {"type": "line", "step": "end", "symbol": "none", "encode": {"x": 0, "y": 1}}
    limit = edges[0] if good_from is None else good_from
    hollow = [(left, n) for left, n in zip(edges, counts, strict=False) if left < limit - 1e-12]
    filled = [(left, n) for left, n in zip(edges, counts, strict=False) if left >= limit - 1e-12]
    series: list[Options] = []
    for part, style in (
        (hollow, {"lineStyle": {"color": colours.other}, "areaStyle": {"color": colours.other, "opacity": 0.15}}),
        (filled, {"lineStyle": {"color": colours.main}, "areaStyle": {"color": colours.main, "opacity": 0.75}}),
    ):
        if part:
            end = edges[-1] if part is filled or not filled else filled[0][0]
            corners = [[part[0][0], 0], *([left, count] for left, count in part), [end, part[-1][1]], [end, 0]]
            series.append({**step, **style, "data": corners})
    if mark is not None:
        series.append(
            {
                "type": "line",
                "data": [],
                "markLine": {
                    "symbol": "none",
                    "silent": True,
                    "lineStyle": {"color": colours.mark, "width": 2, "type": "solid"},
                    "label": {"formatter": mark_text, "color": colours.mark, "position": "insideEndTop"},
                    "data": [{"xAxis": mark}],
                },
            }
        )
    width = edges[1] - edges[0] if len(edges) > 1 else 1.0
    ends = [edges[0], edges[-1], *([] if mark is None else [mark])]
    options = base(colours)
    options |= {
        "xAxis": axis(
            colours, name, min=round(min(ends) - width, 3), max=round(max(ends) + width, 3), splitLine={"show": False}
        ),
        "yAxis": axis(colours, "", minInterval=1),
        "series": series,
    }
    options["tooltip"]["trigger"] = "axis"
    return options


def score_map(colours: Palette, plane: Mapping[str, Any]) -> Options:
    """Return scores over two parameters, the winner framed.

    Parameters
    ----------
    plane : mapping
        As `assay.reports.score_map.planes` gives them.
    """
    columns, rows, cells = plane["columns"], plane["rows"], plane["cells"]
    data: list[Options] = []
    few: list[list[Any]] = []
    for x, y, score, label in zip(cells["x"], cells["y"], cells["score"], cells["label"], strict=True):
        place = [columns.index(x), rows.index(y)]
        if score is None:
            few.append([*place, 0, label])
        else:
            data.append({"value": [*place, round(score, 4), label]})
        if plane["at"]["x"][0] == x and plane["at"]["y"][0] == y and score is not None:
            data[-1]["itemStyle"] = {"borderColor": colours.mark, "borderWidth": 4}
    known = [cell["value"][2] for cell in data]
    options = base(colours, left=64, right=64, bottom=44)
    options |= {
        "xAxis": axis(colours, plane["x"], "category", data=columns, splitLine={"show": False}),
        "yAxis": axis(colours, plane["y"], "category", data=rows, splitLine={"show": False}) | {"nameGap": 46},
        "visualMap": {
            "min": min(known, default=0.0), "max": max(known, default=1.0), "dimension": 2, "seriesIndex": 0,
            "calculable": True, "right": 0, "top": "middle", "itemHeight": 120, "itemWidth": 10, "precision": 2,
            "textStyle": {"color": colours.muted}, "inRange": {"color": list(colours.scale)},
        },
        "series": [
            {
                "type": "heatmap",
                "data": data,
                "label": {"show": len(columns) <= 8, "formatter": "{@[3]}", "fontSize": 10},
                "encode": {"tooltip": [3]},
                "dimensions": ["x", "y", "score", "shown"],
            },
            {
                "type": "heatmap",
                "data": few,
                "itemStyle": {"color": colours.line},
                "label": {"show": len(columns) <= 8, "formatter": "few", "color": colours.muted, "fontSize": 10},
            },
        ],
    }  # fmt: skip
    return options


def windows(colours: Palette, rows: Sequence[Mapping[str, Any]]) -> Options:
    """Return the Sharpe ratio of every window on the days that chose its parameters, and on those that followed.

    Parameters
    ----------
    rows : sequence of mapping
        ``test_from``, ``train`` and ``test``, the last two None where there was no trade.
    """
    days = [row["test_from"][:10] for row in rows]
    options = base(colours)
    options["tooltip"]["trigger"] = "axis"
    options |= {
        "legend": {"textStyle": {"color": colours.text}, "top": 0},
        "xAxis": axis(colours, "first day of the test", "category", data=days, splitLine={"show": False}),
        "yAxis": axis(colours, "Sharpe ratio, a year") | {"nameGap": 36},
        "series": [
            {
                "name": "train (hollow)", "type": "scatter", "symbolSize": 9, "data": [row["train"] for row in rows],
                "itemStyle": {"color": "transparent", "borderColor": colours.other, "borderWidth": 2},
            },
            {
                "name": "test (filled)", "type": "scatter", "symbolSize": 10, "data": [row["test"] for row in rows],
                "itemStyle": {"color": colours.main},
                "markLine": {
                    "symbol": "none", "silent": True, "label": {"show": False}, "data": [{"yAxis": 0}],
                    "lineStyle": {"color": colours.muted, "type": "solid"},
                },
            },
        ],
    }  # fmt: skip
    return options


def lying_bars(
    colours: Palette, names: Sequence[str], values: Sequence[float | None], *, name: str, logarithmic: bool = False,
    texts: Sequence[str] | None = None, left: int = 210,
) -> Options:  # fmt: skip
    """Return a bar for each name, the first one on top; bars below 0 are hollow."""
    shown = []
    for value, text in zip(values, texts or ["" if v is None else f"{v:,.6g}" for v in values], strict=True):
        hollow = value is not None and value < 0
        style = {"color": "transparent", "borderColor": colours.bad} if hollow else {"color": colours.main}
        at = None if value is None else max(value, 0.5) if logarithmic else value
        label = {"show": True, "formatter": text, "position": "right", "color": colours.text}
        shown.append({"value": at, "itemStyle": style, "label": label})
    options = base(colours, left=left, right=64, top=6, bottom=34)
    scale = axis(colours, name, "log" if logarithmic else "value", **({"min": 0.5} if logarithmic else {}))
    options |= {
        "xAxis": scale,
        "yAxis": axis(colours, "", "category", data=list(names), inverse=True, splitLine={"show": False})
        | {"axisLabel": {"color": colours.text, "width": left - 14, "overflow": "truncate", "fontSize": 11}},
        "series": [{"type": "bar", "data": shown, "barMaxWidth": 16}],
    }
    return options


def lines(
    colours: Palette, series: Mapping[str, Sequence[tuple[str | int, float | None]]], *, name: str,
    dashed: Sequence[str] = (), percent: bool = False,
) -> Options:  # fmt: skip
    """Return values over time, a line for each name; the first is the main one."""
    options = base(colours)
    options["tooltip"] |= {"trigger": "axis"}
    tones = (colours.main, colours.mark, colours.good, colours.bad, colours.other, colours.muted)
    options |= {
        "legend": {"textStyle": {"color": colours.text}, "top": 0},
        "xAxis": axis(colours, "", "time", splitLine={"show": False}),
        "yAxis": axis(colours, name, scale=True) | {"nameGap": 40},
        "dataZoom": [{"type": "inside"}],
        "series": [
            {
                "name": label, "type": "line", "showSymbol": False, "data": [list(point) for point in points],
                "lineStyle": {"width": 2 if i == 0 else 1.4, "type": "dashed" if label in dashed else "solid"},
                "itemStyle": {"color": tones[i % len(tones)]}, "sampling": "lttb",
            }
            for i, (label, points) in enumerate(series.items())
        ],
    }  # fmt: skip
    if percent:
        options["yAxis"]["axisLabel"]["formatter"] = "{value} %"
    return options


def out_of_sample(colours: Palette, figures: Mapping[str, Any], dates: Sequence[str]) -> Options:
    """Return equity with the market held beside it, and the drawdown beneath; windows and holdout are shaded.

    Parameters
    ----------
    figures : mapping
        `assay.documents.figures.figures`.
    dates : sequence of str
        ISO 8601 days of the stitched run.
    """
    run, holdout = figures["stitched"], figures["holdout"]["span"]

    def percents(levels: Sequence[float | None]) -> list[list[Any]]:
        return [[at, None if v is None else round(100 * (v - 1), 4)] for at, v in zip(dates, levels, strict=True)]

    falls = [[at, round(fall, 4)] for at, fall in zip(dates, run["drawdown_pct"], strict=True)]
    areas = [
        [{"xAxis": start, "itemStyle": {"color": colours.main, "opacity": 0.12 if i % 2 else 0.05}}, {"xAxis": stop}]
        for i, (start, stop) in enumerate(figures["windows"])
    ]
    if holdout:
        label = {"show": True, "formatter": "holdout", "color": colours.muted, "position": "insideTop"}
        areas.append(
            [
                {"xAxis": holdout[0], "itemStyle": {"color": colours.other, "opacity": 0.25}, "label": label},
                {"xAxis": holdout[1]},
            ]
        )
    options = base(colours)
    del options["grid"]
    options["tooltip"] |= {"trigger": "axis"}
    line = {"type": "line", "showSymbol": False}
    first, last = figures["windows"][0][0], (holdout or figures["windows"][-1])[1]
    time_axis = {"min": first, "max": last, "splitLine": {"show": False}}
    series: list[Options] = [
        {
            **line, "name": "out of sample", "data": percents(run["equity"]), "itemStyle": {"color": colours.main},
            "lineStyle": {"width": 2}, "markArea": {"silent": True, "data": areas}, "z": 5,
        },
        {
            **line, "name": "the market, held (right)", "data": percents(run["market"]), "yAxisIndex": 2,
            "itemStyle": {"color": colours.other}, "lineStyle": {"width": 1},
        },
        {
            **line, "name": "drawdown", "data": falls,
            "xAxisIndex": 1, "yAxisIndex": 1, "itemStyle": {"color": colours.bad}, "areaStyle": {"opacity": 0.25},
        },
    ]  # fmt: skip
    if figures["holdout"]["run"] is None and "same_exposure" in run:
        series.append(
            {
                **line, "name": "the market at the same exposure", "data": percents(run["same_exposure"]),
                "itemStyle": {"color": colours.mark}, "lineStyle": {"width": 1.4, "type": "dashed"},
            }
        )  # fmt: skip
    options |= {
        "legend": {"textStyle": {"color": colours.text}, "top": 0},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "grid": [
            {"left": 60, "right": 60, "top": 28, "height": "55%"},
            {"left": 60, "right": 60, "top": "76%", "height": "16%"},
        ],
        "xAxis": [
            axis(colours, "", "time", **time_axis) | {"axisLabel": {"show": False}},
            axis(colours, "", "time", gridIndex=1, **time_axis),
        ],
        "yAxis": [
            axis(colours, "net profit, %", scale=True) | {"nameGap": 44},
            axis(colours, "drawdown, %", gridIndex=1, max=0) | {"nameGap": 44, "splitNumber": 2},
            axis(colours, "market, %", position="right", splitLine={"show": False}, scale=True) | {"nameGap": 44},
        ],
        "series": series,
    }
    return options
