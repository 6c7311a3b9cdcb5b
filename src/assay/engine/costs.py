"""What a trade costs, and how large it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, SupportsFloat

import numpy as np

from assay.engine.layout import COSTS
from assay.errors import InputError, wrong_choice
from assay.fractions import has_unit, parse_fraction, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Market

SIZINGS = ("risk", "notional")
"""Names of `Sizing.method`."""


HIGH = 0.01
"""From here on a bare number is rather 0.1 % written as 0.1: that it is meant has to be said."""

_CHARGED = ("fee", "slippage")


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs per side.

    A fee or slippage of 1 % or more is refused unless it is meant: ``Costs.of(fee="10%")``.

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
    allow_high : bool
        Whether 1 % or more is meant; no part of what costs are equal by.
    """

    fee: float = 0.001
    slippage: float = 0.0005
    tick: float = 0.0
    commission: float = 0.0
    allow_high: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in _CHARGED:
            _check(name, getattr(self, name), is_meant=self.allow_high)
        for name in ("tick", "commission"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise InputError(name, "must be finite and not negative", value)

    @classmethod
    def of(
        cls, fee: float | str = 0.001, slippage: float | str = 0.0005, *, tick: float = 0.0, commission: float = 0.0
    ) -> Costs:
        """Return the costs of numbers and of texts such as ``0.1%`` and ``10bps``.

        Raises
        ------
        InputError
            For what is no fraction in [0, 0.5), and for a bare number of 1 % or more: ``"10%"`` is meant, 0.1 perhaps.
        """
        meant = has_unit(fee) or has_unit(slippage)
        return cls(cost_of("fee", fee), cost_of("slippage", slippage), tick, commission, allow_high=meant)

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
            allow_high=True,
        )


def cost_of(name: str, given: float | str) -> float:
    """Return a fee or slippage as a number; a text with its unit is taken from 1 % on, too.

    Raises
    ------
    InputError
        As `Costs.of`, of the field `name`.
    """
    value = parse_fraction(name, given)
    _check(name, value, is_meant=has_unit(given), given=given)
    return value


def _check(name: str, value: object, *, is_meant: bool, given: object = None) -> None:
    """Refuse costs outside [0, 0.5), and 1 % or more that nobody has said is meant."""
    written = value if given is None else given
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        hint = "Costs.of takes texts such as 10bps" if isinstance(value, str) else ""
        raise InputError(name, "must be a fraction in [0, 0.5)", written, hint)
    number = float(value)
    if not 0 <= number < 0.5:
        hint = f"Percent are written {number:g}%" if 0.5 <= number < 50 and not is_meant else ""
        raise InputError(name, "must be a fraction in [0, 0.5)", written, hint)
    if number >= HIGH and not is_meant:
        rule = (
            f"of 1 % or more a side is taken only with its unit: {percent(number)} if that is meant, else "
            f"{percent(number / 100)}"
        )
        raise InputError(name, rule, written)


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
