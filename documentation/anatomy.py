"""Where the parts of a strategy's pattern lie in the bars: read again from the rules, for a picture of one signal.

A strategy that has a module of its name in `documentation.strategies` is drawn as the module's `anatomy` says, any
other one with its trade alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine.layout import LEVELS
from assay.indicators import volume_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from numpy.typing import NDArray

    from assay.engine import Setups
    from assay.market import Bars
    from assay.strategies import Strategy
    from documentation.candles import Mark


@dataclass(frozen=True)
class Anatomy:
    """The parts of one signal.

    Attributes
    ----------
    first : int
        First bar of the pattern.
    size : float
        Its characteristic distance in price: how well it can be seen.
    marks : tuple
    loud : mapping of int to str
        Bars whose volume the rules ask about.
    usual : float64, shape (n,)
        What their volume is compared with.
    legend : str
        What the marks without a text are.
    """

    first: int
    size: float
    usual: NDArray[np.float64]
    marks: tuple[Mark, ...] = ()
    loud: dict[int, str] = field(default_factory=dict)
    legend: str = ""


def feature(rows: Setups, row: int, name: str) -> float:
    """Return a feature of a row."""
    return float(rows.features[name][row])


def level(rows: Setups, row: int, name: str) -> float:
    """Return a column of a row from which the bracket makes prices."""
    return float(rows.levels[row, LEVELS.index(name)])


def usual_volume(bars: Bars) -> NDArray[np.float64]:
    """Return the mean volume of the 20 tradable bars before each bar, shape (n,), kept with the bars."""
    found: NDArray[np.float64] = bars.derived("volume_mean20", lambda: volume_mean(bars))
    return found


def ratio_text(bars: Bars, usual: NDArray[np.float64], bar: int) -> str:
    """Say how large the volume of a bar was against what is usual."""
    return f"{bars.volume[bar] / usual[bar]:.1f} x usual"


def trade_alone(bars: Bars, t: int, rows: Setups, row: int, values: Mapping[str, Any]) -> Anatomy:
    """What is shown of a strategy that has no anatomy: the forty bars before its signal."""
    del rows, row, values
    first = max(t - 40, 0)
    return Anatomy(first=first, size=float(np.ptp(bars.close[first : t + 1])), usual=usual_volume(bars))


def notes_on(strategy: Strategy) -> ModuleType | None:
    """Return the module of `documentation.strategies` that is about a strategy; None where there is none."""
    name = f"documentation.strategies.{type(strategy).__module__.rpartition('.')[2]}"
    return import_module(name) if find_spec(name) else None


def anatomy_of(strategy: Strategy) -> Callable[[Bars, int, Setups, int, Mapping[str, Any]], Anatomy]:
    """Return what finds the parts of a signal.

    It takes the bars, the signal bar of a long, the rows of `Setups` that passed, the number of the one that became an
    order, and the parameters.
    """
    found = notes_on(strategy)
    return trade_alone if found is None else found.anatomy


def signals_designed(strategy: Strategy) -> tuple[int, int] | None:
    """Return the signals per 10,000 bars and side for which a strategy's rules were designed, where that is known."""
    found = notes_on(strategy)
    return None if found is None else found.SIGNALS_DESIGNED
