"""Pages by keys, on both kinds of database: every row once, in order, what is unknown last, whatever is added."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa

from assay.errors import ConflictError, InputError, NotFoundError
from assay.market import Market, Timeframe
from assay.store import BarStore, schema
from assay.store.configuration_pages import (
    SORTS,
    ConfigurationFilter,
    Order,
    configuration_count,
    configuration_names,
    configuration_page,
    configuration_summary,
    ordered_page,
)
from assay.store.forms import Forms
from assay.store.ledger import Ledger
from assay.store.market_pages import market_page, place_of
from store.test_ledger import ENTRY, OPENING

if TYPE_CHECKING:
    from assay.store import Database

T = schema.trained_configurations


def configuration(number: int, **columns: Any) -> dict[str, Any]:
    """A row as far as a listing looks at it."""
    return {
        "id": f"row {number}", "config_id": f"C{number:02d}", "strategy_name": "A" if number % 2 else "B",
        "exchange": "binance", "pair": "BTC/USDT", "timeframe": "5m", "status": "PAPER", "is_active": False,
        "parameters_json": {}, "created_at": 5, "updated_at": 5, "config_json": {},
    } | columns  # fmt: skip


def store_rows(database: Database, made: list[dict[str, Any]]) -> None:
    database.write(lambda c: c.execute(sa.insert(T), [{"archived_at": None} | row for row in made]))


@pytest.fixture
def rows(database: Database) -> list[dict[str, Any]]:
    """Eleven configurations: ties, values below zero, unknown ones."""
    sharpe = [None, 1.0, 1.0, -0.5, None, 2.25, 1.0, 0.0, None, 3.5, -0.5]
    made = [configuration(n, sharpe_ratio=s, sample_size=None if s is None else n // 3) for n, s in enumerate(sharpe)]
    made[3] |= {"archived_at": 7, "status": "VALIDATION"}
    made[5] |= {"is_active": True, "status": "VALIDATION"}
    store_rows(database, made)
    return made


@pytest.mark.parametrize("sort", ["created_at", "sharpe_ratio", "sample_size", "p_value"])
def test_configurations(database: Database, rows: list[dict[str, Any]], sort: str) -> None:
    everything = ConfigurationFilter(archived=None)
    whole = configuration_page(database, everything, sort=sort, limit=100)
    keys = [(row.row[sort], row.config_id) for row in whole]
    assert sorted(name for _, name in keys) == [row["config_id"] for row in rows]
    known = [key for key in keys if key[0] is not None]
    assert keys[len(known) :] == sorted(keys[len(known) :], key=lambda key: key[1], reverse=True)
    assert [value for value, _ in known] == sorted((value for value, _ in known), reverse=SORTS[sort])
    seen: list[tuple[Any, str]] = []
    for turn in range(20):
        page = configuration_page(database, everything, sort=sort, limit=2, place=seen[-1] if seen else None)
        seen += [(row.row[sort], row.config_id) for row in page]
        late = configuration(50 + turn, sharpe_ratio=0.7, sample_size=1, p_value=0.5, created_at=5)
        store_rows(database, [late])
        if not page:
            break
    assert [key for key in seen if key in keys] == keys
    assert len(seen) == len(set(seen))


def test_the_summary_leaves_out_what_is_archived(database: Database, rows: list[dict[str, Any]]) -> None:
    found = configuration_summary(database)
    assert (found["total"], found["archived"], found["active"]) == (len(rows) - 1, 1, 1)
    assert found["by_stage"] == {"PAPER": 9, "VALIDATION": 1}
    assert [(s["strategy"], s["configurations"], s["active"]) for s in found["by_strategy"]] == [
        ("A", 4, 1),
        ("B", 6, 0),
    ]
    assert [row["config_id"] for row in found["best"]] == ["C09", "C05", "C06", "C02", "C01"]
    assert [row["config_id"] for row in found["active_configurations"]] == ["C05"]


def test_markets(database: Database) -> None:
    store = BarStore(database)
    names = [("a", "X/Y"), ("b", "X/Y"), ("b", "X/Z")]
    lengths = ("1m", "5m", "90m", "4h", "1d", "7d")
    for exchange, symbol in names:
        for length in lengths:
            market = Market(exchange, symbol, Timeframe.parse(length))
            time = 345_600_000 + market.timeframe.ms * np.arange(3)
            columns = {n: np.ones(3) for n in ("open", "high", "low", "close", "volume")}
            if length != "4h":
                store.write(market, {"time": time, **columns}, source="s", at_ms=1)
            else:
                store.write(market, {"time": time[:0], **{n: c[:0] for n, c in columns.items()}}, source="s", at_ms=1,
                            covered=(0, market.timeframe.ms))  # fmt: skip
    whole = store.markets()
    assert market_page(store, (None, None, None), limit=100) == whole
    seen: list[Any] = []
    while page := market_page(store, (None,) * 3, limit=4, place=place_of(seen[-1]) if seen else None):
        seen += page
    assert seen == whole
    assert market_page(store, ("b", "X/Z", "7d"), limit=5) == whole[-1:]
    assert len(market_page(store, (None,) * 3, limit=100, held=True)) == 15


def test_the_ledger(database: Database) -> None:
    ledger = Ledger(database)
    for n in range(9):
        ledger.record(replace(ENTRY, experiment_digest=str(n) * 64), user="me", at_ms=n // 4)
        ledger.record_opening(replace(OPENING, experiment_digest=str(n) * 64), user="me", at_ms=n // 4)
    for page, whole in ((ledger.page, ledger.entries()), (ledger.openings_page, ledger.openings())):
        seen: list[Any] = []
        while found := page(limit=2, place=(seen[-1]["at"], seen[-1]["experiment_digest"]) if seen else None):
            seen += found
        assert seen == sorted(whole, key=lambda row: (-row["at"], row["experiment_digest"]))
        assert page(limit=3, exchange="kraken") == []


def test_forms_are_their_owners(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, yours = Forms(database, "me"), Forms(database, "you")
    made = [mine.add(name, {"n": name}, at_ms=1) for name in ("b", "a", "c")]
    assert yours.add("a", {}, at_ms=2).id != made[1].id
    assert [form.name for form in mine.page(2)] == ["a", "b"]
    assert [form.name for form in mine.page(2, ("b", made[0].id))] == ["c"]
    with pytest.raises(ConflictError, match="name"):
        mine.add("a", {}, at_ms=3)
    with pytest.raises(ConflictError, match="name"):
        mine.change(made[0].id, "a", {}, at_ms=3)
    assert mine.change(made[0].id, "b", {"m": 1}, at_ms=4) == replace(made[0], config={"m": 1}, updated_at=4)
    for refused in (yours.get, yours.delete):
        with pytest.raises(NotFoundError):
            refused(made[0].id)
    monkeypatch.setattr(Forms, "_named", lambda *_: None)  # as if somebody took the name in between
    with pytest.raises(ConflictError, match="name"):
        mine.change(made[0].id, "a", {}, at_ms=5)
    monkeypatch.setattr("assay.store.forms.MAX_FORMS", 3)
    with pytest.raises(ConflictError, match="at most 3"):
        mine.add("d", {}, at_ms=6)


def change(database: Database, name: str, **values: Any) -> None:
    database.write(lambda c: c.execute(sa.update(T).where(T.c.config_id == name).values(**values)))


ORDERED = ("sharpe_ratio", "win_rate", "status", "strategy_name", "is_active")


@pytest.mark.parametrize("falling", [True, False])
@pytest.mark.parametrize("name", ORDERED)
def test_any_order_both_ways(database: Database, rows: list[dict[str, Any]], name: str, *, falling: bool) -> None:
    for n, row in enumerate(rows[::2]):  # a measure of documents: ties, and unknown where the document has none
        document = {"metrics": {"win_rate": None if n == 1 else n // 2 / 10}}
        change(database, str(row["config_id"]), config_json=document)
    everything, order = ConfigurationFilter(archived=None), Order(name=name, falling=falling)
    whole = ordered_page(database, everything, order, limit=100)
    places = [place for place, _ in whole]
    assert {place.config_id for place in places} == {row["config_id"] for row in rows}
    known: list[Any] = [place.value for place in places if place.value is not None]
    assert [place.value for place in places[: len(known)]] == known == sorted(known, reverse=falling)
    for value in {place.value for place in places}:
        names = [place.config_id for place in places if place.value == value]
        assert names == sorted(names, reverse=True)
    for i, place in enumerate(places):
        assert configuration_count(database, everything, order, place) == i
        later = ordered_page(database, everything, order, limit=3, place=place)
        assert [p for p, _ in later] == places[i + 1 : i + 4]
        earlier = ordered_page(database, everything, order, limit=3, place=place, backwards=True)
        assert [p for p, _ in earlier] == places[max(i - 3, 0) : i]


def test_stages_are_ordered_by_what_they_are_worth(database: Database) -> None:
    stages = ("DISCOVERY", "MATURE", "PAPER", "VALIDATION")
    store_rows(database, [configuration(n, status=stage) for n, stage in enumerate(stages)])
    found = ordered_page(database, ConfigurationFilter(), Order(name="status"), limit=9)
    assert [one.status for _, one in found] == ["MATURE", "VALIDATION", "DISCOVERY", "PAPER"]


def test_bounds_of_any_measure(database: Database) -> None:
    rates = [0.05, 0.1, 0.3, None]
    store_rows(
        database,
        [configuration(n, p_value=n / 10, config_json={"metrics": {"win_rate": r}}) for n, r in enumerate(rates)],
    )

    def fitting(**bounds: Any) -> list[str]:
        chosen = ConfigurationFilter(**bounds)
        return sorted(one.config_id for _, one in ordered_page(database, chosen, Order(), limit=9))

    assert fitting(below={"win_rate": 0.1}) == ["C00"]
    assert fitting(most={"win_rate": 0.1}) == ["C00", "C01"]
    assert fitting(above={"win_rate": 0.1}) == ["C02"]
    assert fitting(least={"win_rate": 0.1}, above={"p_value": 0.1}) == ["C02"]
    assert configuration_names(database)["strategy_name"] == ["A", "B"]
    with pytest.raises(InputError, match="measure"):
        fitting(below={"config_json": 1.0})
    with pytest.raises(InputError, match="sort"):
        Order(name="config_json")
