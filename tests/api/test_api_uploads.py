"""Files that are sent: read as the command line reads them, bounded, and gone afterwards."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.datastructures import UploadFile

from api.api_samples import TOKEN, UPLOAD_LIMIT, Api
from assay.api import uploads
from assay.api.app import create_app
from assay.api.settings import Settings
from assay.cli.main import main
from assay.sources import table_csv
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import Database
from assay.store.bars import present

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = {
    ("timestamp" if n == "time" else n): c for n, c in present(simulate_market(SimulatedMarket(days=5, seed=5))).items()
}
CSV = table_csv(COLUMNS)
NAME = "BINANCE_BTCUSDT_5m.csv"
DAYS = {"exchange": "binance", "symbol": "BTC/USDT", "timeframe": "5m"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    database = Database.open(tmp_path_factory.mktemp("api") / "api.db")
    settings = Settings(token=TOKEN, upload_limit=UPLOAD_LIMIT, requests_per_minute=10**6)
    with asyncio.Runner() as runner:
        yield Api(create_app(database, settings), database, runner, {})
    database.close()


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every file that is received is closed when its request is over, whatever became of it."""
    received: list[UploadFile] = []
    first = UploadFile.__init__

    def kept(self: UploadFile, *args: Any, **named: Any) -> None:
        first(self, *args, **named)
        received.append(self)

    monkeypatch.setattr(UploadFile, "__init__", kept)
    yield
    assert all(file.file.closed for file in received)


def sent(api: Api, content: bytes, name: str = NAME, **query: Any) -> Any:
    return api("POST", "/bars/upload", files={"file": (name, content)}, params=query)


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, CSV)
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(dict(COLUMNS)), out)
    return out.getvalue()


