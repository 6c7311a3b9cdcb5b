"""The lifecycle stage of plain measures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from assay.errors import InputError
from assay.validation import Facts, decide
from assay.validation.facts import MEASURE_OF

if TYPE_CHECKING:
    from collections.abc import Mapping


def _number(metrics: Mapping[str, Any], *names: str) -> float:
    """Return the first of the names that is known; NaN when none is."""
    for name in names:
        value = metrics.get(name)
        if value is None:
            continue
        if not isinstance(value, (int, float)):
            raise InputError(f"metrics {name}", "must be a number, or None where unknown", value)
        if not math.isnan(value):
            return float(value)
    return math.nan


def stage_of(metrics: Mapping[str, Any]) -> str:
    """Return the stage that measures deserve.

    A missing, None or NaN measure is unknown, and a gate on it fails: without a permutation ``p_value`` the
    stage is PAPER. DECAY is found by monitoring, never here.

    Parameters
    ----------
    metrics : mapping
        Out-of-sample measures: net_profit_pct (or net_profit), sharpe_ratio, total_trades (or sample_size),
        fill_rate, p_value, adverse_selection_score; for MATURE also ``fragility_holds`` (True when the profit
        survives small changes) and ``holdout_sharpe_ratio``. ``data_override``, ``stopped_by_budget`` and
        ``candidate_found`` = False hold a configuration on PAPER. p is taken as it is given: whether its permuted bars
        were comparable, what else was tried and what the market gave, plain measures do not say; a training does.
    """
    other_names = {"net_profit_pct": ("net_profit",), "total_trades": ("sample_size",)}
    facts = Facts(
        has_candidate=metrics.get("candidate_found") is not False,
        stopped_by_budget=bool(metrics.get("stopped_by_budget")),
        data_override=bool(metrics.get("data_override")),
        fragility_known=metrics.get("fragility_holds") is True,
        similarity=1.0,
        holdout_sharpe=_number(metrics, "holdout_sharpe_ratio"),
    )
    named = {name: _number(metrics, name, *other_names.get(name, ())) for name in MEASURE_OF.values()}
    return decide(facts.measured(named)).stage.value
