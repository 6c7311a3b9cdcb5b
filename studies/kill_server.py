"""`assay` with shorter leases: the server and the workers that `studies.kill_service` kills.

A lease lasts ten seconds here and not a minute, and what goes with it is shorter in proportion. And a task is not given
up when three of its workers have died: here they are killed from outside, and the task has nothing to do with it.
"""

from __future__ import annotations

import sys

from assay.cli.process import run
from assay.service import housekeeping, leases, pulse, supervisor, worker
from assay.service.processes import python_command
from assay.store import queue, queue_terms, reaping

LEASE_S = 10.0


def shorten(lease_s: float = LEASE_S) -> None:
    """Set the lengths of this process, and of the workers that it starts."""
    share = 1000 * lease_s / queue_terms.LEASE_MS
    for module in (queue_terms, queue, leases):
        module.LEASE_MS = round(1000 * lease_s)  # type: ignore[attr-defined]
    for module in (queue_terms, reaping):
        module.MAX_ATTEMPTS = 10_000  # type: ignore[attr-defined]
    leases.GRACE_S *= share
    pulse.RENEW_S *= share
    pulse.TICK_S *= share
    housekeeping.EVERY_S *= share
    worker.AWAY_S *= share
    supervisor.MAX_WAIT_S *= share / 5  # between two starts of workers that are killed young
    supervisor.python_command = lambda _, *arguments: python_command(  # type: ignore[attr-defined]
        "studies.kill_server", str(lease_s), *arguments
    )


if __name__ == "__main__":
    shorten(float(sys.argv[1]))
    sys.exit(run(sys.argv[2:]))
