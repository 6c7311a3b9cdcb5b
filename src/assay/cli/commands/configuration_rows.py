"""Stored configurations as rows of a table, and their fields as texts with a unit."""

import json
from collections.abc import Mapping, Sequence

from assay.cli.output import Column, Output, iso_time, number
from assay.engine.glossary import MEASURES
from assay.store import Registered
from assay.store.fields import FIELDS

_COLUMNS = (
    Column("id"),
    Column("strategy", 2, narrow=10),
    Column("exchange", 6, narrow=8),
    Column("pair", narrow=9),
    Column("time frame", 1, name="timeframe"),
    Column("regime", 7),
    Column("stage"),
    Column("active", 4),
    Column("Sharpe", 1, name="sharpe_ratio"),
    Column("net profit %", 3, name="net_profit_pct"),
    Column("net win rate %", 3, name="net_win_rate"),
    Column("trades", 2),
    Column("p"),
)
"""What `list` shows; beside them it knows every field of the registry by name."""


def show_rows(output: Output, found: Sequence[Registered], short: Mapping[str, str], only: str | None) -> None:
    """Print configurations as a table.

    Parameters
    ----------
    short : mapping
        What to show for each id; the id itself where it has none.
    only : str or None
        What ``--columns`` says.
    """
    more = [n for n in FIELDS if n not in {c.key for c in _COLUMNS}]
    rows = [
        (
            short.get(r.config_id, r.config_id),
            *(r.row[n] for n in ("strategy_name", "exchange", "pair", "timeframe", "regime")),
            r.status,
            "yes" if r.is_active else "no",
            _rounded(r.row["sharpe_ratio"], 2),
            _rounded(r.typed.measures.get("net_profit_pct"), 1),
            _rounded(r.typed.measures.get("win_rate"), 1, 100.0),
            *(r.row[n] for n in ("sample_size", "p_value")),
            *(shown(r.row[n], unit_of(n)) for n in more),
        )
        for r in found
    ]
    columns = (*_COLUMNS, *(Column(n, narrow=12, name=n, shown=False) for n in more))
    output.table("", columns, rows, only, choosable=True)


def _rounded(value: float | None, decimals: int, times: float = 1.0) -> float | None:
    return None if value is None else round(times * value, decimals)


def shown(value: object, unit: str) -> str:
    """Return a value with its unit, for reading: a fraction in percent."""
    if value is None or value == "":
        return "-"
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return number(value)
    if unit == "time":
        return iso_time(int(value))
    if unit == "fraction":
        return f"{number(100.0 * value)} %"
    return f"{number(value)} {unit}".rstrip()


def unit_of(name: str) -> str:
    """Return the unit of a column, or of a measure under the name ``metrics.NAME``."""
    known = FIELDS.get(name) or MEASURES.get(name.removeprefix("metrics."))
    return known.unit if known else ""
