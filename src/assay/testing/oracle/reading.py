"""Hands what a strategy says to the oracle: rules, bracket and rows, read one by one."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import Rule, Switch
from assay.testing.oracle.orders import (
    NAN,
    OracleBars,
    OracleCosts,
    OracleStop,
    OracleTarget,
    make_order,
    resolve_signals,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.engine import Bracket, Money, Setups, Span
    from assay.engine.bracket import Setting
    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy
    from assay.testing.oracle.orders import OracleOrder

_LONG_HOLE = 20
_MODES = {"target_in", "trail", "trail_in"}


def oracle_bars(bars: Bars) -> OracleBars:
    """Hand bars over; an absent bar has no prices there, and age is counted anew."""
    absent = bars.absent.tolist()
    age: list[int] = []
    hole = 0
    for gone in absent:
        age.append(0 if not age or (not gone and hole > _LONG_HOLE) else age[-1] + 1)
        hole = hole + 1 if gone else 0
    prices = [np.where(bars.absent, np.nan, x).tolist() for x in (bars.open, bars.high, bars.low, bars.close)]
    return OracleBars(
        time=bars.time.tolist(),
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=bars.volume.tolist(),
        absent=absent,
        tradable=bars.tradable.tolist(),
        valid=bars.valid.tolist(),
        day=bars.day.tolist(),
        age=age,
    )


def oracle_costs(money: Money) -> OracleCosts:
    """Hand costs and sizing over."""
    c, s = money.costs, money.sizing
    return OracleCosts(c.fee, c.slippage, c.tick, c.commission, s.method, s.risk_fraction, s.leverage_cap)


def oracle_orders(bars: Bars, rows: Setups, brackets: Sequence[Bracket], money: Money) -> list[OracleOrder]:
    """Resolve rows, each under a bracket of numbers (no parameter names), and keep those that are signals."""
    orders = []
    costs = money.costs
    for i, b in enumerate(brackets):
        t, side = int(rows.bar[i]), int(rows.side[i])
        base, unit, floor, anchor, target_unit, target_floor, limit, invalid = map(float, rows.levels[i])
        close = float(bars.close[t])
        floor = 0.0 if np.isnan(floor) else floor
        order = make_order(
            t,
            side,
            close,
            unit,
            OracleStop(
                multiple=_number(b.stop),
                floor=max(floor, _number(b.min_stop_costs, 0.0) * (2.0 * (costs.fee + costs.slippage)) * close),
                base=base,
                anchor=anchor,
            ),
            OracleTarget(
                multiple=_number(b.target),
                unit=target_unit if b.target_in == "unit" else NAN,
                floor=0.0 if np.isnan(target_floor) else target_floor,
                limit=limit if _number(b.target_limited) > 0 else NAN,
                min_r=_number(b.min_target_r, 0.0),
            ),
            r1=_number(b.partial),
            tick=costs.tick,
            max_bars=int(_number(b.max_bars, 0)),
            invalid_price=invalid,
            flat_by=int(rows.flat_by[i]),
            trail_kind=b.trail or "",
            trail_activation=_number(b.trail_activation),
            trail_activation_in=b.trail_in,
            trail_distance=_number(b.trail_distance),
            trail_bars=int(_number(b.trail_bars, 0)),
            cooldown=int(_number(b.cooldown, 0)),
            group_a=-1 if b.cap_a is None else int(rows.groups[i, 0]),
            cap_a=int(_number(b.cap_a, 0)),
            group_b=-1 if b.cap_b is None else int(rows.groups[i, 1]),
            cap_b=int(_number(b.cap_b, 0)),
        )
        if order is not None:
            orders.append(order)
    return resolve_signals(orders)


def orders_of(
    strategy: Strategy,
    bars: Bars,
    plain: OracleBars,
    values: Mapping[str, Value],
    span: Span,
    sides: str,
    money: Money,
) -> list[OracleOrder]:
    """Return what a strategy would send with these parameters on bars (`plain` are the same), were no position open."""
    rows = strategy.all_setups(bars, values, sides)
    chosen = [
        i
        for i, t in enumerate(rows.bar.tolist())
        if span.start <= t < span.stop
        and plain.valid[t]
        and plain.age[t] >= span.warmup
        and all(meets(rule, _features(rows, i), values) for rule in strategy.rules)
    ]
    bracket = in_numbers(strategy.bracket, values)
    return oracle_orders(bars, rows.take(np.array(chosen, dtype=np.int64)), [bracket] * len(chosen), money)


def _features(rows: Setups, row: int) -> dict[str, float]:
    return {name: float(column[row]) for name, column in rows.features.items()}


def meets(rule: AnyRule, features: Mapping[str, float], values: Mapping[str, Value]) -> bool:
    """Whether one row meets a rule; NaN meets none."""
    if not isinstance(rule, Rule):
        votes = sum(weight for weight, one in rule.conditions if meets(one, features, values))
        return votes >= round(100 * float(values[rule.threshold]))
    feature = features[rule.feature]
    limit = float(values[rule.limit] if isinstance(rule.limit, str) else rule.limit)
    if rule.comparison == "equals":
        return feature == limit
    return feature >= limit if rule.comparison == "at_least" else feature <= limit


def in_numbers(bracket: Bracket, values: Mapping[str, Value]) -> Bracket:
    """Return a bracket with the value of each parameter in place of its name."""

    def number(setting: Setting) -> float | None:
        if isinstance(setting, Switch):
            (setting,) = (chosen for value, chosen in setting.settings if value == values[setting.parameter])
        if setting is None:
            return None
        return float(values[setting]) if isinstance(setting, str) else float(setting)

    settings: dict[str, Any] = {
        f.name: number(getattr(bracket, f.name)) for f in fields(bracket) if f.name not in _MODES
    }
    return replace(bracket, **settings)


def _number(setting: Setting, missing: float = NAN) -> float:
    assert not isinstance(setting, str | Switch)  # noqa: S101  (a bracket in numbers)
    return missing if setting is None else setting
