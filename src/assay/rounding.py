"""When a spread is nothing but rounding: values that do not vary have no ratio of mean to spread.

Floats that stand for the same number differ in their last bits, and a sum of squares less the square of a sum keeps of
equal values whatever the rounding leaves. Their spread is then no 0 but noise, and a ratio over it is a Sharpe ratio of
1e8. How large the noise can be follows from how floats are rounded, with u = 2^-53, the most that one operation errs by
in shares of its result:

- **Summing.** A sum of n terms errs by at most (n - 1) u times the sum of their sizes (Higham, Accuracy and Stability
  of Numerical Algorithms, 2002, section 4.2). Of n values with squares that sum to Q, the sum of squares is wrong by
  n u Q, squaring included; the sum by n u sqrt(n Q), hence its square over n by 2 n u Q; a quotient, a product and a
  difference add 3 u Q at most: together no more than 4 n u Q.
- **The values.** A return is a quotient of two values, less 1. Prices off their decimals, slippage on either side, the
  quotient, fees, size times return and the equity that it is multiplied with are a dozen roundings of numbers near
  1, each u; with a leverage of ten some hundred: `ROUNDING` = 2^-46 is 128 of them. Values that err so much have
  squares about their mean of n ROUNDING^2 at most.

What does not exceed the sum of both is rounding. Over ten years the mean of a day would have to be 790,000 times its
spread, 1 / sqrt(4 n u), to be taken for constant: no market returns that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIT = 2.0**-53
"""The most by which one operation on floats errs, in shares of its result."""

ROUNDING = 2.0**-46
"""A return, an equity in shares of its start, or a fall of it, that is no larger than this is 0 but for rounding."""


def rounded_squares(n: Any, squares: Any) -> Any:
    """Return the largest sum of squares about their mean that n values may show by rounding alone.

    Parameters
    ----------
    n : int or ndarray
    squares : float or ndarray
        Sum of the squares of the values.
    """
    return n * (4.0 * UNIT * squares + ROUNDING * ROUNDING)


def deviation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sample standard deviation of each column, shape (n,) or (n, columns); NaN where they do not vary.

    NaN with fewer than two values as well.
    """
    n = len(values)
    if n < 2:
        return np.full(values.shape[1:], math.nan)
    spread = values.std(axis=0, ddof=1)
    noise = rounded_squares(n, np.sum(values * values, axis=0))
    return np.where((n - 1) * spread * spread > noise, spread, math.nan)
