"""Worker processes: started, started anew in place of dead ones, and ended."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from assay.errors import StoreError
from assay.service.identity import last_words
from assay.service.memory import MemoryWatch
from assay.service.processes import module_path, python_command
from assay.store.queue import TaskQueue
from assay.store.workers import WorkerStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.store import Database

LOG = logging.getLogger("assay.worker")

SHORT_S = 10.0
"""A worker that lives no longer has not worked: the next one waits."""
MAX_WAIT_S = 30.0
WATCH_S = 1.0
"""Between two looks at the memory of the workers."""


@dataclass(eq=False)
class _Child:
    id: str
    process: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)
    words: str | None = None


class Supervisor:
    """Keeps worker processes running.

    Parameters
    ----------
    database : Database
    url : str
        Its address; workers get it through their environment, where nobody else reads a password.
    workers : int
        How many.
    job : str, optional
        Take tasks of this job alone; a worker that finds none left ends, and no other is started for it.
    memory : int, optional
        Bytes that each may use for itself.
    options : sequence of str
        Further ones of ``assay worker``.
    """

    def __init__(
        self,
        database: Database,
        url: str,
        *,
        workers: int,
        job: str | None = None,
        memory: int | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.queue, self.workers = TaskQueue(database), WorkerStore(database)
        self._url, self._number = url, workers
        self._options = (*options, *(() if memory is None else ("--memory", str(memory))))
        self._memory = None if memory is None else MemoryWatch(memory)
        self._which = ("--forever",) if job is None else ("--job", job)
        self._is_forever = job is None
        self._children: list[_Child] = []
        self._ended: list[tuple[str, int, str]] = []
        self._wait, self._not_before = 0.5, 0.0
        self._watched = -WATCH_S

    @property
    def alive(self) -> int:
        """How many workers run."""
        return sum(child.process.poll() is None for child in self._children)

    def start(self, number: int | None = None) -> None:
        """Start workers, as many as were asked for where no number is given."""
        for _ in range(self._number if number is None else number):
            self._children.append(self._start())

    def poll(self) -> int:
        """Look after the workers: release what dead ones held, and start others in their place.

        Returns
        -------
        int
            How many have died since the last call, without having said so.
        """
        died = 0
        self._watch()
        for child in [child for child in self._children if child.process.poll() is not None]:
            self._children.remove(child)
            code = child.process.returncode
            if code:
                died += 1
                LOG.warning("worker %s %s", child.id, last_words(code))
            if time.monotonic() - child.began < SHORT_S:
                self._not_before = time.monotonic() + self._wait
                self._wait = min(2.0 * self._wait, MAX_WAIT_S)
            else:
                self._wait = 0.5
            self._ended.append((child.id, code, child.words or last_words(code)))
        self._release()
        if self._is_forever and time.monotonic() >= self._not_before:
            self.start(self._number - len(self._children))
        return died

    def _watch(self) -> None:
        """End a worker that has outgrown its budget although the system should have held it."""
        if self._memory is None or time.monotonic() - self._watched < WATCH_S:  # it looks at every process there is
            return
        self._watched = time.monotonic()
        for child in self._children:
            if child.words is None and child.process.poll() is None:
                child.words = self._memory.end_if_over(child.process.pid)

    def _release(self) -> None:
        """Give back what ended workers held; what cannot be written now is written later."""
        while self._ended:
            worker, code, words = self._ended[-1]
            try:
                if code:
                    self.queue.release([worker], words)
                    self.workers.end(worker, words)
                else:
                    self.queue.give_back([worker])
            except StoreError as error:
                LOG.warning("%s", error)
                return
            self._ended.pop()

    def stop(self, grace_s: float = 5.0) -> None:
        """End the workers, by force where they take longer, and give back what they hold, uncounted."""
        children, self._children = self._children, []
        try:
            for child in children:
                child.process.terminate()
            until = time.monotonic() + grace_s
            for child in children:
                with suppress(subprocess.TimeoutExpired):
                    child.process.wait(timeout=max(until - time.monotonic(), 0.05))
        finally:  # a second Ctrl-C does not wait
            for child in children:
                if child.process.poll() is None:
                    child.process.kill()
                    child.process.wait()
            with suppress(StoreError):  # their leases will run out
                self.queue.give_back([child.id for child in children])

    def _start(self) -> _Child:
        """Start a worker, with one thread and the address where others cannot read a password of it."""
        one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        name = str(uuid4())
        options = (*self._which, "--id", name, "--parent", str(os.getpid()), *self._options, "--quiet")
        process = subprocess.Popen(  # noqa: S603  (the program's own command)
            python_command("assay", "worker", *options),
            env={**os.environ, **one, "ASSAY_DATABASE_URL": self._url, "PYTHONPATH": module_path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        return _Child(name, process)
