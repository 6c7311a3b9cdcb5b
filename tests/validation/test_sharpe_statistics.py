from __future__ import annotations

import math

import numpy as np
import pytest

from assay.errors import InputError
from assay.validation.haircut import haircut_sharpe
from assay.validation.overfitting import probability_of_overfitting
from assay.validation.reality import superior_ability
from assay.validation.sharpe import deflated_sharpe, expected_maximum, moments, probabilistic_sharpe_of
from assay.validation.sharpe_statistics import SharpeStatistics, sharpe_statistics

YEAR = 365
NAMES = (
    "probabilistic_sharpe",
    "minimum_track_record",
    "deflated_sharpe",
    "deflated_sharpe_implied",
    "probability_of_overfitting",
    "superior_ability",
    "superior_combinations",
    "haircut_sharpe",
    "minimum_backtest_length",
)


def returns(days: int = 120, columns: int = 12) -> np.ndarray:
    rng = np.random.default_rng(6)
    return 0.01 * (rng.standard_normal((days, 1)) + rng.standard_normal((days, columns)))


def ask(sample: np.ndarray, winner: np.ndarray | None = None, **changes: object) -> SharpeStatistics:
    arguments = {
        "sharpe_variance": 0.004,
        "trials": 500,
        "maxima": np.array([1.9, 2.3]),
        "days_per_year": YEAR,
        "seed": 4,
    }
    chosen = sample[:, 0] + 0.003 if winner is None else winner
    return sharpe_statistics(chosen, sample, **(arguments | changes))  # type: ignore[arg-type]


def test_each_opinion_is_what_its_statistic_says() -> None:
    sample = returns()
    winner = sample[:, 0] + 0.003
    said = ask(sample)
    sharpe, skewness, kurtosis = moments(winner)
    assert tuple(item.name for item in said.items) == NAMES
    assert said["probabilistic_sharpe"].value == probabilistic_sharpe_of(winner)
    raw = deflated_sharpe(sharpe, 120, 500, 0.004, skewness, kurtosis)
    assert said["deflated_sharpe"].value == raw.probability
    assert f"{raw.threshold * math.sqrt(YEAR):.2f}" in said["deflated_sharpe"].meaning
    # the mean of the maxima itself is the threshold that the implied trials give
    implied = deflated_sharpe(sharpe, 120, 2, (2.1 / math.sqrt(YEAR) / expected_maximum(2)) ** 2, skewness, kurtosis)
    assert said["deflated_sharpe_implied"].value == pytest.approx(implied.probability, rel=1e-9)
    pbo = probability_of_overfitting(sample, seed=4)
    shown = said["probability_of_overfitting"]
    assert (shown.value, shown.low, shown.high) == (pbo.pbo, pbo.null_low, pbo.null_high)
    ability = superior_ability(sample / sample.std(axis=0, ddof=1), seed=4)
    shown = said["superior_ability"]
    assert (shown.value, shown.low, shown.high) == (ability.consistent, ability.lower, ability.upper)
    cut = haircut_sharpe(sharpe, 120, 500, sample.mean(axis=0) / sample.std(axis=0, ddof=1))
    shown = said["haircut_sharpe"]
    assert shown.value == pytest.approx(cut.bhy * math.sqrt(YEAR))
    assert shown.low <= shown.value <= shown.high < sharpe * math.sqrt(YEAR)
    assert said["minimum_backtest_length"].value == expected_maximum(500) ** 2


def test_superior_combinations_are_counted_by_sharpe_ratio() -> None:
    sample = returns()
    sample[:, 3:5] += 0.006
    sample[:, 4] *= 1e-3  # small returns, the same Sharpe ratio
    assert ask(sample)["superior_combinations"].value == 2.0


def test_the_same_input_gives_the_same_opinions() -> None:
    sample = returns()
    before = sample.copy()
    first = ask(sample)
    assert first == ask(sample)
    assert first["probability_of_overfitting"] != ask(sample, seed=5)["probability_of_overfitting"]
    assert (sample == before).all()


def test_what_is_unknown_says_why() -> None:
    said = ask(np.zeros((9, 0)), np.zeros(9), trials=3, sharpe_variance=math.nan, maxima=np.zeros(0))
    for item in said.items[:-1]:
        assert math.isnan(item.value), item.name
        assert math.isnan(item.low)
        assert item.meaning.startswith("unknown: "), item.name
    assert "variance" in said["deflated_sharpe"].meaning
    assert "permuted" in said["deflated_sharpe_implied"].meaning
    assert "vary" in said["probabilistic_sharpe"].meaning
    assert not said["minimum_backtest_length"].meaning.startswith("unknown")


@pytest.mark.parametrize("sample", [np.zeros((40, 3)), np.zeros((0, 3)), np.zeros((1, 2))])
def test_days_without_a_trade_are_no_trouble(sample: np.ndarray) -> None:
    said = ask(sample, np.zeros(len(sample)))
    assert math.isnan(said["haircut_sharpe"].value)


def test_a_search_of_one_is_not_deflated() -> None:
    said = ask(returns(), trials=1, sharpe_variance=math.nan)
    assert said["deflated_sharpe"].value == said["probabilistic_sharpe"].value


def test_wrong_input_is_refused() -> None:
    sample = returns(40, 2)
    with pytest.raises(InputError, match="sample"):
        ask(sample, np.zeros(39))
    with pytest.raises(InputError, match="finite"):
        ask(sample, np.full(40, np.nan))
    with pytest.raises(InputError, match="trials"):
        ask(sample, trials=0)
    with pytest.raises(AttributeError):
        ask(sample).items = ()  # type: ignore[misc]
