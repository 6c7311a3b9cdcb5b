"""The honesty study: how often is a simulated market believed that has no edge, and one that has?

    python -m studies.honesty [--markets N] [--edge-markets N] [--workers N] [--folder DIR] [--markdown docs/honesty.md]
                              [--power-table src/assay/reports/power_table.py]

Every market is a row of a file in the folder, appended when it is done: a study that was interrupted or killed goes on
where it was, and one that asks for more markets keeps those it has. Rows of other code or settings are refused.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.report import placed, say

from studies.edges import COSTS
from studies.honesty_figures import EDGE_MARKETS, MARKETS, figures
from studies.power_rows import is_whole, power_counts, power_module
from studies.rows import RowFile, made_by, work_off
from studies.simulated import Task, Terms, judged

ROOT = Path(__file__).resolve().parents[1]
FIRST_SEED = 10_000
EDGES = (0.0, 0.1, 0.2, 0.4)
MODULES = ("simulated", "documents", "edges")


def tasks(terms: Terms, markets: int, edge_markets: int) -> dict[str, Task]:
    """All markets by key: the same seeds in every cell, seed after seed, so that a part of a study is a small one."""
    found = [
        Task(terms, costs, edge_r, FIRST_SEED + i)
        for i in range(max(markets, edge_markets))
        for costs in COSTS
        for edge_r in EDGES
        if i < (edge_markets if edge_r else markets)
    ]
    return {task.key: task for task in found}


def main(given: list[str] | None = None) -> int:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=MARKETS, help="without an edge, at each level of costs")
    parser.add_argument(
        "--edge-markets", type=int, default=EDGE_MARKETS, help="of each size of edge, at each level of costs"
    )
    parser.add_argument("--days", type=int, default=Terms.days)
    parser.add_argument("--permutations", type=int, default=Terms.permutations)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread each")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "honesty")
    parser.add_argument("--markdown", type=Path, default=None)
    parser.add_argument("--power-table", type=Path, default=None, help="module to write a whole study into")
    options = parser.parse_args(given)
    terms = Terms(options.days, options.permutations)
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    file = RowFile(folder / "rows.jsonl", made_by(asdict(terms), *MODULES))
    asked = tasks(terms, options.markets, options.edge_markets)
    rows = work_off(file, asked, judged, options.workers, group=lambda key: key.rsplit(" ", 1)[0])
    text = figures(rows)
    sys.stdout.write(text + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text))
    if options.power_table and is_whole(rows):
        options.power_table.write_text(power_module(power_counts(rows, terms), terms.permutations))
    elif options.power_table:
        say(f"{options.power_table.name} stays as it is: this is no whole study")
    return 0


if __name__ == "__main__":
    sys.exit(main())
