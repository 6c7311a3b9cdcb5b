"""What whoever is there does for all jobs now and then: each worker, and the server."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING

from assay.service.campaign import end_overdue
from assay.service.leases import SilentLeases, release_gone
from assay.store.events import EventStore
from assay.store.queue import TaskQueue
from assay.store.reaping import Reaper

if TYPE_CHECKING:
    from assay.store import Database

EVERY_S = 10.0


class Housekeeper:
    """Ends what nobody else would, frees leases that nobody renews, and prunes the events of jobs.

    Parameters
    ----------
    database : Database
    user : str, optional
        Who is written into the ledger; the user of this process where not given.
    """

    def __init__(self, database: Database, user: str | None = None) -> None:
        self._database, self._user = database, user or getpass.getuser()
        self._reaper, self._events = Reaper(database), EventStore(database)
        self._queue = TaskQueue(database)
        self._leases = SilentLeases(self._queue)
        self._jobs: set[str] = set()
        self._last = -EVERY_S

    def saw(self, job: str) -> None:
        """Remember a job whose events are to be pruned."""
        self._jobs.add(job)

    def step(self) -> None:
        """Do what is to be done, if the last time is long enough ago."""
        if time.monotonic() - self._last < EVERY_S:
            return
        self._last = time.monotonic()
        end_overdue(self._database, self._reaper, user=self._user)
        release_gone(self._queue)
        self._leases.watch()
        while self._jobs:
            self._events.prune(self._jobs.pop())
