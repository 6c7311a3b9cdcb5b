"""The V3 document: a configuration that other programs load, with all that is known of it."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay._version import __version__
from assay.compiled import result_digest
from assay.documents.schema import VERSION, json_schema, sealed, validate
from assay.training.circuit_breakers import CIRCUIT_BREAKERS, OF_THE_CAPITAL, PORTFOLIO_BREAKERS
from assay.validation import ambiguity
from assay.validation.lifecycle import MAX_ALLOCATION_PCT, SIZE_FACTOR, STAGES
from assay.validation.sharpe import CONVENTION
from assay.validation.walkforward import SEEN_BEFORE, broken_promises, overfitting_flags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.training.evidence import Evidence
    from assay.validation import PermutationTest

__all__ = [
    "capped",
    "configuration",
    "configuration_id",
    "iso",
    "json_schema",
    "lifecycle",
    "measures",
    "plain",
    "validate",
]

SEARCHED_AGAIN = "out of sample: every window was searched on the days before it"

Measures = dict[str, float | int | None]


def plain(value: Any) -> Any:  # noqa: ANN401  (any tree of values)
    """Return a tree of values as JSON knows them: NaN and infinities become None, arrays lists."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


COUNTS = ("total_trades", "sample_size", "drawdown_duration", "ambiguous_trades", "days")


def measures(values: Mapping[str, float]) -> Measures:
    """Return measures as a document holds them: counts whole, unknown None."""
    cleaned: Measures = plain(dict(values))
    for name in COUNTS:
        if cleaned.get(name) is not None:
            cleaned[name] = int(cleaned[name])  # type: ignore[arg-type]
    return cleaned


def iso(ms: int) -> str:
    """Return a moment in milliseconds UTC as ISO 8601 with Z."""
    return f"{datetime.fromtimestamp(int(ms) / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def configuration_id(strategy: str, created: datetime, experiment_digest: str) -> str:
    """Return ``STRATEGY_V3_YYYYMMDD_HHMMSS_xxxxxx``."""
    return f"{strategy}_V3_{created:%Y%m%d_%H%M%S}_{experiment_digest[:6]}"


def _windows(e: Evidence) -> list[dict[str, Any]]:
    time = e.bars.time
    rows = []
    for w in e.walk.windows:
        span = w.window
        rows.append(
            {
                "train_from": iso(time[span.train_start]),
                "train_to": iso(time[span.train_stop - 1]),
                "test_from": iso(time[span.test_start]),
                "test_to": iso(time[span.test_stop - 1]),
                "parameters": w.parameters,
                "train_score": plain(w.train_score),
                "train": measures(w.train),
                "test": measures(w.test),
            }
        )
    return rows


def _validation(e: Evidence) -> dict[str, Any]:
    s, per_day = e.splits, e.bars.market.bars_per_day
    fixed = e.experiment.procedure == "fixed"
    promised = any(w.parameters is not None for w in e.walk.windows)
    flags = (
        overfitting_flags([(w.train, w.test) for w in e.walk.windows])
        if fixed
        else broken_promises(e.walk.measures, promised=promised)
    )
    return {
        "method": "train_test_split" if s.mode == "split" else "walk_forward",
        "mode": s.mode,
        "reoptimised": not fixed,
        "label": SEEN_BEFORE if fixed else SEARCHED_AGAIN,
        "train_window_days": s.train_days,
        "test_window_days": s.test_days,
        "gap_days": s.gap_bars / per_day,
        "window_count": len(s.windows),
        "test_sharpe_ratio": plain(e.walk.measures["sharpe_ratio"]),
        "overfitting_detected": bool(flags),
        "overfitting_flags": list(flags),
        "summary": plain(e.summary),
        "notes": list(s.notes),
        "windows": _windows(e),
        "matrix": None if e.matrix is None else plain(e.matrix.as_dict()),
        "in_sample": measures(e.in_sample),
        "holdout": {
            "from": iso(e.bars.time[s.holdout_start]) if s.holdout_start < s.stop else None,
            "share": e.experiment.plan.holdout,
            "opened": bool(e.holdout),
            "openings_of_this_run": e.holdout_openings,
            "metrics": measures(e.holdout) if e.holdout else None,
        },
    }


def _permutation(e: Evidence, p: PermutationTest) -> dict[str, Any]:
    compared = e.experiment.compared
    return {
        "method": p.method if p.done else None,
        "compared": {"method": compared.method, "combinations": compared.size} if p.done else None,
        "p_value": plain(p.p_value),
        "asked": p.asked,
        "done": p.done,
        "as_good_or_better": p.exceedances,
        "stopped_early": p.stopped_early,
        "stopped_by_budget": p.stopped_by_budget,
        "statistic": plain(p.statistic),
        "maxima": plain(p.maxima),
        "meaning": "better than no edge under the same costs; whether it is profitable the walk-forward says",
    }


