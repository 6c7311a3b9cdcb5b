"""What the oracle reads and answers; the levels of an order, and what costs do to a price."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NAN = math.nan
GRID_TOLERANCE = 1e-9


@dataclass
class OracleBars:
    """Bars of one market, one list element per stamp of its calendar.

    ``time`` is the open in milliseconds, ``absent`` marks an inserted stamp, ``day`` is a consecutive day
    ordinal and ``age`` counts bars since the start of the data or since the end of the last hole longer than
    20 bars.
    """

    time: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    absent: list[bool]
    tradable: list[bool]
    valid: list[bool]
    day: list[int]
    age: list[int]

    def __len__(self) -> int:
        return len(self.time)


@dataclass
class OracleOrder:
    """One passing signal with its levels resolved: everything that a trade needs to know."""

    bar: int
    side: int
    close: float
    stop: float
    target: float = NAN
    unit: float = NAN
    partial: float = NAN
    max_bars: int = 0
    invalid_price: float = NAN
    flat_by: int = -1
    trail_kind: str = ""
    trail_activation: float = 0.0
    trail_activation_in: str = "unit"
    trail_distance: float = 0.0
    trail_bars: int = 0
    cooldown: int = 0
    group_a: int = -1
    cap_a: int = 0
    group_b: int = -1
    cap_b: int = 0


@dataclass
class OracleCosts:
    """Costs per side and sizing; ``commission`` is in price points per side."""

    fee: float = 0.001
    slippage: float = 0.0005
    tick: float = 0.0
    commission: float = 0.0
    sizing: str = "risk"
    risk_fraction: float = 0.01
    leverage_cap: float = 1.0


@dataclass
class OracleTrade:
    """One closed position; the exit fields are those of its last leg."""

    signal_bar: int
    side: int
    entry_bar: int
    exit_bar: int
    entry_raw: float
    entry_price: float
    exit_raw: float
    exit_price: float
    partial_raw: float
    size: float
    net_return: float
    gross_return: float
    r_multiple: float
    reason: str
    ambiguous: bool
    net_return_optimistic: float
    bars_held: int
    flag: str


@dataclass
class OracleResult:
    """Trades, orders sent, the value of every day from the start on, and the measures of the run.

    ``held_back`` names, by signal bar, why a gate kept an order from being sent.
    """

    trades: list[OracleTrade]
    orders_sent: int
    equity_by_day: list[float]
    measures: dict[str, float]
    sums: dict[str, float] = field(default_factory=dict)
    held_back: dict[int, str] = field(default_factory=dict)


def round_to_tick(price: float, tick: float, *, upwards: bool) -> float:
    """Move a price onto the tick grid in one direction; a price on the grid (within 1e-9 ticks) stays."""
    if tick <= 0.0 or not math.isfinite(price):
        return price
    if upwards:
        return math.ceil(price / tick - GRID_TOLERANCE) * tick
    return math.floor(price / tick + GRID_TOLERANCE) * tick


def make_order(
    bar: int,
    side: int,
    close: float,
    unit: float,
    *,
    multiple: float,
    floor: float = 0.0,
    base: float = NAN,
    anchor: float = NAN,
    tick: float = 0.0,
    target_multiple: float = NAN,
    target_unit: float = NAN,
    target_floor: float = 0.0,
    target_limit: float = NAN,
    r1: float = NAN,
    min_target_r: float = 0.0,
    max_bars: int = 0,
    invalid_price: float = NAN,
    flat_by: int = -1,
    trail_kind: str = "",
    trail_activation: float = 0.0,
    trail_activation_in: str = "unit",
    trail_distance: float = 0.0,
    trail_bars: int = 0,
    cooldown: int = 0,
    group_a: int = -1,
    cap_a: int = 0,
    group_b: int = -1,
    cap_b: int = 0,
) -> OracleOrder | None:
    """Resolve the bracket of one row.

    Parameters
    ----------
    multiple, floor, base, anchor
        The stop is ``base - side*max(floor, multiple*unit)`` (base: the close unless given), and the further
        of it and the anchor.
    target_multiple, target_unit, target_floor, target_limit
        Target distance in ``target_unit`` or, without one, in the risk; nan multiple: no target.
    r1
        Partial exit in multiples of the risk; nan: none.

    Returns
    -------
    The order, or None when the row is no signal.
    """
    if 0 <= flat_by <= bar:
        return None
    distance = max(floor, multiple * unit) if not math.isnan(multiple * unit) else NAN
    stop = (close if math.isnan(base) else base) - side * distance
    if math.isnan(stop):
        return None
    if math.isfinite(anchor):
        stop = min(stop, anchor) if side > 0 else max(stop, anchor)
    stop = round_to_tick(stop, tick, upwards=side < 0)
    risk = abs(close - stop)
    if not side * (close - stop) > 0.0:
        return None  # a stop beyond the close would fill at once, at a price better than the market's

    target = NAN
    if not math.isnan(target_multiple):
        reach = target_multiple * (risk if math.isnan(target_unit) else target_unit)
        target = close + side * max(target_floor, reach)
        if math.isfinite(target_limit):
            target = min(target, target_limit) if side > 0 else max(target, target_limit)
        target = round_to_tick(target, tick, upwards=side > 0)
        worth = side * (target - close)
        if not worth > 0.0 or worth < min_target_r * risk:
            return None
    partial = NAN
    if not math.isnan(r1):
        partial = round_to_tick(close + side * r1 * risk, tick, upwards=side > 0)

    return OracleOrder(
        bar=bar,
        side=side,
        close=close,
        stop=stop,
        target=target,
        unit=unit,
        partial=partial,
        max_bars=max_bars,
        invalid_price=invalid_price,
        flat_by=flat_by,
        trail_kind=trail_kind,
        trail_activation=trail_activation,
        trail_activation_in=trail_activation_in,
        trail_distance=trail_distance,
        trail_bars=trail_bars,
        cooldown=cooldown,
        group_a=group_a,
        cap_a=cap_a,
        group_b=group_b,
        cap_b=cap_b,
    )


def resolve_signals(orders: Iterable[OracleOrder]) -> list[OracleOrder]:
    """Keep the first order per bar and side, none where both sides signal; sorted by bar."""
    first: dict[int, dict[int, OracleOrder]] = {}
    for order in orders:
        first.setdefault(order.bar, {}).setdefault(order.side, order)
    return [next(iter(sides.values())) for _, sides in sorted(first.items()) if len(sides) == 1]


def entry_fill(price: float, side: int, costs: OracleCosts) -> float:
    """Return the entry price after slippage, at least one tick where the tick is known."""
    if costs.tick > price * costs.slippage:
        return price + side * costs.tick
    return price * (1.0 + side * costs.slippage)


def exit_fill(level: float, side: int, costs: OracleCosts) -> float:
    """Return the exit price after slippage, at least one tick where the tick is known."""
    if costs.tick > level * costs.slippage:
        return level - side * costs.tick
    return level * (1.0 - side * costs.slippage)


def leg_return(raw: float, entry: float, side: int, costs: OracleCosts) -> float:
    """Return the net return on notional of a leg that leaves at the raw price."""
    x = exit_fill(raw, side, costs)
    return side * (x / entry - 1.0) - costs.fee * (1.0 + x / entry) - (costs.commission + costs.commission) / entry


def position_size(order: OracleOrder, costs: OracleCosts) -> float:
    """Return the notional as a share of equity, fixed at the signal."""
    if costs.sizing == "notional":
        return 1.0
    if costs.sizing != "risk":
        raise ValueError(f"unknown sizing {costs.sizing!r}")
    return min(costs.leverage_cap, costs.risk_fraction * order.close / abs(order.close - order.stop))
