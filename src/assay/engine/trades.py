"""`Run`: what a replay did, trade by trade and day by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import layout

if TYPE_CHECKING:
    from numpy.typing import NDArray


def daily_returns(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return of each day from the equity at its end, shape (days,), the first against an equity of 1; 0 after ruin."""
    before = np.concatenate(([1.0], equity[:-1]))
    return np.divide(equity, before, out=np.ones_like(before), where=before > 0) - 1.0


@dataclass(frozen=True, eq=False)
class Trades:
    """Closed trades in order, as columns of shape (n,).

    Attributes
    ----------
    signal_bar, entry_bar, exit_bar : int64
        Indices into the run's bars.
    side : int8
        +1 long, -1 short.
    entry_raw, entry_price, exit_raw, exit_price : float64
        Before and after slippage; the last leg's exit.
    partial_raw : float64
        Price of the first leg, NaN where there was none.
    partial_bar : float64
        Bar on which the first leg left, NaN where there was none.
    stop, target, first_target : float64
        As fixed at the signal; NaN = no target, no partial exit.
    size : float64
        Share of the equity moved.
    net_return, gross_return : float64
        On notional, after and before costs.
    optimistic_return : float64
        Net return had an ambiguous bar been kind.
    r_multiple : float64
        Net points over |close - stop| at the signal.
    bars_held : int64
    reason : int64
        Index into `layout.REASONS`.
    ambiguous, flat_bar_absent : bool
    """

    signal_bar: NDArray[np.int64]
    entry_bar: NDArray[np.int64]
    exit_bar: NDArray[np.int64]
    side: NDArray[np.int8]
    entry_raw: NDArray[np.float64]
    entry_price: NDArray[np.float64]
    exit_raw: NDArray[np.float64]
    exit_price: NDArray[np.float64]
    partial_raw: NDArray[np.float64]
    partial_bar: NDArray[np.float64]
    stop: NDArray[np.float64]
    target: NDArray[np.float64]
    first_target: NDArray[np.float64]
    size: NDArray[np.float64]
    net_return: NDArray[np.float64]
    gross_return: NDArray[np.float64]
    optimistic_return: NDArray[np.float64]
    r_multiple: NDArray[np.float64]
    bars_held: NDArray[np.int64]
    reason: NDArray[np.int64]
    ambiguous: NDArray[np.bool_]
    flat_bar_absent: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.side)

    @classmethod
    def from_outcomes(cls, signal_bar: NDArray[np.int64], side: NDArray[np.int8], out: NDArray[np.float64]) -> Trades:
        """Read the kernel's records, shape (n, 27)."""
        return cls(
            signal_bar=signal_bar,
            entry_bar=out[:, layout.OUTCOME_ENTRY_BAR].astype(np.int64),
            exit_bar=out[:, layout.OUTCOME_EXIT_BAR].astype(np.int64),
            side=side,
            entry_raw=out[:, layout.OUTCOME_ENTRY_RAW],
            entry_price=out[:, layout.OUTCOME_ENTRY],
            exit_raw=out[:, layout.OUTCOME_EXIT_RAW],
            exit_price=out[:, layout.OUTCOME_EXIT],
            partial_raw=out[:, layout.OUTCOME_PARTIAL_RAW],
            partial_bar=out[:, layout.OUTCOME_PARTIAL_BAR],
            stop=out[:, layout.OUTCOME_STOP],
            target=out[:, layout.OUTCOME_TARGET],
            first_target=out[:, layout.OUTCOME_FIRST_TARGET],
            size=out[:, layout.OUTCOME_SIZE],
            net_return=out[:, layout.OUTCOME_NET],
            gross_return=out[:, layout.OUTCOME_GROSS],
            optimistic_return=out[:, layout.OUTCOME_OPTIMISTIC_NET],
            r_multiple=out[:, layout.OUTCOME_R_MULTIPLE],
            bars_held=out[:, layout.OUTCOME_BARS_HELD].astype(np.int64),
            reason=out[:, layout.OUTCOME_REASON].astype(np.int64),
            ambiguous=out[:, layout.OUTCOME_AMBIGUOUS] > 0,
            flat_bar_absent=out[:, layout.OUTCOME_FLAT_BAR_ABSENT] > 0,
        )


@dataclass(frozen=True, eq=False)
class Run:
    """One pass of a strategy over bars.

    Attributes
    ----------
    trades : Trades
    equity : float64, shape (days,)
        Equity at the end of each day, starting from 1 before the first.
    first_day : int
        Day ordinal of `equity[0]`.
    bars : int
        From the first of the span to its last, or to the last exit if that is later: days are whole, these need not be.
    sums : float64, shape (11,)
        The kernel's running sums, from which the measures are made.
    signals, orders_sent : int
        Signals after cancelling; orders that reached the market.
    fates : int64, shape (rows,)
        What became of each row that passed the rules: a code of `FATES`.
    """

    trades: Trades
    equity: NDArray[np.float64]
    first_day: int
    bars: int
    sums: NDArray[np.float64]
    signals: int
    orders_sent: int
    fates: NDArray[np.int64]

    @property
    def daily_returns(self) -> NDArray[np.float64]:
        """Return of each day, shape (days,), the first against an equity of 1; 0 after ruin."""
        return daily_returns(self.equity)
