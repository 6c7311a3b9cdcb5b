"""What a command says: one result on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.cli.user_code import results, words
from assay.lazy import lazy
from assay.service.times import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich import box as rich_box
    from rich import console as rich_console
    from rich import progress as rich_progress
    from rich import table as rich_table

    from assay.service.reporter import Advance
else:  # not needed for --help and --json
    rich_box, rich_console = lazy("rich.box"), lazy("rich.console")
    rich_progress, rich_table = lazy("rich.progress"), lazy("rich.table")

__all__ = ["Output", "iso_time", "number", "text_bar", "to_json"]

PIPE_WIDTH = 200
"""Columns of a table that does not go to a terminal: nothing is cut short there."""

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

    def text(self, line: str) -> None:
        """Print a line of the result on stdout."""
        results().write(line + "\n")

    def note(self, sentence: str) -> None:
        """Say something beside the result, on stderr."""
        if not self.quiet:
            words().write(sentence + "\n")
            words().flush()

    def warn(self, sentence: str) -> None:
        """Say on stderr that the result is not all that was asked for."""
        self.note(sentence)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table on stdout; numbers stand to the right, the first column is never broken."""
        table = rich_table.Table(box=rich_box.SIMPLE_HEAD)
        for i, name in enumerate(columns):
            numeric = all(row[i] in (None, "") or isinstance(row[i], (int, float)) for row in rows)
            table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=i == 0)
        for row in rows:
            table.add_row(*(number(cell) for cell in row))
        if title:
            self.text(title)
        _rich(stderr=False).print(table)

    def pairs(self, title: str, values: Mapping[str, object]) -> None:
        """Print names and values as a table of two columns."""
        self.table(title, ("name", "value"), list(values.items()))

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


def _rich(*, stderr: bool) -> rich_console.Console:
    """Return a rich console that prints texts as they are."""
    stream = words() if stderr else results()
    return rich_console.Console(
        file=stream, width=None if stream.isatty() else PIPE_WIDTH, markup=False, highlight=False, emoji=False
    )


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
    with rich_progress.Progress(*columns, console=_rich(stderr=True), transient=True) as progress:
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
    with rich_progress.Progress(*columns, console=_rich(stderr=True), transient=True) as progress:
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
