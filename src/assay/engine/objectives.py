"""What a search may maximise: each objective declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.engine.sums import from_sums

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
            NaN where it is undefined.
        """
        value = from_sums(sums, self.name, days_per_year)
        return value - self.neutral if self.neutral else value


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
