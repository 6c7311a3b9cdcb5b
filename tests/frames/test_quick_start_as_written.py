"""The requirement's quick start, as it is written: only its import lines are changed, and there is no network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assay.compiled import CACHE_DIRECTORY
from assay.sources import read_bars
from assay.store import BarStore, Database, schema
from assay.store.bars import present
from assay.store.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """
from assay import (
    BacktestEngine, BayesianOptimizer, ConfigurationWriter, DataCollector, LiquiditySweepStrategy, WalkForwardValidator
)
"""


def quick_start(document: str) -> str:
    """Return the first block of code of the quick start without its imports."""
    block = document.split("### 1. Train a Strategy")[1].split("```python")[1].split("```", maxsplit=1)[0]
    lines = [line for line in block.splitlines() if not line.startswith("from training.")]
    assert len(block.splitlines()) - len(lines) == 6
    return "\n".join(lines)


def test_the_quick_start_runs_as_written(shared_data: Path, tmp_path: Path) -> None:
    document = (shared_data.parent / "requirements" / "training-system.md").read_text()
    script = tmp_path / "quick_start.py"
    script.write_text(IMPORTS + quick_start(document))
    database = Database.open(tmp_path / "assay.db")
    bars = read_bars(shared_data / "BINANCE_BTCUSDT_5m.parquet")
    BarStore(database).write(bars.market, present(bars), source="test", at_ms=1)
    nowhere = "http://127.0.0.1:9"
    environment = {
        **os.environ, "ASSAY_DATABASE_URL": str(tmp_path / "assay.db"), "NUMBA_CACHE_DIR": str(CACHE_DIRECTORY),
        "http_proxy": nowhere, "https_proxy": nowhere, "PYTHONIOENCODING": "utf-8",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.strip().splitlines()[-1]
    found = re.fullmatch(
        r"✅ Configuration (LIQUIDITY_SWEEP_V3_\d{8}_\d{6}_[0-9a-f]{6}) saved with Sharpe (-?\d+\.\d\d)", last
    )
    assert found is not None, last
    assert "only stored bars are used" in done.stderr
    (row,) = database.read(lambda c: c.execute(sa.select(schema.trained_configurations)).all())
    assert (row.config_id, row.strategy_name) == (found[1], "LIQUIDITY_SWEEP")
    assert (row.exchange, row.pair, row.timeframe) == ("binance", "BTC/USDT", "5m")
    assert f"{row.sharpe_ratio:.2f}" == found[2]
    assert row.regime in schema.REGIMES
    # the search counts, and so does what is saved: its parameters, measured as they are
    entries = {(e["method"], e["combinations"], e["symbol"]) for e in Ledger(database).entries()}
    assert entries == {("gp", 200, "BTC/USDT"), ("grid", 1, "BTC/USDT")}
    database.close()
