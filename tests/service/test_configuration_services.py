"""Lists, changes and comparisons of stored configurations, as pages and programs ask for them."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa

from assay.errors import ChangedError, GateError, InputError, NotFoundError
from assay.service.comparison import check_ids, compared
from assay.service.configuration_actions import Action, act, plan_archive, would_replace
from assay.service.configuration_list import list_page, row_details
from assay.service.configuration_table import listed_table, table_text
from assay.store import Database, Registry
from assay.store.archive import archive_together
from assay.store.configuration_pages import ConfigurationFilter, Order
from assay.store.registry import TABLE
from store.documents import variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_MS = 86_400_000
EVERYTHING = ConfigurationFilter()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "assay.db")
    yield opened
    opened.close()


def figures(first_day: int, equity: list[float]) -> dict[str, Any]:
    return {"stitched": {"start_ms": first_day * DAY_MS, "equity": equity}}


def save(database: Database, number: int, *, drawn: dict[str, Any] | None = None, **changes: Any) -> str:
    stage = changes.pop("stage", "VALIDATION")
    return Registry(database).save(variant(number, stage, **changes), at_ms=100 + number, figures=drawn)


def tamper(database: Database, name: str, **values: Any) -> None:
    database.write(lambda c: c.execute(sa.update(TABLE).where(TABLE.c.config_id == name).values(**values)))


# the list


def test_pages_of_a_list(database: Database) -> None:
    names = [save(database, n) for n in range(5)]
    tamper(database, names[3], net_profit=1e6)
    first = list_page(database, EVERYTHING, Order(), limit=2)
    assert [one.config_id for one in first.rows] == [names[4]]
    assert [name for name, _ in first.changed] == [names[3]]
    assert "net_profit" in first.changed[0][1]
    assert (first.total, first.first, first.previous) == (5, 1, None)
    second = list_page(database, EVERYTHING, Order(), limit=2, place=first.following)
    assert ([one.config_id for one in second.rows], second.first) == ([names[2], names[1]], 3)
    last = list_page(database, EVERYTHING, Order(), limit=2, place=second.following)
    assert ([one.config_id for one in last.rows], last.first, last.following) == ([names[0]], 5, None)
    back = list_page(database, EVERYTHING, Order(), limit=2, place=last.previous, backwards=True)
    assert (back.rows[0].config_id, back.first, back.following) == (names[2], 3, second.following)
    begin = list_page(database, EVERYTHING, Order(), limit=2, place=back.previous, backwards=True)
    assert (begin.first, begin.previous, begin.following) == (1, None, first.following)
    nothing = list_page(database, ConfigurationFilter(strategy="other"), Order())
    assert (nothing.rows, nothing.total, nothing.following) == ((), 0, None)


def test_details_of_rows(database: Database) -> None:
    save(database, 1, drawn=figures(7, [1.5, 0.75]))
    save(database, 2, stage="PAPER")
    rows = list_page(database, EVERYTHING, Order()).rows
    paper, valid = (row_details(database, rows)[one.config_id] for one in rows)
    assert valid.equity is not None
    assert valid.equity.tolist() == [1.5, 0.75]
    assert (valid.stage, valid.reason) == ("VALIDATION", None)
    assert valid.p_adjusted == pytest.approx(0.005)
    assert (paper.equity, paper.stage, paper.p_adjusted) == (None, "PAPER", None)


def test_a_whole_list_as_a_table(database: Database) -> None:
    names = [save(database, n) for n in range(3)]
    tamper(database, names[1], net_profit=1e6)
    text, changed = listed_table(database, EVERYTHING, Order(falling=False))
    assert changed == [names[1]]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["config_id"] for row in rows] == [names[0], names[2]]
    assert text == table_text([Registry(database).get(names[0]), Registry(database).get(names[2])])
    with pytest.raises(InputError, match="nothing to export"):
        listed_table(database, ConfigurationFilter(stage="MATURE"), Order())


# changes


def test_what_is_done_is_said(database: Database) -> None:
    one, other = save(database, 1), save(database, 2)
    paper = save(database, 3, stage="PAPER")
    assert act(database, Action.ACTIVATE, one, at_ms=1) == f"{one} is active"
    assert act(database, Action.ACTIVATE, one, at_ms=2) == f"{one} was active already"
    assert would_replace(database, one) is None
    assert would_replace(database, other) == one
    assert would_replace(database, "nothing") is None
    assert act(database, Action.ACTIVATE, other, at_ms=3) == f"{other} is active, and {one} is not active any more"
    with pytest.raises(GateError, match="deactivate it before it is archived"):
        act(database, Action.ARCHIVE, other, at_ms=4)
    assert act(database, Action.DEACTIVATE, other, at_ms=5) == f"{other} is not active any more"
    assert act(database, Action.DEACTIVATE, other, at_ms=6) == f"{other} was not active"
    assert act(database, Action.ARCHIVE, other, at_ms=7) == f"{other} is archived"
    assert act(database, Action.ARCHIVE, other, at_ms=8) == f"{other} was archived already"
    assert act(database, Action.RESTORE, other, at_ms=9) == f"{other} is back in the list"
    assert act(database, Action.RESTORE, other, at_ms=9) == f"{other} was not archived"
    with pytest.raises(GateError, match="PAPER, which gives it 0 %"):
        act(database, Action.ACTIVATE, paper, at_ms=10)
    tamper(database, other, net_profit=1e6)
    with pytest.raises(ChangedError):
        act(database, Action.ACTIVATE, other, at_ms=11)


def test_a_plan_of_archiving(database: Database) -> None:
    rates = (0.05, 0.08, 0.1, 0.5, None, 0.02)
    names = [save(database, n, metrics__profit_factor=rate) for n, rate in enumerate(rates)]
    Registry(database).archive(names[5], at_ms=50)
    tamper(database, names[1], is_active=True)
    plan = plan_archive(database, ConfigurationFilter(archived=None), "profit_factor", below=True, bound=0.1)
    assert (plan.config_ids, plan.active, plan.unknown) == ((names[0],), 1, 1)
    assert [one.config_id for one in plan.first] == [names[0]]
    above = plan_archive(database, EVERYTHING, "profit_factor", below=False, bound=0.05, first=1)
    assert (above.config_ids, above.active) == ((names[2], names[3]), 1)
    assert [one.config_id for one in above.first] == [names[3]]  # those that are farthest off come first
    active = plan_archive(database, ConfigurationFilter(active=True), "profit_factor", below=True, bound=1.0)
    assert (active.config_ids, active.first, active.active) == ((), (), 1)
    idle = plan_archive(database, ConfigurationFilter(active=False), "profit_factor", below=True, bound=0.1)
    assert (idle.config_ids, idle.active) == ((names[0],), 0)
    save(database, 9, metrics__profit_factor=0.01)  # what is stored after the preview is not archived with it
    assert archive_together(database, plan.config_ids, at_ms=60).done == (names[0],)


# comparisons


def test_a_comparison(database: Database) -> None:
    rng = np.random.default_rng(1)
    returns = rng.normal(0.001, 0.01, (2, 40))
    equity = np.cumprod(1 + returns, axis=1)
    one = save(database, 1, drawn=figures(100, equity[0].tolist()))
    other = save(database, 2, drawn=figures(110, equity[1].tolist()), stage="PAPER", metrics__net_profit=-7.0)
    bare, changed = save(database, 3), save(database, 4)
    tamper(database, changed, net_profit=1e6)
    found = compared(database, [one, other, bare, changed, one])
    assert [(m.letter, m.found.config_id, m.has_run) for m in found.members] == [
        ("A", one, True), ("B", other, True), ("C", bare, False),
    ]  # fmt: skip
    assert [name for name, _ in found.changed] == [changed]
    a, b, _ = found.members
    assert (a.stage_today, b.stage_today, b.why != "") == ("VALIDATION", "PAPER", True)
    assert math.isnan(b.p_adjusted)
    shared = found.shared
    assert shared is not None
    assert (shared.first_day, shared.days) == (110, 30)
    expected = np.corrcoef(returns[0, 10:], returns[1, :30])[0, 1]
    assert shared.correlation[0, 1] == pytest.approx(expected)
    rows = {field.name: field for field in found.measures}
    assert rows["net_profit"].values[1] == -7.0
    assert rows["net_profit"].differs
    assert rows["net_profit"].unit == "quote currency"
    assert not rows["sharpe_ratio"].differs
    assert not {"config_id", "status", "created_at"} & set(rows)
    assert found.parameters
    assert not any(field.differs for field in found.parameters)
    assert {f.name: list(f.values) for f in found.parameters}.items() <= Registry(database).compare(
        [one, other, bare]
    ).items()


def test_what_cannot_be_compared(database: Database) -> None:
    one = save(database, 1, drawn=figures(0, [1.1, 1.2]))
    other = save(database, 2, drawn=figures(2, [1.1, 1.2]))
    assert compared(database, [one, other]).shared is None  # no day in common
    for ids in ([one], [one, one], [str(n) for n in range(9)]):
        with pytest.raises(InputError, match="2 to 8"):
            check_ids(ids)
    with pytest.raises(NotFoundError):
        compared(database, [one, "nothing"])
    for name in (one, other):
        tamper(database, name, net_profit=1e6)
    with pytest.raises(ChangedError):
        compared(database, [one, other])
