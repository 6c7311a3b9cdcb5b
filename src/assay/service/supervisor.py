"""`Supervisor`: worker processes beside a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.store import Database


class Supervisor:
    """Keeps worker processes running."""

    def __init__(self, database: Database, url: str, *, workers: int, options: Sequence[str] = ()) -> None:
        self.database, self.url, self.workers, self.options = database, url, workers, tuple(options)

    def start(self) -> None:
        """Start the workers."""

    def poll(self) -> int:
        """Start others in the place of dead ones."""
        return 0

    def stop(self, grace_s: float = 5.0) -> None:
        """End the workers; what they have begun is given back."""
