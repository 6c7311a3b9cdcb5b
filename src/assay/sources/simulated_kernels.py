"""The compiled part of simulated markets: paths inside bars, slow noise, prices. They take arrays, also their noise."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from assay.compiled import compiled

LARGEST_NEWS = 100.0  # a squared move, in variances, enters GARCH at most so large


@compiled
def random_walk(normal, surprise, season, jumps, sigma, news_up, news_down, news, memory):
    """Log path within each bar (n, steps), its variance (n,), GARCH deviation (n,), realised |z| (n,).

    Given its variance v each sub-step is normal with mean -v/2, so that exp(step) has the mean 1: prices
    are a martingale exactly, also under fat tails (they lie in v, which is drawn beforehand). A squared rise weighs
    news_up in the next variance, a squared fall news_down, their mean news; a jump before the bar counts as its move.
    """
    n, steps = normal.shape
    path = np.empty((n, steps))
    variance = np.empty(n)
    deviation = np.empty(n)
    size = np.empty(n)
    h = 1.0
    for i in range(n):
        deviation[i] = math.sqrt(h)
        expected = (sigma * season[i]) ** 2
        v = expected * h * surprise[i]
        variance[i] = v
        sd, correction = math.sqrt(v / steps), 0.5 * v / steps
        total, z = 0.0, 0.0
        for j in range(steps):
            z += normal[i, j]
            total += sd * normal[i, j] - correction
            path[i, j] = total
        z *= 1.0 / math.sqrt(steps)
        size[i] = abs(z)
        squared = h * surprise[i] * z * z
        if jumps[i] != 0.0:
            z = math.sqrt(h * surprise[i]) * z + jumps[i] / (sigma * season[i])
            squared = z * z
        weight = news_up if z > 0.0 else news_down
        h = (1.0 - news - memory) + weight * min(squared, LARGEST_NEWS) + memory * h
    return path, variance, deviation, size


@compiled
def slow(noise, memory):
    """AR(1) of unit variance, shape (n,), from standard normal noise."""
    out = np.empty(len(noise))
    fresh = math.sqrt(1.0 - memory * memory)
    x = noise[0] if len(noise) else 0.0
    for i in range(len(noise)):
        x = memory * x + fresh * noise[i]
        out[i] = x
    return out


@compiled
def build(first, stop, first_price, path, variance, waits, drift, level, open_, high, low, close):
    """Write the prices of bars first <= i < stop; level[i] is the log open of bar i.

    Between sub-steps a and b the path is a Brownian bridge of variance s, whose maximum is distributed as
    (a + b + sqrt((b - a)^2 + 2 s w))/2 with w standard exponential (the minimum likewise). Extremes of the
    sub-steps alone would be passed by the price, and a fill at the very stop would be a gift.
    """
    steps = path.shape[1]
    for i in range(first, stop):
        most, least, before, s2 = 0.0, 0.0, 0.0, 2.0 * variance[i] / steps
        for j in range(steps):
            x = path[i, j] + drift[i] * ((j + 1) / steps)
            middle, square = before + x, (x - before) * (x - before)
            most = max(most, 0.5 * (middle + math.sqrt(square + s2 * waits[i, j, 0])))
            least = min(least, 0.5 * (middle - math.sqrt(square + s2 * waits[i, j, 1])))
            before = x
        level[i + 1] = level[i] + before
        open_[i] = first_price * math.exp(level[i])
        close[i] = first_price * math.exp(level[i + 1])
        top, bottom = max(open_[i], close[i]), min(open_[i], close[i])
        high[i] = max(top, first_price * math.exp(level[i] + most))
        low[i] = min(bottom, first_price * math.exp(level[i] + least))


@compiled
def build_in_ticks(first, high, low, close, draw, prices):
    """Write prices in whole ticks, int64 of shape (4, n): open, high, low, close.

    high, low, close: over the open, of a market of continuous prices. Each close is one of the two ticks around the
    price that the bar comes to, drawn so that its mean is that price: on the grid, too, prices are a martingale.
    Extremes go to the nearest tick, up as often as down.
    """
    at = first
    for i in range(len(close)):
        aim = at * close[i]
        end = math.floor(aim)
        if draw[i] < aim - end:
            end += 1
        end = max(end, 1)
        prices[0, i] = at
        prices[1, i] = max(at, end, math.floor(at * high[i] + 0.5))
        prices[2, i] = max(min(at, end, math.floor(at * low[i] + 0.5)), 1)
        prices[3, i] = end
        at = end


@compiled
def regimes(draw, to_storm, to_calm):
    """Whether each bar is in the storm, bool of shape (n,); begins calm, changes with the chances given."""
    out = np.empty(len(draw), np.bool_)
    storm = False
    for i in range(len(draw)):
        if draw[i] < (to_calm if storm else to_storm):
            storm = not storm
        out[i] = storm
    return out
