"""Submitting trainings: a job with a task per market and strategy, whoever asks for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assay.errors import AssayError, ConflictError, ExchangeError, InputError, InsufficientDataError, StoreError
from assay.market.calendar import days_to_ms
from assay.service.campaign import Beginning
from assay.service.kernels import compile_kernels
from assay.service.ledger import declaration_of
from assay.service.reporter import Silent
from assay.service.runtimes import runtime_ms
from assay.service.spans import finished, note_volume
from assay.service.strategy_names import without_folder
from assay.service.tasks import PrepareTask, TrainingTask
from assay.service.versions import CODE_VERSION
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore
from assay.store.database import now_ms
from assay.store.jobs import JobStore, NewJob
from assay.store.registry import check_timeframe
from assay.store.schema import DeclarationKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from assay.market import Bars, Market
    from assay.service.collector import BarCollector
    from assay.service.reporter import Reporter
    from assay.service.request import TrainingRequest
    from assay.service.training_plan import TrainingPlan
    from assay.store import Database
    from assay.store.campaigns import Declaration
    from assay.store.jobs import JobState
    from assay.store.tasks import Specs
    from assay.strategies import Strategy
    from assay.training import Experiment

AT_ONCE = 8
"""Trainings that are made while whoever submits them waits, a tenth of a second each; more are made by a worker."""

MAX_NAMES = 100
"""Characters of the names of a job's strategies; PostgreSQL refuses more."""


@dataclass(frozen=True)
class Left:
    """A market or task that could not be trained."""

    what: str
    why: str


@dataclass(frozen=True)
class Submitted:
    """A job that waits for workers.

    Attributes
    ----------
    job : str
    left : tuple of Left
        Markets that are left out, each with the reason.
    """

    job: str
    left: tuple[Left, ...] = ()


def submit(
    database: Database,
    plan: TrainingPlan,
    *,
    user: str,
    offline: bool = False,
    key: str | None = None,
    parent: str | None = None,
) -> Submitted:
    """Write the job of a plan; workers do the rest: they fetch missing bars, compile kernels and train.

    Parameters
    ----------
    offline : bool
        Whether no exchange is asked for bars.
    key : str, optional
        A second job of the same user with the same key and the same terms is the first one.
    parent : str, optional
        The job that this one repeats with changes.

    Raises
    ------
    InputError
        When none of the markets can be trained.
    ConflictError
        When the key was used for other terms.
    """
    if key is not None and (made := JobStore(database).with_key(user, key)) is not None:
        return _made_before(JobStore(database).state(made), plan, parent, key)
    for request in plan.requests:
        request.search.space_of(load_strategy(request.strategy))
    store = BarStore(database)
    fetch = plan.fetch and not offline and any(_is_missing(store, market, plan) for market in plan.markets)
    prepare = PrepareTask(plan.markets, plan.requests, plan.most_days, fetch)
    left: list[Left] = []
    if not fetch:  # what is not stored will not be: it is said at once
        known = [market for market in plan.markets if _is_stored(store, market, left)]
        _refuse_nothing(known, left, "pairs")
        prepare = replace(prepare, markets=tuple(known))
    specs: Specs = [prepare.spec()]
    if not fetch and len(prepare.markets) * len(prepare.requests) <= AT_ONCE:
        ready = prepared(Silent(), database, prepare, field="pairs")
        specs, left = partial(ready.begin, user=user), [*left, *ready.left]
    new = _new_job(
        prepare,
        user=user,
        config={"left": [asdict(one) for one in left], "request": dict(plan.given)},
        max_runtime_s=plan.max_runtime_s,
        priority=plan.priority,
        parent=parent,
        key=key,
    )
    return Submitted(JobStore(database).create(new, specs), tuple(left))


def _made_before(job: JobState, plan: TrainingPlan, parent: str | None, key: str) -> Submitted:
    """Return the job of a key, which stands for its terms: other ones under it would be lost without a word."""
    if (job.config.get("request"), job.parent) != (json.loads(json.dumps(dict(plan.given))), parent):
        rule = f"was used for other terms, of job {job.id}"
        raise ConflictError("Idempotency-Key", rule, key, "Give each training a key of its own")
    return Submitted(job.id, tuple(Left(**one) for one in job.config.get("left", [])))


