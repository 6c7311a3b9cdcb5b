"""`Supervisor`: worker processes beside a server."""

from __future__ import annotations


class Supervisor:
    """Starts workers and starts them again when they die."""

    def __init__(self, url: str, *, workers: int, memory: int | None = None, user: str = "local") -> None:
        self.url, self.workers = url, workers

    def start(self) -> None:
        """Start the workers."""

    def stop(self, grace_s: float) -> None:
        """Let workers end within so many seconds; what they have begun is given back."""

    @property
    def alive(self) -> int:
        """How many run."""
        return 0
