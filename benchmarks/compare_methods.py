"""Ways to search, compared on recorded markets: what each finds, how long it takes, and what is left out of sample.

    python benchmarks/compare_methods.py RESULTS.jsonl [--markets BTCUSDT ETHUSDT] [--days N] [--seeds N]

Every run is a line of the file; what stands there is not run again. At the end the table of docs/search-methods.md
is printed. Bars are read from the folder `shared/data` beside the checkout, or from `$ASSAY_SHARED/data`. One thread.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.engine import Costs, Execution
from assay.search import Space, parse_space
from assay.sources import read_bars
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment, train
from assay.training.experiment import THINNED_GRID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.market import Bars
    from assay.training import Progress

SHARED = Path(os.environ.get("ASSAY_SHARED", Path(__file__).resolve().parents[2] / "shared"))
DAY_MS = 86_400_000
COSTS = Costs(fee=0.0002, slippage=0.0001)
STRATEGY = LiquiditySweep()
DRAWN = ("random", "tpe", "cmaes", "gp")


def spaces() -> dict[str, Space]:
    """The default grid; the declared ranges, with the five declared lookbacks; the same with every shape free."""
    declared = STRATEGY.parameters
    named = [n for n in STRATEGY.default_grid if n not in {"key_level_lookback", "min_distance_from_level"}]
    ranges: dict[str, Any] = {n: (declared[n].low, declared[n].high) for n in named}
    few = ranges | {"key_level_lookback": list(declared["key_level_lookback"].choices)}
    free = ranges | {n: (declared[n].low, declared[n].high) for n in ("key_level_lookback", "min_distance_from_level")}
    grid = {n: list(values) for n, values in STRATEGY.default_grid.items()}
    return {name: parse_space(s, declared) for name, s in (("grid", grid), ("ranges", few), ("shapes", free))}


def runs(markets: list[str], seeds: int) -> Iterator[dict[str, Any]]:
    """Yield what identifies each run; the free shapes, where points are slow, on the first market only."""
    for market in markets:
        for space in ("grid", "ranges"):
            yield {"market": market, "space": space, "method": "grid", "seed": 0}
            for seed in range(seeds):
                for method in DRAWN:
                    yield {"market": market, "space": space, "method": method, "seed": seed}
    for method in DRAWN:
        yield {"market": markets[0], "space": "shapes", "method": method, "seed": 0}


def run(bars: Bars, days: int, key: dict[str, Any]) -> dict[str, Any]:
    """Train without permutations; seconds are those of the search on all days, and of all searches."""
    space = spaces()[key["space"]]
    if key["method"] == "grid":
        space = space.thinned(THINNED_GRID)
    experiment = Experiment(
        STRATEGY, space, key["method"], execution=Execution(costs=COSTS), permutations=0, seed=key["seed"],
        start_ms=int(bars.time[-1]) - days * DAY_MS,
    )  # fmt: skip
    begun = time.perf_counter()
    searched = [begun]

    def note(progress: Progress) -> None:
        if progress.stage == "search":
            searched.append(time.perf_counter())

    evidence = train(experiment, bars, note)
    return key | {
        "points": evidence.provenance.trials,
        "best": evidence.search.result.score,
        "seconds": searched[-1] - begun,
        "all_seconds": time.perf_counter() - begun,
        "windows": len(evidence.validation.walk_forward.windows),
        "sharpe": evidence.metrics["sharpe_ratio"],
        "profit": evidence.metrics["net_profit_pct"],
        "trades": evidence.metrics["total_trades"],
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return medians over markets and seeds as Markdown; a share of the best that any method found there."""
    top: dict[tuple[str, str], float] = {}
    for r in rows:
        where = (r["market"], r["space"])
        top[where] = max(top.get(where, r["best"]), r["best"])
    lines = [
        "| space | method | points | runs | best in sample | of the best | out of sample | search s | training s |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for space in ("grid", "ranges", "shapes"):
        for method in ("grid", *DRAWN):
            found = [r for r in rows if (r["space"], r["method"]) == (space, method)]
            if not found:
                continue
            share = [r["best"] / top[r["market"], space] for r in found]
            cells = [statistics.median(r[name] for r in found) for name in ("best", "sharpe", "seconds", "all_seconds")]
            best, sharpe, seconds, training = cells
            lines.append(
                f"| {space} | {method} | {found[0]['points']:,} | {len(found)} | {best:.2f} | "
                f"{statistics.median(share):.0%} | {sharpe:.2f} | {seconds:.1f} | {training:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--markets", nargs="+", default=["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"])
    parser.add_argument("--days", type=int, default=240)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    lines = given.results.read_text().splitlines() if given.results.exists() else []
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    names = ("market", "space", "method", "seed", "days")
    done = {tuple(r[n] for n in names) for r in rows}
    for key in runs(given.markets, given.seeds):
        key["days"] = given.days
        if tuple(key[n] for n in names) in done:
            continue
        bars = read_bars(SHARED / "data" / f"BINANCE_{key['market']}_5m.parquet")
        rows.append(run(bars, given.days, key))
        with given.results.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(json.dumps(rows[-1]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
