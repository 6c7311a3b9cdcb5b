"""What the engine's tests share: the way to the oracle, random bars and random cases."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import (
    REASONS,
    Bracket,
    Costs,
    Limits,
    Money,
    Run,
    Setups,
    Signals,
    Sizing,
    Span,
    layout,
    measure,
    replay,
)
from assay.engine.replay import eligible
from assay.market import Bars, Market, Timeframe
from assay.testing.oracle import oracle_bars, oracle_costs, oracle_orders, simulate
from oracle.limits import CircuitBreakers, OracleLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from assay.testing.oracle import OracleBars, OracleOrder, OracleResult

HOUR_MS = 3_600_000
HOURLY = Market("test", "BTC/USDT", Timeframe(HOUR_MS))


def bars_of(rows: Sequence[Sequence[float | None]], *, market: Market = HOURLY, first_ms: int = 20 * HOUR_MS) -> Bars:
    """Build bars from open, high, low, close, volume; a row of None is an absent stamp."""
    step = market.timeframe.ms
    present = [(i, [float(x or 0.0) for x in row]) for i, row in enumerate(rows) if row[0] is not None]
    columns = np.array([row for _, row in present]).T
    return Bars.from_columns(market, [first_ms + i * step for i, _ in present], *columns)


def random_bars(
    rng: np.random.Generator, n: int, *, grid: float = 0.0, rough: float = 1.0, market: Market = HOURLY
) -> Bars:
    """Bars around 100 with gaps, flat bars, bars without volume, impossible and absent ones."""
    price = 100.0
    rows: list[list[float | None]] = []
    volatility = float(rng.choice([0.3, 0.8, 1.5]))

    def on_grid(x: float) -> float:
        return round(x / grid) * grid if grid > 0 else x

    while len(rows) < n:
        kind = rng.random()
        if rows and kind < 0.04 * rough:
            rows += [[None] * 5] * int(rng.integers(1, 4))
            continue
        if rows and kind < 0.042 * rough:
            rows += [[None] * 5] * 25
            continue
        gap = rng.normal() * volatility * (4.0 if rng.random() < 0.12 * rough else 0.15)
        o = on_grid(max(price + gap, 20.0))
        c = on_grid(max(o + rng.normal() * volatility, 20.0))
        wicks = rng.exponential(0.6 * volatility, 2) * (rng.random(2) < 0.85)
        h, lo = on_grid(max(o, c) + wicks[0]), on_grid(max(min(o, c) - wicks[1], 10.0))
        volume = float(rng.integers(1, 50))
        if kind < 0.08 * rough:
            h = lo = c = o
        elif kind < 0.12 * rough:
            volume = 0.0
        elif kind < 0.135 * rough and h - 0.5 > lo:
            c = h + 0.25  # impossible: closes above its high
        rows.append([o, h, lo, c, volume])
        price = c + (100.0 - c) * 0.02
    rows = rows[:n]
    for i in range(int(rng.integers(0, 4)) if rng.random() < 0.3 * rough else 0):
        if rows[-1 - i][0] is not None:
            rows[-1 - i][4] = 0.0
    if rows[-1][0] is None:
        rows[-1] = [100.0, 101.0, 99.0, 100.0, 0.0]
    step = market.timeframe.ms
    return bars_of(rows, market=market, first_ms=int(rng.integers(0, 48)) * HOUR_MS // step * step)


@dataclass(frozen=True)
class Case:
    """One random run: rows with their exits, both for the engine and for the oracle."""

    bars: Bars
    signals: Signals
    brackets: tuple[Bracket, ...]
    money: Money
    span: Span
    delay: int
    opposite: bool
    limits: Limits | None = None

    def run(self) -> Run:
        return replay(
            self.bars,
            self.signals,
            self.money,
            self.span,
            entry_delay=self.delay,
            exit_on_opposite=self.opposite,
            limits=self.limits,
        )

    def orders(self) -> list[OracleOrder]:
        return oracle_orders(self.bars, self.signals.rows, [self.brackets[e] for e in self.signals.exit_of], self.money)

    def answer(self) -> OracleResult:
        bars, orders = oracle_bars(self.bars), self.orders()

        def simulated(gate: CircuitBreakers | None) -> OracleResult:
            return simulate(
                bars,
                orders,
                oracle_costs(self.money),
                self.span.start,
                self.span.stop,
                self.delay,
                exit_on_opposite=self.opposite,
                gate=gate,
            )

        return simulated(None if self.limits is None else self.breakers(bars, self.limits, simulated(None)))

    def breakers(self, bars: OracleBars, limits: Limits, shadow: OracleResult) -> CircuitBreakers:
        """Hand the limits to the oracle."""
        market = self.bars.market
        return CircuitBreakers(
            bars,
            OracleLimits(**asdict(limits)),
            self.span.start,
            shadow,
            bar_minutes=market.timeframe.ms / 60_000,
            days_per_year=market.days_per_year,
        )


def random_bracket(rng: np.random.Generator) -> Bracket:
    """Any way out, in numbers."""

    def perhaps(share: float, value: Any) -> Any:
        return value if rng.random() < share else None

    trail = [None, None, "distance", "extreme"][int(rng.integers(4))]
    return Bracket(
        stop=float(rng.choice([0.75, 1.0, 1.5, 2.5])),
        target=perhaps(0.85, float(rng.choice([0.5, 1.0, 1.5, 2.0, 4.0]))),
        target_in="unit" if rng.random() < 0.3 else "risk",
        target_limited=float(rng.integers(0, 2)),
        min_target_r=float(rng.choice([0.0, 0.0, 0.5, 1.0])),
        partial=perhaps(0.45, float(rng.choice([0.5, 0.75, 1.0, 1.5, 3.0]))),
        max_bars=perhaps(0.7, int(rng.integers(1, 25))),
        trail=trail,  # type: ignore[arg-type]
        trail_activation=None if trail is None else float(rng.choice([0.0, 0.5, 1.0])),
        trail_in="risk" if rng.random() < 0.5 else "unit",
        trail_distance=None if trail is None else float(rng.choice([0.25, 0.75, 1.5])),
        trail_bars=None if trail is None else int(rng.integers(1, 6)),
        cooldown=perhaps(0.4, int(rng.integers(0, 6))),
        cap_a=perhaps(0.3, int(rng.integers(0, 4))),
        cap_b=perhaps(0.3, int(rng.integers(1, 4))),
        min_stop_costs=float(rng.choice([0.0, 0.0, 3.0])),
    )


def random_money(rng: np.random.Generator) -> Money:
    free = rng.random() < 0.15
    costs = Costs(
        fee=0.0 if free else float(rng.choice([0.0, 0.0005, 0.001])),
        slippage=0.0 if free else float(rng.choice([0.0, 0.0005, 0.002])),
        tick=float(rng.choice([0.0, 0.0, 0.01, 0.25])),
        commission=float(rng.choice([0.0, 0.0, 0.04])),
    )
    if rng.random() < 0.4:
        return Money(costs, Sizing("notional"))
    return Money(costs, Sizing("risk", float(rng.choice([0.01, 0.05])), float(rng.choice([1.0, 1.0, 4.0]))))


def random_rows(
    rng: np.random.Generator, bars: Bars, count: int, *, features: Mapping[str, ArrayLike] | None = None
) -> Setups:
    """Rows on valid bars, some on one bar and side, with every column that a bracket reads."""
    t = np.sort(rng.choice(np.flatnonzero(bars.valid), count))
    side = rng.choice([1, -1], count)
    close = bars.close[t]

    def some(share: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(rng.random(count) < share, values, np.nan)

    snap = rng.random() < 0.5  # round numbers, so that touches and ties are exact

    def prices(low: float, high: float) -> NDArray[np.float64]:
        x = rng.uniform(low, high, count)
        return np.round(x * 4) / 4 if snap else x

    flat = np.where(rng.random(count) < 0.35, t + rng.integers(0, 30, count), -1)
    return Setups.build(
        bar=t,
        side=side,
        features=features or {},
        flat_by=flat,
        group_a=np.where(rng.random(count) < 0.8, t // 24, -1),
        group_b=np.where(rng.random(count) < 0.8, 2 * (t // 12) + (side > 0), -1),
        stop_base=some(0.3, close - side * prices(-1.5, 1.0)),
        stop_unit=np.maximum(prices(0.4, 2.5), 0.4),
        stop_floor=some(0.3, prices(0.0, 2.0)),
        anchor=some(0.3, close - side * prices(-1.0, 3.0)),
        target_unit=np.maximum(prices(0.5, 3.0), 0.25),
        target_floor=some(0.3, prices(0.0, 3.0)),
        target_limit=some(0.5, close + side * prices(-0.5, 6.0)),
        invalid_price=some(0.3, close - side * prices(-0.5, 2.5)),
    )


def random_case(
    seed: int, *, shortest: int = 20, longest: int = 220, market: Market = HOURLY, busy: bool = False
) -> Case:
    """Return a random run; a busy one has many more signals and short trades, of which nothing caps the number."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(shortest, longest))
    grid, rough = float(rng.choice([0.0, 0.25])), float(rng.choice([0.0, 1.0, 2.0]))
    bars = random_bars(rng, n, grid=grid, rough=rough, market=market)
    while not bars.valid.any():
        bars = random_bars(rng, n, market=market)
    begin = int(rng.integers(0, n // 3))
    span = Span(begin, int(rng.integers(begin + 1, n + 1)) if rng.random() < 0.5 else n)
    money = random_money(rng)
    brackets = tuple(random_bracket(rng) for _ in range(int(rng.integers(1, 4))))
    if busy:
        brackets = tuple(
            replace(b, max_bars=int(rng.integers(1, 6)), cooldown=None, cap_a=None, cap_b=None) for b in brackets
        )
    count = int(rng.integers(n // 2, 2 * n)) if busy else int(rng.integers(1, max(2, n // 3)))
    which = rng.integers(0, len(brackets), count)
    rows = eligible(bars, random_rows(rng, bars, count, features={"exit": which}), span)
    exits = np.array([b.vector({}) for b in brackets])
    signals = Signals(rows, rows.features["exit"].astype(np.int64), exits)
    return Case(
        bars=bars,
        signals=signals,
        brackets=brackets,
        money=money,
        span=span,
        delay=int(rng.integers(0, 3)) if rng.random() < 0.25 else 0,
        opposite=rng.random() < 0.3,
    )


SAME_NAME = (
    "signal_bar",
    "side",
    "entry_bar",
    "exit_bar",
    "entry_raw",
    "entry_price",
    "exit_raw",
    "exit_price",
    "partial_raw",
    "size",
    "net_return",
    "gross_return",
    "r_multiple",
    "bars_held",
    "ambiguous",
)
EXACT_MEASURES = (
    "exposure",
    "total_trades",
    "win_rate",
    "gross_win_rate",
    "net_profit_pct",
    "profit_factor",
    "max_drawdown_pct",
    "sharpe_ratio",
    "sortino_ratio",
    "expectancy_pct",
    "fill_rate",
    "ambiguous_trades",
)
SUMS = {
    "equity": layout.SUM_EQUITY,
    "gain": layout.SUM_GAINS,
    "loss": layout.SUM_LOSSES,
    "drawdown": layout.SUM_DRAWDOWN,
    "days": layout.SUM_DAYS,
    "s1": layout.SUM_RETURNS,
    "s2": layout.SUM_RETURNS_SQUARED,
    "sdown": layout.SUM_LOSSES_SQUARED,
}


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)


def differences(
    run: Run, answer: OracleResult, bars: Bars, orders: Sequence[OracleOrder] = ()
) -> list[tuple[Any, ...]]:
    """Everything in which a run differs from the oracle's answer, floats to the last bit."""
    found: list[tuple[Any, ...]] = []

    def check(what: str, got: Any, expected: Any) -> None:
        if not _same(got, expected):
            found.append((what, got, expected))

    check("trades", len(run.trades), len(answer.trades))
    check("orders_sent", run.orders_sent, answer.orders_sent)
    order_of = {o.bar: o for o in orders}
    for i, expected in enumerate(answer.trades[: len(run.trades)]):
        for name in SAME_NAME:
            check(f"{i} {name}", getattr(run.trades, name)[i].item(), getattr(expected, name))
        check(f"{i} reason", REASONS[run.trades.reason[i]], expected.reason)
        check(f"{i} optimistic", run.trades.optimistic_return[i].item(), expected.net_return_optimistic)
        check(f"{i} flag", bool(run.trades.flat_bar_absent[i]), expected.flag == "flat_bar_absent")
        if orders:
            check(f"{i} stop", run.trades.stop[i].item(), order_of[expected.signal_bar].stop)
            check(f"{i} target", run.trades.target[i].item(), order_of[expected.signal_bar].target)
    if run.equity.tolist() != answer.equity_by_day:
        found.append(("equity by day", run.equity.tolist(), answer.equity_by_day))
    for name, field in SUMS.items():
        check(name, float(run.sums[field]), answer.sums[name])
    measures = measure(run, bars)
    for name in EXACT_MEASURES:
        check(name, measures[name], answer.measures[name])
    for name, other in (("expectancy_r", "expectancy_r"), ("optimistic_net_profit_pct", "net_profit_pct_optimistic")):
        got, expected_value = measures[name], answer.measures[other]
        if not math.isclose(got, expected_value, rel_tol=1e-9, abs_tol=1e-9):
            check(name, got, expected_value)
    return found


def case_differences(case: Case) -> list[tuple[Any, ...]]:
    """Replay a case and compare it with the oracle."""
    return differences(case.run(), case.answer(), case.bars, case.orders())


QUIET = (100.0, 100.5, 99.5, 100.0, 10.0)


def quiet(
    n: int, changes: Mapping[int, tuple[float, float, float, float, float]]
) -> list[tuple[float, float, float, float, float]]:
    """Quiet bars around 100 with some replaced."""
    return [changes.get(j, QUIET) for j in range(n)]


def row_at(**changes: Any) -> dict[str, Any]:
    return {"bar": 2, "side": 1, "stop": 98.0, "target": 104.0, "max_bars": 20} | changes


OWN_ANSWERS: dict[str, Any] = {
    "costs": {"fee": 0.0, "slippage": 0.0, "sizing": "notional"},
    "reference_price": 100.0,
    "cases": [
        {
            "name": "target_before_the_first_target",
            "bars": quiet(8, {4: (100.0, 107.0, 99.9, 101.0, 10.0)}),
            "row": row_at(target=103.0, partial=106.0),
            "expected": {
                "filled": True,
                "exit_bar": 4,
                "exit_raw": 103.0,
                "reason": "TAKE_PROFIT",
                "net_return": 103.0 / 100.0 - 1.0,
                "ambiguous": False,
            },
        },
        {
            # Bar 4 trails the stop to 102.5. Bar 5 opens beyond R1 and falls to 102.2: not to break-even.
            "name": "trailed_stop_at_an_open_beyond_the_first_target",
            "bars": quiet(9, {4: (100.0, 103.6, 99.8, 103.5, 10.0), 5: (104.5, 104.6, 102.2, 104.0, 10.0)}),
            "row": row_at(target=110.0, partial=104.0, trail={"activation": 1.0, "distance": 1.0}),
            "expected": {
                "filled": True,
                "exit_bar": 5,
                "exit_raw": 102.5,
                "partial_raw": 104.5,
                "reason": "TRAILING_STOP",
                "net_return": 0.5 * (104.5 / 100.0 - 1.0) + 0.5 * (102.5 / 100.0 - 1.0),
                "ambiguous": False,
            },
        },
        {
            # An open at the stop is beyond doubt, whatever the range holds.
            "name": "open_at_the_stop",
            "bars": quiet(8, {4: (98.0, 104.5, 97.0, 101.0, 10.0)}),
            "row": row_at(),
            "expected": {
                "filled": True,
                "exit_bar": 4,
                "exit_raw": 98.0,
                "reason": "STOP_LOSS",
                "net_return": 98.0 / 100.0 - 1.0,
                "ambiguous": False,
            },
        },
    ],
}
"""Cases of our own, laid out like the shared worked cases; worked out by hand."""

FAR = 1e6
"""A multiple so large that the target is always its limit."""


def trade_row(
    bars: Sequence[Sequence[float | None]],
    row: dict[str, Any],
    money: Money,
    *,
    reference: float = 100.0,
    delay: int = 0,
) -> Run:
    """Replay one row whose prices are given as they are."""
    frame = bars_of(bars, first_ms=0)
    trail = row.get("trail") or {}
    partial = row.get("partial")
    bracket = Bracket(
        stop=0.0,
        target=None if row["target"] is None else FAR,
        partial=None if partial is None else abs(partial - reference) / abs(reference - row["stop"]),
        max_bars=row["max_bars"],
        trail="distance" if trail else None,
        trail_activation=trail.get("activation"),
        trail_distance=trail.get("distance"),
    )
    setups = Setups.build(
        bar=[row["bar"]],
        side=[row["side"]],
        features={},
        flat_by=[row.get("flat_by", -1)],
        stop_base=[row["stop"]],
        stop_unit=[1.0],
        target_limit=[math.nan if row["target"] is None else row["target"]],
    )
    span = Span(0, len(frame))
    signals = Signals.select(frame, setups, (), bracket, {}, span)
    return replay(frame, signals, money, span, entry_delay=delay)


def first_trade(run: Run) -> dict[str, Any]:
    trades = run.trades
    names = (*SAME_NAME, "stop", "target")
    found = {name: getattr(trades, name)[0].item() for name in names}
    found["reason"] = REASONS[trades.reason[0]]
    found["flag"] = "flat_bar_absent" if trades.flat_bar_absent[0] else ""
    found["net_return_optimistic"] = trades.optimistic_return[0].item()
    return found


def worked_differences(answers: dict[str, Any], case: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Everything in which the replay of a worked case differs from its answer."""
    costs, expected = answers["costs"], case["expected"]
    money = Money(Costs(costs["fee"], costs["slippage"]), Sizing(costs["sizing"]))
    run = trade_row(case["bars"], case["row"], money, reference=answers["reference_price"])
    if run.orders_sent != 1 or len(run.trades) != int(expected["filled"]):
        return [("orders and fills", run.orders_sent, len(run.trades))]
    if not expected["filled"]:
        return [] if run.equity.tolist() == [1.0] else [("equity", run.equity.tolist(), [1.0])]
    found = first_trade(run)
    wanted = {key: value for key, value in expected.items() if key != "filled"}
    wanted |= {"signal_bar": case["row"]["bar"], "stop": case["row"]["stop"], "size": 1.0}
    wanted |= {"target": math.nan if case["row"]["target"] is None else case["row"]["target"]}
    wanted.setdefault("partial_raw", math.nan)
    if not expected["ambiguous"]:
        wanted["net_return_optimistic"] = found["net_return"]
    wrong = []
    for field, value in wanted.items():
        near = isinstance(value, float) and math.isclose(found[field], value, rel_tol=1e-15, abs_tol=0.0)
        if not near and not _same(found[field], value):
            wrong.append((field, found[field], value))
    if run.equity.tolist() != [1.0 + found["net_return"]]:
        wrong.append(("equity", run.equity.tolist(), 1.0 + found["net_return"]))
    return wrong
