"""How often simulated markets were promoted: counts of the honesty study, written by `make honesty`.

They are those of docs/honesty.md. Data only: `assay.reports.power` puts them into words when a verdict is shown, and no
document holds anything of them.
"""

from __future__ import annotations

PROCEDURE_VERSION = 1
"""Of the trainings of the study; 1 is the first release."""

STRATEGY = "LIQUIDITY_SWEEP"
COMBINATIONS = 18_432
PERMUTATIONS = 199

ROWS: tuple[tuple[str, float, int, str, int, int], ...] = (
    ("zero", 0.0, 365, "5m", 200, 7),
    ("zero", 0.1, 365, "5m", 50, 12),
    ("zero", 0.2, 365, "5m", 50, 46),
    ("zero", 0.4, 365, "5m", 50, 50),
    ("exchange", 0.0, 365, "5m", 200, 1),
    ("exchange", 0.1, 365, "5m", 50, 34),
    ("exchange", 0.2, 365, "5m", 50, 47),
    ("exchange", 0.4, 365, "5m", 50, 50),
)
"""Costs, edge in R a trade after costs, days, timeframe, markets, and how many of them reached VALIDATION or MATURE."""
