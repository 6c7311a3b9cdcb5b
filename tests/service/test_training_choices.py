"""What a form offers, with which market it begins, and the fees that exchanges publish."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from assay.engine.execution import ExecutionTerms
from assay.service.cost_presets import PRESETS
from assay.service.training_choices import (
    EXCHANGES,
    METHODS,
    SAMPLES,
    SIDES,
    SIZINGS,
    TIER_1,
    VALIDATIONS,
    evidence_levels,
    first_terms,
    objectives,
    training_choices,
)
from assay.service.training_plan import TrainingPlan, in_snake_case
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database
from assay.store.bars import present

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars

USERS_PLAN = ["BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT", "ADA/USDT", "AVAX/USDT", "DOT/USDT"]


def stored(database: Database, *markets: Bars) -> BarStore:
    store = BarStore(database)
    for bars in markets:
        store.write(bars.market, present(bars), source="tests", at_ms=1)
    return store


@pytest.fixture
def store(tmp_path: Path, sqlite_template: bytes) -> BarStore:
    (tmp_path / "assay.db").write_bytes(sqlite_template)
    return BarStore(Database.open(tmp_path / "assay.db"))


def test_an_empty_database_offers_what_the_users_plan_names(store: BarStore) -> None:
    choices = training_choices(store, None)
    assert list(choices.pairs) == list(TIER_1) == USERS_PLAN
    assert choices.exchanges == EXCHANGES == ("binance", "kraken", "coinbase", "bybit")
    assert choices.timeframes == ("1m", "5m", "15m", "1h", "4h", "1d")
    assert len(choices.strategies) >= 4
    first = first_terms(choices)
    assert (first["pairs"], first["exchanges"], first["historical_period_months"]) == (["BTC/USDT"], ["binance"], 12)
    TrainingPlan.from_dict(first)


def test_stored_markets_are_offered_and_a_good_one_is_the_first(store: BarStore, tmp_path: Path) -> None:
    dirty = simulate_market(SimulatedMarket(days=30, timeframe="30m", seed=4, dirty=True))
    clean = simulate_market(SimulatedMarket(days=30, timeframe="30m", seed=1))
    assert dirty.market.symbol < clean.market.symbol, "the alphabet would begin with the bad one"
    (tmp_path / "mine.py").write_text("class Mine(Strategy):\n    name = 'MINE'\n")
    choices = training_choices(stored(store.database, dirty, clean), tmp_path)
    assert choices.pairs == (*USERS_PLAN, dirty.market.symbol, clean.market.symbol)
    assert choices.exchanges[-1] == "simulated"
    assert choices.timeframes == ("1m", "5m", "15m", "30m", "1h", "4h", "1d"), "by their length"
    assert first_terms(choices)["pairs"] == [clean.market.symbol]
    assert "MINE" in [one["name"] for one in choices.strategies]


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("optimization_method", METHODS),
        ("validation_method", VALIDATIONS),
        ("side", SIDES),
        ("sizing", SIZINGS),
        ("objective", objectives()),
        ("evidence", evidence_levels()),
    ],
)
def test_every_choice_is_one_that_a_plan_takes(store: BarStore, term: str, names: dict[str, str]) -> None:
    first = first_terms(training_choices(store, None))
    for name, words in names.items():
        TrainingPlan.from_dict(first | {term: name})
        assert words
    assert set(SAMPLES) == set(METHODS) - {"grid"}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.exchange)
def test_a_preset_says_where_it_was_published_and_costs_can_take_it(preset: object) -> None:
    assert {one.exchange for one in PRESETS} == set(EXCHANGES)
    one = next(known for known in PRESETS if known is preset)
    assert 0 < one.maker <= one.taker < 0.02
    source = urlsplit(one.source)
    assert source.scheme == "https"
    assert one.exchange in source.netloc
    assert one.tier
    assert 2024 <= int(one.as_of) <= 2100
    for kind in (one.maker, one.taker):
        percent = f"{100 * kind:g}%"
        assert ExecutionTerms(fee=percent).execution().costs.fee == pytest.approx(kind)


def test_terms_in_camel_case_are_read_in_snake_case() -> None:
    given = {"optimizationMethod": "random", "optimizationParams": {"nSamples": 5}, "validationParams": {}}
    expected = {"optimization_method": "random", "optimization_params": {"n_samples": 5}, "validation_params": {}}
    assert in_snake_case(given) == expected
