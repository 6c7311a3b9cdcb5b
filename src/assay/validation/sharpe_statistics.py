"""Sharpe statistics: what the literature says of the best of a search. Shown, never a gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError
from assay.validation.haircut import haircut_sharpe
from assay.validation.overfitting import probability_of_overfitting
from assay.validation.reality import REPETITIONS, SIZE, scale_of, superior_ability
from assay.validation.sharpe import (
    CONVENTION,
    deflated_sharpe,
    implied_trials,
    minimum_backtest_length,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.validation.sharpe import DeflatedSharpe


@dataclass(frozen=True, slots=True)
class SharpeStatistic:
    """One number about a search.

    Attributes
    ----------
    name : str
    value : float
        NaN when unknown; `meaning` then says why.
    low, high : float
        What stands beside the value, as `meaning` says; NaN where there is nothing.
    meaning : str
        In words, with its unit.
    source : str
        The paper.
    """

    name: str
    value: float
    low: float
    high: float
    meaning: str
    source: str


@dataclass(frozen=True, slots=True)
class SharpeStatistics:
    """All Sharpe statistics of one search.

    Attributes
    ----------
    items : tuple of SharpeStatistic
    convention : str
        Which form of the Sharpe ratio's variance and which kurtosis are used.
    """

    items: tuple[SharpeStatistic, ...]
    convention: str = CONVENTION

    def __getitem__(self, name: str) -> SharpeStatistic:
        return next(item for item in self.items if item.name == name)


@dataclass(frozen=True, eq=False)
class _Search:
    """What is known of a search, with the moments of its winner per period."""

    winner: NDArray[np.float64]
    sample: NDArray[np.float64]
    variance: float
    trials: int
    maxima: NDArray[np.float64]
    year: int
    seed: int
    sharpe: float
    skewness: float
    kurtosis: float

    @property
    def days(self) -> int:
        return len(self.winner)

    def deflated(self, trials: float) -> DeflatedSharpe:
        return deflated_sharpe(self.sharpe, self.days, trials, self.variance, self.skewness, self.kurtosis)


def sharpe_statistics(
    winner: NDArray[np.float64],
    sample: NDArray[np.float64],
    *,
    sharpe_variance: float,
    trials: int,
    maxima: NDArray[np.float64],
    days_per_year: int,
    seed: int,
) -> SharpeStatistics:
    """Ask every statistic about the best of a search.

    The sample is tested as it is: the winner is not added to it, because it was chosen among all combinations and would
    be judged as the best of a few.

    Parameters
    ----------
    winner : float64, shape (T,)
        Daily returns of the best combination on the days that chose it.
    sample : float64, shape (T, N)
        Daily returns of an evenly thinned sample of the combinations, on the same days.
    sharpe_variance : float
        Variance of the per-day Sharpe ratio over all combinations; NaN when unknown.
    trials : int
        Combinations tried, 1 or more.
    maxima : float64, shape (permutations,)
        Annual Sharpe ratio of the best of each search on permuted bars; empty when not run, or when the search had
        another objective.
    days_per_year : int
    seed : int
        Of the bootstrap of SPA and of the null matrices of PBO.

    Raises
    ------
    InputError
        When days differ, a return is not finite or `trials` is below 1.
    """
    if sample.ndim != 2 or len(sample) != len(winner):
        raise InputError("sample", f"must have the winner's {len(winner)} days as rows", sample.shape)
    if not (np.isfinite(winner).all() and np.isfinite(sample).all()):
        raise InputError("returns", "must be finite", "NaN or infinity")
    if trials < 1:
        raise InputError("trials", "must be 1 or more", trials)
    search = _Search(winner, sample, sharpe_variance, trials, maxima, days_per_year, seed, *moments(winner))
    return SharpeStatistics(
        (
            _probabilistic(search),
            _track_record(search),
            _deflated(search),
            _deflated_by_permutations(search),
            _overfitting(search),
            *_superior(search),
            _haircut(search),
            _backtest_length(search),
        )
    )


def _statistic(
    name: str, value: float, meaning: str, source: str, *, unknown: str, low: float = math.nan, high: float = math.nan
) -> SharpeStatistic:
    """Return a statistic whose meaning is the reason where the value is unknown."""
    return SharpeStatistic(name, value, low, high, f"unknown: {unknown}" if math.isnan(value) else meaning, source)


_NO_SHARPE = "the winner's daily returns do not vary, or their moments allow no standard error"


def _probabilistic(s: _Search) -> SharpeStatistic:
    return _statistic(
        "probabilistic_sharpe",
        probabilistic_sharpe(s.sharpe, s.days, s.skewness, s.kurtosis),
        "probability, by the days that chose the winner (in sample), that its true Sharpe ratio is above 0, as if "
        "nothing had been searched",
        "Bailey and Lopez de Prado 2012",
        unknown=_NO_SHARPE,
    )


def _track_record(s: _Search) -> SharpeStatistic:
    return _statistic(
        "minimum_track_record",
        minimum_track_record(s.sharpe, s.skewness, s.kurtosis) / s.year,
        f"years of such days after which the Sharpe ratio is above 0 with 95 % confidence; there are "
        f"{s.days / s.year:.2f}",
        "Bailey and Lopez de Prado 2012",
        unknown="the winner's Sharpe ratio is not above 0",
    )


def _threshold(s: _Search, deflated: DeflatedSharpe) -> str:
    return f"annual Sharpe ratio of {deflated.threshold * math.sqrt(s.year):.2f}"


def _deflated(s: _Search) -> SharpeStatistic:
    found = s.deflated(s.trials)
    return _statistic(
        "deflated_sharpe",
        found.probability,
        f"probability, by the days that chose the winner (in sample), that its true Sharpe ratio is above what the "
        f"best of {s.trials:,} independent trials shows by luck, an {_threshold(s, found)}; too strict, because "
        "combinations of a grid are alike",
        "Bailey and Lopez de Prado 2014",
        unknown=_NO_SHARPE if math.isfinite(found.threshold) else "the variance over all combinations is not known",
    )


def _deflated_by_permutations(s: _Search) -> SharpeStatistic:
    trials = implied_trials(s.maxima / math.sqrt(s.year), s.variance)
    found = s.deflated(trials)
    reason = (
        "no number of trials explains the permuted searches" if len(s.maxima) else "no permuted search was measured"
    )
    return _statistic(
        "deflated_sharpe_implied",
        found.probability,
        f"the same for the {trials:,.0f} independent trials whose luck equals that of the searches on permuted bars, "
        f"an {_threshold(s, found)}",
        "Bailey and Lopez de Prado 2014; N from the permutation test",
        unknown=reason if math.isnan(trials) else _NO_SHARPE,
    )


def _overfitting(s: _Search) -> SharpeStatistic:
    found = probability_of_overfitting(s.sample, seed=s.seed)
    return _statistic(
        "probability_of_overfitting",
        found.pbo,
        f"share of splits in which the best of {s.sample.shape[1]} combinations on one half of the days ranks in the "
        "lower half on the other; beside it the 95 % band of combinations none of which is better: inside it nothing "
        "is shown",
        "Bailey, Borwein, Lopez de Prado and Zhu 2017",
        unknown="the sample has fewer than 2 combinations or fewer than 32 days",
        low=found.null_low,
        high=found.null_high,
    )


def _superior(s: _Search) -> tuple[SharpeStatistic, SharpeStatistic]:
    found = superior_ability(s.sample / scale_of(s.sample) if s.days > 1 else s.sample, seed=s.seed)
    unknown = "the sample has no combination or fewer than 10 days"
    count = s.sample.shape[1]
    return (
        _statistic(
            "superior_ability",
            found.consistent,
            f"p value that none of {count} sampled combinations has a Sharpe ratio above 0, beside its lower and upper "
            f"bounds ({REPETITIONS:,} bootstrap repetitions: 0 is below {1 / REPETITIONS:g})",
            "Hansen 2005",
            unknown=unknown,
            low=found.lower,
            high=found.upper,
        ),
        _statistic(
            "superior_combinations",
            math.nan if math.isnan(found.consistent) else float(len(found.superior)),
            f"how many of {count} sampled combinations have a Sharpe ratio above 0, with at most {100 * SIZE:.0f} % "
            "probability of one mistake or more",
            "Romano and Wolf 2005",
            unknown=unknown,
        ),
    )


def _haircut(s: _Search) -> SharpeStatistic:
    others = s.sample.mean(axis=0) / scale_of(s.sample) if s.days > 1 else None
    cut = haircut_sharpe(s.sharpe, s.days, s.trials, others)
    annual = [value * math.sqrt(s.year) for value in (cut.bhy, cut.bonferroni, cut.holm)]
    return _statistic(
        "haircut_sharpe",
        annual[0],
        f"annual Sharpe ratio of {s.sharpe * math.sqrt(s.year):.2f} after the haircut for {s.trials:,} trials (BHY; "
        "beside it the least and the most of Bonferroni, Holm and BHY)",
        "Harvey and Liu 2015",
        unknown="the winner's Sharpe ratio is not above 0: there is nothing to cut",
        low=min(annual),
        high=max(annual),
    )


def _backtest_length(s: _Search) -> SharpeStatistic:
    return _statistic(
        "minimum_backtest_length",
        minimum_backtest_length(s.trials),
        f"years of data below which the best of {s.trials:,} trials without an edge shows an annual Sharpe ratio of 1; "
        f"there are {s.days / s.year:.2f}",
        "Bailey, Borwein, Lopez de Prado and Zhu 2014",
        unknown="no trial",
    )
