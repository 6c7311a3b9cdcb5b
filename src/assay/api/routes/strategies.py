"""Strategies: which there are, what their parameters mean, and where their moments are lost."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from assay.api.access import Viewer
from assay.api.declared import declared
from assay.api.models.common import NAME, PLAIN, Exchange, From, Symbol, Timeframe, To
from assay.api.models.strategies import FunnelAnswer, StrategyFacts, StrategyList
from assay.api.state import Held, Shared
from assay.documents.plain import plain
from assay.engine.execution import ExecutionTerms
from assay.market import Timeframe as BarLength
from assay.market import named_market
from assay.parameters import Parameter
from assay.service.funnels import FunnelQuestion
from assay.service.sets import parse_sets
from assay.service.spans import SpanTerms
from assay.service.strategy_facts import describe
from assay.service.strategy_names import listed, resolve

router = APIRouter(tags=["strategies"])

StrategyName = Annotated[
    str, Path(max_length=100, pattern=NAME, description="Of GET /api/strategies.", examples=["LIQUIDITY_SWEEP"])
]


@router.get("/strategies", operation_id="listStrategies", responses=declared())
def list_strategies(_: Viewer, shared: Shared) -> StrategyList:
    """List the strategies that a request may name."""
    return StrategyList.model_validate({"items": listed(shared.settings.strategies)})


@router.get("/strategies/{name}", operation_id="showStrategy", responses=declared(HTTPStatus.NOT_FOUND))
def show_strategy(_: Viewer, shared: Shared, name: StrategyName) -> StrategyFacts:
    """Show a strategy: parameters with ranges, default grid and schema, rules and exits."""
    strategy = resolve(name, shared.settings.strategies)
    schema = {
        "type": "object",
        "properties": {p.name: _schema(p) for p in strategy.parameters},
        "additionalProperties": False,
    }
    return StrategyFacts.model_validate(plain(describe(strategy)) | {"schema": schema})


def _schema(parameter: Parameter) -> dict[str, Any]:
    """Return the JSON schema of a parameter's values."""
    known: dict[str, Any] = {"description": parameter.doc, "default": parameter.default}
    if parameter.choices:
        return known | {"enum": list(parameter.choices)}
    low, high = parameter.bounds
    kind = "integer" if isinstance(parameter.default, int) else "number"
    bounds = {"minimum": low, "maximum": high}
    return known | {"type": kind} | {name: plain(bound) for name, bound in bounds.items() if plain(bound) is not None}


@router.get("/funnel", operation_id="signalFunnel", responses=declared(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
def funnel(
    _: Viewer,
    shared: Shared,
    store: Held,
    exchange: Exchange,
    symbol: Symbol,
    timeframe: Timeframe,
    strategy: Annotated[
        str, Query(max_length=100, pattern=PLAIN, description="Of GET /api/strategies.")
    ] = "LIQUIDITY_SWEEP",
    sets: Annotated[
        list[Annotated[str, Query(max_length=200, pattern=PLAIN)]] | None,
        Query(alias="set", max_length=100, description="A parameter: set=pierce_depth=0.002; may be repeated."),
    ] = None,
    days: Annotated[float | None, Query(gt=0, description="Only the last days, or those after `from`.")] = None,
    from_: From = None,
    to: To = None,
    side: Annotated[str, Query(max_length=10, pattern=PLAIN, description="both, long or short.")] = "both",
    fee: Annotated[str, Query(max_length=20, pattern=PLAIN, description="Of a side: 0.001, 0.1% or 10bps.")] = "0.001",
    slippage: Annotated[str, Query(max_length=20, pattern=PLAIN, description="Of a side, as the fee.")] = "0.0005",
    sizing: Annotated[str, Query(max_length=20, pattern=PLAIN, description="risk or notional.")] = "risk",
    min_stop_costs: Annotated[
        float,
        Query(ge=0, le=1_000_000, allow_inf_nan=False, description="Stops stay this many round trips of cost away."),
    ] = 0.0,
) -> FunnelAnswer:
    """Show which condition of a strategy costs most signals on a market, and what a step of each threshold adds."""
    chosen = resolve(strategy, shared.settings.strategies)
    values = parse_sets(sets, chosen.parameters)
    terms = ExecutionTerms(side=side, fee=fee, slippage=slippage, sizing=sizing, min_stop_costs=min_stop_costs)
    span = SpanTerms(days=days, start=from_, stop=to, names=("days", "from", "to"))
    market = named_market(exchange, symbol, BarLength.parse(timeframe))
    question = FunnelQuestion(strategy=chosen, market=market, span=span, terms=terms)
    return FunnelAnswer.model_validate(plain(question.document(store, values)))
