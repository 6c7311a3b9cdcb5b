"""Errors as plain values: one code for each kind of them, one shape for all, whichever way the question came.

``{"code", "message", "field", "rule", "value", "hint"}``
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

from assay import errors
from assay.errors import AssayError, shown
from assay.service.faults import fault_of

LOG = logging.getLogger("assay.server")

CODES: tuple[tuple[type[AssayError], str], ...] = (
    (errors.NotFoundError, "not_found"),
    (errors.ConflictError, "conflict"),
    (errors.ParameterError, "invalid_parameter"),
    (errors.FileFormatError, "unreadable_file"),
    (errors.BarsError, "invalid_bars"),
    (errors.StrategyError, "invalid_strategy"),
    (errors.InsufficientDataError, "insufficient_data"),
    (errors.InputError, "invalid_input"),
    (errors.QualityError, "refused_by_quality"),
    (errors.LeakError, "refused_for_look_ahead"),
    (errors.ChangedError, "changed_after_storing"),
    (errors.GateError, "refused_by_gate"),
    (errors.StoreError, "database_unavailable"),
    (errors.ExchangeError, "exchange_failed"),
    (errors.AssayError, "failed"),
)
"""The first line that an error is an instance of says its code."""

MAX_VALUE = 200
"""Characters of a value as JSON that are repeated; of a longer one a few words."""


def error_facts(error: AssayError) -> dict[str, Any]:
    """Return an error as plain values.

    Of a database only that it is away is said: its name is its operator's business, who finds it in the log.
    """
    code = next(code for kind, code in CODES if isinstance(error, kind))
    if isinstance(error, errors.StoreError):
        LOG.error("%s", error)
        message = "the database cannot be used at the moment"
        return facts_of(code, message, hint="Ask again in a moment; the server's log says more")
    said = {name: getattr(error, name, None) or None for name in ("field", "rule", "hint")}
    return facts_of(code, str(error), value=getattr(error, "value", None), **said)


def facts_of(
    code: str,
    message: str,
    *,
    field: str | None = None,
    rule: str | None = None,
    value: Any = None,
    hint: str | None = None,
) -> dict[str, Any]:
    """Return the one shape of an error."""
    return {"code": code, "message": message, "field": field, "rule": rule, "value": plain_value(value), "hint": hint}


def plain_value(value: Any) -> Any:
    """Return a value as JSON holds it; of one that is too deep, too long or no JSON, a few words."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return shown(value)
    return value if len(text) <= MAX_VALUE else shown(value)


def invalid_facts(found: Any, instead: str = "input") -> dict[str, Any]:
    """Return the error of what pydantic refuses: the first fault, by the name of its field.

    Parameters
    ----------
    found : sequence of mapping
        As `ValidationError.errors` returns them.
    instead : str
        What the field is called where pydantic names none.
    """
    fault = fault_of(found)
    field = instead if fault.field == "body" else fault.field
    fault = replace(fault, field=field)
    return facts_of("invalid_input", fault.message, field=field, rule=fault.rule, value=fault.value, hint=fault.hint)
