"""Where things stand in the arrays that kernels read and write: the one place that knows an index.

A kernel takes arrays of numbers, and numba compiles a global integer into it as a constant: a column is named here
once, as a text for Python and as a constant for kernels, and nowhere is it a bare number. Arrays that belong together
travel as one NamedTuple, which costs a compiled function nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVELS = (
    "stop_base",
    "stop_unit",
    "stop_floor",
    "anchor",
    "target_unit",
    "target_floor",
    "target_limit",
    "invalid_price",
)
"""Columns of a row of setups from which the bracket makes its prices; NaN where a strategy does not use one."""

(
    LEVEL_STOP_BASE,
    LEVEL_STOP_UNIT,
    LEVEL_STOP_FLOOR,
    LEVEL_ANCHOR,
    LEVEL_TARGET_UNIT,
    LEVEL_TARGET_FLOOR,
    LEVEL_TARGET_LIMIT,
    LEVEL_INVALID_PRICE,
) = range(len(LEVELS))

EXITS = (
    "stop_multiple",
    "target_multiple",
    "target_in_unit",
    "target_limited",
    "min_target_r",
    "partial_r",
    "max_bars",
    "trail_kind",
    "trail_activation",
    "trail_in_risk",
    "trail_distance",
    "trail_bars",
    "cooldown",
    "cap_a",
    "cap_b",
    "stop_costs",
)
"""Fields of one resolved exit combination, as `Bracket.vector` fills them."""

(
    EXIT_STOP_MULTIPLE,
    EXIT_TARGET_MULTIPLE,
    EXIT_TARGET_IN_UNIT,
    EXIT_TARGET_LIMITED,
    EXIT_MIN_TARGET_R,
    EXIT_PARTIAL_R,
    EXIT_MAX_BARS,
    EXIT_TRAIL_KIND,
    EXIT_TRAIL_ACTIVATION,
    EXIT_TRAIL_IN_RISK,
    EXIT_TRAIL_DISTANCE,
    EXIT_TRAIL_BARS,
    EXIT_COOLDOWN,
    EXIT_CAP_A,
    EXIT_CAP_B,
    EXIT_STOP_COSTS,
) = range(len(EXITS))

COSTS = (
    "fee",
    "slippage",
    "tick",
    "commission",
    "risk_sizing",
    "risk_fraction",
    "leverage_cap",
    "stop_floor",
)
"""Fields of `Money.vector`; stop_floor is the round trip in which a stop's least distance is counted."""

(
    COST_FEE,
    COST_SLIPPAGE,
    COST_TICK,
    COST_COMMISSION,
    COST_RISK_SIZING,
    COST_RISK_FRACTION,
    COST_LEVERAGE_CAP,
    COST_STOP_FLOOR,
) = range(len(COSTS))

OUTCOMES = (
    # the first eight are what a sweep reads of most trades: one cache line
    "exit_bar",
    "factor",  # equity is multiplied by this
    "min_mark",  # lowest mark of the trade, entry = 1
    "max_mark",
    "inner_drawdown",  # from the trade's own highest mark
    "weighted",  # size x net return
    "net",
    "status",  # -1 no signal, 0 sent but unfilled, 1 filled
    "entry_bar",
    "entry",  # price paid, slippage inside
    "size",
    "leg1_net",
    "partial_bar",
    "entry_raw",
    "exit_raw",
    "exit",
    "partial_raw",
    "gross",
    "r_multiple",
    "reason",
    "ambiguous",
    "optimistic_net",
    "bars_held",
    "flat_bar_absent",
    "stop",
    "target",
    "first_target",  # NaN without a partial exit
)
"""Fields of what became of one order."""

(
    OUTCOME_EXIT_BAR,
    OUTCOME_FACTOR,
    OUTCOME_MIN_MARK,
    OUTCOME_MAX_MARK,
    OUTCOME_INNER_DRAWDOWN,
    OUTCOME_WEIGHTED,
    OUTCOME_NET,
    OUTCOME_STATUS,
    OUTCOME_ENTRY_BAR,
    OUTCOME_ENTRY,
    OUTCOME_SIZE,
    OUTCOME_LEG1_NET,
    OUTCOME_PARTIAL_BAR,
    OUTCOME_ENTRY_RAW,
    OUTCOME_EXIT_RAW,
    OUTCOME_EXIT,
    OUTCOME_PARTIAL_RAW,
    OUTCOME_GROSS,
    OUTCOME_R_MULTIPLE,
    OUTCOME_REASON,
    OUTCOME_AMBIGUOUS,
    OUTCOME_OPTIMISTIC_NET,
    OUTCOME_BARS_HELD,
    OUTCOME_FLAT_BAR_ABSENT,
    OUTCOME_STOP,
    OUTCOME_TARGET,
    OUTCOME_FIRST_TARGET,
) = range(len(OUTCOMES))

OUTCOME_FIELDS = len(OUTCOMES)

REASONS = (
    "STOP_LOSS",
    "TAKE_PROFIT",
    "PARTIAL",
    "TRAILING_STOP",
    "BREAK_EVEN",
    "MAX_HOLDING",
    "SESSION_END",
    "INVALIDATION",
    "OPPOSITE_SIGNAL",
    "END_OF_DATA",
)
"""Why a trade ended; PARTIAL names a first leg only."""

