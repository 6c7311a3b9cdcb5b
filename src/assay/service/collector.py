"""`BarCollector`: bars from the database first, from an exchange second."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from assay.errors import ExchangeError, InputError, InsufficientDataError, OfflineError
from assay.lazy import lazy
from assay.market import Market, Timeframe, canonical_symbol, named_market
from assay.market.calendar import days_to_ms, ms_to_days
from assay.service.collecting import Plan, Source, collect
from assay.service.reporter import Silent
from assay.sources.exchanges.paging_rules import ALIASES
from assay.store import BarStore, Database, Imports
from assay.store.bars import present
from assay.store.location import database_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.market import Bars
    from assay.service.collecting import Collected
    from assay.service.reporter import Reporter
    from assay.sources import exchanges as exchange_clients
    from assay.sources import timeframes as settling
    from assay.store import Written
else:
    settling = lazy("assay.sources.timeframes")
    exchange_clients = lazy("assay.sources.exchanges")  # the network's client takes a while, and is rarely needed

Moment = datetime | date | str | int
"""A moment: without a zone it is UTC; a whole number is milliseconds UTC."""

LOOKBACK_DAYS = 365.0
EARLIEST_MS = 100_000_000_000
"""March 1973: a smaller number was meant in seconds."""

AWAY_S = 60.0
"""So long an exchange that could not be reached is not asked again."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, [start, stop) in milliseconds UTC; `counted` from its end back, not from its start on."""

    start_ms: int
    stop_ms: int
    counted: bool


