"""Fields of several configurations as rows of a table, the differences marked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.store.fields import FIELDS
from assay.studio.elements.listing import ListColumn, Row, cell
from assay.studio.values import UNKNOWN, moment, number, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.service.comparison import FieldRow, Member

WIDEST = 60
"""Characters of a value that are shown; all of it on hover."""


def columns_of(members: Sequence[Member]) -> list[ListColumn]:
    """Return a column for the field, one for whether it differs, and one for each member."""
    return [
        ListColumn("field", "Field"),
        ListColumn("differs", "≠", note="Marked where the values differ."),
        *(
            ListColumn(member.letter, f"{member.letter} · {member.found.config_id[-6:]}", is_number=True,
                       note=member.found.config_id)
            for member in members
        ),
    ]  # fmt: skip


def rows_of(fields: Sequence[FieldRow], members: Sequence[Member], *, only_differences: bool) -> list[Row]:
    """Return a row for each field.

    Parameters
    ----------
    only_differences : bool
        Leave out those in which all are alike.
    """
    return [_row(field, members) for field in fields if field.differs or not only_differences]


def _row(field: FieldRow, members: Sequence[Member]) -> Row:
    name = field.name.removeprefix("parameters.")
    if (bare := name.removeprefix("metrics.")) not in FIELDS:
        name = bare
    unit = f"\nUnit: {field.unit}." if field.unit and field.unit != "time" else ""
    row: Row = {
        "id": field.name,
        "tone": "differs" if field.differs else "same",
        "field": cell(name, note=f"{field.meaning}{unit}" if field.meaning else name),
        "differs": cell("≠" if field.differs else "", tone="warn"),
    }
    for member, value in zip(members, field.values, strict=True):
        text = value_text(value, field.unit)
        row[member.letter] = cell(text[:WIDEST], note=exact_text(value))
    return row


def value_text(value: Any, unit: str) -> str:
    """Return a value as it is read, with its unit: a fraction in percent, six digits of a number."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, str):
        return value
    if unit == "time":
        return moment(int(value))
    if unit == "fraction":
        return share(float(value), 2)
    if unit == "%":
        return f"{number(float(value), 2)} %"
    return f"{value:,d}" if isinstance(value, int) else f"{value:.6g}"


def exact_text(value: Any) -> str:
    """Return a value to its last digit, as the document has it."""
    return value if isinstance(value, str) else json.dumps(value)
