"""What is kept of a machine's speed: by machine and code, changed by several processes, on both kinds of database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from assay.store.calibrations import calibration_of, change_calibration

if TYPE_CHECKING:
    from assay.store import Database


def count(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"n": body.get("n", 0) + 1}


def counted(database: Database, machine: str, code: str) -> dict[str, Any]:
    return database.write(lambda c: change_calibration(c, machine, code, count, at_ms=5))


def kept(database: Database, machine: str, code: str) -> dict[str, Any] | None:
    return database.read(lambda c: calibration_of(c, machine, code))


def test_each_machine_and_code_has_its_own(database: Database) -> None:
    found = [counted(database, *key) for key in ("a1", "a1", "a2", "b1")]
    assert found == [{"n": 1}, {"n": 2}, {"n": 1}, {"n": 1}]
    assert [kept(database, *key) for key in ("a1", "a2", "b1", "b2")] == [{"n": 2}, {"n": 1}, {"n": 1}, None]


def test_changes_at_once_are_all_kept(database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counted(database, "a", "1"), range(20)))
    assert kept(database, "a", "1") == {"n": 20}