(
    REASON_STOP_LOSS,
    REASON_TAKE_PROFIT,
    REASON_PARTIAL,
    REASON_TRAILING_STOP,
    REASON_BREAK_EVEN,
    REASON_MAX_HOLDING,
    REASON_SESSION_END,
    REASON_INVALIDATION,
    REASON_OPPOSITE_SIGNAL,
    REASON_END_OF_DATA,
) = range(len(REASONS))

SUMS = (
    "trades",
    "wins",
    "equity",
    "gains",
    "losses",
    "drawdown",
    "returns",  # of the days
    "returns_squared",
    "losses_squared",  # of the days that lost
    "net",  # of the trades
    "days",
)
"""Running sums of one run, from which every measure of a sweep is made."""

(
    SUM_TRADES,
    SUM_WINS,
    SUM_EQUITY,
    SUM_GAINS,
    SUM_LOSSES,
    SUM_DRAWDOWN,
    SUM_RETURNS,
    SUM_RETURNS_SQUARED,
    SUM_LOSSES_SQUARED,
    SUM_NET,
    SUM_DAYS,
) = range(len(SUMS))

SUM_FIELDS = len(SUMS)

FATES = (
    "not_chosen",  # another row of its bar and side came first, or both sides signalled
    "refused",  # its stop or target makes no sense
    "busy",
    "cooling",
    "full",  # as many fills as its group may have
    "ruined",
    "unsent",  # no bar is left to fill on
    "unfilled",  # the bar it would fill on is not tradable
    "filled",
    "held_back",  # by the first of the limits; the next code by the second ...
)
"""What became of a row that passed the rules."""

(
    FATE_NOT_CHOSEN,
    FATE_REFUSED,
    FATE_BUSY,
    FATE_COOLING,
    FATE_FULL,
    FATE_RUINED,
    FATE_UNSENT,
    FATE_UNFILLED,
    FATE_FILLED,
    FATE_HELD_BACK,
) = range(len(FATES))

LIMITS = (
    "max_daily_loss",
    "max_drawdown",
    "max_losses",
    "max_daily_trades",
    "pause_after_loss",
    "min_sharpe",
)
"""Fields of `Limits.vector`, NaN where one is off: fractions of the equity, trades, bars, annual."""

(
    LIMIT_MAX_DAILY_LOSS,
    LIMIT_MAX_DRAWDOWN,
    LIMIT_MAX_LOSSES,
    LIMIT_MAX_DAILY_TRADES,
    LIMIT_PAUSE_AFTER_LOSS,
    LIMIT_MIN_SHARPE,
) = range(len(LIMITS))


class Prices(NamedTuple):
    """The run's bars, shape (n,) each; a run ends with them."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    tradable: NDArray[np.bool_]


class Days(NamedTuple):
    """The trading days of the run's bars.

    Attributes
    ----------
    day : int64, shape (n,)
        Ordinal of each bar's trading day.
    last_bar : int64, shape (days,)
        Last bar of each day, from the day of the first bar on.
    mark : float64, shape (n,)
        Price at which an open position is valued at each bar.
    """

    day: NDArray[np.int64]
    last_bar: NDArray[np.int64]
    mark: NDArray[np.float64]


class Orders(NamedTuple):
    """Rows that are, or may become, orders: shape (n,) each, in order of time.

    Attributes
    ----------
    bar, flat_by : int64
        Signal bar; bar at whose close the position must be flat, -1 = none.
    side : int8
    levels : float64, shape (n, 8)
        The columns of `LEVELS`.
    """

    bar: NDArray[np.int64]
    side: NDArray[np.int8]
    levels: NDArray[np.float64]
    flat_by: NDArray[np.int64]


class Groups(NamedTuple):
    """Limit groups of rows.

    Attributes
    ----------
    of_row : int64, shape (n, 2)
        Numbered from 0; -1 = none.
    sizes : int64, shape (2,)
        How many ids each of the two has.
    """

    of_row: NDArray[np.int64]
    sizes: NDArray[np.int64]


class Pauses(NamedTuple):
    """What holds orders of a replay back; both arrays are empty in a run without limits.

    Attributes
    ----------
    limits : float64, shape (6,) or (0,)
        `LIMITS` at which a trader pauses.
    shadow_sharpe : float64, shape (days,) or (0,)
        Annual Sharpe ratio of the run without limits, by what was over before each day from the run's first on; NaN
        where it is not judged.
    """

    limits: NDArray[np.float64]
    shadow_sharpe: NDArray[np.float64]


class Records(NamedTuple):
    """What a replay writes.

    Attributes
    ----------
    outcomes : float64, shape (n + 1, 27)
        Of the filled orders, `OUTCOMES` each.
    rows : int64, shape (n + 1,)
        The row of each filled order.
    sums : float64, shape (11,)
    fates : int64, shape (n,)
        What became of each row.
    """

    outcomes: NDArray[np.float64]
    rows: NDArray[np.int64]
    sums: NDArray[np.float64]
    fates: NDArray[np.int64]


class Account(NamedTuple):
    """The account between two trades.

    Attributes
    ----------
    equity, peak, drawdown : float
        From 1; the highest equity at bar closes; the largest fall from it.
    returns, returns_squared, losses_squared : float
        Running sums over the days that are closed.
    before : float
        Equity at the end of the last closed day.
    last_day : int
        Day of the last exit.
    """

    equity: float
    peak: float
    drawdown: float
    returns: float
    returns_squared: float
    losses_squared: float
    before: float
    last_day: int
