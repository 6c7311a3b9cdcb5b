"""Tasks that another command's worker has taken: they are waited for, and begun again when it is gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from assay.service.times import iso_time
from assay.store.database import now_ms
from assay.store.jobs import LEASE_MS
from assay.store.schema import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.service.reporter import Reporter
    from assay.store.jobs import JobStore

GRACE_S = 5.0
"""Beyond a lease's own length, before an owner that says nothing is believed to be gone."""


class ForeignLeases:
    """Watches leases of others while nothing else is left to do.

    A lease ends at a moment of its owner's clock, which may be far ahead of this one's: an owner that does not renew it
    for as long as a lease lasts is gone, whatever moment it wrote.

    Parameters
    ----------
    jobs : JobStore
    job : str
    reporter : Reporter
    clock : callable
        Seconds that only go forward.
    """

    def __init__(
        self, jobs: JobStore, job: str, reporter: Reporter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._jobs, self._job, self._reporter, self._clock = jobs, job, reporter, clock
        self._seen: dict[tuple[int, int], tuple[int | None, float]] = {}

    def watch(self) -> None:
        """Say once of each lease that it is waited for; release those that were not renewed for too long."""
        now = self._clock()
        for task in self._jobs.tasks(self._job):
            if task["status"] != JobStatus.RUNNING:
                continue
            key, ends = (task["number"], task["lease_token"]), task["lease_expires_at"]
            if key not in self._seen:
                self._reporter.note(_sentence(task, now_ms()))
            if key not in self._seen or self._seen[key][0] != ends:
                self._seen[key] = ends, now
            elif now - self._seen[key][1] > LEASE_MS / 1000 + GRACE_S:
                self._jobs.release(self._job, [task["lease_owner"]])


def _sentence(task: dict[str, Any], now_ms: int) -> str:
    spec, latest = task["spec"], now_ms + LEASE_MS + round(1000 * GRACE_S)
    ends = min(task["lease_expires_at"] or latest, latest)
    name = f"{spec['exchange']} {spec['symbol']} {spec['timeframe']} {spec['strategy']}"
    return f"{name} is being trained by {task['lease_owner']}: waiting until {iso_time(ends)}, longer while it goes on"
