"""The ledger as plain values: its experiments beside what else was tried on their days, and whether it is intact."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from assay.errors import InputError
from assay.service.times import iso_time
from assay.store.chain import Head
from assay.store.ledger import MarketDays
from assay.validation.sharpe import expected_maximum

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.store.ledger import Ledger
    from assay.store.ledger_check import LedgerCheck

INTERNAL = ("first_day", "day_closes", "task")
"""Columns of an experiment that say nothing to a reader."""


def experiment_rows(book: Ledger, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of the ledger with what was tried on their days, all in one state of the ledger."""
    tried = book.tried_on([MarketDays.of(SimpleNamespace(**entry)) for entry in entries])
    return [
        {name: value for name, value in entry.items() if name not in INTERNAL}
        | {
            "experiments_on_these_days": found.experiments,
            "combinations_on_these_days": found.combinations,
            "holdout_openings_on_these_days": found.openings,
            "expected_maximum": expected_maximum(found.combinations),
        }
        for entry, found in zip(entries, tried, strict=True)
    ]


def parse_head(text: str | None, name: str = "head") -> Head | None:
    """Return the length and the newest hash of a ledger from a text ``LENGTH:HASH``.

    Raises
    ------
    InputError
        Of the field `name`, when it is no such text.
    """
    if text is None:
        return None
    parts = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip(), flags=re.ASCII)
    if parts is None:
        raise InputError(name, "must be LENGTH:HASH, as an earlier `assay ledger verify` printed it", text)
    return Head(int(parts[1]), parts[2])


def check_facts(found: LedgerCheck) -> dict[str, Any]:
    """Return what a walk over the ledger found as plain values."""
    return {
        "ledger": found.identity.id,
        "chained_since": iso_time(found.identity.created_at),
        "entries_before": found.identity.entries_before,
        "length": found.head.length,
        "head": found.head.hash,
        "intact": not found.faults,
        "faults": [{n: getattr(f, n) for n in ("position", "table", "key", "change")} for f in found.faults],
        "not_in_this_ledger": found.elsewhere,
    }
