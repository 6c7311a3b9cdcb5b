"""The registry: the same behaviour in a file and on a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.documents.schema import sealed
from assay.errors import FileFormatError, GateError, InputError, StoreError
from assay.store import Database, Registry
from assay.store.fields import CONTRACT, FIELDS, GROUPS, markdown
from assay.store.registry import TABLE
from assay.store.rows import row_of
from assay.training.circuit_breakers import MEANINGS, PORTFOLIO_BREAKERS
from store.documents import trained, variant
from store.requirement import CLEANUP, QUALITY_QUERY, SEVENTY

TESTS = Path(__file__).parents[1]


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(database)


def rows(registry: Registry) -> int:
    return int(
        registry.database.read(lambda c: c.execute(sa.text("SELECT count(*) FROM trained_configurations")).scalar_one())
    )


def text(document: dict[str, Any]) -> str:
    return json.dumps(document, allow_nan=False)


def kept(c: sa.Connection) -> int:
    return int(c.execute(sa.text("SELECT count(*) FROM configuration_figures")).scalar_one())


# what is stored


def test_figures_are_kept_beside_a_configuration(registry: Registry) -> None:
    drawn = {"equity": [1.0, 0.1 + 0.2, None], "trades": {"side": ["long"]}, "map": None}
    name = registry.save(variant(), at_ms=1, figures=drawn)
    without = registry.save(variant(1), at_ms=1)
    assert registry.figures(name) == registry.figures(str(registry.get(name).row["id"])) == drawn
    assert registry.figures(without) is None
    registry.save(variant(), at_ms=2, figures={"other": 1})
    registry.save(variant(), at_ms=2)
    registry.archive(name, at_ms=3)
    assert registry.figures(name) == drawn
    registry.save(variant(1), at_ms=2, figures=drawn)  # those of a configuration from before may follow
    assert registry.figures(without) == drawn
    with pytest.raises(InputError, match="is not in the registry"):
        registry.figures("nothing")


def test_figures_go_with_their_configuration(registry: Registry) -> None:
    name = registry.save(variant(), at_ms=1, figures={"a": 1})
    assert registry.database.read(kept) == 1
    registry.database.write(lambda c: c.execute(sa.delete(TABLE).where(TABLE.c.config_id == name)))
    assert registry.database.read(kept) == 0


def test_a_configuration_that_is_refused_leaves_no_figures(registry: Registry) -> None:
    registry.save(variant(), at_ms=1)
    with pytest.raises(InputError, match="stored already with other content"):
        registry.save(variant(metrics__net_profit_pct=1.0), at_ms=1, figures={"a": 1})
    assert registry.database.read(kept) == 0


def test_the_seventy_columns_are_all_there_and_explained() -> None:
    assert len(SEVENTY) == 70
    assert [f.name for f in CONTRACT] == SEVENTY
    assert set(SEVENTY) <= set(TABLE.c.keys())
    assert set(FIELDS) | {"config_json"} == set(TABLE.c.keys())
    assert all(f.meaning for f in FIELDS.values())


def test_what_nothing_can_know_yet_is_null_on_purpose_and_nothing_else() -> None:
    document = variant(stage="MATURE")
    document["metrics"] = {k: 0.5 if v is None else v for k, v in document["metrics"].items()}
    row = row_of(document, at_ms=1, runtime="here")
    empty = {name for name in SEVENTY if row[name] is None}
    assert empty == {f.name for f in CONTRACT if f.unknown} | {"last_activated_at", "last_deactivated_at"}
    assert len(empty) == 27


def test_a_row_says_what_the_document_says(registry: Registry) -> None:
    document = trained()
    metrics, costs = document["metrics"], document["execution"]["costs"]
    row = registry.get(registry.save(document, at_ms=1234, metadata={"note": "x"})).row
    assert row["sharpe_ratio"] == row["lifetime_sharpe_ratio"] == metrics["sharpe_ratio"]
    assert (row["avg_win"], row["avg_loss"]) == (metrics["avg_win_pct"], metrics["avg_loss_pct"])
    assert row["net_profit"] == metrics["net_profit"] == pytest.approx(100 * metrics["net_profit_pct"])
    assert row["gross_win_rate"] * row["sample_size"] == pytest.approx(
        round(row["gross_win_rate"] * row["sample_size"])
    )
    assert (row["exchange_fees"], row["taker_fee"], row["est_slippage"]) == (
        costs["fee"],
        costs["fee"],
        costs["slippage"],
    )
    assert (row["pair"], row["exchange"], row["timeframe"]) == ("BTC/USDT", "test", "1h")
    assert row["regime"] == row["regime_classification"]["name"] == document["context"]["regime"] == "bull"
    assert set(row["regime_classification"]) == {"name", "t", "volatility", "days"}
    assert row["kelly_fraction"] is None
    assert row["max_position_size"] == 0.02
    assert row["discovery_date"] == 1772368496000
    assert row["circuit_breakers"] == {"stage": document["circuit_breakers"], "portfolio": PORTFOLIO_BREAKERS}
    assert row["metadata_json"] == {"note": "x"}
    assert row["data_filter_config"]["bad_bars"] == "masked"
    assert row["engine_hash"] == document["provenance"]["engine_hash"]
    assert "python" in row["runtime_env"]
    assert (row["created_at"], row["updated_at"], row["is_active"]) == (1234, 1234, False)


FLOATS = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    measures=st.dictionaries(st.text("abcxyz_é0", min_size=1, max_size=9), FLOATS, max_size=6),
    parameters=st.dictionaries(
        st.text(min_size=1, max_size=9).filter(lambda s: "\x00" not in s and s.isprintable()),
        st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False),
        max_size=6,
    ),
)
def test_a_document_comes_back_with_its_bytes(registry: Registry, measures: Any, parameters: Any) -> None:
    document = variant(rows(registry), parameters=parameters)
    document["metrics"] |= {f"x_{name}": value for name, value in measures.items()}
    document = sealed(document)
    found = registry.get(registry.save(document, at_ms=1))
    assert text(found.document) == text(document)
    again = row_of(found.document, at_ms=1, runtime=found.row["runtime_env"])
    kept = ("parameters_json",)  # PostgreSQL writes its JSONB numbers in its own way
    assert {n: again[n] for n in SEVENTY if n not in kept} == {n: found.row[n] for n in SEVENTY if n not in kept}
    assert found.row["parameters_json"].keys() == parameters.keys()
    assert all(float(found.row["parameters_json"][n]) == float(v) for n, v in parameters.items())


def test_the_same_document_twice_is_one_row(registry: Registry) -> None:
    document = variant()
    assert registry.save(document, at_ms=1) == registry.save(document, at_ms=2) == document["configId"]
    assert rows(registry) == 1
    assert registry.get(document["configId"]).row["created_at"] == 1
    document["parameters"]["hold"] = 7
    with pytest.raises(FileFormatError, match="it was changed after it was written"):
        registry.save(document, at_ms=3)
    with pytest.raises(InputError, match="is stored already with other content"):
        registry.save(sealed(document), at_ms=3)


def test_a_save_that_fails_leaves_nothing(registry: Registry) -> None:
    with pytest.raises(StoreError):
        registry.save(variant(), at_ms=1, job_id="no such job")
    assert rows(registry) == 0


KILLED = """
import os, sys
from assay.store import Database, Registry
from store.documents import variant
database = Database.open(sys.argv[1])
whole = database.write
def killed(work):
    def then_die(c):
        work(c)
        os.kill(os.getpid(), 9)
    return whole(then_die)
