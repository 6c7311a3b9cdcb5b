"""The compiled heart: one way through the bars serves the sweep, the replay and every strategy.

Side, gaps, time stops, sessions, trails and partial exits live in `follow_order` alone; the account lives in `settle`
alone. The order of float operations is part of the definition: an independent oracle in the tests does the same
operations in the same order and gets the same bits. What stands where in the arrays is said in `layout`.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from assay.compiled import compiled
from assay.engine.layout import (
    COST_COMMISSION,
    COST_FEE,
    COST_LEVERAGE_CAP,
    COST_RISK_FRACTION,
    COST_RISK_SIZING,
    COST_SLIPPAGE,
    COST_STOP_FLOOR,
    COST_TICK,
    EXIT_CAP_A,
    EXIT_COOLDOWN,
    EXIT_MAX_BARS,
    EXIT_MIN_TARGET_R,
    EXIT_PARTIAL_R,
    EXIT_STOP_COSTS,
    EXIT_STOP_MULTIPLE,
    EXIT_TARGET_IN_UNIT,
    EXIT_TARGET_LIMITED,
    EXIT_TARGET_MULTIPLE,
    EXIT_TRAIL_ACTIVATION,
    EXIT_TRAIL_BARS,
    EXIT_TRAIL_DISTANCE,
    EXIT_TRAIL_IN_RISK,
    EXIT_TRAIL_KIND,
    FATE_BUSY,
    FATE_COOLING,
    FATE_FILLED,
    FATE_FULL,
    FATE_HELD_BACK,
    FATE_NOT_CHOSEN,
    FATE_REFUSED,
    FATE_RUINED,
    FATE_UNFILLED,
    FATE_UNSENT,
    LEVEL_ANCHOR,
    LEVEL_INVALID_PRICE,
    LEVEL_STOP_BASE,
    LEVEL_STOP_FLOOR,
    LEVEL_STOP_UNIT,
    LEVEL_TARGET_FLOOR,
    LEVEL_TARGET_LIMIT,
    LEVEL_TARGET_UNIT,
    LIMIT_MAX_DAILY_LOSS,
    LIMIT_MAX_DAILY_TRADES,
    LIMIT_MAX_DRAWDOWN,
    LIMIT_MAX_LOSSES,
    LIMIT_MIN_SHARPE,
    LIMIT_PAUSE_AFTER_LOSS,
    OUTCOME_AMBIGUOUS,
    OUTCOME_BARS_HELD,
    OUTCOME_ENTRY,
    OUTCOME_ENTRY_BAR,
    OUTCOME_ENTRY_RAW,
    OUTCOME_EXIT,
    OUTCOME_EXIT_BAR,
    OUTCOME_EXIT_RAW,
    OUTCOME_FACTOR,
    OUTCOME_FIELDS,
    OUTCOME_FIRST_TARGET,
    OUTCOME_FLAT_BAR_ABSENT,
    OUTCOME_GROSS,
    OUTCOME_INNER_DRAWDOWN,
    OUTCOME_LEG1_NET,
    OUTCOME_MAX_MARK,
    OUTCOME_MIN_MARK,
    OUTCOME_NET,
    OUTCOME_OPTIMISTIC_NET,
    OUTCOME_PARTIAL_BAR,
    OUTCOME_PARTIAL_RAW,
    OUTCOME_R_MULTIPLE,
    OUTCOME_REASON,
    OUTCOME_SIZE,
    OUTCOME_STATUS,
    OUTCOME_STOP,
    OUTCOME_TARGET,
    OUTCOME_WEIGHTED,
    REASON_BREAK_EVEN,
    REASON_END_OF_DATA,
    REASON_INVALIDATION,
    REASON_MAX_HOLDING,
    REASON_OPPOSITE_SIGNAL,
    REASON_SESSION_END,
    REASON_STOP_LOSS,
    REASON_TAKE_PROFIT,
    REASON_TRAILING_STOP,
    SUM_DAYS,
    SUM_DRAWDOWN,
    SUM_EQUITY,
    SUM_GAINS,
    SUM_LOSSES,
    SUM_LOSSES_SQUARED,
    SUM_NET,
    SUM_RETURNS,
    SUM_RETURNS_SQUARED,
    SUM_TRADES,
    SUM_WINS,
    Account,
)
from assay.rounding import rounded_squares

SHARPE_DAYS = 90
"""Days over which the rolling Sharpe ratio of the limits is taken, where there are as many."""

MIN_SHARPE_DAYS, MIN_SHARPE_TRADES = 30, 30
"""What must be over before it is judged: fewer days or trades say next to nothing about a ratio."""


MAX_DECIMALS = 12
"""Decimals of a tick that are looked for."""

GRID_ROUNDING = 2.0**-50
"""Share of its steps by which a price on the grid may miss them: eight roundings, where three are certain."""


@compiled
def on_grid(steps, tick):
    """Return the float nearest to so many whole ticks: the one that a price of a file is read as."""
    # A tick such as .0001 is no float, and a multiple of its float may miss the price by a last bit: a target that the
    # market trades at would then not be met. Ticks are whole numbers of some decimal, of which a quotient is exact.
    unit = 1.0
    for _ in range(MAX_DECIMALS + 1):
        whole = np.rint(tick * unit)
        if whole > 0.0 and abs(tick * unit - whole) <= 1e-15 * whole:
            return steps * whole / unit
        unit *= 10.0
    return steps * tick


@compiled
def round_away(price, side, tick):
    """Round a price onto the tick grid, in the direction of `side`; a price on the grid stays."""
    if tick <= 0.0:
        return price
    steps = price / tick
    # A price on the grid may miss it by its own rounding, the tick's and that of the division, which grow with the
    # number of steps, and a computed price by some more: without the slack it would move a whole tick.
    slack = max(1e-9, GRID_ROUNDING * abs(steps))
    if side > 0:
        return on_grid(np.ceil(steps - slack), tick)
    return on_grid(np.floor(steps + slack), tick)


@compiled
def slipped(price, side, slippage, tick):
    """Price after slippage against a taker on `side` (+1 buys)."""
    # A fraction of a low price is less than the market can quote: the fill is one tick worse at least.
    if tick > price * slippage:
        return price + side * tick
    return price * (1.0 + side * slippage)


@compiled
def bracket_prices(t, side, close, level, flat_by, exit_, costs):
    """Stop, target, first target and risk of a signal at bar t; risk is NaN when it is no signal.

    level: the row's `LEVELS`; exit_: one exit combination, `EXITS`; costs: `COSTS`.
    """
    tick = costs[COST_TICK]
    base = close if np.isnan(level[LEVEL_STOP_BASE]) else level[LEVEL_STOP_BASE]
    distance = exit_[EXIT_STOP_MULTIPLE] * level[LEVEL_STOP_UNIT]
    distance = max(distance, level[LEVEL_STOP_FLOOR])
    if exit_[EXIT_STOP_COSTS] > 0.0:
        floor = exit_[EXIT_STOP_COSTS] * costs[COST_STOP_FLOOR] * close
        distance = max(distance, floor)
    stop = base - side * distance
    if side * (stop - level[LEVEL_ANCHOR]) > 0.0:
        stop = level[LEVEL_ANCHOR]
    # The stop is rounded before the risk is taken from it and the target after: multiples of the risk are then those
    # of the order that a market with ticks accepts. Both are rounded away from the close, to the trader's cost.
    stop = round_away(stop, -side, tick)
    risk = abs(close - stop)
    none = np.nan
    # A stop on the wrong side of the close is no stop; at the bar by which it must be flat nothing is opened.
    if not (risk > 0.0 and side * (close - stop) > 0.0) or (flat_by >= 0 and flat_by <= t):
        return none, none, none, none
    target = np.nan
    if not np.isnan(exit_[EXIT_TARGET_MULTIPLE]):
        reach = exit_[EXIT_TARGET_MULTIPLE] * (level[LEVEL_TARGET_UNIT] if exit_[EXIT_TARGET_IN_UNIT] > 0.0 else risk)
        reach = max(reach, level[LEVEL_TARGET_FLOOR])
        target = close + side * reach
        if exit_[EXIT_TARGET_LIMITED] > 0.0 and side * (target - level[LEVEL_TARGET_LIMIT]) > 0.0:
            target = level[LEVEL_TARGET_LIMIT]
        target = round_away(target, side, tick)
        # A target that its limit pulled too close is worth no order: the row is refused, not traded without a target.
        if not side * (target - close) > 0.0 or abs(target - close) < exit_[EXIT_MIN_TARGET_R] * risk:
            return none, none, none, none
    first = np.nan
    if not np.isnan(exit_[EXIT_PARTIAL_R]):
        first = round_away(close + side * (exit_[EXIT_PARTIAL_R] * risk), side, tick)
        if side * (target - first) <= 0.0:  # a target at or before it takes everything out there
            first = np.nan
    return stop, target, first, risk


@compiled
def net_return(exit_price, entry, side, costs):
    """Return on notional of one leg after fees; both prices have slippage inside."""
    x = exit_price / entry
    return side * (x - 1.0) - costs[COST_FEE] * (1.0 + x) - (costs[COST_COMMISSION] + costs[COST_COMMISSION]) / entry


@compiled
def open_return(close, entry, side, costs):
    """Return of an open leg at a close: the entry's costs are paid, the exit's not yet."""
    return side * (close / entry - 1.0) - costs[COST_FEE] - costs[COST_COMMISSION] / entry


@compiled
def mark_factor(close, entry, side, size, leg1, costs):
    """Equity at a close over equity at the entry, never below 0; leg1 is NaN before a partial exit."""
    if np.isnan(leg1):
        return max(0.0, 1.0 + size * open_return(close, entry, side, costs))
    return max(0.0, 1.0 + size * (0.5 * leg1 + 0.5 * open_return(close, entry, side, costs)))


@compiled
def day_return(value, before):
    """Return of a day; 0 after ruin."""
    return value / before - 1.0 if before > 0.0 else 0.0


@compiled
def can_fill(entry_bar, flat_by, n):
    """Whether an order has a bar to fill on, not after the one at which it must be flat."""
    return entry_bar < n and not 0 <= flat_by < entry_bar


@compiled
def follow_order(t, side, level, flat_by, exit_, costs, delay, opposite, prices, out):
    """Follow one order from its fill to its exit and write the outcome into `out`.

    Parameters
    ----------
    t, side : int
        Signal bar and direction.
    level, exit_, costs : float64
        As in `bracket_prices`.
    delay : int
        Bars between the signal's next bar and the fill (0; fragility asks for 1).
    opposite : int
        Bar at whose close an exit is ordered from outside; n or more = never.
    prices : Prices
    out : float64, shape (27,)
        Receives the `OUTCOMES`.
    """
    opens, highs, lows, closes, tradable = prices
    n = len(closes)
    out[:] = np.nan
    out[OUTCOME_STATUS] = -1.0
    entry_bar = t + 1 + delay
    if not can_fill(entry_bar, flat_by, n):
        return
    # The bracket hangs on the signal's close and not on the fill: it is sent with the order, before a fill is known.
    close_ref = closes[t]
    stop, target, first, risk = bracket_prices(t, side, close_ref, level, flat_by, exit_, costs)
    if np.isnan(risk):
        return
    out[OUTCOME_STATUS] = 0.0
    out[OUTCOME_STOP] = stop
    out[OUTCOME_TARGET] = target
    out[OUTCOME_FIRST_TARGET] = first
    out[OUTCOME_EXIT_BAR] = t
    # An order that meets no trade is gone: filling it later would trade a moment that the pattern did not name.
    if not tradable[entry_bar]:
        return

    slip, tick = costs[COST_SLIPPAGE], costs[COST_TICK]
    # Sized by the risk that was planned at the signal. A gap at the fill changes the loss, never the size.
    size = 1.0
    if costs[COST_RISK_SIZING] > 0.0:
        size = min(costs[COST_LEVERAGE_CAP], costs[COST_RISK_FRACTION] * close_ref / risk)
    entry_raw = opens[entry_bar]
    entry = slipped(entry_raw, side, slip, tick)

    # `last` is the bar at which the position must be closed at its close. Where that bar does not trade there is no
    # price to leave at, and a later one would hold the position past its session or the data: it leaves at the last
    # tradable close before. The entry bar trades, so the search ends there at the latest, and the loop below always
    # ends.
    last = n - 1
    flat_absent = 0.0
    if flat_by >= 0:
        last = min(flat_by, n - 1)
    while last > entry_bar and not tradable[last]:
        last -= 1
    is_flat_by = flat_by >= 0 and flat_by <= n - 1
    if is_flat_by and last < flat_by:
        flat_absent = 1.0

    max_bars = exit_[EXIT_MAX_BARS]
    trail_kind = exit_[EXIT_TRAIL_KIND]
    unit = level[LEVEL_STOP_UNIT]
    arm = exit_[EXIT_TRAIL_ACTIVATION] * (risk if exit_[EXIT_TRAIL_IN_RISK] > 0.0 else unit)
    trail_distance = exit_[EXIT_TRAIL_DISTANCE] * unit
    trail_bars = int(exit_[EXIT_TRAIL_BARS])

    leg1 = np.nan
    first_raw = np.nan
    partial_bar = np.nan
    pending = not np.isnan(first)  # a first target is still open
    stop_reason = REASON_STOP_LOSS
    ordered = -1  # reason of an exit ordered for the next open
    best = -np.inf
    min_mark = np.inf
    max_mark = -np.inf
    inner_dd = 0.0
    exit_raw = np.nan
    optimistic = np.nan  # raw price of the last leg at the optimistic end, when ambiguous
    optimistic_first = np.nan
    reason = REASON_END_OF_DATA
    j = entry_bar
    # A bar says its open first and its close last, but not whether its high or its low came before the other. Hence
    # the order of the questions: what was ordered at an earlier close, the open (a gap fills there, since nothing
    # traded at the level), the range with the adverse end first, the close. A bar that holds stop and target is
    # ambiguous and the stop wins, so that no profit rests on a guess; `optimistic` keeps the other answer for the
    # interval that is reported.
    while True:
        # A bar without trades fills nothing and moves nothing, but it counts as held.
        if tradable[j]:
            o, h, low, c = opens[j], highs[j], lows[j], closes[j]
            good = h if side > 0 else low  # the range's favourable end
            bad = low if side > 0 else h
            # An order to leave at the open is older than anything this bar brings: it precedes even a gap.
            if ordered >= 0:
                exit_raw, reason = o, ordered
                break
            if side * (stop - o) >= 0.0:
                exit_raw, reason = o, stop_reason
                break
            if side * (o - target) >= 0.0:
                # Both targets lie at or before the open: one fill for both legs, at the better price of the open.
                if pending:
                    first_raw, partial_bar, pending = o, float(j), False
                    leg1 = net_return(slipped(o, -side, slip, tick), entry, side, costs)
                exit_raw, reason = o, REASON_TAKE_PROFIT
                break
            even_now = False  # break-even is asked on the bar that fills the first target, but not at entry
            if pending and side * (o - first) >= 0.0:
                first_raw, partial_bar, pending = o, float(j), False
                leg1 = net_return(slipped(o, -side, slip, tick), entry, side, costs)
                even_now = True
                # The first leg left at the open, before the range: from here the stop stands at break-even, and the
                # old one can only be touched where it is the better of the two.
                in_force = j == entry_bar or side * (stop - entry) >= 0.0  # break-even is no better
                if in_force and side * (stop - bad) >= 0.0:
                    exit_raw, reason = stop, stop_reason
                    if side * (good - target) >= 0.0:
                        optimistic = target
                    break
            # Stop before both targets: where the bar holds more than one of them, all that is open leaves at the stop.
            elif side * (stop - bad) >= 0.0:
                exit_raw, reason = stop, stop_reason
                holds_target = side * (good - target) >= 0.0
                if pending and side * (good - first) >= 0.0:
                    optimistic_first = first
                    optimistic = target if holds_target else first
                elif holds_target:
                    optimistic = target
                break
            elif pending and side * (good - first) >= 0.0:
                first_raw, partial_bar, pending = first, float(j), False
                leg1 = net_return(slipped(first, -side, slip, tick), entry, side, costs)
                even_now = True
            # The first target was reached in this range and so was the entry: adverse end first, the rest is lost to
            # the break-even stop. Not on the entry bar, whose range holds its own open and so says nothing about a
            # way back.
            if even_now and j > entry_bar and side * (entry - bad) >= 0.0:
                exit_raw, reason = entry, REASON_BREAK_EVEN
                if side * (good - target) >= 0.0:
                    optimistic = target
                elif first_raw == first and side * (o - first) < 0.0:
                    optimistic = first
                break
            # Only now the target: every way to lose on this bar has been asked.
            if side * (good - target) >= 0.0:
                exit_raw, reason = target, REASON_TAKE_PROFIT
                break
            # Three reasons may fall on one close at one price: the session's end is named first, since no exit rule
            # moves it.
            if is_flat_by and j == last:
                exit_raw, reason = c, REASON_SESSION_END
                break
            # At least, not equal: where the n-th held bar did not trade, the next that does takes its place.
            if max_bars > 0.0 and j - entry_bar + 1 >= max_bars:
                exit_raw, reason = c, REASON_MAX_HOLDING
                break
            if j == last:
                exit_raw, reason = c, REASON_END_OF_DATA
                break
            # A rule about the close is known at the close: its order fills at the next tradable open. Without an
            # invalidation price the comparison with NaN is false.
            if side * (level[LEVEL_INVALID_PRICE] - c) > 0.0:
                ordered = REASON_INVALIDATION
            elif j >= opposite:
                ordered = REASON_OPPOSITE_SIGNAL
            # Marks are taken at closes at which the position is still open; the exit adds its own value after the
            # loop.
            mark = mark_factor(c, entry, side, size, leg1, costs)
            min_mark = min(min_mark, mark)
            max_mark = max(max_mark, mark)
            inner_dd = max(inner_dd, 1.0 - mark / max_mark)
            # Stops move after the close only and hold from the next bar on: within the bar the price that raises the
            # stop may have come after the one that would touch it. For the same reason the trail follows closes and
            # not highs.
            if even_now and side * (entry - stop) > 0.0:
                stop, stop_reason = entry, REASON_BREAK_EVEN
            if trail_kind > 0.0:
                if best == -np.inf or side * (c - best) > 0.0:
                    best = c
                if side * (best - close_ref) >= arm:
                    candidate = best - side * trail_distance
                    if trail_kind > 1.0:
                        candidate = bad
                        # This bar's own end is in already; bars without trades have a range that nobody traded.
                        for k in range(max(0, j - trail_bars + 1), j):
                            edge = lows[k] if side > 0 else highs[k]
                            if tradable[k] and side * (candidate - edge) > 0.0:
                                candidate = edge
                    # A stop moves towards the profit or not at all.
                    if side * (candidate - stop) > 0.0:
                        stop, stop_reason = candidate, REASON_TRAILING_STOP
        j += 1

    exit_price = slipped(exit_raw, -side, slip, tick)
    last_leg = net_return(exit_price, entry, side, costs)
    # Without any costs, from the raw prices, to show what the costs took.
    gross = side * (exit_raw / entry_raw - 1.0)
    if np.isnan(leg1):
        net = last_leg
    else:
        net = 0.5 * leg1 + 0.5 * last_leg
        gross = 0.5 * (side * (first_raw / entry_raw - 1.0)) + 0.5 * gross
    # The optimistic end changes which level was touched first on the last bar, never when the trade ended.
    best_net = net
    if not np.isnan(optimistic):
        best_net = net_return(slipped(optimistic, -side, slip, tick), entry, side, costs)
        head = leg1
        if not np.isnan(optimistic_first):
            head = net_return(slipped(optimistic_first, -side, slip, tick), entry, side, costs)
        if not np.isnan(head):
            best_net = 0.5 * head + 0.5 * best_net
    factor = max(0.0, 1.0 + size * net)  # a gap against a short can cost more than all: ruin, not debt
    max_mark = max(max_mark, factor)
    out[OUTCOME_EXIT_BAR] = j
    out[OUTCOME_FACTOR] = factor
    out[OUTCOME_MIN_MARK] = min(min_mark, factor)
    out[OUTCOME_MAX_MARK] = max_mark
    out[OUTCOME_INNER_DRAWDOWN] = max(inner_dd, 1.0 - factor / max_mark)
    out[OUTCOME_WEIGHTED] = size * net
    out[OUTCOME_NET] = net
    out[OUTCOME_STATUS] = 1.0
    out[OUTCOME_ENTRY_BAR] = entry_bar
    out[OUTCOME_ENTRY] = entry
    out[OUTCOME_SIZE] = size
    out[OUTCOME_LEG1_NET] = leg1
    out[OUTCOME_PARTIAL_BAR] = partial_bar
    out[OUTCOME_ENTRY_RAW] = entry_raw
    out[OUTCOME_EXIT_RAW] = exit_raw
    out[OUTCOME_EXIT] = exit_price
    out[OUTCOME_PARTIAL_RAW] = first_raw
    out[OUTCOME_GROSS] = gross
    out[OUTCOME_R_MULTIPLE] = net * entry / risk
    out[OUTCOME_REASON] = reason
    out[OUTCOME_AMBIGUOUS] = 0.0 if np.isnan(optimistic) else 1.0
    out[OUTCOME_OPTIMISTIC_NET] = best_net
    out[OUTCOME_BARS_HELD] = j - entry_bar + 1
    out[OUTCOME_FLAT_BAR_ABSENT] = flat_absent if reason == REASON_SESSION_END else 0.0


@compiled
def settle(account, outcome, side, days, costs):
    """Return the account after a filled order, whose `OUTCOMES` are given.

    Drawdown is exact at bar closes from three numbers per trade: with v = equity x lowest mark,
    dd = max(the trade's own, 1 - v / peak). Daily returns need only running sums, because a flat day
    adds nothing; `before` is the value at the end of the last day that is closed.
    """
    equity, peak, drawdown, s1, s2, sd, before, last_day = account
    day = days.day
    first, final = day[int(outcome[OUTCOME_ENTRY_BAR])], day[int(outcome[OUTCOME_EXIT_BAR])]
    # The last day that saw a change is closed only now, when a trade enters on a later one: another trade of that day
    # could still have changed its end. The flat days between add 0 to every sum and need no loop.
    if first > last_day and equity != before:
        r = day_return(equity, before)
        s1 += r
        s2 += r * r
        if r < 0.0:
            sd += r * r
        before = equity
    for d in range(first, final):
        bar = days.last_bar[d - day[0]]
        leg1 = outcome[OUTCOME_LEG1_NET] if outcome[OUTCOME_PARTIAL_BAR] <= bar else np.nan
        mark = mark_factor(days.mark[bar], outcome[OUTCOME_ENTRY], side, outcome[OUTCOME_SIZE], leg1, costs)
        value = equity * mark
        r = day_return(value, before)
        s1 += r
        s2 += r * r
        if r < 0.0:
            sd += r * r
        before = value
    # Before the peak moves: what lies below the trade's own highest mark is in its inner drawdown.
    drawdown = max(drawdown, outcome[OUTCOME_INNER_DRAWDOWN], 1.0 - (equity * outcome[OUTCOME_MIN_MARK]) / peak)
    peak = max(peak, equity * outcome[OUTCOME_MAX_MARK])
    return Account(equity * outcome[OUTCOME_FACTOR], peak, drawdown, s1, s2, sd, before, final)


@compiled
def close_books(account):
    """Return the sums of daily returns with that of the last day that saw a change."""
    equity, _, _, s1, s2, sd, before, _ = account
    if equity != before:
        r = day_return(equity, before)
        s1 += r
        s2 += r * r
        if r < 0.0:
            sd += r * r
    return s1, s2, sd


@compiled
def resolve(rows, count, bar, side, status, order, picked):
    """Keep the first passing row of each bar and side; long and short on one bar cancel.

    `status` per order is -1 where the bracket refuses. Returns how many rows were written to `picked`.
    """
    kept = 0
    i = 0
    while i < count:
        t = bar[rows[i]]
        long_row, short_row = -1, -1
        while i < count and bar[rows[i]] == t:
            row = rows[i]
            # Rows of one bar and side come in the strategy's order of preference. A row that the bracket refuses is
            # no signal and must not hide the next one.
            if status[order[row], OUTCOME_STATUS] >= 0.0:
                if side[row] > 0:
                    if long_row < 0:
                        long_row = row
                elif short_row < 0:
                    short_row = row
            i += 1
        # Both sides at once contradict each other, whether or not a position is open: no order rests on such a bar.
        if long_row >= 0 and short_row < 0:
            picked[kept] = long_row
            kept += 1
        elif short_row >= 0 and long_row < 0:
            picked[kept] = short_row
            kept += 1
    return kept


@compiled
def fill_days(values, filled, o, side, equity, days, costs, first_day):
    """Write the equity at the end of the days before a trade's exit day; return how many days are written.

    `values` starts with `first_day`, of which `filled` days are written; `equity` is that before the trade.
    """
    day = days.day
    first, final = day[int(o[OUTCOME_ENTRY_BAR])] - first_day, day[int(o[OUTCOME_EXIT_BAR])] - first_day
    for d in range(filled, first):
        values[d] = equity
    for d in range(first, final):
        bar = days.last_bar[d + first_day - day[0]]
        leg1 = o[OUTCOME_LEG1_NET] if o[OUTCOME_PARTIAL_BAR] <= bar else np.nan
        values[d] = equity * mark_factor(days.mark[bar], o[OUTCOME_ENTRY], side, o[OUTCOME_SIZE], leg1, costs)
    return final


_rounded_squares = compiled(rounded_squares)


@compiled
def annual_sharpe(returns, year):
    """Sharpe ratio of daily returns, made annual; NaN where they do not vary."""
    n = len(returns)
    total, squares, plain = 0.0, 0.0, 0.0
    for r in returns:
        total += r
        plain += r * r
    mean = total / n
    for r in returns:
        squares += (r - mean) * (r - mean)
    if not squares > _rounded_squares(n, plain):
        return np.nan
    return mean / np.sqrt(squares / (n - 1)) * np.sqrt(year)


@compiled
def rolling_sharpe(values, exit_days, year):
    """Annual Sharpe ratio of a run by what was over before each of its days, shape (days,).

    Parameters
    ----------
    values : float64, shape (days,)
        Equity at the end of each day, 1 before the first.
    exit_days : int64, shape (trades,)
        Day on which each trade was closed, from 0 on, in order of time.
    year : int
        Trading days of a year.

    Returns
    -------
    float64, shape (days,)
        Of the last 90 days, or of all where there are fewer; NaN before 30 days and 30 trades are over, and where
        the days do not vary.
    """
    n = len(values)
    returns = np.empty(n)
    for d in range(n):
        returns[d] = day_return(values[d], values[d - 1] if d > 0 else 1.0)
    found = np.full(n, np.nan)
    closed = 0
    for today in range(n):
        while closed < len(exit_days) and exit_days[closed] < today:
            closed += 1
        if today >= MIN_SHARPE_DAYS and closed >= MIN_SHARPE_TRADES:
            found[today] = annual_sharpe(returns[max(0, today - SHARPE_DAYS) : today], year)
    return found


@compiled
def held_back(limits, loss_today, drawdown, paused, fills_today, since_loss, weak):
    """Which limit holds an order back: its place, or -1."""
    if loss_today >= limits[LIMIT_MAX_DAILY_LOSS]:
        return LIMIT_MAX_DAILY_LOSS
    if drawdown >= limits[LIMIT_MAX_DRAWDOWN]:
        return LIMIT_MAX_DRAWDOWN
    if paused:
        return LIMIT_MAX_LOSSES
    if fills_today >= limits[LIMIT_MAX_DAILY_TRADES]:
        return LIMIT_MAX_DAILY_TRADES
    if since_loss < limits[LIMIT_PAUSE_AFTER_LOSS]:
        return LIMIT_PAUSE_AFTER_LOSS
    if weak:
        return LIMIT_MIN_SHARPE
    return -1


@compiled
def replay(orders, groups, exit_of, exits, costs, delay, on_opposite, prices, days, span_days, pauses, records):
    """Trade the passing rows one after the other.

    Parameters
    ----------
    orders : Orders
    groups : Groups
    exit_of : int64, shape (n,)
        The exit combination of each row, so that a schedule of parameters replays in one pass.
    exits : float64, shape (m, 16)
    costs : float64, shape (8,)
    delay : int
        As in `follow_order`.
    on_opposite : bool
        Whether a signal of the other side orders an exit.
    prices : Prices
    days : Days
    span_days : (int, int)
        First and last day that are counted.
    pauses : Pauses
        What a trader pauses at, or nothing.
    records : Records
        Receives outcomes and rows of filled orders, the sums of the run, and what became of each row.

    Returns
    -------
    (int, int, int)
        Signals, orders sent, orders filled.
    """
    bar, side, levels, flat_by = orders
    closes, day = prices.close, days.day
    first_day, last_span_day = span_days
    limits, shadow_sharpe = pauses
    out, rows_out, sums, fates = records
    n = len(bar)
    # Whether a row is a signal at all must be known for every row before those of one bar compete, so brackets are
    # made first and orders followed later, when the account is known.
    probe = np.empty((max(n, 1), OUTCOME_FIELDS))
    index = np.arange(n)
    for i in range(n):
        probe[i, OUTCOME_STATUS] = -1.0
        fates[i] = FATE_UNSENT
        if bar[i] + 1 < len(closes):
            fates[i] = FATE_REFUSED
            made = bracket_prices(bar[i], side[i], closes[bar[i]], levels[i], flat_by[i], exits[exit_of[i]], costs)
            if not np.isnan(made[3]):
                probe[i, OUTCOME_STATUS] = 0.0
                fates[i] = FATE_NOT_CHOSEN
    picked = np.empty(n, dtype=np.int64)
    kept = resolve(index, n, bar, side, probe, index, picked)
    fills = np.zeros(groups.sizes[0] + groups.sizes[1] + 1, dtype=np.int64)
    account = Account(1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, first_day - 1)
    trades, wins, gains, losses, sum_net = 0, 0, 0.0, 0.0, 0.0
    sent = 0
    free, cool = 0.0, 0.0
    limited = len(limits) > 0
    streak, fills_today, day_of_fills = 0, 0, first_day - 1
    paused_day, last_loss = first_day - 1, -np.inf
    for i in range(kept):
        row = picked[i]
        if account.equity <= 0.0:
            fates[row] = FATE_RUINED
            continue
        # A signal on the exit bar itself acts: it is known at the close, and the exit took place before or at that
        # close.
        if bar[row] < free:
            fates[row] = FATE_BUSY if bar[row] < cool else FATE_COOLING
            continue
        exit_ = exits[exit_of[row]]
        # Caps count fills: an order that met no trade has used up nothing.
        full = False
        for g in range(2):
            group = groups.of_row[row, g]
            if exit_[EXIT_CAP_A + g] >= 0.0 and group >= 0:
                full = full or fills[group + g * groups.sizes[0]] >= exit_[EXIT_CAP_A + g]
        if full:
            fates[row] = FATE_FULL
            continue
        entry_bar = bar[row] + 1 + delay
        if not can_fill(entry_bar, flat_by[row], len(closes)):
            fates[row] = FATE_UNSENT
            continue
        if limited:
            today = day[entry_bar]  # an order belongs to the day on which it would fill
            # Equity at the start of the day: on a day with an exit `equity` has moved already, `before` has not.
            morning = account.before if today == account.last_day else account.equity
            weak = False
            if len(shadow_sharpe) > 0:
                # The shadow may have a position open now, and an order may fill late: only days before that of the next
                # bar are over at this close.
                weak = shadow_sharpe[day[bar[row] + 1] - first_day] < limits[LIMIT_MIN_SHARPE]
            loss_today = 1.0 - account.equity / morning
            today_fills = fills_today if today == day_of_fills else 0
            since_loss = bar[row] - last_loss
            cause = held_back(limits, loss_today, account.drawdown, today <= paused_day, today_fills, since_loss, weak)
            if cause >= 0:
                fates[row] = FATE_HELD_BACK + cause
                continue
        opposite = len(closes)
        # A signal that is known before the fill finds no position to close, so earlier ones do not count.
        if on_opposite:
            for k in range(i + 1, kept):
                if side[picked[k]] != side[row] and bar[picked[k]] > bar[row] + delay:
                    opposite = bar[picked[k]]
                    break
        o = out[trades]
        follow_order(bar[row], side[row], levels[row], flat_by[row], exit_, costs, delay, opposite, prices, o)
        sent += 1
        if o[OUTCOME_STATUS] < 1.0:
            fates[row] = FATE_UNFILLED
            continue
        fates[row] = FATE_FILLED
        if limited:
            fill_day = day[int(o[OUTCOME_ENTRY_BAR])]
            fills_today = fills_today + 1 if fill_day == day_of_fills else 1
            day_of_fills = fill_day
            if o[OUTCOME_NET] > 0.0:
                streak = 0
            else:
                last_loss = o[OUTCOME_EXIT_BAR]
                streak += 1
                if streak >= limits[LIMIT_MAX_LOSSES]:
                    # Paused to the end of that day; the next one starts its own count.
                    paused_day, streak = day[int(o[OUTCOME_EXIT_BAR])], 0
        for g in range(2):
            group = groups.of_row[row, g]
            if exit_[EXIT_CAP_A + g] >= 0.0 and group >= 0:
                fills[group + g * groups.sizes[0]] += 1
        rows_out[trades] = row
        trades += 1
        sum_net += o[OUTCOME_NET]
        if o[OUTCOME_NET] > 0.0:
            wins += 1
            gains += o[OUTCOME_WEIGHTED]
        else:
            losses -= o[OUTCOME_WEIGHTED]
        account = settle(account, o, side[row], days, costs)
        cool = o[OUTCOME_EXIT_BAR]
        free = cool + exit_[EXIT_COOLDOWN]
    sums[SUM_TRADES] = trades
    sums[SUM_WINS] = wins
    sums[SUM_EQUITY] = account.equity
    sums[SUM_GAINS] = gains
    sums[SUM_LOSSES] = losses
    sums[SUM_DRAWDOWN] = account.drawdown
    sums[SUM_RETURNS], sums[SUM_RETURNS_SQUARED], sums[SUM_LOSSES_SQUARED] = close_books(account)
    sums[SUM_NET] = sum_net
    # A trade may leave after the span in which it was signalled: its days count.
    sums[SUM_DAYS] = max(account.last_day, last_span_day) - first_day + 1
    return kept, sent, trades


@compiled
def daily_values(out, sides, count, days, costs, first_day, length):
    """Equity at the last bar of each day of a run, shape (length,), starting from 1."""
    values = np.ones(length)
    equity = 1.0
    filled = 0  # days [0, filled) are written
    for k in range(count):
        o = out[k]
        filled = fill_days(values, filled, o, sides[k], equity, days, costs, first_day)
        equity *= o[OUTCOME_FACTOR]
    for d in range(filled, length):
        values[d] = equity
    return values
