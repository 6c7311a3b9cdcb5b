"""A client that says what no honest one would: raw headers, bodies in parts, and websockets, without a server."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOST = "127.0.0.1:8000"
WAIT_S = 10.0


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of an error, whose one shape is asserted by the way."""
        error = self.json["error"]
        assert set(error) == {"code", "message", "field", "rule", "value", "hint"}
        return str(error["code"])


@dataclass(frozen=True)
class Client:
    """Calls an app within this process; each call is answered before the next one."""

    app: Any
    runner: asyncio.Runner
    token: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def signed_in(self, token: str | None = None, *headers: tuple[str, str]) -> Client:
        return Client(self.app, self.runner, token, headers)

    def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> Answer:
        return self.runner.run(self._ask(method, path, json, **more))

    def _raw(self, headers: Sequence[tuple[str, str]], host: str | None) -> list[tuple[bytes, bytes]]:
        all_headers = [*self.headers, *headers]
        if self.token is not None:
            all_headers.append(("Authorization", f"Bearer {self.token}"))
        if host is not None:
            all_headers.insert(0, ("Host", host))
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in all_headers]

    async def _ask(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        host: str | None = HOST,
        parts: Sequence[bytes | None] = (),
        address: str = "127.0.0.1",
        only_status: bool = False,
    ) -> Answer:
        """Ask; of `parts` of a body None is one that never comes, and `only_status` does not wait for the answer's."""
        raw = self._raw(headers, host)
        if content is not None:
            body = json.dumps(content).encode()
            parts = [body]
            raw += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        target, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            "method": method, "scheme": "http", "path": unquote(target), "raw_path": target.encode(),
            "query_string": query.encode(), "root_path": "", "headers": raw, "client": (address, 5000),
            "server": ("127.0.0.1", 8000), "state": {},
        }  # fmt: skip
        answer, begun, waiting = Answer(), asyncio.Event(), list(parts) or [b""]

        async def receive() -> dict[str, Any]:
            if not waiting:
                await asyncio.sleep(WAIT_S)
                return {"type": "http.disconnect"}
            part = waiting.pop(0)
            if part is None:
                await asyncio.sleep(WAIT_S)
            return {"type": "http.request", "body": part or b"", "more_body": bool(waiting)}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {k.decode().lower(): v.decode("latin-1") for k, v in message["headers"]}
                begun.set()
            else:
                answer.body += message.get("body", b"")

        asked = asyncio.ensure_future(self.app(scope, receive, send))
        started = asyncio.ensure_future(begun.wait())
        await asyncio.wait({asked, started} if only_status else {asked}, timeout=WAIT_S, return_when="FIRST_COMPLETED")
        for task in (asked, started):
            if not task.done():
                task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await asked
        return answer

    def websocket(self, path: str, *, origin: str | None = None, host: str = HOST, denial: bool = True) -> list[Any]:
        """Open a websocket and return all that it was sent."""
        headers = [] if origin is None else [("Origin", origin)]
        scope = {
            "type": "websocket", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            "scheme": "ws", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": self._raw(headers, host), "client": ("127.0.0.1", 5000), "server": ("127.0.0.1", 8000),
            "subprotocols": [], "state": {}, "extensions": {"websocket.http.response": {}} if denial else {},
        }  # fmt: skip
        sent: list[Any] = []
        events = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

        async def receive() -> Any:
            return events.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        self.runner.run(self.app(scope, receive, send))
        return sent
