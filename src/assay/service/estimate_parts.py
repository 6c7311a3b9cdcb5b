"""The parts of an estimate, as values that say themselves in plain values and sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from assay.market.calendar import ms_to_days
from assay.plurals import plural
from assay.service.describe import describe_market
from assay.service.streaming import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.market import Bars, Market
    from assay.reports.power import Power
    from assay.search import SearchPlan
    from assay.service.calibration import Learned, Rates
    from assay.service.estimate_campaign import CampaignEstimate
    from assay.service.request import TrainingRequest
    from assay.service.training_cost import Stage
    from assay.strategies import Strategy

DAYS_PER_MONTH = 365.25 / 12


@dataclass(frozen=True, eq=False)
class Planned:
    """A request with its strategy, and what stays the same on every market.

    Attributes
    ----------
    plan : SearchPlan
    warmup : int
        Bars of history that every point waits for.
    rates : Rates or None
        None where the strategy could not be timed.
    """

    request: TrainingRequest
    strategy: Strategy
    plan: SearchPlan
    warmup: int
    rates: Rates | None
    learned: Learned


@dataclass(frozen=True, eq=False)
class Place:
    """A market with what is stored of it.

    Attributes
    ----------
    bars : Bars or None
        The finished ones; None where nothing is stored.
    wanted : (int or None, int or None)
        The span whose bars are asked for, milliseconds UTC; None where its beginning or its end is not said.
    missing_ms : int
        Of this span, what was never fetched.
    most_days : float or None
        Of the newest bars so many days may signal.
    """

    market: Market
    bars: Bars | None
    wanted: tuple[int | None, int | None]
    missing_ms: int = 0
    most_days: float | None = None


@dataclass(frozen=True)
class Range:
    """Seconds that something takes.

    Attributes
    ----------
    low, likely, high : float
        Where nothing is found; on a market without an edge, with a winner by chance; with everything run.
    """

    low: float
    likely: float
    high: float

    def times(self, factor: float) -> Range:
        """Return a multiple."""
        return Range(self.low * factor, self.likely * factor, self.high * factor)

    @property
    def sentence(self) -> str:
        """In the units that a person would use."""
        return f"about {time_words(self.likely)} ({time_words(self.low)} to {time_words(self.high)})"


def time_words(seconds: float) -> str:
    """Return seconds in the unit that a person would use."""
    return duration(seconds) if seconds >= 1.5 else "1 second" if seconds >= 0.5 else "less than a second"


@dataclass(frozen=True)
class DataHeld:
    """What is stored of a market, and what of it signals.

    Attributes
    ----------
    bars : int
        Finished bars, those that warm indicators among them; absent stamps are counted.
    absent : int
    stored_days : float
    days : float or None
        That may signal; None where a training would be refused.
    missing_days : float
        Of the days asked for, what was never fetched.
    valid_pct : float or None
        Valid bars of those days, percent.
    is_assumed : bool
        Whether the days are not there yet: the estimate takes them as complete.
    """

    bars: int = 0
    absent: int = 0
    stored_days: float = 0.0
    days: float | None = None
    missing_days: float = 0.0
    valid_pct: float | None = None
    is_assumed: bool = False

    @classmethod
    def of(cls, bars: Bars | None, missing_ms: int) -> DataHeld:
        """Return what there is of a market's bars."""
        if bars is None:
            return cls()
        first, end = bars.span_ms
        absent: int = bars.derived(("absent bars of an estimate",), lambda: int(bars.absent.sum()))
        return cls(len(bars), absent, ms_to_days(end - first), missing_days=ms_to_days(missing_ms))

    @property
    def sentence(self) -> str | None:
        """What is fetched first; None where that is less than a day."""
        if self.missing_days < 1:
            return None
        days = plural(round(self.missing_days), "day")
        if self.is_assumed:
            return f"Bars of {days} are not stored: they are fetched first, and the estimate takes them as complete."
        return f"Bars of {days} were never fetched: they are fetched first, which moves the days that are searched."


@dataclass(frozen=True)
class StageEstimate:
    """A stage of a training.

    Attributes
    ----------
    name : str
        One of `assay.training.train.STAGES_OF_WORK`.
    searches, combinations, backtests : int
        At most so many searches of so many combinations.
    seconds : float or None
        Of all of them.
    """

    name: str
    searches: int
    combinations: int
    backtests: int
    seconds: float | None


