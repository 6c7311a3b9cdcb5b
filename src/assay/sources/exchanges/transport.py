"""The HTTP session under ccxt's client: no answer without end, none without progress, none from another host."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Callable

STALL_S = 30.0
"""An answer that brings no further piece in this time, and does not end, makes no progress."""

MAX_BYTES = 64 * 1024 * 1024
"""Most bytes of an answer, unpacked."""

_PIECE = 16 * 1024


class UnboundedError(requests.RequestException):
    """An answer breaks a bound of this module; its text says which. Asking again cannot mend that."""


def session() -> requests.Session:
    """Return a session for ccxt; a proxy of the environment is used."""
    made = _Session()
    made.trust_env = True
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Adapter())
    return made


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer sends us; UnboundedError for another host, or from https to http."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        before, after = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
        if after.hostname != before.hostname or (before.scheme == "https" and after.scheme != "https"):
            what = "another host" if after.hostname != before.hostname else "an address without encryption"
            raise UnboundedError(f"sends us to {what}, {after.scheme}://{after.hostname}, which is not followed")
        return target


class _Adapter(HTTPAdapter):
    def send(self, request: Any, *args: Any, **named: Any) -> requests.Response:
        """Return an answer that was read to its end, unless it is to be streamed."""
        named = dict(zip(("stream", "timeout", "verify", "cert", "proxies"), args, strict=False)) | named
        send = partial(super().send, request, **named | {"stream": True})
        return send() if named.get("stream") else _Reading(send).result()


class _Reading:
    """One answer, read in a thread of its own: a server that sends a byte now and then never times out by itself."""

    def __init__(self, send: Callable[[], requests.Response]) -> None:
        self._send = send
        self._response: requests.Response | None = None
        self._error: Exception | None = None
        self._bytes = 0
        self._done = threading.Event()

    def result(self) -> requests.Response:
        """Return the answer; UnboundedError when it breaks a bound, what `requests` raises otherwise."""
        threading.Thread(target=self._read, daemon=True).start()
        seen = -1
        while not self._done.wait(STALL_S):
            if self._bytes == seen or not self._bytes:
                self._give_up()
                raise UnboundedError(f"sends an answer that makes no progress in {STALL_S:g} s")
            seen = self._bytes
        if self._response is None or self._error is not None:
            raise self._error or requests.ConnectionError("no answer came")
        return self._response

    def _give_up(self) -> None:
        """End the thread that reads, which it notices when its socket is shut."""
        if self._response is not None:
            with suppress(OSError, ValueError, RuntimeError, AttributeError):
                self._response.raw.shutdown()

    def _read(self) -> None:
        try:
            self._response = self._send()
            # `requests` keeps an answer that it read itself in the same two places.
            self._response._content = self._content(self._response)  # noqa: SLF001
            self._response._content_consumed = True  # noqa: SLF001
        except Exception as error:  # noqa: BLE001  (raised again in the thread that asked)
            self._error = error
        finally:
            self._done.set()

    def _content(self, response: requests.Response) -> bytes:
        pieces = []
        for piece in response.iter_content(_PIECE):
            self._bytes += len(piece)
            if self._bytes > MAX_BYTES:
                response.close()
                raise UnboundedError(f"sends an answer of more than {MAX_BYTES // 1024**2} MB")
            pieces.append(piece)
        return b"".join(pieces)
