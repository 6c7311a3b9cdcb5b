"""The rule that a replay is what plain Python makes of the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.engine import REASONS, Execution, layout
from assay.evaluation import PreparedReplay
from assay.testing.oracle import oracle_bars, oracle_costs, simulate
from assay.testing.oracle.reading import orders_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.engine import Run
    from assay.testing.case import Case
    from assay.testing.oracle import OracleResult

_OF_A_TRADE = (
    "signal_bar",
    "side",
    "entry_bar",
    "exit_bar",
    "entry_price",
    "exit_price",
    "partial_raw",
    "size",
    "net_return",
    "r_multiple",
    "ambiguous",
)
_OF_A_RUN = {
    "final equity": ("equity", layout.SUM_EQUITY),
    "largest drawdown": ("drawdown", layout.SUM_DRAWDOWN),
    "sum of daily returns": ("s1", layout.SUM_RETURNS),
}


def replay_equals_oracle(case: Case) -> str | None:
    """A replay's trades are, to the last bit, those that a slow simulator in plain Python makes of the same rows."""
    strategy, bars = case.strategy, case.bars
    plain = oracle_bars(bars)
    for values in case.points:
        prepared = PreparedReplay.of(strategy, bars, values, Execution(case.sides))
        money, span = prepared.execution.money, prepared.span
        run = prepared.run(prepared.signals(prepared.rows()))
        orders = orders_of(strategy, bars, plain, values, span, case.sides, money)
        answer = simulate(plain, orders, oracle_costs(money), span.start, span.stop)
        for what, found, expected in _pairs(run, answer):
            if found != expected and not (found != found and expected != expected):
                return f"is replayed to {what} {found!r} instead of {expected!r} at {values}"
    return None


def _pairs(run: Run, answer: OracleResult) -> Iterator[tuple[str, object, object]]:
    """Yield what is compared, as (what, in the replay, in the oracle's answer)."""
    for i, expected in enumerate(answer.trades[: len(run.trades)]):
        for name in _OF_A_TRADE:
            yield f"trade {i}: {name}", getattr(run.trades, name)[i].item(), getattr(expected, name)
        yield f"trade {i}: reason", REASONS[run.trades.reason[i]], expected.reason
    yield "a number of trades of", len(run.trades), len(answer.trades)
    yield "a number of orders of", run.orders_sent, answer.orders_sent
    for what, (name, field) in _OF_A_RUN.items():
        yield f"a {what} of", float(run.sums[field]), answer.sums[name]
