"""A task is stored as plain values: the market with its kind and tick, and those of the first revision."""

from __future__ import annotations

import json

import pytest

from assay.market import Market, Timeframe
from assay.service.tasks import TrainingTask

FIRST = {
    "exchange": "binance",
    "symbol": "BTC/USDT",
    "timeframe": "5m",
    "strategy": "LIQUIDITY_SWEEP",
    "experiment": {"data_digest": "d"},
    "first_ms": 1,
    "last_ms": 2,
}
"""A task as the first revision stored it."""


def test_a_task_of_the_first_revision_is_read_and_stays_as_it_is() -> None:
    task = TrainingTask.from_spec(FIRST)
    assert task.market == Market("binance", "BTC/USDT", Timeframe.parse("5m"), "spot", None)
    assert json.dumps(task.spec()) == json.dumps(FIRST)


@pytest.mark.parametrize(("kind", "tick"), [("spot", None), ("spot", 0.01), ("perpetual", None), ("future", 0.25)])
def test_kind_and_tick_are_kept(kind: str, tick: float | None) -> None:
    market = Market("cme", "ES", Timeframe.parse("5m"), kind, tick)  # type: ignore[arg-type]
    task = TrainingTask(market, "S", {}, 1, 2)
    spec = json.loads(json.dumps(task.spec()))
    assert TrainingTask.from_spec(spec) == task
    assert ("kind" in spec, "tick" in spec) == (kind != "spot", tick is not None)
