"""`load_configuration`: always the newest that is sound, whatever happens to its source."""

from __future__ import annotations

import json
import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from assay import LiveConfiguration, errors, load_configuration
from assay.store import Database, Registry
from store.documents import variant

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "assay.db"


@pytest.fixture
def registry(path: Path) -> Registry:
    registry = Registry(Database.open(path))
    for number in range(3):
        registry.save(variant(number, parameters={"hold": number}), at_ms=number)
    return registry


NAMES = [variant(number)["configId"] for number in range(3)]


def load(path: Path, **options: Any) -> LiveConfiguration:
    return load_configuration("SPIKE", "BTC/USDT", database=path, **({"reload_s": 0} | options))


def test_the_active_one_is_followed(registry: Registry, path: Path) -> None:
    registry.activate(NAMES[0], at_ms=10)
    live = load(path)
    assert live["parameters"] == {"hold": 0}
    assert dict(live) == variant(0, parameters={"hold": 0})
    assert (live.active, live.fault, live.stale_since) == (True, None, None)
    assert not live.refresh()
    registry.activate(NAMES[1], at_ms=20)
    assert live["parameters"] == {"hold": 1}
    assert live.config_id == NAMES[1]
    assert NAMES[1] in repr(live)


def test_it_looks_no_more_often_than_asked(registry: Registry, path: Path) -> None:
    registry.activate(NAMES[0], at_ms=10)
    live = load(path, reload_s=1000)
    registry.activate(NAMES[1], at_ms=20)
    assert live["parameters"] == {"hold": 0}
    assert live.refresh()
    assert live["parameters"] == {"hold": 1}


def test_without_an_active_one_there_is_an_error_that_helps(registry: Registry, path: Path) -> None:
    with pytest.raises(errors.InputError, match=r"no configuration of SPIKE on BTC/USDT is active.*activate ID"):
        load(path)
    with pytest.raises(errors.InputError, match="pair: must be given"):
        load_configuration("SPIKE", database=path)
    with pytest.raises(errors.InputError, match="reload_s"):
        load(path, reload_s=-1)
    registry.save(variant(7, context__exchange="kraken"), at_ms=1)
    for name in (NAMES[0], variant(7)["configId"]):
        registry.activate(name, at_ms=2)
    with pytest.raises(errors.InputError, match=r"several are active \(kraken 1h, test 1h\)|\(test 1h, kraken 1h\)"):
        load(path)
    assert load(path, exchange="Kraken")["context"]["exchange"] == "kraken"


def test_another_markets_activation_changes_nothing(registry: Registry, path: Path) -> None:
    registry.activate(NAMES[0], at_ms=10)
    live = load(path)
    registry.save(variant(7, context__exchange="kraken"), at_ms=1)
    registry.activate(variant(7)["configId"], at_ms=20)
    assert live["parameters"] == {"hold": 0}
    assert live.fault is None


def test_a_deactivated_one_stays_but_is_not_active(registry: Registry, path: Path) -> None:
    registry.activate(NAMES[0], at_ms=10)
    live = load(path)
    registry.deactivate(NAMES[0], at_ms=20)
    assert live["parameters"] == {"hold": 0}
    assert not live.active
    assert "is active" in str(live.fault)
    assert "stale" in repr(live)
    since = live.stale_since
    live.refresh()
    assert live.stale_since == since
    registry.activate(NAMES[2], at_ms=30)
    assert live["parameters"] == {"hold": 2}
    assert (live.active, live.fault, live.stale_since) == (True, None, None)


def test_a_database_that_goes_away_and_comes_back(registry: Registry, path: Path, tmp_path: Path) -> None:
    registry.activate(NAMES[0], at_ms=10)
    live = load(path)
    registry.database.engine.dispose()
    shutil.move(path, tmp_path / "away.db")
    assert live["parameters"] == {"hold": 0}
    assert live.active
    assert "the database is gone" in str(live.fault)
    assert not path.exists()
    shutil.move(tmp_path / "away.db", path)
    live.refresh()
    assert live.fault is None


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE trained_configurations SET config_json = '{\"x\": 1}'",
        "UPDATE trained_configurations SET config_json = 'no'",
    ],
)
def test_a_damaged_row_is_not_taken(registry: Registry, path: Path, damage: str) -> None:
    registry.activate(NAMES[0], at_ms=10)
    live = load(path)
    registry.database.write(lambda c: c.exec_driver_sql(damage + ", updated_at = 99"))
    assert live["parameters"] == {"hold": 0}
    assert live.fault
    assert live.active
    registry.database.write(lambda c: c.exec_driver_sql("DELETE FROM trained_configurations"))
    registry.save(variant(1, parameters={"hold": 1}), at_ms=1)
    registry.activate(NAMES[1], at_ms=100)
    live.refresh()
    assert live["parameters"] == {"hold": 1}
    assert live.fault is None


def test_a_failing_source_is_not_asked_all_the_time() -> None:
    asked: list[int] = []

    def mark() -> tuple[int, ...]:
        asked.append(1)
        if len(asked) > 1:
            threading.Event().wait(0.05)
            raise OSError("away")
        return (1,)

    live = LiveConfiguration(mark, lambda: (variant(), None), 0.0)
    for _ in range(5):
        assert live["strategy"] == "SPIKE"
    assert len(asked) == 2


def test_an_exported_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(variant(0, parameters={"hold": 0})))
    live = load_configuration(str(path), reload_s=0)
    assert live["parameters"] == {"hold": 0}
    path.write_text(json.dumps(variant(1, parameters={"hold": 1})) + " ")
    assert load_configuration(path)["parameters"] == live["parameters"] == {"hold": 1}
    for text, match in (("{", "is not JSON"), ("[]", "one JSON object"), ('{"a": 1}', "configuration")):
        path.write_text(text)
        os.utime(path, ns=(1, len(text)))
        live.refresh()
        assert live["parameters"] == {"hold": 1}
        assert match in str(live.fault)
        with pytest.raises(errors.InputError, match=match):
            load_configuration(path)
    path.unlink()
    live.refresh()
    assert live["parameters"] == {"hold": 1}
    assert "cannot be read" in str(live.fault)