@pytest.mark.parametrize("inspect", [False, True])
def test_a_file_is_taken_as_the_command_line_takes_it(
    api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str], inspect: bool
) -> None:
    (tmp_path / NAME).write_bytes(CSV)
    where = [] if inspect else ["--database", str(tmp_path / "other.db")]
    assert main(["data", "inspect" if inspect else "import", str(tmp_path / NAME), *where, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    expected = document if inspect else document["files"][0]
    if inspect:  # the options of the command line are names of the query
        names = [name.split()[0].removeprefix("--").replace("-", "_") for name in expected["options"]]
        expected["options"] = dict(zip(names, expected["options"].values(), strict=True))
        assert {"columns", "where", "bar_end"} < set(names)
    found = sent(api, CSV, inspect=inspect)
    assert found.json() == expected | {"file": NAME}, found.text
    if not inspect:
        assert sent(api, CSV).json()["unchanged"] == len(COLUMNS["timestamp"])
        assert api.get("/quality")["items"][0]["imports"][0]["source"] == NAME
    else:
        named = sent(api, CSV, "bars.csv", inspect=True, exchange="kraken", symbol="ethusdt").json()
        assert (named["exchange"], named["symbol"]) == ("kraken", "ETH/USDT")


def test_bars_of_a_market_that_was_removed_are_not_served_for_it(api: Api) -> None:
    """A new market may get the number of the one that was removed, and is at its first revision as that one was."""
    sent(api, CSV)
    first = api("GET", "/bars", params=DAYS)
    assert api("DELETE", "/bars", params=DAYS).json()["removed"] == len(COLUMNS["timestamp"])
    assert api("GET", "/bars", params=DAYS).status_code == 404
    doubled = table_csv({n: c if n in ("timestamp", "volume") else 2 * c for n, c in COLUMNS.items()})
    assert sent(api, doubled).json()["inserted"] == len(COLUMNS["timestamp"])
    second = api("GET", "/bars", params=DAYS, headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert second.json()["columns"]["close"] == [2 * price for price in first.json()["columns"]["close"]]


def test_a_span_is_removed(api: Api) -> None:
    sent(api, CSV)
    found = api("DELETE", "/bars", params=DAYS | {"from": "2024-01-02", "to": "2024-01-03"}).json()
    assert found["removed"] == 288
    (market,) = api.get("/markets", **DAYS)["items"]
    assert market["bars"] == found["bars"] - 288
    assert market["holes"] == [{"from": "2024-01-02T00:00:00Z", "to": "2024-01-03T00:00:00Z"}]
    assert len(api.get("/coverage")["items"][0]["spans"]) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("KRAKEN_ETHUSDT_5m.zip", zipped("KRAKEN_ETHUSDT_5m.csv")),
        ("KRAKEN_ETHUSDT_5m.parquet", parquet()),
        ("KRAKEN_ETHUSDT_5m.csv.gz", gzip.compress(CSV, mtime=0)),
        ("../../../etc/KRAKEN_ETHUSDT_5m.csv", CSV),
        ("C:\\bars\\KRAKEN_ETHUSDT_5m.csv", CSV),
    ],
)
def test_every_container_is_the_same_bars(api: Api, name: str, content: bytes) -> None:
    found = sent(api, content, name).json()
    assert found["inserted"] + found["unchanged"] == len(COLUMNS["timestamp"]), found
    assert "/" not in found["file"]
    assert found["exchange"] == "kraken"
    assert found["read_as"]["shape"]


TWO = b"symbol,timestamp,open,high,low,close,volume\n" + b"".join(
    f"{symbol},{1_700_000_000_000 // 300_000 * 300_000 + 300_000 * i},1,2,1,2,3\n".encode()
    for i in range(40)
    for symbol in ("BTCUSDT", "ETHUSDT")
)


@pytest.mark.parametrize(
    ("content", "name", "query", "status", "code"),
    [
        (b"", NAME, {}, 422, "unreadable_file"),
        (b"not a table of bars", NAME, {}, 422, "unreadable_file"),
        (b"PK\x03\x04 no zip", NAME, {}, 422, "unreadable_file"),
        (b"PAR1 no parquet", NAME, {}, 422, "unreadable_file"),
        (b"\x80\x04 a pickle", NAME, {}, 422, "unreadable_file"),
        (gzip.compress(b"time,open\n", mtime=0)[:-9], NAME, {}, 422, "unreadable_file"),
        (gzip.compress(bytes(90_000_000), mtime=0), "bomb.csv.gz", {}, 422, "unreadable_file"),
        (TWO, "bars.csv", {}, 422, "unreadable_file"),
        (CSV, "bars.csv", {}, 422, "invalid_input"),
        (CSV, NAME, {"timezone": "Mars/Olympus"}, 422, "invalid_input"),
        (CSV, NAME, {"columns": "time"}, 422, "invalid_input"),
        (CSV, NAME, {"timeframe": "1s"}, 422, "invalid_input"),
        (CSV, "ES_5m.csv", {"exchange": "cme", "symbol": "ES"}, 422, "invalid_input"),
        (bytes(UPLOAD_LIMIT + 1), NAME, {}, 413, "too_large"),
    ],
)
def test_what_is_no_file_of_bars_is_refused(
    api: Api, content: bytes, name: str, query: dict[str, str], status: int, code: str
) -> None:
    before = api.get("/markets")
    answer = sent(api, content, name, **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert "--" not in (answer.json()["error"]["field"] or "")
    assert api.get("/markets") == before


def test_a_file_whose_length_nobody_says_is_cut_off_at_the_limit(api: Api) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    taken = 0

    async def parts() -> Any:
        nonlocal taken
        yield head
        for _ in range(100):
            taken += 1
            yield bytes(UPLOAD_LIMIT // 4)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert api("POST", "/bars/upload", content=parts(), headers=headers).status_code == 413
    assert taken < 10


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"json": {"file": "x"}}, 415),
        ({"data": {"file": "x"}}, 415),
        ({"files": {"other": ("a.csv", CSV)}}, 422),
        ({"files": [("file", ("a.csv", b"1")), ("file", ("b.csv", b"2"))]}, 400),
        ({"files": {"file": ("a.csv", CSV)}, "data": {"exchange": "binance"}}, 400),
        ({"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"--y\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
    ],
)
def test_other_bodies_are_refused(api: Api, given: dict[str, Any], status: int) -> None:
    answer = api("POST", "/bars/upload", **given)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


def test_few_files_are_read_at_once(api: Api) -> None:
    with uploads.one_of_few(), uploads.one_of_few():
        busy = sent(api, CSV)
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
    assert sent(api, CSV).status_code == 200
