"""A server with a few markets, configurations and experiments, asked inside this process."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from assay.api.app import create_app
from assay.api.settings import Settings
from assay.documents.figures import figures
from assay.market import Market, Timeframe, resample
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, Imports, Registry
from assay.store.bars import present
from assay.store.ledger import Ledger
from store.documents import evidence, variant
from store.test_ledger import ENTRY, OPENING

if TYPE_CHECKING:
    import asyncio

    from fastapi import FastAPI

    from assay.market import Bars

TOKEN = "a token of the tests"  # noqa: S105  (it opens nothing)
UPLOAD_LIMIT = 300_000
IDS = [f"SPIKE_V3_20260301_{n:06d}_abcdef" for n in range(5)]
MARKETS = (("binance", "BTC/USDT", "5m", 1), ("binance", "BTC/USDT", "1h", 2), ("kraken", "ETH/USDT", "5m", 3))


@dataclass
class Api:
    """Asks an app and waits for the answer.

    Attributes
    ----------
    bars : dict
        Of each market, as they were stored.
    """

    app: FastAPI
    database: Database
    runner: asyncio.Runner
    bars: dict[str, Bars]

    def __call__(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Return the answer to a request below /api."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
            headers = {"Authorization": f"Bearer {TOKEN}"} | given.pop("headers", {})
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                return await client.request(method, f"/api{path}", headers=headers, **given)

        return self.runner.run(ask())

    def get(self, path: str, **query: Any) -> Any:
        """Return the document of an answer that is one."""
        answer = self("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all_of(self, path: str, **query: Any) -> list[Any]:
        """Return the rows of all pages."""
        rows, cursor = [], None
        while True:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            rows += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows


def sample_bars(exchange: str, symbol: str, timeframe: str, seed: int) -> Bars:
    """Ten days of a simulated market, some bars of it not valid and some absent."""
    market = Market(exchange, symbol, Timeframe.parse(timeframe), "spot", 0.01)
    found = replace(
        simulate_market(SimulatedMarket(days=10, seed=seed)), market=replace(market, timeframe=Timeframe.parse("5m"))
    )
    if timeframe != "5m":
        found = resample(found, market.timeframe)
    absent = found.absent.copy()
    absent[40:60] = True
    return replace(found, absent=absent)


def filled(path: Path, *, trained: bool = True) -> tuple[Database, dict[str, Bars]]:
    """Return a database with markets, configurations of several stages, and a ledger.

    Parameters
    ----------
    trained : bool
        With a training of this version's; else with the documents of earlier ones alone, which are there at once.
    """
    database = Database.open(path)
    store, kept = BarStore(database), {}
    for exchange, symbol, timeframe, seed in MARKETS:
        bars = sample_bars(exchange, symbol, timeframe, seed)
        Imports(store).add(bars.market, present(bars), source=f"{seed}.csv", at_ms=1_700_000_000_000)
        kept[f"{exchange} {symbol} {timeframe}"] = store.read(bars.market)
    _store_configurations(Registry(database), trained=trained)
    ledger = Ledger(database)
    for n, letter in enumerate("abcde"):
        entry = replace(ENTRY, experiment_digest=letter * 64, best=None if n == 2 else ENTRY.best, combinations=10 + n)
        ledger.record(entry, user="me", at_ms=100 + n // 2)
    for letter in "ab":
        ledger.record_opening(replace(OPENING, experiment_digest=letter * 64), user="me", at_ms=200)
    return database, kept


def _store_configurations(registry: Registry, *, trained: bool) -> None:
    if not trained:
        for number, document in enumerate(early_documents()):
            registry.save(document, at_ms=number)
        return
    wins = {"metrics__gross_win_rate": 12 / 80, "metrics__win_rate": 12 / 80, "metrics__total_trades": 80}
    registry.save(variant(0, "PAPER", **wins, metrics__sharpe_ratio=None), at_ms=1_000)
    registry.save(variant(1), at_ms=2_000, figures=figures(evidence()))
    registry.save(variant(2, "MATURE", context__pair="ETH/USDT", metrics__sharpe_ratio=20.5), at_ms=2_000)
    registry.save(variant(3, "PAPER", metrics__sharpe_ratio=None), at_ms=3_000)
    registry.save(variant(4, "VALIDATION", context__timeframe="4h", metrics__sharpe_ratio=-0.5), at_ms=4_000)


def early_documents() -> list[dict[str, Any]]:
    """Return the documents of the first release, which are none of this procedure."""
    folder = Path(__file__).parents[1] / "compatibility" / "documents"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def opened_api(path: Path, runner: asyncio.Runner) -> Api:
    """Return a server over a database of samples."""
    database, bars = filled(path)
    settings = Settings(token=TOKEN, upload_limit=UPLOAD_LIMIT, requests_per_minute=10**6)
    return Api(create_app(database, settings), database, runner, bars)
