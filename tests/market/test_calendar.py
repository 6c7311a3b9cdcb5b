"""The calendar answers for the market's time; nothing else knows how long a day is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import assay
from assay.market import Bars, Market, Timeframe
from assay.market.calendar import ROUND_THE_CLOCK, calendar_of, days_to_ms, ms_to_days

PACKAGE = Path(assay.__file__).parent
HOUR = Timeframe.parse("1h")
moments = st.integers(0, 4_000_000_000_000)


@given(moments)
def test_a_trading_day_round_the_clock_is_a_utc_day(moment: int) -> None:
    then = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)
    day = int(ROUND_THE_CLOCK.day(np.array([moment]))[0])
    assert day == (then.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ROUND_THE_CLOCK.day_start_ms(day))
    assert start == then.replace(hour=0, minute=0, second=0, microsecond=0)


@given(moments, st.integers(1, 10**9))
def test_whole_days_enclose_a_span(start: int, length: int) -> None:
    first, end = ROUND_THE_CLOCK.whole_days(start, start + length)
    assert first <= start
    assert start + length <= end
    assert (start - first) < 86_400_000
    assert (end - start - length) < 86_400_000


def test_days_and_their_beginnings() -> None:
    assert ROUND_THE_CLOCK.day_starts_ms(19_723, 2).tolist() == [1_704_067_200_000, 1_704_153_600_000]
    assert ROUND_THE_CLOCK.bars_per_day(HOUR.ms) == 24
    assert (days_to_ms(1.5), ms_to_days(129_600_000)) == (129_600_000, 1.5)
    assert (ROUND_THE_CLOCK.days_per_year, calendar_of("perpetual"), calendar_of("future").days_per_year) == (
        365,
        ROUND_THE_CLOCK,
        252,
    )


def test_bars_ask_their_markets_calendar() -> None:
    time = 1_704_063_600_000 + HOUR.ms * np.arange(3)
    flat = np.full(3, 100.0)
    bars = Bars.from_columns(Market("binance", "BTC/USDT", HOUR), time, flat, flat + 1, flat - 1, flat, flat)
    assert bars.day.tolist() == [19_722, 19_723, 19_723]
    assert bars.span_ms == (int(time[0]), int(time[2]) + HOUR.ms)
    assert [bars.moment(i) for i in range(4)] == [*time.tolist(), int(time[2]) + HOUR.ms]
    assert bars.between(1, 3).time.tolist() == time[1:3].tolist()


@pytest.mark.parametrize("pattern", [r"86_?400_?000", r"\* *DAY_MS|DAY_MS *\*|// *DAY_MS|/ *DAY_MS"])
def test_the_length_of_a_day_stands_in_no_other_place(pattern: str) -> None:
    """But for sources of raw candles, which speak of the exchange's days, and of simulated ones."""
    own = {"market/calendar.py", "market/market.py"}
    found = [
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if re.search(pattern, path.read_text())
    ]
    assert [name for name in found if name not in own and not name.startswith(("sources/", "leaks/"))] == []
