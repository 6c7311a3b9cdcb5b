"""Which markets and strategies there are."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from assay.agents.figures import Answer, Figure, MarketName, Part
from assay.agents.inputs import Exchange, Name, Symbol, Timeframe
from assay.agents.state import Ctx, state_of
from assay.documents.plain import plain
from assay.errors import NotFoundError
from assay.market import data_filter, measure_quality
from assay.plurals import plural
from assay.service.holdout import shown_until
from assay.service.markets import describe_stored, holes_of, select
from assay.service.strategy_facts import describe
from assay.service.strategy_names import listed, resolve
from assay.service.times import iso_time

AnyExchange = Annotated[Exchange | None, Field(description="Only this exchange.")]
AnySymbol = Annotated[Symbol | None, Field(description="Only this symbol, in any usual spelling.")]
AnyTimeframe = Annotated[Timeframe | None, Field(description="Only this timeframe.")]


class Hole(Part):
    """A span that was never fetched."""

    from_: str = Field(alias="from")
    to: str


class StoredMarket(MarketName):
    """A market and what is stored of it."""

    kind: str
    bars: int
    from_: str | None = Field(alias="from")
    to: str | None = Field(description="End of the last bar.")
    holes: list[Hole] = Field(description="Spans between them that were never fetched.")


class Markets(Answer):
    """The stored markets."""

    markets: list[StoredMarket]


def list_markets(
    ctx: Ctx, exchange: AnyExchange = None, symbol: AnySymbol = None, timeframe: AnyTimeframe = None
) -> Markets:
    """List the markets whose bars are stored. A training may name others: their bars are fetched, unless offline."""
    state = state_of(ctx)
    found = [
        StoredMarket.model_validate(describe_stored(one) | {"holes": holes_of(state.bars, one)})
        for one in select(state.bars, exchange, symbol, timeframe)
    ]
    names = "; ".join(f"{one} from {one.from_} to {one.to}" for one in found)
    return Markets(
        summary=f"{plural(len(found), 'market')}: {names}." if found else "No bars are stored.", markets=found
    )


class Counts(Part):
    """Bars before anything is masked, and what was found among them."""

    bars: int
    zero_volume: int
    flat: int
    impossible: int


class Left(Part):
    """Bars that are left after masking."""

    bars: int = Field(description="That may signal.")
    tradable: int = Field(description="That may fill orders.")
    masked: int


class MarketQuality(Answer, MarketName):
    """How good a market's bars are, up to the days that a training seals."""

    from_: str = Field(alias="from")
    shown_until: str = Field(description="Nothing later was looked at: those days belong to the sealed holdout.")
    passes: bool = Field(description="Whether these bars are good enough to train on.")
    valid_pct: Figure
    required_valid_pct: Figure
    before: Counts
    after: Left
    absent: int = Field(description="Bars that should be there and are not.")
    stale: int = Field(description="In long runs of one price.")
    outlier: int = Field(description="Moves far beyond the usual ones.")
    longest_hole: int = Field(description="Bars in a row that are absent.")
    may_signal: str
    may_fill: str


def market_quality(ctx: Ctx, exchange: Exchange, symbol: Symbol, timeframe: Timeframe) -> MarketQuality:
    """Say what is wrong with a market's bars and whether they are good enough to train on.

    The newest days are left out, since a training seals them as its holdout.
    """
    state = state_of(ctx)
    (stored,) = select(state.bars, exchange, symbol, timeframe)
    bars = state.bars.read(stored.market)
    until = shown_until(state.registry, stored.market, bars.span_ms)
    shown = bars.head(bars.index_at(until))
    if not len(shown):
        raise NotFoundError("market", "has no days that are not sealed as a holdout", str(stored.market))
    report = measure_quality(shown)
    found = data_filter(shown, report)
    wanted = {name: getattr(report, name) for name in ("valid_pct", "absent", "stale", "outlier", "longest_hole")}
    answer: dict[str, Any] = {
        "exchange": stored.market.exchange,
        "symbol": stored.market.symbol,
        "timeframe": str(stored.market.timeframe),
        "from": iso_time(shown.span_ms[0]),
        "shown_until": iso_time(shown.span_ms[1]),
        "passes": report.passes,
        "required_valid_pct": found["report"]["required_valid_pct"],
        "before": found["before"],
        "after": {name: found["after"][name] for name in Left.model_fields},
        "may_signal": found["may_signal"],
        "may_fill": found["may_fill"],
    }
    good = "good enough" if report.passes else "too bad"
    summary = f"{report.valid_pct:.1f} % of the expected bars are valid: {good} to train on, as far as they are shown."
    return MarketQuality.model_validate(answer | wanted | {"summary": summary})


class StrategyLine(Part):
    """A strategy that may be named."""

    name: str
    parameters: int | None = Field(description="How many; null for one of the operator's folder, which is not run.")
    about: str


class Strategies(Answer):
    """The strategies that a training may name."""

    strategies: list[StrategyLine]


def list_strategies(ctx: Ctx) -> Strategies:
    """List the strategies that a training may name: those that ship, and those of the operator's folder."""
    found = [
        StrategyLine(name=one["name"], parameters=one["parameters"], about=one["summary"])
        for one in listed(state_of(ctx).strategies)
    ]
    names = ", ".join(one.name for one in found)
    return Strategies(summary=f"{plural(len(found), 'strategy')}: {names}.", strategies=found)


class Parameter(Part):
    """A parameter: what it may be, and what is searched where nothing else is said."""

    name: str
    about: str
    unit: str
    role: str = Field(description="shape, threshold or exit.")
    default: Any
    lowest: Any = Field(description="No space may go below; null where there are choices.")
    highest: Any
    choices: list[Any]
    grid: list[Any] = Field(description="Values of the strategy's own grid.")


class StrategyFacts(Answer):
    """A strategy: its parameters, its rules and its ways out in words."""

    name: str
    parameters: list[Parameter]
    rules: list[str]
    exits: list[str]
    grid_size: int = Field(description="Combinations of the strategy's own grid.")


def describe_strategy(ctx: Ctx, strategy: Annotated[Name, Field(examples=["LIQUIDITY_SWEEP"])]) -> StrategyFacts:
    """Describe a strategy: its parameters with their bounds, what signals, and the ways out of a trade."""
    chosen = resolve(strategy, state_of(ctx).strategies)
    facts, size = plain(describe(chosen)), 1
    parameters = []
    for one in facts["parameters"]:
        size *= max(len(one["grid"]), 1)
        parameters.append(
            Parameter(
                name=one["name"],
                about=one["doc"],
                unit=one["unit"],
                role=one["role"],
                default=one["default"],
                lowest=one["hard_low"],
                highest=one["hard_high"],
                choices=one["choices"],
                grid=one["grid"],
            )
        )
    rules, exits = ("; ".join(" ".join(line.split()) for line in facts[name]) for name in ("rules", "exits"))
    return StrategyFacts(
        summary=f"{facts['name']}: {facts['summary']} It signals where {rules}. Ways out: {exits}.",
        name=facts["name"],
        parameters=parameters,
        rules=facts["rules"],
        exits=facts["exits"],
        grid_size=size,
    )
