"""The ledger of the first release is shown as it was, and an experiment of then is the same experiment today."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from compatibility.conftest import HERE, as_then, rows

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay

LEDGER = (HERE / "ledger.json").read_text()
TABLES = ("SELECT * FROM trials ORDER BY experiment_digest", "SELECT * FROM holdout_openings ORDER BY at DESC")


def readable(text: str) -> Any:
    """JSON with numbers to 12 digits: versions of SQLite differ in how they read the last ones of a dump."""
    return json.loads(text, parse_float=lambda digits: float(f"{float(digits):.12g}"))


def test_experiments_and_openings_are_shown_as_then(assay: Assay, database_file: Path) -> None:
    ran = assay("ledger", "--database", database_file, "--json")
    assert ran.code == 0, ran.err
    then, now = readable(LEDGER), readable(ran.out)
    for name in ("experiments", "holdout_openings"):
        assert as_then(then[name], now[name]) == then[name]
    told = ran.document
    assert len(told["experiments"]) == len(rows(database_file, TABLES[0]))
    assert told["holdout_openings"] == rows(database_file, TABLES[1])
    assert told["holdout_openings"]


def test_an_experiment_that_is_repeated_is_one_entry_and_one_opening(assay: Assay, database_file: Path) -> None:
    before = [rows(database_file, query) for query in TABLES]
    (opening,) = [row for row in before[1] if row["symbol"] == "EDGE/USDT"]
    ran = assay(
        "train", "--exchange", "simulated", "--symbol", "EDGE/USDT", "--timeframe", "1h",
        "--strategy", "LIQUIDITY_SWEEP", "--train-days", 30, "--evidence", "quick", "--offline", "--threads", 1,
        "--database", database_file, "--json", "--quiet",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (task,) = ran.document["tasks"]
    assert (task["stage"], task["experiment_digest"]) == ("MATURE", opening["experiment_digest"])
    for query, stored in zip(TABLES, before, strict=True):
        assert as_then(stored, rows(database_file, query)) == stored
