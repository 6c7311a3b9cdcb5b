"""What the mask changes in indicators, against plain loops over the bars of each day."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np

from assay.evaluation import mask_effect
from assay.market import Bars, Market, Timeframe
from engine.bridge import random_bars

MARKET = Market("test", "BTC/USDT", Timeframe.parse("1h"))


def by_day(bars: Bars, counts: np.ndarray) -> dict[int, tuple[float, float, float]]:
    """Mean volume, mean ATR in percent and number of spikes of each day, of the bars that count, one after the other.

    Bars that trade enter the averages, valid ones are reported; here both are `counts` alone, or all recorded bars.
    """
    found: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    volumes: list[float] = []
    ranges: list[float] = []
    average = previous = None
    for i in range(len(bars)):
        if bars.age[i] == 0:
            volumes, ranges, average, previous = [], [], None, None
        if not counts[i]:
            continue
        if previous is not None:
            reach = max(bars.high[i], previous) - min(bars.low[i], previous)
            ranges.append(reach)
            if len(ranges) == 14:
                average = sum(ranges) / 14
            elif average is not None:
                average = (13 * average + reach) / 14
        spike = len(volumes) >= 20 and bars.volume[i] >= 2 * sum(volumes[-20:]) / 20
        share = np.nan if average is None else 100 * average / bars.close[i]
        found[int(bars.time[i] // 86_400_000)].append((bars.volume[i], share, float(spike)))
        volumes.append(bars.volume[i])
        previous = bars.close[i]
    return {
        day: (
            float(np.mean([row[0] for row in rows])),
            float(np.mean(known)) if (known := [row[1] for row in rows if not np.isnan(row[1])]) else np.nan,
            sum(row[2] for row in rows),
        )
        for day, rows in found.items()
    }


def test_indicators_with_and_without_the_mask_are_those_of_plain_loops() -> None:
    rough = random_bars(np.random.default_rng(3), 900, market=MARKET)
    # where bars that trade are those that may signal, one mask says all
    even = (
        Bars.from_columns(
            MARKET, *(getattr(rough, name)[kept] for name in ("time", "open", "high", "low", "close", "volume"))
        )
        if (kept := ~rough.absent & ((rough.high > rough.low) | (rough.volume == 0))).any()
        else rough
    )
    assert (even.valid == even.tradable).all()
    assert (even.volume[~even.absent] == 0).any()
    found = mask_effect(even)
    for measures, counts in ((found.masked, even.valid), (found.unmasked, ~even.absent)):
        expected = by_day(even, counts)
        for i, values in enumerate(zip(*measures.values(), strict=True)):
            known = expected.get(found.first_day + i, (np.nan, np.nan, 0.0))
            np.testing.assert_allclose(values, known, rtol=1e-12)
    assert list(found.masked) == ["volume", "atr_pct", "volume_spikes"]
    assert found.unmasked["volume_spikes"].sum() > found.masked["volume_spikes"].sum()


def test_without_volume_there_is_none_to_compare() -> None:
    close = np.linspace(100, 110, 60)
    bars = Bars.from_columns(MARKET, np.arange(60) * 3_600_000, close, close + 1, close - 1, close, None)
    found = mask_effect(bars)
    assert np.isnan(found.masked["volume"]).all()
    assert found.masked["volume_spikes"].sum() == found.unmasked["volume_spikes"].sum() == 0
    assert [len(values) for pair in pairwise([*found.masked.values()]) for values in pair] == [3] * 4
