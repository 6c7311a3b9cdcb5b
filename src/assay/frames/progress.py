"""A bar on stderr for a person who watches; nothing for files and pipes."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich import console as rich_console
    from rich import progress as rich_progress
else:
    rich_console, rich_progress = lazy("rich.console"), lazy("rich.progress")


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs; it is given the function that advances it by n."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
    )
    with rich_progress.Progress(*columns, console=rich_console.Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)
