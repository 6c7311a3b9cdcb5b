"""The kernels of a grid: bitsets of thresholds, and all exit combinations of a row at once, as lanes.

An entry combination is an AND of bitsets; the rows that remain are passed once for `LANES` exit combinations
side by side. What happens to one order under one exit combination comes from `kernels.follow_order`, and the account
does the operations of `kernels.settle` in the same order, so that a lane has the bits of a replay.

The inner loops run over a number of lanes that the compiler knows, without branches, on flat arrays: it turns
them into vector instructions. Fewer than 16 lanes it would unroll instead, at half the speed.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from assay.compiled import compiled
from assay.engine.kernels import follow_order, mark_factor
from assay.engine.layout import (
    EXIT_COOLDOWN,
    OUTCOME_ENTRY,
    OUTCOME_EXIT_BAR,
    OUTCOME_FACTOR,
    OUTCOME_FIELDS,
    OUTCOME_INNER_DRAWDOWN,
    OUTCOME_LEG1_NET,
    OUTCOME_MAX_MARK,
    OUTCOME_MIN_MARK,
    OUTCOME_NET,
    OUTCOME_PARTIAL_BAR,
    OUTCOME_SIZE,
    OUTCOME_STATUS,
    OUTCOME_WEIGHTED,
    SUM_DAYS,
    SUM_DRAWDOWN,
    SUM_EQUITY,
    SUM_FIELDS,
    SUM_GAINS,
    SUM_LOSSES,
    SUM_LOSSES_SQUARED,
    SUM_NET,
    SUM_RETURNS,
    SUM_RETURNS_SQUARED,
    SUM_TRADES,
    SUM_WINS,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANES = 16
"""Exit combinations side by side."""

# One field of all lanes lies together, so that a loop over lanes reads and writes whole vectors.
# Fields of an order in the table of lanes: field f of lane l stands at f * LANES + l.
_FREE = 0  # first bar on which the market is free again
_LAST_DAY = 1
_FACTOR = 2
_MIN_MARK = 3
_MAX_MARK = 4
_INNER_DRAWDOWN = 5
_WEIGHTED = 6
_NET = 7
TABLE_FIELDS = 8

# Fields of the account beyond the eleven sums, in the same layout.
_PEAK = SUM_FIELDS
_BEFORE = SUM_FIELDS + 1  # value at the end of the last closed day
_LAST = SUM_FIELDS + 2  # day of the last exit
_NEXT = SUM_FIELDS + 3  # first bar on which a signal may act
_TAKE = SUM_FIELDS + 4
_ALLOW = SUM_FIELDS + 5
_STATE_FIELDS = SUM_FIELDS + 6

_ONE = np.uint64(1)


class Table(NamedTuple):
    """What becomes of every order under `LANES` exit combinations.

    Attributes
    ----------
    outcomes : float64, shape (orders, TABLE_FIELDS * LANES)
    refused : uint64, shape (orders,)
        A bit per lane whose bracket makes no order of it.
    filled : bool, shape (orders,)
        Whether the order finds a tradable bar, which no exit has a say in.
    """

    outcomes: NDArray[np.float64]
    refused: NDArray[np.uint64]
    filled: NDArray[np.bool_]


class Marks(NamedTuple):
    """Marks of open trades at day ends.

    Attributes
    ----------
    start : int64, shape (orders + 1,)
        Those of order k are start[k] <= m < start[k + 1].
    factor : float64, shape (marks, LANES)
        Over equity at the entry; 1 in lanes that have left.
    """

    start: NDArray[np.int64]
    factor: NDArray[np.float64]


class Rows(NamedTuple):
    """The rows of one shape, shape (rows,) each: signal bar, side, index into the table, day of the bar after."""

    bar: NDArray[np.int64]
    side: NDArray[np.int8]
    order: NDArray[np.int64]
    entry_day: NDArray[np.int64]


@compiled
def outcomes(orders, exits, used, costs, prices, days, table, day_ends):
    """Outcome of every order under `LANES` exit combinations.

    Parameters
    ----------
    orders : Orders
    exits : float64, shape (LANES, 16)
        The first `used` are wanted; the other lanes repeat the last of them.
    prices : Prices
    days : Days
    table : Table
        Receives the outcomes.
    day_ends : int64, shape (orders,)
        Receives how many day ends pass before the last lane has left.

    Returns
    -------
    float64, shape (sum of day_ends, LANES)
        As in `Marks`.
    """
    bar, side, levels, flat_by = orders
    out, refused, filled = table
    day = days.day
    n = len(prices.close)
    kept = np.empty((LANES, OUTCOME_FIELDS))
    # How many day ends pass is known only after the orders were followed: the buffer doubles when it is full.
    at_day_end = np.empty((64, LANES))
    written = 0
    for k in range(len(bar)):
        refused[k] = 0
        filled[k] = False
        first = day[min(bar[k] + 1, n - 1)]
        last = first
        for lane in range(LANES):
            record = kept[lane]
            # The number of lanes is fixed for the compiler. Those that nobody asked for repeat a real one, which
            # costs less than a test in every loop of the sweep, and have no slot in the result.
            if lane < used:
                follow_order(bar[k], side[k], levels[k], flat_by[k], exits[lane], costs, 0, n, prices, record)
            else:
                record[:] = kept[used - 1]
            if record[OUTCOME_STATUS] < 0.0:
                # One bit per lane: which lanes refuse an order is then combined by AND and NOT, all 16 at a time.
                refused[k] |= _ONE << np.uint64(lane)
            if record[OUTCOME_STATUS] > 0.0:
                filled[k] = True
                final = day[int(record[OUTCOME_EXIT_BAR])]
                last = max(last, final)
                out[k, _FREE * LANES + lane] = record[OUTCOME_EXIT_BAR] + exits[lane, EXIT_COOLDOWN]
                out[k, _LAST_DAY * LANES + lane] = final
            out[k, _FACTOR * LANES + lane] = record[OUTCOME_FACTOR]
            out[k, _MIN_MARK * LANES + lane] = record[OUTCOME_MIN_MARK]
            out[k, _MAX_MARK * LANES + lane] = record[OUTCOME_MAX_MARK]
            out[k, _INNER_DRAWDOWN * LANES + lane] = record[OUTCOME_INNER_DRAWDOWN]
            out[k, _WEIGHTED * LANES + lane] = record[OUTCOME_WEIGHTED]
            out[k, _NET * LANES + lane] = record[OUTCOME_NET]
        day_ends[k] = last - first
        for d in range(first, last):
            if written == len(at_day_end):
                grown = np.empty((2 * written, LANES))
                grown[:written] = at_day_end
                at_day_end = grown
            end = days.last_bar[d - day[0]]
            for lane in range(LANES):
                # A mark of an open lane is taken here, once per order, and not in each of the thousands of runs that
                # trade it.
                mark = 1.0
                record = kept[lane]
                if record[OUTCOME_STATUS] > 0.0 and day[int(record[OUTCOME_EXIT_BAR])] > d:
                    leg1 = record[OUTCOME_LEG1_NET] if record[OUTCOME_PARTIAL_BAR] <= end else np.nan
                    entry, size = record[OUTCOME_ENTRY], record[OUTCOME_SIZE]
                    mark = mark_factor(days.mark[end], entry, side[k], size, leg1, costs)
                at_day_end[written, lane] = mark
            written += 1
    return at_day_end[:written].copy()


@compiled
def distinct_orders(orders, bars, order, first):
    """Number the orders: rows of one bar and side with the same levels and flat-by bar are one order.

    Writes the order of each row and the first row of each order; returns how many orders there are. `bars` is how
    many bars there are.
    """
    bar, side, levels, flat_by = orders
    # Rows of one bar and side are few: a chain per bar and side finds an equal order without hashing floats.
    newest = np.full(2 * bars, -1, dtype=np.int64)  # per bar and side the order met last
    older = np.empty(len(bar), dtype=np.int64)
    count = 0
    for i in range(len(bar)):
        slot = 2 * bar[i] + (1 if side[i] > 0 else 0)
        o = newest[slot]
        while o >= 0:
            k = first[o]
            same = flat_by[k] == flat_by[i]
            for f in range(levels.shape[1]):
                # NaN says that a strategy does not use the column; two such columns are equal.
                a, b = levels[k, f], levels[i, f]
                same = same and (a == b or (np.isnan(a) and np.isnan(b)))
            if same:
                break
            o = older[o]
        if o < 0:
            o = count
            older[o] = newest[slot]
            newest[slot] = o
            first[o] = i
            count += 1
        order[i] = o
    return count


@compiled
def vote(rows, conditions, choices, subsets, starts, out):
    """Bitset of each choice of a weighted vote: the OR of its minimal passing subsets.

    Parameters
    ----------
    rows : uint64, shape (words,)
        Every row; the empty subset passes them all.
    conditions : uint64, shape (levels, words)
        One bitset per level of each condition.
    choices : int64, shape (choices, conditions)
        Row of `conditions` per condition.
    subsets : bool, shape (subsets, conditions)
        Which conditions each subset holds; those of choice c are starts[c, 0] <= s < starts[c, 1].
    out : uint64, shape (choices, words)
    """
    for c in range(len(choices)):
        # Weights were added up when the subsets were made, in whole hundredths: the kernel only joins bitsets, and no
        # sum of floats can miss a threshold by a rounding.
        out[c] = 0
        for s in range(starts[c, 0], starts[c, 1]):
            for w in range(conditions.shape[1]):
                word = rows[w]
                for i in range(choices.shape[1]):
                    if subsets[s, i]:
                        word &= conditions[choices[c, i], w]
                out[c, w] |= word


@compiled
def lowest_bit(word):
    """Index of the lowest set bit of a non-zero uint64."""
    # numba has no public count of trailing zeros: six halvings find the bit.
    bit = 0
    if word & np.uint64(0xFFFFFFFF) == 0:
        word >>= np.uint64(32)
        bit += 32
    if word & np.uint64(0xFFFF) == 0:
        word >>= np.uint64(16)
        bit += 16
    if word & np.uint64(0xFF) == 0:
        word >>= np.uint64(8)
        bit += 8
    if word & np.uint64(0xF) == 0:
        word >>= np.uint64(4)
        bit += 4
    if word & np.uint64(0x3) == 0:
        word >>= np.uint64(2)
        bit += 2
    if word & _ONE == 0:
        bit += 1
    return bit


@compiled
def accepted(words, entry, begin, end, rows):
    """Write the rows begin <= row < end that are in every bitset of an entry combination; return how many."""
    count = 0
    for w in range(begin // 64, (end + 63) // 64):
        word = words[entry[0], w]
        for a in range(1, len(entry)):
            word &= words[entry[a], w]
        # The first and the last word reach beyond the window: their outer bits are cleared. Shifts are by 1 to 63,
        # since a shift by a whole word is undefined.
        if w * 64 < begin:
            word &= ~np.uint64(0) << np.uint64(begin - w * 64)
        if w * 64 + 64 > end:
            word &= ~np.uint64(0) >> np.uint64(w * 64 + 64 - end)
        while word != 0:
            # A jump from one set bit to the next: most words are empty, and rows that do not pass cost nothing.
            rows[count] = w * 64 + lowest_bit(word)
            count += 1
            word &= word - _ONE
    return count


@compiled
def resolve_lanes(accepted_rows, count, rows, table, picked, masks):
    """Keep, per lane, the first row of each bar and side that the lane's bracket does not refuse.

    Long and short on one bar cancel, lane by lane; an order without a fill is no trade. Writes rows and the bits
    of their lanes, returns how many.
    """
    bar, side, order, _ = rows
    _, refused, filled = table
    # Brackets differ by lane and so does the first row that one does not refuse: each lane chooses for itself, as
    # bits of one word.
    every = (_ONE << np.uint64(LANES)) - _ONE
    kept = 0
    i = 0
    while i < count:
        t = bar[accepted_rows[i]]
        begin = kept
        long_lanes, short_lanes = np.uint64(0), np.uint64(0)
        while i < count and bar[accepted_rows[i]] == t:
            row = accepted_rows[i]
            taken = long_lanes if side[row] > 0 else short_lanes
            mask = every & ~refused[order[row]] & ~taken
            if mask != 0:
                picked[kept] = row
                masks[kept] = mask
                kept += 1
                if side[row] > 0:
                    long_lanes |= mask
                else:
                    short_lanes |= mask
            i += 1
        # Cancelled before fills are looked at: an order that finds no trade was a signal all the same.
        both = long_lanes & short_lanes
        end = kept
        kept = begin
        for j in range(begin, end):
            mask = masks[j] & ~both
            if mask != 0 and filled[order[picked[j]]]:
                picked[kept] = picked[j]
                masks[kept] = mask
                kept += 1
    return kept


@compiled
def _allow(state, mask):
    # Apart from `_take`, since the mask seldom changes from one row to the next and its bits need no unpacking then.
    for lane in range(LANES):
        state[_ALLOW * LANES + lane] = 1.0 if (mask >> np.uint64(lane)) & _ONE != 0 else 0.0


@compiled
def _take(state, t):
    for lane in range(LANES):
        # A choice between two numbers, here and below, not a jump: lanes that trade and lanes that wait then run as
        # one vector.
        free = state[_NEXT * LANES + lane] <= t and state[SUM_EQUITY * LANES + lane] > 0.0
        state[_TAKE * LANES + lane] = state[_ALLOW * LANES + lane] if free else 0.0


@compiled
def _limit(state, fills, caps):
    """Do not take where the group is full."""
    for lane in range(LANES):
        full = caps[lane] >= 0.0 and fills[lane] >= caps[lane]
        state[_TAKE * LANES + lane] = 0.0 if full else state[_TAKE * LANES + lane]


@compiled
def _count(state, fills):
    for lane in range(LANES):
        fills[lane] += state[_TAKE * LANES + lane]


@compiled
def _end_day(state, lane, value, over):
    """Book the return of a day that ends with a value, where it is `over`; a lane that is ruined has none."""
    before = state[_BEFORE * LANES + lane]
    r = value / before - 1.0
    # The division is done in every lane and thrown away where it means nothing; a test before it would part the
    # lanes.
    r = r if over and before > 0.0 else 0.0
    square = r * r
    state[SUM_RETURNS * LANES + lane] += r
    state[SUM_RETURNS_SQUARED * LANES + lane] += square
    state[SUM_LOSSES_SQUARED * LANES + lane] += square if r < 0.0 else 0.0
    state[_BEFORE * LANES + lane] = value if over else before


@compiled
def _close_day(state, first):
    """End the last day that saw a change, where that day lies before `first`."""
    for lane in range(LANES):
        _end_day(state, lane, state[SUM_EQUITY * LANES + lane], state[_LAST * LANES + lane] < first)


@compiled
def _pass_day(state, table, order, day, marks, m):
    """End a day inside the trade."""
    for lane in range(LANES):
        inside = state[_TAKE * LANES + lane] > 0.0 and table[order, _LAST_DAY * LANES + lane] > day
        _end_day(state, lane, state[SUM_EQUITY * LANES + lane] * marks[m, lane], inside)


@compiled
def _trade(state, table, order):
    """Book the trade in every lane that takes it."""
    for lane in range(LANES):
        # Everything is computed in every lane, from NaN where the bracket refuses, and kept where the lane takes the
        # trade.
        take = state[_TAKE * LANES + lane] > 0.0
        equity = state[SUM_EQUITY * LANES + lane]
        peak = state[_PEAK * LANES + lane]
        drawdown = state[SUM_DRAWDOWN * LANES + lane]
        inner = table[order, _INNER_DRAWDOWN * LANES + lane]
        fall = 1.0 - (equity * table[order, _MIN_MARK * LANES + lane]) / peak
        deepest = max(drawdown, inner, fall)
        high = max(peak, equity * table[order, _MAX_MARK * LANES + lane])
        weighted = table[order, _WEIGHTED * LANES + lane]
        net = table[order, _NET * LANES + lane]
        won = take and net > 0.0
        lost = take and not net > 0.0
        state[SUM_DRAWDOWN * LANES + lane] = deepest if take else drawdown
        state[_PEAK * LANES + lane] = high if take else peak
        state[SUM_EQUITY * LANES + lane] = equity * table[order, _FACTOR * LANES + lane] if take else equity
        last, free = state[_LAST * LANES + lane], state[_NEXT * LANES + lane]
        state[_LAST * LANES + lane] = table[order, _LAST_DAY * LANES + lane] if take else last
        state[_NEXT * LANES + lane] = table[order, _FREE * LANES + lane] if take else free
        state[SUM_TRADES * LANES + lane] += 1.0 if take else 0.0
        state[SUM_WINS * LANES + lane] += 1.0 if won else 0.0
        state[SUM_GAINS * LANES + lane] += weighted if won else 0.0
        state[SUM_LOSSES * LANES + lane] -= weighted if lost else 0.0
        state[SUM_NET * LANES + lane] += net if take else 0.0


@compiled
def sweep(words, entries, slots, rows_of_span, table, marks, rows, groups, caps, span_days, out):
    """Run entry combinations under `LANES` exit combinations each; one thread.

    Parameters
    ----------
    words : uint64, shape (levels, words)
        One bitset over the rows per level of each threshold axis.
    entries : int64, shape (runs, axes)
        The bitsets to AND.
    slots : int64, shape (runs, LANES)
        Row of `out` that receives each lane; -1 = not wanted.
    rows_of_span : (int, int)
        First and stop of the rows in the span.
    table : Table
    marks : Marks
    rows : Rows
    groups : Groups
    caps : float64, shape (2, LANES)
        Most fills per group; below 0 = no limit.
    span_days : (int, int)
        First and last day that are counted.
    out : float64, shape (combinations, 11)
        The sums of each run.
    """
    begin, end = rows_of_span
    first_day, last_span_day = span_days
    bar, _, order, entry_day = rows
    outcome = table.outcomes
    most = max(end - begin, 1)
    accepted_rows = np.empty(most, dtype=np.int64)
    picked = np.empty(most, dtype=np.int64)
    masks = np.empty(most, dtype=np.uint64)
    limited = np.any(caps >= 0.0)
    fills = np.zeros((groups.sizes[0] + groups.sizes[1] + 1, LANES))
    # Clearing the counters of all groups would cost more than the trades of a run: a stamp says for which run a
    # counter counts, and an older one reads as 0.
    stamp = np.full(len(fills), -1, dtype=np.int64)
    state = np.empty(_STATE_FIELDS * LANES)
    for k in range(len(entries)):
        count = accepted(words, entries[k], begin, end, accepted_rows)
        kept = resolve_lanes(accepted_rows, count, rows, table, picked, masks)
        state[:] = 0.0
        for lane in range(LANES):
            state[SUM_EQUITY * LANES + lane] = 1.0
            state[_PEAK * LANES + lane] = 1.0
            state[_BEFORE * LANES + lane] = 1.0
            state[_LAST * LANES + lane] = first_day - 1
        mask = np.uint64(0)
        today = first_day - 1
        for i in range(kept):
            row = picked[i]
            o = order[row]
            if masks[i] != mask:
                mask = masks[i]
                _allow(state, mask)
            _take(state, bar[row])
            if limited:
                # Both caps are asked before either counts: what the second refuses must not use up the first.
                for g in range(2):
                    if groups.of_row[row, g] >= 0:
                        slot = groups.of_row[row, g] + g * groups.sizes[0]
                        if stamp[slot] != k:
                            stamp[slot] = k
                            fills[slot] = 0.0
                        _limit(state, fills[slot], caps[g])
                for g in range(2):
                    if groups.of_row[row, g] >= 0:
                        _count(state, fills[groups.of_row[row, g] + g * groups.sizes[0]])
            # Rows come in order of time. A day is closed when a row of a later one comes, whether a lane takes it or
            # not: as in `settle`, flat days between add 0.
            if entry_day[row] != today:
                today = entry_day[row]
                _close_day(state, today)
            for m in range(marks.start[o], marks.start[o + 1]):
                _pass_day(state, outcome, o, today + (m - marks.start[o]), marks.factor, m)
            _trade(state, outcome, o)
        # No row comes after the last: the day of the last exit is still open.
        _close_day(state, np.inf)
        for lane in range(LANES):
            x = slots[k, lane]
            if x < 0:
                continue
            for f in range(SUM_DAYS):
                out[x, f] = state[f * LANES + lane]
            out[x, SUM_DAYS] = max(state[_LAST * LANES + lane], last_span_day) - first_day + 1
