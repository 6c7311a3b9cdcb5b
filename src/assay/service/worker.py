"""A worker: takes tasks of a job one after the other until there is none left."""

from __future__ import annotations

import os
import platform
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.documents import TrainedDocument
from assay.documents.explained import why_not_promoted
from assay.errors import AssayError, Interrupted, StoreError, described
from assay.service.campaign import LedgerCampaign, complete_for_promoted, withdraw
from assay.service.reporter import Silent
from assay.service.tasks import TrainingTask, run_task
from assay.service.training import describe_training, save_trained
from assay.store import BarStore, Database
from assay.store.database import now_ms
from assay.store.jobs import JobStore
from assay.strategies.faults import fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa

    from assay.service.training import Trained
    from assay.store.jobs import Task
    from assay.training import Progress

RENEW_S = 10.0
WATCH_S = 1.0


def owner_name(pid: int | None = None) -> str:
    """Name a process of this machine."""
    return f"{platform.node()}:{pid or os.getpid()}"


def is_gone(owner: str) -> bool:
    """Whether the owner of a lease was a process of this machine that runs no more."""
    node, _, pid = owner.rpartition(":")
    if node != platform.node() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class Worker:
    """Runs the tasks of a job.

    Parameters
    ----------
    database : Database
    job : str
    user : str
    parent : int or None
        Process to end with: a command that is killed leaves no worker behind.
    """

    def __init__(self, database: Database, job: str, *, user: str, parent: int | None = None) -> None:
        self.bars = BarStore(database)
        self.jobs = JobStore(database)
        self.job, self.user, self.parent = job, user, parent
        self.owner = owner_name()
        state = self.jobs.state(job)
        self.created_ms = state.created_ms
        self.stop_ms: int | None = state.config.get("stop_ms")

    @property
    def out_of_time(self) -> bool:
        """Whether the job's longest run time is over."""
        return self.stop_ms is not None and now_ms() >= self.stop_ms

    @property
    def _is_orphan(self) -> bool:
        """Whether the command that started this worker has ended."""
        return self.parent is not None and os.getppid() != self.parent

    def run(self) -> int:
        """Work until no task is left or the time is over; return how many were done.

        Interrupted, it gives its task back as if it had not been begun.
        """
        done = 0
        while (
            not (self.out_of_time or self._is_orphan)
            and (task := self.jobs.claim(self.job, self.owner, now_ms())) is not None
        ):
            try:
                with self._kept(task):
                    self._work(task)
            except KeyboardInterrupt:
                self.jobs.give_back(self.job, [self.owner])
                raise
            done += 1
        return done

    def _work(self, task: Task) -> None:
        one = TrainingTask.from_spec(task.spec)
        try:
            evidence = run_task(one, self.bars, self._progress(), campaign=self._campaign(one))
        except StoreError:
            raise  # the database is away: the task is another's once the lease is over
        except AssayError as error:
            self.jobs.fail(task, str(error), now_ms())
            self._withdraw(one)
            return
        except BaseException as error:
            known = fault(error)
            if isinstance(error, Interrupted) or (isinstance(error, KeyboardInterrupt) and known is None):
                raise
            # a user's strategy may raise anything: the others go on
            self.jobs.fail(task, str(known or f"{task.spec['strategy']} raised {described(error)}"), now_ms())
            return
        created = datetime.fromtimestamp(self.created_ms / 1000, UTC)  # the job's: the same bytes however often it runs
        trained = describe_training(evidence, created, self.bars)
        self.jobs.complete(task, summary(trained), now_ms(), self._effects(trained))
        complete_for_promoted(self.bars.database, evidence, Silent())

    def _withdraw(self, task: TrainingTask) -> None:
        """Say that a task was refused before it told anybody anything: it is no try."""
        withdraw(self.bars.database, [task.digest], user=self.user)

    def _campaign(self, task: TrainingTask) -> LedgerCampaign:
        """Return the campaign of a task: the ledger as it was when the job was made, and the job's own tasks.

        It is the same for any number of workers: what another task has not computed yet is computed here.
        """
        return LedgerCampaign(self.bars.database, task.others, Silent(), tasks=self._tasks if task.others else {})

    @cached_property
    def _tasks(self) -> dict[str, TrainingTask]:
        """All tasks of the job by the digest of their experiment."""
        tasks = [TrainingTask.from_spec(row["spec"]) for row in self.jobs.tasks(self.job)]
        return {task.digest: task for task in tasks}

    def _progress(self) -> Callable[[Progress], bool]:
        return lambda _: self.out_of_time

    def _effects(self, trained: Trained) -> Callable[[sa.Connection], object]:
        """Return what is written together with the result, or not at all: configuration, trials, openings."""
        return lambda c: save_trained(
            c, trained, created_ms=self.created_ms, at_ms=now_ms(), user=self.user, job_id=self.job
        )

    @contextmanager
    def _kept(self, task: Task) -> Iterator[None]:
        """Renew the lease while the task runs."""
        over = threading.Event()

        def renew() -> None:
            renewed = time.monotonic()
            while not over.wait(WATCH_S):
                if self._is_orphan:
                    os._exit(1)  # nobody waits for this any more
                if time.monotonic() - renewed > RENEW_S:
                    self.jobs.renew(task, now_ms())
                    renewed = time.monotonic()

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def summary(trained: Trained) -> dict[str, Any]:
    """Return what a job's table shows of a task."""
    evidence, found, inside = trained.evidence, TrainedDocument(trained.document), trained.ambiguity
    metrics = found.measures
    return {
        "config_id": found.config_id,
        "stage": evidence.stage,
        "net_profit": metrics.get("net_profit"),
        "sharpe_ratio": metrics.get("sharpe_ratio"),
        "in_sample_sharpe_ratio": found.validation.in_sample.get("sharpe_ratio"),
        "total_trades": metrics.get("total_trades"),
        "p_value": metrics.get("p_value"),
        "p_adjusted": None if found.evidence.campaign is None else found.evidence.campaign.p_adjusted,
        "why_not_promoted": why_not_promoted(found),
        "experiment_digest": evidence.provenance.experiment_digest,
        "ambiguity": None if inside is None else inside.as_dict(),
    }
