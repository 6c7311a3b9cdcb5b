"""The compiled heart: one walk through the bars serves the sweep, the replay and every strategy.

All helpers that kernels call stand in this file, because numba's disk cache notices a change only in
the file of the kernel itself. Side, gaps, time stops, sessions, trails and partial exits live in `walk`
alone; the account lives in `settle` alone. The order of float operations is part of the definition:
an independent oracle in the tests does the same operations in the same order and gets the same bits.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from assay.compiled import compiled

# Fields of one outcome (float64). The first eight are what a sweep reads of most trades: one cache line.
EXIT_BAR = 0
FACTOR = 1  # equity is multiplied by this
MIN_MARK = 2  # lowest mark of the trade, entry = 1
MAX_MARK = 3
INNER_DD = 4  # drawdown from the trade's own highest mark
WEIGHTED = 5  # size x net return
NET = 6
STATUS = 7  # -1 no signal, 0 sent but unfilled, 1 filled
ENTRY_BAR = 8
ENTRY = 9  # price paid, slippage inside
SIZE = 10
LEG1_NET = 11
PARTIAL_BAR = 12
ENTRY_RAW = 13
EXIT_RAW = 14
EXIT = 15
PARTIAL_RAW = 16
GROSS = 17
R_MULTIPLE = 18
REASON = 19
AMBIGUOUS = 20
OPTIMISTIC_NET = 21
HELD = 22
FLAT_ABSENT = 23
STOP = 24
TARGET = 25
FIRST = 26  # first target, NaN without a partial exit
OUTCOME_FIELDS = 27

# Reasons, in the order of engine.trades.REASONS.
STOP_LOSS = 0
TAKE_PROFIT = 1
PARTIAL = 2
TRAILING_STOP = 3
BREAK_EVEN = 4
MAX_HOLDING = 5
SESSION_END = 6
INVALIDATION = 7
OPPOSITE_SIGNAL = 8
END_OF_DATA = 9

# Sums of one run (float64).
TRADES = 0
WINS = 1
EQUITY = 2
GAINS = 3
LOSSES = 4
DRAWDOWN = 5
SUM_R = 6
SUM_R2 = 7
SUM_DOWN2 = 8
SUM_NET = 9
DAYS = 10
SUM_FIELDS = 11


# What became of a row that passed the rules: codes of `fates`.
NOT_CHOSEN = 0  # another row of its bar and side came first, or both sides signalled
REFUSED = 1  # its stop or target makes no sense
BUSY = 2
COOLING = 3
FULL = 4  # as many fills as its group may have
RUINED = 5
UNSENT = 6  # no bar is left to fill on
UNFILLED = 7  # the bar it would fill on is not tradable
FILLED = 8
HELD_BACK = 9  # by the first of the limits, HELD_BACK + 1 by the second ...

# Layout of the limits, NaN where one is off; fractions of the equity, trades, bars, annual.
MAX_DAILY_LOSS = 0
MAX_DRAWDOWN = 1
MAX_LOSSES = 2
MAX_DAILY_TRADES = 3
PAUSE_AFTER_LOSS = 4
MIN_SHARPE = 5
YEAR = 6
LIMIT_FIELDS = 7
MONTH = 30


@compiled
def round_away(price, side, tick):
    """Round a price onto the tick grid, in the direction of `side`; a price on the grid stays."""
    if tick <= 0.0:
        return price
    steps = price / tick
    if side > 0:
        return np.ceil(steps - 1e-9) * tick
    return np.floor(steps + 1e-9) * tick


@compiled
def slipped(price, side, slippage, tick):
    """Price after slippage against a taker on `side` (+1 buys)."""
    if tick > price * slippage:
        return price + side * tick
    return price * (1.0 + side * slippage)


@compiled
def bracket_prices(t, side, close, level, flat_by, exit_, costs):
    """Stop, target, first target and risk of a signal at bar t; risk is NaN when it is no signal.

    level: the row's `setups.LEVELS`; exit_: `bracket.VECTOR`; costs: `money.vector`.
    """
    tick = costs[2]
    base = close if np.isnan(level[0]) else level[0]
    distance = exit_[0] * level[1]
    distance = max(distance, level[2])
    if exit_[15] > 0.0:
        floor = exit_[15] * costs[7] * close
        distance = max(distance, floor)
    stop = base - side * distance
    if side * (stop - level[3]) > 0.0:
        stop = level[3]
    stop = round_away(stop, -side, tick)
    risk = abs(close - stop)
    none = np.nan
    if not (risk > 0.0 and side * (close - stop) > 0.0) or (flat_by >= 0 and flat_by <= t):
        return none, none, none, none
    target = np.nan
    if not np.isnan(exit_[1]):
        reach = exit_[1] * (level[4] if exit_[2] > 0.0 else risk)
        reach = max(reach, level[5])
        target = close + side * reach
        if exit_[3] > 0.0 and side * (target - level[6]) > 0.0:
            target = level[6]
        target = round_away(target, side, tick)
        if not side * (target - close) > 0.0 or abs(target - close) < exit_[4] * risk:
            return none, none, none, none
    first = np.nan
    if not np.isnan(exit_[5]):
        first = round_away(close + side * (exit_[5] * risk), side, tick)
        if side * (target - first) <= 0.0:  # a target at or before it takes everything out there
            first = np.nan
    return stop, target, first, risk


@compiled
def net_return(exit_price, entry, side, costs):
    """Return on notional of one leg after fees; both prices have slippage inside."""
    x = exit_price / entry
    return side * (x - 1.0) - costs[0] * (1.0 + x) - (costs[3] + costs[3]) / entry


@compiled
def open_return(close, entry, side, costs):
    """Return of an open leg at a close: the entry's costs are paid, the exit's not yet."""
    return side * (close / entry - 1.0) - costs[0] - costs[3] / entry


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
def follow_order(t, side, level, flat_by, exit_, costs, delay, opposite, opens, highs, lows, closes, tradable, out):
    """Follow one order from its fill to its exit and write the outcome into `out`.

    Parameters
    ----------
    t, side : int
        Signal bar and direction.
    level, exit_, costs : float64
        As in `bracket_prices`; costs are (fee, slippage, tick, commission, risk sizing, risk fraction,
        leverage cap, round trip that `min_stop_costs` counts).
    delay : int
        Bars between the signal's next bar and the fill (0; fragility asks for 1).
    opposite : int
        Bar at whose close an exit is ordered from outside; n or more = never.
    opens .. closes, tradable : arrays, shape (n,)
        The run's bars; it ends with them.
    out : float64, shape (27,)
    """
    n = len(closes)
    out[:] = np.nan
    out[STATUS] = -1.0
    entry_bar = t + 1 + delay
    if not can_fill(entry_bar, flat_by, n):
        return
    close_ref = closes[t]
    stop, target, first, risk = bracket_prices(t, side, close_ref, level, flat_by, exit_, costs)
    if np.isnan(risk):
        return
    out[STATUS] = 0.0
    out[STOP] = stop
    out[TARGET] = target
    out[FIRST] = first
    out[EXIT_BAR] = t
    if not tradable[entry_bar]:
        return

    slip, tick = costs[1], costs[2]
    size = 1.0
    if costs[4] > 0.0:
        size = min(costs[6], costs[5] * close_ref / risk)
    entry_raw = opens[entry_bar]
    entry = slipped(entry_raw, side, slip, tick)

    last = n - 1
    flat_absent = 0.0
    if flat_by >= 0:
        last = min(flat_by, n - 1)
    while last > entry_bar and not tradable[last]:
        last -= 1
    is_flat_by = flat_by >= 0 and flat_by <= n - 1
    if is_flat_by and last < flat_by:
        flat_absent = 1.0

    max_bars = exit_[6]
    trail_kind = exit_[7]
    unit = level[1]
    arm = exit_[8] * (risk if exit_[9] > 0.0 else unit)
    trail_distance = exit_[10] * unit
    trail_bars = int(exit_[11])

    leg1 = np.nan
    first_raw = np.nan
    partial_bar = np.nan
    pending = not np.isnan(first)  # a first target is still open
    stop_reason = STOP_LOSS
    ordered = -1  # reason of an exit ordered for the next open
    best = -np.inf
    min_mark = np.inf
    max_mark = -np.inf
    inner_dd = 0.0
    exit_raw = np.nan
    optimistic = np.nan  # raw price of the last leg at the optimistic end, when ambiguous
    optimistic_first = np.nan
    reason = END_OF_DATA
    j = entry_bar
    while True:
        if tradable[j]:
            o, h, low, c = opens[j], highs[j], lows[j], closes[j]
            good = h if side > 0 else low  # the range's favourable end
            bad = low if side > 0 else h
            if ordered >= 0:
                exit_raw, reason = o, ordered
                break
            if side * (stop - o) >= 0.0:
                exit_raw, reason = o, stop_reason
                break
            if side * (o - target) >= 0.0:
                if pending:
                    first_raw, partial_bar, pending = o, float(j), False
                    leg1 = net_return(slipped(o, -side, slip, tick), entry, side, costs)
                exit_raw, reason = o, TAKE_PROFIT
                break
            even_now = False  # break-even is asked on the bar that fills the first target, but not at entry
            if pending and side * (o - first) >= 0.0:
                first_raw, partial_bar, pending = o, float(j), False
                leg1 = net_return(slipped(o, -side, slip, tick), entry, side, costs)
                even_now = True
                in_force = j == entry_bar or side * (stop - entry) >= 0.0  # break-even is no better
                if in_force and side * (stop - bad) >= 0.0:
                    exit_raw, reason = stop, stop_reason
                    if side * (good - target) >= 0.0:
                        optimistic = target
                    break
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
            if even_now and j > entry_bar and side * (entry - bad) >= 0.0:
                exit_raw, reason = entry, BREAK_EVEN
                if side * (good - target) >= 0.0:
                    optimistic = target
                elif first_raw == first and side * (o - first) < 0.0:
                    optimistic = first
                break
            if side * (good - target) >= 0.0:
                exit_raw, reason = target, TAKE_PROFIT
                break
            if is_flat_by and j == last:
                exit_raw, reason = c, SESSION_END
                break
            if max_bars > 0.0 and j - entry_bar + 1 >= max_bars:
                exit_raw, reason = c, MAX_HOLDING
                break
            if j == last:
                exit_raw, reason = c, END_OF_DATA
                break
            if side * (level[7] - c) > 0.0:
                ordered = INVALIDATION
            elif j >= opposite:
                ordered = OPPOSITE_SIGNAL
            mark = mark_factor(c, entry, side, size, leg1, costs)
            min_mark = min(min_mark, mark)
            max_mark = max(max_mark, mark)
            inner_dd = max(inner_dd, 1.0 - mark / max_mark)
            if even_now and side * (entry - stop) > 0.0:
                stop, stop_reason = entry, BREAK_EVEN
            if trail_kind > 0.0:
                if best == -np.inf or side * (c - best) > 0.0:
                    best = c
                if side * (best - close_ref) >= arm:
                    candidate = best - side * trail_distance
                    if trail_kind > 1.0:
                        candidate = bad
                        for k in range(max(0, j - trail_bars + 1), j):
                            edge = lows[k] if side > 0 else highs[k]
                            if tradable[k] and side * (candidate - edge) > 0.0:
                                candidate = edge
                    if side * (candidate - stop) > 0.0:
                        stop, stop_reason = candidate, TRAILING_STOP
        j += 1

    exit_price = slipped(exit_raw, -side, slip, tick)
    last_leg = net_return(exit_price, entry, side, costs)
    gross = side * (exit_raw / entry_raw - 1.0)
    if np.isnan(leg1):
        net = last_leg
    else:
        net = 0.5 * leg1 + 0.5 * last_leg
        gross = 0.5 * (side * (first_raw / entry_raw - 1.0)) + 0.5 * gross
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
    out[EXIT_BAR] = j
    out[FACTOR] = factor
    out[MIN_MARK] = min(min_mark, factor)
    out[MAX_MARK] = max_mark
    out[INNER_DD] = max(inner_dd, 1.0 - factor / max_mark)
    out[WEIGHTED] = size * net
    out[NET] = net
    out[STATUS] = 1.0
    out[ENTRY_BAR] = entry_bar
    out[ENTRY] = entry
    out[SIZE] = size
    out[LEG1_NET] = leg1
    out[PARTIAL_BAR] = partial_bar
    out[ENTRY_RAW] = entry_raw
    out[EXIT_RAW] = exit_raw
    out[EXIT] = exit_price
    out[PARTIAL_RAW] = first_raw
    out[GROSS] = gross
    out[R_MULTIPLE] = net * entry / risk
    out[REASON] = reason
    out[AMBIGUOUS] = 0.0 if np.isnan(optimistic) else 1.0
    out[OPTIMISTIC_NET] = best_net
    out[HELD] = j - entry_bar + 1
    out[FLAT_ABSENT] = flat_absent if reason == SESSION_END else 0.0


@compiled
def settle(equity, peak, drawdown, s1, s2, sd, before, last_day, table, e, k, side, marks, day, day_end, costs):
    """Book one filled outcome, table[e, k], into the account.

    Drawdown is exact at bar closes from three numbers per trade: with v = equity x lowest mark,
    dd = max(the trade's own, 1 - v / peak). Daily returns need only running sums, because a flat day
    adds nothing; `before` is the value at the end of the last day that is closed.
    """
    entry_bar, exit_bar = int(table[e, k, ENTRY_BAR]), int(table[e, k, EXIT_BAR])
    first, final = day[entry_bar], day[exit_bar]
    if first > last_day and equity != before:
        r = day_return(equity, before)
        s1 += r
        s2 += r * r
        if r < 0.0:
            sd += r * r
        before = equity
    for d in range(first, final):
        bar = day_end[d - day[0]]
        leg1 = table[e, k, LEG1_NET] if table[e, k, PARTIAL_BAR] <= bar else np.nan
        value = equity * mark_factor(marks[bar], table[e, k, ENTRY], side, table[e, k, SIZE], leg1, costs)
        r = day_return(value, before)
        s1 += r
        s2 += r * r
        if r < 0.0:
            sd += r * r
        before = value
    drawdown = max(drawdown, table[e, k, INNER_DD], 1.0 - (equity * table[e, k, MIN_MARK]) / peak)
    peak = max(peak, equity * table[e, k, MAX_MARK])
    return equity * table[e, k, FACTOR], peak, drawdown, s1, s2, sd, before, final


@compiled
def close_books(equity, s1, s2, sd, before):
    """Add the return of the last day that saw a change."""
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
            if status[order[row], STATUS] >= 0.0:
                if side[row] > 0:
                    if long_row < 0:
                        long_row = row
                elif short_row < 0:
                    short_row = row
            i += 1
        if long_row >= 0 and short_row < 0:
            picked[kept] = long_row
            kept += 1
        elif short_row >= 0 and long_row < 0:
            picked[kept] = short_row
            kept += 1
    return kept


@compiled
def fill_days(values, filled, o, side, equity, marks, day, day_end, costs, first_day):
    """Write the equity at the end of the days before a trade's exit day; return how many days are written.

    `values` starts with `first_day`, of which `filled` days are written; `equity` is that before the trade.
    """
    first, final = day[int(o[ENTRY_BAR])] - first_day, day[int(o[EXIT_BAR])] - first_day
    for d in range(filled, first):
        values[d] = equity
    for d in range(first, final):
        bar = day_end[d + first_day - day[0]]
        leg1 = o[LEG1_NET] if o[PARTIAL_BAR] <= bar else np.nan
        values[d] = equity * mark_factor(marks[bar], o[ENTRY], side, o[SIZE], leg1, costs)
    return final


@compiled
def month_sharpe(values, days, year):
    """Annual Sharpe ratio of the last 30 of `days` days; NaN where there are fewer or they do not vary."""
    if days < MONTH:
        return np.nan
    total, squares = 0.0, 0.0
    for d in range(days - MONTH, days):
        r = day_return(values[d], values[d - 1] if d > 0 else 1.0)
        total += r
        squares += r * r
    spread = squares - total * total / MONTH
    if not spread > 0.0:
        return np.nan
    return total / MONTH / np.sqrt(spread / (MONTH - 1)) * np.sqrt(year)


@compiled
def held_back(limits, loss_today, drawdown, paused, fills_today, since_loss, weak):
    """Which limit holds an order back: its place, or -1."""
    if loss_today >= limits[MAX_DAILY_LOSS]:
        return MAX_DAILY_LOSS
    if drawdown >= limits[MAX_DRAWDOWN]:
        return MAX_DRAWDOWN
    if paused:
        return MAX_LOSSES
    if fills_today >= limits[MAX_DAILY_TRADES]:
        return MAX_DAILY_TRADES
    if since_loss < limits[PAUSE_AFTER_LOSS]:
        return PAUSE_AFTER_LOSS
    if weak:
        return MIN_SHARPE
    return -1


@compiled
def replay(
    bar,
    side,
    levels,
    flat_by,
    groups,
    group_sizes,
    exit_of,
    exits,
    costs,
    delay,
    on_opposite,
    opens,
    highs,
    lows,
    closes,
    tradable,
    day,
    day_end,
    marks,
    first_day,
    last_span_day,
    limits,
    out,
    rows_out,
    sums,
    fates,
):
    """Trade the passing rows one after the other.

    `exit_of` names the exit combination of each row, so that a schedule of parameters replays in one
    pass. `limits` is empty, or what a trader pauses at. Writes outcomes of filled orders to `out`, their rows
    to `rows_out`, the sums of the run to `sums`, and what became of each row to `fates`; returns (signals,
    orders sent, orders filled).
    """
    n = len(bar)
    probe = np.empty((max(n, 1), OUTCOME_FIELDS))
    index = np.arange(n)
    for i in range(n):
        probe[i, STATUS] = -1.0
        fates[i] = UNSENT
        if bar[i] + 1 < len(closes):
            fates[i] = REFUSED
            prices = bracket_prices(bar[i], side[i], closes[bar[i]], levels[i], flat_by[i], exits[exit_of[i]], costs)
            if not np.isnan(prices[3]):
                probe[i, STATUS] = 0.0
                fates[i] = NOT_CHOSEN
    picked = np.empty(n, dtype=np.int64)
    kept = resolve(index, n, bar, side, probe, index, picked)
    fills = np.zeros(group_sizes[0] + group_sizes[1] + 1, dtype=np.int64)
    equity, peak, drawdown, s1, s2, sd = 1.0, 1.0, 0.0, 0.0, 0.0, 0.0
    before = 1.0
    last_day = first_day - 1
    trades, wins, gains, losses, sum_net = 0, 0, 0.0, 0.0, 0.0
    sent = 0
    table = out.reshape((1, out.shape[0], out.shape[1]))
    free, cool = 0.0, 0.0
    limited = len(limits) > 0
    values = np.ones(day[-1] - first_day + 1 if limited else 0)
    filled, streak, fills_today, day_of_fills = 0, 0, 0, first_day - 1
    paused_day, last_loss, weak = first_day - 1, -np.inf, False
    for i in range(kept):
        row = picked[i]
        if equity <= 0.0:
            fates[row] = RUINED
            continue
        if bar[row] < free:
            fates[row] = BUSY if bar[row] < cool else COOLING
            continue
        exit_ = exits[exit_of[row]]
        full = False
        for g in range(2):
            group = groups[row, g]
            if exit_[13 + g] >= 0.0 and group >= 0:
                full = full or fills[group + g * group_sizes[0]] >= exit_[13 + g]
        if full:
            fates[row] = FULL
            continue
        entry_bar = bar[row] + 1 + delay
        if not can_fill(entry_bar, flat_by[row], len(closes)):
            fates[row] = UNSENT
            continue
        if limited:
            today = day[entry_bar]  # an order belongs to the day on which it would fill
            for d in range(filled, today - first_day):
                values[d] = equity
            filled = max(filled, today - first_day)
            morning = before if today == last_day else equity
            # once too low it stays off, whatever else holds this order back
            weak = weak or month_sharpe(values, today - first_day, limits[YEAR]) < limits[MIN_SHARPE]
            cause = held_back(
                limits, 1.0 - equity / morning, drawdown, today <= paused_day,
                fills_today if today == day_of_fills else 0, bar[row] - last_loss, weak,
            )  # fmt: skip
            if cause >= 0:
                fates[row] = HELD_BACK + cause
                continue
        opposite = len(closes)
        if on_opposite:
            for k in range(i + 1, kept):
                if side[picked[k]] != side[row] and bar[picked[k]] > bar[row] + delay:
                    opposite = bar[picked[k]]
                    break
        o = out[trades]
        follow_order(
            bar[row], side[row], levels[row], flat_by[row], exit_, costs, delay, opposite,
            opens, highs, lows, closes, tradable, o,
        )  # fmt: skip
        sent += 1
        if o[STATUS] < 1.0:
            fates[row] = UNFILLED
            continue
        fates[row] = FILLED
        if limited:
            filled = fill_days(values, filled, o, side[row], equity, marks, day, day_end, costs, first_day)
            fill_day = day[int(o[ENTRY_BAR])]
            fills_today = fills_today + 1 if fill_day == day_of_fills else 1
            day_of_fills = fill_day
            if o[NET] > 0.0:
                streak = 0
            else:
                last_loss = o[EXIT_BAR]
                streak += 1
                if streak >= limits[MAX_LOSSES]:
                    paused_day, streak = day[int(o[EXIT_BAR])], 0
        for g in range(2):
            group = groups[row, g]
            if exit_[13 + g] >= 0.0 and group >= 0:
                fills[group + g * group_sizes[0]] += 1
        rows_out[trades] = row
        trades += 1
        sum_net += o[NET]
        if o[NET] > 0.0:
            wins += 1
            gains += o[WEIGHTED]
        else:
            losses -= o[WEIGHTED]
        equity, peak, drawdown, s1, s2, sd, before, last_day = settle(
            equity, peak, drawdown, s1, s2, sd, before, last_day, table, 0, trades - 1, side[row],
            marks, day, day_end, costs,
        )  # fmt: skip
        cool = o[EXIT_BAR]
        free = cool + exit_[12]
    s1, s2, sd = close_books(equity, s1, s2, sd, before)
    sums[TRADES] = trades
    sums[WINS] = wins
    sums[EQUITY] = equity
    sums[GAINS] = gains
    sums[LOSSES] = losses
    sums[DRAWDOWN] = drawdown
    sums[SUM_R] = s1
    sums[SUM_R2] = s2
    sums[SUM_DOWN2] = sd
    sums[SUM_NET] = sum_net
    sums[DAYS] = max(last_day, last_span_day) - first_day + 1
    return kept, sent, trades


@compiled
def daily_values(out, sides, count, marks, day, day_end, costs, first_day, days):
    """Equity at the last bar of each day of a run, shape (days,), starting from 1."""
    values = np.ones(days)
    equity = 1.0
    filled = 0  # days [0, filled) are written
    for k in range(count):
        o = out[k]
        filled = fill_days(values, filled, o, sides[k], equity, marks, day, day_end, costs, first_day)
        equity *= o[FACTOR]
    for d in range(filled, days):
        values[d] = equity
    return values
