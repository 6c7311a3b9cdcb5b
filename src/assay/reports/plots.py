"""What all charts of a report share: an empty plot, columns for its glyphs, a legend, the line of zero.

Colours of text, axes and grids are left to the page, whose style sheet knows light and dark; those of the data are
readable on both, and no chart needs red and green to be kept apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from bokeh.models import ColumnDataSource, LinearAxis, NoOverlap
from bokeh.models.annotations.geometry import Span
from bokeh.models.annotations.legends import Legend
from bokeh.plotting import figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models import Axis

BLUE, ORANGE, GREY = "#3b82f6", "#e8743b", "#8b949e"
RIGHT_AXIS = 58
"""Room for an axis on the right, in pixels, as there is on the left: plots beneath each other keep one width."""

TEXT = "#76808c"
"""For letters that no style sheet reaches: as far from white as from the dark page."""


def empty_plot(height: int, **options: Any) -> figure:
    """Return an empty plot without toolbar that is as wide as its place."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_left=58,
        min_border_right=12,
        **options,
    )
    for axis in plot.axis:
        _plain_axis(axis)
    plot.xgrid.visible = False
    return plot


def _plain_axis(axis: Axis) -> None:
    axis.minor_tick_line_color = None
    axis.major_label_text_font_size = axis.axis_label_text_font_size = "11px"
    axis.major_label_policy = NoOverlap()
    axis.axis_label_text_font_style = "normal"


def add_right_axis(plot: figure, range_name: str, label: str) -> None:
    """Give one of a plot's further ranges an axis on the right, as wide as that of another plot beneath."""
    axis = LinearAxis(y_range_name=range_name, axis_label=label)
    _plain_axis(axis)
    plot.add_layout(axis, "right")
    plot.min_border_right = RIGHT_AXIS


def source_of(columns: Mapping[str, Sequence[Any]], name: str | None = None) -> ColumnDataSource:
    """Return columns for glyphs; what is unknown is NaN, since Bokeh would draw None at 0."""
    known: dict[str, Any] = {n: [math.nan if v is None else v for v in column] for n, column in columns.items()}
    return ColumnDataSource(known, name=name)


def add_legend(plot: figure, items: Sequence[tuple[str, list[Any]]], *, click: bool = False) -> None:
    """Name lines and dots above a plot; a click on a name may hide its line."""
    legend = Legend(
        items=list(items),
        orientation="horizontal",
        click_policy="hide" if click else "none",
        background_fill_alpha=0.0,
        border_line_color=None,
        label_text_font_size="11px",
        label_text_color=TEXT,
        glyph_width=16,
        margin=2,
        spacing=10,
    )
    plot.add_layout(legend, "above")


def add_zero(plot: figure, dimension: Literal["width", "height"] = "width") -> None:
    """Draw the line of zero across the width or the height of a plot."""
    plot.add_layout(Span(location=0.0, dimension=dimension, line_color=GREY, line_width=1))
