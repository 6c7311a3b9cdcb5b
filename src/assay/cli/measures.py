"""Measures as rows of a table: name, value and unit, a fraction in percent."""

from collections.abc import Mapping

from assay.engine.glossary import MEASURES
from assay.parameters import Parameters

MEASURE_COLUMNS = ("name", "value", "unit")

Row = tuple[str, object, str]

_OWN = {
    "seconds": "s",
    "backtests_per_second": "1/s",
    "profitable_share": "fraction",
}
"""Units of what a sweep says of itself."""

_PLAIN = ("count", "ratio", "")
"""Units that say nothing beside the name."""


def measure_row(name: str, value: object) -> Row:
    """Return name, value and unit of a measure; a fraction is shown in percent, as its unit then says."""
    unit = _OWN.get(name) or (MEASURES[name].unit if name in MEASURES else "")
    if unit == "fraction":
        return name, 100.0 * value if isinstance(value, (int, float)) else value, "%"
    return name, value, "" if unit in _PLAIN else unit


def point_rows(values: Mapping[str, object], parameters: Parameters, metrics: Mapping[str, object]) -> list[Row]:
    """Return the rows of a set of parameters, as they are set, and of the measures that it has."""
    units = {name: parameters[name].unit if name in parameters.names else "" for name in values}
    rows: list[Row] = [(name, value, units[name]) for name, value in values.items()]
    return rows + [measure_row(name, value) for name, value in metrics.items()]
