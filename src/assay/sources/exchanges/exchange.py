"""One exchange: its markets and its candles, through the synchronous client of ccxt."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from assay.errors import AnswerError, ExchangeError, InputError, OfflineError, near_name
from assay.lazy import lazy
from assay.market import Market, Timeframe
from assay.market.calendar import DAY_MS
from assay.sources.exchanges.answers import SETTLING_MS, Question, check, every_row, moment
from assay.sources.exchanges.names import exchange_id, find_symbol, find_timeframe, is_contract, offered, price_tick
from assay.sources.exchanges.pages import Page, columns
from assay.sources.exchanges.paginator import Limits, Paginator, without_unsettled
from assay.sources.exchanges.paging_rules import PAGING_RULES, PagingRules
from assay.sources.exchanges.retry import RetryPolicy, retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import ccxt
    import numpy as np
    import requests
    from numpy.typing import NDArray

    from assay.sources.exchanges import transport
else:  # 0.3 s, needed once an exchange is open
    ccxt, requests = lazy("ccxt"), lazy("requests")
    transport = lazy("assay.sources.exchanges.transport")

T = TypeVar("T")

_CONTRACTS = ("linear", "inverse", "swap")
_LATER = "contracts"
"""Option of a client: lists of contracts that are fetched when the first contract is asked for."""

REACH_S = 4.0
"""An exchange that gives no sign of life in this time is taken for out of reach."""


def open_exchange(
    name: str,
    *,
    urls: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
    pace_ms: float | None = None,
    patience: RetryPolicy | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Exchange:
    """Return an exchange; nothing is sent before it is asked for something.

    Parameters
    ----------
    name : str
        ``binance``, ``kraken``, ``coinbase``, ``bybit`` ... : any of ccxt that serves candles.
    urls : mapping of str to str or None
        Replaces entries of ccxt's ``urls["api"]``, such as ``{"public": "http://localhost:8000"}``.
    timeout_s : float
        Longest silence of the exchange within one request.
    pace_ms : float or None
        Milliseconds between requests; None is ccxt's own figure for the exchange.
    patience : Patience or None
        How often it is asked again.
    clock, sleep : callable
        Seconds since 1970, and waiting for seconds; both are replaced in tests.

    Raises
    ------
    InputError
        When there is no such exchange, naming the near one.
    """
    if not timeout_s > 0:
        raise InputError("timeout_s", "must be positive", timeout_s)
    found = exchange_id(name)
    client = getattr(ccxt, found)(
        {
            "enableRateLimit": True,
            "enableLastJsonResponse": True,
            "session": transport.session(),
            "timeout": round(timeout_s * 1000),
        }
    )
    client.parse_ohlcvs = every_row(client.parse_ohlcv)
    if pace_ms is not None:
        client.rateLimit = pace_ms
    if urls is not None:
        client.urls["api"] = _with_urls(client.urls["api"], urls, found)
    # Contracts and currencies would be up to ten more requests, and on some exchanges a key.
    client.has["fetchCurrencies"] = False
    listed = client.options.get("fetchMarkets")
    if isinstance(listed, dict) and isinstance(listed.get("types"), list):
        contracts = [kind for kind in listed["types"] if kind in _CONTRACTS]
        client.options["fetchMarkets"] = {**listed, "types": ["spot"], _LATER: contracts}
    limit = (((client.features or {}).get("spot") or {}).get("fetchOHLCV") or {}).get("limit")
    rules = PAGING_RULES.get(found) or PagingRules(limit or PagingRules().candles)
    return Exchange(found, client, rules, patience or RetryPolicy(), clock, sleep)


def _with_urls(api: Any, urls: Mapping[str, str], exchange: str) -> Any:
    known = api if isinstance(api, dict) else {}
    for key in urls:
        if key not in known:
            raise InputError("urls", f"must be addresses that ccxt's {exchange} has", key, near_name(key, known))
    return {**known, **urls}


@dataclass(frozen=True, eq=False)
class Exchange:
    """An open exchange; close it, or use it in a ``with`` statement. One thread at a time.

    Attributes
    ----------
    name : str
        ccxt's id, which is also the exchange of its markets.
    client : ccxt.Exchange
    rules : PagingRules
        How it pages.
    patience : Patience
    clock, sleep : callable
        Seconds since 1970, and waiting for seconds.
    """

    name: str
    client: Any = field(repr=False)
    rules: PagingRules
    patience: RetryPolicy
    clock: Callable[[], float] = field(repr=False)
    sleep: Callable[[float], None] = field(repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def market(self, symbol: str, timeframe: Timeframe | str) -> Market:
        """Return a spot market, or a perpetual contract, with its price tick where that is known.

        Parameters
        ----------
        symbol : str
            ``BTC/USDT``, ``BTCUSDT``, ``btc-usdt``, or the exchange's own id; ``BTC/USDT:USDT`` for a contract.
        timeframe : Timeframe or str

        Raises
        ------
        InputError
            When the exchange has no such symbol or timeframe, naming near ones.
        ExchangeError
            When it gives no answer.
        """
        wanted = Timeframe.parse(timeframe) if isinstance(timeframe, str) else timeframe
        find_timeframe(wanted, self.client.timeframes, self.name)
        self._load_markets()
        if is_contract(symbol):
            self._load_contracts()
        found = find_symbol(symbol, self.client.markets, self.name, self.client.commonCurrencies)
        tick = price_tick(self.client.markets[found], self.client.precisionMode)
        return Market(self.name, found, wanted, "perpetual" if is_contract(found) else "spot", tick)

    def now_ms(self) -> int:
        """Return the exchange's clock, or the local one where it has none, in milliseconds UTC."""
        if not self.client.markets:
            self._reach()
        if self.client.has["fetchTime"] is True:
            said = self._retry(self.client.fetch_time)
            if said:
                return int(said)
        return int(self.clock() * 1000)

    def pages(
        self,
        market: Market,
        start_ms: int,
        stop_ms: int,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[Page]:
        """Yield the finished candles that open in [start_ms, stop_ms), oldest first.

        Each page can be stored before the next is asked for; to take an interrupted fetch up again, start at the
        `stop_ms` of the last page. `Fetched.of` sums pages up.

        Parameters
        ----------
        market : Market
            As `market` gives it.
        start_ms, stop_ms : int
            Milliseconds UTC.
        on_progress : callable or None
            Called after each page with the bars done and the bars in all.

        Raises
        ------
        InputError
            The market is not one of this exchange, or the span is empty.
        AnswerError
            An answer cannot be right; or, after all pages, answers do not prove that bars are absent which did not
            come: these lie in no page.
        ExchangeError
            The exchange gives no answer; `resume_ms` says where to go on.
        """
        if market.exchange != self.name:
            raise InputError("market", f"must be a market of {self.name}", str(market))
        if market.kind != ("perpetual" if is_contract(market.symbol) else "spot"):
            rule = "must be a spot market, or a perpetual contract written BASE/QUOTE:SETTLEMENT (no other contracts)"
            raise InputError("market", rule, f"{market.symbol}, {market.kind}")
        if start_ms >= stop_ms:
            raise InputError("start_ms", f"must be before stop_ms {stop_ms}", start_ms)
        find_timeframe(market.timeframe, self.client.timeframes, self.name)
        return self._paginate(market, start_ms, stop_ms, on_progress)

    def _paginate(
        self, market: Market, start_ms: int, stop_ms: int, on_progress: Callable[[int, int], None] | None
    ) -> Iterator[Page]:
        self._load_markets()
        if is_contract(market.symbol):
            self._load_contracts()
        find_symbol(market.symbol, self.client.markets, self.name, {})
        step = market.timeframe.ms
        now = self.now_ms()
        # The bar that is open now is not asked for.
        start, stop = -(-start_ms // step) * step, min(-(-stop_ms // step), now // step) * step
        settled = (now - SETTLING_MS) // step * step
        coarser = tuple(ms for ms in offered(self.client.timeframes) if ms > step and ms % step == 0)
        ahead = now - self.clock() * 1000
        fetch = partial(self.candles, market, ahead_ms=ahead)
        paginator = Paginator(fetch, self.rules, step, Limits(now // step * step, settled), coarser)
        cursor = start
        while cursor < stop:
            try:
                pages, cursor_after = paginator.pages(cursor, stop)
            except ExchangeError as error:
                raise _resumable(error, cursor, cursor > start) from error
            last = cursor_after >= stop
            if last:
                pages[-1] = without_unsettled(pages[-1], settled, step)
            yield from pages
            cursor = stop if last else cursor_after
            if on_progress is not None:
                on_progress((cursor - start) // step, (stop - start) // step)
        if paginator.doubts:
            raise _unproven(self.name, paginator.doubts, step, start)

    def _load_markets(self) -> None:
        if self.client.markets:
            return
        self._reach()
        self._retry(self.client.load_markets)
        if not any(market.get("spot") for market in self.client.markets.values()):
            raise ExchangeError(self.name, "lists no spot market", "Choose another exchange")

    def _load_contracts(self) -> None:
        listed = self.client.options.get("fetchMarkets")
        if isinstance(listed, dict) and (kinds := listed.pop(_LATER, None)):
            listed["types"] = ["spot", *kinds]
            try:
                self._retry(lambda: self.client.load_markets(reload=True))
            except ExchangeError:
                listed[_LATER] = kinds
                raise

    def _reach(self) -> None:
        """Refuse an exchange that cannot be reached, in seconds where retries would take minutes."""
        address = self.client.implode_hostname(_first_address(self.client.urls["api"]))
        failed: list[str] = ["nothing came back"]

        def knock() -> None:
            try:
                # Any answer will do, also an error; a name that is looked up in vain may hang for a minute.
                with self.client.session.get(address, timeout=REACH_S, stream=True, allow_redirects=False):
                    failed.clear()
            except requests.RequestException as error:
                failed[:] = ["its name is not known" if "resolve" in str(error) else _cause(error)]

        knocking = threading.Thread(target=knock, daemon=True)
        knocking.start()
        knocking.join(REACH_S)
        if failed:
            hint = "Check the network, or use bars that are stored already"
            raise OfflineError(self.name, f"cannot be reached at {address}: {failed[0]}", hint)

    def _retry(self, call: Callable[[], T]) -> T:
        def checked() -> T:
            self.client.last_json_response = None
            answer = call()
            if self.client.last_json_response is None:
                # A page of a proxy or of a guard: ccxt would read it as an answer without candles.
                raise ccxt.BadResponse(f"{self.name} no JSON")
            return answer

        return retry(checked, self.name, self.patience, self.clock, self.sleep)

    def candles(
        self, market: Market, start: int, stop: int, timeframe_ms: int = 0, *, ahead_ms: float | None = None
    ) -> NDArray[np.float64]:
        """Return the raw candles of one request, float64 of shape (n, 6), whatever the exchange makes of the span.

        Parameters
        ----------
        market : Market
        start, stop : int
            Milliseconds UTC.
        timeframe_ms : int
            Length of the candles; that of the market where it is 0.
        ahead_ms : float or None
            How far the exchange's clock is ahead of the local one; None where nobody asked.

        Raises
        ------
        AnswerError
            When a row cannot be right.
        """
        step = timeframe_ms or market.timeframe.ms
        names = offered(self.client.timeframes)
        # ccxt cuts an answer at the limit from its oldest end on, which would hide that only the newest were served.
        limit = None if self.rules.only_newest else (stop - start) // step
        params = {"until": stop - 1} if self.rules.takes_until else {}
        fetch = self.client.fetch_ohlcv
        found = self._retry(lambda: columns(fetch(market.symbol, names[step], start, limit, params)))
        now = self.clock() * 1000 + (DAY_MS if ahead_ms is None else ahead_ms)
        longer = tuple(ms for ms in names if ms > step and ms % step == 0)
        return check(found, Question(self.name, start, stop, step, int(now), self.rules.bounded, longer))


def _cause(error: Exception) -> str:
    return {
        "ConnectTimeout": "nothing came back",
        "ProxyError": "the proxy does not answer",
        "ReadTimeout": "nothing came back",
        "SSLError": "its certificate is not accepted",
    }.get(type(error).__name__, "there is no connection")


def _first_address(api: Any) -> str:
    if isinstance(api, str):
        return api
    return _first_address(api.get("public") or api.get("rest") or next(iter(api.values())))


def _resumable(error: ExchangeError, cursor: int, stored: bool) -> ExchangeError:  # noqa: FBT001  (private)
    """Return the error with the moment from which to go on."""
    done = f"Bars before {moment(cursor)}Z are complete and can be kept; start again from there" if stored else ""
    hint = ". ".join(part for part in (error.hint, done) if part)
    return type(error)(error.exchange, error.reason, hint, tries=error.tries, resume_ms=cursor if stored else None)


def _unproven(exchange: str, doubts: list[tuple[int, int]], step: int, start: int) -> AnswerError:
    """Return the error of bars that did not come, whose absence no two answers prove."""
    bars = sum(b - a for a, b in doubts) // step
    rule = (
        f"did not send {bars:,} bars between {moment(doubts[0][0])}Z and {moment(doubts[-1][1])}Z, and its answers do "
        "not prove that it does not have them"
    )
    hint = "They are left out and count as not fetched; the same command asks for them again"
    return AnswerError(exchange, rule, hint, resume_ms=doubts[0][0] if doubts[0][0] > start else None)