def make_job(
    reporter: Reporter,
    database: Database,
    markets: Sequence[Market],
    requests: Sequence[TrainingRequest],
    *,
    collector: BarCollector | None = None,
    user: str,
    max_runtime_s: float | None = None,
) -> tuple[str, list[Left]]:
    """Write a job with a task per market and request, after missing bars are fetched and kernels compiled.

    Parameters
    ----------
    requests : sequence of TrainingRequest
        One per strategy, on the same days.
    collector : BarCollector, optional
        Fetches bars that are missing; only stored bars are used where not given.
    max_runtime_s : float, optional
        The job stops so long after its first task was begun, and what is done stays.

    Returns
    -------
    str
        Id of the job.
    list of Left
        Markets that are left out, each with the reason.
    """
    runtime_ms(max_runtime_s)
    task = PrepareTask(tuple(markets), tuple(requests))
    made = prepared(reporter, database, task, collector, compiled=True)
    config = {"left": [asdict(one) for one in made.left]}
    new = _new_job(task, user=user, config=config, max_runtime_s=max_runtime_s)
    return JobStore(database).create(new, partial(made.begin, user=user)), made.left


@dataclass(frozen=True)
class Prepared:
    """Trainings that are ready to be a job's tasks, and have not begun.

    Attributes
    ----------
    tasks : list of TrainingTask
    beginning : Beginning
        What the ledger is to know of them.
    left : list of Left
        Markets that are left out, each with the reason.
    """

    tasks: list[TrainingTask]
    beginning: Beginning
    left: list[Left]

    def begin(self, c: sa.Connection, *, user: str) -> list[dict[str, Any]]:
        """Declare all as started and return them as tasks store them, each with the others on the same days.

        Called in the transaction that writes the tasks: what a job does not have has not begun, and counts nowhere.
        """
        others = self.beginning.begin(c, user=user)
        return [replace(one, others=tuple(more)).spec() for one, more in zip(self.tasks, others, strict=True)]


def prepared(
    reporter: Reporter,
    database: Database,
    task: PrepareTask,
    collector: BarCollector | None = None,
    *,
    compiled: bool = False,
    field: str = "--symbol",
) -> Prepared:
    """Return the trainings of a job; none of them has begun.

    Parameters
    ----------
    collector : BarCollector, optional
        Fetches bars that are missing; only stored bars are used where not given.
    compiled : bool
        Whether kernels are compiled now, and not by the first worker.
    field : str
        What an error is about.

    Raises
    ------
    InputError
        When none of the markets can be trained.
    """
    strategies = [load_strategy(request.strategy) for request in task.requests]
    store, left = BarStore(database), []
    tasks: list[TrainingTask] = []
    entries: list[Declaration | None] = []
    for market in task.markets:
        try:
            check_timeframe(market.timeframe)
            bars = _bars_of(reporter, store, market, task.requests[0], collector)
            if compiled:
                compile_kernels(reporter, strategies[0], bars)
            found = _tasks_on(bars, task.requests, strategies, task.most_days)
        except StoreError:
            raise
        except AssayError as error:
            left.append(Left(str(market), str(error).removeprefix(f"{market}: ")))
            if len(task.markets) > 1:
                reporter.note(f"{market}: {left[-1].why}")
            continue
        tasks += [one for one, _ in found]
        entries += [entry for _, entry in found]
    _refuse_nothing(tasks, left, field)
    return Prepared(tasks, Beginning.of(database, entries), left)


def _tasks_on(
    bars: Bars, requests: Sequence[TrainingRequest], strategies: Sequence[Strategy], most_days: float | None
) -> list[tuple[TrainingTask, Declaration | None]]:
    """Return the tasks of a market, one for each request, with what the ledger is to know of each before it begins."""
    found = []
    for request, strategy in zip(requests, strategies, strict=True):
        experiment = request.of_newest_days(bars, most_days).experiment(strategy, bars)
        found.append((TrainingTask.of(experiment, bars, request.strategy), _declaration(experiment, bars)))
    return found


