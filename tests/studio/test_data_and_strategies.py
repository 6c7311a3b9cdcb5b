"""Markets and strategies in a real browser: bars come in and go, a threshold is moved and its counts follow."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from assay.engine.execution import ExecutionTerms
from assay.service.funnels import FunnelQuestion
from assay.service.spans import SpanTerms
from assay.store import BarStore, Database
from assay.strategies import find_strategy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from studio.conftest import Stored, Visitor

HOUR = 3_600_000


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Sixty days of hours of a market, every tenth of them without a trade."""
    rows = ["Date,Open,High,Low,Close,Volume"]
    for i in range(1440):
        at = datetime.fromtimestamp((1_704_067_200_000 + i * HOUR) / 1000, UTC)
        price = 100 + i % 17
        rows.append(f"{at:%Y-%m-%d %H:%M:%S},{price},{price + 2},{price - 2},{price + 1},{0 if i % 10 == 0 else 5}")
    path = tmp_path / "KRAKEN_ETHUSD_1h.csv"
    path.write_text("\n".join(rows))
    return path


def market_row(page: Page) -> str:
    return page.locator(".markets tbody tr", has_text="ETH/USD 1h").inner_text()


def test_a_file_is_understood_then_stored_then_looked_at_and_removed(
    stored: Stored, visitors: Callable[..., Visitor], csv: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n")
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go("/data")
    page.get_by_label("Files of bars").set_input_files([csv, broken])
    found = page.get_by_role("article", name=csv.name)
    found.get_by_text("understood").wait_for()
    for words in ("ETH/USD 1h on kraken", "taken as UTC", "1,440 rows, 1,440 bars", "2024-01-01 00:00 to 2024-03-01"):
        assert words in found.inner_text()
    page.get_by_role("article", name=broken.name).get_by_text("must have columns for time").wait_for()
    assert visitor.complaints
    visitor.complaints.clear()  # the browser's own line about 422
    page.get_by_role("button", name="Store 1 file").click()
    found.get_by_text("1,440 bars are new; 90.0 % of the market's bars are valid").wait_for()
    page.get_by_role("link", name="ETH/USD 1h").click()
    page.wait_for_url("**/data?market=kraken*")
    visitor.settled()
    assert re.search(r"90\.0 %\s+1,440\s+2024-01-01\s+2024-03-01", market_row(page))
    page.get_by_text("Training takes these bars.").wait_for()
    assert re.search(r"zero volume\s+144\s+10\.00 %\s+masked", page.locator("tr", has_text="zero volume").inner_text())
    page.get_by_role("button", name="7 d").click()
    page.wait_for_url("**&first=2024-02-23&last=2024-02-29")
    assert page.get_by_label("From", exact=True).input_value() == "2024-02-23"
    page.reload()
    visitor.settled()
    assert page.get_by_label("From", exact=True).input_value() == "2024-02-23"
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Delete 1,440 bars").click()
    page.get_by_text("1,440 bars were removed").wait_for()
    page.locator(".markets tbody tr", has_text="ETH/USD 1h").wait_for(state="detached")


def test_a_server_that_asks_no_exchange_says_why(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go("/data")
    page.get_by_text("Not possible here: this server asks no exchange").wait_for()
    assert page.get_by_role("button", name="Download").is_disabled()


def test_a_threshold_is_moved_and_the_counts_are_those_of_one_answer(
    stored: Stored, visitors: Callable[..., Visitor]
) -> None:
    database = Database.open(stored.studio.home / "assay.db")
    store = BarStore(database)
    market = store.markets()[0].market
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go("/strategies?strategy=LIQUIDITY_SWEEP")
    counts = page.get_by_test_id("counts")
    counts.get_by_text("signals").wait_for(timeout=60_000)
    first, last = (page.get_by_label(name, exact=True).input_value() for name in ("From", "To"))
    page.get_by_label("min_level_touches, slider").locator("[tabindex]").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**&set=min_level_touches%3D1")

    def expected(**values: float) -> str:
        day = datetime.fromisoformat(last).replace(tzinfo=UTC).timestamp() * 1000 + 24 * HOUR
        span = SpanTerms(start=None, stop=int(day))
        question = FunnelQuestion(
            strategy=find_strategy("LIQUIDITY_SWEEP")(), market=market, span=span, terms=ExecutionTerms()
        )
        stages = question.document(store, values)["funnel"]["stages"]
        signals = next(stage for stage in stages[::-1] if stage["alone"] is not None)["passed"]
        return f"{signals:,} signals, {stages[-1]['passed']:,} trades"

    counts.get_by_text(expected(min_level_touches=1)).wait_for()
    page.get_by_label("pierce_depth (fraction of the level)").fill("0.001")
    wanted = expected(min_level_touches=1, pierce_depth=0.001)
    counts.get_by_text(wanted).wait_for()
    page.wait_for_url("**set=pierce_depth%3D0.001*")
    page.reload()
    visitor.settled()
    counts.get_by_text(wanted).wait_for()
    assert page.get_by_label("pierce_depth (fraction of the level)").input_value() == "0.001"
    assert (first, last) == tuple(page.get_by_label(name, exact=True).input_value() for name in ("From", "To"))
    page.get_by_role("button", name="Reset to defaults").click()
    counts.get_by_text(expected()).wait_for()
    page.get_by_role("button", name=re.compile("^Take ")).first.click()
    page.wait_for_url(re.compile("&set="))
    database.close()
