"""What else was tried on the same days, and what that does to a p.

One permutation test holds its error rate. Whoever tries twenty searches on the same days and keeps the best has made
one larger search, and its p is that of the largest statistic among all of them: single-step maxT on studentised
statistics (Westfall and Young 1993; Romano and Wolf 2005). Permutation b is the same market for every experiment, so
the null statistics of two experiments depend on each other as their real ones do: near copies cost almost nothing,
unrelated tries in full.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.market.calendar import ROUND_THE_CLOCK
from assay.validation.lifecycle import MAX_P

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from assay.market import Bars
    from assay.validation.permutation import PermutationTest

EQUAL_RETURNS = 1e-4
"""Daily returns that differ by less are those of the same market."""

MEMBER_DIGITS = 16
"""So many digits of a digest tell an experiment from all others of a ledger."""

MIN_SHARED = 0.5
"""Two histories are the same days when more than this share of the shorter one's daily returns are equal."""


@dataclass(frozen=True, eq=False)
class DayCloses:
    """The closes of a history by UTC day: what tells whether two experiments have seen the same days.

    Attributes
    ----------
    first : int
        Ordinal of the first day since 1970.
    closes : float32, shape (days,)
        Last traded price of each day.
    """

    first: int
    closes: NDArray[np.float32]

    @classmethod
    def of(cls, bars: Bars, start: int, stop: int) -> DayCloses:
        """Return the closes of bars[start:stop]."""
        day = ROUND_THE_CLOCK.day(bars.time[start:stop])
        days = np.arange(int(day[0]), int(day[-1]) + 1)
        last = start + np.searchsorted(day, days, side="right") - 1
        return cls(int(days[0]), bars.mark[last].astype(np.float32))

    @property
    def returns(self) -> NDArray[np.float64]:
        """Daily returns, shape (days - 1,)."""
        closes = self.closes.astype(np.float64)
        return closes[1:] / closes[:-1] - 1.0

    def _equal(self, other: DayCloses) -> tuple[int, int]:
        """Return how many daily returns of the days in common are equal, and of how many."""
        begin = max(self.first, other.first)
        end = min(self.first + len(self.closes), other.first + len(other.closes))
        if end - begin < 2:
            return 0, 0
        a, b = (x.returns[begin - x.first : end - x.first - 1] for x in (self, other))
        return int(np.sum(np.abs(a - b) < EQUAL_RETURNS)), end - begin - 1

    def same_market_as(self, other: DayCloses) -> bool:
        """Whether more than half of the daily returns of the days in common are equal, however few those are."""
        equal, common = self._equal(other)
        return equal > MIN_SHARED * common

    def same_days_as(self, other: DayCloses) -> bool:
        """Whether more than half of the shorter history's daily returns are equal, whatever the files are called."""
        shorter = min(len(self.closes), len(other.closes)) - 1
        if shorter < 1:  # a single day has no return to compare
            return self.first < other.first + len(other.closes) and other.first < self.first + len(self.closes)
        return self._equal(other)[0] > MIN_SHARED * shorter