def _is_stored(store: BarStore, market: Market, left: list[Left]) -> bool:
    """Whether a market's bars are stored, or can be made of finer ones; what is not is left out."""
    if store.market_of(market) is None:
        error = _not_stored(store, market)
        left.append(Left(str(market), str(error).removeprefix(f"{market}: ")))
        return False
    return True


def _is_missing(store: BarStore, market: Market, plan: TrainingPlan) -> bool:
    """Whether something of a market is not stored that was asked for, up to now."""
    known = store.find(market.exchange, market.symbol, market.timeframe)
    if known is None:
        return True
    now = now_ms()
    start, stop = plan.requests[0].span.wanted(now)
    if start is None and plan.most_days is not None:
        start = now - days_to_ms(plan.most_days)
    covered = store.coverage(known)
    if not covered:
        return True
    first = covered[0][0] if start is None else start
    last = (now if stop is None else min(stop, now)) // market.timeframe.ms * market.timeframe.ms
    return bool(store.missing(known, first, last)) if first < last else False


def _refuse_nothing(tasks: Sequence[object], left: Sequence[Left], field: str) -> None:
    if tasks:
        return
    if len(left) == 1:
        raise InputError(field, f"{left[0].what}: {left[0].why}")
    raise InputError(field, "none of the markets can be trained", hint=left[0].why if left else "")


def _names(requests: Sequence[TrainingRequest]) -> str:
    """Return the names of the strategies as far as their column has room for them."""
    found = ",".join(without_folder(request.strategy) for request in requests)
    if len(found) <= MAX_NAMES:
        return found
    room = found[: MAX_NAMES - len(",...")]
    return (room.rpartition(",")[0] or room) + ",..."


def _new_job(
    task: PrepareTask,
    *,
    user: str,
    config: Mapping[str, Any],
    max_runtime_s: float | None = None,
    priority: int = 0,
    parent: str | None = None,
    key: str | None = None,
) -> NewJob:
    return NewJob(
        id=str(uuid4()),
        config=config,
        digest=hashlib.sha256(json.dumps(task.spec(), sort_keys=True).encode()).hexdigest(),
        strategy=_names(task.requests),
        user=user,
        seed=task.requests[0].search.seed,
        created_ms=now_ms(),
        priority=priority,
        parent=parent,
        max_runtime_ms=runtime_ms(max_runtime_s),
        made_by=CODE_VERSION,
        key=key,
    )


def _declaration(experiment: Experiment, bars: Bars) -> Declaration | None:
    """Return the declaration of a task; None where its bars are too few, which the task itself will say."""
    try:
        return declaration_of(experiment, bars, DeclarationKind.STARTED)
    except InsufficientDataError:
        return None


def _bars_of(
    reporter: Reporter, store: BarStore, market: Market, request: TrainingRequest, collector: BarCollector | None
) -> Bars:
    """Return the finished bars of a market, all of them: earlier bars warm the indicators."""
    trouble = None if collector is None else _fetch(collector, market, request)
    try:
        bars = finished(store.read_resampled(market))
    except InputError:
        raise trouble or _not_stored(store, market) from None
    note_volume(reporter, bars)
    if trouble is not None:
        reporter.note(f"{market}: only stored bars are used. {trouble}")
    return bars


def _not_stored(store: BarStore, market: Market) -> InputError:
    """Return the error of a market without bars: with what is stored of its symbol, if anything is."""
    stored = [h.market for h in store.markets()]
    frames = [str(m.timeframe) for m in stored if (m.exchange, m.symbol) == (market.exchange, market.symbol)]
    if not frames:
        return InputError(str(market), "is not stored", hint="assay data import, or without --offline")
    hint = f"Give --timeframe {frames[0]}" if len(frames) == 1 else "Give one of these to --timeframe"
    return InputError(str(market), f"is not stored; stored are {', '.join(frames)}", hint=hint)


def _fetch(collector: BarCollector, market: Market, request: TrainingRequest) -> AssayError | None:
    """Fetch what is missing of a market into the database; return why that was not possible."""
    try:
        collector.fetch_bars(market.symbol, market.exchange, market.timeframe, *request.span.wanted(now_ms()))
    except (ExchangeError, InputError) as error:
        return error
    return None
