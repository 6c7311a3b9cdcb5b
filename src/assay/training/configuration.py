"""The V3 document: a configuration that other programs load, with all that is known of it."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assay._version import __version__
from assay.errors import FileFormatError
from assay.validation.lifecycle import MAX_ALLOCATION_PCT, SIZE_FACTOR
from assay.validation.sharpe import CONVENTION
from assay.validation.walkforward import broken_promises

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.training.evidence import Evidence

VERSION = "3.0.0"

_BREAKER_KEYS = (
    "max_daily_loss_pct",
    "max_position_size_pct",
    "max_drawdown_pct",
    "max_consecutive_losses",
    "daily_trade_limit",
    "cooldown_after_loss_minutes",
    "min_sharpe_ratio",
)
_CAUTIOUS = (1.0, 2.0, 5.0, 3, 5, 60, 1.0)
CIRCUIT_BREAKERS: dict[str, dict[str, float | int]] = {
    stage: dict(zip(_BREAKER_KEYS, row, strict=True))
    for stage, row in {
        "PAPER": _CAUTIOUS,
        "DISCOVERY": _CAUTIOUS,
        "VALIDATION": (2.0, 5.0, 10.0, 5, 10, 30, 1.0),
        "MATURE": (3.0, 10.0, 15.0, 7, 20, 15, 0.5),
        "DECAY": _CAUTIOUS,
    }.items()
}
"""Limits at which a trader pauses a configuration, by stage."""

Measures = dict[str, float | int | None]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Context(_Section):
    """Which market, side and span the configuration was trained on."""

    exchange: str
    pair: str
    timeframe: str
    side: Literal["both", "long", "short"]
    from_: str = Field(alias="from", description="First signal bar, ISO 8601 UTC.")
    to: str = Field(description="Last bar of the span, ISO 8601 UTC.")


class Metrics(BaseModel):
    """The stitched out-of-sample run. `*_pct` is percent points, every other rate a fraction, null unknown."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    net_profit_pct: float | None
    gross_win_rate: float | None = Field(ge=0, le=1)
    win_rate: float | None = Field(ge=0, le=1)
    profit_factor: float | None = Field(ge=0)
    sharpe_ratio: float | None
    max_drawdown_pct: float | None = Field(le=0)
    total_trades: int = Field(ge=0)
    avg_win_pct: float | None
    avg_loss_pct: float | None

    @model_validator(mode="after")
    def _rates_are_shares_of_trades(self) -> Metrics:
        for name in ("gross_win_rate", "win_rate"):
            rate = getattr(self, name)
            if rate is not None and abs(rate * self.total_trades - round(rate * self.total_trades)) > 1e-6:
                raise ValueError(f"{name} x total_trades must be a whole number of trades")
        return self


class Lifecycle(_Section):
    """How far the configuration may be believed."""

    current_stage: Literal["PAPER", "DISCOVERY", "VALIDATION", "MATURE", "DECAY"]
    max_allocation_pct: float
    size_factor: float
    confidence_score: float | None = Field(ge=0, le=1)
    why_not_promoted: str
    gates: list[dict[str, Any]]


class Configuration(_Section):
    """A trained configuration, version 3."""

    configId: str = Field(pattern=r"^[A-Z0-9_]+_V3_\d{8}_\d{6}_[0-9a-f]{6}$")  # noqa: N815  (contract)
    version: Literal["3.0.0"]
    strategy: str
    createdAt: str  # noqa: N815  (contract)
    context: Context
    parameters: dict[str, float | int | str | bool]
    execution: dict[str, Any]
    metrics: Metrics
    validation: dict[str, Any]
    evidence: dict[str, Any]
    lifecycle: Lifecycle
    circuit_breakers: dict[str, float | int]
    provenance: dict[str, Any]


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
    s, per_day = e.splits, e.bars.market.timeframe.bars_per_day
    flags = broken_promises(e.walk.measures, promised=any(w.parameters is not None for w in e.walk.windows))
    return {
        "method": "train_test_split" if s.mode == "split" else "walk_forward",
        "mode": s.mode,
        "reoptimised": True,
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
        "in_sample": measures(e.in_sample),
        "holdout": {
            "from": iso(e.bars.time[s.holdout_start]) if s.holdout_start < s.stop else None,
            "share": e.experiment.plan.holdout,
            "opened": bool(e.holdout),
            "openings_of_this_run": e.holdout_openings,
            "metrics": measures(e.holdout) if e.holdout else None,
        },
    }


def _evidence(e: Evidence) -> dict[str, Any]:
    p, around, compared = e.permutation, e.neighbourhood, e.experiment.compared
    return {
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
        "permutation": {
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
        },
        "probabilistic_sharpe": plain(e.probabilistic_sharpe),
        "sharpe_convention": CONVENTION,
        "fragility": [
            {"change": f.name, "net_profit_pct": plain(f.net_profit_pct), "holds": f.holds, "gate": f.gate}
            for f in e.fragility
        ],
        "round_trip_share_of_stop": plain(e.round_trip_share),
        "warnings": list(e.warnings),
        "trials": e.trials,
        "trials_counted": "this run only: a ledger over all runs needs a database",
    }  # fmt: skip


def configuration(evidence: Evidence, created: datetime) -> dict[str, Any]:
    """Return the V3 document, validated.

    Parameters
    ----------
    evidence : Evidence
    created : datetime
        The caller's time in UTC: the core has no clock.
    """
    e = evidence
    market, verdict, stage = e.bars.market, e.verdict, e.verdict.stage
    document = {
        "configId": configuration_id(e.experiment.strategy.name, created, e.experiment_digest),
        "version": VERSION,
        "strategy": e.experiment.strategy.name,
        "createdAt": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "context": {
            "exchange": market.exchange,
            "pair": market.symbol,
            "timeframe": str(market.timeframe),
            "side": e.experiment.sides,
            "from": iso(e.bars.time[e.splits.start]),
            "to": iso(e.bars.time[e.splits.stop - 1]),
        },
        "parameters": plain(e.parameters),
        "execution": {
            "side": e.experiment.sides,
            "costs": plain(asdict(e.experiment.money.costs.on(market))),
            "sizing": plain(asdict(e.experiment.money.sizing)),
            "min_stop_costs": e.experiment.min_stop_costs,
        },
        "metrics": measures(e.metrics),
        "validation": _validation(e),
        "evidence": _evidence(e),
        "lifecycle": {
            "current_stage": stage,
            "max_allocation_pct": MAX_ALLOCATION_PCT[stage],
            "size_factor": SIZE_FACTOR[stage],
            "confidence_score": plain(verdict.confidence),
            "why_not_promoted": verdict.why_not_promoted,
            "gates": [plain(asdict(g)) for g in (*verdict.passed, *verdict.failed)],
        },
        "circuit_breakers": CIRCUIT_BREAKERS[stage],
        "provenance": {
            "data_digest": e.data_digest,
            "quality": plain(e.quality.as_dict()),
            "data_override": e.experiment.allow_bad_data and not e.quality.passes,
            "experiment_digest": e.experiment_digest,
            "experiment": plain(e.experiment.canonical(e.bars)),
            "trials": e.trials,
            "code_version": __version__,
            "seed": e.experiment.seed,
        },
    }
    return validate(document)


def validate(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document if it keeps the schema, or raise `FileFormatError` naming the first fault."""
    try:
        Configuration.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FileFormatError(f"configuration {where}", first["msg"], first.get("input")) from None
    return document


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the V3 document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Configuration.model_json_schema()}
