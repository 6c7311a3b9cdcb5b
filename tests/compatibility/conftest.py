"""What the first release left behind: its database, its documents, and today's command line to read them with."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from assay import Experiment, Market, Timeframe, configuration, load_strategy, train
from assay.documents.schema import validate
from assay.store import BarStore, Database
from cli.conftest import assay

__all__ = ["assay"]

HERE = Path(__file__).parent
DUMP = HERE / "first_release.sql.gz"
OTHER_CODE = ("engine_hash", "code_version", "document_digest")
"""What a document says of the code that made it, and the digest over that: other code says something else."""


def documents() -> dict[str, dict[str, Any]]:
    """Every document of the first release by its configId."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "documents").glob("*.json"))}


def strategy_of(document: dict[str, Any]) -> str:
    """What `--strategy` has to say of a document: the user's own strategy lies in a file beside this one."""
    return f"{HERE / 'rising.py'}:Rising" if document["strategy"] == "RISING" else str(document["strategy"])


def content(document: dict[str, Any]) -> str:
    """A document as text, in the order of its keys, but for the code that made it."""
    provenance = {name: value for name, value in document["provenance"].items() if name not in OTHER_CODE}
    return json.dumps(document | {"provenance": provenance}, allow_nan=False)


def timeless(document: dict[str, Any]) -> dict[str, Any]:
    """A document without the time at which it was made."""
    return document | {"configId": re.sub(r"_V3_\d{8}_\d{6}_", "_V3_", document["configId"]), "createdAt": ""}


def accepted(document: dict[str, Any]) -> dict[str, Any]:
    """A document, if today's schema takes it and its digest is that of its content."""
    return validate(document)


def trained_again(document: dict[str, Any], database_file: Path) -> dict[str, Any]:
    """Train the experiment of a document on the stored bars, past `assay configurations verify`."""
    terms, span = document["provenance"]["experiment"], document["provenance"]["data"]
    exchange, symbol, timeframe, kind, tick = terms["market"]
    market = Market(exchange, symbol, Timeframe.parse(timeframe), kind, tick)
    database = Database.open(database_file)
    try:
        bars = BarStore(database).read_resampled(market, span["from_ms"], span["to_ms"] + market.timeframe.ms)
    finally:
        database.close()
    assert (len(bars), bars.digest) == (span["bars"], document["provenance"]["data_digest"])
    experiment = Experiment.from_canonical(terms, load_strategy(strategy_of(document)))
    made = configuration(
        train(experiment, bars, threads=1),
        datetime.fromisoformat(document["createdAt"]),
        requested=document["lifecycle"]["requested_stage"],
    )
    plain: dict[str, Any] = json.loads(json.dumps(made, allow_nan=False))
    return plain


def rows(database_file: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """Read a database with nothing of Assay in between."""
    with closing(sqlite3.connect(database_file)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


def as_then(then: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of now with the names of then only: later versions may say more, not less."""
    return [{name: row.get(name, "is gone") for name in old} for old, row in zip(then, now, strict=True)]


@pytest.fixture(scope="session")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of the first release; not to be written to."""
    path = tmp_path_factory.mktemp("first_release") / "assay.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(gzip.decompress(DUMP.read_bytes()).decode())
    return path


@pytest.fixture
def database_file(first_release: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(first_release, tmp_path / "assay.db"))
