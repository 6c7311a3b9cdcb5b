"""The dirty markets of the recorded bars: what they show, and that the documentation says it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from benchmarks.report import marks
from documentation import dirty_markets

from assay import Experiment, find_strategy, read_bars, train
from assay.errors import QualityError
from assay.market import data_filter
from assay.sources import read_bar_file
from assay.store import BarStore, Database, Imports

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def table() -> dict[str, list[str]]:
    """Rows of the documentation by file."""
    begin, end = marks("dirty markets")
    page = (ROOT / "docs" / "data.md").read_text()
    lines = page.split(begin)[1].split(end)[0].strip().splitlines()
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]
    return dict(zip(dirty_markets.FILES, rows, strict=True))


def test_the_table_of_the_documentation_is_that_of_the_bars(table: dict[str, list[str]], shared_data: Path) -> None:
    for name, cells in table.items():
        assert [c.strip() for c in dirty_markets.row(shared_data / f"{name}.parquet")][: len(cells)] == cells, name


def test_it_agrees_with_what_was_counted_when_the_bars_were_collected(
    table: dict[str, list[str]], shared_data: Path
) -> None:
    """`quality.json` was made by other code."""
    listed: list[dict[str, Any]] = json.loads((shared_data / "quality.json").read_text())
    told = {entry["file"].removesuffix(".parquet"): entry for entry in listed}
    for name, cells in table.items():
        other = told[name]
        absent, hole, zero, flat = (float(cell.replace(",", "")) for cell in cells[2:6])
        assert (absent, hole) == (other["missing"], other["maxgap_bars"]), name
        assert zero == pytest.approx(other["zero_vol_pct"], abs=0.06), name
        assert flat == pytest.approx(other["flat_pct"], abs=0.06), name


def test_training_refuses_ong_and_records_an_override(shared_data: Path) -> None:
    bars = read_bars(shared_data / "BINANCE_ONGUSDT_5m.parquet").head(100 * 288)
    strategy = find_strategy("LIQUIDITY_SWEEP")()
    with pytest.raises(QualityError, match=r"% of the expected bars are valid, training needs 70 %"):
        train(Experiment(strategy, permutations=0), bars)
    assert data_filter(bars, override=True)["override"]


@pytest.mark.parametrize("name", ["BINANCE_ONGUSDT_5m", "BINANCEUS_USDCUSD_5m"])
def test_the_query_of_the_requirement_sees_what_the_import_recorded(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    database = Database.open(tmp_path / "assay.db")
    rows = read_bar_file(shared_data / f"{name}.parquet").rows
    done = Imports(BarStore(database)).add(rows.market, rows.columns, source=name, at_ms=1)
    query = """
        SELECT COUNT(*), COUNT(*) FILTER (WHERE volume = 0), COUNT(*) FILTER (WHERE high = low),
               1.0 * COUNT(*) FILTER (WHERE volume > 0) / COUNT(*) * 100
        FROM market_data GROUP BY symbol, exchange, timeframe
    """
    total, zero, flat, traded = database.read(lambda c: c.execute(sa.text(query)).one())
    database.close()
    report = done.report
    assert (total, zero, flat) == (report.recorded, report.zero_volume, report.flat)
    assert traded == pytest.approx(report.traded_pct)
    assert report.valid_pct < traded  # volume alone is blind to flat bars


def test_the_page_states_the_margin_and_the_gate() -> None:
    from assay.market.quality import REQUIRED_VALID_PCT
    from assay.store.imports import ALERT_MARGIN_PCT

    page = (ROOT / "docs" / "data.md").read_text()
    assert f"more than {ALERT_MARGIN_PCT:.0f} points" in page
    assert re.search(rf"Below {REQUIRED_VALID_PCT:.0f} % training refuses", page)
