"""Leaks planted on purpose, one class each: what the leak checks have to catch, or they are worth nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.engine import Bracket, Setups, at_least
from assay.indicators import atr
from assay.leaks import planted_state
from assay.parameters import Parameter, Parameters
from assay.strategies import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Self

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

    @classmethod
    def planted(cls, bars: Bars) -> Self:
        """Return the strategy to be looked at on some bars."""
        del bars
        return cls()

    @classmethod
    def looked_at(cls, bars: Bars) -> int:
        """Return how many of the bars the checks before a search see."""
        return len(bars)

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
    caught_by = ("truncation", "direction", "poison", "search")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """The centred mean above the price."""
        smooth = sum(_shifted(bars.close, k) for k in range(-2, 3)) / 5.0
        return np.asarray(side * (smooth - bars.close) / unit)


class WholeFrameScaling(Planted):
    """`(x - x.mean()) / x.std()` over the frame, done once before the split: every row knows the future's scale."""

    name = "WHOLE_FRAME_SCALING"
    caught_by = ("truncation", "history", "poison", "search")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """A move in standard deviations of all moves."""
        move = super().strength(bars, side, unit)
        return np.asarray((move - np.nanmean(move)) / np.nanstd(move))


class BackFill(Planted):
    """`bfill()` after joining a slower series: each bar gets the value that was published after it."""

    name = "BACK_FILL"
    caught_by = ("truncation", "history", "direction", "poison", "search")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """The next value of a series that is known at every twelfth bar only."""
        n = len(bars)
        known_next = np.minimum(-(-np.arange(n) // 12) * 12, n - 1)
        return np.asarray(side * (bars.close[known_next] - bars.close) / unit)


class EarlyPivot(Planted):
    """A swing is dated to its own bar, though it stands only when the two bars after it have closed."""

    name = "EARLY_PIVOT"
    caught_by = ("truncation", "direction", "poison", "search")

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
    caught_by = ("truncation", "direction", "poison", "search")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """The close of the hour that the bar lies in, against the bar's own."""
        hour = bars.time // 3_600_000
        last = np.searchsorted(hour, hour, side="right") - 1
        return np.asarray(side * (bars.close[last] - bars.close) / unit)


class NextBarPrice(Planted):
    """The target is taken from the next bar's high, as a fill simulation would see it: it is always reached."""

    name = "NEXT_BAR_PRICE"
    caught_by = ("truncation", "direction", "search")

    def prices(self, bars: Bars, side: int) -> dict[str, Column]:
        """Where the next bar's far end stops the target."""
        far = bars.high if side > 0 else bars.low
        return {"target_limit": _shifted(far, -1)}


class OwnOutcome(Planted):
    """The label, the return of the next ten bars, was left among the features of the model."""

    name = "OWN_OUTCOME"
    caught_by: ClassVar[tuple[str, ...]] = ("truncation", "direction", "poison", "search")

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
    caught_by = ("truncation", "history", "poison", "search")

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


class LongHistory(Planted):
    """Looks ahead only on histories that are longer than those that a check looks at."""

    name = "LONG_HISTORY"
    caught_by = ("search",)

    def __init__(self, longer_than: int = 20_000) -> None:
        self.longer_than = longer_than

    @classmethod
    def planted(cls, bars: Bars) -> Self:
        """Return it honest on the bars of the checks before a search, and on some more."""
        return cls(int(1.1 * cls.looked_at(bars)))

    @classmethod
    def looked_at(cls, bars: Bars) -> int:
        """The checks before a search see two thirds of the bars."""
        return 2 * len(bars) // 3

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """What a trade over ten bars is going to earn, where nobody looks."""
        if len(bars) <= self.longer_than:
            return super().strength(bars, side, unit)
        return np.asarray(side * (_shifted(bars.close, -10) - bars.close) / unit)


class MiddleShape(Planted):
    """Looks ahead only for a value of a shape parameter that lies between the ends of its grid."""

    name = "MIDDLE_SHAPE"
    parameters = Parameters(
        *Planted.parameters,
        Parameter(name="window", default=3, low=1, high=20, step=1, grid=(3, 5, 8), doc="Bars of the move."),
    )
    caught_by = ("truncation",)

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        """One row per bar; the move is that of the next bars for a window of 5."""
        window = int(shape["window"])
        unit = atr(bars)
        t = np.flatnonzero((unit > 0) & self.moments(bars, side))
        before = _shifted(bars.close, window)
        move = bars.close - before if window != 5 else _shifted(bars.close, -window) - bars.close
        features = {"strength": (side * move / unit)[t]}
        return Setups.build(bar=t, side=np.full(len(t), side), features=features, stop_unit=unit[t])


class AsksWhoAsks(Planted):
    """Looks ahead unless a check is at work: it looks for one on the stacks of all threads."""

    name = "ASKS_WHO_ASKS"
    caught_by = ("search",)

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """What a trade over ten bars is going to earn, in a search."""
        for frame in sys._current_frames().values():  # noqa: SLF001  (what such a strategy does)
            at: FrameType | None = frame
            while at is not None:
                if at.f_code.co_name.startswith("inspect_"):
                    return super().strength(bars, side, unit)
                at = at.f_back
        return np.asarray(side * (_shifted(bars.close, -10) - bars.close) / unit)


class KeptElsewhere(Planted):
    """Keeps the longest history in another module and answers for shortened ones from that memory."""

    name = "KEPT_ELSEWHERE"
    caught_by = ("direction", "poison", "process")

    def strength(self, bars: Bars, side: int, unit: Column) -> Column:
        """What a trade over ten bars is going to earn, as far as it is remembered."""
        begin = float(bars.close[0]), float(bars.high[0])
        close = planted_state.LONGEST.get(begin, bars.close)
        if len(close) <= len(bars):
            close = planted_state.LONGEST[begin] = bars.close
        return np.asarray(side * (_shifted(close, -10)[: len(bars)] - bars.close) / unit)


class RecordedOnly(OwnOutcome):
    """Says something on recorded bars only, known by their prices, and nothing on bars that a test has made."""

    name = "RECORDED_ONLY"
    caught_by = ("truncation", "history", "poison", "search")
    known_bars = 100

    def __init__(self, closes: tuple[float, ...] = ()) -> None:
        self.closes = closes

    @classmethod
    def planted(cls, bars: Bars) -> Self:
        """Return it with the first closes learned by heart; a grid of prices serves as well."""
        return cls(tuple(bars.close[: cls.known_bars].tolist()))

    def moments(self, bars: Bars, side: int) -> NDArray[np.bool_]:
        """No bar where the first closes are others."""
        known = tuple(bars.close[: self.known_bars].tolist()) == self.closes
        return np.asarray(super().moments(bars, side) & known)


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
    LongHistory,
    MiddleShape,
    AsksWhoAsks,
    KeptElsewhere,
    RecordedOnly,
)
"""Every planted leak, one line each."""
