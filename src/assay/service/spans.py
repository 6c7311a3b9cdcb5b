"""Which bars may signal: the last days, or from one moment to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assay.errors import InputError, InsufficientDataError
from assay.lazy import lazy
from assay.market import refuse_futures
from assay.market.calendar import days_to_ms, ms_to_days
from assay.service.times import check_moment, iso_time, parse_moment

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars
    from assay.service.reporter import Reporter
    from assay.sources import ReadingOptions, bar_files
else:
    bar_files = lazy("assay.sources.bar_files")  # Arrow, which bars in memory do without


MAX_DAYS = 3_652_059.0
"""Days of the years 1 to 9999: no data holds more."""


@dataclass(frozen=True, kw_only=True)
class SpanTerms:
    """The days that may signal, before any bars are known.

    Attributes
    ----------
    days : float or None
        Days before `stop` (the end of the data), or after `start` where only that is given.
    start, stop : int, str or None
        Milliseconds UTC, or a date or time in ISO form; `stop` itself is excluded.
    names : (str, str, str)
        What errors call days, start and stop.
    """

    days: float | None = None
    start: int | str | None = None
    stop: int | str | None = None
    names: tuple[str, str, str] = field(default=("days", "start", "stop"), compare=False, repr=False)

    def __post_init__(self) -> None:
        in_days, from_, to = self.names
        for moment, name in ((self.start, from_), (self.stop, to)):
            if isinstance(moment, bool) or not isinstance(moment, (int, str, type(None))):
                raise InputError(name, "must be milliseconds UTC or a moment in ISO form", moment)
        start, stop = self.start_ms, self.stop_ms
        if self.days is not None and (isinstance(self.days, bool) or not isinstance(self.days, (int, float))):
            raise InputError(in_days, "must be a number", self.days)
        if self.days is not None and start is not None and stop is not None:
            raise InputError(in_days, f"cannot be combined with both {from_} and {to}", self.days)
        if self.days is not None and not 0 < self.days <= MAX_DAYS:
            raise InputError(in_days, "must be positive and at most what the data holds", _whole(self.days))
        if start is not None and stop is not None and start >= stop:
            raise InputError(f"{from_} and {to}", f"must be in order, {from_} before {to}", [self.start, self.stop])

    @property
    def start_ms(self) -> int | None:
        """The first moment that may signal, milliseconds UTC."""
        return self._ms(self.start, self.names[1])

    @property
    def stop_ms(self) -> int | None:
        """The moment before which signals end, milliseconds UTC."""
        return self._ms(self.stop, self.names[2])

    @staticmethod
    def _ms(moment: int | str | None, name: str) -> int | None:
        if moment is None:
            return None
        return parse_moment(moment, name) if isinstance(moment, str) else check_moment(moment, name, moment)

    def on(self, bars: Bars) -> tuple[int, int]:
        """Return the signal bars of the span, as start <= t < stop.

        Bars before `start` warm indicators, bars from `stop` on only serve exits.

        Raises
        ------
        InputError
            When the span is upside down or reaches beyond the data, saying what is stored.
        """
        first, end = bars.span_ms
        have = f"The bars go from {iso_time(first)} to {iso_time(end)}, {ms_to_days(end - first):g} days"
        days, (in_days, from_, to) = self.days, self.names
        if days is not None and not days <= ms_to_days(end - first):
            raise InputError(in_days, "must be positive and at most what the data holds", _whole(days), have)
        begin = first if self.start_ms is None else self.start_ms
        stop = end if self.stop_ms is None else self.stop_ms
        self._check_range(begin, stop, bars, have)
        if days is not None and self.start is not None:
            stop = begin + days_to_ms(days)
        elif days is not None:
            begin = stop - days_to_ms(days)
        midnight, next_midnight = bars.market.calendar.whole_days(first, end)
        if not (midnight <= begin and stop <= next_midnight):
            raise InputError(in_days, "reaches beyond the data", None if days is None else _whole(days), have)
        span = bars.index_at(begin), bars.index_at(stop)
        if span[0] >= span[1]:
            given = [iso_time(begin), iso_time(stop)]
            raise InputError(f"{from_} and {to}", "must enclose at least one bar", given, have)
        return span

    def _check_range(self, begin: int, stop: int, bars: Bars, have: str) -> None:
        """Refuse a range that is upside down or outside the data (whole days at its edges are allowed)."""
        (_, from_, to), (first, end) = self.names, bars.span_ms
        midnight, next_midnight = bars.market.calendar.whole_days(first, end)
        if self.start is not None and not midnight <= begin < end:
            raise InputError(from_, "must lie within the data", self.start, have)
        if self.stop is not None and not first < stop <= next_midnight:
            raise InputError(to, "must lie within the data", self.stop, have)

    def wanted(self, now_ms: int) -> tuple[int | None, int | None]:
        """Return the span whose bars are needed, milliseconds UTC; None = as far as a collector goes back, or now."""
        stop = self.stop_ms
        if self.start is not None:
            return self.start_ms, stop
        if self.days is not None:
            return (now_ms if stop is None else stop) - days_to_ms(self.days), stop
        return None, stop


def _whole(days: float) -> float:
    """Return days as whoever typed them wrote them: 5, not 5.0."""
    return int(days) if float(days).is_integer() else days


def finished(bars: Bars) -> Bars:
    """Cut a last bar that is not over yet: its prices are not final."""
    now_ms = datetime.now(UTC).timestamp() * 1000
    return bars.head(len(bars) - 1) if bars.span_ms[1] > now_ms and len(bars) > 1 else bars


def read_finished(file: Path, reading: ReadingOptions, reporter: Reporter | None = None) -> Bars:
    """Read the finished bars of a file, which are not those of a future; what was decided is noted."""
    found = bar_files.read_bar_file(file, options=reading, now_ms=int(datetime.now(UTC).timestamp() * 1000))
    refuse_futures(found.rows.market)
    if reporter is not None:
        for sentence in found.sentences:
            reporter.note(f"{file}: {sentence}")
    return found.bars()


def note_volume(reporter: Reporter, bars: Bars) -> None:
    """Say before anything is computed that bars have no volume: what is missing then is no finding."""
    if not bars.has_volume:
        reporter.note(f"{bars.market}: these bars have no volume, so every rule that needs volume is false.")


def check_warmup(bars: Bars, start: int, stop: int, warmup: int, name: str) -> None:
    """Refuse a span in which no bar has enough history to signal."""
    longest = int(bars.age[start:stop].max())
    if longest < warmup:
        raise InsufficientDataError(
            "history", f"{name} needs {warmup} bars in a row before a signal", longest, "Use a longer history"
        )
