"""Compiled loops of the resampling statistics; they take their random numbers as arrays."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from assay.compiled import compiled
from assay.engine.layout import (
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
)
from assay.rounding import rounded_squares

_rounded_squares = compiled(rounded_squares)


@compiled
def block_sums(values, edges, out):
    """Sum rows and their squares between edges: out[0] and out[1], shape (blocks, columns)."""
    out[:] = 0.0
    for b in range(len(edges) - 1):
        for i in range(edges[b], edges[b + 1]):
            for j in range(values.shape[1]):
                out[0, b, j] += values[i, j]
                out[1, b, j] += values[i, j] * values[i, j]


@compiled
def _score_half(sums, sizes, half_of, half, by_mean, first, second, score):
    """Score each column over the blocks of one half."""
    first[:] = 0.0
    second[:] = 0.0
    n = 0
    for b in range(len(sizes)):
        if half_of[b] == half:
            n += sizes[b]
            for j in range(len(first)):
                first[j] += sums[0, b, j]
                second[j] += sums[1, b, j]
    for j in range(len(first)):
        if by_mean:
            score[j] = first[j] / n
            continue
        variance = second[j] - first[j] * first[j] / n
        # n and n - 1 are the same for all columns: ranks need no more than mean over deviation
        score[j] = first[j] / np.sqrt(variance) if variance > _rounded_squares(n, second[j]) else 0.0


@compiled
def ranks_of_winners(sums, sizes, splits, by_mean, out):
    """Write the test rank, 1 to columns, of the column that is best in train, for each split.

    The first of equals wins; equals share the mean of their ranks.
    """
    columns = sums.shape[2]
    half_of = np.zeros(len(sizes), dtype=np.int64)  # 1 train, 0 test
    first, second = np.empty(columns), np.empty(columns)
    train, test = np.empty(columns), np.empty(columns)
    for i in range(len(splits)):
        half_of[:] = 0
        for b in splits[i]:
            half_of[b] = 1
        _score_half(sums, sizes, half_of, 1, by_mean, first, second, train)
        _score_half(sums, sizes, half_of, 0, by_mean, first, second, test)
        best = 0
        for j in range(1, columns):
            if train[j] > train[best]:
                best = j
        lower, equal = 0, 0
        for j in range(columns):
            lower += test[j] < test[best]
            equal += test[j] == test[best]
        out[i] = lower + (equal + 1) / 2.0


@compiled
def sums_of_days(returns, starts, renewed, out):
    """Sum resampled days as a replay sums its own: out has shape (resamples, SUM_FIELDS).

    Each path goes on to the next day, circularly, until it is renewed at a given start (the stationary bootstrap).
    """
    n = len(returns)
    for i in range(len(starts)):
        equity, peak, drawdown = 1.0, 1.0, 0.0
        s1, s2, down = 0.0, 0.0, 0.0
        at = n - 1
        for d in range(n):
            at = starts[i, d] if d == 0 or renewed[i, d] else (at + 1) % n
            r = returns[at]
            s1 += r
            s2 += r * r
            if r < 0.0:
                down += r * r
            equity *= 1.0 + r
            peak = max(peak, equity)
            drawdown = max(drawdown, 1.0 - equity / peak)
        out[i, SUM_DAYS], out[i, SUM_EQUITY], out[i, SUM_DRAWDOWN] = n, equity, drawdown
        out[i, SUM_RETURNS], out[i, SUM_RETURNS_SQUARED], out[i, SUM_LOSSES_SQUARED] = s1, s2, down


@compiled
def sums_of_trades(net, weighted, picks, out):
    """Sum resampled trades as a replay sums its own: out has shape (resamples, SUM_FIELDS)."""
    for i in range(len(picks)):
        wins, gains, losses, total = 0, 0.0, 0.0, 0.0
        for j in picks[i]:
            total += net[j]
            if net[j] > 0.0:
                wins += 1
                gains += weighted[j]
            else:
                losses -= weighted[j]
        out[i, SUM_TRADES], out[i, SUM_WINS] = len(picks[i]), wins
        out[i, SUM_GAINS], out[i, SUM_LOSSES], out[i, SUM_NET] = gains, losses, total
