"""Answers without end, without progress, and from another host, over real HTTP."""

from __future__ import annotations

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests

from assay.errors import AnswerError
from assay.sources.exchanges import open_exchange, transport

if TYPE_CHECKING:
    from collections.abc import Iterator


class Handler(BaseHTTPRequestHandler):
    """Answers as the first folder of the path says."""

    def do_GET(self) -> None:
        how = self.path.split("/")[1]
        getattr(self, how, self.plain)()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _head(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _drip(self) -> None:
        with_end = time.monotonic() + 5
        while time.monotonic() < with_end:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.02)

    def plain(self) -> None:
        self._head()
        self.wfile.write(b'{"serverTime": 1709294600000}')

    def dripping(self) -> None:
        self._head()
        self._drip()

    def dripping_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip()

    def huge(self) -> None:
        self._head(Content_Type="application/json")
        while True:
            self.wfile.write(b"[" * 65536)

    def bomb(self) -> None:
        self._head(Content_Encoding="gzip")
        self.wfile.write(gzip.compress(b"0" * 4_000_000))

    def elsewhere(self) -> None:
        self._head(302, Location=f"http://localhost:{self.server.server_port}/plain")  # type: ignore[attr-defined]

    def nearby(self) -> None:
        self._head(307, Location="/plain/time")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        patch.setenv("NO_PROXY", "localhost,127.0.0.1")
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are the point
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ask(address: str, how: str) -> int:
    """Ask an exchange for its time, by ccxt and its session."""
    with open_exchange("binance", urls={"public": f"{address}/{how}"}, pace_ms=0) as exchange:
        return exchange._retry(exchange.client.fetch_time)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ("dripping", "makes no progress in 0.3 s"),
        ("dripping_head", "makes no progress in 0.3 s"),
        ("huge", "an answer of more than 3 MB"),
        ("bomb", "an answer of more than 3 MB"),
        ("elsewhere", "sends us to another host, http://localhost, which is not followed"),
    ],
)
def test_an_answer_that_breaks_a_bound_ends_it_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch, how: str, rule: str
) -> None:
    monkeypatch.setattr(transport, "STALL_S", 0.3)
    monkeypatch.setattr(transport, "MAX_BYTES", 3 * 1024 * 1024)
    started = time.monotonic()
    with pytest.raises(AnswerError, match=rule):
        ask(address, how)
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("how", ["plain", "nearby"])
def test_any_other_answer_comes_through(address: str, how: str) -> None:
    assert ask(address, how) == 1_709_294_600_000


def test_the_bounds_are_those_of_the_docs() -> None:
    assert (transport.STALL_S, transport.MAX_BYTES) == (30.0, 64 * 1024**2)


def test_a_redirect_to_http_is_refused() -> None:
    answer = requests.Response()
    answer.status_code, answer.url = 302, "https://exchange.test/time"
    answer.headers["Location"] = "http://exchange.test/time"
    with pytest.raises(transport.UnboundedError, match="without encryption"):
        transport.session().get_redirect_target(answer)
