"""The document of parameters whose measures nothing proves: PAPER, and it says so."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from assay._version import __version__
from assay.compiled import result_digest
from assay.documents.configuration import configuration_id, lifecycle, measures
from assay.documents.schema import VERSION, sealed
from assay.documents.sections.common import REQUIRED_MEASURES
from assay.errors import InputError
from assay.training.circuit_breakers import CIRCUIT_BREAKERS, PORTFOLIO_BREAKERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from assay.parameters import Value

STAGE = "PAPER"
WHY = (
    "the measures came without evidence: save the metrics of WalkForwardValidator.validate or of train's Evidence as "
    "they are, not a copy"
)
_OTHER_NAMES = {"total_trades": "sample_size", "sample_size": "total_trades"}
_PERCENT_OF = {"max_drawdown_pct": "max_drawdown", "avg_win_pct": "avg_win", "avg_loss_pct": "avg_loss"}
"""Measures in percent points and the fractions from which they follow."""


def _numbers(given: Mapping[str, Any]) -> dict[str, float]:
    for name, value in given.items():
        if not isinstance(name, str) or not (value is None or isinstance(value, (int, float))):
            raise InputError(f"metrics {name}", "must be a number, or None where unknown", value)
    return {n: math.nan if v is None else v for n, v in given.items()}


def _completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return measures under the document's names; what is not given is unknown."""
    values = _numbers(given)
    for name, other in _OTHER_NAMES.items():
        if name not in values and other in values:
            values[name] = values[other]
    for name, fraction in _PERCENT_OF.items():
        if name not in values and fraction in values:
            values[name] = 100.0 * values[fraction]
    wanted = dict.fromkeys(REQUIRED_MEASURES, math.nan)
    return dict(measures(wanted | values))


def unverified(
    strategy: str,
    parameters: Mapping[str, Value],
    metrics: Mapping[str, Any],
    created: datetime,
    *,
    market: tuple[str | None, str | None, str | None] = (None, None, None),
    requested: str | None = None,
) -> dict[str, Any]:
    """Return the V3 document of plain measures, validated.

    Parameters
    ----------
    market : (exchange, pair, timeframe)
        None where unknown.
    requested : str, optional
        The stage that was asked for; it is recorded, not granted.

    Raises
    ------
    FileFormatError
        When a rate is outside [0, 1], or a rate times its count is no whole number.
    """
    exchange, pair, timeframe = market
    measured = _completed(metrics)
    content = json.dumps([strategy, dict(parameters), measured, market], sort_keys=True)
    document = {
        "configId": configuration_id(strategy, created, hashlib.sha256(content.encode()).hexdigest()),
        "version": VERSION,
        "strategy": strategy,
        "createdAt": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "context": {
            "exchange": exchange,
            "pair": pair,
            "timeframe": timeframe,
            "side": "both",
            "from": None,
            "to": None,
            "regime": None,
        },
        "parameters": dict(parameters),
        "execution": {},
        "metrics": measured,
        "validation": {"method": "none"},
        "evidence": {"verified": False},
        "lifecycle": lifecycle(STAGE, requested, None, WHY, []),
        "circuit_breakers": dict(CIRCUIT_BREAKERS[STAGE]),
        "portfolio_circuit_breakers": dict(PORTFOLIO_BREAKERS),
        "provenance": {"experiment": None, "code_version": __version__, "engine_hash": result_digest()},
    }
    return sealed(document)
