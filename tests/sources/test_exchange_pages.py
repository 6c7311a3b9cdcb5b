"""Pages as values: what is made of raw candles, and how gaps are told apart."""

from __future__ import annotations

import itertools
import sys
from subprocess import run

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import AnswerError
from assay.market import Market, Timeframe
from assay.sources.exchanges import Fetched, Page, RetryPolicy
from assay.sources.exchanges.answers import Question, check
from assay.sources.exchanges.names import offered, price_tick
from assay.sources.exchanges.pages import columns, merged, tidy

STEP = 300_000
MARKET = Market("binance", "BTC/USDT", Timeframe(STEP))


def page(start: int, stop: int, *absent: int) -> Page:
    rows = [(t * STEP, 2.0, 3.0, 1.0, 2.0, 1.0) for t in range(start, stop) if t not in absent]
    return tidy(columns(rows), STEP, start * STEP, stop * STEP)


def test_gaps_of_the_exchange_and_of_the_fetch() -> None:
    fetched = Fetched.of(MARKET, 0, 20 * STEP, [page(10, 12), page(0, 4, 2), page(4, 6, 4, 5)])
    assert fetched.asked == ((0, 20 * STEP),)
    assert fetched.answered == ((0, 6 * STEP), (10 * STEP, 12 * STEP))
    assert fetched.unanswered == ((6 * STEP, 10 * STEP), (12 * STEP, 20 * STEP))
    assert fetched.missing.tolist() == [2 * STEP, 4 * STEP, 5 * STEP]


def test_a_span_off_the_grid_means_the_bars_that_open_in_it() -> None:
    assert Fetched.of(MARKET, 1, STEP + 1, []).asked == ((STEP, 2 * STEP),)
    assert Fetched.of(MARKET, 1, STEP, []).asked == ()


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8))
def test_merged_spans_hold_the_same_moments(spans: list[tuple[int, int]]) -> None:
    joined = merged(spans)
    assert {t for a, b in joined for t in range(a, b)} == {t for a, b in spans for t in range(a, b)}
    assert all(a < b for a, b in joined)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(joined))


