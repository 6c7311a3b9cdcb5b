"""A Dask cluster as executor (extra `distributed`): it carries numbers of tasks, and replies of one line.

Every worker of the cluster is given one task at a time, by its address, and no task is given by Dask to another worker:
a task that kills its process would be carried from one to the next. When a worker is gone its task is free once its
lease is over, and is given to another; on the third death the queue gives it up.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assay.errors import AssayError, GateError, InputError
from assay.service.cluster_task import code_name, run_task
from assay.service.executors import Outcome, Reply, open_tasks, require_server
from assay.service.housekeeping import Housekeeper
from assay.service.leases import GRACE_S
from assay.service.versions import CODE_VERSION, may_run
from assay.store.jobs import JobStore
from assay.store.queue_terms import LEASE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.service.reporter import Advance, Reporter
    from assay.store import Database
    from assay.store.jobs import JobState

try:
    distributed: Any = import_module("distributed")  # as a value of any type: its functions have none
except ImportError as missing:
    needs, hint = "needs the package distributed", 'pip install "assay[distributed]"'
    raise InputError("--executor dask", needs, hint=hint) from missing

CONNECT_S = 10.0
POLL_S = 0.5
MAX_TROUBLE = 3
"""Times in a row that a worker may be in trouble before it is given nothing more."""


@dataclass(frozen=True)
class DaskExecutor:
    """Runs a job on the cluster of a scheduler.

    Attributes
    ----------
    address : str
        ``tcp://host:port`` or ``tls://host:port``.
    task : callable
        What the workers do with (job, number, code).
    poll_s : float
        How often the database and the scheduler are asked.
    """

    address: str
    task: Callable[[str, int, str], Reply] = run_task
    poll_s: float = POLL_S

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(tcp|tls)://[^\s/@]+:\d{1,5}", self.address):
            raise InputError("--address", "must be tcp://host:port or tls://host:port of a scheduler", self.address)

    def run(self, reporter: Reporter, database: Database, job: str, *, user: str) -> JobState:
        """Run what is left of a job; interrupted, what is being done on the cluster is done to its end.

        Raises
        ------
        InputError
            When the database is a file, or no scheduler answers.
        GateError
            When newer code has made the job.
        AssayError
            When the scheduler is lost, or every worker refuses.
        """
        require_server(database)
        state = JobStore(database).state(job)
        if not may_run(state.made_by):
            raise GateError(f"job {job} was made by {state.made_by}, which is newer than {CODE_VERSION}: update Assay")
        with (
            _connected(self.address) as client,
            reporter.progress("training", state.total, state.over) as advance,
            _Dispatch(self, client, reporter, database, job, user).cancelling() as dispatch,
        ):
            try:
                return dispatch.run(state, advance)
            except (OSError, TimeoutError) as error:
                raise AssayError(
                    f"the Dask scheduler {self.address} is lost ({type(error).__name__}): what is done stays, "
                    "`assay train --resume` goes on"
                ) from None


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False, name="assay")
    except (OSError, TimeoutError):
        raise InputError("--address", "no Dask scheduler answers there", address, "dask scheduler starts one") from None
    try:
        yield client
    finally:
        client.close()


@dataclass(frozen=True)
class _Given:
    """A task that a worker was given."""

    number: int
    future: Any
    at_s: float


@dataclass
class _Dispatch:
    """Which worker was given which task."""

    executor: DaskExecutor
    client: Any
    reporter: Reporter
    database: Database
    job: str
    user: str
    given: dict[str, _Given] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    trouble: dict[str, int] = field(default_factory=dict)
    heard: threading.Event = field(default_factory=threading.Event)
    waits: bool = False

    def run(self, state: JobState, advance: Advance) -> JobState:
        jobs, housekeeper = JobStore(self.database), Housekeeper(self.database, self.user)
        housekeeper.saw(self.job)
        while state.over < state.total and state.is_active:
            housekeeper.step()
            workers = self._workers()
            self._collect(workers)
            self._give([one for one in workers if one not in self.refused and one not in self.given])
            self._wait()
            before, state = state.over, jobs.state(self.job)
            advance(max(state.over - before, 0))
        return state

    @contextmanager
    def cancelling(self) -> Iterator[_Dispatch]:
        """Take back in the end what no worker has begun."""
        try:
            yield self
        finally:
            with suppress(OSError, TimeoutError):
                self.client.cancel([one.future for one in self.given.values()])

    def _workers(self) -> set[str]:
        """Return the addresses of the cluster's workers; those with several threads are given nothing."""
        found = self.client.scheduler_info(n_workers=-1)["workers"]
        for address, facts in found.items():
            if facts["nthreads"] != 1 and address not in self.refused:
                self._refuse(address, f"it has {facts['nthreads']} threads: start it with --nthreads 1")
        if not found and not self.waits:
            self.reporter.note(f"{self.executor.address} has no workers yet: waiting for one")
        self.waits = not found
        if found and all(address in self.refused for address in found):
            reasons = "; ".join(sorted({self.refused[address] for address in found}))
            raise AssayError(f"no worker of {self.executor.address} can be used: {reasons}")
        return set(found)

    def _collect(self, workers: set[str]) -> None:
        """Hear what became of tasks; forget those of workers that are gone, whose leases end by themselves."""
        for address, one in list(self.given.items()):
            if one.future.done():
                self._heed(address, _reply(one.future))
            elif address not in workers:
                one.future.cancel()
                self.reporter.note(
                    f"worker {address} is gone: task {one.number + 1} is begun again when its lease is over"
                )
            else:
                continue
            del self.given[address]

    def _heed(self, address: str, reply: Reply) -> None:
        if reply.outcome == Outcome.REFUSED:
            self._refuse(address, reply.reason)
        elif reply.outcome == Outcome.TROUBLE:
            self.trouble[address] = self.trouble.get(address, 0) + 1
            if self.trouble[address] >= MAX_TROUBLE:
                self._refuse(address, reply.reason)
        else:
            self.trouble.pop(address, None)

    def _refuse(self, address: str, reason: str) -> None:
        self.refused[address] = reason
        self.reporter.note(f"worker {address} is given nothing: {reason}")

    def _give(self, idle: list[str]) -> None:
        """Give every idle worker a task that no other has been given."""
        if not idle:
            return
        now = time.monotonic()
        kept = {one.number for one in self.given.values() if now - one.at_s < LEASE_MS / 1000 + GRACE_S}
        numbers = [n for n in open_tasks(self.database, self.job, len(idle) + len(kept)) if n not in kept]
        for address, number in zip(sorted(idle), numbers, strict=False):
            key = f"assay-{self.job}-{number}-{uuid4().hex[:8]}"
            future = self.client.submit(
                self.executor.task, self.job, number, code_name(), key=key, workers=[address], pure=False
            )
            future.add_done_callback(lambda _: self.heard.set())
            self.given[address] = _Given(number, future, now)

    def _wait(self) -> None:
        """Wait until a worker says something, or it is time to ask the database and the scheduler again."""
        self.heard.wait(self.executor.poll_s)
        self.heard.clear()


def _reply(future: Any) -> Reply:
    """Return what a worker said of its task; what Dask says in its place where it could not be begun or ended."""
    if future.status == "finished":
        found = future.result()
        return found if isinstance(found, Reply) else Reply(Outcome.REFUSED, "it gave no reply of Assay's")
    if future.status in ("cancelled", "lost"):
        return Reply(Outcome.TAKEN)
    error = future.exception()
    if isinstance(error, ImportError):
        return Reply(Outcome.REFUSED, "Assay is not installed there")
    return Reply(Outcome.TROUBLE, f"Dask could not run the task there ({type(error).__name__})")
