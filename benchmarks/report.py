"""What a section found, and how it is shown: aligned text, Markdown, JSON."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Cell = str | int | float | bool | None
Row = dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """Rows with the same keys; a key is a column's heading, its unit the last word."""

    title: str
    rows: list[Row]


@dataclass
class Section:
    """One part of the report.

    Attributes
    ----------
    checks : mapping of str to bool
        Equalities that must hold; one that does not makes the run fail.
    skipped : str or None
        Why the section was not run.
    """

    name: str
    title: str
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checks: dict[str, bool] = field(default_factory=dict)
    skipped: str | None = None

    @property
    def equal(self) -> bool | None:
        """Whether every equality held; None where nothing was compared."""
        return all(self.checks.values()) if self.checks else None

    def as_json(self) -> dict[str, object]:
        """Plain values; NaN is null."""
        return {
            "title": self.title,
            "skipped": self.skipped,
            "equal": self.equal,
            "checks": self.checks,
            "tables": [
                {"title": t.title, "rows": [{k: _plain(v) for k, v in row.items()} for row in t.rows]}
                for t in self.tables
            ],
            "notes": self.notes,
        }


def _plain(value: Cell) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def shown(value: Cell) -> str:
    """Three significant digits, thousands apart."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str):
        return value
    if value == 0.0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.1e}"


def say(line: str) -> None:
    """Tell a person who waits; not part of the report."""
    print(line, file=sys.stderr, flush=True)


def _columns(table: Table) -> tuple[list[str], list[list[str]], list[bool]]:
    keys = list(table.rows[0])
    body = [[shown(row[k]) for k in keys] for row in table.rows]
    numeric = [not any(isinstance(row[k], str) for row in table.rows) for k in keys]
    return [k.replace("_", " ") for k in keys], body, numeric


def text(table: Table) -> str:
    """Aligned columns."""
    head, body, numeric = _columns(table)
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        pairs = zip(cells, widths, numeric, strict=True)
        return "  ".join(c.rjust(w) if right else c.ljust(w) for c, w, right in pairs).rstrip()

    return "\n".join([table.title, line(head), *(line(cells) for cells in body)])


def markdown(table: Table) -> str:
    """One Markdown table under a bold title."""
    head, body, numeric = _columns(table)
    rule = ["--:" if right else "---" for right in numeric]
    return "\n".join([f"**{table.title}**", "", *(f"| {' | '.join(cells)} |" for cells in [head, rule, *body])])


def wrapped(notes: Iterable[str]) -> str:
    """Notes as a list."""
    return "\n".join(fill(f"- {note}", 138, subsequent_indent="  ", break_on_hyphens=False) for note in notes)


BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def marks(name: str) -> tuple[str, str]:
    """The two marks between which a page holds a made part."""
    return BEGIN.replace("figures", name), END.replace("figures", name)


def placed(page: str, figures: str, name: str = "figures") -> str:
    """The page with the figures between its two marks, or the figures alone where it has none."""
    begin, end = marks(name)
    if begin not in page or end not in page:
        return figures
    head, rest = page.split(begin, 1)
    return f"{head}{begin}\n\n{figures}\n{end}{rest.split(end, 1)[1]}"


def document(machine: dict[str, Cell], sections: list[Section]) -> str:
    """All tables and notes as Markdown."""
    facts = ", ".join(f"{k.replace('_', ' ')} {shown(v) if isinstance(v, int) else v}" for k, v in machine.items())
    parts = [f"Measured on: {facts}."]
    for section in sections:
        parts.append(f"### {section.title}")
        if section.skipped:
            parts.append(f"Not run: {section.skipped}")
        parts += [markdown(table) for table in section.tables if table.rows]
        if section.checks:
            held = sum(section.checks.values())
            parts.append(f"Equalities that must hold: {held} of {len(section.checks)} do.")
        if section.notes:
            parts.append(wrapped(section.notes))
    return "\n\n".join(parts) + "\n"
