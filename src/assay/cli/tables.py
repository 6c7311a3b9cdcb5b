"""Tables that fit: which columns a width has room for, where texts are wrapped, and what is left out.

Nothing of a number is ever cut. Where a table is too wide, headers are wrapped first, then texts in columns that may
be narrower, then the least important columns are left out, which a note says. Columns that were asked for by name are
not left out: where they do not fit side by side, each row is written as a block of lines instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from assay.errors import InputError, likeliest
from assay.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich import cells
else:  # not needed for --help and --json
    cells = lazy("rich.cells")

INDENT, BETWEEN = "  ", "  "

MAX_UNBROKEN = 16
"""A word of at most so many characters is not broken, unless there is no other way."""

_PIECES = re.compile(r"(?<=[_/,.:-])(?=[^\d_/,.:-])")
"""Where a word may be broken: never inside a number, nor inside a moment such as 2026-01-31T10:00."""


_BREAK = re.compile(r" (?!%)|(?<!\d) ")
"""Where a line may end: at a space, unless a number and its % stand around it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    header : str
        With the unit of its numbers: "net profit %".
    rank : int
        0 stays at any width; of the others those with the highest rank are left out first.
    narrow : int or None
        The fewest characters to which a column of texts may be wrapped; None where its cells stay whole.
    name : str
        What ``--columns`` calls it; the header where not given.
    shown : bool
        Whether it is shown without being asked for by name.
    """

    header: str
    rank: int = 0
    narrow: int | None = None
    name: str = ""
    shown: bool = True

    @property
    def key(self) -> str:
        """What ``--columns`` calls it."""
        return self.name or re.sub(r"\W+", "_", self.header).strip("_")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A table as lines, and the headers of the columns that it had no room for."""

    lines: list[str]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class _Column:
    """A column with its cells as texts."""

    column: Column
    texts: list[str]
    is_number: bool

    @property
    def full(self) -> int:
        """Characters of the widest cell."""
        return max((cells.cell_len(cell) for cell in self.texts), default=0)

    @property
    def header(self) -> int:
        return cells.cell_len(self.column.header)

    @property
    def header_word(self) -> int:
        return max((cells.cell_len(word) for word in self.column.header.split()), default=0)

    def least(self, *, breaking: bool = False) -> int:
        """Characters below which the column is not narrowed, also where that breaks words."""
        full = max(self.full, self.header_word)
        if self.column.narrow is None or self.is_number:
            return full
        pieces = [piece for text in self.texts for word in text.split() for piece in _PIECES.split(word)]
        longest = 0 if breaking else min(max(map(cells.cell_len, pieces), default=0), MAX_UNBROKEN)
        return min(full, max(self.column.narrow, self.header_word, longest))

    def placed(self, lines: list[str], width: int) -> list[str]:
        pad = [" " * (width - cells.cell_len(line)) for line in lines]
        return [f"{p}{line}" if self.is_number else f"{line}{p}" for p, line in zip(pad, lines, strict=True)]


def render(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], numeric: Sequence[bool], width: int | None, rule: str
) -> Rendered:
    """Return a table that is at most `width` characters wide; of any width where that is None.

    Parameters
    ----------
    rows : sequence of sequence of str
        One text per column, without control characters.
    numeric : sequence of bool
        Which columns hold numbers: they stand to the right and are never wrapped.
    rule : str
        The character of the line below the header.
    """
    table = [
        _Column(column, [row[i] for row in rows], is_number)
        for i, (column, is_number) in enumerate(zip(columns, numeric, strict=True))
    ]
    if width is None:
        return Rendered(_side_by_side(table, [max(c.full, c.header) for c in table], rule), [])
    kept = list(table)
    while _total([c.least() for c in kept]) > width and any(c.column.rank for c in kept):
        last = max(reversed(kept), key=lambda c: c.column.rank)
        kept = [c for c in kept if c is not last]
    left_out = [c.column.header or c.column.key for c in table if not any(c is k for k in kept)]
    for breaking in (False, True):
        least = [c.least(breaking=breaking) for c in kept]
        if _total(least) <= width:
            return Rendered(_side_by_side(kept, _widths(kept, least, width), rule), left_out)
    return Rendered(_blocks(kept, width), left_out)


def _total(widths: Sequence[int]) -> int:
    return len(INDENT) + sum(widths) + len(BETWEEN) * max(len(widths) - 1, 0)


def _widths(table: Sequence[_Column], least: Sequence[int], width: int) -> list[int]:
    """Give the room that is left to cells, then to headers, from the left."""
    widths = list(least)
    for wanted in ([c.full for c in table], [max(c.full, c.header) for c in table]):
        for i, most in enumerate(wanted):
            room = width - _total(widths)
            widths[i] += max(min(most - widths[i], room), 0)
    return widths


