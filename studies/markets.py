"""Recorded markets: ten of the most liquid crypto markets, three timeframes, two levels of costs, default settings.

    python -m studies.markets [--data DIR] [--days N] [--workers N] [--folder DIR] [--markdown docs/markets.md]

The last 365 days of each file. Every training is a row of a file in the folder: a study that was interrupted goes on
where it was. All rows are shown, whatever they are.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from benchmarks.report import Row as Line
from benchmarks.report import Table, markdown, placed

from assay.training.experiment import PERMUTATIONS
from studies.recorded import COSTS, TIMEFRAMES, Task, trained
from studies.rows import Row, RowFile, made_by, work_off

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared"))
MARKETS = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "AVAX", "MATIC")


def _why(row: Row) -> str:
    """The gate that failed, its value and its margin; the advice that follows is for a user, not for a table."""
    return str(row["why"]).removesuffix(f" {row.get('next_step')}").removesuffix(".") or "-"


def figures(rows: list[Row]) -> str:
    """The table of all trainings and what they add up to."""
    columns = ("market", "timeframe", "costs", "stage", "in_sample_sharpe", "sharpe", "net_profit_pct", "trades", "p")
    named = {
        "in_sample_sharpe": "in-sample Sharpe",
        "sharpe": "out-of-sample Sharpe",
        "net_profit_pct": "out-of-sample net profit %",
    }
    lines: list[Line] = [
        {named.get(name, name): row.get(name) for name in columns} | {"why not promoted": _why(row)} for row in rows
    ]
    stages = Counter(str(row["stage"]) for row in rows)
    counted = ", ".join(f"{stages[stage]} {stage}" for stage in sorted(stages))
    hours = sum(row["cpu_seconds"] for row in rows) / 3600
    table = markdown(Table("Recorded markets, default settings", lines))
    whole = len(MARKETS) * len(TIMEFRAMES) * len(COSTS)
    trial = f" A trial: the whole study has {whole} trainings." if len(rows) < whole else ""
    return f"{len(rows)} trainings: {counted}.\n\n{table}\n\n{hours:.2f} CPU hours.{trial}"


def main(given: list[str] | None = None) -> int:
    """Run what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="folder of BINANCE_*USDT_5m.parquet")
    parser.add_argument("--markets", default=",".join(MARKETS), help="coins, separated by commas")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--permutations", type=int, default=PERMUTATIONS["standard"])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread each")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "markets")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args(given)
    data: Path = options.data
    asked = [
        Task(data / f"BINANCE_{coin}USDT_5m.parquet", coin, timeframe, costs, options.days, options.permutations)
        for coin in options.markets.split(",")
        for timeframe in TIMEFRAMES
        for costs in COSTS
    ]
    if missing := sorted({task.file.name for task in asked if not task.file.exists()}):
        parser.error(f"--data: no {', '.join(missing)} in the folder {data.name}")
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"days": options.days, "permutations": options.permutations}
    file = RowFile(folder / "rows.jsonl", made_by(settings, "recorded"))
    tasks = {task.key: task for task in asked}
    rows = work_off(file, tasks, trained, options.workers, group=lambda key: key.split(" ", 1)[1])
    text = figures(rows)
    sys.stdout.write(text + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