def _evidence(e: Evidence) -> dict[str, Any]:
    around = e.neighbourhood
    return {
        "verified": True,
        "regime": plain(e.regime.as_dict()),
        "search": {
            "method": e.experiment.search_method,
            "objective": e.experiment.objective,
            "combinations": e.search.combinations,
            "best_score": plain(e.search.score),
            "candidate_found": e.search.best is not None,
            "distribution": plain(e.search.distribution()),
        },
        "neighbourhood": None
        if around is None
        else {"median": plain(around.median), "refused": around.refused, "scores": plain(around.scores),
              "edges": list(around.edges)},
        "permutation": _permutation(e, e.permutation),
        "second_opinion": _permutation(e, e.second_opinion),
        "opinions": None if e.opinions is None else [plain(asdict(o)) for o in e.opinions.items],
        "intervals": {name: plain([i.low, i.high]) for name, i in e.intervals.items()},
        "probabilistic_sharpe": plain(e.probabilistic_sharpe),
        "sharpe_convention": CONVENTION,
        "fragility": [
            {"change": f.name, "net_profit_pct": plain(f.net_profit_pct), "holds": f.holds, "gate": f.gate}
            for f in e.fragility
        ],
        "funnel": {
            "of": "the winner" if e.search.best is not None else "the defaults",
            "on": "the days that chose it",
            **plain(e.funnel.as_dict()),
        },
        "circuit_breakers": {
            "stage": e.verdict.stage,
            "not_simulated": OF_THE_CAPITAL,
            "runs": [plain(asdict(run)) for run in e.limits],
        },
        "sizing": [plain(asdict(run)) for run in e.sizings],
        "ambiguity": ambiguity(e.walk.run, e.bars).interval(),
        "round_trip_share_of_stop": plain(e.round_trip_share),
        "break_even_round_trip_pct": plain(100.0 * e.break_even),
        "warnings": list(e.warnings),
        "trials": e.trials,
        "trials_counted": "this run only: `assay ledger` counts every run on these days",
    }  # fmt: skip


def capped(requested: str, supported: str) -> str:
    """Return the lower of the stage that is asked for and the one that the evidence supports."""
    return min(requested, supported, key=STAGES.index)


def lifecycle(
    stage: str, requested: str | None, confidence: float | None, why_not_promoted: str, gates: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the section of a document that says how far it may be believed."""
    return {
        "current_stage": stage,
        "requested_stage": requested,
        "max_allocation_pct": MAX_ALLOCATION_PCT[stage],
        "size_factor": SIZE_FACTOR[stage],
        "confidence_score": confidence,
        "why_not_promoted": why_not_promoted,
        "gates": gates,
    }


def _execution(e: Evidence) -> dict[str, Any]:
    """Return the terms of the trades, with the market's tick."""
    terms = e.experiment.execution.on(e.bars.market).terms()
    return {"side": terms.pop("sides"), **terms}


def configuration(evidence: Evidence, created: datetime, *, requested: str | None = None) -> dict[str, Any]:
    """Return the V3 document, validated.

    Parameters
    ----------
    evidence : Evidence
    created : datetime
        The caller's time in UTC: the core has no clock.
    requested : str, optional
        A stage that the user asks for: a lower one than the verdict's is granted, a higher one is not.
    """
    e = evidence
    market, verdict = e.bars.market, e.verdict
    stage = verdict.stage if requested is None else capped(requested, verdict.stage)
    gates = [plain(asdict(g)) for g in (*verdict.passed, *verdict.failed)]
    why = verdict.why_not_promoted if stage == verdict.stage else f"{stage} was asked for"
    document = {
        "configId": configuration_id(e.experiment.strategy.name, created, e.experiment_digest),
        "version": VERSION,
        "strategy": e.experiment.strategy.name,
        "createdAt": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "context": {
            "exchange": market.exchange,
            "pair": market.symbol,
            "timeframe": str(market.timeframe),
            "side": str(e.experiment.execution.sides),
            "from": iso(e.bars.time[e.splits.start]),
            "to": iso(e.bars.time[e.splits.stop - 1]),
            "regime": e.regime.name,
        },
        "parameters": plain(e.parameters),
        "execution": _execution(e),
        "metrics": measures(e.metrics),
        "validation": _validation(e),
        "evidence": _evidence(e),
        "lifecycle": lifecycle(stage, requested, plain(verdict.confidence), why, gates),
        "circuit_breakers": dict(CIRCUIT_BREAKERS[stage]),
        "portfolio_circuit_breakers": dict(PORTFOLIO_BREAKERS),
        "provenance": {
            "data_digest": e.data_digest,
            "data": {"from_ms": int(e.bars.time[0]), "to_ms": int(e.bars.time[-1]), "bars": len(e.bars)},
            "quality": plain(e.quality.as_dict()),
            "data_override": e.experiment.allow_bad_data and not e.quality.passes,
            "experiment_digest": e.experiment_digest,
            "experiment": plain(e.experiment.canonical(e.bars)),
            "trials": e.trials,
            "code_version": __version__,
            "engine_hash": result_digest(),
            "seed": e.experiment.seed,
        },
    }
    return sealed(document)
