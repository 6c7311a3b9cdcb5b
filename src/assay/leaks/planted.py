"""Leaks planted on purpose, one class each: what the leak checks have to catch, or they are worth nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.engine import Bracket, Setups, at_least
from assay.indicators import atr
from assay.parameters import Parameter, Parameters
from assay.strategies import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value

    Column = NDArray[np.float64]


class Planted(Strategy):
    """Honest: it goes with the move of the last three bars. Subclasses plant one leak each.

    Attributes
    ----------
    caught_by : tuple of str
        The checks that have to see it.
    """

    name = "HONEST"
    parameters = Parameters(
        Parameter(name="strength", default=0.5, low=0.0, high=3.0, grid=(0.25, 1.0), doc="Of the feature, at least."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, grid=(1.5, 3.0), doc="Stop in ATR."),
    )
    rules: ClassVar[tuple[AnyRule, ...]] = (at_least("strength", "strength"),)
    bracket = Bracket(stop="stop", target=1.5, max_bars=12)
    caught_by: ClassVar[tuple[str, ...]] = ()

    def warmup(self, shape: Mapping[str, Value]) -> int:
        """Wilder's average of 14 bars, and the bars of a move."""
        del shape
        return 30

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        """One row per bar on which `moments` hold."""
        del shape
        unit = atr(bars)
        t = np.flatnonzero((unit > 0) & self.moments(bars, side))
        strength = self.strength(bars, side, unit)[t]
        levels = {name: column[t] for name, column in self.prices(bars, side).items()}
        return Setups.build(
            bar=t, side=np.full(len(t), side), features={"strength": strength}, stop_unit=unit[t], **levels
        )

    def moments(self, bars: Bars, side: int) -> NDArray[np.bool_]:
        """Which bars have a row, shape (n,)."""
        del side
        return np.arange(len(bars)) >= 3

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """What the rule judges, shape (n,)."""
        return side * (bars.close - _shifted(bars.close, 3)) / unit

    def prices(self, bars: Bars, side: int) -> dict[str, Column]:
        """Levels beside the unit of the stop."""
        del bars, side
        return {}


def _shifted(values: Column, by: int) -> Column:
    """Values of `by` bars before; the first are repeated. Negative: values of later bars."""
    return np.asarray(values[np.clip(np.arange(len(values)) - by, 0, len(values) - 1)])


class CentredWindow(Planted):
    """`rolling(5, center=True)`: the mean is drawn nicely through the prices because it knows the next two."""

    name = "CENTRED_WINDOW"
    caught_by = ("truncation", "direction", "poison")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """The centred mean above the price."""
        smooth = sum(_shifted(bars.close, k) for k in range(-2, 3)) / 5.0
        return np.asarray(side * (smooth - bars.close) / unit)


class WholeFrameScaling(Planted):
    """`(x - x.mean()) / x.std()` over the frame, done once before the split: every row knows the future's scale."""

    name = "WHOLE_FRAME_SCALING"
    caught_by = ("truncation", "history", "poison")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """A move in standard deviations of all moves."""
        move = super().strength(bars, side, unit)
        return np.asarray((move - np.nanmean(move)) / np.nanstd(move))


class BackFill(Planted):
    """`bfill()` after joining a slower series: each bar gets the value that was published after it."""

    name = "BACK_FILL"
    caught_by = ("truncation", "history", "direction", "poison")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """The next value of a series that is known at every twelfth bar only."""
        n = len(bars)
        known_next = np.minimum(-(-np.arange(n) // 12) * 12, n - 1)
        return np.asarray(side * (bars.close[known_next] - bars.close) / unit)


class EarlyPivot(Planted):
    """A swing is dated to its own bar, though it stands only when the two bars after it have closed."""

    name = "EARLY_PIVOT"
    caught_by = ("truncation", "direction", "poison")

    def moments(self, bars: Bars, side: int) -> NDArray[np.bool_]:
        """Bars whose low (shorts: high) lies beyond that of the two bars before and after."""
        edge = side * (bars.low if side > 0 else bars.high)
        around = [_shifted(edge, k) for k in (2, 1, -1, -2)]
        return np.asarray(np.all([edge < other for other in around], axis=0))

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """How far the price came into the swing."""
        return -super().strength(bars, side, unit)


class OpenHour(Planted):
    """`resample("1h").last()` joined by the hour's opening time: the hour's close is known from its first bar on."""

    name = "OPEN_HOUR"
    caught_by = ("truncation", "direction", "poison")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """The close of the hour that the bar lies in, against the bar's own."""
        hour = bars.time // 3_600_000
        last = np.searchsorted(hour, hour, side="right") - 1
        return np.asarray(side * (bars.close[last] - bars.close) / unit)


class NextBarPrice(Planted):
    """The target is taken from the next bar's high, as a fill simulation would see it: it is always reached."""

    name = "NEXT_BAR_PRICE"
    caught_by = ("truncation", "direction")

    def prices(self, bars: Bars, side: int) -> dict[str, Column]:
        """Where the next bar's far end stops the target."""
        far = bars.high if side > 0 else bars.low
        return {"target_limit": _shifted(far, -1)}


class OwnOutcome(Planted):
    """The label, the return of the next ten bars, was left among the features of the model."""

    name = "OWN_OUTCOME"
    caught_by = ("truncation", "direction", "poison")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """What a trade over ten bars is going to earn."""
        return np.asarray(side * (_shifted(bars.close, -10) - bars.close) / unit)


class SinceTheStart(Planted):
    """`rank(pct=True)` or `cumsum()` since the first bar: a backtest that begins elsewhere trades other signals."""

    name = "SINCE_THE_START"
    caught_by = ("history",)

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """A move against the mean size of all moves so far."""
        move = super().strength(bars, side, unit)
        size = np.abs(np.where(np.isfinite(move), move, 0.0))
        return np.asarray(move / np.maximum(np.cumsum(size) / np.arange(1, len(bars) + 1), 1e-9))


class KeptState(Planted):
    """A scaler is fitted at the first call and kept: what a market looks like depends on the one before it."""

    name = "KEPT_STATE"
    caught_by = ("purity",)

    def __init__(self) -> None:
        self.scale: float | None = None

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """A move in units of the first market that was seen."""
        move = super().strength(bars, side, unit)
        if self.scale is None:
            self.scale = float(np.nanstd(move))
        return move / self.scale


class FittedThreshold(Planted):
    """`volume > volume.quantile(0.9)` over the whole sample: which bars count as loud is known from the end."""

    name = "FITTED_THRESHOLD"
    caught_by = ("truncation", "history", "poison")

    def moments(self, bars: Bars, side: int) -> NDArray[np.bool_]:
        """Bars among the tenth with the largest range of all."""
        del side
        range_ = bars.high - bars.low
        return np.asarray(range_ > np.quantile(range_, 0.9))


class KnownDays(Planted):
    """Days that went badly are left out by their date, or a file of predictions is read by date."""

    name = "KNOWN_DAYS"
    caught_by = ("calendar",)

    def moments(self, bars: Bars, side: int) -> NDArray[np.bool_]:
        """All bars but those of some days of the past, here every seventh since 1970 until 2035."""
        day = bars.time // 86_400_000
        return np.asarray(super().moments(bars, side) & ~((day % 7 == 3) & (day < 23_741)))


PLANTED: tuple[type[Planted], ...] = (
    CentredWindow,
    WholeFrameScaling,
    BackFill,
    EarlyPivot,
    OpenHour,
    NextBarPrice,
    OwnOutcome,
    SinceTheStart,
    KeptState,
    FittedThreshold,
    KnownDays,
)
"""Every planted leak, one line each."""
