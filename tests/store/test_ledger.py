"""The ledger counts once, counts what overlaps, and nothing can rewrite it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import StoreError
from assay.store.ledger import HoldoutOpening, Ledger, MarketDays, TrialEntry

if TYPE_CHECKING:
    from assay.store import Database

DAY = 86_400_000
ENTRY = TrialEntry(
    experiment_digest="a" * 64, data_digest="d" * 64, exchange="binance", symbol="BTC/USDT", timeframe="5m", start_ms=0,
    stop_ms=100 * DAY, strategy="LIQUIDITY_SWEEP", strategy_source=None, method="grid", objective="sharpe_ratio",
    combinations=1000, best=1.5, distribution={"counts": [1, 2], "edges": [0.0, 1.0, 2.0]},
)  # fmt: skip
OPENING = HoldoutOpening(
    experiment_digest="a" * 64, exchange="binance", symbol="BTC/USDT", timeframe="5m", start_ms=80 * DAY,
    stop_ms=100 * DAY, reason="all other gates hold", sharpe_ratio=None,
)  # fmt: skip


def test_the_same_experiment_counts_once(database: Database) -> None:
    ledger = Ledger(database)
    assert ledger.record(ENTRY, user="one", at_ms=1)
    assert not ledger.record(replace(ENTRY, best=9.0), user="two", at_ms=2)
    (entry,) = ledger.entries()
    assert (entry["best"], entry["user_id"], entry["at"], entry["distribution"]) == (1.5, "one", 1, ENTRY.distribution)
    tried = ledger.tried(MarketDays("binance", "BTC/USDT", 0, 100 * DAY))
    assert (tried.experiments, tried.combinations, tried.openings) == (1, 1000, 0)


def test_a_span_shifted_by_one_bar_counts(database: Database) -> None:
    ledger = Ledger(database)
    ledger.record(ENTRY, user="me", at_ms=1)
    shifted = replace(ENTRY, experiment_digest="b" * 64, start_ms=300_000, stop_ms=100 * DAY + 300_000)
    ledger.record(shifted, user="me", at_ms=2)
    assert ledger.tried(MarketDays("binance", "BTC/USDT", 0, 100 * DAY)).experiments == 2
    assert ledger.tried(MarketDays("binance", "ETH/USDT", 0, 100 * DAY)).experiments == 0
    assert ledger.tried(MarketDays("kraken", "BTC/USDT", 0, 100 * DAY)).experiments == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    spans=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), min_size=1, max_size=6), ask=st.integers(0, 60)
)
def test_what_overlaps_by_more_than_half_counts(database: Database, spans: list[tuple[int, int]], ask: int) -> None:
    ledger = Ledger(database)
    symbol = f"X{len(ledger.entries())}/USDT"
    for i, (start, days) in enumerate(spans):
        digest = f"{symbol}-{i}".ljust(64, "0")
        entry = replace(
            ENTRY, experiment_digest=digest, symbol=symbol, start_ms=start * DAY, stop_ms=(start + days) * DAY
        )
        ledger.record(entry, user="me", at_ms=1)
    asked = set(range(ask, ask + 20))
    near = [2 * len(asked & set(range(a, a + n))) > min(20, n) for a, n in spans]
    tried = ledger.tried(MarketDays("binance", symbol, ask * DAY, (ask + 20) * DAY))
    assert (tried.experiments, tried.combinations) == (sum(near), 1000 * sum(near))


def test_openings_are_counted(database: Database) -> None:
    ledger = Ledger(database)
    assert ledger.record_opening(OPENING, user="me", at_ms=1)
    assert not ledger.record_opening(OPENING, user="me", at_ms=2)
    assert ledger.tried(MarketDays("binance", "BTC/USDT", 90 * DAY, 200 * DAY)).openings == 1
    assert ledger.tried(MarketDays("binance", "BTC/USDT", 100 * DAY, 200 * DAY)).openings == 0
    assert ledger.openings()[0]["at"] == 1


@pytest.mark.parametrize("table", ["trials", "holdout_openings"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET user_id = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_nothing_rewrites_the_ledger(database: Database, table: str, statement: str) -> None:
    ledger = Ledger(database)
    ledger.record(ENTRY, user="me", at_ms=1)
    ledger.record_opening(OPENING, user="me", at_ms=1)
    if database.is_sqlite and "TRUNCATE" in statement:
        statement = "DELETE FROM {} WHERE user_id = 'me'"  # SQLite has no TRUNCATE
    with pytest.raises(StoreError, match=r"keeps its ledger append-only\. What was tried cannot be unmade"):
        database.write(lambda c: c.execute(sa.text(statement.format(table))))
    assert (len(ledger.entries()), len(ledger.openings())) == (1, 1)