@given(st.lists(st.integers(0, 20), max_size=6), st.integers(0, 10), st.integers(11, 20))
def test_every_moment_asked_for_is_answered_or_not(edges: list[int], start: int, stop: int) -> None:
    pages = [page(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False) if a < b]
    fetched = Fetched.of(MARKET, start * STEP, stop * STEP, pages)
    answered = {t for a, b in fetched.answered for t in range(a // STEP, b // STEP)}
    left = {t for a, b in fetched.unanswered for t in range(a // STEP, b // STEP)}
    assert left == set(range(start, stop)) - answered


WRONG = [
    (None, 2.0, 1.0, 2.0, 1.0),
    (float("nan"), 2.0, 1.0, 2.0, 1.0),
    (2.0, float("inf"), 1.0, 2.0, 1.0),
    (2.0, 3.0, 0.0, 2.0, 1.0),
    (2.0, 3.0, 1.0, -2.0, 1.0),
    (2.0, 1.0, 3.0, 2.0, 1.0),
    (2.0, 3.0, 1.0, 2.0, -1.0),
    (2.0, 3.0, 1.0, 2.0, None),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_an_answer_with_what_bars_would_refuse_is_refused(wrong: tuple[float | None, ...]) -> None:
    good = (2.0, 3.0, 1.0, 2.0, 0.0)
    asked = Question("binance", 0, 3 * STEP, STEP, 10 * STEP, bounded=True)
    check(columns([(2 * STEP, *good), (0, *good)]), asked)
    with pytest.raises(AnswerError, match=r"wrong candle at 1970-01-01T00:05Z: (open|high|low|close|volume): must"):
        check(columns([(0, *good), (STEP, *wrong), (2 * STEP, *good)]), asked)


def test_a_broken_row_outside_the_span_is_left_out_and_spoils_nothing() -> None:
    asked = Question("kraken", 0, 2 * STEP, STEP, 10 * STEP, bounded=False)
    rows = columns([(i * STEP, 2.0, 3.0, 1.0, 2.0 - 3 * (i == 2), 1.0) for i in range(4)])
    assert check(rows, asked)[:, 0].tolist() == [0, STEP, 3 * STEP]


@pytest.mark.parametrize("stamp", [None, float("nan"), 1e17, 30 * STEP, STEP + 1.0, -40 * STEP])
def test_an_answer_with_a_row_of_another_time_is_refused(stamp: float | None) -> None:
    asked = Question("binance", 0, 3 * STEP, STEP, 10 * STEP, bounded=True)
    with pytest.raises(AnswerError, match="time: must"):
        check(columns([(0, 2.0, 3.0, 1.0, 2.0, 1.0), (stamp, 2.0, 3.0, 1.0, 2.0, 1.0)]), asked)


@pytest.mark.parametrize(("ratio", "bars"), [(3, 12), (12, 6), (48, 4), (288, 3)])
def test_bars_of_a_longer_timeframe_are_refused(ratio: int, bars: int) -> None:
    asked = Question("kraken", 0, bars * ratio * STEP, STEP, 10**12, bounded=False, coarser_ms=(ratio * STEP,))
    rows = columns([(i * ratio * STEP, 2.0, 3.0, 1.0, 2.0, 1.0) for i in range(bars)])
    with pytest.raises(AnswerError, match=f"sends bars of {5 * ratio} minutes where 5 were asked for"):
        check(rows, asked)
    rows[-1, 0] += STEP
    check(rows, asked)
    check(rows[:2], asked)


def test_of_two_versions_the_fuller_is_kept_in_any_order() -> None:
    rows = [(0, 2.0, 3.0, 1.0, 2.0, 1.0), (0, 2.0, 3.5, 1.0, 2.5, 4.0), (0, 2.0, 3.0, 1.0, 2.0, 1.0)]
    for order in ([0, 1, 2], [1, 0, 2], [2, 0, 1]):
        found = tidy(columns([rows[i] for i in order]), STEP, 0, STEP)
        assert (found.close.tolist(), found.volume.tolist()) == ([2.5], [4.0])
        assert [(f.kind, f.count) for f in found.findings] == [("conflict", 1)]


def test_a_page_cannot_be_changed() -> None:
    found = page(0, 3)
    with pytest.raises(ValueError, match="read-only"):
        found.close[0] = 1.0
    assert repr(found) == "Page(3 candles, 1970-01-01T00:00:00.000 to 1970-01-01T00:15:00.000, 0 findings)"


def test_an_empty_answer_is_a_page() -> None:
    found = tidy(columns([]), STEP, 0, 3 * STEP)
    assert len(found) == 0
    assert found.time.dtype == np.int64
    assert Fetched.of(MARKET, 0, 3 * STEP, [found]).missing.tolist() == [0, STEP, 2 * STEP]


def test_waits_double_up_to_the_longest() -> None:
    patience = RetryPolicy(first_wait_s=0.5, longest_wait_s=3.0)
    assert [patience.wait_s(n) for n in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_only_timeframes_on_the_common_grid_are_offered() -> None:
    names = ["1s", "1m", "45m", "60m", "3d", "1d", "1w", "1M", "1y"]
    assert offered(dict.fromkeys(names)) == {60_000: "1m", 2_700_000: "45m", 3_600_000: "60m", 86_400_000: "1d"}


@pytest.mark.parametrize(
    ("precision", "mode", "tick"),
    [("0.05", 4, 0.05), (2, 2, 0.01), (0, 2, 1.0), (5, 3, None), (None, 4, None), (0, 4, None)],
)
def test_the_tick_follows_the_kind_of_precision(precision: object, mode: int, tick: float | None) -> None:
    assert price_tick({"precision": {"price": precision}}, mode) == tick


def test_the_client_is_imported_when_an_exchange_is_opened() -> None:
    code = "import sys, assay.sources, assay.sources.exchanges; sys.exit('ccxt' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
