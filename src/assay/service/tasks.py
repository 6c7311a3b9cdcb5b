"""The tasks of a job: making its trainings, and each training, a market and a strategy, from bars to evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import GateError, InputError
from assay.market import Market, Timeframe
from assay.service.bar_cache import BarCache
from assay.service.describe import describe_market
from assay.service.kernels import compile_kernels
from assay.service.reporter import Silent
from assay.service.request import TrainingRequest
from assay.service.run import run_training
from assay.sources.user_strategy import load_strategy
from assay.store.job_numbers import PREPARE
from assay.training import Experiment
from assay.training.experiment import LATER_TERMS, digest_of
from assay.training.procedure import PROCEDURE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from assay.market import Bars
    from assay.service.reporter import Reporter
    from assay.store.bars import BarStore
    from assay.training import Evidence, Progress
    from assay.validation import Campaign


@dataclass(frozen=True)
class TrainingTask:
    """What to train on which stored bars.

    Attributes
    ----------
    market : Market
    strategy : str
        A name, or ``path.py:Class``.
    experiment : mapping
        `Experiment.canonical`, with the digest of the bars.
    first_ms, last_ms : int
        Opens of the first and last bar that are handed to the training: bars that are stored later change nothing.
    others : tuple of str
        Digests of the other experiments on the same days, as the ledger was when the job was made, with its own tasks.
    """

    market: Market
    strategy: str
    experiment: Mapping[str, Any]
    first_ms: int
    last_ms: int
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, experiment: Experiment, bars: Bars, strategy: str | None = None) -> TrainingTask:
        """Describe a task on bars; the strategy by its registered name or its file where no other text is given."""
        strategy = strategy or experiment.strategy.source_file or experiment.strategy.name
        return cls(bars.market, strategy, experiment.canonical(bars), int(bars.time[0]), int(bars.time[-1]))

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> TrainingTask:
        """Return the task that a job has stored."""
        return cls(
            _market_of(spec),
            spec["strategy"],
            spec["experiment"],
            spec["first_ms"],
            spec["last_ms"],
            tuple(spec.get("others", ())),
        )

    def spec(self) -> dict[str, Any]:
        """Return the task as plain values; kind and tick are left out where they are spot and unknown."""
        market = self.market
        known = ({} if market.kind == "spot" else {"kind": market.kind}) | (
            {} if market.tick is None else {"tick": market.tick}
        )
        return {
            "exchange": market.exchange,
            "symbol": market.symbol,
            "timeframe": str(market.timeframe),
            **known,
            "strategy": self.strategy,
            "experiment": self.experiment,
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
            **({"others": list(self.others)} if self.others else {}),
        }

    @property
    def market_title(self) -> str:
        """What listings call the market."""
        return f"{self.market.exchange} {self.market.symbol} {self.market.timeframe}"

    @property
    def title(self) -> str:
        """What listings call the task."""
        return f"{self.market_title} {self.strategy}"

    @property
    def digest(self) -> str:
        """Of the experiment."""
        return digest_of(self.experiment)

    def refuse_earlier_procedure(self) -> None:
        """Refuse a task of another version of the procedure: the same experiment would give another result today.

        Raises
        ------
        GateError
            Naming both versions.
        """
        made_by = int(self.experiment.get("procedure_version", LATER_TERMS["procedure_version"]))
        if made_by != PROCEDURE_VERSION:
            raise GateError(
                f"this job was made by the earlier procedure ({made_by}, now {PROCEDURE_VERSION}) and cannot go on: "
                "what is done stays, start a new job for the rest"
            )

    def bars(self, store: BarStore) -> Bars:
        """Read the bars: where the database is a server, from this machine's cache if they are in it.

        Raises
        ------
        InputError
            When they are not those of the experiment any more.
        """
        digest = self.experiment["data_digest"]
        cache = BarCache.of(store.database)
        market = None if cache is None else store.market_of(self.market)
        if cache is not None and market is not None and (kept := cache.load(digest, market)) is not None:
            return kept
        bars = store.read_resampled(self.market, self.first_ms, self.last_ms + self.market.timeframe.ms)
        if bars.digest != digest:
            hint = "Start a new job"
            rule = "its stored bars have changed since the job was made"
            raise InputError(str(self.market), rule, bars.digest[:12], hint)
        if cache is not None:
            cache.save(bars)
        return bars


@dataclass(frozen=True)
class PrepareTask:
    """A task that makes the trainings of a job: it fetches missing bars, and the trainings follow it.

    One task makes all of them: which others were tried on the same days must not depend on who was first.

    Attributes
    ----------
    markets : tuple of Market
    requests : tuple of TrainingRequest
        One per strategy.
    most_days : float or None
        Of the newest bars so many days may signal; all of them where there are fewer.
    fetch : bool
        Whether an exchange is asked for what is missing.
    """

    markets: tuple[Market, ...]
    requests: tuple[TrainingRequest, ...]
    most_days: float | None = None
    fetch: bool = False

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> PrepareTask:
        """Return the task that a job has stored."""
        markets, requests = map(_market_of, spec["markets"]), map(TrainingRequest.from_dict, spec["requests"])
        return cls(tuple(markets), tuple(requests), spec["most_days"], spec["fetch"])

    def spec(self) -> dict[str, Any]:
        """Return the task as plain values."""
        markets = [{**describe_market(market), "tick": market.tick} for market in self.markets]
        return {
            "work": PREPARE,
            "markets": markets,
            "requests": [request.to_dict() for request in self.requests],
            "most_days": self.most_days,
            "fetch": self.fetch,
        }

    @staticmethod
    def is_one(spec: Mapping[str, Any]) -> bool:
        """Whether a job's task is of this kind."""
        return spec.get("work") == PREPARE


def _market_of(spec: Mapping[str, Any]) -> Market:
    """Return the market that plain values name; those of the first revision know neither kind nor tick."""
    timeframe = Timeframe.parse(spec["timeframe"])
    return Market(spec["exchange"], spec["symbol"], timeframe, spec.get("kind", "spot"), spec.get("tick"))


def trainings_of(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those of a job's tasks that are trainings."""
    return [row for row in rows if not PrepareTask.is_one(row["spec"])]


def run_task(
    task: TrainingTask,
    store: BarStore,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int = 1,
    campaign: Callable[[Evidence], Campaign] | None = None,
    reporter: Reporter | None = None,
) -> Evidence:
    """Train on what a task names: the same evidence wherever and however often it runs.

    Parameters
    ----------
    reporter : Reporter, optional
        Hears that kernels are compiled, which takes a while on a new machine.
    """
    task.refuse_earlier_procedure()
    bars, strategy = task.bars(store), load_strategy(task.strategy)
    compile_kernels(reporter or Silent(), strategy, bars)
    experiment = Experiment.from_canonical(task.experiment, strategy)
    return run_training(experiment, bars, on_progress, threads=threads, campaign=campaign)
