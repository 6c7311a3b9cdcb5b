"""What a training would compute, take, find and cost, before any of it is run.

Nothing is searched: counts follow from the request and the bars, times from a calibration of this machine
(`assay.service.calibration`), the chance to find something from the honesty study, and the price of a try from the
ledger. An `Estimator` keeps what it has read, so that it can be asked while somebody types.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.errors import AssayError, InputError, QualityError
from assay.market import refuse_futures
from assay.market.calendar import ms_to_days
from assay.market.quality import REQUIRED_VALID_PCT
from assay.reports.power import Training, power_of
from assay.search.space import MAX_GRID
from assay.service.calibration import calibrated
from assay.service.estimate_campaign import DaysTried, campaign_estimate, days_tried, ledger_state
from assay.service.estimate_parts import DataHeld, Estimate, Place, Planned, Range, TaskEstimate, stages_of, total_of
from assay.service.estimate_probe import days_of_bars, probe, quality_of, warmup_of
from assay.service.estimate_tips import cheaper, instead_of_all
from assay.service.spans import finished
from assay.service.training_cost import PERMUTATIONS, without_edge, work_of
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore
from assay.store.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.market import Bars, Market
    from assay.service.estimate_probe import Probe
    from assay.service.request import TrainingRequest
    from assay.service.spans import SpanTerms
    from assay.service.training_cost import Work
    from assay.service.training_plan import TrainingPlan
    from assay.store import Database
    from assay.store.ledger import MarketDays
    from assay.training import Experiment

    State = tuple[int, int, int]
    """Length of the ledger, and how many configurations there are, with the newest change of one."""

    OnDays = tuple[DaysTried, frozenset[str]]
    """What was tried on the days of a task, and the digests of the tasks of the estimate that are on the same days."""

MAX_BARS_KEPT = 32
"""Markets whose bars are kept between two questions; a year of 5-minute bars is 7 MB."""

MAX_DAYS_KEPT = 512
"""Spans of days of which it is kept what the ledger has."""

UNLEARNED, LEARNED = 2.0, 1.5
"""How far a time may be off, as a factor, before and after trainings of this strategy were seen on this machine."""

ENOUGH_TRAININGS = 3
LEAST_SHARE = 0.2
"""A small search takes at least this share of the time of a large one: bars are permuted, setups are made."""


@dataclass(frozen=True, eq=False)
class Counted:
    """A task whose work is known, with what the ledger is asked about.

    Attributes
    ----------
    market : Market
    planned : Planned
    experiment : Experiment
    work : Work
    data : DataHeld
    probe : Probe or None
    digest : str or None
        Of the experiment; None where its bars are not there yet.
    days : MarketDays or None
    """

    market: Market
    planned: Planned
    experiment: Experiment
    work: Work
    data: DataHeld
    probe: Probe | None = None
    digest: str | None = None
    days: MarketDays | None = None

    @property
    def rows(self) -> float:
        """How frequent the pattern is, as a multiple of the simulated bars on which the strategy was timed."""
        rates = self.planned.rates
        return 1.0 if rates is None or self.probe is None else self.probe.density(rates)

    def likely_s(self, threads: int) -> float:
        """Return the seconds that it takes on a market without an edge; 0 where nothing is known."""
        seconds = _range(self, 0.0, threads)
        return 0.0 if seconds is None else seconds.likely


class Estimator:
    """Estimates trainings on the stored markets of a database.

    Safe to ask from several threads.

    Parameters
    ----------
    database : Database
    store : BarStore, optional
        Where bars are read; one of its own where not given.
    """

    def __init__(self, database: Database, store: BarStore | None = None) -> None:
        self.database, self.store = database, store or BarStore(database)
        self._bars: dict[Market, tuple[tuple[Market, int, int], Bars, Bars]] = {}
        self._days: dict[MarketDays, tuple[State, DaysTried]] = {}
        self._lock = threading.Lock()

    def estimate(
        self,
        markets: Sequence[Market],
        requests: Sequence[TrainingRequest],
        *,
        workers: int = 1,
        threads: int = 1,
        offline: bool = False,
        most_days: float | None = None,
    ) -> Estimate:
        """Return what a job with a task per market and request would compute, take, find and cost.

        Parameters
        ----------
        requests : sequence of TrainingRequest
            One per strategy, on the same days.
        workers : int
            Tasks that run at once, each on a core of its own.
        threads : int
            Of each task.
        offline : bool
            Whether missing bars are left out instead of fetched.
        most_days : float, optional
            Of the newest bars so many days may signal; all of them where there are fewer.

        Raises
        ------
        InputError
            When there is no such strategy, or a space does not fit it.
        """
        planned = self._planned(requests)
        span = requests[0].span
        wanted = span if most_days is None or span.days is not None else replace(span, days=most_days)
        places = [self._place(market, wanted, most_days, offline=offline) for market in markets]
        return self._of(places, planned, workers=workers, threads=threads, offline=offline)

    def of_plan(self, plan: TrainingPlan, *, offline: bool) -> Estimate:
        """Return the estimate of a plan; `offline` says that no exchange is asked for bars, whatever the plan wants."""
        return self.estimate(
            plan.markets,
            plan.requests,
            workers=plan.workers,
            offline=offline or not plan.fetch,
            most_days=plan.most_days,
        )

    def of_bars(self, bars: Bars, request: TrainingRequest, *, threads: int = 1) -> Estimate:
        """Return the estimate of a training on bars that are at hand, whether they are stored or not."""
        places = [Place(bars.market, bars, (None, None))]
        return self._of(places, self._planned([request]), workers=1, threads=threads, offline=True)

    def _planned(self, requests: Sequence[TrainingRequest]) -> list[Planned]:
        strategies = [load_strategy(request.strategy) for request in requests]
        spaces = [request.search.space_of(s) for request, s in zip(requests, strategies, strict=True)]
        known = calibrated(self.database, strategies)
        return [
            Planned(request, strategy, request.search.plan_of(space), warmup_of(strategy, space), *known.of(strategy))
            for request, strategy, space in zip(requests, strategies, spaces, strict=True)
        ]

    def _place(self, market: Market, span: SpanTerms, most_days: float | None, *, offline: bool) -> Place:
        """Return a market with its finished bars, which are read anew when they have changed."""
        begin, end = wanted = span.wanted(now_ms())
        sources = self.store.finer(market)
        if not sources:
            return Place(market, None, wanted)
        bars = self._finished(market, (sources[0], *self.store.state(sources[0])))
        first = bars.span_ms[0] if begin is None else begin
        gaps = [] if offline else self.store.missing(sources[0], first, now_ms() if end is None else end)
        return Place(market, bars, wanted, sum(b - a for a, b in gaps), most_days)

    def _finished(self, market: Market, state: tuple[Market, int, int]) -> Bars:
        """Return the very same bars as long as they stand: what was computed of them is kept with them."""
        with self._lock:
            kept = self._bars.get(market)
        if kept is None or kept[0] != state:
            stored = self.store.read_resampled(market)
            kept = (state, stored, finished(stored))
        elif len(last := finished(kept[1])) != len(kept[2]):
            kept = (state, kept[1], last)
        with self._lock:
            self._bars.pop(market, None)
            self._bars[market] = kept
            while len(self._bars) > MAX_BARS_KEPT:
                self._bars.pop(next(iter(self._bars)))
        return kept[2]

    def _of(
        self, places: Sequence[Place], planned: Sequence[Planned], *, workers: int, threads: int, offline: bool
    ) -> Estimate:
        found = [_counted(place, one, offline=offline) for place in places for one in planned]
        counted = [one for one in found if isinstance(one, Counted)]
        tried = self._with_ledger(counted)
        tasks = tuple(one if isinstance(one, TaskEstimate) else _task(one, tried.get(one), threads) for one in found)
        total = total_of(tasks, workers)
        slowest = max(counted, key=lambda one: one.likely_s(threads), default=None)
        tips = () if slowest is None else cheaper(slowest.planned, slowest.work, slowest.market, total.seconds, threads)
        largest = max((one.plan for one in planned if one.plan.method == "grid"), key=lambda p: p.size, default=None)
        too_large = None if largest is None else instead_of_all(largest.size)
        return Estimate(tasks, total, tips if too_large is None else (too_large, *tips), workers, threads)

    def _with_ledger(self, counted: Sequence[Counted]) -> dict[Counted, OnDays]:
        """Return of each task what was tried on its days, and which tasks of this estimate are on the same days."""
        state = self.database.read(ledger_state)
        groups: list[tuple[MarketDays, set[str]]] = []
        joined: dict[Counted, tuple[MarketDays, set[str]]] = {}
        for one in counted:
            if one.days is None or one.digest is None:
                continue
            group = next((digests for days, digests in groups if days.same_as(one.days)), None)
            if group is None:
                groups.append((one.days, group := set()))
            group.add(one.digest)
            joined[one] = (one.days, group)
        return {one: (self._tried(days, state), frozenset(group)) for one, (days, group) in joined.items()}

    def _tried(self, days: MarketDays, state: State) -> DaysTried:
        """Return what the ledger has of some days, asked again when anything was added to it."""
        with self._lock:
            kept = self._days.get(days)
        if kept is not None and kept[0] == state:
            return kept[1]
        found = self.database.read(lambda c: days_tried(c, days))
        with self._lock:
            self._days[days] = (state, found)
            while len(self._days) > MAX_DAYS_KEPT:
                self._days.pop(next(iter(self._days)))
        return found


def estimate(
    database: Database,
    markets: Sequence[Market],
    requests: Sequence[TrainingRequest],
    *,
    workers: int = 1,
    threads: int = 1,
    offline: bool = False,
    most_days: float | None = None,
) -> Estimate:
    """Return what a job would compute, take, find and cost, as `Estimator.estimate`, which keeps what it has read."""
    return Estimator(database).estimate(
        markets, requests, workers=workers, threads=threads, offline=offline, most_days=most_days
    )


def _counted(place: Place, planned: Planned, *, offline: bool) -> Counted | TaskEstimate:
    """Return a task with its work; one that would be refused with the reason."""
    market, bars = place.market, place.bars
    held = DataHeld.of(bars, place.missing_ms)
    try:
        refuse_futures(market)
        if bars is None:
            return _on_planned_days(place, planned, held, offline=offline)
        try:
            return _on_bars(place, bars, planned, held)
        except InputError:
            if offline or not place.missing_ms:
                raise
            return _on_planned_days(place, planned, held, offline=offline)
    except AssayError as error:
        size = planned.plan.size
        return TaskEstimate(market, planned.strategy.name, held, size, refused=str(error).removeprefix(f"{market}: "))


def _on_bars(place: Place, bars: Bars, planned: Planned, held: DataHeld) -> Counted:
    strategy = planned.strategy
    experiment = planned.request.of_newest_days(bars, place.most_days).experiment(strategy, bars)
    start, stop = experiment.bounds(bars, planned.warmup)
    quality = quality_of(bars, start, stop)
    if not quality.passes and not experiment.allow_bad_data:
        raise QualityError(quality.valid_pct, REQUIRED_VALID_PCT, str(place.market))
    work = work_of(experiment, place.market, start, stop)
    _refuse_size(planned)
    return Counted(
        place.market,
        planned,
        experiment,
        work,
        replace(held, days=ms_to_days((stop - start) * place.market.timeframe.ms), valid_pct=quality.valid_pct),
        probe(strategy, experiment.execution, bars, work.splits.holdout_start),
        experiment.digest(bars),
        days_of_bars(bars, start, stop),
    )


def _on_planned_days(place: Place, planned: Planned, held: DataHeld, *, offline: bool) -> Counted:
    """Return a task on bars that would be fetched first, as if none of them were absent."""
    market, (begin, end) = place.market, place.wanted
    if offline or begin is None:
        hint = "" if offline else "Say for how many days, and they are fetched"
        raise InputError(str(market), "is not stored", hint=hint)
    n = ((now_ms() if end is None else end) - begin) // market.timeframe.ms
    experiment = planned.request.experiment_on_all_days(planned.strategy, market)
    work = work_of(experiment, market, planned.warmup, int(n))
    _refuse_size(planned)
    days = ms_to_days((int(n) - planned.warmup) * market.timeframe.ms)
    missing = max(ms_to_days(place.missing_ms), 0.0) if held.bars else ms_to_days(int(n) * market.timeframe.ms)
    return Counted(market, planned, experiment, work, replace(held, days=days, missing_days=missing, is_assumed=True))


def _refuse_size(planned: Planned) -> None:
    plan = planned.plan
    if plan.method == "grid" and plan.size > MAX_GRID:
        hint = "assay sweep --stream looks at all of them, without a verdict; or draw points with --method random"
        raise InputError("space", f"a grid may have at most {MAX_GRID:,} combinations", plan.size, hint)


def _range(one: Counted, others_s: float, threads: int) -> Range | None:
    """Return how long a task takes: without a winner, on a market without an edge, and with everything run.

    Parameters
    ----------
    others_s : float
        Seconds of completing what the ledger lacks of other experiments on these days.
    """
    rates, learned = one.planned.rates, one.planned.learned
    if rates is None:
        return None
    seconds = one.work.seconds(rates, rows=one.rows, threads=threads)
    off = LEARNED if learned.trainings >= ENOUGH_TRAININGS else UNLEARNED
    likely = seconds.total(without_edge(one.work.permutations))
    every = seconds.total(scaled=True) + others_s
    return Range(seconds.total(winner=False) / off, likely, max(every, likely) * off).times(learned.ratio)


def _task(one: Counted, tried: OnDays | None, threads: int) -> TaskEstimate:
    work, experiment, planned = one.work, one.experiment, one.planned
    permutations, costs = work.permutations, experiment.execution.costs
    campaign = None
    if tried is not None and one.digest is not None:
        campaign = campaign_estimate(one.digest, *tried, permutations)
    windows = work.splits.windows
    power = power_of(
        Training(
            strategy=planned.strategy.name if planned.strategy.ships else "",
            combinations=planned.plan.size,
            per_side=costs.fee + costs.slippage,
            days=one.data.days or 0.0,
            timeframe=str(one.market.timeframe),
            permutations=permutations,
        )
    )
    return TaskEstimate(
        market=one.market,
        strategy=planned.strategy.name,
        data=one.data,
        combinations=planned.plan.size,
        windows=len(windows),
        stages=stages_of(work.stages, _stage_seconds(one, threads)),
        backtests=work.backtests,
        seconds=_range(one, _others_s(one, tried, threads), threads),
        memory_bytes=work.memory_bytes(planned.rates, rows=one.rows, threads=threads),
        trades=None if one.probe is None else one.probe.trades(windows[0].test_start, windows[-1].test_stop),
        power=power,
        campaign=campaign,
        notes=work.splits.notes,
    )


def _stage_seconds(one: Counted, threads: int) -> dict[str, float] | None:
    rates, learned = one.planned.rates, one.planned.learned
    if rates is None:
        return None
    stages = one.work.seconds(rates, rows=one.rows, threads=threads).stages
    return {name: value * learned.ratio for name, value in stages.items()}


def _others_s(one: Counted, tried: OnDays | None, threads: int) -> float:
    """Return how long it takes to complete the null statistics that other experiments on these days lack."""
    stage, rates = one.work.stage(PERMUTATIONS), one.planned.rates
    if tried is None or stage is None or rates is None:
        return 0.0
    each = one.work.seconds(rates, rows=one.rows, threads=threads).stages[PERMUTATIONS] / stage.searches
    missing = [
        known.lacks(one.work.permutations) * max((known.combinations or 0) / stage.search.points, LEAST_SHARE)
        for digest, known in tried[0].members.items()
        if digest != one.digest
    ]
    return each * sum(missing)
