"""Tables of the honesty study, from its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report import Row as Line
from benchmarks.report import Table, markdown

from studies.shares import clopper_pearson, reported_p, shown_share, uniformity

if TYPE_CHECKING:
    from collections.abc import Callable

    from studies.rows import Row

Cells = dict[tuple[str, float], list["Row"]]

REACHED = {
    "VALIDATION or better": ("VALIDATION", "MATURE"),
    "MATURE": ("MATURE",),
    "any money": ("DISCOVERY", "VALIDATION", "MATURE"),
}
"""What is counted: stages that trade with half their size or more, with all of it, or at all."""

MARKETS, EDGE_MARKETS = 200, 50
"""Markets of a whole study: without an edge, and of each size of edge, at each level of costs."""

MAX_WITHOUT_EDGE = {"VALIDATION or better": 0.05, "MATURE": 0.01, "any money": 0.05}
MIN_KS_P = 0.01
MIN_KEPT = {("zero", 0.1): 0.18, ("zero", 0.2): 0.36, ("zero", 0.4): 0.80,
              ("exchange", 0.1): 0.76, ("exchange", 0.2): 0.86, ("exchange", 0.4): 1.00}  # fmt: skip
"""Shares of planted edges that a prototype kept on 50 markets each: no share may lie significantly below."""

LEVELS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5)


def _stage(row: Row) -> str:
    return str(row["stage"])


def _documents_stage(row: Row) -> str:
    return str(row["documents"]["stage"])


def reached(rows: list[Row], what: str, stage: Callable[[Row], str] = _stage) -> int:
    """Return how many markets reached a stage."""
    return sum(stage(row) in REACHED[what] for row in rows)


def by_cell(rows: list[Row]) -> Cells:
    """Rows by costs and edge, in the order of the rows."""
    cells: Cells = {}
    for row in rows:
        cells.setdefault((row["costs"], row["edge_r"]), []).append(row)
    return dict(sorted(cells.items(), key=lambda item: (item[0][0] != "zero", item[0][1])))


def shares_table(cells: Cells) -> Table:
    """Shares of markets that reached a stage, by cell, this project beside the documents' rule."""
    lines: list[Line] = []
    for (costs, edge), rows in cells.items():
        line: Line = {"costs": costs, "edge R": edge, "markets": len(rows)}
        line["R, true parameters"] = sum(row["true_expectancy_r"] for row in rows) / len(rows)
        line |= {what: shown_share(reached(rows, what), len(rows)) for what in REACHED}
        line |= {
            f"documents: {what}": shown_share(reached(rows, what, _documents_stage), len(rows)) for what in REACHED
        }
        lines.append(line | {"CPU s": sum(row["cpu_seconds"] for row in rows) / len(rows)})
    return Table("Shares of markets, with 95 % intervals", lines)


def tested(rows: list[Row]) -> list[Row]:
    """Rows with a permutation test."""
    return [row for row in rows if row["permutations"]]


def _ks(rows: list[Row]) -> tuple[float, float]:
    return uniformity(*([row[name] for row in rows] for name in ("exceedances", "permutations", "seed")))


def luck_table(cells: Cells) -> Table:
    """Whether p is what it says, on markets without an edge."""
    lines: list[Line] = []
    for (costs, edge), rows in cells.items():
        found = tested(rows)
        if edge or not found:
            continue
        p = reported_p([row["exceedances"] for row in found], [row["permutations"] for row in found])
        distance, value = _ks(found)
        line: Line = {"costs": costs, "markets": len(found)}
        line |= {f"p <= {level:g}": f"{100 * float((p <= level).mean()):.1f} %" for level in LEVELS}
        lines.append(line | {"KS distance": distance, "KS p": value, "ties": sum(row["ties"] for row in found)})
    return Table("Permutation p without an edge", lines)


def goals(cells: Cells) -> list[Line]:
    """Every goal with what was measured."""
    lines: list[Line] = []

    def share(goal: str, costs: str, hits: int, n: int, asked: str, *, met: bool) -> None:
        lines.append({"goal": goal, "costs": costs, "asked": asked, "measured": shown_share(hits, n), "met": met})

    for (costs, edge), rows in cells.items():
        n = len(rows)
        if edge == 0:
            for what, most in MAX_WITHOUT_EDGE.items():
                hits = reached(rows, what)
                share(f"no edge, {what}", costs, hits, n, f"at most {100 * most:g} %", met=hits <= most * n)
            if found := tested(rows):
                _, p = _ks(found)
                lines.append({
                    "goal": "no edge, p is uniform", "costs": costs, "asked": f"KS p above {MIN_KS_P:g}",
                    "measured": f"{p:.3f}", "met": p > MIN_KS_P,
                })  # fmt: skip
        elif least := MIN_KEPT.get((costs, edge)):
            hits = reached(rows, "VALIDATION or better")
            share(f"edge {edge:g} R, VALIDATION or better", costs, hits, n,
                  f"not significantly below {100 * least:.0f} %", met=clopper_pearson(hits, n)[1] >= least)  # fmt: skip
    return lines


def summary(cells: Cells, lines: list[Line]) -> str:
    """One sentence: what is believed without an edge, under both rules, and how many goals are met."""
    without = [(costs, rows) for (costs, edge), rows in cells.items() if edge == 0]

    def shares(stage: Callable[[Row], str]) -> str:
        parts = (
            f"{100 * reached(rows, 'VALIDATION or better', stage) / len(rows):.1f} % at {costs} costs"
            for costs, rows in without
        )
        return " and ".join(parts)

    met = sum(bool(line["met"]) for line in lines)
    return (
        f"Of the markets without an edge {shares(_stage)} reached VALIDATION or better; under the documents' rule "
        f"{shares(_documents_stage)}. {met} of {len(lines)} goals are met."
    )


def figures(rows: list[Row]) -> str:
    """All figures of the page as Markdown."""
    cells = by_cell(rows)
    lines = goals(cells)
    tables = [shares_table(cells), Table("Goals", lines), luck_table(cells)]
    hours = sum(row["cpu_seconds"] for row in rows) / 3600
    parts = [summary(cells, lines), *(markdown(table) for table in tables if table.rows)]
    few = any(len(found) < (EDGE_MARKETS if edge else MARKETS) for (_, edge), found in cells.items())
    trial = f" A trial: a whole study has {MARKETS} and {EDGE_MARKETS} markets a row." if few else ""
    return "\n\n".join([*parts, f"{len(rows):,} markets, {hours:.2f} CPU hours.{trial}"])
