"""Leases that are not renewed: whatever the clocks say, their tasks are taken over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from assay.service.identity import is_gone, is_gone_of_before
from assay.service.times import iso_time
from assay.store.queue_terms import LEASE_MS
from assay.store.workers import WorkerStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.service.reporter import Reporter
    from assay.store.queue import TaskQueue
    from assay.store.tasks import Lease

GRACE_S = 5.0
"""Beyond a lease's own length, before an owner that says nothing is believed to be gone."""


class SilentLeases:
    """Watches leases, and frees those that nobody renews.

    A lease ends at a moment of a clock, and clocks jump: an owner that does not renew it for as long as a lease lasts,
    by a clock that only goes forward, is gone, whatever moment was written.

    Parameters
    ----------
    queue : TaskQueue
    clock : callable
        Seconds that only go forward.
    job : str, optional
        Watch the leases of this job alone.
    on_new : callable, optional
        Called with each lease when it is first seen.
    """

    def __init__(
        self,
        queue: TaskQueue,
        clock: Callable[[], float] = time.monotonic,
        *,
        job: str | None = None,
        on_new: Callable[[Lease], object] = lambda _: None,
    ) -> None:
        self._queue, self._clock, self._job, self._on_new = queue, clock, job, on_new
        self._seen: dict[tuple[str, int, int], tuple[int, float]] = {}

    def watch(self) -> int:
        """Look at every lease once; return how many were freed."""
        now, freed = self._clock(), 0
        leases = {(one.job, one.number, one.token): one for one in self._queue.leases(self._job)}
        self._seen = {key: seen for key, seen in self._seen.items() if key in leases}
        for key, lease in leases.items():
            if key not in self._seen:
                self._on_new(lease)
            if key not in self._seen or self._seen[key][0] != lease.expires_ms:
                self._seen[key] = lease.expires_ms, now
            elif now - self._seen[key][1] > LEASE_MS / 1000 + GRACE_S:
                freed += self._queue.release_lease(lease)
        return freed


def release_gone(queue: TaskQueue, *, job: str | None = None) -> int:
    """Give back what processes of this machine held that run no more; return how many tasks.

    Nobody else waits for the end of such a lease: a server that was killed is begun again, and goes on at once.
    """
    owners = sorted({lease.owner for lease in queue.leases(job)})
    known = WorkerStore(queue.database).of(owners)
    gone = [name for name, worker in known.items() if is_gone(worker)]
    gone += [name for name in owners if name not in known and is_gone_of_before(name)]
    return queue.release(gone, job=job) if gone else 0


def said_of(reporter: Reporter, describe: Callable[[Lease], str], now_ms: Callable[[], int]) -> Callable[[Lease], None]:
    """Return what says of a lease of somebody else that it is waited for."""

    def say(lease: Lease) -> None:
        latest = now_ms() + LEASE_MS + round(1000 * GRACE_S)
        until = iso_time(min(lease.expires_ms, latest))
        reporter.note(f"{describe(lease)}: waiting until {until}, longer while it goes on")

    return say
