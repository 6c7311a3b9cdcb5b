"""`Visit`: somebody looks at a page; who that is, what they may do, and how a page reads and changes what is stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio.to_thread
from nicegui import core, ui

from assay.api.access import ADDRESS, PAGES, WHO
from assay.api.audit import write_down
from assay.api.turns import in_turn
from assay.errors import AssayError, GateError
from assay.store.accounts import AuditEntry
from assay.store.database import now_ms
from assay.studio.addresses import address
from assay.studio.job_reader import JobReader
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import Request
    from nicegui.events import GenericEventArguments

    from assay.api.access import Access, Caller
    from assay.api.state import State
    from assay.store import Database
    from assay.store.schema import Role


P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Visitors:
    """What the pages share with the API.

    Attributes
    ----------
    state : State
    access : Access
    """

    state: State
    access: Access

    @cached_property
    def jobs(self) -> JobReader:
        """What runs, read once for all pages."""
        return JobReader(self.state.database)


@dataclass(frozen=True)
class Visit:
    """Somebody who looks at a page.

    Attributes
    ----------
    visitors : Visitors
    request : Request
        With which the page was asked for.
    caller : Caller
    """

    visitors: Visitors
    request: Request
    caller: Caller

    @classmethod
    def of(cls, request: Request) -> Visit:
        """Return who asked for a page: the guards let nobody else come so far."""
        return cls(core.app.state.visitors, request, request.scope["state"][WHO])

    @property
    def state(self) -> State:
        """What all requests of the server share."""
        return self.visitors.state

    @property
    def database(self) -> Database:
        """The database."""
        return self.visitors.state.database

    def may(self, role: Role) -> bool:
        """Whether the visitor's role is this one, or one that may more."""
        return self.caller.may(role)

    async def read(self, work: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
        """Return what a short read of the database returns."""
        return await in_turn(work, *args, **options)

    async def work(self, work: Callable[[], T]) -> T:
        """Return what something returns that takes longer: reading bars, an estimate, a funnel."""
        return await anyio.to_thread.run_sync(work)

    def every(self, seconds: float, look: Callable[[], Awaitable[None]]) -> None:
        """Look again and again, as long as the page is in front of somebody."""
        timer = ui.timer(seconds, look)

        def looked_at(event: GenericEventArguments) -> None:
            timer.active = bool(event.args)

        ui.on("looked_at", looked_at)

    def remember(self, page: str, **query: object) -> None:
        """Put what the visitor has chosen into the page's address, so that a reload shows the same."""
        where = f"{PAGES}{address(page, **query)}"
        ui.context.client.run_javascript(f"history.replaceState(history.state, '', {json.dumps(where)})")

    async def change(self, action: str, role: Role, work: Callable[[], T], target: str | None = None) -> T:
        """Change something in the visitor's name, and write into the audit log that it was done.

        Parameters
        ----------
        action : str
            What is done, as the audit log calls it: ``studio: cancel job``.
        role : Role
            The least that may do so.

        Raises
        ------
        GateError
            When the session is over, or the role a lesser one: a page may have been open for days.
        """
        found = await self.visitors.access.identify(dict(self.request.scope))
        if found.caller is None:
            raise GateError("the session is over: reload the page and sign in again")
        if not found.caller.may(role):
            raise GateError(f"this needs the role {role}, and {found.caller.name} has the role {found.caller.role}")
        outcome = "failed"
        try:
            done = await anyio.to_thread.run_sync(work)
            outcome = "done"
        except AssayError:
            outcome = "refused"
            raise
        finally:
            address = str(self.request.scope["state"].get(ADDRESS, ""))[:100]
            entry = AuditEntry(0, now_ms(), found.caller.name, action, target, address, outcome)
            await write_down(self.visitors.access.accounts.store, entry)
        return done


def say(error: AssayError) -> None:
    """Show a visitor what went wrong, and the way out."""
    ui.notify(
        as_page(str(error)), type="negative", position="top", timeout=8_000, close_button="Close", multi_line=True
    )
