"""Exchanges on this machine: each speaks its protocol over real HTTP, as its documentation has it, and no more.

A fake holds the true candles of one symbol, answers as limited, as ordered and as bounded as the exchange does, counts
what it is asked, and fails on demand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_httpserver import HTTPServer

MINUTE = 60_000
STEP = 5 * MINUTE
DAY = 86_400_000
NOW = 1_709_294_600_000
"""2024-03-01 12:03:20 UTC on the exchange's clock."""
OPEN_NOW = NOW // STEP * STEP
"""The five-minute candle that is not finished."""

Row = tuple[int, float, float, float, float, float]


def row(stamp: int) -> Row:
    """Return the one true candle of a stamp."""
    wave = (stamp // STEP * 2_654_435_761) % 1000
    opened, close = 40_000.0 + wave, 40_000.0 + (wave * 7) % 1000
    return (stamp, opened, max(opened, close) + 5.5, min(opened, close) - 2.5, close, 1.25 + wave / 8)


def series(start: int, stop: int, *, without: Callable[[int], bool] = lambda _: False) -> dict[int, Row]:
    return {t: row(t) for t in range(start, stop, STEP) if not without(t)}


@dataclass
class Fake:
    """What all exchanges have in common."""

    candles: dict[int, Row]
    now: int = NOW
    mangle: Callable[[list[Row]], list[Row]] = lambda rows: rows
    faults: list[Callable[[], Response]] = field(default_factory=list)
    """Each spoils one request for candles."""
    always: Callable[[], Response] | None = None
    """Spoils every request for candles."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """Queries for candles of the symbol's own timeframe."""
    daily: list[dict[str, str]] = field(default_factory=list)
    base: str = ""
    cap: int | None = None
    """A limit lower than the exchange is known for."""

    name = ""
    symbol = "BTC/USDT"
    own_symbol = "BTCUSDT"
    limit = 0
    tick = 0.01

    @property
    def urls(self) -> dict[str, str]:
        return {"public": self.base}

    def respond(self, path: str, query: dict[str, str]) -> Response:
        answer = self.answer(path, query)
        return answer if isinstance(answer, Response) else as_json(answer)

    def answer(self, path: str, query: dict[str, str]) -> Any:
        raise NotImplementedError

    def served(self, step: int, query: dict[str, str]) -> list[Row] | Response:
        """Note a request, spoil it if it is its turn, and return all candles of a timeframe."""
        (self.asked if step == STEP else self.daily).append(query)
        if self.always is not None:
            return self.always()
        if self.faults:
            return self.faults.pop(0)()
        if step == STEP:
            return [self.candles[t] for t in sorted(self.candles) if t <= self.now]
        days = sorted({t // step * step for t in self.candles})
        return [(t, *row(t)[1:]) for t in days]


class Binance(Fake):
    name, limit = "binance", 1000

    @property
    def urls(self) -> dict[str, str]:
        return {
            "public": f"{self.base}/api/v3", "fapiPublic": f"{self.base}/fapi/v1", "dapiPublic": f"{self.base}/dapi/v1",
        }  # fmt: skip

    def answer(self, path: str, query: dict[str, str]) -> Any:
        if path in {"/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"}:
            return {"symbols": [_binance_contract()] if path.startswith("/f") else []}
        if path == "/fapi/v1/klines":
            return twice(self.answer("/api/v3/klines", query | {"contract": "yes"}))
        if path == "/api/v3/time":
            return {"serverTime": self.now}
        if path == "/api/v3/exchangeInfo":
            return {"symbols": [_binance_symbol("BTC", "USDT"), _binance_symbol("ETH", "USDT")]}
        if path != "/api/v3/klines":
            return Response(status=404)
        if query["symbol"] != self.own_symbol:
            return as_json({"code": -1121, "msg": "Invalid symbol."}, 400)
        rows = self.served({"5m": STEP, "1d": DAY}[query["interval"]], query)
        if isinstance(rows, Response):
            return rows
        first, last = int(query["startTime"]), int(query.get("endTime", self.now))
        rows = [r for r in rows if first <= r[0] <= last][: min(int(query["limit"]), self.cap or self.limit)]
        return [[r[0], *map(repr, r[1:]), r[0] + STEP - 1, "0", 1, "0", "0", "0"] for r in self.mangle(rows)]


class Kraken(Fake):
    name, limit, tick = "kraken", 720, 0.1
    symbol, own_symbol = "BTC/USD", "XXBTZUSD"

    def answer(self, path: str, query: dict[str, str]) -> Any:
        if path == "/0/public/Time":
            return {"error": [], "result": {"unixtime": self.now // 1000}}
        if path == "/0/public/AssetPairs":
            return {
                "error": [],
                "result": {"XXBTZUSD": _kraken_pair("XXBT", "XBT", 1), "XDGUSD": _kraken_pair("XXDG", "XDG", 7)},
            }
        if path != "/0/public/OHLC":
            return Response(status=404)
        if query["pair"] != self.own_symbol:
            return {"error": ["EQuery:Unknown asset pair"]}
        rows = self.served(int(query["interval"]) * MINUTE, query)
        if isinstance(rows, Response):
            return rows
        since = int(query.get("since", 0)) * 1000
        rows = self.mangle([r for r in rows[-self.limit :] if r[0] > since])
        table = [[r[0] // 1000, *map(repr, r[1:5]), "0.0", repr(r[5]), 3] for r in rows]
        return {"error": [], "result": {self.own_symbol: table, "last": self.now // 1000}}


class Coinbase(Fake):
    name, limit = "coinbase", 300
    own_symbol = "BTC-USDT"

    @property
    def urls(self) -> dict[str, str]:
        return {"rest": self.base}

    def answer(self, path: str, query: dict[str, str]) -> Any:
        if path == "/v2/time":
            return {"data": {"epoch": self.now // 1000, "iso": ""}}
        products = "/api/v3/brokerage/market/products"
        if path == products:
            spot = query.get("product_type", "SPOT") == "SPOT"
            return {"products": [_coinbase_product("BTC"), _coinbase_product("ETH")] if spot else []}
        if path != f"{products}/{self.own_symbol}/candles":
            return as_json({"error": "NOT_FOUND", "error_details": "product not found"}, 404)
        step = {"FIVE_MINUTE": STEP, "ONE_DAY": DAY}[query["granularity"]]
        first, last = int(query["start"]) * 1000, int(query["end"]) * 1000
        if (last - first) / step > 350:
            return as_json(
                {"error": "INVALID_ARGUMENT", "error_details": "candles requested should be less than 350"}, 400
            )
        rows = self.served(step, query)
        if isinstance(rows, Response):
            return rows
        rows = [r for r in rows if first <= r[0] <= last][::-1][: self.cap or 350]
        names = ("open", "high", "low", "close", "volume")
        table = [
            {"start": str(r[0] // 1000)} | dict(zip(names, map(repr, r[1:]), strict=True)) for r in self.mangle(rows)
        ]
        return {"candles": table}


class Bybit(Fake):
    name, limit = "bybit", 1000

    def answer(self, path: str, query: dict[str, str]) -> Any:
        if path == "/v5/market/time":
            return self._result({"timeSecond": str(self.now // 1000), "timeNano": f"{self.now}000000"})
        if path == "/v5/market/instruments-info":
            if query["category"] != "spot":
                contracts = [_bybit_contract()] if query["category"] == "linear" else []
                return self._result({"category": query["category"], "list": contracts})
            return self._result({"category": "spot", "list": [_bybit_symbol("BTC"), _bybit_symbol("ETH")]})
        if path != "/v5/market/kline":
            return Response(status=404)
        if query["category"] == "linear" and path == "/v5/market/kline":
            found = self.answer(path, query | {"category": "spot", "contract": "yes"})
            return found | {"result": {"list": twice(found["result"]["list"])}}
        if query["symbol"] != self.own_symbol or query["category"] != "spot":
            return {"retCode": 10001, "retMsg": "Not supported symbols", "result": {}, "time": self.now}
        rows = self.served({"5": STEP, "D": DAY}[query["interval"]], query)
        if isinstance(rows, Response):
            return rows
        first, last = int(query["start"]), int(query.get("end", self.now))
        rows = [r for r in rows if first <= r[0] <= last][::-1][: min(int(query["limit"]), self.cap or self.limit)]
        return self._result({"list": [[str(r[0]), *map(repr, r[1:]), "0"] for r in self.mangle(rows)]})

    def _result(self, result: Any) -> Any:
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.now}


FAKES: list[type[Fake]] = [Binance, Kraken, Coinbase, Bybit]


class Hub:
    """One HTTP server for any number of fakes, each under a folder of its own."""

    def __init__(self, server: HTTPServer) -> None:
        self.server, self._numbers = server, count()
        self.fakes: dict[str, Fake] = {}

    def add(self, fake: Fake) -> Fake:
        folder = f"n{next(self._numbers)}"
        self.fakes[folder] = fake
        fake.base = str(self.server.url_for(f"/{folder}"))
        return fake

    def handle(self, request: Request) -> Response:
        _, folder, *rest = request.path.split("/")
        query = {k: v[0] for k, v in parse_qs(request.query_string.decode()).items()}
        return self.fakes[folder].respond("/" + "/".join(rest), query)


def twice(rows: list[Any]) -> list[Any]:
    """Return candles with twice the volume: a contract trades otherwise than the spot market of its pair."""
    return [[*r[:5], repr(float(r[5]) * 2), *r[6:]] for r in rows]


def as_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(value), status=status, headers=headers, content_type="application/json")


def busy(retry_after: str | None = None) -> Response:
    headers = {"Retry-After": retry_after} if retry_after else None
    return as_json({"code": -1003, "msg": "Too many requests"}, 429, headers)


def broken() -> Response:
    return Response("<html>Internal Server Error</html>", status=500, content_type="text/html")


def cut() -> Response:
    """Return the beginning of an answer; then the connection ends."""

    def body() -> Iterator[bytes]:
        yield b'[[1709294400000,"40'

    return Response(body(), headers={"Content-Length": "5000"}, content_type="application/json")


def _binance_symbol(base: str, quote: str) -> dict[str, Any]:
    filters = [{"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"}]
    return {
        "symbol": base + quote, "status": "TRADING", "baseAsset": base, "baseAssetPrecision": 8, "quoteAsset": quote,
        "quotePrecision": 8, "isSpotTradingAllowed": True, "isMarginTradingAllowed": True, "filters": filters,
        "permissions": ["SPOT"],
    }  # fmt: skip


def _kraken_pair(base: str, short: str, decimals: int) -> dict[str, Any]:
    return {
        "altname": f"{short}USD", "wsname": f"{short}/USD", "base": base, "quote": "ZUSD", "pair_decimals": decimals,
        "lot_decimals": 8, "leverage_buy": [2], "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]], "ordermin": "0.0001",
        "costmin": "0.5", "status": "online",
    }  # fmt: skip


def _coinbase_product(base: str) -> dict[str, Any]:
    return {
        "product_id": f"{base}-USDT", "base_currency_id": base, "quote_currency_id": "USDT", "product_type": "SPOT",
        "base_increment": "0.00000001", "quote_increment": "0.01", "price_increment": "0.01", "base_min_size": "0.0001",
        "base_max_size": "1000", "quote_min_size": "1", "quote_max_size": "1000000", "trading_disabled": False,
    }  # fmt: skip


def _bybit_symbol(base: str) -> dict[str, Any]:
    lots = {"basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.0001", "maxOrderQty": "80"}
    return {
        "symbol": f"{base}USDT", "baseCoin": base, "quoteCoin": "USDT", "status": "Trading", "marginTrading": "both",
        "lotSizeFilter": lots, "priceFilter": {"tickSize": "0.01"},
    }  # fmt: skip


def _binance_contract() -> dict[str, Any]:
    return _binance_symbol("BTC", "USDT") | {
        "pair": "BTCUSDT", "contractType": "PERPETUAL", "marginAsset": "USDT", "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000, "pricePrecision": 2, "quantityPrecision": 3, "underlyingType": "COIN",
    }  # fmt: skip


def _bybit_contract() -> dict[str, Any]:
    return _bybit_symbol("BTC") | {
        "contractType": "LinearPerpetual", "settleCoin": "USDT", "launchTime": "1584230400000", "deliveryTime": "0",
        "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "100"},
    }  # fmt: skip
