"""A live configuration whose server goes away."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from assay import load_configuration
from assay.store import Database, Registry
from store.documents import variant

NAMES = [variant(number)["configId"] for number in range(2)]


def test_a_server_that_goes_away(postgresql_url: str) -> None:
    registry = Registry(Database.open(postgresql_url))
    registry.save(variant(0, parameters={"hold": 0}), at_ms=1)
    registry.save(variant(1, parameters={"hold": 1}), at_ms=1)
    registry.activate(NAMES[0], at_ms=10)
    held = Database.open(postgresql_url)
    live = load_configuration("SPIKE", "BTC/USDT", database=held, reload_s=0)
    good, away = held.engine, Database.open(postgresql_url, upgrade=False).engine
    object.__setattr__(held, "engine", _unreachable(away.url))
    assert live["parameters"] == {"hold": 0}
    assert "cannot be reached" in str(live.fault)
    assert live.active
    object.__setattr__(held, "engine", good)
    registry.activate(NAMES[1], at_ms=20)
    live.refresh()
    assert live["parameters"] == {"hold": 1}
    assert live.fault is None
    for database in (registry.database, held):
        database.close()


def _unreachable(url: Any) -> Any:
    return sa.create_engine(url.set(host="127.0.0.1", port=1, query={}), connect_args={"connect_timeout": 2})
