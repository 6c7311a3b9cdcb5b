from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.validation import (
    DayCloses,
    PermutationTest,
    TriedExperiment,
    adjusted_p,
    needed_permutations,
    settle_campaign,
)
from validation.toys import market

B = 199


def tried(seed: int, statistic: float = 0.5, n: int = B) -> TriedExperiment:
    maxima = np.random.default_rng(seed).normal(0.5, 0.2, n).clip(0.01)
    return TriedExperiment(f"{seed:064x}", statistic, maxima)


def result(maxima: np.ndarray, statistic: float) -> PermutationTest:
    worse = int((maxima >= statistic).sum())
    return replace(
        PermutationTest.not_run(), p_value=(1 + worse) / (1 + len(maxima)), asked=len(maxima), done=len(maxima),
        exceedances=worse, statistic=statistic, maxima=maxima,
    )  # fmt: skip


def test_alone_p_is_p() -> None:
    own = tried(0)
    assert adjusted_p(1.2, own.maxima, 0.005, []) == (0.005, 0)


def test_by_hand() -> None:
    # own: mean 2, sd sqrt(2) over 0 1 2 3 4: z of 4 is 1.4142; the other: 10 10 10 10 20 has z 2 in permutation 3
    own, other = np.array([0.0, 1.0, 2.0, 3.0]), TriedExperiment("b", 10.0, np.array([10.0, 10.0, 10.0, 20.0]))
    assert adjusted_p(4.0, own, 1 / 5, []) == (1 / 5, 0)
    assert adjusted_p(4.0, own, 1 / 5, [other]) == (2 / 5, 0)
    assert adjusted_p(4.0, own, 1 / 5, [replace(other, statistic=20.0, maxima=np.full(4, 10.0))]) == (1 / 5, 0)


def test_a_copy_costs_nothing() -> None:
    own = tried(0, 1.2)
    p = 1 / 200
    copy = replace(own, digest="copy")
    shifted = TriedExperiment("other units", 10 + 3 * 1.2, 10 + 3 * own.maxima)
    assert adjusted_p(1.2, own.maxima, p, [copy, copy, shifted])[0] == pytest.approx(p, abs=1e-12)
    noise = np.random.default_rng(9).normal(0, 0.002, B)
    near = [TriedExperiment(f"n{i}", 1.2, own.maxima + np.roll(noise, i)) for i in range(10)]
    assert adjusted_p(1.2, own.maxima, p, near)[0] < p + 0.005


def test_unrelated_tries_cost_what_theory_says() -> None:
    """One of 20 lies above a level that each exceeds with 3 of 200: 1 - (1 - 3/200)^20, over many campaigns."""
    found = []
    for run in range(60):
        own = tried(1000 * run)
        level = float(np.sort(own.maxima)[-3])  # 3 of 199 are as good: p = .02
        others = [tried(1000 * run + i) for i in range(1, 20)]
        found.append(adjusted_p(level, own.maxima, 4 / 200, others)[0])
    assert np.mean(found) == pytest.approx(1 - (1 - 3 / 200) ** 20, abs=0.03)


def test_unknown_tries_cost_in_full() -> None:
    own = tried(0)
    short = [tried(i, n=B - 1) for i in (1, 2)]
    nothing = [TriedExperiment("x", math.nan, np.zeros(0))]
    p, unknown = adjusted_p(1.3, own.maxima, 0.005, [*short, *nothing])
    assert unknown == 3
    assert p == pytest.approx(1 - 0.995**4)


def test_what_never_finds_a_candidate_costs_nothing() -> None:
    own = tried(0)
    refused = TriedExperiment("r", -5.0, np.full(B, -5.0))
    losing = TriedExperiment("l", -1.0, np.random.default_rng(3).normal(-1, 0.1, B))
    level = float(np.sort(own.maxima)[-3])  # losing searches lie as far above their mean as often
    assert adjusted_p(level, own.maxima, 4 / 200, [refused, losing])[0] == 4 / 200


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 8), st.floats(0.4, 1.5))
def test_never_below_p_and_never_falling(seed: int, n: int, statistic: float) -> None:
    own = tried(seed)
    test = result(own.maxima, statistic)
    values = [
        adjusted_p(statistic, own.maxima, test.p_value, [tried(seed + i) for i in range(1, k + 1)])[0]
        for k in range(n + 1)
    ]
    assert values[0] == test.p_value
    assert all(b >= a for a, b in itertools.pairwise(values))


