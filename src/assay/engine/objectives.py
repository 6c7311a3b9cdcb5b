"""What a search may maximise: each objective declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import layout
from assay.engine.sums import LOSSES, from_sums, without_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_LOSS = 1e9
"""What a run without a loss is worth where the objective is a ratio to losses: more than any ratio that is known.

The ratio is undefined and stays so as a measure, but a search must rank: without a loss is better than with one. The
number is such that it stays above the largest ratio counted (1e6) when it is shrunk for 11 trades, the fewest that any
point can win with."""

PROFIT_SHARE = 1e3
"""Added to `NO_LOSS` for the profit: this times 1 - 1/equity, which grows with the profit and stays below 1.

Between runs of equally many trades the profit decides, to 1e-10 of the equity. One trade more outweighs any profit, up
to some 10,000 trades: from there on another trade says nothing new."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A measure that a search maximises.

    Attributes
    ----------
    name : str
        Of the measure; its formula is in `assay.engine.sums`.
    help : str
        In words, with its unit.
    neutral : float
        What it is worth to trade nothing: a search counts from there, so that good is positive.
    of_sums : bool
        Whether it is a function of sums that several markets can add up; a drawdown is not.
    """

    name: str
    help: str
    neutral: float = 0.0
    of_sums: bool = True

    def worth(self, sums: NDArray[np.float64], days_per_year: int) -> NDArray[np.float64]:
        """Return what runs are worth, counted from the neutral value.

        Parameters
        ----------
        sums : float64, shape (..., 11)
        days_per_year : int

        Returns
        -------
        float64, shape (...)
            NaN where it is undefined. `NO_LOSS` or more, by at most `PROFIT_SHARE`, for a run that made money without
            the losses that a ratio needs; every ratio is below.
        """
        value = from_sums(sums, self.name, days_per_year)
        if self.neutral:
            value = value - self.neutral
        if self.name not in LOSSES:
            return value
        value = np.minimum(value, 0.5 * NO_LOSS)
        perfect = without_loss(sums, self.name)
        if not perfect.any():
            return value
        equity = np.maximum(sums[..., layout.SUM_EQUITY], 1.0)
        return np.where(perfect, NO_LOSS + PROFIT_SHARE * (1.0 - 1.0 / equity), value)


def has_no_loss(worth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which worths, shape (n,), are those of runs without a loss: no value of their measure."""
    return (worth >= NO_LOSS) & (worth <= NO_LOSS + PROFIT_SHARE)


OBJECTIVES: dict[str, Objective] = {
    one.name: one
    for one in (
        Objective("sharpe_ratio", "annual Sharpe ratio of daily returns"),
        Objective("net_profit_pct", "net profit, %", of_sums=False),
        Objective("calmar_ratio", "annual return over the largest drawdown", of_sums=False),
        Objective("sortino_ratio", "annual mean over the root mean square of the losing days"),
        Objective("profit_factor", "sum of the wins over that of the losses", neutral=1.0),
        Objective("expectancy_pct", "mean net return of a trade, %"),
    )
}
"""Every objective by name, in the order of the help."""
