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


def test_an_experiment_of_the_second_procedure_is_another_entry_beside_those_of_the_first(
    assay: Assay, database_file: Path
) -> None:
    before = [rows(database_file, query) for query in TABLES]
    (opening,) = [row for row in before[1] if row["symbol"] == "EDGE/USDT"]
    for _ in range(2):  # what is repeated is one entry
        ran = assay(
            "train", "--exchange", "simulated", "--symbol", "EDGE/USDT", "--timeframe", "1h",
            "--strategy", "LIQUIDITY_SWEEP", "--train-days", 30, "--evidence", "quick", "--offline", "--threads", 1,
            "--database", database_file, "--json", "--quiet",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        (task,) = ran.document["tasks"]
        assert task["experiment_digest"] != opening["experiment_digest"]
        entries = {row["experiment_digest"]: row for row in rows(database_file, TABLES[0])}
        assert entries.keys() - {row["experiment_digest"] for row in before[0]} == {task["experiment_digest"]}
        assert as_then(before[0], [entries[row["experiment_digest"]] for row in before[0]]) == before[0]
        assert as_then(before[1], rows(database_file, TABLES[1])) == before[1]


def test_entries_of_the_first_release_count_by_symbol_and_span(assay: Assay, database_file: Path) -> None:
    """They have no closes of their days and no statistics of nulls: they are tries all the same, of an unknown p."""
    then = rows(database_file, "SELECT symbol, COUNT(*) AS n, SUM(combinations) AS size FROM trials GROUP BY symbol")
    ran = assay("ledger", "--database", database_file, "--json")
    assert ran.code == 0, ran.err
    shown = {tuple(c["markets"]): c for c in ran.document["campaigns"]}
    assert {markets: (c["experiments"], c["combinations"]) for markets, c in shown.items()} == {
        (f"simulated {row['symbol']} 1h",): (row["n"], row["size"]) for row in then
    }
    assert all(c["unknown"] == c["experiments"] for c in shown.values())
