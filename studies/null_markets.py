"""The honesty study over other markets without an edge: ticks, drift, leverage, bounce, seasons, storms, stale bars.

    python -m studies.null_markets [--markets N] [--workers N] [--folder DIR] [--markdown docs/honesty.md]

Nine kinds of markets at two levels of costs, traded on both sides, long only and short only, with quick evidence; the
two cells nearest the limit get more markets. Then a pattern of exact prices, and one of nearly exact ones, on ticks.
Every market is a row of a file in the folder, appended when it is done: an interrupted study goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import placed

from studies.null_cells import CELLS, MARKETS, PATTERN_TERMS, PATTERNS, QUICK, Cell, PatternTask, Task, judged
from studies.null_figures import MARKETS as MARKETS_A_CELL
from studies.null_figures import NEAREST_MARKETS, PATTERN_MARKETS, figures, nearest
from studies.rows import Row, RowFile, made_by, work_off
from studies.simulated import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("null_cells", "equal_lows", "simulated", "edges")
PLACE = "null markets"
"""Name of the marks of the second table."""


def tasks(terms: Terms, cells: Sequence[Cell], markets: int) -> dict[str, Task]:
    """Markets of some cells by key, number after number, so that a part of a study is a small one."""
    return {task.key: task for task in (Task(terms, cell, i) for i in range(markets) for cell in cells)}


def pattern_tasks(markets: int) -> dict[str, PatternTask]:
    """Markets of the patterns by key; both patterns see the same markets."""
    return {task.key: task for task in (PatternTask(pattern, i) for i in range(markets) for pattern in PATTERNS)}


def run(file: RowFile, terms: Terms, cells: Sequence[Cell], markets: int, more: int, workers: int) -> list[Row]:
    """Do what is missing in all cells, then in those nearest the limit; return all rows."""

    def rows_of(asked: dict[str, Task]) -> list[Row]:
        return work_off(file, asked, judged, workers, group=lambda key: key.split(", ", 1)[1].rsplit(", ", 1)[0])

    asked = tasks(terms, cells, markets)
    rows = rows_of(asked)
    if more <= markets:
        return rows
    return rows_of(asked | tasks(terms, nearest(rows, markets), more))


def _cells(names: str) -> list[Cell]:
    """Return the cells of some markets."""
    asked = names.split(",")
    if unknown := set(asked) - set(MARKETS):
        raise SystemExit(f"--only: {', '.join(sorted(unknown))}: must be some of {', '.join(MARKETS)}")
    return [cell for cell in CELLS if cell.market in asked]


def main(given: list[str] | None = None) -> int:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=MARKETS_A_CELL, help="in every cell")
    parser.add_argument(
        "--nearest-markets", type=int, default=NEAREST_MARKETS, help="in the two cells nearest the limit; 0: no more"
    )
    parser.add_argument("--pattern-markets", type=int, default=PATTERN_MARKETS, help="of each pattern of prices")
    parser.add_argument("--only", default=",".join(MARKETS), help="some of the markets, separated by commas")
    parser.add_argument("--days", type=int, default=QUICK.days)
    parser.add_argument("--permutations", type=int, default=QUICK.permutations)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread each")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "null_markets")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args(given)
    terms, cells = Terms(options.days, options.permutations), _cells(options.only)
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"cells": asdict(terms), "patterns": asdict(PATTERN_TERMS)}
    file = RowFile(folder / "rows.jsonl", made_by(settings, *MODULES))
    rows = run(file, terms, cells, options.markets, options.nearest_markets, options.workers)
    patterns = work_off(file, pattern_tasks(options.pattern_markets), judged, options.workers)
    text = figures(rows, patterns)
    sys.stdout.write(text + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text, PLACE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
