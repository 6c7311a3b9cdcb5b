"""What was tried on the days of a market, and what a further try there costs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from assay.agents.figures import Answer, Figure, MarketName, Part
from assay.agents.inputs import Exchange, Symbol, Timeframe, Training
from assay.agents.state import AgentState, Ctx, state_of
from assay.agents.tools.trainings import plan_of
from assay.plurals import plural
from assay.service.estimate_campaign import CampaignEstimate, campaign_estimate, days_tried
from assay.service.estimate_parts import Estimate, Range, TaskEstimate, time_words
from assay.service.estimate_probe import days_of_bars
from assay.service.markets import select
from assay.service.request import MAX_PERMUTATIONS
from assay.service.spans import SpanTerms, finished
from assay.service.strategy_names import without_folder
from assay.service.times import iso_time
from assay.store.ledger import MarketDays, trials_on
from assay.training import PERMUTATIONS

MAX_LISTED = 200


class NextTry(Part):
    """What a further training on some days costs."""

    experiments: int = Field(description="Other experiments that the ledger has of these days.")
    combinations: int
    holdout_openings: int
    not_repeatable: int = Field(description="Experiments that cannot be compared, which cost in full.")
    promoted: int = Field(description="Configurations on these days whose p is taken again with every further try.")
    is_new: bool = Field(description="Whether the ledger lacks this very experiment: then it counts.")
    permutations: int
    permutations_needed: int | None = Field(description="With how many p could reach its limit, where these cannot.")
    p_best: Figure = Field(description="The least p that so many permutations can give.")
    p_needed: Figure = Field(description="p alone that would be believed, were all tries unrelated.")
    p_needed_after: Figure = Field(description="The same for the next try after this one.")
    sentence: str

    @classmethod
    def of(cls, found: CampaignEstimate) -> NextTry:
        """Return what is shown of a price."""
        said = {name: getattr(found, name) for name in cls.model_fields if name != "not_repeatable"}
        return cls(not_repeatable=found.unknown, **said)


class Experiment(Part):
    """An experiment on these days."""

    at: str
    user: str
    strategy: str
    timeframe: str
    method: str
    objective: str
    combinations: int


class Campaign(Answer, MarketName):
    """What was tried on the days of a market."""

    from_: str = Field(alias="from")
    to: str
    next_try: NextTry
    experiments: list[Experiment] = Field(description="Those that have a result, the newest first.")


def campaign(
    ctx: Ctx,
    exchange: Exchange,
    symbol: Symbol,
    timeframe: Timeframe,
    days: Annotated[float | None, Field(gt=0, description="Of the newest days so many; all that are stored.")] = None,
    permutations: Annotated[int, Field(ge=0, le=MAX_PERMUTATIONS)] = PERMUTATIONS["standard"],
    limit: Annotated[int, Field(ge=1, le=MAX_LISTED, description="Experiments that are listed.")] = 20,
) -> Campaign:
    """Say what was tried on the days of a market, by anybody, and what the next try there will cost.

    Tries on the same days count together, whatever the timeframe, the strategy, the user and the name of the market.
    """
    state = state_of(ctx)
    (stored,) = select(state.bars, exchange, symbol, timeframe)
    bars = finished(state.bars.read(stored.market))
    start, stop = SpanTerms(days=days).on(bars)
    on_days = days_of_bars(bars, start, stop)
    tried = state.database.read(lambda c: days_tried(c, on_days))
    price = campaign_estimate("", tried, frozenset(), permutations)
    return Campaign.model_validate(
        {
            "summary": price.sentence,
            "exchange": stored.market.exchange,
            "symbol": stored.market.symbol,
            "timeframe": str(stored.market.timeframe),
            "from": iso_time(int(bars.time[start])),
            "to": iso_time(bars.moment(stop)),
            "next_try": NextTry.of(price),
            "experiments": _experiments(state, on_days, limit),
        }
    )


def _experiments(state: AgentState, days: MarketDays, limit: int) -> list[Experiment]:
    on_them = state.database.read(lambda c: trials_on(c, days))
    same = [row for row in state.ledger.entries() if row["experiment_digest"] in on_them]
    return [
        Experiment(
            at=iso_time(row["at"]),
            user=row["user_id"],
            strategy=row["strategy"],
            timeframe=row["timeframe"],
            method=row["method"],
            objective=row["objective"],
            combinations=row["combinations"],
        )
        for row in same[:limit]
    ]


class Seconds(Part):
    """How long something takes."""

    low: Figure = Field(description="Where nothing is found.")
    likely: Figure
    high: Figure = Field(description="Where everything is run.")


class TaskCost(Part):
    """What one strategy on one market takes and costs."""

    market: str
    strategy: str
    days: Figure = Field(description="That may signal, those of the holdout among them.")
    missing_days: Figure = Field(description="That are fetched first.")
    combinations: int
    windows: int | None
    backtests: int | None = Field(description="At most: permutations end early where chance explains the result.")
    seconds: Seconds | None
    memory_mb: int | None
    trades: int | None = Field(description="Of the strategy's default parameters on the test days.")
    power: str | None = Field(description="How large an edge such a training finds how often.")
    refused: str | None = Field(description="Why it would be refused.")
    notes: list[str]
    next_try: NextTry | None


class Cost(Answer):
    """What a training would take, find and cost."""

    tasks: list[TaskCost]
    seconds: Seconds | None = Field(description="Of all tasks, side by side on the workers.")
    cheaper: list[str] = Field(description="Cheaper ways, in words.")


def estimate_training(ctx: Ctx, training: Training) -> Cost:
    """Say what a training would take, which edges it could find, and what the try costs; nothing is searched.

    No parameters are judged by it, so it is no try. The first estimate of a strategy on a machine measures how fast it
    is there, which may take a minute.
    """
    state = state_of(ctx)
    plan = plan_of(state, training.terms())
    found = state.estimator.of_plan(plan, offline=state.offline)
    return Cost(
        summary=_in_words(found),
        tasks=[_task(one) for one in found.tasks],
        seconds=_seconds(found.total.seconds),
        cheaper=[one.sentence for one in found.cheaper],
    )


def _in_words(found: Estimate) -> str:
    said = [f"{one.market}: {one.refused}" for one in found.tasks if one.refused is not None]
    run = [one for one in found.tasks if one.refused is None]
    if run:
        seconds = found.total.seconds
        how_long = "how long is not known" if seconds is None else f"about {time_words(seconds.likely)}"
        said.insert(0, f"{plural(found.total.backtests, 'backtest')} at most, {how_long}.")
    prices = dict.fromkeys(one.campaign.sentence for one in run if one.campaign is not None)
    return " ".join([*said, *prices])


def _seconds(found: Range | None) -> Seconds | None:
    return None if found is None else Seconds(low=found.low, likely=found.likely, high=found.high)


def _task(one: TaskEstimate) -> TaskCost:
    known: dict[str, Any] = {
        name: getattr(one, name) for name in ("combinations", "windows", "backtests", "trades", "refused")
    }
    return TaskCost(
        market=str(one.market),
        strategy=without_folder(one.strategy),
        days=one.data.days,
        missing_days=one.data.missing_days,
        seconds=_seconds(one.seconds),
        memory_mb=None if one.memory_bytes is None else one.memory_bytes >> 20,
        power=None if one.power is None else one.power.sentence,
        notes=list(one.notes),
        next_try=None if one.campaign is None else NextTry.of(one.campaign),
        **known,
    )
