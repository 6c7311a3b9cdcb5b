"""A sound strategy, and for each rule of the suite one that breaks it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.engine import Bracket, Setups, Switch, at_least
from assay.indicators import atr, volume_ratio
from assay.parameters import Parameter, Parameters
from assay.strategies import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value

BODY = Parameter(name="body", default=1.0, low=0.5, high=2.0, grid=(0.5, 1.0), unit="ATR", doc="Body, at least.")
LOUD = Parameter(name="loud", default=1.5, low=1.0, high=3.0, unit="mean volumes", doc="Volume, at least.")
BACK = Parameter(name="back", default=20, low=10, high=40, unit="bars", doc="Bars whose range is left.")
STOP = Parameter(name="stop", default=2.0, low=1.0, high=4.0, grid=(1.0, 2.0), unit="ATR", doc="Stop.")


class Sound(Strategy):
    """A large body on volume that leaves the range of the bars before it goes on."""

    name = "SOUND"
    parameters = Parameters(BODY, LOUD, BACK, STOP)
    rules: ClassVar[tuple[AnyRule, ...]] = (at_least("body", "body"), at_least("loud", "loud"))
    bracket = Bracket(stop="stop", target=2.0, max_bars=20)

    def warmup(self, shape: Mapping[str, Value]) -> int:
        return max(21, int(shape["back"]) + 1)

    def leaves(self, bars: Bars, side: int, back: int) -> NDArray[np.bool_]:
        """Whether a bar closes beyond the closes of the bars before it."""
        found = np.zeros(len(bars), dtype=np.bool_)
        if len(bars) > back:
            before = np.lib.stride_tricks.sliding_window_view(bars.close, back)[:-1]
            found[back:] = (side * (bars.close[back:, None] - before) > 0).all(axis=1)
        return found

    def body(self, bars: Bars, side: int) -> NDArray[np.float64]:
        return side * (bars.close - bars.open) / np.where(atr(bars) > 0, atr(bars), np.nan)

    def stop_unit(self, bars: Bars) -> NDArray[np.float64]:
        return atr(bars)

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        return np.flatnonzero(self.leaves(bars, side, int(shape["back"])) & (atr(bars) > 0))

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        t = self.moments(bars, side, shape)
        features = {"body": self.body(bars, side)[t], "loud": volume_ratio(bars)[t]}
        return Setups.build(bar=t, side=np.full(len(t), side), features=features, stop_unit=self.stop_unit(bars)[t])


class OneSided(Sound):
    """Longs only, on purpose."""

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        return super().moments(bars, side, shape) if side > 0 else np.zeros(0, dtype=np.int64)


class OfThePrice(Sound):
    """Bodies in fractions of the price: a mirrored price is another one."""

    parameters = Parameters(
        Parameter(name="body", default=0.002, low=0.001, high=0.004, unit="fraction of the price", doc="Body."),
        *(LOUD, BACK, STOP),
    )

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        t = super().moments(bars, side, shape)
        return t[side * (bars.close[t] - bars.open[t]) > 0.0005 * bars.close[t]]

    def body(self, bars: Bars, side: int) -> NDArray[np.float64]:
        return side * (bars.close - bars.open) / bars.close


# documented


class Undocumented(Sound):
    pass


class WithoutDoc(Sound):
    """A parameter without doc."""

    parameters = Parameters(BODY, LOUD, BACK, replace(STOP, doc=""))


class WithoutUnit(Sound):
    """A number without a unit."""

    parameters = Parameters(BODY, LOUD, BACK, replace(STOP, unit=""))


class OutOfRange(Sound):
    """A default outside its search range, though inside its hard bounds."""

    parameters = Parameters(
        BODY,
        LOUD,
        BACK,
        replace(STOP, low=3.0, hard_low=1.0),
    )


class OffTheGrid(Sound):
    """A grid without the default."""

    parameters = Parameters(BODY, LOUD, BACK, replace(STOP, grid=(1.0,)))


class CamelCase(Sound):
    """A name that is not snake_case."""

    parameters = Parameters(BODY, LOUD, BACK, replace(STOP, name="Stop"))
    bracket = Bracket(stop="Stop", target=2.0, max_bars=20)


class Vast(Sound):
    """More combinations than a default grid may have."""

    parameters = Parameters(
        replace(BODY, grid=(0.5, 1.0)),
        replace(LOUD, grid=tuple(np.linspace(1.0, 2.0, 159).tolist())),
        BACK,
        replace(STOP, grid=tuple(np.linspace(1.0, 3.0, 79).tolist())),
    )


# the rows


class Silent(Sound):
    """No bar is so large."""

    def body(self, bars: Bars, side: int) -> NDArray[np.float64]:
        return super().body(bars, side) / 1000.0


class Clairvoyant(Sound):
    """Knows the close of the bar after the signal."""

    def body(self, bars: Bars, side: int) -> NDArray[np.float64]:
        return np.append(super().body(bars, side)[1:], 0.0)


class Remembering(Sound):
    """Every second call finds one row less."""

    def __init__(self) -> None:
        self.calls = 0

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        self.calls += 1
        return super().moments(bars, side, shape)[self.calls % 2 :]


class Dwindling(Sound):
    """Every call finds one row less."""

    def __init__(self) -> None:
        self.calls = 0

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        self.calls += 1
        return super().moments(bars, side, shape)[self.calls :]


class Shared(Sound):
    """Keeps what it works on in itself, where another thread overwrites it."""

    barrier: ClassVar[threading.Barrier] = threading.Barrier(2)

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        self.side = side
        if threading.current_thread() is not threading.main_thread():
            self.barrier.wait(5.0)
        return super().moments(bars, self.side, shape)


class Writing(Sound):
    """Rounds the volume of the bars in place."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        bars.volume.flags.writeable = True
        np.round(bars.volume, out=bars.volume)
        return super().setups(bars, side, shape)