@dataclass(frozen=True)
class TaskEstimate:
    """A market and a strategy.

    Attributes
    ----------
    market : Market
    strategy : str
    data : DataHeld
    combinations : int
        Of one search.
    windows : int or None
        Of the walk-forward; None where a training would be refused, as is all that follows.
    stages : tuple of StageEstimate
    backtests : int or None
        Combinations of all searches, at most: permutations end early where chance explains the result.
    seconds : Range or None
        None where the strategy could not be timed.
    memory_bytes : int or None
    trades : int or None
        Of the default parameters on the test days.
    power : Power or None
    campaign : CampaignEstimate or None
        None where its bars are not there yet.
    refused : str or None
        Why a training would be refused.
    notes : tuple of str
        What was scaled or raised of the windows, in words.
    """

    market: Market
    strategy: str
    data: DataHeld
    combinations: int
    windows: int | None = None
    stages: tuple[StageEstimate, ...] = ()
    backtests: int | None = None
    seconds: Range | None = None
    memory_bytes: int | None = None
    trades: int | None = None
    power: Power | None = None
    campaign: CampaignEstimate | None = None
    refused: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def windows_sentence(self) -> str | None:
        """How many windows the days make."""
        if self.windows is None or self.data.days is None:
            return None
        return f"With {in_months(self.data.days)} of data, this creates {plural(self.windows, 'validation window')}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what is unknown is None."""
        return {
            "market": describe_market(self.market),
            "strategy": self.strategy,
            "data": asdict(self.data) | {"sentence": self.data.sentence},
            "combinations": self.combinations,
            "windows": self.windows,
            "windows_sentence": self.windows_sentence,
            "backtests": self.backtests,
            "stages": [asdict(stage) for stage in self.stages],
            "seconds": None if self.seconds is None else asdict(self.seconds),
            "memory_bytes": self.memory_bytes,
            "trades": self.trades,
            "power": None if self.power is None else _power(self.power),
            "campaign": None if self.campaign is None else self.campaign.to_dict(),
            "refused": self.refused,
            "notes": list(self.notes),
        }


def _power(power: Power) -> dict[str, Any]:
    edges = [{"edge_r": r.edge_r, "promoted_pct": r.promoted_pct, "markets": r.markets} for r in power.rows]
    return {"is_known": bool(edges), "sentence": power.sentence, "edges": edges}


def in_months(days: float) -> str:
    """Return days as people say them: months from two on."""
    months = days / DAYS_PER_MONTH
    return plural(round(months), "month") if months >= 2 else plural(round(days), "day")


@dataclass(frozen=True)
class Total:
    """All tasks together.

    Attributes
    ----------
    tasks, refused : int
    combinations, backtests : int
        Of those that are not refused.
    windows : int
    seconds : Range or None
        Side by side on the workers; None where nothing is known of one of them.
    memory_bytes : int
        Of the largest tasks that may run at once.
    """

    tasks: int
    refused: int
    combinations: int
    backtests: int
    windows: int
    seconds: Range | None
    memory_bytes: int


@dataclass(frozen=True)
class Cheaper:
    """A cheaper way.

    Attributes
    ----------
    change : mapping
        Terms of a request that are to be changed, by name.
    seconds : Range or None
        Of all tasks then; None where nothing is known of the way as it is.
    sentence : str
    """

    change: Mapping[str, Any]
    seconds: Range | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "change": dict(self.change),
            "seconds": None if self.seconds is None else asdict(self.seconds),
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class Estimate:
    """What trainings would compute, take, find and cost.

    Attributes
    ----------
    tasks : tuple of TaskEstimate
        By market, then by strategy.
    total : Total
    cheaper : tuple of Cheaper
        Cheaper ways, the one that saves most first; none where there is nothing to save.
    workers, threads : int
        Tasks at once, and threads of each.
    """

    tasks: tuple[TaskEstimate, ...]
    total: Total
    cheaper: tuple[Cheaper, ...] = field(default=())
    workers: int = 1
    threads: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what is unknown is None."""
        return {
            "tasks": [task.to_dict() for task in self.tasks],
            "total": asdict(self.total),
            "cheaper": [one.to_dict() for one in self.cheaper],
            "tip": self.cheaper[0].sentence if self.cheaper else None,
            "workers": self.workers,
            "threads": self.threads,
        }


def stages_of(stages: Sequence[Stage], seconds: Mapping[str, float] | None) -> tuple[StageEstimate, ...]:
    """Return stages with how long each takes, by name; None where that is not known."""
    return tuple(
        StageEstimate(s.name, s.searches, s.search.points, s.backtests, None if seconds is None else seconds[s.name])
        for s in stages
    )


def total_of(tasks: Sequence[TaskEstimate], workers: int) -> Total:
    """Return all tasks together, as many at once as there are workers."""
    run = [task for task in tasks if task.refused is None]
    ranges = [task.seconds for task in run if task.seconds is not None]
    memory = sorted((task.memory_bytes or 0 for task in run), reverse=True)
    return Total(
        tasks=len(tasks),
        refused=len(tasks) - len(run),
        combinations=sum(task.combinations for task in run),
        backtests=sum(task.backtests or 0 for task in run),
        windows=sum(task.windows or 0 for task in run),
        seconds=_together(ranges, max(workers, 1)) if run and len(ranges) == len(run) else None,
        memory_bytes=sum(memory[: max(workers, 1)]),
    )


def _together(ranges: Sequence[Range], workers: int) -> Range:
    """Return how long several tasks take side by side: no less than the longest of them."""
    found = {}
    for name in ("low", "likely", "high"):
        each = [getattr(one, name) for one in ranges]
        found[name] = max(sum(each) / min(workers, len(each)), *each)
    return Range(**found)
