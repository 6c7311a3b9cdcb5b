"""Trades in groups: by side, hour, weekday, reason, or whatever tells them apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine.measures import compounded_pct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TradeGroup:
    """Trades that have something in common; NaN where there are none.

    Attributes
    ----------
    name : str
    trades : int
    win_rate : float
        Share with a net return above 0.
    mean_r : float
        Mean result in multiples of the risk.
    mean_net_pct : float
        Mean net return of a trade, percent points of its notional.
    net_profit_pct : float
        What these trades alone bring, one after the other at their sizes: the groups compound to the net profit.
    """

    name: str
    trades: int
    win_rate: float
    mean_r: float
    mean_net_pct: float
    net_profit_pct: float


def trade_groups(
    keys: NDArray[np.int64],
    names: Sequence[str],
    *,
    size: NDArray[np.float64],
    net_return: NDArray[np.float64],
    r_multiple: NDArray[np.float64],
) -> tuple[TradeGroup, ...]:
    """Return a group of trades for each name, empty ones too.

    Parameters
    ----------
    keys : int64, shape (n,)
        The position of each trade's name in `names`.
    size, net_return, r_multiple : float64, shape (n,)
        As in `Trades`.
    """
    return tuple(
        _group(name, size[chosen], net_return[chosen], r_multiple[chosen])
        for name, chosen in ((name, keys == i) for i, name in enumerate(names))
    )


def _group(
    name: str, size: NDArray[np.float64], net: NDArray[np.float64], r_multiple: NDArray[np.float64]
) -> TradeGroup:
    if not len(net):
        return TradeGroup(name, 0, math.nan, math.nan, math.nan, math.nan)
    return TradeGroup(
        name=name,
        trades=len(net),
        win_rate=float(np.mean(net > 0)),
        mean_r=float(r_multiple.mean()),
        mean_net_pct=100.0 * float(net.mean()),
        net_profit_pct=compounded_pct(size * net),
    )
