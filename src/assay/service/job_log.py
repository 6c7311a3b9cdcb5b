"""A reporter whose sentences go into a job's log, and whose progress into its events."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.service.pulse import TaskStopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.service.pulse import Pulse
    from assay.service.reporter import Advance
    from assay.store.events import EventStore
    from assay.store.tasks import Task


class JobLog:
    """Writes what a task reports into the log of its job.

    Parameters
    ----------
    events : EventStore
    task : Task
    pulse : Pulse
        Of the task.
    """

    def __init__(self, events: EventStore, task: Task, pulse: Pulse) -> None:
        self._events, self._task, self._pulse = events, task, pulse

    @contextmanager
    def progress(self, title: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Tell how far the work is; it ends where the task is to stop."""
        so_far = [done]

        def advance(more: int) -> None:
            so_far[0] += more
            self._pulse.at(title, so_far[0], total)

        yield advance

    @contextmanager
    def working(self, title: str) -> Iterator[None]:
        """Tell what is done."""
        if self._pulse.is_stopped:
            raise TaskStopped
        self._pulse.at(title, 0, 0)
        yield

    def note(self, sentence: str) -> None:
        """Write a line into the log."""
        self._events.log(self._task.job, sentence, task=self._task.number)

    def warn(self, sentence: str) -> None:
        """Write a warning into the log."""
        self._events.log(self._task.job, sentence, level="warning", task=self._task.number)