@dataclass(frozen=True, eq=False)
class TriedExperiment:
    """Another experiment on the same days.

    Attributes
    ----------
    digest : str
        Of the experiment.
    statistic : float
        Its best score on the real bars.
    maxima : float64, shape (k,)
        Its best score on permuted bars 0 to k - 1; empty where they are unknown.
    """

    digest: str
    statistic: float
    maxima: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NullStatistics:
    """What a search finds on the real bars, and on permuted ones.

    Attributes
    ----------
    statistic : float
        Best score on the real bars.
    first : int
        Index of the first permutation.
    maxima : float64, shape (k,)
        Best scores on the permuted bars.
    """

    statistic: float
    first: int
    maxima: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A p with everything that was tried on the same days counted in.

    Attributes
    ----------
    ledger : str or None
        Identity of the ledger that was asked.
    experiments : int
        Other experiments on these days.
    unknown : int
        Those of them without null statistics, which cost in full.
    permutations : int
        Null statistics that were compared.
    p_adjusted : float
        NaN where it was not asked for: p alone is too large already, or unknown.
    digest : str
        Over the experiments and their statistics: the same experiment in the same campaign gives the same bytes.
    needed : int or None
        Permutations with which `MAX_P` could be reached, where these are too few.
    members : tuple of str
        The first `MEMBER_DIGITS` digits of the digests of the other experiments, in order.
    declared : str or None
        The note with which the experiment was declared before any of it was run; None where it was not.
    declared_at : int or None
        When, milliseconds UTC.
    """

    ledger: str | None
    experiments: int
    unknown: int
    permutations: int
    p_adjusted: float
    digest: str
    needed: int | None = None
    members: tuple[str, ...] = ()
    declared: str | None = None
    declared_at: int | None = None

    @property
    def counts(self) -> bool:
        """Whether the others were counted in: only where the experiment would be promoted without them."""
        return not math.isnan(self.p_adjusted)


def adjusted_p(
    statistic: float, maxima: NDArray[np.float64], p_value: float, others: Sequence[TriedExperiment]
) -> tuple[float, int]:
    """Return p with the other experiments counted in, and how many of them are unknown.

    Parameters
    ----------
    statistic : float
        The best score on the real bars.
    maxima : float64, shape (B,)
        On permuted bars.
    p_value : float
    others : sequence of TriedExperiment
        In any order; those with fewer than B null statistics are unknown and cost as if they were unrelated.
    """
    if math.isnan(p_value) or not len(maxima):
        return math.nan, 0
    n = len(maxima)
    known = [other for other in others if len(other.maxima) >= n]
    unknown = len(others) - len(known)
    observed, largest = _studentised(statistic, maxima)
    for other in known:
        largest = np.maximum(largest, _studentised(other.statistic, other.maxima[:n])[1])
    joint = max(p_value, (1 + int(np.sum(largest >= observed))) / (1 + n))
    return 1.0 - (1.0 - joint) * (1.0 - p_value) ** unknown if unknown else joint, unknown


def _studentised(statistic: float, maxima: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the observed value and the null values in standard deviations from their common mean.

    A search that finds no candidate cannot be the best of a campaign, whatever its scores are: minus infinity.
    """
    values = np.append(maxima, statistic)
    known = values[np.isfinite(values)]
    spread = float(known.std()) if len(known) else 0.0
    if not spread > 1e-12 * max(float(np.abs(known).max(initial=0.0)), 1.0):
        return -math.inf, np.full(len(maxima), -math.inf)
    z = np.where(np.isfinite(values) & (values > 0.0), (values - known.mean()) / spread, -math.inf)
    return float(z[-1]), z[:-1]


def settle_campaign(
    ledger: str | None, test: PermutationTest, others: Sequence[TriedExperiment], *, asked: bool = True
) -> Campaign:
    """Return what the other experiments on the same days do to a p.

    Parameters
    ----------
    ledger : str or None
        Identity of the ledger that names the others.
    test : PermutationTest
        Of the experiment itself.
    others : sequence of TriedExperiment
        In any order.
    asked : bool
        Whether the answer matters: not where other gates have said no.
    """
    statistic, maxima, p_value = test.statistic, test.maxima, test.p_value
    ordered = sorted(others, key=lambda other: other.digest)
    asked = asked and p_value <= MAX_P
    p_adjusted, unknown = adjusted_p(statistic, maxima, p_value, ordered) if asked else (math.nan, 0)
    content = hashlib.sha256()
    for other in ordered:
        content.update(other.digest.encode())
        if asked:
            content.update(other.maxima[: len(maxima)].tobytes() + np.float64(other.statistic).tobytes())
    wanted = needed_permutations(unknown)
    return Campaign(
        ledger=ledger,
        experiments=len(ordered),
        unknown=unknown,
        permutations=len(maxima),
        p_adjusted=p_adjusted,
        digest=content.hexdigest(),
        needed=wanted if asked and wanted > len(maxima) else None,
        members=tuple(other.digest[:MEMBER_DIGITS] for other in ordered),
    )


def needed_permutations(unknown: int, limit: float = MAX_P) -> int:
    """Return how many permutations a p below the limit needs beside so many unknown experiments."""
    return math.ceil(1.0 / (1.0 - math.pow(1.0 - limit, 1.0 / (1 + unknown))) - 1e-9) - 1
