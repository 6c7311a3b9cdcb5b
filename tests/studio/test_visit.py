"""What a visitor changes is done, whether or not it could be written down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from assay.api.access import Caller, Identified, Way
from assay.errors import StoreError
from assay.store.schema import Role
from assay.studio.visit import Visit
from studio.loops import run_apart


def test_a_change_that_was_done_is_done_where_the_audit_log_cannot_be_written() -> None:
    caller = Caller("ada", Role.TRADER, "1", Way.SESSION)

    async def identify(_: object) -> Identified:
        return Identified(caller)

    def record(_: object) -> None:
        raise StoreError("db", "is away")

    accounts = SimpleNamespace(store=SimpleNamespace(record=record))
    visitors = SimpleNamespace(access=SimpleNamespace(identify=identify, accounts=accounts))
    request = SimpleNamespace(scope={"state": {}})
    visit = Visit(cast("Any", visitors), cast("Any", request), caller)
    assert run_apart(visit.change("studio: try", Role.TRADER, lambda: "done")) == "done"
