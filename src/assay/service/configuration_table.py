"""Stored configurations as one table in CSV: every column of the registry, no spreadsheet's formula."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from assay.errors import InputError
from assay.service.configurations import readable
from assay.sources.spreadsheet_safe import harmless
from assay.store.configuration_pages import ordered_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.store import Database, Registered
    from assay.store.configuration_pages import ConfigurationFilter, Order, Place

_AT_ONCE = 200
"""Documents that are read together: they are checked, and only their rows are kept."""


def table_text(found: Sequence[Registered]) -> str:
    """Return configurations as CSV with a heading; one at least."""
    return _text([readable(one) for one in found])


def listed_table(database: Database, chosen: ConfigurationFilter, order: Order) -> tuple[str, list[str]]:
    """Return the whole of a list as CSV, and which of it was changed after it was stored and left out.

    Raises
    ------
    InputError
        When nothing fits.
    """
    rows: list[dict[str, object]] = []
    changed: list[str] = []
    place: Place | None = None
    while page := ordered_page(database, chosen, order, limit=_AT_ONCE, place=place):
        rows += [readable(one) for _, one in page if not one.change]
        changed += [one.config_id for _, one in page if one.change]
        place = page[-1][0]
    if not rows:
        raise InputError("configurations", "none fits, so there is nothing to export")
    return _text(rows), changed


def _text(rows: Sequence[dict[str, object]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({n: json.dumps(v) if isinstance(v, (dict, list)) else harmless(v) for n, v in row.items()})
    return text.getvalue()
