"""The V3 document: a configuration that other programs load, with all that is known of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from assay._version import __version__
from assay.compiled import result_digest
from assay.documents.evidence_section import evidence_section
from assay.documents.plain import iso, measures, plain
from assay.documents.schema import VERSION, json_schema, sealed, validate
from assay.documents.validation_section import SEARCHED_AGAIN, validation_section
from assay.errors import require
from assay.market.quality import REQUIRED_VALID_PCT
from assay.training.circuit_breakers import CIRCUIT_BREAKERS, PORTFOLIO_BREAKERS
from assay.training.evidence import Evidence
from assay.validation.lifecycle import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import QualityReport
    from assay.training.leak_gate import LeakChecks
    from assay.validation import Answer

__all__ = [
    "SEARCHED_AGAIN",
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


def configuration_id(strategy: str, created: datetime, experiment_digest: str) -> str:
    """Return ``STRATEGY_V3_YYYYMMDD_HHMMSS_xxxxxx``."""
    return f"{strategy}_V3_{created:%Y%m%d_%H%M%S}_{experiment_digest[:6]}"


def capped(requested: str, supported: str) -> str:
    """Return the lower of the stage that is asked for and the one that the evidence supports."""
    return Stage(requested).capped_by(Stage(supported)).value


def lowered(document: Mapping[str, Any], stage: Stage, why: str) -> dict[str, Any]:
    """Return a document as it stands today: at a lower stage than it was stored with, with the limits of that stage.

    It is another document than the stored one, and its digest is not made anew.
    """
    then = document["lifecycle"]
    now = lifecycle(stage.value, then["requested_stage"], then["confidence_score"], why, then["gates"])
    return dict(document) | {"lifecycle": now, "circuit_breakers": dict(CIRCUIT_BREAKERS[stage])}


def lifecycle(
    stage: str, requested: str | None, confidence: float | None, why_not_promoted: str, gates: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the section of a document that says how far it may be believed."""
    return {
        "current_stage": stage,
        "requested_stage": requested,
        "max_allocation_pct": Stage(stage).max_allocation_pct,
        "size_factor": Stage(stage).size_factor,
        "confidence_score": confidence,
        "why_not_promoted": why_not_promoted,
        "gates": gates,
    }


def _gate(gate: Answer) -> dict[str, Any]:
    return {
        "name": gate.name,
        "value": plain(gate.value),
        "limit": plain(gate.limit),
        "passed": gate.passed,
        "stage": gate.stage,
        "next_step": gate.next_step,
        "at_most": gate.at_most,
    }


def _context(e: Evidence) -> dict[str, Any]:
    market = e.bars.market
    return {
        "exchange": market.exchange,
        "pair": market.symbol,
        "timeframe": str(market.timeframe),
        "side": e.experiment.execution.sides.value,
        "from": iso(e.bars.time[e.splits.start]),
        "to": iso(e.bars.time[e.splits.stop - 1]),
        "regime": e.search.regime.name,
    }


def _execution(e: Evidence) -> dict[str, Any]:
    """Return the terms of the trades, with the market's tick."""
    terms = e.experiment.execution.on(e.bars.market).terms()
    return plain({"side": terms.pop("sides"), **terms})  # type: ignore[no-any-return]


def _quality(q: QualityReport) -> dict[str, Any]:
    return {
        "expected": q.expected,
        "recorded": q.recorded,
        "absent": q.absent,
        "duplicate": q.duplicate,
        "zero_volume": q.zero_volume,
        "flat": q.flat,
        "impossible": q.impossible,
        "stale": q.stale,
        "outlier": q.outlier,
        "longest_hole": q.longest_hole,
        "valid": q.valid,
        "valid_pct": plain(q.valid_pct),
        "traded_pct": plain(q.traded_pct),
        "days": plain(q.days),
        "passes": q.passes,
        "required_valid_pct": REQUIRED_VALID_PCT,
    }


def _provenance(e: Evidence) -> dict[str, Any]:
    return {
        "data_digest": e.provenance.data_digest,
        "data": {"from_ms": int(e.bars.time[0]), "to_ms": int(e.bars.time[-1]), "bars": len(e.bars)},
        "quality": _quality(e.provenance.quality),
        "data_override": e.experiment.allow_bad_data and not e.provenance.quality.passes,
        "experiment_digest": e.provenance.experiment_digest,
        "experiment": plain(e.experiment.canonical(e.bars)),
        "trials": e.provenance.trials,
        "code_version": __version__,
        "engine_hash": result_digest(),
        "seed": e.experiment.seed,
        **_leak_checks(e.provenance.leak_checks),
    }


def _leak_checks(asked: LeakChecks | None) -> dict[str, Any]:
    """Return what a user's strategy was asked; nothing for one that ships."""
    if asked is None:
        return {}
    said = {
        "checks": list(asked.checks),
        "version": asked.version,
        "points": asked.points,
        "histories": asked.histories,
        "asked_in_fresh_process": asked.asked_in_fresh_process,
        "not_in_fresh_process": asked.not_in_fresh_process,
    }
    return {"leak_checks": said}


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
    require("evidence", evidence, Evidence, "train(experiment, bars) gives it")
    require("created", created, datetime, "The moment of now, in UTC, is the usual one")
    e, verdict = evidence, evidence.verdict
    stage = verdict.stage.value if requested is None else capped(requested, verdict.stage)
    why = verdict.why_not_promoted if stage == verdict.stage else f"{stage} was asked for"
    gates = [_gate(g) for g in (*verdict.passed, *verdict.failed)]
    return sealed(
        {
            "configId": configuration_id(e.experiment.strategy.name, created, e.provenance.experiment_digest),
            "version": VERSION,
            "strategy": e.experiment.strategy.name,
            "createdAt": f"{created:%Y-%m-%dT%H:%M:%SZ}",
            "context": _context(e),
            "parameters": plain(e.parameters),
            "execution": _execution(e),
            "metrics": measures(e.metrics),
            "validation": validation_section(e),
            "evidence": evidence_section(e),
            "lifecycle": lifecycle(stage, requested, plain(verdict.confidence), why, gates),
            "circuit_breakers": dict(CIRCUIT_BREAKERS[stage]),
            "portfolio_circuit_breakers": dict(PORTFOLIO_BREAKERS),
            "provenance": _provenance(e),
        }
    )