class Settling(Sound):
    """Changes the parameters it is given."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        made = super().setups(bars, side, shape)
        shape.update(back=20)  # type: ignore[attr-defined]
        return made


class Unflipped(Sound):
    """Its shorts, too, ask for a close above those before."""

    def leaves(self, bars: Bars, side: int, back: int) -> NDArray[np.bool_]:
        del side
        return super().leaves(bars, 1, back)


class Negated(Sound):
    """Its shorts stand on the low of their bar, as its longs do."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        rows = super().setups(bars, side, shape)
        return Setups.build(
            bar=rows.bar,
            side=rows.side,
            features=rows.features,
            stop_unit=rows.levels[:, 1],
            stop_base=bars.low[rows.bar],
        )


class UndocumentedNegated(Negated):
    pass


class Strict(Sound):
    """Its longs may close at the range's edge, its shorts may not: they differ in ties alone."""

    def leaves(self, bars: Bars, side: int, back: int) -> NDArray[np.bool_]:
        found = super().leaves(bars, side, back)
        if side > 0 and len(bars) > back:
            before = np.lib.stride_tricks.sliding_window_view(bars.close, back)[:-1]
            found[back:] |= bars.close[back:] == before.max(axis=1)
        return found


class UnflippedFraction(OfThePrice):
    """Bodies in fractions of the price, those of shorts without their sign."""

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        t = Sound.moments(self, bars, side, shape)
        return t[bars.close[t] - bars.open[t] > 0.0005 * bars.close[t]]


class Hasty(Sound):
    """Asks for fewer bars than its range has."""

    def warmup(self, shape: Mapping[str, Value]) -> int:
        return int(shape["back"]) // 2 + 15


# parameters


class Dead(Sound):
    """Has a parameter that nothing reads."""

    parameters = Parameters(
        BODY, LOUD, BACK, STOP, Parameter(name="unread", default=1.0, low=0.5, high=2.0, unit="ATR", doc="Nothing.")
    )


class Conditional(Sound):
    """A target that is used in one mode only: alive, though dead at the defaults."""

    parameters = Parameters(
        *(BODY, LOUD, BACK, STOP),
        Parameter(name="mode", default="plain", choices=("plain", "own"), doc="Whose target."),
        Parameter(name="target", default=2.0, low=1.0, high=4.0, unit="risks", doc="Target in mode own."),
    )
    bracket = Bracket(stop="stop", target=Switch("mode", (("plain", 2.0), ("own", "target"))), max_bars=20)


# runs


class Careless(Sound):
    """Leaves out rows that its thresholds would pass, where a search tells it the loosest."""

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        t = super().moments(bars, side, shape)
        if "loud" in shape:
            t = t[volume_ratio(bars)[t] >= 1.2 * float(shape["loud"])]
        return t


class Moody(Sound):
    """Says nothing of every other bar, each time of other ones."""

    def __init__(self) -> None:
        self.asked = 0

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        self.asked += 1
        return super().moments(bars, side, shape)[self.asked // 2 % 2 :: 2]


class Raising(Sound):
    """Takes for granted that there are a thousand bars."""

    def moments(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> NDArray[np.int64]:
        assert bars.close[1_000] > 0
        return super().moments(bars, side, shape)


class Fitted(Sound):
    """Measures itself by the first market that it saw."""

    scale: float | None = None

    def stop_unit(self, bars: Bars) -> NDArray[np.float64]:
        unit = super().stop_unit(bars)
        self.scale = self.scale or float(np.nanmean(unit))
        return unit / self.scale


class Priceless(Sound):
    """Measures its stop by the range of the bar before, which is unknown after a flat one."""

    def stop_unit(self, bars: Bars) -> NDArray[np.float64]:
        before = np.append(np.nan, (bars.high - bars.low)[:-1])
        return np.where(before > 0, before, np.nan)


class Fragile(Sound):
    """Believes that every market has as many bars as its range."""

    def leaves(self, bars: Bars, side: int, back: int) -> NDArray[np.bool_]:
        assert np.lib.stride_tricks.sliding_window_view(bars.close, back) is not None
        return super().leaves(bars, side, back)
