"""A worker: takes tasks one after the other, of one job until none is left, or of all jobs for ever."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assay.documents import TrainedDocument
from assay.documents.explained import why_not_promoted
from assay.errors import AssayError, ConflictError, Interrupted, StoreError, UnstorableError, described
from assay.service.campaign import LedgerCampaign, complete_for_promoted, withdraw
from assay.service.collector import BarCollector
from assay.service.estimate_learning import learn_from
from assay.service.housekeeping import Housekeeper
from assay.service.identity import host_name
from assay.service.job_log import JobLog
from assay.service.logs import log_context
from assay.service.memory import is_out_of_memory, over_budget
from assay.service.pulse import Pulse, TaskStopped
from assay.service.reporter import Silent
from assay.service.submission import prepared
from assay.service.tasks import PrepareTask, TrainingTask, run_task, trainings_of
from assay.service.training import describe_training, save_trained
from assay.service.training_cost import StageClock
from assay.service.versions import CODE_VERSION, may_run
from assay.store import BarStore, Database
from assay.store.database import now_ms
from assay.store.events import EventStore
from assay.store.jobs import JobStore
from assay.store.queue import TaskQueue
from assay.store.workers import WorkerRow, WorkerStore
from assay.strategies.faults import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from assay.service.training import Trained
    from assay.store.tasks import Task

LOG = logging.getLogger("assay.worker")

WATCH_S = 1.0
POLL_S = 1.0
"""Between two questions for work, where there was none."""
STEP_S = 0.1
"""A worker that waits looks so often whether it is to end."""
SAY_S = 5.0
"""Between two signs of life of a worker that waits."""
AWAY_S = 5.0
"""Between two tries to reach a database that is away."""
NAMES = 60
"""Seconds that are tried for the name of a configuration, where others of the same experiment have the first ones."""
OLDER = "older than the jobs that wait: it takes none of them; update it"


class Worker:
    """Runs tasks.

    Parameters
    ----------
    database : Database
    job : str or None
        Take tasks of this job alone, and end when none is left; those of all jobs, for ever, where not given.
    user : str or None
        Who is written into the ledger; whose job it is where not given.
    id : str or None
        Of this start of the worker.
    memory_limit : int or None
        Bytes that the process may use, as it is shown to others.
    """

    def __init__(
        self,
        database: Database,
        job: str | None = None,
        *,
        user: str | None = None,
        id: str | None = None,  # noqa: A002  (what the database calls it)
        memory_limit: int | None = None,
    ) -> None:
        self.id = id or str(uuid4())
        self.job, self.user = job, user
        self.bars, self.jobs, self.queue = BarStore(database), JobStore(database), TaskQueue(database)
        self.events = EventStore(database)
        self.workers, self._housekeeper = WorkerStore(database), Housekeeper(database, user)
        self.memory_limit = memory_limit
        self._drained = False
        self._refused: str | None = None
        self._said = -SAY_S
        self._tasks_of = lru_cache(maxsize=4)(self._tasks)

    def drain(self) -> None:
        """Let the worker end after the task that it works on; may be called where a signal is handled."""
        self._drained = True

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._drained and time.monotonic() < until:
            time.sleep(min(seconds, STEP_S))

    def run(self) -> int:
        """Work until there is nothing left to do, or for ever; return how many tasks were done.

        Interrupted, it gives its task back as if it had not been begun.
        """
        self._announce()
        if self.job is None:
            LOG.info("waits for tasks")
        done = 0
        try:
            while not self._drained:
                try:
                    worked = self._step()
                except StoreError as error:
                    if self.job is not None:
                        raise
                    LOG.warning("%s", error)
                    self._pause(AWAY_S)
                    continue
                done += worked
                if not worked and self.job is not None:
                    break
                if not worked:
                    self._pause(POLL_S)
        except KeyboardInterrupt:
            self.queue.give_back([self.id])
            raise
        finally:
            self._end()
        return done

    def _announce(self) -> None:
        row = WorkerRow(
            id=self.id, host=host_name(), process=os.getpid(), version=CODE_VERSION, memory_limit=self.memory_limit
        )
        self.workers.announce(row)

    def _end(self) -> None:
        try:
            self.workers.end(self.id)
        except StoreError as error:  # it says nothing any more, and is taken to be gone
            LOG.warning("%s", error)

    def _step(self) -> int:
        """Do one task, if there is one; return how many were done."""
        now = time.monotonic()
        self._housekeeper.step()
        self._refused = None
        task = self.queue.claim(self.id, job=self.job, may_run=self._may_run)
        if task is None:
            if now - self._said >= SAY_S:
                self.workers.beat(self.id, note=self._refused)
                self._said = now
            return 0
        self._housekeeper.saw(task.job)
        self.work(task)
        return 1

    def _refused_by_database(self, task: Task, why: str) -> None:
        """End a task whose result is refused a second time: to do it again would end the same way, for ever."""
        if task.attempts == 1:
            LOG.warning("%s", why)
            self.queue.release([self.id], why)
        else:
            self._fail(task, why)

    def _fail(self, task: Task, why: str) -> None:
        """End a task that cannot be done: its owner reads why in the job, the operator in the log."""
        LOG.warning("failed: %s", why)
        self.queue.fail(task, why)

    def _may_run(self, made_by: str | None) -> bool:
        if may_run(made_by):
            return True
        self._refused = f"{OLDER} ({CODE_VERSION}, the job {made_by})"
        LOG.warning("this worker is %s", self._refused)
        return False

    def work(self, task: Task) -> None:
        """Do a task that was claimed, and write its result."""
        with log_context(job=task.job, task=task.number):
            LOG.info("begins")
            try:
                if PrepareTask.is_one(task.spec):
                    self._prepare(task)
                else:
                    self._train(task)
            except UnstorableError as error:
                self._refused_by_database(task, str(error))

    def _train(self, task: Task) -> None:
        """Do a training, and what follows from it for others."""
        one = TrainingTask.from_spec(task.spec)
        try:
            with Pulse(self.queue, self.workers, self.id, task) as pulse:
                clock = StageClock(pulse)
                trained = self._trained(task, one, pulse, clock)
                if trained is None or not self._is_saved(task, one, trained):
                    return
        except TaskStopped:
            LOG.info("stopped")
            self.queue.leave(task)
            return
        LOG.info("done")
        try:
            complete_for_promoted(self.bars.database, trained.evidence, Silent())
            learn_from(self.bars.database, trained.evidence, clock.seconds)
        except Exception as error:  # noqa: BLE001  (a user's strategy may raise anything; the result is written)
            LOG.warning("what follows from the training could not be done: %s", described(error))

    def _prepare(self, task: Task) -> None:
        """Make the trainings of a job: they are further tasks of it."""
        one, user, database = PrepareTask.from_spec(task.spec), self.user or task.user, self.bars.database
        with Pulse(self.queue, self.workers, self.id, task) as pulse:
            reporter = JobLog(self.events, task, pulse)
            try:
                with BarCollector(database=database, reporter=reporter) if one.fetch else nullcontext() as collector:
                    made = prepared(reporter, database, one, collector, field="pairs")
            except StoreError:
                raise
            except TaskStopped:
                self.queue.leave(task)
            except AssayError as error:
                self._fail(task, str(error))
            else:
                left = {"left": [asdict(market) for market in made.left]}
                if not self.queue.expand(task, partial(made.begin, user=user), left):
                    self.queue.leave(task)
                LOG.info("done")

    def _trained(self, task: Task, one: TrainingTask, pulse: Pulse, clock: StageClock) -> Trained | None:
        """Train; None where that failed, which is written then."""
        try:
            reporter = JobLog(self.events, task, pulse)
            evidence = run_task(one, self.bars, clock, campaign=self._campaign(task, one, reporter), reporter=reporter)
            return describe_training(evidence, _created(task), self.bars)
        except StoreError:
            raise  # the database is away: the task is another's once the lease is over
        except AssayError as error:
            self._fail(task, str(error))
            self._withdraw(task, one)
        except TaskStopped:
            raise
        except BaseException as error:
            known = fault(error)
            if isinstance(error, Interrupted) or (isinstance(error, KeyboardInterrupt) and known is None):
                raise
            if is_out_of_memory(error):
                self._fail(task, f"the task {over_budget(self.memory_limit)}")
                return None
            # a user's strategy may raise anything: the others go on
            self._fail(task, str(known or f"{task.spec['strategy']} raised {described(error)}"))
        return None

    def _is_saved(self, task: Task, one: TrainingTask, trained: Trained) -> bool:
        """Write a result; return whether it was stored, and say why not in the place of it."""
        seconds = 0
        while True:
            try:
                self.queue.complete(task, summary(trained), self._effects(task, trained))
            except StoreError:
                raise
            except AssayError as error:
                seconds += 1
                if isinstance(error, ConflictError) and seconds < NAMES:
                    # another job of this second trained the same when other things had been tried before
                    trained = describe_training(trained.evidence, _created(task, seconds), self.bars)
                    continue
                self._fail(task, str(error))
                self._withdraw(task, one)
                return False
            return True

    def _withdraw(self, task: Task, one: TrainingTask) -> None:
        """Say that a task was refused before it told anybody anything: it is no try."""
        withdraw(self.bars.database, [one.digest], user=self.user or task.user)

    def _campaign(self, task: Task, one: TrainingTask, reporter: JobLog) -> LedgerCampaign:
        """Return the campaign of a task: the ledger as it was when the job was made, and the job's own tasks.

        It is the same for any number of workers: what another task has not computed yet is computed here.
        """
        tasks = self._tasks_of(task.job) if one.others else {}
        return LedgerCampaign(self.bars.database, one.others, reporter, tasks=tasks)

    def _tasks(self, job: str) -> dict[str, TrainingTask]:
        """Return all tasks of a job by the digest of their experiment."""
        tasks = [TrainingTask.from_spec(row["spec"]) for row in trainings_of(self.jobs.tasks(job))]
        return {task.digest: task for task in tasks}

    def _effects(self, task: Task, trained: Trained) -> Callable[[sa.Connection], object]:
        """Return what is written together with the result, or not at all: configuration, trials, openings."""
        user = self.user or task.user
        return lambda c: save_trained(
            c, trained, created_ms=task.created_ms, at_ms=now_ms(), user=user, job_id=task.job
        )


def _created(task: Task, seconds: int = 0) -> datetime:
    """Return when a task's document was made: with its job, so that it has the same bytes whenever it is computed."""
    return datetime.fromtimestamp(task.created_ms / 1000 + seconds, UTC)


def end_with(parent: int) -> None:
    """End this process when the one that started it has ended: a command that is killed leaves no worker behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)  # nobody waits for this any more

    threading.Thread(target=watch, name="parent", daemon=True).start()


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
