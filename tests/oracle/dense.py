"""Dense loop over every bar for every combination: the speed baseline and a second oracle.

It covers entries, single-leg exits and measures as ``simulate`` defines them (no trail, no partial) and must
agree with it to the last bit: hence no fastmath, and the same expressions in the same order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEASURES = (
    "total_trades",
    "win_rate",
    "net_profit_pct",
    "profit_factor",
    "max_drawdown_pct",
    "sharpe_ratio",
)
ORDER = (
    "pierce_depth",
    "reversal_candles",
    "volume_spike_threshold",
    "min_level_touches",
    "reversal_candle_size",
    "atr_multiplier_sl",
    "risk_reward_ratio",
    "max_holding_periods",
)
"""Columns of the combinations that the loop takes."""

FEATURES = ("pierce", "delay", "volume", "touches", "body")
"""Columns of the features that it takes."""


@njit(parallel=True, cache=False, error_model="numpy")
def dense_sweep(
    open: NDArray[np.float64],  # noqa: A002  the usual names of the columns
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    tradable: NDArray[np.bool_],
    day: NDArray[np.int64],
    row_start: NDArray[np.int64],
    row_side: NDArray[np.int8],
    features: NDArray[np.float64],
    stop_unit: NDArray[np.float64],
    combos: NDArray[np.float64],
    fee: float,
    slippage: float,
    risk_fraction: float,
    leverage_cap: float,
    risk_sizing: bool,
    start: int,
    stop: int,
) -> NDArray[np.float64]:
    """Trade every combination and return its measures.

    Parameters
    ----------
    row_start
        Rows of bar j are ``row_start[j]:row_start[j + 1]``, best first within a side.
    features
        Per row: pierce, delay, volume, touches, body.
    combos
        Per combination: pierce_depth, reversal_candles, volume_spike_threshold, min_level_touches,
        reversal_candle_size, atr_multiplier_sl, risk_reward_ratio, max_holding_periods.
    start, stop
        Signal bars lie in ``start <= t < stop``; positions run on to their own exit.

    Returns
    -------
    One row per combination, columns as in ``MEASURES``.
    """
    n = close.shape[0]
    n_combos = combos.shape[0]
    out = np.empty((n_combos, 6), dtype=np.float64)
    last_tradable = n - 1
    while last_tradable >= 0 and not tradable[last_tradable]:
        last_tradable -= 1

    for c in prange(n_combos):
        pierce_depth = combos[c, 0]
        reversal_candles = combos[c, 1]
        volume_threshold = combos[c, 2]
        min_touches = combos[c, 3]
        body_size = combos[c, 4]
        stop_multiple = combos[c, 5]
        reward = combos[c, 6]
        max_bars = np.int64(combos[c, 7])

        trades = 0
        wins = 0
        gain = 0.0
        loss = 0.0
        equity = 1.0
        peak = 1.0
        drawdown = 0.0

        current_day = day[start]
        value = 1.0
        previous_value = 1.0
        s1 = 0.0
        s2 = 0.0
        last_exit = start

        ordered = False
        holding = False
        side = 0.0
        level_stop = 0.0
        level_target = 0.0
        size = 0.0
        entry_bar = 0
        entry = 0.0
        highest = 0.0

        for j in range(start, n):
            if day[j] != current_day:
                r = value / previous_value - 1.0 if previous_value > 0.0 else 0.0
                s1 += r
                s2 += r * r
                previous_value = value
                current_day = day[j]

            if ordered:
                ordered = False
                if tradable[j]:
                    holding = True
                    entry_bar = j
                    entry = open[j] * (1.0 + side * slippage)
                    highest = -np.inf

            if holding and tradable[j]:
                raw = 0.0
                leaves = True
                if side > 0.0:
                    if open[j] <= level_stop or open[j] >= level_target:
                        raw = open[j]
                    elif low[j] <= level_stop:
                        raw = level_stop
                    elif high[j] >= level_target:
                        raw = level_target
                    else:
                        leaves = False
                elif open[j] >= level_stop or open[j] <= level_target:
                    raw = open[j]
                elif high[j] >= level_stop:
                    raw = level_stop
                elif low[j] <= level_target:
                    raw = level_target
                else:
                    leaves = False
                if not leaves and (j == last_tradable or (max_bars > 0 and j - entry_bar + 1 >= max_bars)):
                    raw = close[j]
                    leaves = True

                net = 0.0
                if leaves:
                    x = raw * (1.0 - side * slippage)
                    net = side * (x / entry - 1.0) - fee * (1.0 + x / entry)
                    mark = max(0.0, 1.0 + size * net)
                else:
                    mark = max(0.0, 1.0 + size * (side * (close[j] / entry - 1.0) - fee))
                highest = max(highest, mark)
                value = equity * mark
                inner = 1.0 - mark / highest if highest > 0.0 else 0.0
                drawdown = max(drawdown, inner, 1.0 - value / peak)

                if leaves:
                    peak = max(peak, equity * highest)
                    equity = value
                    trades += 1
                    if net > 0.0:
                        wins += 1
                        gain += size * net
                    else:
                        loss += -size * net
                    holding = False
                    last_exit = j
                    if equity <= 0.0:  # ruin: nothing is left to trade with
                        break

            if holding:
                continue
            if j >= stop:
                break
            if row_start[j] == row_start[j + 1] or j + 1 >= n:
                continue

            long_ok = False
            short_ok = False
            for k in range(row_start[j], row_start[j + 1]):
                if (
                    features[k, 1] != reversal_candles
                    or not features[k, 0] >= pierce_depth
                    or not features[k, 2] >= volume_threshold
                    or not features[k, 3] >= min_touches
                    or not features[k, 4] >= body_size
                ):
                    continue
                row_is_long = row_side[k] > 0
                if (row_is_long and long_ok) or (not row_is_long and short_ok):
                    continue
                row_sign = 1.0 if row_is_long else -1.0
                row_stop = close[j] - row_sign * (stop_multiple * stop_unit[k])
                risk = abs(close[j] - row_stop)
                row_target = close[j] + row_sign * (reward * risk)
                if not (risk > 0.0 and row_sign * (row_target - close[j]) > 0.0):
                    continue
                if row_is_long:
                    long_ok = True
                else:
                    short_ok = True
                side = row_sign
                level_stop = row_stop
                level_target = row_target
                size = min(leverage_cap, risk_fraction * close[j] / risk) if risk_sizing else 1.0
            ordered = long_ok != short_ok

        # The value of the day on which the walk ended; a day without a change adds nothing to the sums.
        r = value / previous_value - 1.0 if previous_value > 0.0 else 0.0
        s1 += r
        s2 += r * r

        days = 1 + max(day[stop - 1], day[last_exit]) - day[start]
        mean = s1 / days
        sharpe = np.nan
        if days >= 2:
            var = (s2 - s1 * mean) / (days - 1)
            if var > 0.0:
                sharpe = mean / math.sqrt(var) * math.sqrt(365.0)
        out[c, 0] = trades
        out[c, 1] = wins / trades if trades > 0 else np.nan
        out[c, 2] = 100.0 * (equity - 1.0)
        out[c, 3] = gain / loss if loss > 0.0 else np.nan
        out[c, 4] = -100.0 * drawdown
        out[c, 5] = sharpe
    return out
