"""`Execution`: on what terms signals become trades. One value, from the command line down to the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from assay.engine.costs import Costs, Money, Sizing
from assay.errors import InputError, require, wrong_choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine.bracket import Bracket
    from assay.market import Market


MAX_STOP_COSTS = 1_000_000.0
"""No stop lies so many round trips of cost away: an endless one would be no stop."""

COST_TERMS = ("fee", "slippage", "tick", "commission")
SIZING_TERMS = ("method", "risk_fraction", "leverage_cap")
"""Names of costs and sizing in documents and in the canonical form of an experiment."""


class Side(StrEnum):
    """The sides that a run may trade."""

    BOTH = "both"
    LONG = "long"
    SHORT = "short"

    @property
    def signs(self) -> tuple[int, ...]:
        """+1 for long, -1 for short, in the kernels' order."""
        return {Side.BOTH: (1, -1), Side.LONG: (1,), Side.SHORT: (-1,)}[self]

    @classmethod
    def parse(cls, text: str) -> Side:
        """Return the side of a text.

        Raises
        ------
        InputError
            For any other text, with the near name.
        """
        known = [side.value for side in cls]
        if text not in known:
            raise wrong_choice("side", text, known)
        return cls(text)


@dataclass(frozen=True, slots=True)
class Execution:
    """Which sides are traded, at what costs, in what size, and how close a stop may lie.

    Attributes
    ----------
    sides : Side
        Its text will do.
    costs : Costs
    sizing : Sizing
    min_stop_costs : float
        Stops stay at least this many round trips of cost away; 0 = off.
    """

    sides: Side = Side.BOTH
    costs: Costs = field(default_factory=Costs)
    sizing: Sizing = field(default_factory=Sizing)
    min_stop_costs: float = 0.0

    def __post_init__(self) -> None:
        require("costs", self.costs, Costs)
        require("sizing", self.sizing, Sizing)
        object.__setattr__(self, "sides", Side.parse(self.sides))
        object.__setattr__(self, "min_stop_costs", float(self.min_stop_costs))
        if not self.min_stop_costs >= 0:
            raise InputError("min_stop_costs", "must not be negative", self.min_stop_costs)
        if math.isinf(self.min_stop_costs):
            raise InputError("min_stop_costs", "must be finite", self.min_stop_costs)
        if self.min_stop_costs > MAX_STOP_COSTS:
            raise InputError("min_stop_costs", f"must be at most {MAX_STOP_COSTS:,.0f}", self.min_stop_costs)

    @property
    def money(self) -> Money:
        """What turns prices into returns, on a market of which nothing is known."""
        return Money(self.costs, self.sizing)

    def on(self, market: Market) -> Execution:
        """Return the same terms with what the market says of its prices: the tick, where it is known."""
        return replace(self, costs=self.costs.on(market))

    def applied_to(self, bracket: Bracket) -> Bracket:
        """Return a strategy's bracket with the least distance of a stop filled in, where one is asked for."""
        return replace(bracket, min_stop_costs=self.min_stop_costs) if self.min_stop_costs else bracket

    def terms(self) -> dict[str, Any]:
        """Return the terms as plain values under the names of documents and of an experiment's canonical form."""
        return {
            "sides": self.sides.value,
            "costs": {name: getattr(self.costs, name) for name in COST_TERMS},
            "sizing": {name: getattr(self.sizing, name) for name in SIZING_TERMS},
            **self.stop_terms(),
        }

    def stop_terms(self) -> dict[str, float]:
        """Return what holds stops away from the price, under the names of `terms`."""
        return {"min_stop_costs": self.min_stop_costs}

    @classmethod
    def from_terms(cls, terms: Mapping[str, Any]) -> Execution:
        """Return what `terms` gave; a key that came later than the terms stands at its default."""
        return cls(
            terms["sides"],
            Costs(**terms["costs"], allow_high=True),  # whoever trained with them meant them
            Sizing(**terms["sizing"]),
            terms.get("min_stop_costs", 0.0),
        )


@dataclass(frozen=True, kw_only=True)
class ExecutionTerms:
    """The terms that a user chooses, side by side: those of options, of a form, of a request's body.

    Attributes
    ----------
    side : str
        both, long or short.
    fee, slippage : float or str
        Fractions of the notional and of the price, per side; ``0.1%`` and ``10bps`` are 0.001. They stay as they were
        written. From 1 % on only a text with its unit is taken (`Costs.of`).
    sizing : str
        risk or notional.
    min_stop_costs : float
        Stops stay this many round trips of cost away; 0 = off.
    """

    side: str = "both"
    fee: float | str = 0.001
    slippage: float | str = 0.0005
    sizing: str = "risk"
    min_stop_costs: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.min_stop_costs, bool) or not isinstance(self.min_stop_costs, int | float):
            raise InputError("min_stop_costs", "must be a number", self.min_stop_costs)
        self.execution()

    def execution(self) -> Execution:
        """Return the terms as one checked value."""
        costs, sizing = Costs.of(self.fee, self.slippage), Sizing(self.sizing)  # type: ignore[arg-type]
        return Execution(Side.parse(self.side), costs, sizing, self.min_stop_costs)

    def on(self, market: Market) -> Execution:
        """Return the terms with what the market says of its prices: the tick, where it is known."""
        return self.execution().on(market)
