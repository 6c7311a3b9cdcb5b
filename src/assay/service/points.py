"""One set of parameters on one market: what is run, and where its moments are lost, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.evaluation import signal_funnel
from assay.service.describe import describe_market, describe_money, describe_span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine import Execution, Span
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy


def point_document(
    strategy: Strategy, bars: Bars, span: Span, values: Mapping[str, Value], execution: Execution
) -> dict[str, Any]:
    """Return what is run, as plain values.

    Parameters
    ----------
    span : Span
        The bars that may signal, after the warm-up.
    """
    return {
        "strategy": strategy.name,
        "parameters": dict(values),
        "market": describe_market(bars.market),
        "span": describe_span(bars, span.start, span.stop),
        "side": execution.sides.value,
        "costs": describe_money(execution.money) | execution.stop_terms(),
    }


def funnel_document(
    strategy: Strategy, bars: Bars, span: Span, values: Mapping[str, Value], execution: Execution
) -> dict[str, Any]:
    """Return where the moments of a pattern are lost on their way to trades, as plain values."""
    found = signal_funnel(strategy, bars, values, execution=execution, span=span)
    return point_document(strategy, bars, span, values, execution) | {"funnel": found.as_dict()}
