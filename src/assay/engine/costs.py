"""What a trade costs, and how large it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from assay.engine.layout import COSTS
from assay.errors import InputError, wrong_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Market

SIZINGS = ("risk", "notional")
"""Names of `Sizing.method`."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs per side.

    Attributes
    ----------
    fee : float
        Fraction of the traded notional.
    slippage : float
        Fraction of the price, always adverse; at least one tick where the tick is known.
    tick : float
        Smallest price step in price units; 0 when unknown.
    commission : float
        Price points per side (a contract's commission over its point value).
    """

    fee: float = 0.001
    slippage: float = 0.0005
    tick: float = 0.0
    commission: float = 0.0

    def __post_init__(self) -> None:
        for name in ("fee", "slippage"):
            value = getattr(self, name)
            if not 0 <= value < 0.5:
                raise InputError(name, "must be a fraction in [0, 0.5)", value)
        for name in ("tick", "commission"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise InputError(name, "must be finite and not negative", value)

    @property
    def round_trip(self) -> float:
        """Fees and slippage of entry and exit together, as a fraction of the price."""
        return 2.0 * (self.fee + self.slippage)

    def on(self, market: Market) -> Costs:
        """Return these costs with the market's tick, where it is known."""
        return replace(self, tick=market.tick) if market.tick is not None else self

    def times(self, factor: float) -> Costs:
        """Return the same costs, larger or smaller; the tick is the market's and stays."""
        return replace(
            self,
            fee=self.fee * factor,
            slippage=self.slippage * factor,
            commission=self.commission * factor,
        )


@dataclass(frozen=True, slots=True)
class Sizing:
    """How much of the equity a trade moves.

    Attributes
    ----------
    method : {"risk", "notional"}
        "risk": min(leverage_cap, risk_fraction x close / stop distance), fixed at the signal;
        "notional": 1.
    """

    method: Literal["risk", "notional"] = "risk"
    risk_fraction: float = 0.01
    leverage_cap: float = 1.0

    def __post_init__(self) -> None:
        if str(self.method).lower() == "kelly":
            raise InputError(
                "sizing",
                "must be 'risk' or 'notional': the Kelly fraction is known only of an edge that is proven",
                self.method,
                hint="the report of a MATURE configuration shows it sized by Kelly",
            )
        if self.method not in SIZINGS:
            raise wrong_choice("sizing", self.method, SIZINGS)
        if not 0 < self.risk_fraction <= 1:
            raise InputError("risk_fraction", "must be a fraction in (0, 1]", self.risk_fraction)
        if not 0 < self.leverage_cap <= 100:
            raise InputError("leverage_cap", "must lie in (0, 100]", self.leverage_cap)


@dataclass(frozen=True, slots=True)
class Money:
    """Costs and sizing together: all that turns prices into returns.

    Attributes
    ----------
    costs : Costs
    sizing : Sizing
    stop_floor_costs : float or None
        Round trip in which a stop's least distance is counted; that of `costs` unless a test of dearer costs keeps it.
    """

    costs: Costs = field(default_factory=Costs)
    sizing: Sizing = field(default_factory=Sizing)
    stop_floor_costs: float | None = None

    def on(self, market: Market) -> Money:
        """Return the same with the market's tick, where it is known."""
        return replace(self, costs=self.costs.on(market))

    @property
    def vector(self) -> NDArray[np.float64]:
        """The kernels' form, float64 of shape (8,): the fields of `COSTS`."""
        c, s = self.costs, self.sizing
        floor = c.round_trip if self.stop_floor_costs is None else self.stop_floor_costs
        fields = {
            "fee": c.fee,
            "slippage": c.slippage,
            "tick": c.tick,
            "commission": c.commission,
            "risk_sizing": s.method == "risk",
            "risk_fraction": s.risk_fraction,
            "leverage_cap": s.leverage_cap,
            "stop_floor": floor,
        }
        return np.array([fields[name] for name in COSTS], dtype=np.float64)


def calculate_position_size(
    entry_price: float,
    stop_loss: float,
    account_balance: float,
    risk_percent: float = 0.01,
    *,
    leverage_cap: float = math.inf,
) -> float:
    """Return the units that lose `risk_percent` (a fraction) of the balance when the stop is hit.

    Parameters
    ----------
    entry_price, stop_loss : float
        Above 0; a stop above the entry is a short's.
    account_balance : float
        In the currency of the prices.
    risk_percent : float
        A fraction in (0, 1], whatever the name says: .01 is one percent.
    leverage_cap : float
        Most notional per balance: a stop close to the entry asks for more than an account may hold.

    Raises
    ------
    InputError
        When the stop equals the entry (no size limits that loss), or a number lies outside its range.
    """
    for name, value in (("entry_price", entry_price), ("stop_loss", stop_loss), ("leverage_cap", leverage_cap)):
        if not value > 0:
            raise InputError(name, "must be above 0", value)
    if not 0 <= account_balance < math.inf:
        raise InputError("account_balance", "must be finite and not negative", account_balance)
    if not 0 < risk_percent <= 1:
        raise InputError("risk_percent", "must be a fraction in (0, 1]", risk_percent)
    distance = abs(entry_price - stop_loss)
    if not (distance > 0 and math.isfinite(distance)):
        raise InputError("stop_loss", "must differ from entry_price", stop_loss)
    return account_balance * min(risk_percent / distance, leverage_cap / entry_price)
