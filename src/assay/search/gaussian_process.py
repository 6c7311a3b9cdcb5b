"""Points by a Gaussian process: Matern 5/2 with a length per axis, expected improvement, eight at a time.

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006, chapters 2 and 5;
D. R. Jones, M. Schonlau and W. J. Welch, Efficient Global Optimization, 1998 (expected improvement);
D. Ginsbourger, R. Le Riche and L. Carraro, Kriging is well-suited to parallelize optimization, 2010 (a batch
believes its own predictions).
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from threadpoolctl import threadpool_limits

from assay.search.batches import in_batches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.search.axes import Axes, Point

CANDIDATES = 1000
"""Random places at which the expected improvement is looked at, besides those near the best points."""

MAX_LEARNED = 400
"""Points that the process learns from, as its cost grows with their cube: the best, and as many of the others."""

NEAR = 5
"""Best points whose surroundings are looked at."""

SCALES = (0.3, 0.1, 0.03, 0.01)
"""Standard deviations of steps away from a best point; 40 steps each."""

STEPS_PER_SCALE = 40
MAX_STEPS = 25
"""Steps of the fit of the kernel; more gain nothing."""

# several threads in the linear algebra change the order of sums; the limit is one of the whole process
_ONE_AT_A_TIME = Lock()


def propose(axes: Axes, known: list[Point], scores: NDArray[np.float64], start: int, seed: int) -> list[Point]:
    """Return what is left of the current batch of points of a search.

    Parameters
    ----------
    known, scores : shape (n,)
        The history; its first `start` points filled the space.
    """
    return in_batches(promising, axes, known, scores, start, seed)


def promising(
    axes: Axes, points: list[Point], scores: NDArray[np.float64], n: int, rng: np.random.Generator
) -> list[Point]:
    """Return n points of high expected improvement.

    Parameters
    ----------
    points, scores : shape (known,)
    """
    places, ranked = axes.places(points), np.argsort(-scores, kind="stable")
    candidates = _candidates(axes, places[ranked[:NEAR]], set(points), rng)
    if len(points) > MAX_LEARNED:
        best, others = np.split(ranked, [MAX_LEARNED // 2])
        learned = np.append(best, rng.choice(others, MAX_LEARNED // 2, replace=False))
        places, scores = places[learned], scores[learned]
    with _ONE_AT_A_TIME, threadpool_limits(1):
        process = _fitted(axes.features(places), standardised(scores))
        chosen = _batch(process, axes.features(axes.places(candidates)), n)
    return [candidates[i] for i in chosen]


def standardised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores of mean 0 and deviation 1, the lower half lifted to the median, shape (n,); 0 where all are equal.

    How bad a bad point is does not matter: refused points at -5 or a ratio of -1e6 would otherwise set the scale.
    Ranks, the other remedy, lose the shape of the peak: on Branin's function they end .02 to .3 below it where this
    ends within .004, after 60 points.
    """
    lifted = np.maximum(scores, np.median(scores))
    # Asked of the scores themselves: rounding may leave a deviation above 0 to scores that are all the same.
    if not lifted.min() < lifted.max():
        return np.zeros(len(scores))
    return np.asarray((lifted - lifted.mean()) / float(lifted.std()), dtype=np.float64)


def _candidates(axes: Axes, best: NDArray[np.float64], known: set[Point], rng: np.random.Generator) -> list[Point]:
    """Return unknown points: random ones, and steps of several lengths away from the best along some axes."""
    places = [axes.spread(rng.random((CANDIDATES, len(axes))))]
    for scale in SCALES:
        moved = rng.random((len(best), STEPS_PER_SCALE, len(axes))) < max(0.5, 1.0 / len(axes))
        # a level is a step of its own: smaller ones would lead nowhere
        width = np.maximum(scale, [axis.step for axis in axes.all])
        step = rng.normal(0.0, 1.0, moved.shape) * width * moved
        places.append(np.clip(best[:, None, :] + step, 0.0, 1.0).reshape(-1, len(axes)))
    found = dict.fromkeys(axes.points(np.vstack(places)))
    return [point for point in found if point not in known]


def _fitted(x: NDArray[np.float64], y: NDArray[np.float64]) -> GaussianProcessRegressor:
    """Return the process under the most probable kernel.

    The fit is our own call of L-BFGS with a prior on the lengths: it ends after some steps on purpose, which the
    regressor's own would report to the user as a failure to converge.
    """
    features = x.shape[1]
    kernel = ConstantKernel(1.0) * Matern(np.full(features, 0.5 * np.sqrt(features)), nu=2.5) + WhiteKernel(0.01)
    process = GaussianProcessRegressor(kernel, optimizer=None).fit(x, y)
    # log of: variance, lengths, noise; a normal prior on each keeps axes of few points from vanishing
    middle = np.concatenate(([0.0], np.full(features, np.log(0.5 * np.sqrt(features))), [np.log(0.01)]))
    width = np.concatenate(([1.0], np.full(features, 1.0), [2.0]))
    bounds = list(zip(middle - 4.0 * width, middle + 4.0 * width, strict=True))

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = process.log_marginal_likelihood(theta, eval_gradient=True, clone_kernel=False)
        away = (theta - middle) / width
        return 0.5 * float(away @ away) - value, away / width - slope

    fit = minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MAX_STEPS})
    return GaussianProcessRegressor(kernel.clone_with_theta(fit.x), optimizer=None).fit(x, y)


def _batch(process: GaussianProcessRegressor, x: NDArray[np.float64], n: int) -> list[int]:
    """Return the indices of n candidates, each of the highest expected improvement given those before it.

    A point chosen is believed to score its prediction: means stay, and what it tells of others is taken off their
    covariance, one column at a time.
    """
    mean, covariance = process.predict(x, return_cov=True)
    noise = float(np.exp(process.kernel_.theta[-1]))
    variance = covariance.diagonal() - noise
    best = float(process.y_train_.max())
    columns: list[NDArray[np.float64]] = []
    chosen: list[int] = []
    free = np.ones(len(x), dtype=np.bool_)
    for _ in range(min(n, len(x))):
        deviation = np.sqrt(np.maximum(variance, 1e-12))
        z = (mean - best) / deviation
        gain = np.where(free, deviation * (z * norm.cdf(z) + norm.pdf(z)), -np.inf)
        i = int(np.argmax(gain))
        column = covariance[:, i] - sum(t * t[i] for t in columns)
        columns.append(column / np.sqrt(max(variance[i], 0.0) + noise))
        variance = variance - columns[-1] ** 2
        best = max(best, float(mean[i]))
        free[i] = False
        chosen.append(i)
    return chosen
