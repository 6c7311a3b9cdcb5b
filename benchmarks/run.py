"""Measure the sweep: ratios to baselines run beside it in the same process, each with an equality check.

    python benchmarks/run.py [FILE ...] [--only dense,peers] [--quick] [--json FILE] [--markdown FILE]

Without files it takes BTC/USDT and ETH/USDT of the shared folder (`ASSAY_SHARED`), or simulated bars. The exit
code is 1 where an equality fails, and for no other reason: speed is reported, never tested.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assay.strategies.liquidity_sweep import BENCHMARK_GRID
from benchmarks import dense, grid, growth, peers, processes, store, strategies, user
from benchmarks.clock import machine
from benchmarks.report import Section, document, placed, text, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Bars

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared"))
DEFAULTS = ("BINANCE_BTCUSDT_5m.parquet", "BINANCE_ETHUSDT_5m.parquet")
NAMES = ("dense", "peers", "strategies", "user", "growth", "cold", "memory", "store")
DAYS_90, YEAR = 25_920, 105_120


def arguments(given: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="bars to measure on (Parquet or CSV)")
    parser.add_argument("--only", default=",".join(NAMES), help=f"sections, of {','.join(NAMES)}")
    parser.add_argument("--bars", type=int, nargs="+", default=None, help="last bars to measure on")
    parser.add_argument("--quick", action="store_true", help="a small grid on few simulated bars: does it run?")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=5, help="the least of so many runs is reported")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--markdown", type=Path, default=None, metavar="FILE", help="write the tables as Markdown")
    options = parser.parse_args(given)
    if unknown := set(options.only.split(",")) - set(NAMES):
        parser.error(f"--only: no section {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return options


def markets(options: argparse.Namespace) -> list[Bars]:
    """Bars of the files, of the shared folder, or simulated ones."""
    if options.quick and not options.files:
        return [grid.load(None, days=40)]
    files = options.files or [path for name in DEFAULTS if (path := SHARED / "data" / name).exists()]
    if not files:
        print("no recorded bars found: simulated ones\n")
        return [grid.load(None, days=400)]
    return [grid.load(path, days=0) for path in files]


def plans(options: argparse.Namespace) -> dict[str, Callable[[], Section]]:
    """Every section, ready to be run."""
    found = markets(options)
    if options.quick:
        values = grid.thinned(BENCHMARK_GRID, dict.fromkeys(BENCHMARK_GRID, 2))
        sizes = options.bars or [4_000]
        effort, repeats, grown = peers.QUICK, 1, [n // 2 for n in sizes] + sizes
    else:
        values, effort, repeats = dict(BENCHMARK_GRID), peers.Effort(), options.repeats
        sizes = options.bars or [DAYS_90, YEAR]
        grown = (
            [sizes[0] // 2, sizes[0], 2 * sizes[0], 4 * sizes[0]] if options.bars else [12_960, DAYS_90, 51_840, YEAR]
        )
    shortest = min(len(bars) for bars in found)
    sizes, grown = ([n for n in each if n <= shortest] or [shortest] for each in (sizes, grown))
    return {
        "dense": partial(dense.section, found, sizes, values, options.threads, repeats),
        "peers": partial(peers.section, found, sizes, values, effort),
        "strategies": partial(strategies.section, found, sizes[0], options.threads, repeats, few=options.quick),
        "user": partial(user.section, found[0], sizes[0], values, repeats),
        "growth": partial(growth.section, found[0], grown, values, repeats),
        "cold": partial(processes.starts, found[0], sizes[0], values, options.threads),
        "memory": partial(processes.memory, found[0], sizes, values, options.threads),
        "store": partial(store.section, 20_000 if options.quick else 5_000_000, 3 if options.quick else 15),
    }


def show(section: Section) -> None:
    """Print one section."""
    print(f"== {section.title} ==")
    if section.skipped:
        print(f"Not run: {section.skipped}")
    for table in section.tables:
        if table.rows:
            print(text(table), end="\n\n")
    for name, held in section.checks.items():
        if not held:
            print(f"NOT EQUAL: {name}")
    if section.checks:
        print(f"equalities: {sum(section.checks.values())} of {len(section.checks)} hold")
    print(wrapped(section.notes), end="\n\n", flush=True)


def main(given: list[str] | None = None) -> int:
    """Run the sections, print tables, write the files asked for."""
    options = arguments(given)
    facts = machine()
    chosen = options.only.split(",")
    sections = []
    for name, run in plans(options).items():
        if name in chosen:
            sections.append(run())
            show(sections[-1])
    for path in filter(None, (options.json, options.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if options.json:
        content = {"machine": facts, "quick": options.quick, "sections": {s.name: s.as_json() for s in sections}}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    if options.markdown:
        old = options.markdown.read_text() if options.markdown.exists() else ""
        options.markdown.write_text(placed(old, document(facts, sections)))
    return 1 if any(s.equal is False for s in sections) else 0


if __name__ == "__main__":
    sys.exit(main())
