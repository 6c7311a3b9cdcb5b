"""`OhlcvColumns`: candles as six arrays, on their way between exchange, file and database.

They are what a source has; `Bars` lays them on the grid of its market and inserts the stamps that are absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.market.bars import PRICES

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

VALUES = (*PRICES, "volume")
COLUMNS = ("time", *VALUES)
"""Names, in the order in which they are written and read everywhere."""


@dataclass(frozen=True, eq=False)
class OhlcvColumns(Mapping[str, "NDArray[Any]"]):
    """Candles that a source has, all of shape (n,), also by name as a mapping.

    Attributes
    ----------
    time : int64
        Opens in milliseconds UTC.
    open, high, low, close : float64
    volume : float64
        NaN where it is unknown.
    """

    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    @classmethod
    def of(cls, named: Mapping[str, NDArray[Any]]) -> Self:
        """Return the six columns of a mapping that has them, and perhaps others."""
        return cls(**{name: named[name] for name in COLUMNS})

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in COLUMNS:
            raise KeyError(name)
        column: NDArray[Any] = getattr(self, name)
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def __len__(self) -> int:
        """Return the number of columns; that of candles is ``len(columns.time)``."""
        return len(COLUMNS)

    @property
    def has_volume(self) -> bool:
        """Whether any volume is known."""
        return not bool(np.isnan(self.volume).all())

    def rows(self, which: NDArray[Any]) -> Self:
        """Return the candles at these positions, or where a mask of shape (n,) is true."""
        return type(self)(**{name: column[which] for name, column in self.items()})
