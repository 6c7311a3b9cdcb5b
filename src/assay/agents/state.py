"""What all tools of a server share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context

from assay.service.estimate import Estimator
from assay.store import BarStore, Database, Registry
from assay.store.jobs import JobStore
from assay.store.ledger import Ledger


@dataclass(frozen=True, eq=False)
class AgentState:
    """What all tools of a server share.

    Attributes
    ----------
    database : Database
    user : str
        Who is written into jobs and the ledger.
    offline : bool
        Whether no exchange is asked for bars.
    strategies : Path or None
        Folder of users' strategies, which a training may name.
    """

    database: Database
    user: str
    offline: bool = False
    strategies: Path | None = None

    @cached_property
    def bars(self) -> BarStore:
        """The stored bars; those that were read lately are kept in memory."""
        return BarStore(self.database)

    @cached_property
    def estimator(self) -> Estimator:
        """Estimates of trainings; what they need of bars and ledger is kept between two of them."""
        return Estimator(self.database, self.bars)

    @cached_property
    def jobs(self) -> JobStore:
        """Trainings and their tasks."""
        return JobStore(self.database)

    @cached_property
    def registry(self) -> Registry:
        """What trainings found."""
        return Registry(self.database)

    @cached_property
    def ledger(self) -> Ledger:
        """What was tried on which days."""
        return Ledger(self.database)


Ctx = Context[AgentState, Any]
"""What a tool gets beside its arguments."""


def state_of(context: Ctx) -> AgentState:
    """Return the state of the server that a tool is called on."""
    state: AgentState = context.request_context.lifespan_context
    return state
