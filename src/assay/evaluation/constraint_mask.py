"""Which combinations of a grid a strategy's constraint refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.strategies.base import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from assay.engine import Combinations
    from assay.parameters import Value


@dataclass(frozen=True, eq=False)
class ConstraintMask:
    """Which combinations a strategy's constraint refuses.

    The constraint is asked once per combination of the parameters that it reads, however large the grid is.

    Attributes
    ----------
    combinations : Combinations
    names : tuple of str
        The parameters that the constraint reads.
    table : bool, shape (values of each of them)
    """

    combinations: Combinations
    names: tuple[str, ...]
    table: NDArray[np.bool_]

    @classmethod
    def of(cls, strategy: Strategy, combinations: Combinations) -> ConstraintMask:
        """Find what the constraint reads, and its answers."""
        values = combinations.values
        if type(strategy).constraint is Strategy.constraint:
            return cls(combinations, (), np.zeros((), dtype=np.bool_))
        names: tuple[str, ...] = ()
        while True:
            shape = tuple(len(values[name]) for name in names)
            table = np.zeros(shape, dtype=np.bool_)
            read: set[str] = set()
            for index in np.ndindex(shape):
                chosen = dict(zip(names, index, strict=True))
                point = _Read({name: v[chosen.get(name, 0)] for name, v in values.items()}, read)
                table[index] = strategy.constraint(point) is not None
            if read & set(values) <= set(names):
                return cls(combinations, names, table)
            names = tuple(name for name in values if name in read or name in names)

    def at(self, position: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some combinations are refused, shape (n,)."""
        if not self.names:
            return np.broadcast_to(self.table, len(position))
        order = list(self.combinations.values)
        if self.combinations.points is not None:
            index = tuple(self.combinations.points[position, order.index(name)] for name in self.names)
        else:
            every = np.unravel_index(position, [len(v) for v in self.combinations.values.values()])
            index = tuple(every[order.index(name)] for name in self.names)
        return np.asarray(self.table[index])


class _Read(dict[str, "Value"]):
    """Values that remember which of them were read."""

    def __init__(self, values: Mapping[str, Value], read: set[str]) -> None:
        super().__init__(values)
        self._read = read

    def __getitem__(self, name: str) -> Value:
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._read.add(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self._read.update(self.keys())
        return super().__iter__()

    def items(self) -> Any:
        self._read.update(self.keys())
        return super().items()

    def values(self) -> Any:
        self._read.update(self.keys())
        return super().values()
