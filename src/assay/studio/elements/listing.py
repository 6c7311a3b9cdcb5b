"""`Listing`: a table of any length as one element, with headings that sort, boxes that choose and buttons that act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nicegui import ui

from assay.studio.sparkline import HEIGHT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = dict[str, Any]
"""``id``, perhaps ``tone``, and by the names of the columns what `cell` and its likes make."""


@dataclass(frozen=True)
class ListColumn:
    """A column.

    Attributes
    ----------
    name, label : str
    kind : str
        ``text``, ``link``, ``stage``, ``line`` (a small line) or ``acts`` (buttons).
    is_number : bool
        Numbers stand at the right.
    sorts : bool
        Whether its heading sorts the rows.
    note : str
        What it means.
    """

    name: str
    label: str
    kind: str = "text"
    is_number: bool = False
    sorts: bool = False
    note: str = ""

    def as_dict(self, sorted_by: str, *, falls: bool) -> dict[str, Any]:
        """Return it as the browser takes it, with the order of the rows."""
        order = ("descending" if falls else "ascending") if self.name == sorted_by else None
        return {
            "name": self.name, "label": self.label, "kind": self.kind, "number": self.is_number, "sorts": self.sorts,
            "note": self.note, "order": order,
        }  # fmt: skip


def cell(text: str, *, tone: str = "", note: str = "", **more: Any) -> dict[str, Any]:
    """Return a cell of a row.

    Parameters
    ----------
    tone : str
        A class of its colour; the text says the same by a sign or a word.
    note : str
        What is shown on hover.
    more : Any
        What its kind takes: ``href``, ``points``, ``acts``.
    """
    found = {"text": text, "tone": tone, "note": note} | more
    return {name: value for name, value in found.items() if value not in ("", None)}


class Listing(ui.element, component="listing.js"):
    """A table of rows.

    Parameters
    ----------
    columns : sequence of ListColumn
    label : str
        What the table is, for who hears the page.
    on_sort : callable, optional
        Called with the name of a column whose heading was clicked.
    on_choose : callable, optional
        Called with the ids of all rows that are chosen, on other pages too; without it none can be.
    on_act : callable, optional
        Called with the name of a button and the id of its row.
    """

    def __init__(
        self,
        columns: Sequence[ListColumn],
        label: str,
        *,
        on_sort: Callable[[str], object] | None = None,
        on_choose: Callable[[list[str]], object] | None = None,
        on_act: Callable[[str, str], object] | None = None,
    ) -> None:
        super().__init__()
        self._columns = columns
        self._props["label"] = label
        self._props["box"] = [WIDTH, HEIGHT]
        self._props["choosable"] = on_choose is not None
        self._props["chosen"] = []
        self._props["rows"] = []
        self._props["columns"] = [column.as_dict("", falls=True) for column in columns]
        if on_sort is not None:
            self.on("sorted", lambda event: on_sort(str(event.args)))
        if on_choose is not None:
            self.on("chose", lambda event: on_choose([str(name) for name in event.args]))
        if on_act is not None:
            self.on("acted", lambda event: on_act(str(event.args["name"]), str(event.args["id"])))

    def show(self, rows: Sequence[Row], *, sorted_by: str = "", falls: bool = True, chosen: Sequence[str] = ()) -> None:
        """Show rows, in the order that is said, in the place of those before."""
        self._props["columns"] = [column.as_dict(sorted_by, falls=falls) for column in self._columns]
        self._props["rows"] = list(rows)
        self._props["chosen"] = list(chosen)
        self.update()

    def choose(self, chosen: Sequence[str]) -> None:
        """Choose rows by their ids, and no others."""
        self._props["chosen"] = list(chosen)
        self.update()
