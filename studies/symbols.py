"""Ten symbols and every strategy by the command itself: stages, and how long it takes.

    python -m studies.symbols [--data DIR] [--days N] [--folder DIR] [--markdown docs/symbols.md]

Imports the files into a database of its own and runs one `assay train` over all of them with quick evidence, as a user
would; the configurations are saved. Nothing is repeated where the folder holds the answer of an earlier run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.clock import machine
from benchmarks.report import Row as Line
from benchmarks.report import Table, markdown, placed

from assay.strategies import STRATEGIES
from studies.markets import MARKETS, SHARED

ROOT = Path(__file__).resolve().parents[1]
GOAL_MINUTES = 10
COLUMNS = {
    "market": "market", "strategy": "strategy", "stage": "stage", "in_sample_sharpe_ratio": "in-sample Sharpe",
    "sharpe_ratio": "out-of-sample Sharpe", "net_profit_pct": "out-of-sample net profit %", "total_trades": "trades",
    "p_value": "p",
}  # fmt: skip
ACCOUNT = 10_000.0


def run(data: Path, folder: Path, days: int) -> dict[str, Any]:
    """Import, train, and return what the command said with the seconds of both."""
    command = shutil.which("assay", path=str(Path(sys.executable).parent))
    if command is None:
        raise SystemExit("assay is not installed beside this python: pip install -e .")
    environment = os.environ | {"ASSAY_DATABASE_URL": str(folder / "bars.db"), "ASSAY_HOME": str(folder / "home")}
    files = [str(data / f"BINANCE_{coin}USDT_5m.parquet") for coin in MARKETS]
    symbols = ",".join(f"{coin}/USDT" for coin in MARKETS)
    began = time.monotonic()
    subprocess.run([command, "data", "import", *files], env=environment, cwd=folder, check=True)
    imported = time.monotonic()
    asked = ["--exchange", "binance", "--symbol", symbols, "--strategy", ",".join(STRATEGIES), "--timeframe", "5m"]
    done = subprocess.run(
        [command, "train", *asked, "--days", str(days), "--evidence", "quick", "--json"],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer | {
        "import_seconds": imported - began,
        "train_seconds": time.monotonic() - imported,
        "days": days,
        "machine": machine(),
    }


def figures(answer: dict[str, Any]) -> str:
    """The table of stages, and the time it took."""
    tasks = answer["tasks"]
    lines: list[Line] = []
    for task in tasks:
        profit = None if task["net_profit"] is None else 100.0 * task["net_profit"] / ACCOUNT
        row = task | {"net_profit_pct": profit, "market": task["market"].split()[1], "stage": task["stage"] or "failed"}
        lines.append({shown: row[name] for name, shown in COLUMNS.items()})
    stages = Counter(str(line["stage"]) for line in lines)
    counted = ", ".join(f"{stages[stage]} {stage}" for stage in sorted(stages))
    minutes, cores = answer["train_seconds"] / 60, answer["machine"]["cores"]
    took = (
        f"{minutes:.1f} minutes on {cores} cores (goal: {GOAL_MINUTES}) for {len(tasks)} trainings of the last "
        f"{answer['days']} days, each with its default grid, walk-forward and quick evidence, saved; the import before "
        f"took {answer['import_seconds']:.0f} seconds."
    )
    return f"{counted}.\n\n{markdown(Table('Ten symbols, every strategy', lines))}\n\n{took}"


def main(given: list[str] | None = None) -> int:
    """Run it where no answer is kept, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="folder of BINANCE_*USDT_5m.parquet")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "symbols")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args(given)
    folder: Path = options.folder
    kept = folder / "answer.json"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(run(options.data.resolve(), folder.resolve(), options.days), indent=1))
    text = figures(json.loads(kept.read_text()))
    sys.stdout.write(text + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
