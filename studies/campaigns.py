"""Twenty tries on the same days: how many users end with something to believe in, and is a true edge still kept?

    python -m studies.campaigns [--users N] [--edge-users N] [--workers N] [--folder DIR] [--markdown docs/honesty.md]

Every user tries four strategies in five ways on a market of their own. Where any of a user's verdicts is more than
PAPER, the null statistics that the other tries lack are completed. Every training and every completion is a row of a
file in the folder, appended when it is done: an interrupted study goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import placed

from studies.campaign_figures import EDGE_USERS, USERS, figures
from studies.campaign_tries import GROUPS, TRIES, Group, Nulls, Try, judged
from studies.rows import Row, RowFile, made_by, work_off

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("campaign_tries", "simulated", "edges")
PLACE = "campaigns"
"""Name of the marks of the figures."""


def tasks(groups: Sequence[Group], users: int, edge_users: int, days: int) -> dict[str, Try]:
    """All tries by key, user after user, so that a part of a study is a small one."""
    found = [
        Try(group, user, number, days)
        for user in range(max(users, edge_users))
        for group in groups
        if user < (edge_users if group.edge_r else users)
        for number in range(len(TRIES))
    ]
    return {task.key: task for task in found}


def missing_nulls(asked: dict[str, Try], rows: list[Row]) -> dict[str, Nulls]:
    """Return what must be completed: tries of users who have something to believe in, up to all permutations."""
    believed = {(row["group"], row["user"]) for row in rows if row["stage"] != "PAPER"}
    found = [
        Nulls(task, len(row["maxima"]))
        for task, row in zip(asked.values(), rows, strict=True)
        if (row["group"], row["user"]) in believed and len(row["maxima"]) < task.group.permutations
    ]
    return {task.key: task for task in found}


def main(given: list[str] | None = None) -> int:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=USERS, help="without an edge, at each level of costs")
    parser.add_argument("--edge-users", type=int, default=EDGE_USERS, help="with an edge")
    parser.add_argument("--days", type=int, default=Try.days)
    parser.add_argument("--permutations", type=int, default=GROUPS[0].permutations, help="without an edge")
    parser.add_argument("--edge-permutations", type=int, default=GROUPS[-1].permutations, help="with an edge")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread each")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "campaigns")
    parser.add_argument("--markdown", type=Path, default=None)
    options = parser.parse_args(given)
    groups = [
        replace(group, permutations=options.edge_permutations if group.edge_r else options.permutations)
        for group in GROUPS
    ]
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"days": options.days, "groups": [asdict(group) for group in groups]}
    file = RowFile(folder / "rows.jsonl", made_by(settings, *MODULES))
    asked = tasks(groups, options.users, options.edge_users, options.days)

    def group_of(key: str) -> str:
        name, _, rest = key.partition(", user ")
        return name + rest.partition(", ")[2]

    rows = work_off(file, asked, judged, options.workers, group=group_of)
    nulls = work_off(file, missing_nulls(asked, rows), judged, options.workers, group=group_of)
    text = figures(rows, nulls)
    sys.stdout.write(text + "\n")
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text, PLACE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
