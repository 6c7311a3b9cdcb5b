"""The power table of the package: counts of the honesty study as a module that holds data only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.sources.simulated import SimulatedMarket
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment
from assay.training.procedure import PROCEDURE_VERSION
from studies.honesty_figures import EDGE_MARKETS, MARKETS, by_cell, reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studies.rows import Row
    from studies.simulated import Terms

Count = tuple[str, float, int, str, int, int]

MODULE = '''"""How often simulated markets were promoted: counts of the honesty study, written by `make honesty`.

They are those of docs/honesty.md. Data only: `assay.reports.power` puts them into words when a verdict is shown, and no
document holds anything of them.
"""

from __future__ import annotations

PROCEDURE_VERSION = {procedure_version}
"""Of the trainings of the study; 1 is the first release."""

STRATEGY = "{strategy}"
COMBINATIONS = {combinations}
PERMUTATIONS = {permutations}

ROWS: tuple[tuple[str, float, int, str, int, int], ...] = (
{rows}
)
"""Costs, edge in R a trade after costs, days, timeframe, markets, and how many of them reached VALIDATION or MATURE."""
'''


def is_whole(rows: list[Row]) -> bool:
    """Whether rows are a whole study, all cells of it: a trial says too little to be quoted."""
    cells = by_cell(rows)
    return {edge for _, edge in cells} != {0.0} and all(
        len(found) >= (EDGE_MARKETS if edge else MARKETS) for (_, edge), found in cells.items()
    )


def power_counts(rows: list[Row], terms: Terms) -> list[Count]:
    """Return the counts of every cell."""
    timeframe = SimulatedMarket(days=terms.days).timeframe
    return [
        (costs, float(edge), terms.days, timeframe, len(found), reached(found, "VALIDATION or better"))
        for (costs, edge), found in by_cell(rows).items()
    ]


def power_module(counts: Sequence[Count], permutations: int, *, procedure_version: int = PROCEDURE_VERSION) -> str:
    """Return the source of the module that holds counts."""
    lines = [
        f'    ("{costs}", {edge}, {days}, "{timeframe}", {markets}, {promoted}),'
        for costs, edge, days, timeframe, markets, promoted in counts
    ]
    return MODULE.format(
        procedure_version=procedure_version,
        strategy=LiquiditySweep.name,
        combinations=f"{Experiment(LiquiditySweep()).grid_space.size:_}",
        permutations=permutations,
        rows="\n".join(lines),
    )
