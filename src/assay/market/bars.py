"""`Bars`: a market's price history as frozen, checked, read-only columns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from assay.errors import BarsError, InputError, require
from assay.market.calendar import grid_origin_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from assay.market.market import Market

T = TypeVar("T")

PRICES = ("open", "high", "low", "close")
LONG_HOLE_BARS = 20
"""After a hole of more absent bars than this, every warm-up restarts."""

MAX_BARS = 20_000_000
"""More rows than this after the calendar's absent bars are inserted is taken for a broken time column."""


@dataclass(frozen=True, eq=False, repr=False)
class Bars:
    """Bars on the grid of their market's calendar, absent stamps included.

    Build them with `Bars.from_columns`, which checks every row. All arrays have shape (n,) and are
    read-only.

    Attributes
    ----------
    market : Market
        What the bars are bars of.
    time : int64
        Open of each bar, milliseconds UTC, strictly increasing by the timeframe.
    open, high, low, close, volume : float64
        Prices and traded volume; an absent bar repeats the last close with volume 0.
    absent : bool
        The stamp was not in the source and was inserted.
    valid : bool
        May signal: volume > 0, high > low, consistent prices.
    tradable : bool
        May fill: volume > 0, consistent prices (a flat bar with volume fills: to refuse it would be
        hindsight).
    session : int64
        Session id of each bar, as the market's calendar gives it.
    has_volume : bool
        False when the source had no volume column; the volume clause of both masks is then dropped.
    """

    market: Market
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    absent: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    tradable: NDArray[np.bool_]
    session: NDArray[np.int64]
    has_volume: bool = field(default=True)

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        if not len(self):
            return f"Bars({self.market}, empty)"
        first, last = (np.datetime64(int(t), "ms") for t in (self.time[0], self.time[-1]))
        return f"Bars({self.market}, {len(self):,} bars, {first} to {last})"

    @classmethod
    def from_columns(
        cls,
        market: Market,
        time: ArrayLike,
        open: ArrayLike,  # noqa: A002  (the field's own name for the column)
        high: ArrayLike,
        low: ArrayLike,
        close: ArrayLike,
        volume: ArrayLike | None,
    ) -> Bars:
        """Check columns and insert absent stamps.

        Parameters
        ----------
        market : Market
            Its timeframe is the grid that the stamps must lie on.
        time : array_like of int64, shape (n,)
            Milliseconds UTC, strictly increasing.
        open, high, low, close : array_like of float64, shape (n,)
            Finite, positive, high >= low.
        volume : array_like of float64, shape (n,), or None
            Finite and not negative; None when the source has no volume.

        Raises
        ------
        BarsError
            Naming the first row that breaks a rule.
        """
        stamps = np.array(time, dtype=np.int64)
        named = zip(PRICES, (open, high, low, close), strict=True)
        columns = {name: np.array(c, dtype=np.float64) for name, c in named}
        columns["volume"] = np.zeros(len(stamps)) if volume is None else np.array(volume, dtype=np.float64)
        for name, column in columns.items():
            if column.shape != stamps.shape or stamps.ndim != 1:
                raise InputError(name, f"must have the shape of time {stamps.shape}", column.shape)
        check_rows(stamps, columns, market.timeframe.ms)
        return _on_grid(market, stamps, columns, has_volume=volume is not None)

    def with_prices(
        self,
        open: NDArray[np.float64],  # noqa: A002
        high: NDArray[np.float64],
        low: NDArray[np.float64],
        close: NDArray[np.float64],
        volume: NDArray[np.float64] | None = None,
    ) -> Bars:
        """Return the same stamps and masks under other prices, and volume where given (shape (n,) each)."""
        return replace(
            self, open=open, high=high, low=low, close=close, volume=self.volume if volume is None else volume
        )

    def between(self, start: int, stop: int | None = None) -> Bars:
        """Return the bars start <= t < stop, a history of their own."""
        part = slice(start, stop)
        cut: dict[str, Any] = {name: getattr(self, name)[part] for name in _COLUMNS}
        return replace(self, **cut)

    def head(self, n: int) -> Bars:
        """Return the first n bars: what was known before the open of bar n."""
        return self.between(0, n)

    def tail(self, begin: int) -> Bars:
        """Return the bars from index `begin` on: a history that starts later."""
        return self.between(begin)

    @property
    def span_ms(self) -> tuple[int, int]:
        """Moments at which the first bar opens and the last one closes, milliseconds UTC."""
        return int(self.time[0]), self.moment(len(self))

    def moment(self, index: int) -> int:
        """Return when bar `index` opens, milliseconds UTC; of the number of bars: when the last one closes."""
        if index < len(self):
            return int(self.time[index])
        return int(self.time[-1]) + self.market.timeframe.ms

    @cached_property
    def day(self) -> NDArray[np.int64]:
        """Ordinal of each bar's trading day, shape (n,): equity is marked once per day."""
        day = self.market.calendar.day(self.time)
        day.flags.writeable = False
        return day

    @cached_property
    def age(self) -> NDArray[np.int64]:
        """Bars since the start of the data or of the last hole longer than `LONG_HOLE_BARS`."""
        index = np.arange(len(self), dtype=np.int64)
        starts = np.zeros(len(self), dtype=np.int64)
        edges = np.flatnonzero(np.diff(self.absent.astype(np.int8), prepend=0, append=0))
        for begin, end in edges.reshape(-1, 2):
            if end - begin > LONG_HOLE_BARS and end < len(self):
                starts[end] = end
        age = index - np.maximum.accumulate(starts)
        age.flags.writeable = False
        return age

    @cached_property
    def mark(self) -> NDArray[np.float64]:
        """Last tradable close at or before each bar; the first bars take their own close."""
        index = np.where(self.tradable, np.arange(len(self)), -1)
        last = np.maximum.accumulate(index) if len(self) else index
        mark = np.where(last >= 0, self.close[np.maximum(last, 0)], self.close)
        mark.flags.writeable = False
        return mark

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the market's grid and every column, in hexadecimal."""
        content = hashlib.sha256(f"{self.market.timeframe.ms},{self.has_volume}".encode())
        for name in ("time", *PRICES, "volume", "absent"):
            content.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return content.hexdigest()

    @cached_property
    def _derived(self) -> dict[Hashable, Any]:
        return {}

    def derived(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what `compute` gives, computed once per bars: indicators are shared between searches."""
        if key not in self._derived:
            self._derived[key] = compute()
        value: T = self._derived[key]
        return value

    def index_at(self, time_ms: int) -> int:
        """Return the index of the first bar that opens at or after a moment."""
        return int(np.searchsorted(self.time, time_ms, side="left"))


def require_bars(given: object, name: str = "bars") -> None:
    """Refuse what is not bars, saying what makes them.

    Raises
    ------
    InputError
        For a data frame, a path and anything else.
    """
    if hasattr(given, "columns") or hasattr(given, "__arrow_c_stream__"):
        hint = "bars_from_frame(frame) makes them of a data frame"
    else:
        hint = "read_bars(path) reads them from a file"
    require(name, given, Bars, hint)


_COLUMNS = ("time", *PRICES, "volume", "absent", "valid", "tradable", "session")


def _first(bad: NDArray[np.bool_]) -> int | None:
    rows = np.flatnonzero(bad)
    return int(rows[0]) if len(rows) else None


def _check_times(time: NDArray[np.int64], step: int) -> None:
    if not len(time):
        raise InputError("bars", "at least one row is needed", 0)

    def stamp(row: int) -> str:
        return str(np.datetime64(int(time[row]), "ms")) + "Z"

    if (row := _first(np.diff(time) == 0)) is not None:
        raise BarsError(row + 1, "time", "each stamp must occur once, this one is a duplicate", stamp(row + 1))
    if (row := _first(np.diff(time) < 0)) is not None:
        raise BarsError(row + 1, "time", f"must increase, the row before has {stamp(row)}", stamp(row + 1))
    if (row := _first((time - grid_origin_ms(time, step)) % step != 0)) is not None:
        raise BarsError(row, "time", f"must be a multiple of the timeframe ({step // 60_000} minutes)", stamp(row))
    if (expected := (int(time[-1]) - int(time[0])) // step + 1) > MAX_BARS:
        raise BarsError(len(time) - 1, "time", f"the span must hold at most {MAX_BARS:,} bars", f"{expected:,} bars")


def check_rows(time: NDArray[np.int64], columns: Mapping[str, NDArray[np.float64]], step: int) -> None:
    """Refuse rows that cannot be bars.

    Parameters
    ----------
    time : int64, shape (n,)
        Milliseconds UTC.
    columns : mapping of str to float64, shape (n,) each
        open, high, low, close and volume.
    step : int
        The timeframe in milliseconds.

    Raises
    ------
    BarsError
        Naming the first row that breaks a rule.
    """
    _check_times(time, step)
    _check_prices(columns)


def _check_prices(columns: Mapping[str, NDArray[np.float64]]) -> None:
    rules: list[tuple[str, str, Callable[[NDArray[np.float64]], Any]]] = [
        *((name, "must be a finite number", lambda c: ~np.isfinite(c)) for name in (*PRICES, "volume")),
        *((name, "must be positive", lambda c: c <= 0) for name in PRICES),
        ("volume", "must not be negative", lambda c: c < 0),
    ]
    broken = []
    for name, rule, test in rules:
        if (row := _first(test(columns[name]))) is not None:
            broken.append((row, name, rule))
    if (row := _first(columns["high"] < columns["low"])) is not None:
        broken.append((row, "high", f"must not be below low {columns['low'][row]:g}"))
    if broken:
        row, name, rule = min(broken, key=lambda b: b[0])
        raise BarsError(row, name, rule, float(columns[name][row]))


def _on_grid(
    market: Market, time: NDArray[np.int64], columns: dict[str, NDArray[np.float64]], *, has_volume: bool
) -> Bars:
    step = market.timeframe.ms
    grid = market.calendar.grid(int(time[0]), int(time[-1]), step)
    source = np.searchsorted(time, grid, side="right") - 1
    absent = time[source] != grid
    full = {name: column[source] for name, column in columns.items()}
    for name in PRICES:
        full[name] = np.where(absent, columns["close"][source], full[name])
    full["volume"] = np.where(absent, 0.0, full["volume"])
    body_high = np.maximum(full["open"], full["close"])
    body_low = np.minimum(full["open"], full["close"])
    consistent = (full["high"] >= body_high) & (full["low"] <= body_low)
    traded = full["volume"] > 0 if has_volume else np.ones(len(grid), dtype=np.bool_)
    tradable = traded & consistent & ~absent
    return Bars(
        market=market,
        time=grid,
        **full,
        absent=absent,
        valid=tradable & (full["high"] > full["low"]),
        tradable=tradable,
        session=market.calendar.session(grid),
        has_volume=has_volume,
    )
