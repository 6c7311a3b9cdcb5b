"""What the campaign study says, from its rows: users with any money, before and after all tries are counted in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.report import Row as Line
from benchmarks.report import Table, markdown

from assay.validation import Stage, TriedExperiment, adjusted_p, decide, needed_permutations
from studies.campaign_tries import GROUPS, TRIES, Group, facts_of
from studies.shares import shown_share

if TYPE_CHECKING:
    from assay.validation import Facts
    from studies.rows import Row

USERS, EDGE_USERS = 40, 20
"""Users of a whole study: of each group without an edge, and with one."""

MAX_AFTER, MAX_ON_THE_WAY, MIN_KEPT = 0.05, 0.17, 0.60
SHOWN_TRIES = (1, 2, 5, 10, 15, 20)


@dataclass(frozen=True)
class Known:
    """A try with what its verdict is made of, and its null statistics."""

    alone: Stage
    facts: Facts
    tried: TriedExperiment


def users_of(rows: list[Row], nulls: list[Row]) -> dict[Group, list[list[Known]]]:
    """Return the tries of every user in their order, by group; only users who are through with all of them."""
    more = {row["of"]: row["maxima"] for row in nulls}
    named = {group.name: group for group in GROUPS}
    found: dict[tuple[Group, int], list[Row]] = {}
    for row in rows:
        found.setdefault((named[row["group"]], row["user"]), []).append(row)
    groups: dict[Group, list[list[Known]]] = {}
    for (group, _), tries in found.items():
        if len(tries) == len(TRIES):
            tries.sort(key=lambda row: row["number"])
            groups.setdefault(group, []).append([_known(row, more.get(row["key"], [])) for row in tries])
    return groups


def _known(row: Row, more: list[float | None]) -> Known:
    statistic, *maxima = (-np.inf if value is None else value for value in [row["statistic"], *row["maxima"], *more])
    tried = TriedExperiment(row["digest"], float(statistic), np.array(maxima, dtype=np.float64))
    return Known(Stage(row["stage"]), facts_of(row["facts"]), tried)


def settled(tries: list[Known], index: int) -> Stage:
    """Return the stage of one try with all the others counted in.

    The one place that asks the core what a campaign does to a verdict.
    """
    own = tries[index]
    if own.alone == Stage.PAPER:
        return own.alone
    others = [other.tried for i, other in enumerate(tries) if i != index]
    p_adjusted, unknown = adjusted_p(own.tried.statistic, own.tried.maxima, own.facts.p_value, others)
    facts = replace(
        own.facts,
        campaign_known=True,
        p_adjusted=p_adjusted,
        experiments=len(others),
        unknown=unknown,
        needed=needed_permutations(unknown),
    )
    return decide(facts).stage


def any_money_alone(tries: list[Known], number: int) -> bool:
    """Whether any of the first tries is believed, each verdict for itself."""
    return any(known.alone != Stage.PAPER for known in tries[:number])


def any_money(tries: list[Known], number: int) -> bool:
    """Whether any of the first tries is believed after the last of them."""
    return any(settled(tries[:number], i) != Stage.PAPER for i in range(number))


def any_money_on_the_way(tries: list[Known], number: int) -> bool:
    """Whether there was a moment at which one was believed."""
    return any(any_money(tries, k) for k in range(1, number + 1))


def tries_table(group: Group, users: list[list[Known]]) -> Table:
    """Users with any money by the number of their tries."""
    lines: list[Line] = []
    for number in SHOWN_TRIES:
        counts = {
            "each verdict alone": sum(any_money_alone(tries, number) for tries in users),
            "all tries counted in": sum(any_money(tries, number) for tries in users),
            "at some moment": sum(any_money_on_the_way(tries, number) for tries in users),
        }
        line: Line = {"tries": number, "users": len(users)}
        lines.append(line | {name: shown_share(hits, len(users)) for name, hits in counts.items()})
    return Table(f"Users with any money: {group.name}", lines)


def kept_by_first(users: list[list[Known]]) -> tuple[int, int]:
    """Return how many users still have what their first try found, and how many had it after that try."""
    found = [tries for tries in users if tries[0].alone != Stage.PAPER]
    return sum(settled(tries, 0) != Stage.PAPER for tries in found), len(found)


def goals(groups: dict[Group, list[list[Known]]]) -> list[Line]:
    """Every goal with what was measured."""
    lines: list[Line] = []
    last = len(TRIES)
    for group, users in groups.items():
        if group.edge_r:
            kept, found = kept_by_first(users)
            if found:
                lines.append({
                    "goal": f"{group.name}, found by the first try and still believed after the last",
                    "asked": f"at least {100 * MIN_KEPT:g} %", "measured": shown_share(kept, found),
                    "met": kept >= MIN_KEPT * found,
                })  # fmt: skip
            continue
        for name, hits, most in (
            (f"after try {last}", sum(any_money(tries, last) for tries in users), MAX_AFTER),
            ("at some moment", sum(any_money_on_the_way(tries, last) for tries in users), MAX_ON_THE_WAY),
        ):
            lines.append({
                "goal": f"{group.name}, any money {name}", "asked": f"at most {100 * most:g} %",
                "measured": shown_share(hits, len(users)), "met": hits <= most * len(users),
            })  # fmt: skip
    return lines


def figures(rows: list[Row], nulls: list[Row]) -> str:
    """All figures as Markdown."""
    groups = users_of(rows, nulls)
    lines = goals(groups)
    parts: list[str] = []
    if lines:
        met = sum(bool(line["met"]) for line in lines)
        parts.append(f"{met} of {len(lines)} goals are met.")
        parts.append(markdown(Table("Goals over twenty tries on the same days", lines)))
    parts += [markdown(tries_table(group, users)) for group, users in groups.items()]
    hours = sum(row["cpu_seconds"] for row in [*rows, *nulls]) / 3600
    few = any(len(groups.get(group, [])) < (EDGE_USERS if group.edge_r else USERS) for group in GROUPS)
    trial = f" A trial: a whole study has {USERS} users without an edge and {EDGE_USERS} with one." if few else ""
    return "\n\n".join([*parts, f"{len(rows):,} trainings, {hours:.2f} CPU hours.{trial}"])
