"""Compiled loops that build bars without an edge."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from assay.compiled import compiled

MULTIPLIER_A = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_B = np.uint64(0x94D049BB133111EB)
INCREMENT = np.uint64(0x9E3779B97F4A7C15)
SHIFT_A, SHIFT_B, SHIFT_C, SHIFT_SIGN = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(63)


@compiled
def mixed(value):
    """Mix the bits of a 64-bit number: the output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    value = (value ^ (value >> SHIFT_A)) * MULTIPLIER_A
    value = (value ^ (value >> SHIFT_B)) * MULTIPLIER_B
    return value ^ (value >> SHIFT_C)


@compiled
def counted_random(index, time, out):
    """Write 64 random bits for each stamp: a function of the index of the permutation and the stamp alone."""
    key = mixed((np.uint64(index) + np.uint64(1)) * INCREMENT)
    for i in range(len(time)):
        out[i] = mixed(mixed(key ^ np.uint64(time[i])) + INCREMENT)


@compiled
def mirror_moves(open_, high, low, close, absent, bits, out):
    """Write gap, high, low and close as fractions, shape (4, n): of the close before, and of the bar's own open.

    Of bars whose random sign says so the last three are mirrored about the open; the gap is kept as it was.
    """
    before = open_[0]
    for i in range(len(close)):
        for c in range(4):
            out[c, i] = 0.0
        if absent[i]:
            before = close[i]
            continue
        o = open_[i]
        out[0, i] = (o - before) / before
        before = close[i]
        # a bar that at least doubles cannot be mirrored: its price would turn negative
        if (bits[i] >> SHIFT_SIGN) and max(high[i], close[i]) < 2.0 * o:
            out[1, i] = (o - low[i]) / o
            out[2, i] = (o - high[i]) / o
            out[3, i] = (o - close[i]) / o
        else:
            out[1, i] = (high[i] - o) / o
            out[2, i] = (low[i] - o) / o
            out[3, i] = (close[i] - o) / o


@compiled
def _on_step(value, step):
    """Round to whole steps, halves away from 0, and to one step at least what is not 0.

    A move and its mirror image stay images of each other; equal prices stay equal and different ones different.
    """
    if step == 0.0 or value == 0.0:
        return value
    return math.copysign(max(math.floor(abs(value) / step + 0.5), 1.0) * step, value)


@compiled
def _payable(rest, step):
    """Return the whole steps of what is still to be paid."""
    return rest if step == 0.0 else math.trunc(rest / step) * step


@compiled
def drift_to(moves, absent, first, last):
    """Return the log drift per bar with which the moves lead from the first open to the last close."""
    total, bars = 0.0, 0
    for i in range(moves.shape[1]):
        if not absent[i]:
            total += math.log1p(moves[0, i]) + math.log1p(moves[3, i])
            bars += 1
    return (math.log(last / first) - total) / bars if bars else 0.0


@compiled
def build_bars(moves, absent, step, first, drift, out):
    """Write opens, highs, lows and closes, shape (4, n), that follow the moves on the grid of prices.

    The exact path goes on beside the one on the grid. What separates them, the drift and what rounding took, is paid in
    whole steps at the next bar whose gap is not 0, else at one whose close lies inside its range: so a move of 0 stays
    0, and what was equal within a bar stays equal. Prices are in units of the last decimal.
    """
    exact, before = first, first
    for i in range(moves.shape[1]):
        g = step[i]
        if absent[i]:
            for c in range(4):
                out[c, i] = before
            continue
        gap, up, down, move = moves[0, i], moves[1, i], moves[2, i], moves[3, i]
        exact *= 1.0 + gap
        start = before if g == 0.0 else max(math.floor(before / g + 0.5), 1.0) * g  # the tick may have changed
        jump = _on_step(gap * start, g)
        if gap != 0.0:
            pay = _payable(exact - start - jump, g)
            if jump + pay != 0.0 and start + jump + pay > 0.0:
                jump += pay
        start = max(start + jump, g)
        close = start + _on_step(move * start, g)
        # the wicks beyond open and close are scaled by themselves: a close at the high stays at the high, others below
        above, below = up - max(move, 0.0), down - min(move, 0.0)
        high = max(start, close) + max(_on_step(above * start, g), 0.0)
        low = min(start, close) + min(_on_step(below * start, g), 0.0)
        exact *= (1.0 + move) * math.exp(drift)
        if down < move < up and move != 0.0:
            paid = close + _payable(exact - close, g)
            inside = low + g <= paid <= high - g if g > 0.0 else low < paid < high
            if inside and paid != start:
                close = paid
        before = max(close, g)
        out[0, i], out[1, i], out[2, i], out[3, i] = start, max(high, before), max(low, g), before
