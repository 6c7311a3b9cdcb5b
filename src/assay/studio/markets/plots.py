"""Charts of a market's bars: findings day by day, and indicators with and without the mask."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.market.quality import FINDINGS
from assay.studio.plots import Options, Palette, axis, base

if TYPE_CHECKING:
    from assay.evaluation import MaskEffect
    from assay.market.quality import DailyQuality

DAY_S = 86_400

EFFECTS = {
    "volume": "volume of a bar",
    "atr_pct": "ATR, % of the close",
    "volume_spikes": "bars with 2 x volume",
}
"""Measures of `MaskEffect`, as axes name them."""


def dates(first_day: int, days: int) -> list[str]:
    """Return so many days from an ordinal on, ISO."""
    return [f"{datetime.fromtimestamp((first_day + i) * DAY_S, UTC):%Y-%m-%d}" for i in range(days)]


def findings_map(colours: Palette, daily: DailyQuality, *, scale: tuple[str, ...]) -> Options:
    """Return how many bars of each day have which finding, in percent of those that the calendar expects."""
    days = dates(daily.first_day, len(daily.expected))
    names = list(FINDINGS)[::-1]  # the first one on top
    cells = []
    for y, name in enumerate(names):
        counts = daily.counts[name]
        for x in counts.nonzero()[0].tolist():
            percent = 100.0 * counts[x] / daily.expected[x]
            cells.append(
                [
                    x,
                    y,
                    round(float(percent), 2),
                    f"{int(counts[x]):,} of {int(daily.expected[x]):,} {FINDINGS[name].title}",
                ]
            )
    options = base(colours, left=92, right=24, top=8, bottom=62)
    options |= {
        "xAxis": axis(colours, "", "category", data=days, splitLine={"show": False}),
        "yAxis": axis(
            colours, "", "category", data=[FINDINGS[name].title for name in names], splitLine={"show": False}
        ),
        "visualMap": {
            "min": 0, "max": 100, "dimension": 2, "calculable": True, "orient": "horizontal", "left": "center",
            "bottom": 0, "itemHeight": 160, "itemWidth": 10, "text": ["100 % of the day", "0 %"],
            "textStyle": {"color": colours.muted}, "inRange": {"color": list(scale)},
        },
        "series": [
            {
                "type": "heatmap",
                "data": cells,
                "dimensions": ["day", "finding", "percent", "bars"],
                "encode": {"tooltip": [2, 3]},
                "progressive": 0,
            }
        ],
    }  # fmt: skip
    return options


def mask_lines(colours: Palette, effect: MaskEffect) -> Options:
    """Return indicators of each day, of bars that may signal and of every recorded bar, below each other."""
    days = dates(effect.first_day, len(effect.masked["volume"]))
    rows = len(EFFECTS)
    high, gap = 100 / rows, 7
    options = base(colours)
    options["tooltip"]["trigger"] = "axis"
    options["axisPointer"] = {"link": [{"xAxisIndex": "all"}]}
    options |= {"grid": [], "xAxis": [], "yAxis": [], "series": []}
    for i, (name, title) in enumerate(EFFECTS.items()):
        options["grid"].append({"left": 76, "right": 16, "top": f"{i * high + 3}%", "height": f"{high - gap}%"})
        options["xAxis"].append(
            axis(colours, "", "category", data=days, gridIndex=i, splitLine={"show": False})
            | {"axisLabel": {"show": i == rows - 1, "color": colours.muted, "fontSize": 11}}
        )
        options["yAxis"].append(axis(colours, title, gridIndex=i, scale=True, splitNumber=3) | {"nameGap": 56})
        for label, values, style in (
            ("all recorded bars", effect.unmasked[name], {"color": colours.other, "type": "dashed", "width": 1.5}),
            ("with the mask", effect.masked[name], {"color": colours.main, "width": 2}),
        ):
            options["series"].append(
                {
                    "name": f"{title}, {label}", "type": "line", "symbol": "none", "xAxisIndex": i, "yAxisIndex": i,
                    "lineStyle": style, "itemStyle": {"color": style["color"]}, "data": [_known(v) for v in values],
                }
            )  # fmt: skip
    return options


def _known(value: Any) -> float | None:
    """Return a number as JSON has it: what is not known is a gap."""
    return None if math.isnan(value) else float(f"{value:.6g}")
