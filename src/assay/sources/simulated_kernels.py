"""The compiled part of simulated markets: paths inside bars, slow noise, prices. They take arrays, also their noise."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from assay.compiled import compiled

LARGEST_NEWS = 100.0  # a squared move, in variances, enters GARCH at most so large


@compiled
def random_walk(normal, surprise, season, sigma, news, memory):
    """Log path within each bar (n, steps), its variance (n,), GARCH deviation (n,), realised |z| (n,).

    Given its variance v each sub-step is normal with mean -v/2, so that exp(step) has the mean 1: prices
    are a martingale exactly, also under fat tails (they lie in v, which is drawn beforehand).
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
        h = (1.0 - news - memory) + news * min(h * surprise[i] * z * z, LARGEST_NEWS) + memory * h
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
