"""What a command says: one result on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.cli.tables import Column, chosen, folded, render
from assay.cli.terminal import drawable, table_width, visible
from assay.cli.user_code import results, words
from assay.lazy import lazy
from assay.service.times import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich import console as rich_console
    from rich import progress as rich_progress

    from assay.service.reporter import Advance
else:  # not needed for --help and --json
    rich_console, rich_progress = lazy("rich.console"), lazy("rich.progress")

__all__ = ["Column", "Output", "iso_time", "number", "text_bar", "to_json"]

PLAIN_INTERVAL_S = 5.0
"""Seconds between lines of progress where stderr is not a terminal."""


def to_json(value: object) -> Any:
    """Return plain JSON values: NaN and infinity become None, arrays lists, other objects their text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(v) for v in value]
    plain = getattr(value, "tolist", None)  # numpy's arrays and scalars, without importing numpy
    return to_json(plain()) if callable(plain) else str(value)


def number(value: object) -> str:
    """Return a number for reading: at most 4 decimals (1 from 1000 on), thousands apart, a dash where undefined."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "-" if math.isnan(value) else f"{value:+}"
    value += 0.0  # there is no -0 for a reader
    decimals = 1 if abs(value) >= 1000 else 4
    text = f"{value:,.{decimals}f}" if abs(value) >= 0.001 else f"{value:.4g}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's words go; a `Reporter` of the service.

    Attributes
    ----------
    json : bool
        The result is one JSON document on stdout instead of tables.
    quiet : bool
        Neither progress nor notes.
    """

    json: bool = False
    quiet: bool = False

    def document(self, content: Mapping[str, Any]) -> None:
        """Print one JSON document on stdout, keys in the order given."""
        results().write(json.dumps(to_json(dict(content)), indent=2, allow_nan=False) + "\n")
        results().flush()

    @property
    def is_narrow(self) -> bool:
        """Whether tables have to fit a terminal: ids are shown short there, and whole where a program reads them."""
        return table_width() is not None

    def text(self, line: str, *, whole: bool = False) -> None:
        """Print a line of the result on stdout; a terminal gets it wrapped between words.

        Parameters
        ----------
        whole : bool
            Not wrapped: a path or a command, which somebody will copy.
        """
        width = None if whole else table_width()
        for part in [line] if width is None else folded(visible(line), width, breaking=True):
            self._print(part)

    def _print(self, line: str) -> None:
        results().write(drawable(visible(line), results()) + "\n")

    def note(self, sentence: str) -> None:
        """Say something beside the result, on stderr."""
        if self.quiet:
            return
        text, width = drawable(visible(sentence), words()), table_width(words())
        words().write("\n".join([text] if width is None else folded(text, width)) + "\n")
        words().flush()

    def warn(self, sentence: str) -> None:
        """Say on stderr that the result is not all that was asked for."""
        self.note(sentence)

    def table(
        self,
        title: str,
        columns: Sequence[str | Column],
        rows: Sequence[Sequence[object]],
        only: str | None = None,
        *,
        choosable: bool = False,
    ) -> None:
        """Print a table on stdout: numbers stand to the right, and a terminal gets no wider a table than it is.

        Parameters
        ----------
        only : str, optional
            What ``--columns`` says: these columns, none of which is left out.
        choosable : bool
            The command has ``--columns``.
        """
        all_columns = [Column(c) if isinstance(c, str) else c for c in columns]
        wanted = chosen(only, all_columns)
        all_columns = [replace(all_columns[i], rank=0) if only else all_columns[i] for i in wanted]
        rows = [[row[i] for i in wanted] for row in rows]
        numeric = [
            all(row[i] in (None, "") or isinstance(row[i], (int, float)) for row in rows)
            for i in range(len(all_columns))
        ]
        texts = [[visible(number(cell)) for cell in row] for row in rows]
        if title:
            self.text(title)
        made = render(all_columns, texts, numeric, table_width(), "─")
        for line in [*made.lines, ""]:
            self._print(line)
        if made.left_out:
            way = "--columns all" if choosable else "a wider terminal"
            it = "it" if len(made.left_out) == 1 else "them"
            self.note(f"left out for want of width: {'; '.join(made.left_out)} ({way} shows {it})")

    def pairs(self, title: str, values: Mapping[str, object]) -> None:
        """Print names and values as a table of two columns."""
        self.table(title, ("name", Column("value", narrow=20)), list(values.items()))

    @contextmanager
    def progress(self, title: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Show how far work is: bar, count, rate and time left; lines now and then without a terminal.

        `done` of it was done before: the rate is that of the rest.

        Examples
        --------
        >>> with output.progress("sweep", len(combinations)) as advance:
        ...     for block in blocks:
        ...         advance(len(block.position))
        """
        title = visible(title)
        if self.quiet:
            yield lambda _: None
        elif words().isatty():
            with _bar(title, total, done) as advance:
                yield advance
        else:
            yield _lines(title, total, done)

    @contextmanager
    def working(self, title: str) -> Iterator[None]:
        """Show that work of unknown length goes on, with the seconds it has taken."""
        title = visible(title)
        if self.quiet:
            yield
        elif words().isatty():
            with _spinner(title):
                yield
        else:
            begun = time.monotonic()
            self.note(title)
            yield
            self.note(f"{title} {time.monotonic() - begun:.1f} s")


def _rich_stderr() -> rich_console.Console:
    """Return a rich console that prints texts as they are."""
    return rich_console.Console(file=words(), markup=False, highlight=False, emoji=False)


def _per_second(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 or not rate else f"{rate:.2g}/s"


@contextmanager
def _bar(title: str, total: int, before: int) -> Iterator[Advance]:
    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        rich_progress.TextColumn("{task.fields[rate]}"),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=_rich_stderr(), transient=True) as progress:
        task = progress.add_task(title, total=total, completed=before, rate="")
        begun = time.monotonic()

        def advance(done: int) -> None:
            progress.advance(task, done)
            seconds = max(time.monotonic() - begun, 1e-9)
            progress.update(task, rate=_per_second((progress.tasks[0].completed - before) / seconds))

        yield advance


@contextmanager
def _spinner(title: str) -> Iterator[None]:
    columns = (
        rich_progress.SpinnerColumn(),
        rich_progress.TextColumn("{task.description}"),
        rich_progress.TimeElapsedColumn(),
    )
    with rich_progress.Progress(*columns, console=_rich_stderr(), transient=True) as progress:
        progress.add_task(title, total=None)
        yield


def _lines(title: str, total: int, before: int) -> Advance:
    """Return an `advance` that writes a line at most every `PLAIN_INTERVAL_S` seconds."""
    begun = said = time.monotonic()
    count = before

    def advance(done: int) -> None:
        nonlocal said, count
        count += done
        now = time.monotonic()
        if now - said < PLAIN_INTERVAL_S:
            return
        said = now
        rate = (count - before) / (now - begun)
        left = (total - count) / rate if rate else math.inf
        words().write(f"{title}: {count:,} of {total:,}, {_per_second(rate)}, {left:.0f} s left\n")
        words().flush()

    return advance


def text_bar(value: float, low: float, high: float, width: int = 24) -> str:
    """Draw a number between two others as a bar of blocks; nothing where it is undefined."""
    if not high > low or math.isnan(value):
        return ""
    eighths = round(8 * width * (value - low) / (high - low))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
