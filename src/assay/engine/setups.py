"""`Setups`: the moments at which a pattern could be complete, one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine.layout import LEVELS
from assay.errors import StrategyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

_FEW = 10
"""Wrong values that are named, at most."""


@dataclass(frozen=True, eq=False)
class Setups:
    """One row per possible entry, sorted by bar, longs before shorts on one bar.

    Several rows of one bar and side are in order of preference: the first that passes is the signal.
    Build with `Setups.build`.

    Attributes
    ----------
    bar : int64, shape (n,)
        The signal bar; a signal is known at its close and fills at the next open.
    side : int8, shape (n,)
        +1 long, -1 short.
    features : mapping of str to float64, shape (n,)
        What the parameters judge. NaN passes no rule.
    levels : float64, shape (n, 8)
        The columns of `LEVELS`.
    flat_by : int64, shape (n,)
        Bar at whose close the position must be flat; -1 = none.
    groups : int64, shape (n, 2)
        Group ids for the two trade limits; -1 = none.
    """

    bar: NDArray[np.int64]
    side: NDArray[np.int8]
    features: Mapping[str, NDArray[np.float64]]
    levels: NDArray[np.float64]
    flat_by: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bar)

    @classmethod
    def build(
        cls,
        *,
        bar: ArrayLike,
        side: ArrayLike,
        features: Mapping[str, ArrayLike],
        flat_by: ArrayLike | None = None,
        group_a: ArrayLike | None = None,
        group_b: ArrayLike | None = None,
        **levels: ArrayLike,
    ) -> Setups:
        """Check the columns and bring the rows into order (stable, so preference is kept).

        Parameters
        ----------
        bar, side : array_like, shape (n,)
            Signal bars and +1 or -1.
        features : mapping of str to array_like
            Shape (n,) each.
        **levels : array_like
            Any of `LEVELS`, shape (n,); `stop_base` defaults to the close of the signal bar.

        Raises
        ------
        StrategyError
            When a column is unknown, has another length, or holds what it may not.
        """
        bars = _whole("bar", bar)
        n = len(bars)
        if unknown := set(levels) - set(LEVELS):
            raise StrategyError("setups", f"levels may be {', '.join(LEVELS)}", sorted(unknown))

        def column(name: str, values: ArrayLike | None, default: float, dtype: type) -> NDArray[Any]:
            filled: NDArray[Any]
            if values is None:
                filled = np.full(n, default, dtype)
            else:
                filled = _numbers(name, values) if dtype is np.float64 else _whole(name, values)
            if filled.shape != (n,):
                raise StrategyError(f"setups {name}", f"must have shape ({n},) like bar", filled.shape)
            return filled

        wide = column("side", side, 0, np.int64)
        if n and not np.isin(wide, (-1, 1)).all():
            raise StrategyError("setups side", "must be +1 or -1", np.unique(wide)[:_FEW].tolist())
        sides = wide.astype(np.int8)
        if n and bars.min() < 0:
            raise StrategyError("setups bar", "must not be negative", int(bars.min()))
        order = np.lexsort((-sides.astype(np.int64), bars))
        return cls(
            bar=bars[order],
            side=sides[order],
            features={k: column(k, v, np.nan, np.float64)[order] for k, v in features.items()},
            levels=np.stack([column(k, levels.get(k), np.nan, np.float64)[order] for k in LEVELS], axis=1),
            flat_by=column("flat_by", flat_by, -1, np.int64)[order],
            groups=np.stack(
                [column(k, v, -1, np.int64)[order] for k, v in (("group_a", group_a), ("group_b", group_b))],
                axis=1,
            ),
        )

    def check(self, bars: int) -> None:
        """Refuse a table that is not as `build` makes it, or whose rows lie outside of so many bars.

        Raises
        ------
        StrategyError
            Naming the column.
        """
        n = len(self.bar)
        wanted: dict[str, tuple[type, tuple[int, ...]]] = {
            "bar": (np.int64, (n,)),
            "side": (np.int8, (n,)),
            "levels": (np.float64, (n, len(LEVELS))),
            "flat_by": (np.int64, (n,)),
            "groups": (np.int64, (n, 2)),
        }
        columns = [(name, getattr(self, name), *kind) for name, kind in wanted.items()]
        columns += [(name, column, np.float64, (n,)) for name, column in self.features.items()]
        for name, column, dtype, shape in columns:
            if not (isinstance(column, np.ndarray) and column.dtype == dtype and column.shape == shape):
                found = f"{getattr(column, 'dtype', type(column).__name__)} of shape {np.shape(column)}"
                rule = f"must be {np.dtype(dtype)} of shape {shape}, as Setups.build makes it"
                raise StrategyError(f"setups {name}", rule, found)
        if n and (self.bar[1:] < self.bar[:-1]).any():
            raise StrategyError("setups bar", "must be in order, as Setups.build makes it")
        if n and not 0 <= int(self.bar[0]) <= int(self.bar[-1]) < bars:
            out = int(self.bar[0]) if self.bar[0] < 0 else int(self.bar[-1])
            raise StrategyError("setups bar", f"must lie in 0 to {bars - 1}, the bars that were handed over", out)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Setups:
        """Return some of the rows, in order."""
        return Setups(
            bar=self.bar[rows],
            side=self.side[rows],
            features={k: v[rows] for k, v in self.features.items()},
            levels=self.levels[rows],
            flat_by=self.flat_by[rows],
            groups=self.groups[rows],
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Setups]) -> Setups:
        """Join setups into one table in the kernels' order, keeping each part's order of preference.

        Features that not all parts have are left out.
        """
        names = [name for name in parts[0].features if all(name in p.features for p in parts)]
        bar = np.concatenate([p.bar for p in parts])
        side = np.concatenate([p.side for p in parts])
        order = np.lexsort((-side.astype(np.int64), bar))
        return cls(
            bar=bar[order],
            side=side[order],
            features={k: np.concatenate([p.features[k] for p in parts])[order] for k in names},
            levels=np.concatenate([p.levels for p in parts])[order],
            flat_by=np.concatenate([p.flat_by for p in parts])[order],
            groups=np.concatenate([p.groups for p in parts])[order],
        )


def _whole(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Return whole numbers; a mask or a fraction would be cut to a number that was not meant."""
    given = np.asarray(values)
    if given.dtype == np.bool_:
        raise StrategyError(f"setups {name}", "must be whole numbers, not a mask (np.flatnonzero makes numbers of one)")
    if given.dtype.kind not in "iu":
        given = _numbers(name, given)
        if len(odd := given[~(np.floor(given) == given) | np.isinf(given)]):
            raise StrategyError(f"setups {name}", "must be whole numbers", odd[:_FEW].tolist())
    if given.ndim != 1:
        raise StrategyError(f"setups {name}", "must have one dimension", given.shape)
    return given.astype(np.int64, copy=False)


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return real numbers."""
    given = np.asarray(values)
    if given.dtype.kind not in "biufO":
        raise StrategyError(f"setups {name}", "must be numbers", str(given.dtype))
    try:
        return given.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise StrategyError(f"setups {name}", "must be numbers", str(given.dtype)) from None
