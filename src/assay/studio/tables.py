"""Small tables of a page: cells that hold anything, and are updated in place. Long ones are Quasar's (`ui.table`)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.studio.panels import explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Column:
    """A column of a small table.

    Attributes
    ----------
    name : str
        Its heading.
    is_number : bool
        Numbers stand at the right.
    note : str
        What it means, shown on hover.
    """

    name: str
    is_number: bool = False
    note: str = ""


class PlainTable:
    """Adds rows to a table that was begun.

    Parameters
    ----------
    columns : sequence of Column
    body : element
        In which the rows lie.
    """

    def __init__(self, columns: Sequence[Column], body: ui.element) -> None:
        self.body = body
        self._columns, self._place = columns, 0

    @contextmanager
    def row(self) -> Iterator[ui.element]:
        """Begin a row; its cells follow in the order of the columns."""
        self._place = 0
        with ui.element("tr") as row:
            yield row

    @contextmanager
    def cell(self) -> Iterator[ui.element]:
        """Begin a cell."""
        column = self._columns[self._place]
        self._place += 1
        with ui.element("td").classes("number" if column.is_number else "") as cell:
            yield cell

    def text(self, text: str, *, tone: str = "", wraps: bool = False) -> ui.label:
        """Add a cell with a text; return its label. A long text may be wrapped where other cells are not."""
        with self.cell() as cell:
            cell.classes("wraps" if wraps else "")
            return ui.label(text).classes(tone)


@contextmanager
def plain_table(columns: Sequence[Column]) -> Iterator[PlainTable]:
    """Begin a table with a heading."""
    with ui.element("div").classes("scroll"), ui.element("table").classes("plain-table"):
        with ui.element("thead"), ui.element("tr"):
            for column in columns:
                with ui.element("th").props("scope=col").classes("number" if column.is_number else ""):
                    label = ui.label(column.name)
                    if column.note:
                        explained(label, column.note)
        with ui.element("tbody") as body:
            yield PlainTable(columns, body)


NOTED_HEADER = """
<q-th :props="props" tabindex="0" :aria-description="props.col.note">
  <span class="noted">{{ props.col.label }}</span><q-tooltip class="explanation">{{ props.col.note }}</q-tooltip>
</q-th>
"""
"""Heading of a column of `ui.table` that explains itself by its `note`."""


def rows_table(heads: Mapping[str, str], rows: Sequence[Mapping[str, Any]], *, left: Sequence[str] = ()) -> ui.table:
    """Show rows of texts, all of them."""
    columns = [
        {"name": name, "label": label, "field": name, "align": "left" if name in left else "right"}
        for name, label in heads.items()
    ]
    shown = [{"place": i, **row} for i, row in enumerate(rows)]
    table = ui.table(rows=shown, columns=columns, row_key="place").props("dense flat hide-bottom wrap-cells")
    return table.props(":rows-per-page-options=[0]")