def _side_by_side(table: Sequence[_Column], widths: Sequence[int], rule: str) -> list[str]:
    pairs = list(zip(table, widths, strict=True))
    heads = [wrapped(c.column.header, w) for c, w in pairs]
    deepest = max(map(len, heads), default=0)
    heads = [[""] * (deepest - len(head)) + head for head in heads]
    lines = _joined([c.placed(head, w) for (c, w), head in zip(pairs, heads, strict=True)])
    lines.append(INDENT + rule * (_total(widths) - len(INDENT)))
    for i in range(len(table[0].texts) if table else 0):
        parts = [wrapped(c.texts[i], w) for c, w in pairs]
        tallest = max(map(len, parts))
        parts = [part + [""] * (tallest - len(part)) for part in parts]
        lines += _joined([c.placed(part, w) for (c, w), part in zip(pairs, parts, strict=True)])
    return lines


def _joined(parts: Sequence[Sequence[str]]) -> list[str]:
    return [(INDENT + BETWEEN.join(line)).rstrip() for line in zip(*parts, strict=True)]


def _blocks(table: Sequence[_Column], width: int) -> list[str]:
    """Write each row as a block: a line for the name and the value of each of its cells."""
    names = [c.column.header for c in table]
    first = min(max(map(cells.cell_len, names), default=0), width // 3)
    room = width - len(INDENT) - first - len(BETWEEN)
    lines: list[str] = []
    for i in range(len(table[0].texts) if table else 0):
        lines += [""] if i else []
        for name, column in zip(names, table, strict=True):
            head, value = wrapped(name, first), wrapped(column.texts[i], room)
            tallest = max(len(head), len(value))
            head += [""] * (tallest - len(head))
            value += [""] * (tallest - len(value))
            padded = [part + " " * (first - cells.cell_len(part)) for part in head]
            lines += _joined([padded, value])
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` characters: broken at spaces, else after ``_ / , . : -``.

    A word that has none of them is broken where the line ends.
    """
    if cells.cell_len(text) <= width:
        return [text]
    return _filled(" ".join(text.split()), width, breaking=True)


def folded(line: str, width: int, *, breaking: bool = False) -> list[str]:
    """Return a sentence in lines that fit a width, broken at spaces; what it is indented by, they all are.

    Parameters
    ----------
    breaking : bool
        A word that is wider than the width is broken, too.
    """
    body = line.lstrip(" ")
    indent = line[: len(line) - len(body)]
    room = max(width - len(indent), 1)
    return [indent + part for part in _filled(body, room, breaking=breaking)] or [""]


def _filled(text: str, width: int, *, breaking: bool) -> list[str]:
    """Return a text in lines of as many words as fit; a word that is too wide has a line of its own, or is broken."""
    lines = [""]
    for word in _BREAK.split(text):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cells.cell_len(joined) <= width:
            lines[-1] = joined
        elif breaking:
            lines += _broken(word, width)
        else:
            lines.append(word)
    return [line for line in lines if line]


def _broken(word: str, width: int) -> list[str]:
    """Return a word in lines of at most `width` characters."""
    lines = [""]
    for piece in _PIECES.split(word):
        if cells.cell_len(lines[-1] + piece) <= width:
            lines[-1] += piece
            continue
        rest = piece
        while cells.cell_len(rest) > width:
            lines.append(_head(rest, width))
            rest = rest[len(lines[-1]) :]
        lines.append(rest)
    return [line for line in lines if line]


def _head(text: str, width: int) -> str:
    """Return the longest beginning of a text that takes at most `width` characters of a line, one at least."""
    n = 1
    while n < len(text) and cells.cell_len(text[: n + 1]) <= width:
        n += 1
    return text[:n]


def chosen(text: str | None, columns: Sequence[Column]) -> list[int]:
    """Return which columns ``--columns a,b`` names, in that order; those that are shown anyway where it says nothing.

    ``all`` are these, too, but none of them is left out for want of width.

    Raises
    ------
    InputError
        For a name that no column has: with all of them, and the likeliest.
    """
    keys = [column.key for column in columns]
    if text is None or text.strip().lower() == "all":
        return [i for i, column in enumerate(columns) if column.shown]
    found: list[int] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in keys:
            close = likeliest(name, keys)
            hint = "" if close is None else f"Did you mean {close!r}?"
            raise InputError("--columns", f"must be all, or some of {_named(keys, name)}", name, hint)
        found.append(keys.index(name))
    if not found:
        raise InputError("--columns", f"must be all, or some of {_named(keys, text)}", text)
    return list(dict.fromkeys(found))


MAX_NAMES = 20
"""Columns that an error names."""


def _named(keys: Sequence[str], asked: str) -> str:
    """Return the names of columns for an error: of many the likeliest first, and not all."""
    if len(keys) <= MAX_NAMES:
        return ", ".join(keys)
    names = list(dict.fromkeys([*get_close_matches(asked, keys), *keys]))
    return f"{', '.join(names[:MAX_NAMES])}, ... ({len(names) - MAX_NAMES} more: see docs/registry.md)"
