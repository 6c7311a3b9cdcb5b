"""Numbers that are known from elsewhere: printed in papers, made by other libraries or worked by hand.

The one table of them: ``assay self-check`` recomputes it, the tests assert it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Bracket, Costs, Money, Setups, Signals, Sizing, Span, replay
from assay.market import Bars, Market, Timeframe
from assay.validation.combinatorial import backtest_paths, combinatorial_splits
from assay.validation.haircut import adjust_p_values, haircut_sharpe
from assay.validation.overfitting import probability_of_overfitting
from assay.validation.reality import SuperiorAbility, superior_ability
from assay.validation.sharpe import (
    deflated_sharpe,
    expected_maximum,
    implied_trials,
    minimum_backtest_length,
    minimum_track_record,
    probabilistic_sharpe,
    probabilistic_sharpe_of,
    sharpe_deviation,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FRONTIER = "Bailey and Lopez de Prado 2012, The Sharpe Ratio Efficient Frontier"
FRONTIER_AGAIN = "its formula, recomputed independently"
DEFLATED = "Bailey and Lopez de Prado 2014, The Deflated Sharpe Ratio"
QUANTILES = "its formula with the quantiles of scipy 1.17"
CHARLATANISM = "Bailey, Borwein, Lopez de Prado and Zhu 2014, Pseudo-Mathematics and Financial Charlatanism"
OVERFITTING = "Bailey, Borwein, Lopez de Prado and Zhu 2017, The Probability of Backtest Overfitting"
ADVANCES = "Lopez de Prado 2018, Advances in Financial Machine Learning, section 12.3"
ARCH = "arch 8.0"
HAIRCUT = "Harvey and Liu 2015, Backtesting"
BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """A number that Assay must find.

    Attributes
    ----------
    name : str
    compute : callable
        Without arguments.
    expected : float
    tolerance : float
        Largest absolute difference: half of the last digit that the source gives.
    source : str
    """

    name: str
    compute: Callable[[], float]
    expected: float
    tolerance: float
    source: str

    def check(self) -> Checked:
        """Compute the number and compare."""
        return Checked(self, float(self.compute()))


@dataclass(frozen=True, slots=True)
class Checked:
    """A reference value and what was computed."""

    reference: ReferenceValue
    computed: float

    @property
    def passes(self) -> bool:
        """Whether the difference is within the tolerance; NaN never is."""
        return abs(self.computed - self.reference.expected) <= self.reference.tolerance


@cache
def _kurtosis_trap() -> NDArray[np.float64]:
    """Returns on which plain and excess kurtosis give different answers."""
    r = np.full(60, 0.02)
    r[::12] = -0.08
    return r + np.linspace(-0.004, 0.004, 60)


@cache
def _pbo(blocks: int) -> float:
    matrix = np.random.default_rng(2024).standard_normal((240, 10))
    return probability_of_overfitting(matrix, blocks, draws=0).pbo


def _toy_pbo() -> float:
    up, down = [3.0, 0.0, 1.0], [-3.0, 0.0, 1.0]
    rows = np.array([up, up, down, down, up, up, down, down])
    return probability_of_overfitting(rows, 4, measure="mean", draws=0).pbo


@cache
def _spa(edge: float) -> SuperiorAbility:
    returns = np.random.default_rng(12345).standard_normal((500, 20)) * 0.01
    returns[:, 3] += edge
    return superior_ability(returns, seed=42, block=5, repetitions=2000)


def _only_superior(ability: SuperiorAbility) -> float:
    return ability.superior[0] if len(ability.superior) == 1 else math.nan


def _deflated(trials: int, annual: float = 2.5, per_year: int = 250) -> tuple[float, float]:
    found = deflated_sharpe(annual / math.sqrt(per_year), 1250, trials, 0.5 / per_year, -3.0, 10.0)
    return found.threshold, found.probability


def _track_record_years(per_year: int) -> float:
    root = math.sqrt(per_year)
    return minimum_track_record(2.0 / root, benchmark=1.0 / root) / per_year


def _count(make: Callable[[int, int], NDArray[np.int64]], groups: int, tested: int) -> int:
    return len(make(groups, tested))


def _adjusted(method: str, i: int) -> float:
    six = np.array([0.005, 0.009, 0.0128, 0.0135, 0.045, 0.06])
    return float(getattr(adjust_p_values(six), method)[i])


def _monthly_haircut(annual: float, months: int, trials: int) -> tuple[float, float]:
    """Adjusted p value and annual Sharpe ratio after Bonferroni's haircut."""
    cut = haircut_sharpe(annual / math.sqrt(12), months, trials)
    return cut.p_bonferroni, cut.bonferroni * math.sqrt(12)


def _stopped_out_pct(open_at: int, opened: float, stop: float) -> float:
    """Net return in percent of a long, entered on bar 3 of quiet bars around 100, whose bar `open_at` opens lower."""
    rows = np.tile([100.0, 100.5, 99.5, 100.0, 10.0], (8, 1))
    rows[open_at] = opened, opened + 0.5, opened - 1.0, opened, 10.0
    hour = Timeframe(3_600_000)
    bars = Bars.from_columns(Market("worked", "BTC/USDT", hour), np.arange(8) * hour.ms, *rows.T)
    setups = Setups.build(bar=[2], side=[1], features={}, stop_base=[stop], stop_unit=[1.0])
    span = Span(0, len(bars))
    signals = Signals.select(bars, setups, (), Bracket(stop=0.0, max_bars=20), {}, span)
    run = replay(bars, signals, Money(Costs(), Sizing("notional")), span)
    return 100.0 * float(run.trades.net_return[0])


