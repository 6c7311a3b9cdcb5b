"""What a form would compute, take, find and cost: one estimate at a time, whoever asks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from assay.api.routes.training import MAX_ESTIMATED
from assay.errors import InputError
from assay.service.strategy_folder import resolve_strategy
from assay.service.training_plan import TrainingPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.api.state import State
    from assay.service.estimate_parts import Estimate

_LIMITER: RunVar[anyio.CapacityLimiter] = RunVar("assay_studio_estimates")


def plan_of(state: State, terms: Mapping[str, Any]) -> TrainingPlan:
    """Return the plan of a form's terms.

    Raises
    ------
    InputError
        By the name of the term that is wrong.
    """
    return TrainingPlan.from_dict(terms, partial(resolve_strategy, folder=state.settings.strategies))


def estimate_of(state: State, terms: Mapping[str, Any]) -> tuple[TrainingPlan, Estimate]:
    """Return the plan of a form's terms and its estimate.

    Raises
    ------
    InputError
        By the name of the term that is wrong, and for more markets than an estimate reads.
    """
    plan = plan_of(state, terms)
    if (asked := len(plan.markets)) > MAX_ESTIMATED:
        rule = f"times exchanges and timeframes can be estimated up to {MAX_ESTIMATED} markets"
        raise InputError("pairs", rule, asked, "A training of more can be started all the same")
    return plan, state.estimator.of_plan(plan, offline=state.settings.offline)


async def estimated(state: State, terms: Mapping[str, Any]) -> tuple[TrainingPlan, Estimate]:
    """Return what `estimate_of` returns, off the loop: twenty pages must not take all cores from trainings."""
    limiter = _LIMITER.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(1)
        _LIMITER.set(limiter)
    return await anyio.to_thread.run_sync(partial(estimate_of, state, terms), limiter=limiter)
