"""What the pages of markets and strategies make of what they are given: addresses, axes, charts, words."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.errors import InputError
from assay.evaluation import MaskEffect, mask_effect
from assay.market import Market, Timeframe, daily_quality
from assay.market.quality import FINDINGS
from assay.service.strategy_facts import describe, idea
from assay.store import BarStore, Database
from assay.store.bars import present
from assay.strategies import STRATEGIES
from assay.studio.explorer.describing import readable, shown
from assay.studio.markets import facts, plots
from assay.studio.markets.facts import Listed, on_one_axis
from assay.studio.markets.names import key_of, parts_of, title_of
from assay.studio.markets.stretch import Stretch
from assay.studio.markets.table import market_rows
from assay.studio.plots import palette
from assay.studio.values import UNKNOWN
from engine.bridge import random_bars

if TYPE_CHECKING:
    from pathlib import Path

ROW = {
    "exchange": "binance", "symbol": "BTC/USDT:USDT", "timeframe": "5m", "bars": 100, "holes": [], "valid_pct": 69.9,
    "from": "2024-01-10T00:00:00Z", "to": "2024-03-01T00:00:00Z", "size_bytes": 2048,
}  # fmt: skip
DARK = palette(dark=True)


def test_a_market_goes_through_an_address() -> None:
    key = key_of(ROW)
    assert parts_of(key) == ("binance", "BTC/USDT:USDT", "5m")
    assert title_of(key) == "BTC/USDT:USDT 5m · binance"
    for wrong in ("", "binance", "binance:BTC/USDT", "::"):
        with pytest.raises(InputError, match="EXCHANGE:SYMBOL:TIMEFRAME"):
            parts_of(wrong)


def test_markets_lie_on_one_axis_of_time() -> None:
    markets = [Listed("a", {}, [(100, 200), (250, 300)]), Listed("b", {}, [(0, 400)]), Listed("c", {}, [])]
    assert on_one_axis(markets) == [[(25.0, 25.0), (62.5, 12.5)], [(0.0, 100.0)], []]
    assert on_one_axis([]) == []


def test_a_stretch_is_what_is_asked_for_within_the_bars() -> None:
    assert Stretch.of(ROW, None, None, 10) == Stretch("2024-02-20", "2024-02-29")
    assert Stretch.of(ROW, None, None, 365) == Stretch("2024-01-10", "2024-02-29")
    assert Stretch.of(ROW, "2024-02-01", "2024-02-02", 10).span == ("2024-02-01", "2024-02-03")
    for first, last in (("2024-02-03", "2024-02-01"), ("2024-02-03", "never"), ("never", "2024-02-03")):
        with pytest.raises(InputError):
            assert Stretch(first, last).span
    with pytest.raises(InputError, match="date"):
        Stretch.of(ROW, None, "never", 10)


def test_a_row_says_what_training_refuses_and_what_was_never_fetched() -> None:
    hole = {"from": "2024-02-01T00:00:00Z", "to": "2024-02-03T00:00:00Z"}
    good = Listed("x", ROW | {"valid_pct": 70.0, "holes": [hole]}, [(0, 4), (6, 10)])
    refused, fine = market_rows([Listed(key_of(ROW), ROW, [(0, 10)]), good], key_of(ROW))
    assert (refused["refused"], fine["refused"]) == (
        "Refused for training: 69.9 % of the bars may signal, and training needs 70 %.",
        "",
    )
    assert (refused["here"], fine["here"]) == (True, False)
    assert refused["href"] == "/studio/data?market=binance%3ABTC%2FUSDT%3AUSDT%3A5m"
    assert (fine["holes"], fine["spans"]) == (1, [[0.0, 40.0], [60.0, 40.0]])
    assert fine["covered"] == "2 spans, 2024-01-10 to 2024-03-01; never fetched: 2024-02-01 to 2024-02-03"
    (empty,) = market_rows([Listed("x", ROW | {"bars": 0, "valid_pct": None, "from": None, "to": None}, [])], None)
    assert (empty["shown_valid"], empty["refused"], empty["shown_size"], empty["from"]) == (
        UNKNOWN,
        "",
        UNKNOWN,
        UNKNOWN,
    )


def test_the_map_of_findings_has_a_cell_for_each_day_with_one() -> None:
    bars = random_bars(np.random.default_rng(7), 400, rough=3.0)
    daily = daily_quality(bars)
    options = plots.findings_map(DARK, daily, scale=("#000", "#fff"))
    days = options["xAxis"]["data"]
    assert days[0] == str(date(1970, 1, 1) + timedelta(days=daily.first_day))
    assert len(days) == len(daily.expected)
    titles = options["yAxis"]["data"]
    assert titles == [finding.title for finding in FINDINGS.values()][::-1]
    cells = {(x, titles[y]): (percent, text) for x, y, percent, text in options["series"][0]["data"]}
    for name, counts in daily.counts.items():
        for x, n in enumerate(counts):
            known = cells.pop((x, FINDINGS[name].title), None)
            assert (known is not None) == (n > 0)
            if known is not None:
                assert known == (
                    round(100 * n / daily.expected[x], 2),
                    f"{n:,} of {daily.expected[x]:,} {FINDINGS[name].title}",
                )
    assert cells == {}
    json.dumps(options, allow_nan=False)


def test_the_lines_of_the_mask_are_those_that_were_measured_and_gaps_where_nothing_is_known() -> None:
    effect = mask_effect(random_bars(np.random.default_rng(8), 300))
    gappy = MaskEffect(
        effect.first_day, effect.masked, {**effect.unmasked, "volume": np.full(len(effect.masked["volume"]), np.nan)}
    )
    options = plots.mask_lines(DARK, gappy)
    series: list[dict[str, Any]] = options["series"]
    assert [one["xAxisIndex"] for one in series] == [0, 0, 1, 1, 2, 2]
    for one, name in zip(series[1::2], plots.EFFECTS, strict=True):
        assert [v for v in one["data"] if v is not None] == pytest.approx(
            [v for v in effect.masked[name] if not np.isnan(v)], rel=1e-5
        )
    assert set(series[0]["data"]) == {None}
    assert {one["lineStyle"].get("type", "solid") for one in series[::2]} == {"dashed"}, "told apart without colours"
    json.dumps(options, allow_nan=False)


def test_what_is_known_of_a_market_is_read_at_once(tmp_path: Path, sqlite_template: bytes) -> None:
    (tmp_path / "m.db").write_bytes(sqlite_template)
    database = Database.open(tmp_path / "m.db", upgrade=False)
    store = BarStore(database)
    bars = random_bars(np.random.default_rng(9), 300, market=Market("test", "BTC/USDT", Timeframe.parse("1h")))
    store.write(bars.market, present(bars), source="test", at_ms=1)
    (one,) = facts.listed(store)
    assert (one.key, one.spans) == ("test:BTC/USDT:1h", [(int(bars.time[0]), bars.span_ms[1])])
    found = facts.detail(store, one.key)
    assert found.quality["report"]["expected"] == int(found.daily.expected.sum()) == len(bars)
    assert found.quality["report"]["valid"] == int(found.daily.valid.sum())
    for name in FINDINGS:
        assert found.quality["report"][name] == int(found.daily.counts[name].sum())
    database.close()


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_is_told_in_words(name: str) -> None:
    strategy = STRATEGIES[name]()
    text = idea(strategy)
    assert text
    assert text[0].isupper()
    assert name not in text
    for rule in describe(strategy)["rules"]:
        assert not {">=", "<="} & set(readable(rule).split())
    assert [shown(v) for v in (True, False, None, 0.00004, 2.0, 5, "reward")] == [
        "on", "off", UNKNOWN, "0.00004", "2", "5", "reward",
    ]  # fmt: skip
