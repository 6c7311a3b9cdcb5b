"""What else was tried on the same days: asked of the ledger, and completed where the bars are at hand."""

from __future__ import annotations

import getpass
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from assay.errors import AssayError, StoreError
from assay.market.resampling import resample
from assay.service.ledger import declaration_of, trial_entry
from assay.service.tasks import TrainingTask, trainings_of
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, campaigns
from assay.store.chain import identity
from assay.store.database import now_ms
from assay.store.jobs import JobStore
from assay.store.schema import DeclarationKind
from assay.training import Experiment, null_statistics
from assay.training.experiment import THINNED_GRID
from assay.validation import Campaign, Stage, TriedExperiment, settle_campaign

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import sqlalchemy as sa

    from assay.market import Bars
    from assay.service.reporter import Advance, Reporter
    from assay.store import Database
    from assay.store.campaigns import Declaration, Repeatable
    from assay.store.reaping import Reaper
    from assay.training import Evidence

TITLE = "repeating what else was tried on these days"
TITLE_OWN = "repeating this search for those that were promoted on these days"


def begin_campaign(database: Database, experiment: Experiment, bars: Bars, *, user: str | None = None) -> list[str]:
    """Declare an experiment as started and return the digests of all others on the same days, in one transaction.

    Who runs an experiment sees what it finds, whether it is ever stored or not: from here on it counts as a try.
    """
    entry = declaration_of(experiment, bars, DeclarationKind.STARTED)
    (others,) = begin_job(database, [entry], user=user or getpass.getuser())
    return others


def begin_job(database: Database, entries: Sequence[Declaration | None], *, user: str) -> list[list[str]]:
    """Declare the experiments of a job, in one transaction, and return the campaign of each (`Beginning.begin`)."""
    beginning = Beginning.of(database, entries)
    return database.write(lambda c: beginning.begin(c, user=user))


@dataclass(frozen=True)
class Beginning:
    """Experiments that begin together, compared with those of the ledger before it is written to.

    Attributes
    ----------
    entries : sequence of Declaration or None
        None for an experiment that cannot be run.
    same : SameDays
        What was compared.
    """

    entries: Sequence[Declaration | None]
    same: campaigns.SameDays

    @classmethod
    def of(cls, database: Database, entries: Sequence[Declaration | None]) -> Beginning:
        """Compare experiments with one another and with those of the ledger."""
        same, own = campaigns.SameDays(), [entry for entry in entries if entry is not None]
        database.read(lambda c: campaigns.members_of_all(c, [one.days for one in own], same, own))
        return cls(entries, same)

    def begin(self, c: sa.Connection, *, user: str) -> list[list[str]]:
        """Declare all as started and return the campaign of each, in a writing transaction of the caller's.

        Returns
        -------
        list of list of str
            Digests of the other experiments on the same days, those of the ledger as it is and those that begin with
            it; none for an experiment that cannot be run.
        """
        own = [entry for entry in self.entries if entry is not None]
        for entry in own:
            campaigns.declare(c, entry, user=user, at_ms=now_ms())
        found = iter(campaigns.members_of_all(c, [one.days for one in own], self.same))
        return [
            [] if entry is None else [digest for digest in next(found) if digest != entry.experiment_digest]
            for entry in self.entries
        ]


def withdraw(database: Database, digests: Iterable[str], *, user: str | None = None) -> None:
    """Say that experiments were refused, or never begun, and told nobody what they find: they are no tries."""
    database.write(lambda c: campaigns.withdraw(c, digests, user=user or getpass.getuser(), at_ms=now_ms()))


def withdraw_unbegun(database: Database, job: str, *, user: str) -> None:
    """Withdraw the tasks of a job that were never begun."""
    tasks = [task for task in trainings_of(JobStore(database).tasks(job)) if not task["lease_token"]]
    withdraw(database, [TrainingTask.from_spec(task["spec"]).digest for task in tasks], user=user)


def end_overdue(database: Database, reaper: Reaper, *, user: str) -> None:
    """End what nobody else would end; tasks that were never begun of jobs that are stopped by it are no tries."""
    for job in reaper.reap():
        withdraw_unbegun(database, job, user=user)


