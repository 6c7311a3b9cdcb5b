"""One task of a job: a market and a strategy, from the stored bars to evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import GateError, InputError
from assay.market import Market, Timeframe
from assay.service.bar_cache import BarCache
from assay.service.run import run_training
from assay.sources.user_strategy import load_strategy
from assay.training import Experiment
from assay.training.experiment import LATER_TERMS, digest_of
from assay.training.procedure import PROCEDURE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.market import Bars
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
        """Return the task that a job has stored; one of the first revision knows neither kind nor tick."""
        timeframe = Timeframe.parse(spec["timeframe"])
        market = Market(spec["exchange"], spec["symbol"], timeframe, spec.get("kind", "spot"), spec.get("tick"))
        return cls(
            market,
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


def run_task(
    task: TrainingTask,
    store: BarStore,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int = 1,
    campaign: Callable[[Evidence], Campaign] | None = None,
) -> Evidence:
    """Train on what a task names: the same evidence wherever and however often it runs."""
    task.refuse_earlier_procedure()
    bars = task.bars(store)
    experiment = Experiment.from_canonical(task.experiment, load_strategy(task.strategy))
    return run_training(experiment, bars, on_progress, threads=threads, campaign=campaign)
