from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.market import Bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.validation import scaled
from assay.validation.null_bars import scaled_moves
from validation.toys import market, with_hole

if TYPE_CHECKING:
    from numpy.typing import NDArray

BARS = simulate_market(SimulatedMarket(days=60, timeframe="15m", seed=3))
DIRTY = simulate_market(SimulatedMarket(days=30, timeframe="5m", seed=4, dirty=True))


def own_moves(bars: Bars) -> list[tuple[float, float, float, float]]:
    """Gap, high, low and close of each bar as logs, one bar after the other."""
    rows = []
    before = float(bars.open[0])
    for o, h, low, c in zip(*(getattr(bars, n).tolist() for n in ("open", "high", "low", "close")), strict=True):
        rows.append((math.log(o / before), math.log(h / o), math.log(low / o), math.log(c / o)))
        before = c
    return rows


def usual(values: list[float], valid: list[bool]) -> list[float]:
    """Mean over the 20 valid values before each bar; NaN with fewer, and on a bar that is not valid itself."""
    seen: list[float] = []
    out = []
    for value, known in zip(values, valid, strict=True):
        out.append(sum(seen[-20:]) / 20 if known and len(seen) >= 20 else math.nan)
        if known:
            seen.append(value)
    return out


def yardsticks(bars: Bars) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Moves, usual range and usual volume by the slow way."""
    moves = own_moves(bars)
    ranges = [max(g + h, 0.0) - min(g + low, 0.0) for g, h, low, _ in moves]
    valid = bars.valid.tolist()
    return np.array(moves), np.array(usual(ranges, valid)), np.array(usual(bars.volume.tolist(), valid))


@pytest.mark.parametrize("bars", [BARS, DIRTY], ids=["clean", "dirty"])
def test_moves_change_places_within_their_hour_and_keep_their_unit_size(bars: Bars) -> None:
    found = scaled(bars, 0)
    moves, range_, volume = yardsticks(bars)
    after = np.log1p(scaled_moves(bars, 0)[0]).T
    movable = (range_ > 0) & (volume > 0)
    assert movable.sum() > 0.4 * len(bars)
    hour = bars.time // 3_600_000 % 24
    for h in range(24):
        rows = np.flatnonzero(movable & (hour == h))
        before_units = moves[rows] / range_[rows, None]
        after_units = after[rows] / range_[rows, None]
        # every bar's shape is one of the hour's, each once, up to the one factor that keeps the mean range
        factor = np.linalg.norm(after_units) / np.linalg.norm(before_units)
        assert factor == pytest.approx(1.0, abs=0.2)
        np.testing.assert_allclose(np.sort(before_units, axis=0), np.sort(after_units / factor, axis=0), atol=1e-6)
        np.testing.assert_allclose(
            np.sort(bars.volume[rows] / volume[rows]) * (found.volume[rows] / volume[rows]).sum(),
            np.sort(found.volume[rows] / volume[rows]) * (bars.volume[rows] / volume[rows]).sum(),
            rtol=1e-9,
        )
    stay = ~movable
    np.testing.assert_allclose(after[stay], moves[stay], atol=1e-12)
    assert (found.volume[stay] == bars.volume[stay]).all()


def test_a_bar_moves_as_a_whole() -> None:
    """Gap, high, low and close of one bar go to one place."""
    moves, range_, _ = yardsticks(BARS)
    after = np.log1p(scaled_moves(BARS, 0)[0]).T
    rows = np.flatnonzero(range_ > 0)
    ratio = moves[rows, 3] / moves[rows, 1]
    known = np.abs(moves[rows, 1]) > 1e-6
    source = {round(float(r), 7): i for r, i, k in zip(ratio, rows, known, strict=True) if k}
    moved = 0
    for j in rows:
        i = source.get(round(float(after[j, 3] / after[j, 1]), 7)) if abs(after[j, 1]) > 1e-6 else None
        if i is None:
            continue
        k = after[j, 3] / moves[i, 3]
        np.testing.assert_allclose(after[j], moves[i] * k, atol=1e-9)
        moved += i != j
    assert moved > 0.9 * len(rows)


@pytest.mark.parametrize("bars", [BARS, DIRTY, with_hole(market(1, 60), 300, 400)], ids=["clean", "dirty", "hole"])
def test_what_stays(bars: Bars) -> None:
    found = scaled(bars, 2)
    for name in ("time", "absent", "valid", "tradable", "session"):
        assert (getattr(found, name) == getattr(bars, name)).all()
    assert (found.high >= np.maximum(found.open, found.close)).all() or not bars.tradable.all()
    assert (found.low[bars.tradable] <= np.minimum(found.open, found.close)[bars.tradable]).all()
    assert (found.high[bars.valid] > found.low[bars.valid]).all()
    assert (found.volume[bars.valid] > 0).all()
    assert found.volume.mean() == pytest.approx(bars.volume.mean(), rel=0.1)
    assert np.log(found.high / found.low).mean() == pytest.approx(np.log(bars.high / bars.low).mean(), rel=0.05)
    # absent bars repeat the last close
    absent = np.flatnonzero(bars.absent)
    np.testing.assert_allclose(found.close[absent], found.close[absent - 1], rtol=1e-12)


def test_a_function_of_the_index_alone() -> None:
    one, again, other = (scaled(BARS, index) for index in (0, 0, 1))
    assert one.close.tobytes() == again.close.tobytes()
    assert one.close.tobytes() != other.close.tobytes()


def test_the_path_of_volatility_stays() -> None:
    """The quiet third of the bars is quiet in the permutation too."""
    _, range_, _ = yardsticks(BARS)
    rows = np.flatnonzero(range_ > 0)
    found = np.log(scaled(BARS, 0).high / scaled(BARS, 0).low)[rows]
    quiet = range_[rows] < np.quantile(range_[rows], 1 / 3)
    loud = range_[rows] > np.quantile(range_[rows], 2 / 3)
    assert found[loud].mean() > 1.5 * found[quiet].mean()  # shuffled without yardsticks both are the same


def test_without_volume_prices_still_change_places() -> None:
    bars = Bars.from_columns(BARS.market, BARS.time, BARS.open, BARS.high, BARS.low, BARS.close, None)
    found = scaled(bars, 0)
    assert not found.has_volume
    assert (found.volume == bars.volume).all()
    assert found.close.tobytes() != bars.close.tobytes()


def test_too_few_bars_stay_as_they_are() -> None:
    few = BARS.head(21)
    found = scaled(few, 0)
    np.testing.assert_allclose(found.close, few.close, rtol=1e-12)
    assert scaled(replace(few), 0).close.tobytes() == found.close.tobytes()
