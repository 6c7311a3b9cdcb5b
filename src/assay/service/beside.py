"""What a server does beside answering: it looks after its workers, and after jobs that nobody else would end."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from assay.errors import AssayError

if TYPE_CHECKING:
    from assay.service.housekeeping import Housekeeper
    from assay.service.supervisor import Supervisor

LOG = logging.getLogger("assay.server")

POLL_S = 0.5


class WorkersBeside:
    """Keeps the workers of a supervisor running while the server does something else.

    Parameters
    ----------
    supervisor : Supervisor or None
        None where workers run elsewhere.
    housekeeper : Housekeeper, optional
    """

    def __init__(self, supervisor: Supervisor | None, housekeeper: Housekeeper | None = None) -> None:
        self._supervisor, self._housekeeper, self._over = supervisor, housekeeper, threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="assay-supervisor", daemon=True)

    def start(self) -> None:
        """Start the workers, and look after them from now on."""
        if self._supervisor is not None:
            self._supervisor.start()
        self._thread.start()

    def _look_after(self) -> None:
        while not self._over.wait(POLL_S):
            try:
                if self._supervisor is not None:
                    self._supervisor.poll()
                if self._housekeeper is not None:
                    self._housekeeper.step()
            except (AssayError, OSError) as error:  # no process can be started just now, say: the next look may
                LOG.warning("workers and jobs cannot be looked after: %s", error)

    def stop(self, grace_s: float) -> None:
        """End the workers: what they are at is given back where it takes longer."""
        self._over.set()
        self._thread.join()
        if self._supervisor is not None:
            self._supervisor.stop(grace_s)
