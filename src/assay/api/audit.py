"""Who did what: one row for each request that could change something, with its outcome."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from assay.api.access import NOTED, WHO, Access, Caller
from assay.api.buckets import Buckets
from assay.api.scopes import Scope
from assay.errors import StoreError, one_line
from assay.store.accounts import AccountStore, AuditEntry
from assay.store.database import now_ms

if TYPE_CHECKING:
    from typing import Any

LOG = logging.getLogger("assay.api.audit")

NOBODY = "-"
"""Stands for whoever is not signed in; no user can have the name."""

ANONYMOUS_PER_MINUTE = 60
"""Rows about requests of nobody: strangers must not fill the table, which nothing can shorten."""


class Audit:
    """Writes the audit log.

    Parameters
    ----------
    access : Access
    """

    def __init__(self, access: Access) -> None:
        self._store = access.accounts.store
        self._strangers = Buckets(ANONYMOUS_PER_MINUTE)

    async def record(self, scope: Scope, address: str, status: int) -> None:
        """Write down a request that was answered; a database that is away does not change the answer."""
        state = scope.get("state", {})
        caller: Caller | None = state.get(WHO)
        noted: dict[str, Any] = state.get(NOTED, {})
        user = caller.name if caller else noted.get("user", NOBODY)
        if user == NOBODY and self._strangers.take(NOBODY):
            LOG.info("not written down: %s of nobody from %s: %d", scope["method"], address, status)
            return
        template = template_of(scope)
        target = noted.get("target") or "/".join(str(value) for value in scope.get("path_params", {}).values())
        action = f"{scope['method'][:20]} {template or one_line(scope['path'], 200)}"
        entry = AuditEntry(0, now_ms(), user, action, one_line(target, 300) or None, address[:100], str(status))
        await write_down(self._store, entry)


async def write_down(store: AccountStore, entry: AuditEntry) -> None:
    """Append to the audit log; a database that is away does not change what was done, and the log says so."""
    with anyio.CancelScope(shield=True):  # the client may be gone, what it did is done
        try:
            await anyio.to_thread.run_sync(store.record, entry)
        except StoreError as error:
            LOG.error("the audit log cannot be written (%s): %s", error, entry)  # noqa: TRY400  (no bug of ours)


def template_of(scope: Scope) -> str | None:
    """Return the path of a request's route with the names of its parts; None where no route was found."""
    found = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    path = getattr(found, "path_format", None) or getattr(found, "path", None)
    return path if isinstance(path, str) else None
