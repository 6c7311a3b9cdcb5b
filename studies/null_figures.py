"""Tables of the study of null markets, from its rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchmarks.report import Row as Line
from benchmarks.report import Table, markdown

from studies.honesty_figures import MAX_WITHOUT_EDGE, MIN_KS_P, REACHED, reached, tested
from studies.null_cells import CELLS, PATTERNS, Cell
from studies.shares import holm, lower_limit, reported_p, shown_share, uniformity

if TYPE_CHECKING:
    from studies.rows import Row

Rows = dict[Cell, list["Row"]]

MARKETS, NEAREST_MARKETS, NEAREST_CELLS, PATTERN_MARKETS = 40, 200, 2, 60
"""Markets of a whole study: in every cell, in the cells nearest the limit, how many those are, and of each pattern."""

LEVEL = 0.05
PATTERN_LEVEL = 0.01
COUNTED = ("VALIDATION or better", "MATURE")


def by_cell(rows: list[Row]) -> Rows:
    """Rows by cell, in the order of the cells."""
    named = {cell.name: cell for cell in CELLS}
    cells: Rows = {}
    for row in rows:
        cells.setdefault(named[row["cell"]], []).append(row)
    return {cell: cells[cell] for cell in CELLS if cell in cells}


def low_p(rows: list[Row]) -> int:
    """Return how many tests say p <= .05."""
    found = tested(rows)
    return int((reported_p([r["exceedances"] for r in found], [r["permutations"] for r in found]) <= LEVEL).sum())


def ks_p(rows: list[Row]) -> float:
    """P of the Kolmogorov-Smirnov test that the permutation p is uniform; NaN without tests."""
    found = tested(rows)
    if not found:
        return math.nan
    return uniformity(*([row[name] for row in found] for name in ("exceedances", "permutations", "seed")))[1]


def nearest(rows: list[Row], markets: int, number: int = NEAREST_CELLS) -> list[Cell]:
    """Return the cells where most markets were promoted (then: had p <= .05) among the first `markets` of each.

    Only those decide, so that a study that goes on asks for the same cells. The more a cell is chosen for its many
    promotions, the more of them it has by chance: its share is overstated, never understated.
    """
    first = by_cell([row for row in rows if row["number"] < markets])
    order = sorted(first, key=lambda c: (-reached(first[c], COUNTED[0]), -low_p(first[c]), CELLS.index(c)))
    return order[:number]


def cells_table(cells: Rows) -> Table:
    """Shares of markets that reached a stage, by cell."""
    adjusted = dict(zip(cells, holm([ks_p(rows) for rows in cells.values()]), strict=True))
    lines: list[Line] = []
    for cell, rows in cells.items():
        line: Line = {"market": cell.market, "costs": cell.costs, "sides": cell.sides, "markets": len(rows)}
        line |= {what: shown_share(reached(rows, what), len(rows)) for what in REACHED}
        line["p <= 0.05"] = shown_share(low_p(rows), len(tested(rows)))
        lines.append(line | {"KS p": ks_p(rows), "KS p (Holm)": adjusted[cell], "CPU s": mean_seconds(rows)})
    return Table("Markets without an edge, with 95 % intervals", lines)


def mean_seconds(rows: list[Row]) -> float:
    """Mean CPU seconds of a row."""
    return float(sum(row["cpu_seconds"] for row in rows)) / len(rows)


def goals(cells: Rows) -> list[Line]:
    """Every goal with what was measured."""
    lines: list[Line] = []
    everything = [row for rows in cells.values() for row in rows]
    for what in COUNTED:
        most = MAX_WITHOUT_EDGE[what]
        limits = {cell: lower_limit(reached(rows, what), len(rows), LEVEL / len(cells)) for cell, rows in cells.items()}
        worst = max(limits, key=limits.__getitem__)
        lines.append({
            "goal": f"no cell is significantly above, {what}", "asked": f"every lower limit at most {100 * most:g} %",
            "measured": f"{100 * limits[worst]:.2f} % ({worst.name})", "met": limits[worst] <= most,
        })  # fmt: skip
    for what, most in MAX_WITHOUT_EDGE.items():
        hits = reached(everything, what)
        lines.append({
            "goal": f"all cells together, {what}", "asked": f"at most {100 * most:g} %",
            "measured": shown_share(hits, len(everything)), "met": hits <= most * len(everything),
        })  # fmt: skip
    known = [value for value in holm([ks_p(rows) for rows in cells.values()]) if not math.isnan(value)]
    if known:
        lines.append({
            "goal": "p is uniform in every cell", "asked": f"KS p (Holm) above {MIN_KS_P:g}",
            "measured": f"{min(known):.3f}", "met": min(known) > MIN_KS_P,
        })  # fmt: skip
    return lines


def patterns_table(rows: list[Row]) -> Table:
    """Patterns of exact and of nearly exact prices on ticks: are they believed more often than 5 %?"""
    lines: list[Line] = []
    for pattern in PATTERNS:
        of_pattern = [row for row in rows if row["pattern"] == pattern]
        if not of_pattern:
            continue
        small, believed, n = low_p(of_pattern), reached(of_pattern, "any money"), len(of_pattern)
        believable = all(lower_limit(hits, n, PATTERN_LEVEL) <= LEVEL for hits in (small, believed))
        lines.append({
            "pattern": pattern, "markets": n, "p <= 0.05": shown_share(small, n),
            "any money": shown_share(believed, n), "not significantly above 5 % (at 1 %)": believable,
            "KS p": ks_p(of_pattern), "trades": sum(row["trades"] for row in of_pattern) / n,
            "CPU s": mean_seconds(of_pattern),
        })  # fmt: skip
    return Table("Patterns of prices on a tick, zero costs", lines)


def figures(rows: list[Row], patterns: list[Row]) -> str:
    """All figures of the second table of the page as Markdown."""
    parts: list[str] = []
    cells = by_cell(rows)
    if cells:
        lines = goals(cells)
        met = sum(bool(line["met"]) for line in lines)
        parts.append(
            f"Of {len(rows):,} markets without an edge {shown_share(reached(rows, COUNTED[0]), len(rows))} reached "
            f"{COUNTED[0]} and {shown_share(reached(rows, COUNTED[1]), len(rows))} {COUNTED[1]}. "
            f"{met} of {len(lines)} goals are met."
        )
        parts += [markdown(Table("Goals over all null markets", lines)), markdown(cells_table(cells))]
    if patterns:
        parts.append(markdown(patterns_table(patterns)))
    every = rows + patterns
    hours = sum(row["cpu_seconds"] for row in every) / 3600
    few = len(cells) < len(CELLS) or any(len(found) < MARKETS for found in cells.values())
    few = few or len(patterns) < PATTERN_MARKETS * len(PATTERNS)
    trial = f" A trial: a whole study has {MARKETS} markets in each of {len(CELLS)} cells." if few else ""
    return "\n\n".join([*parts, f"{len(every):,} markets, {hours:.2f} CPU hours.{trial}"])