class BarCollector:
    """History of markets: database first, exchange second, and what was fetched is stored.

    Parameters
    ----------
    exchanges : sequence of str or Exchange, optional
        The only exchanges that may be asked, by name or opened by `assay.sources.open_exchange`; any that is named in
        a call where not given.
    database : Database, str or path, optional
        ``postgresql://...`` or the path of an SQLite file; where not given that of ASSAY_DATABASE_URL, else
        ``assay.db`` in the home folder (ASSAY_HOME).
    reporter : Reporter, optional
        Is told how far a fetch is, and warnings: that bars are not all that was asked for, or not what they were.
    clock : callable
        Seconds since 1970; replaced in tests.
    """

    def __init__(
        self,
        exchanges: Sequence[str | Source] | None = None,
        database: Database | str | Path | None = None,
        *,
        reporter: Reporter | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if isinstance(exchanges, str) or (exchanges is not None and not isinstance(exchanges, Sequence)):
            raise InputError("exchanges", 'must be a list of names, such as ["binance"]', exchanges)
        self._given = database
        self._reporter = Silent() if reporter is None else reporter
        self._clock = clock
        self._lock = threading.RLock()
        self._open: dict[str, Source] = {}
        self._away: dict[str, tuple[float, OfflineError]] = {}
        self._databases: list[Database] = []
        # Whoever forgets `close` leaves no connection open behind a collector that is gone.
        self._closing = weakref.finalize(self, _close, self._open, self._databases)
        for exchange in exchanges or ():
            opened = exchange_clients.open_exchange(_exchange_name(exchange)) if isinstance(exchange, str) else exchange
            self._open[opened.name] = opened
        self._allowed = None if exchanges is None else tuple(self._open)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the exchanges, and the database unless it was handed in open."""
        self._closing()
        self.__dict__.pop("store", None)

    @cached_property
    def store(self) -> BarStore:
        """The bars in the database."""
        if isinstance(self._given, Database):
            return BarStore(self._given)
        database = Database.open(self._given or database_url())
        self._databases.append(database)
        return BarStore(database)

    def fetch_bars(
        self,
        symbol: str | None,
        exchange: str | None = None,
        timeframe: str | Timeframe = "5m",
        since: Moment | None = None,
        until: Moment | None = None,
        *,
        lookback_days: float | None = None,
    ) -> Bars:
        """Return a market's bars; what the database does not hold is fetched and stored first.

        Parameters
        ----------
        symbol : str
            ``BTC/USDT``; ``fetch_bars("binance", "BTC/USDT", ...)`` is understood too.
        exchange : str
            Where not given, the first of `exchanges`, else ``binance``.
        timeframe : str or Timeframe
            One that is not stored is made from finer bars where these cover the span.
        since, until : datetime, str or int
            [since, until); until now where not given.
        lookback_days : float
            Days before `until` instead of `since`; 365 where neither is given.

        Returns
        -------
        Bars
            When the exchange cannot be asked they are those that are stored, days counted back from the newest one;
            the reporter is warned of it, and when the exchange has less or answered with something odd.

        Raises
        ------
        ExchangeError
            When the exchange cannot be asked and nothing is stored.
        InputError
            For an unknown exchange, symbol or timeframe, and a span that is empty.
        """
        market = self._market(symbol, exchange, timeframe)
        window = self._window(market.timeframe, since, until, lookback_days)
        missing = self.store.missing(market, window.start_ms, window.stop_ms)
        if not missing:
            return self._held(market, window)
        if (made := self._resampled(market, window)) is not None:
            return made
        try:
            plan = self._plan(market, window)
            with self._reporter.progress(f"{plan.market} from {plan.market.exchange}", plan.bars) as advance:
                found = self.collect(plan, advance)
        except (ExchangeError, InputError) as error:
            return self._stored(market, window, error)
        if found.alert is not None:
            self._reporter.warn(str(found.alert))
        if found.trouble is not None:
            return self._stored(plan.market, window, found.trouble)
        bars = self._held(plan.market, window)
        if found.findings:
            self._reporter.warn(f"{plan.market}: " + "; ".join(str(finding) for finding in found.findings))
        return bars

    def plan(
        self,
        symbol: str,
        exchange: str,
        timeframe: str | Timeframe = "5m",
        since: Moment | None = None,
        until: Moment | None = None,
        lookback_days: float | None = None,
    ) -> Plan:
        """Return what of a span has to be fetched, for `collect`; arguments and errors as in `fetch_bars`."""
        market = self._market(symbol, exchange, timeframe)
        return self._plan(market, self._window(market.timeframe, since, until, lookback_days))

    def collect(self, plan: Plan, on_bars: Callable[[int], None] | None = None) -> Collected:
        """Fetch and store what a plan misses; an exchange that fails ends it, what was stored stays."""
        with self._lock:
            source = self._exchange(plan.market.exchange)
            return collect(self.store, Imports(self.store), source, plan, clock=self._clock, on_bars=on_bars)

    def store_bars(self, bars: Bars, market: Market, source: str) -> Written:
        """Store bars that came from elsewhere; those that are stored already stay as they are.

        The reporter is warned when bars came again with other values, or the market's quality fell.

        Returns
        -------
        Written
            Bars that were inserted, unchanged, and changed: with other values, reported and not replaced.
        """
        columns = present(bars)
        settling.settle_market(columns["time"], market, market, source)
        done = Imports(self.store).add(market, columns, source=source, at_ms=int(self._clock() * 1000))
        if done.written.changed:
            self._reporter.warn(f"{market}: {done.written.changed:,} bars are stored with other values, which stay")
        if done.alert is not None:
            self._reporter.warn(str(done.alert))
        return done.written

    # what is asked for

    def _market(self, symbol: str | None, exchange: str | None, timeframe: str | Timeframe) -> Market:
        """Return the market of a call, with what the database knows of it."""
        if symbol is not None and exchange is not None and "/" in exchange and "/" not in canonical_symbol(symbol):
            symbol, exchange = exchange, symbol  # the other document names the exchange first
        if not symbol:
            raise InputError("symbol", 'must be given, such as "BTC/USDT"')
        name = _exchange_name(exchange or (self._allowed or ["binance"])[0])
        length = Timeframe.parse(timeframe) if isinstance(timeframe, str) else timeframe
        wanted = named_market(name, symbol, length)
        return self.store.find(name, wanted.symbol, length) or wanted

    def _window(
        self, timeframe: Timeframe, since: Moment | None, until: Moment | None, lookback_days: float | None
    ) -> Window:
        """Return the span of a call, ended before the bar that is open now."""
        if since is not None and lookback_days is not None:
            raise InputError("lookback_days", "cannot be combined with since", lookback_days)
        days = LOOKBACK_DAYS if lookback_days is None else lookback_days
        if not 0 < days < 1e6:
            raise InputError("lookback_days", "must be positive", lookback_days)
        now = int(self._clock() * 1000) // timeframe.ms * timeframe.ms
        stop = now if until is None else min(now, _moment("until", until))
        start = stop - days_to_ms(days) if since is None else _moment("since", since)
        if start >= stop:
            raise InputError("since", f"must lie before until, which is {_text(stop)}", _text(start))
        return Window(start, stop, since is None)

    # what is stored

    def _held(self, market: Market, window: Window) -> Bars:
        try:
            return self.store.read(market, window.start_ms, window.stop_ms)
        except InputError:
            span = f"{_text(window.start_ms)} to {_text(window.stop_ms)}"
            raise InsufficientDataError(
                str(market), f"there are no bars from {span}", hint=self._hint(market)
            ) from None

    def _resampled(self, market: Market, window: Window) -> Bars | None:
        """Return bars made from finer ones that cover the whole window, where the market itself is not stored."""
        finer = [] if self.store.coverage(market) else self.store.finer(market)
        if not any(not self.store.missing(one, window.start_ms, window.stop_ms) for one in finer):
            return None
        return self.store.read_resampled(market, window.start_ms, window.stop_ms)

    def _stored(self, market: Market, window: Window, trouble: ExchangeError | InputError) -> Bars:
        """Return what is stored when the exchange cannot be asked, and say so."""
        best = next(iter(self.store.finer(market)), None)
        newest = None if best is None else self.store.newest_ms(best)
        if best is None or newest is None:
            raise self._nothing(market, trouble) from trouble
        start, stop = window.start_ms, window.stop_ms
        if window.counted:
            stop = min(stop, newest + best.timeframe.ms)
            start = stop - (window.stop_ms - window.start_ms)
        try:
            bars = self.store.read_resampled(market, start, stop)
        except InputError:
            raise self._nothing(market, trouble) from trouble
        first, end = int(bars.time[0]), int(bars.time[-1]) + market.timeframe.ms
        never = sum(b - a for a, b in self.store.missing(best, first, end)) // best.timeframe.ms
        gaps = f", {never:,} bars of it were never fetched" if never else ""
        reason = str(trouble) if isinstance(trouble, InputError) else f"{trouble.exchange} {trouble.reason}"
        self._reporter.warn(
            f"{market}: only stored bars are used, {ms_to_days(end - first):g} days up to the newest of them, "
            f"{_text(int(bars.time[-1]))}{gaps}, because {reason}"
        )
        return bars

    def _nothing(self, market: Market, trouble: ExchangeError | InputError) -> ExchangeError | InputError:
        """Return the error of an exchange that cannot be asked for what is not stored either."""
        hint = f"No bars of {market} are stored for this span. {self._hint(market)}"
        if isinstance(trouble, InputError):
            said = trouble.hint and trouble.hint.rstrip(".") + ("" if trouble.hint.endswith("?") else ".") + " "
            return InputError(trouble.field, trouble.rule, trouble.value, said + hint)
        return type(trouble)(trouble.exchange, trouble.reason, hint, tries=trouble.tries, resume_ms=trouble.resume_ms)

    def _hint(self, market: Market) -> str:
        """Say what is stored, and what to do."""
        stored = self.store.markets()
        same = [h for h in stored if _same(h.market, market) and h.first_ms is not None and h.last_ms is not None]
        if same:
            spans = ", ".join(
                f"{h.market.timeframe} from {_text(h.first_ms or 0)} to {_text(h.last_ms or 0)}" for h in same
            )
            return f"Stored are {spans}"
        names = list(dict.fromkeys(f"{h.market.symbol} on {h.market.exchange}" for h in stored if h.bars))
        more = f" and {len(names) - 5} others" if len(names) > 5 else ""
        known = f"Stored are {', '.join(names[:5])}{more}" if names else "The database is empty"
        return f"{known}; `assay data import FILE` stores the bars of a file"

    # exchanges

    def _plan(self, market: Market, window: Window) -> Plan:
        with self._lock:
            known = self._known(market)
        missing = self.store.missing(known, window.start_ms, window.stop_ms)
        return Plan(known, window.start_ms, window.stop_ms, tuple(missing))

    def _known(self, market: Market) -> Market:
        """Return a market as its exchange names it; one that was out of reach a moment ago is not waited for again."""
        since, error = self._away.get(market.exchange, (-AWAY_S, None))
        if error is not None and self._clock() < since + AWAY_S:
            raise error
        try:
            return self._exchange(market.exchange).market(market.symbol, market.timeframe)
        except OfflineError as offline:
            self._away[market.exchange] = (self._clock(), offline)
            raise

    def _exchange(self, name: str) -> Source:
        if name not in self._open:
            if self._allowed is not None:
                raise InputError("exchange", f"must be one that was given: {', '.join(self._allowed)}", name)
            self._open[name] = exchange_clients.open_exchange(name)
        return self._open[name]


def _close(exchanges: dict[str, Source], databases: list[Database]) -> None:
    for exchange in exchanges.values():
        exchange.close()
    for database in databases:
        database.close()
    exchanges.clear()
    databases.clear()


def _exchange_name(name: str) -> str:
    text = name.strip().lower()
    return ALIASES.get(text, text)


def _same(one: Market, other: Market) -> bool:
    return (one.exchange, one.symbol) == (other.exchange, other.symbol)


def _text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def _moment(name: str, value: Moment) -> int:
    """Return a moment in milliseconds UTC."""
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[ms]").astype(np.int64))
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        if value < EARLIEST_MS:
            raise InputError(name, "must be milliseconds UTC where it is a whole number", int(value))
        return int(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise InputError(name, "must be a date or time in ISO form, such as 2024-01-31T09:30", value) from None
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        raise InputError(name, "must be a datetime, an ISO text or milliseconds UTC", type(value).__name__)
    return round(moment.timestamp() * 1000)
