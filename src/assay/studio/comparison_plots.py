"""Pictures of a comparison: equity overlaid with drawdowns beneath, and the shade of a correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.studio.plots import Options, Palette, axis, base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.engine.shared_days import SharedDays

MOST_POINTS = 1_200
"""Days that are drawn of each line; of more, every second or third one."""

TOGETHER = "equal risk"
COLOURS = {
    True: ("#7ab8ff", "#e6b450", "#3fc1a6", "#ff8a80", "#c39bff", "#9fd356", "#f39ac7", "#8fa3bf"),
    False: ("#0b5cad", "#8a5a00", "#00705b", "#b3261e", "#6a3fb5", "#4d7a00", "#a62a73", "#4a5a72"),
}
DASHES: tuple[Any, ...] = ("solid", "dashed", "dotted", [8, 3, 2, 3], "solid", "dashed", "dotted", [8, 3, 2, 3])
"""A line is known by its dashes and by the letter at its end as well as by its colour."""


@dataclass(frozen=True)
class Line:
    """A line of both pictures.

    Attributes
    ----------
    name : str
    worth, drawdown : list of float
    colour : str
    dash : str or list of int
    width : float
    """

    name: str
    worth: list[float]
    drawdown: list[float]
    colour: str
    dash: Any
    width: float


def overlaid(colours: Palette, shared: SharedDays, letters: Sequence[str], *, dark: bool) -> Options:
    """Return equity from 1 on common days, and below it how far each lies under its highest day.

    Parameters
    ----------
    letters : sequence of str
        Of the members, in the order of `shared`.
    """
    drawn = np.arange(0, shared.days, math.ceil(shared.days / MOST_POINTS))
    if drawn[-1] != shared.days - 1:
        drawn = np.append(drawn, shared.days - 1)
    dates = [str(np.datetime64(shared.first_day + int(i), "D")) for i in drawn]
    lines = _lines(colours, shared, letters, drawn, dark=dark)
    options = base(colours)
    grid = {"left": 64, "right": 84}
    options["grid"] = [{**grid, "top": 34, "height": 232}, {**grid, "top": 292, "height": 96}]
    options["tooltip"] |= {"trigger": "axis", "axisPointer": {"type": "line"}, "order": "valueDesc"}
    options["axisPointer"] = {"link": [{"xAxisIndex": "all"}]}
    options["legend"] = {
        "data": [line.name for line in lines], "top": 2, "textStyle": {"color": colours.text}, "itemWidth": 34,
        "inactiveColor": colours.other,
    }  # fmt: skip
    flat: Options = {"kind": "category", "data": dates, "boundaryGap": False, "splitLine": {"show": False}}
    hidden = {"axisLabel": {"show": False}, "axisTick": {"show": False}}
    options["xAxis"] = [
        axis(colours, gridIndex=0, **flat) | hidden,
        axis(colours, "day (UTC)", gridIndex=1, **flat) | {"nameGap": 22},
    ]
    options["yAxis"] = [
        axis(colours, "worth, from 1", gridIndex=0, scale=True, nameGap=46),
        axis(colours, "below the high, %", gridIndex=1, max=0, nameGap=46),
    ]
    options["dataZoom"] = [
        {"type": "inside", "xAxisIndex": [0, 1], "zoomOnMouseWheel": "ctrl"},
        {"type": "slider", "xAxisIndex": [0, 1], "bottom": 4, "height": 16, "textStyle": {"color": colours.muted}},
    ]
    options["series"] = [_series(line, which) for which in (0, 1) for line in lines]
    return options


def _lines(
    colours: Palette, shared: SharedDays, letters: Sequence[str], drawn: np.ndarray, *, dark: bool
) -> list[Line]:
    lines = [
        Line(
            letter, _rounded(shared.worth[drawn, i], 5), _rounded(shared.drawdown_pct[drawn, i], 3),
            COLOURS[dark][i], DASHES[i], 1.6,
        )
        for i, letter in enumerate(letters)
    ]  # fmt: skip
    found = shared.equal_risk
    if found is not None:
        worth, fallen = _rounded(found.worth[drawn], 5), _rounded(found.drawdown_pct[drawn], 3)
        lines.append(Line(TOGETHER, worth, fallen, colours.text, "solid", 2.8))
    return lines


def _series(line: Line, which: int) -> Options:
    end = {"show": True, "formatter": "{a}", "color": line.colour, "fontWeight": 700}
    return {
        "type": "line", "name": line.name, "xAxisIndex": which, "yAxisIndex": which, "symbol": "none",
        "data": line.drawdown if which else line.worth, "sampling": "lttb",
        "lineStyle": {"color": line.colour, "type": line.dash, "width": line.width if which == 0 else 1.1},
        "itemStyle": {"color": line.colour}, "emphasis": {"disabled": True},
        "endLabel": end if which == 0 else {"show": False},
        "labelLayout": {"moveOverlap": "shiftY"},
    }  # fmt: skip


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [float(value) for value in np.round(values, digits).tolist()]


def shade(correlation: float) -> str:
    """Return the background of a cell: the stronger, the more of a colour; blue where alike, amber where opposite."""
    if math.isnan(correlation):
        return "background: transparent"
    colour = "--link" if correlation >= 0 else "--warn"
    return f"background: color-mix(in srgb, var({colour}) {round(36 * abs(correlation))}%, transparent)"
