"""Nothing that a tool says depends on the bars of a holdout: two databases that differ in those alone answer alike."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from documentation import agents

from agents.conftest import Agent, Twice, twice_trained
from assay.agents.server import TOOLS
from assay.agents.tools import markets
from assay.service import calibration
from assay.store import Registry
from service.test_estimate import RATES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from assay.market import Bars

DIGESTS = ("experiment_digest", "ledger_head")
"""Fields of a comparison that are hashes in which all bars are: they tell that bars are others, and nothing of them."""

MOMENTS = ("discovery_date",)
"""Fields of a comparison that say when a training was made."""


def answers(agent: Agent, twice: Twice) -> dict[str, Any]:
    """What every tool says, with ids and times of the two databases made alike."""
    first, second = twice.configurations
    found: dict[str, Any] = {}
    for name, arguments in (
        ("list_markets", {}),
        ("market_quality", agents.MARKET),
        ("list_strategies", {}),
        ("describe_strategy", {"strategy": "LIQUIDITY_SWEEP"}),
        ("campaign", agents.MARKET),
        ("estimate_training", {"training": agents.TRAINING}),
        ("list_trainings", {}),
        ("training_status", {"job": twice.jobs[0]}),
        ("training_results", {"job": twice.jobs[0]}),
        ("verdict", {"config_id": first}),
        ("funnel", {"config_id": first}),
        ("compare_configurations", {"config_ids": [first, second]}),
        ("retrain", {"job": twice.jobs[0], "changes": {"seed": 5}}),
        ("start_training", {"training": agents.TRAINING | {"seed": 6}}),
    ):
        found[name] = agent(name, **arguments)
    found["cancel_training"] = agent("cancel_training", job=found["start_training"]["job"])
    text = json.dumps(found)
    made = (*twice.jobs, found["retrain"]["job"], found["start_training"]["job"], *twice.configurations)
    for i, one in enumerate(made):
        text = text.replace(one, f"id {i}")
    alike: dict[str, Any] = _without_times(json.loads(text))
    return alike


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in ("created", "ended", "at")}
    if isinstance(value, list):
        return [
            _without_times(one)
            for one in value
            if not (isinstance(one, dict) and one.get("field") in (*DIGESTS, *MOMENTS))
        ]
    return value


def with_another_holdout(bars: Bars, begin: int) -> Bars:
    """The same bars before a moment; other prices, volumes and dead bars from there on."""
    rng, later = np.random.default_rng(1), np.arange(len(bars)) >= begin
    factor = np.where(later, np.exp(rng.normal(0.0, 0.01, len(bars)).cumsum()), 1.0)
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    volume = np.where(later, np.roll(bars.volume, 7) * (np.arange(len(bars)) % 10 > 0), bars.volume)
    return replace(bars, **prices, volume=volume)


def test_no_tool_tells_anything_of_the_holdout(
    tmp_path: Path,
    twice: Twice,
    bars: Bars,
    sqlite_template: bytes,
    opened: Callable[[bytes], Agent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "measured", lambda _: RATES)
    one = opened(twice.content)
    sealed = Registry(one.state.database).get(twice.configurations[0]).typed.raw["validation"]["holdout"]
    assert sealed["opened"] is False
    begin = int(np.searchsorted(bars.time, np.datetime64(sealed["from"][:-1], "ms").astype(np.int64)))
    assert 0.75 < begin / len(bars) < 0.85
    other_bars = with_another_holdout(bars, begin)
    other_twice = twice_trained(tmp_path, sqlite_template, other_bars)
    other = opened(other_twice.content)
    assert other_bars.digest != bars.digest
    here, there = answers(one, twice), answers(other, other_twice)
    assert set(here) == {spec.name for spec in TOOLS}, "every tool is asked"
    for name, answer in here.items():
        assert there[name] == answer, name
    # and the two would be told apart by a tool that looked at all bars
    monkeypatch.setattr(markets, "shown_until", lambda *_: 2**62)
    assert one("market_quality", **agents.MARKET)["before"] != other("market_quality", **agents.MARKET)["before"]