@dataclass(frozen=True)
class LedgerCampaign:
    """Answers what the other experiments on the same days do to a training's p; `train` asks it.

    Null statistics that are missing are computed where an experiment can be made again from the bars at hand or those
    of the database, and kept in the ledger: they are functions of that experiment alone, so it does not matter which of
    several workers computes them, nor when.

    Attributes
    ----------
    database : Database
    others : sequence of str
        Digests of the other experiments on these days.
    reporter : Reporter
    threads : int
    tasks : mapping of str to TrainingTask
        Experiments that are not in the ledger yet, by digest: the other tasks of a job.
    """

    database: Database
    others: Sequence[str]
    reporter: Reporter
    threads: int = 1
    tasks: Mapping[str, TrainingTask] = field(default_factory=dict)

    def __call__(self, evidence: Evidence) -> Campaign:
        """Return the campaign of a training whose verdict is not made yet."""
        asked = evidence.verdict.stage != Stage.PAPER  # what is refused anyway need not be compared
        test = evidence.tests.permutation
        refused = self.complete(len(test.maxima), evidence.bars) if asked else frozenset()
        others = [digest for digest in self.others if digest not in refused]
        digest = evidence.provenance.experiment_digest
        ledger, known, before = self.database.read(
            lambda c: (identity(c).id, campaigns.tried_experiments(c, others), campaigns.declared(c, digest))
        )
        campaign = settle_campaign(ledger, test, known, asked=asked)
        return campaign if before is None else replace(campaign, declared=before[0], declared_at=before[1])

    def complete(self, permutations: int, bars: Bars) -> frozenset[str]:
        """Compute the null statistics that the others lack, as far as they can be made again.

        Returns
        -------
        frozenset of str
            Digests of experiments that are refused on their bars, as their own training was: they are no tries.
        """
        known, found = self.database.read(
            lambda c: (campaigns.tried_experiments(c, self.others), campaigns.repeatable(c, self.others))
        )
        lacking = [one for one in known if len(one.maxima) < permutations]
        todo: list[tuple[TriedExperiment, Experiment, Bars]] = []
        for one in lacking:
            made = self._made_again(one.digest, found.get(one.digest), bars)
            if made is not None:
                todo.append((one, *made))
        refused = set()
        total = sum(permutations - len(one.maxima) for one, _, _ in todo)
        with self.reporter.progress(TITLE, total) if todo else nullcontext(lambda _: None) as advance:
            for one, experiment, own in todo:
                try:
                    complete_nulls(
                        self.database, one, experiment, own, permutations, threads=self.threads, advance=advance
                    )
                except AssayError as error:
                    if isinstance(error, StoreError):
                        raise
                    refused.add(one.digest)
        return frozenset(refused)

    def _made_again(self, digest: str, row: Repeatable | None, bars: Bars) -> tuple[Experiment, Bars] | None:
        """Return an experiment with its bars; None where they are not at hand, or it is too large to be repeated."""
        task = self.tasks.get(digest)
        if task is None and row is not None:
            task = TrainingTask.from_spec(row.task)
        if task is None or (row is not None and row.combinations > THINNED_GRID):
            return None
        try:
            own = _cut_out(task, bars) or task.bars(BarStore(self.database))
            experiment = Experiment.from_canonical(task.experiment, load_strategy(task.strategy))
        except (AssayError, OSError):
            return None
        return (experiment, own) if experiment.digest(own) == digest else None


def _cut_out(task: TrainingTask, bars: Bars) -> Bars | None:
    """Return the bars of a task where they are a part of others, or can be made of finer ones; None where not."""
    start, stop = (bars.index_at(ms) for ms in (task.first_ms, task.last_ms + task.market.timeframe.ms))
    if start >= stop or task.market.timeframe.ms % bars.market.timeframe.ms:
        return None
    part = bars.between(start, stop)
    if task.market.timeframe != bars.market.timeframe:
        part = resample(part, task.market.timeframe)
    return replace(part, market=task.market) if part.digest == task.experiment["data_digest"] else None


def complete_nulls(
    database: Database,
    known: TriedExperiment,
    experiment: Experiment,
    bars: Bars,
    permutations: int,
    *,
    threads: int = 1,
    advance: Advance | None = None,
) -> None:
    """Compute the null statistics of an experiment from where they end up to a number, and keep them."""
    first, step = len(known.maxima), [0]

    def on_done(done: int) -> None:
        if advance is not None:
            advance(done - step[0])
        step[0] = done

    found = null_statistics(experiment, bars, first, permutations, threads=threads, on_done=on_done)
    database.write(lambda c: campaigns.append_nulls(c, known.digest, found, at_ms=now_ms()))


def complete_for_promoted(database: Database, evidence: Evidence, reporter: Reporter, *, threads: int = 1) -> None:
    """Complete the null statistics of a finished training where a promoted configuration has seen the same days.

    That configuration's p is taken again from the whole campaign whenever it is used, and there is no time for searches
    then: without them this experiment would count as unrelated to it.
    """
    digest = evidence.provenance.experiment_digest
    days = trial_entry(evidence).days

    def lacking(c: sa.Connection) -> tuple[int, TriedExperiment]:
        return max(campaigns.promoted_on(c, days), default=0), campaigns.tried_experiments(c, [digest])[0]

    wanted, known = database.read(lacking)
    missing = wanted - len(known.maxima)
    if missing <= 0 or evidence.search.result.combinations > THINNED_GRID:
        return
    with reporter.progress(TITLE_OWN, missing) as advance:
        complete_nulls(database, known, evidence.experiment, evidence.bars, wanted, threads=threads, advance=advance)
