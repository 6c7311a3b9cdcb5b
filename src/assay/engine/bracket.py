"""`Bracket`: how every strategy leaves a position. One general form, so that one kernel serves all."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np

from assay.engine.layout import EXITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from assay.parameters import Value


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting that a parameter of few values chooses: a mode.

    Attributes
    ----------
    parameter : str
        The parameter that chooses.
    settings : tuple of (value, setting)
        What stands for each of its values: the name of a parameter, a fixed number, or None.
    """

    parameter: str
    settings: tuple[tuple[Value, str | float | None], ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that it reads."""
        return (self.parameter, *(chosen for _, chosen in self.settings if isinstance(chosen, str)))

    def chosen(self, values: Mapping[str, Value]) -> str | float | None:
        """Return the setting that stands for the parameter's value."""
        return dict(self.settings)[values[self.parameter]]


Setting = str | Switch | float | None
"""The name of a parameter, a mode that a parameter chooses, a fixed number, or None for 'not used'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """Stop, target and all other ways out, in terms of parameters and of the columns of `Setups`.

    stop = stop_base - max(stop_floor, stop_multiple x stop_unit), or the anchor where that is further
    away; risk = |close - stop|; target = close + max(target_floor, target_multiple x (risk or
    target_unit)), limited by target_limit. All mirrored for shorts. A row whose stop does not lie on the losing side of
    the close is no signal.

    Attributes
    ----------
    stop : str or float
        Multiple of `stop_unit`.
    target : str, Switch, float or None
        Multiple of the risk, or of `target_unit` when `target_in` is "unit"; infinity leaves it to `target_limit`.
    target_limited : str, Switch, float or None
        Whether `target_limit` is used (a number or a 0/1 parameter; True where the column is given).
    min_target_r : str, Switch or float
        A signal whose target is worth less than this many risks is none.
    partial : str, float or None
        Half is taken off at this multiple of the risk; the stop is then at break-even.
    max_bars : str, float or None
        Time stop in held bars.
    trail : {None, "distance", "extreme"}
        "distance": best close - trail_distance x stop_unit; "extreme": the extreme of the last
        trail_bars bars. Armed once the best close is trail_activation (risks or stop_units) away.
    cooldown : str, float or None
        Bars after an exit without a new signal.
    cap_a, cap_b : str, float or None
        At most this many fills per id of `group_a`, `group_b`.
    min_stop_costs : float
        Keeps the stop at least this many round trips of cost away; 0 = off.
    """

    stop: str | float
    target: Setting = None
    target_in: Literal["risk", "unit"] = "risk"
    target_limited: Setting = 1.0
    min_target_r: Setting = 0.0
    partial: Setting = None
    max_bars: str | float | None = None
    trail: Literal["distance", "extreme"] | None = None
    trail_activation: Setting = None
    trail_in: Literal["unit", "risk"] = "unit"
    trail_distance: Setting = None
    trail_bars: Setting = None
    cooldown: Setting = None
    cap_a: Setting = None
    cap_b: Setting = None
    min_stop_costs: Setting = 0.0

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that the bracket reads, in order of its fields."""
        modes = {"target_in", "trail", "trail_in"}
        values = [getattr(self, f.name) for f in fields(self) if f.name not in modes]
        names = [n for v in values for n in (v.parameters if isinstance(v, Switch) else (v,))]
        return tuple(dict.fromkeys(n for n in names if isinstance(n, str)))

    def vector(self, values: Mapping[str, Value]) -> NDArray[np.float64]:
        """Return one exit combination as float64 of shape (16,), its fields are `EXITS`."""

        def number(setting: Setting, missing: float = math.nan) -> float:
            if isinstance(setting, Switch):
                setting = setting.chosen(values)
            if setting is None:
                return missing
            return float(values[setting]) if isinstance(setting, str) else float(setting)

        resolved = {
            "stop_multiple": number(self.stop),
            "target_multiple": number(self.target),
            "target_in_unit": float(self.target_in == "unit"),
            "target_limited": number(self.target_limited, 0.0),
            "min_target_r": number(self.min_target_r, 0.0),
            "partial_r": number(self.partial),
            "max_bars": number(self.max_bars, 0.0),
            "trail_kind": {None: 0.0, "distance": 1.0, "extreme": 2.0}[self.trail],
            "trail_activation": number(self.trail_activation),
            "trail_in_risk": float(self.trail_in == "risk"),
            "trail_distance": number(self.trail_distance),
            "trail_bars": number(self.trail_bars, 0.0),
            "cooldown": number(self.cooldown, 0.0),
            "cap_a": number(self.cap_a, -1.0),
            "cap_b": number(self.cap_b, -1.0),
            "stop_costs": number(self.min_stop_costs, 0.0),
        }
        return np.array([resolved[name] for name in EXITS])

    def vectors(self, combinations: Iterable[Mapping[str, Value]]) -> NDArray[np.float64]:
        """Return several exit combinations, shape (n, 16)."""
        return np.array([self.vector(c) for c in combinations], dtype=np.float64).reshape(-1, len(EXITS))