def test_a_campaign_does_not_depend_on_the_order_and_says_what_it_saw() -> None:
    own = tried(0)
    test = result(own.maxima, 1.15)
    assert test.p_value <= 0.05
    others = [tried(i) for i in range(1, 6)]
    one, again = settle_campaign("id", test, others), settle_campaign("id", test, others[::-1])
    assert one == again
    assert one.experiments == 5
    assert one.members == tuple(sorted(o.digest[:16] for o in others))
    changed = settle_campaign("id", test, [*others[:-1], replace(others[-1], statistic=0.51)])
    assert changed.digest != one.digest
    assert one.counts
    refused = settle_campaign("id", test, others, asked=False)
    assert math.isnan(refused.p_adjusted)
    assert not refused.counts


def test_permutations_that_a_campaign_needs() -> None:
    assert needed_permutations(0) == 19  # 1/20 is the least that can be at most .05
    for unknown in (1, 4, 19):
        least = needed_permutations(unknown)
        assert 1 - (1 - 1 / (least + 1)) ** (unknown + 1) <= 0.05 + 1e-12
        assert 1 - (1 - 1 / least) ** (unknown + 1) > 0.05
    test = result(tried(0, n=39).maxima, 9.0)
    blind = [TriedExperiment(str(i), math.nan, np.zeros(0)) for i in range(5)]
    assert settle_campaign(None, test, blind).needed == needed_permutations(5)
    assert settle_campaign(None, test, []).needed is None


# --- the same days


def test_the_same_days_under_other_timeframes_and_longer_spans() -> None:
    bars = market(1, 60)
    closes = DayCloses.of(bars, 0, len(bars))
    assert closes.closes.dtype == np.float32
    assert len(closes.closes) == 60
    last = [float(bars.close[bars.time // 86_400_000 == day][-1]) for day in range(closes.first, closes.first + 60)]
    assert closes.closes == pytest.approx(np.array(last), rel=1e-6)
    part = DayCloses.of(bars, 24 * 30, len(bars))
    assert part.same_days_as(closes)
    assert closes.same_days_as(part)
    scaled = replace(closes, closes=closes.closes * np.float32(3.7))  # another quote unit, the same returns
    assert scaled.same_days_as(closes)


def test_other_markets_and_other_days_are_not_the_same() -> None:
    closes = DayCloses.of(market(1, 60), 0, 24 * 60)
    assert not DayCloses.of(market(2, 60), 0, 24 * 60).same_days_as(closes)
    later = replace(closes, first=closes.first + 1)
    assert not later.same_days_as(closes)
    assert not replace(closes, first=closes.first + 100).same_days_as(closes)


def test_more_than_half_of_the_shorter_span() -> None:
    closes = DayCloses.of(market(1, 60), 0, 24 * 60)
    other = DayCloses.of(market(2, 60), 0, 24 * 60)

    def spliced(days: int) -> DayCloses:
        """The first days of one market, then another one."""
        rest = other.closes[days - 1 :] / other.closes[days - 1] * closes.closes[days - 1]
        return replace(closes, closes=np.concatenate((closes.closes[: days - 1], rest)).astype(np.float32))

    assert spliced(32).same_days_as(closes)
    assert not spliced(28).same_days_as(closes)
    assert spliced(32).same_market_as(closes)


def test_a_single_day_is_the_same_where_the_spans_meet() -> None:
    one = DayCloses(100, np.array([5.0], dtype=np.float32))
    assert one.same_days_as(DayCloses(99, np.array([1.0, 2.0], dtype=np.float32)))
    assert not one.same_days_as(DayCloses(101, np.array([1.0, 2.0], dtype=np.float32)))