REFERENCE_VALUES: tuple[ReferenceValue, ...] = (
    ReferenceValue("PSR, SR .458, 24 periods, normal", lambda: probabilistic_sharpe(0.458, 24), 0.982, 5e-4, FRONTIER),
    ReferenceValue("PSR, the same", lambda: probabilistic_sharpe(0.458, 24), 0.981675, 5e-7, FRONTIER_AGAIN),
    ReferenceValue(
        "PSR, skewness -2.448, kurtosis 10.164",
        lambda: probabilistic_sharpe(0.458, 24, -2.448, 10.164),
        0.913,
        5e-4,
        FRONTIER,
    ),
    ReferenceValue(
        "PSR, the same moments", lambda: probabilistic_sharpe(0.458, 24, -2.448, 10.164), 0.913361, 5e-7, FRONTIER_AGAIN
    ),
    ReferenceValue(
        "PSR of returns, plain kurtosis",
        lambda: probabilistic_sharpe_of(_kurtosis_trap()),
        0.9752200802,
        5e-11,
        FRONTIER_AGAIN,
    ),
    ReferenceValue(
        "deviation of a Sharpe ratio, 134 periods",
        lambda: sharpe_deviation(0.7079, 134, -0.2250, 2.9570),
        0.1028,
        5e-5,
        FRONTIER,
    ),
    ReferenceValue(
        "MinTRL, annual SR 2 against 1, daily, years", lambda: _track_record_years(250), 2.7311878, 5e-8, FRONTIER
    ),
    ReferenceValue("MinTRL, weekly, years", lambda: _track_record_years(52), 2.8288336, 5e-8, FRONTIER),
    ReferenceValue("expected maximum of 1", lambda: expected_maximum(1), 0.0, 0.0, DEFLATED),
    ReferenceValue("expected maximum of 10", lambda: expected_maximum(10), 1.574598, 5e-7, QUANTILES),
    ReferenceValue("expected maximum of 100", lambda: expected_maximum(100), 2.530603, 5e-7, QUANTILES),
    ReferenceValue("expected maximum of 1,000", lambda: expected_maximum(1000), 3.255122, 5e-7, QUANTILES),
    ReferenceValue(
        "trials implied by maxima of 2.530603",
        lambda: implied_trials(np.array([2.5, 2.561206]), 1.0),
        100.0,
        2e-4,
        QUANTILES,
    ),
    ReferenceValue("MinBTL, 45 trials, years", lambda: minimum_backtest_length(45), 4.998, 5e-4, CHARLATANISM),
    ReferenceValue("SR0 of 100 trials, per day", lambda: _deflated(100)[0], 0.1132, 5e-5, DEFLATED),
    ReferenceValue("DSR, 100 trials", lambda: _deflated(100)[1], 0.9004, 5e-5, DEFLATED),
    ReferenceValue("DSR, 46 trials", lambda: _deflated(46)[1], 0.9505, 5e-5, DEFLATED),
    *(
        ReferenceValue(
            f"CPCV {what}, N {groups}, k {tested}", partial(_count, make, groups, tested), number, 0.0, ADVANCES
        )
        for groups, tested, splits, paths in ((6, 2, 15, 5), (10, 2, 45, 9), (10, 8, 45, 36), (16, 8, 12870, 6435))
        for what, make, number in (("splits", combinatorial_splits, splits), ("paths", backtest_paths, paths))
    ),
    ReferenceValue("PBO, 8 blocks", lambda: _pbo(8), 0.3, 1e-12, f"{OVERFITTING}; ffn and holdout-backtest agree"),
    ReferenceValue(
        "PBO, 16 blocks", lambda: _pbo(16), 0.30186480186, 5e-12, f"{OVERFITTING}; ffn and holdout-backtest agree"
    ),
    ReferenceValue("PBO, 4 blocks, means", _toy_pbo, 1 / 3, 1e-12, BY_HAND),
    ReferenceValue("SPA, no edge, lower", lambda: _spa(0.0).lower, 0.531, 1e-12, ARCH),
    ReferenceValue("SPA, no edge, consistent", lambda: _spa(0.0).consistent, 0.6485, 1e-12, ARCH),
    ReferenceValue("SPA, no edge, upper", lambda: _spa(0.0).upper, 0.6675, 1e-12, ARCH),
    ReferenceValue("SPA, edge in column 3", lambda: _spa(0.0025).consistent, 0.0, 0.0, ARCH),
    ReferenceValue("StepM, the only superior column", lambda: _only_superior(_spa(0.0025)), 3.0, 0.0, ARCH),
    *(
        ReferenceValue(
            f"{method} of six p values, the {nth}", partial(_adjusted, method, i), number, tolerance, BY_HAND
        )
        for method, i, nth, number, tolerance in (
            ("bonferroni", 2, "third", 0.0768, 1e-12),
            ("holm", 3, "fourth", 0.0512, 1e-12),
            ("holm", 5, "sixth", 0.09, 1e-12),
            ("bhy", 0, "first", 0.0496125, 1e-12),
            ("bhy", 4, "fifth", 0.1323, 1e-12),
        )
    ),
    ReferenceValue(
        "haircut, annual SR .912, 120 months, 100 trials: p",
        lambda: _monthly_haircut(0.9122454608, 120, 100)[0],
        0.465,
        5e-4,
        f"{HAIRCUT}, their program",
    ),
    ReferenceValue(
        "long, entry open 100, exit at open 97, %", lambda: _stopped_out_pct(5, 97.0, 98.0), -3.2938546, 5e-8, BY_HAND
    ),
    ReferenceValue(
        "long, open 98 beyond its stop 98.5, %", lambda: _stopped_out_pct(3, 98.0, 98.5), -0.2998501, 5e-8, BY_HAND
    ),
)
