"""Cheaper ways to what a training asks: points at random, coarser axes, fewer permutations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.errors import AssayError
from assay.search.space import MAX_GRID
from assay.service.estimate_parts import Cheaper, time_words
from assay.service.training_cost import without_edge, work_of
from assay.training import PERMUTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.market import Market
    from assay.service.estimate_parts import Planned, Range
    from assay.service.request import TrainingRequest
    from assay.service.training_cost import Work

SAMPLES = 1_000
"""Points at random in place of a grid: with 99.996 % one of them is among the best hundredth."""

WORTH_S = 20.0
"""Nobody needs a cheaper way to what takes less."""

WORTH_SHARE = 0.7
"""A way that takes a larger share of the time is none."""


def cheaper(planned: Planned, work: Work, market: Market, seconds: Range | None, threads: int) -> tuple[Cheaper, ...]:
    """Return cheaper ways, the one that saves most first.

    Parameters
    ----------
    planned, work, market
        The task that takes longest.
    seconds : Range or None
        Of all tasks.
    """
    if seconds is None or planned.rates is None or seconds.likely < WORTH_S:
        return ()
    now, found = _likely_s(work, planned, threads), []
    for changed, change, words in _changes(planned):
        try:
            experiment = changed.experiment_on_all_days(planned.strategy, market)
            then = work_of(experiment, market, work.splits.start, work.splits.stop)
        except AssayError:
            continue
        share = _likely_s(then, planned, threads) / now
        if share <= WORTH_SHARE:
            less = seconds.times(share)
            sentence = f"{words}: about {time_words(less.likely)} instead of {time_words(seconds.likely)}."
            found.append((share, Cheaper(change, less, sentence)))
    return tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))


def instead_of_all(size: int) -> Cheaper | None:
    """Return the way to a grid that is too large; None where it is not."""
    if size <= MAX_GRID:
        return None
    words = (
        f"A grid of {size:,} combinations is too large (at most {MAX_GRID:,}): draw {SAMPLES:,} of them with --method "
        f"random --samples {SAMPLES}, or look at all without a verdict with assay sweep --stream."
    )
    return Cheaper({"method": "random", "samples": SAMPLES}, None, words)


def _likely_s(work: Work, planned: Planned, threads: int) -> float:
    assert planned.rates is not None  # noqa: S101  (asked before)
    return max(work.seconds(planned.rates, threads=threads).total(without_edge(work.permutations)), 1e-9)


def _changes(planned: Planned) -> Iterator[tuple[TrainingRequest, dict[str, Any], str]]:
    """Yield changed requests with the terms that change, and what that means."""
    request, plan = planned.request, planned.plan
    if plan.method == "grid" and plan.size > SAMPLES:
        terms: dict[str, Any] = {"method": "random", "samples": SAMPLES}
        words = f"--method random --samples {SAMPLES} draws {SAMPLES:,} of the {plan.size:,} combinations"
        yield replace(request, search=replace(request.search, **terms)), terms, words
    values = plan.space.values
    longest = max(values, key=lambda name: len(values[name]))
    if len(values[longest]) >= 3 and plan.method == "grid":
        axis = list(values[longest][::2])
        space = {name: axis if name == longest else list(levels) for name, levels in values.items()}
        words = f"Every second value of {longest} ({len(axis)} instead of {len(values[longest])})"
        changed = replace(request.search, space=space, fixed={})
        yield replace(request, search=changed), {"space": {longest: axis}}, words
    if request.proof.repeats > PERMUTATIONS["quick"]:
        words = f"--evidence quick, a first look with {PERMUTATIONS['quick']} permutations and without the statistics"
        proof = replace(request.proof, evidence="quick", permutations=None)
        yield replace(request, proof=proof), {"evidence": "quick"}, words
