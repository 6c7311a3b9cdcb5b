"""What a worker does beside a task: it keeps the lease, says how far it is, and hears when it is to stop."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from assay.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from assay.store.queue import TaskQueue
    from assay.store.tasks import Task
    from assay.store.workers import WorkerStore
    from assay.training import Progress

LOG = logging.getLogger("assay.worker")

TICK_S = 0.5
ASK_S = 1.0
"""Between two questions whether the task is to go on."""
SAY_S = 1.0
"""Between two reports how far the task is."""
RENEW_S = 10.0
BEAT_S = 5.0
STOP_S = 10.0
"""A strategy that does not come back for so long after it was to stop is ended with its process."""

STOPPED = 75
"""Exit code of a worker that ended itself for that reason: try again."""


class TaskStopped(BaseException):
    """The task is to stop: its job was cancelled or is out of time, or the lease is lost.

    No `Exception`: a strategy that catches those must not catch this one.
    """


class Pulse:
    """Keeps a lease while a task runs, as a context manager.

    Called with `Progress` it remembers how far the task is, and raises `TaskStopped` where it is to stop.

    Parameters
    ----------
    queue : TaskQueue
    workers : WorkerStore
    worker : str
    task : Task
    should_stop : callable
        Whether the worker itself is to stop now.
    exit_process : callable
        Ends a process whose strategy does not come back.
    """

    def __init__(
        self,
        queue: TaskQueue,
        workers: WorkerStore,
        worker: str,
        task: Task,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        exit_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._queue, self._workers, self._worker, self._task = queue, workers, worker, task
        self._should_stop, self._exit = should_stop, exit_process
        self._over, self._stop = threading.Event(), threading.Event()
        self._latest: dict[str, Any] | None = None
        self._stage, self._stage_began = "", 0.0
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def is_stopped(self) -> bool:
        """Whether the task is to stop."""
        return self._stop.is_set()

    def __call__(self, progress: Progress) -> bool:
        """Remember how far the task is.

        Raises
        ------
        TaskStopped
        """
        self.at(progress.stage, progress.done, progress.total, progress.note)
        return False

    def at(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Remember how far the task is.

        Raises
        ------
        TaskStopped
        """
        if self.is_stopped:
            raise TaskStopped
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._stage_began = stage, now
        seconds = now - self._stage_began
        rate = done / seconds if done and seconds > 0 else None
        eta = (total - done) / rate if rate else None
        self._latest = {
            "stage": stage, "done": done, "total": total, "rate": rate, "eta_s": eta, "note": note or None
        }  # fmt: skip

    def _beat(self) -> None:
        told: dict[str, Any] | None = None
        asked = renewed = time.monotonic()
        beaten, said, stopped = -BEAT_S, -SAY_S, None
        while not self._over.wait(TICK_S):
            now = time.monotonic()
            try:
                if now - beaten >= BEAT_S:
                    self._workers.beat(self._worker, job=self._task.job, task=self._task.number)
                    beaten = now
                if now - renewed >= RENEW_S:
                    self._heed(self._queue.renew(self._task))
                    renewed = asked = now
                elif now - asked >= ASK_S:
                    self._heed(self._queue.goes_on(self._task))
                    asked = now
                if (latest := self._latest) is not None and latest is not told and now - said >= SAY_S:
                    self._queue.progress(self._task, latest)
                    told, said = latest, now
            except StoreError as error:  # the work goes on: the database may be back before the lease is over
                LOG.warning("%s", error)
            if self._should_stop():
                self._stop.set()
            if self.is_stopped:
                stopped = now if stopped is None else stopped
                if now - stopped > STOP_S and not self._over.is_set():
                    self._abandon()

    def _heed(self, goes_on: bool) -> None:  # noqa: FBT001
        if not goes_on:
            self._stop.set()

    def _abandon(self) -> None:
        """Give the task back and end the process: the strategy does not come back."""
        try:
            self._queue.leave(self._task)
        except StoreError as error:
            LOG.warning("%s", error)
        self._exit(STOPPED)