object.__setattr__(database, "write", killed)
Registry(database).save(variant(), at_ms=1)
"""


def test_a_killed_save_leaves_nothing(registry: Registry, database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, database_url], env={**os.environ, "PYTHONPATH": str(TESTS)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert rows(registry) == 0
    registry.save(variant(), at_ms=1)
    assert rows(registry) == 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"metrics__gross_win_rate": 1.5}, "gross_win_rate"),
        ({"metrics__gross_win_rate": 0.0015, "metrics__total_trades": 80}, "whole number of trades"),
        ({"context__timeframe": "2h"}, "must be one of 1m, 5m"),
        ({"context__timeframe": None}, "a market must be named"),
        ({"context__regime": "typed in"}, "regime"),
        ({"lifecycle__current_stage": "GREAT"}, "current_stage"),
        ({"evidence__verified": False}, "without evidence is PAPER"),
        ({"circuit_breakers__more": 1}, "circuit_breakers"),
        ({"metrics__x": float("nan")}, "plain JSON"),
    ],
)
def test_what_is_wrong_is_refused_on_write(registry: Registry, change: dict[str, Any], match: str) -> None:
    with pytest.raises(FileFormatError, match=match):
        registry.save(variant(**change), at_ms=1)
    assert rows(registry) == 0


def test_the_database_itself_refuses_a_rate_that_is_none(registry: Registry) -> None:
    registry.save(variant(), at_ms=1)
    for column, value in (("gross_win_rate", "58"), ("regime", "'mixed'"), ("status", "'LIVE'")):
        wrong = sa.text(f"UPDATE trained_configurations SET {column} = {value}")  # noqa: S608  (names of this test)
        with pytest.raises(StoreError):
            registry.database.write(lambda c, w=wrong: c.execute(w))  # type: ignore[misc]


# finding


def test_finding(registry: Registry) -> None:
    for number, (stage, exchange, pair) in enumerate(
        [("PAPER", "binance", "BTC/USDT"), ("VALIDATION", "binance", "BTC/USDT"), ("MATURE", "kraken", "ETH/USDT")]
    ):
        registry.save(variant(number, stage, context__exchange=exchange, context__pair=pair), at_ms=number)
    names = [variant(n)["configId"] for n in range(3)]

    def found(**conditions: Any) -> list[int]:
        return [names.index(r.config_id) for r in registry.find(**conditions)]

    assert found() == [2, 1, 0]
    assert found(limit=2) == [2, 1]
    assert found(strategy="spike_v3") == [2, 1, 0]
    assert found(strategy="OTHER") == []
    assert found(pair="BTCUSDT") == found(pair="btc/usdt") == found(exchange="Binance") == [1, 0]
    assert found(status="mature") == [2]
    assert found(timeframe="1h", pair="ETH-USDT") == [2]
    registry.archive(names[0], at_ms=9)
    registry.activate(names[1], at_ms=9)
    assert (found(), found(archived=True), found(archived=None)) == ([2, 1], [0], [2, 1, 0])
    assert (found(active=True), found(active=False)) == ([1], [2])
    with pytest.raises(InputError, match=r"status: must be one of .*Did you mean 'MATURE'"):
        registry.find(status="MATUR")
    with pytest.raises(InputError, match="Did you mean 'SPIKE_V3_20260301_000002_abcdef'"):
        registry.get("SPIKE_V3_20260301_000002_abcdee")
    assert registry.get(registry.get(names[2]).row["id"]).config_id == names[2]


def test_an_empty_registry_says_so(registry: Registry) -> None:
    assert registry.find() == []
    with pytest.raises(InputError, match="Nothing is stored yet: assay train"):
        registry.get("X")


def test_comparing(registry: Registry) -> None:
    a = registry.save(variant(0, parameters={"hold": 3, "memory": 20}), at_ms=1)
    b = registry.save(variant(1, "MATURE", parameters={"hold": 6, "only": 1.0}), at_ms=2)
    table = registry.compare([a, b])
    assert table["status"] == ["VALIDATION", "MATURE"]
    assert table["parameters.hold"] == [3, 6]
    assert table["parameters.memory"] == [20, None]
    assert table["metrics.profit_factor"][0] == trained()["metrics"]["profit_factor"]
    assert "actual_slippage" not in table
    assert "metrics.sharpe_ratio" not in table


# life


def test_activation_swaps_and_keeps_its_times(registry: Registry) -> None:
    a, b = (registry.save(variant(n), at_ms=n) for n in range(2))
    other = registry.save(variant(2, context__pair="ETH/USDT"), at_ms=2)
    assert registry.activate(a, at_ms=10) is None
    assert registry.activate(other, at_ms=10) is None
    assert registry.activate(a, at_ms=11) is None
    assert registry.get(a).row["last_activated_at"] == 10
    assert registry.activate(b, at_ms=20) == a
    assert {r.config_id for r in registry.find(active=True)} == {b, other}
    row = registry.get(a).row
    assert (row["last_activated_at"], row["last_deactivated_at"], row["updated_at"]) == (10, 20, 20)
    assert registry.deactivate(b, at_ms=30)
    assert not registry.deactivate(b, at_ms=31)
    assert registry.get(b).row["last_deactivated_at"] == 30


@pytest.mark.parametrize("stage", ["PAPER", "DECAY"])
def test_what_has_no_capital_cannot_be_activated(registry: Registry, stage: str) -> None:
    name = registry.save(variant(0, stage), at_ms=1)
    with pytest.raises(GateError, match=rf"is {stage}, which gives it 0 % of the capital: .* a gate after"):
        registry.activate(name, at_ms=2)
    assert not registry.get(name).is_active


@pytest.mark.parametrize("stage", ["DISCOVERY", "VALIDATION", "MATURE"])
def test_what_has_capital_can(registry: Registry, stage: str) -> None:
    name = registry.save(variant(0, stage), at_ms=1)
    registry.activate(name, at_ms=2)
    assert registry.get(name).is_active


def test_archiving_and_its_undo(registry: Registry) -> None:
    name = registry.save(variant(), at_ms=1)
    before = registry.get(name)
    registry.activate(name, at_ms=2)
    with pytest.raises(GateError, match="is active: deactivate it"):
        registry.archive(name, at_ms=3)
    registry.deactivate(name, at_ms=4)
    assert registry.archive(name, at_ms=5)
    assert not registry.archive(name, at_ms=6)
    assert registry.get(name).row["archived_at"] == 5
    with pytest.raises(GateError, match="is archived"):
        registry.activate(name, at_ms=7)
    registry.save(variant(), at_ms=8)
    assert registry.get(name).is_archived
    assert registry.unarchive(name, at_ms=9)
    assert not registry.unarchive(name, at_ms=9)
    after = registry.get(name)
    assert text(after.document) == text(before.document)
    assert not after.is_archived


def test_many_activations_at_once_leave_one(registry: Registry) -> None:
    names = [registry.save(variant(n), at_ms=n) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: registry.activate(name, at_ms=100), names * 3))
    assert len(registry.find(active=True)) == 1


def test_the_database_itself_refuses_two_active_ones(registry: Registry) -> None:
    a, b = (registry.save(variant(n), at_ms=n) for n in range(2))
    registry.activate(a, at_ms=5)
    both = sa.update(TABLE).where(TABLE.c.config_id == b).values(is_active=True)
    with pytest.raises(StoreError):
        registry.database.write(lambda c: c.execute(both))


# the requirement's own words


def test_the_requirements_cleanup_runs_as_written(registry: Registry) -> None:
    """12 wins of 80 are 15 % and stay; 4 wins of 80 go."""
    for number, wins in enumerate((12, 4)):
        changes: dict[str, Any] = {
            "metrics__gross_win_rate": wins / 80,
            "metrics__win_rate": wins / 80,
            "metrics__total_trades": 80,
        }
        registry.save(variant(number, **changes), at_ms=1)
    registry.database.write(lambda c: c.exec_driver_sql(CLEANUP))
    (left,) = registry.find()
    assert (left.row["gross_win_rate"], left.row["sample_size"]) == (0.15, 80)


def test_the_requirements_quality_query_runs_as_written(database: Database) -> None:
    from assay.store import BarStore
    from store.test_bars_store import MARKET, columns

    held = columns(500)
    BarStore(database).write(MARKET, held, source="test", at_ms=1)
    query = QUALITY_QUERY.replace("::float", " * 1.0") if database.is_sqlite else QUALITY_QUERY
    ((symbol, exchange, timeframe, total, zero, flat, valid),) = database.read(lambda c: c.exec_driver_sql(query).all())
    n = len(held["time"])
    assert (symbol, exchange, timeframe, total, flat) == ("BTC/USDT", "binance", "5m", n, 0)
    assert zero == (held["volume"] == 0).sum() > 0
    assert valid == pytest.approx(100 * (held["volume"] > 0).sum() / n)


# pages


def test_the_docs_hold_the_table_of_fields() -> None:
    page = (TESTS.parent / "docs" / "registry.md").read_text()
    assert markdown() in page
    assert sum(len(g) for g in GROUPS.values()) == 70
    assert all(f"`{name}`" in page for name in MEANINGS)
