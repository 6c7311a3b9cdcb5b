"""Bodies of requests: how long, how slow and how deep they may be."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import anyio
from starlette.exceptions import HTTPException

from assay.api.errors import problem
from assay.api.scopes import Scope, header

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive

    from assay.api.settings import Settings

UPLOADS = ("/api/bars/upload",)
"""Beginnings of the paths that take files: a limit of their own, and bytes of any kind."""

MIN_BYTES_PER_S = 4_096
MAX_DEPTH = 64

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Ends with the text where no quote does, or many quotes would each look for the end of it."""

_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(sorted(set(range(256)) - set(_STEP)))
_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json(?:\s*;\s*charset=\"?utf-?8\"?)?", re.IGNORECASE)


def is_upload(scope: Scope) -> bool:
    """Whether a request's path takes files."""
    return str(scope["path"]).startswith(UPLOADS)


def has_body(scope: Scope) -> bool:
    """Whether a request says that it has a body."""
    return header(scope, b"transfer-encoding") is not None or (header(scope, b"content-length") or "0") != "0"


def refused_unread(scope: Scope, settings: Settings) -> Response | None:
    """Return why a body is refused by what its headers say; None where nothing is wrong with them."""
    length = header(scope, b"content-length")
    if length is not None and not (length.isascii() and length.isdigit() and len(length) <= 18):
        return problem(400, "bad_request", "Content-Length must be a whole number")
    limit = _limit(scope, settings)
    if length is not None and int(length) > limit:
        return too_large(limit)
    if not has_body(scope):
        return None
    coding = (header(scope, b"content-encoding") or "identity").strip().lower()
    if coding != "identity":
        hint = "A file of bars may itself be a .gz or .zip"
        return problem(415, "unsupported_media_type", f"bodies are not unpacked, got {coding[:40]!r}", hint=hint)
    if not is_upload(scope) and not _JSON.fullmatch((header(scope, b"content-type") or "").strip()):
        return problem(
            415, "unsupported_media_type", "the body must be JSON in UTF-8", hint="Content-Type: application/json"
        )
    return None


def too_large(limit: int) -> Response:
    """Return the answer to a body that is too long."""
    return problem(413, "too_large", f"the body must have at most {limit:,} bytes", headers={"Connection": "close"})


def _limit(scope: Scope, settings: Settings) -> int:
    return settings.upload_limit if is_upload(scope) else settings.body_limit


class BodyReader:
    """Reads a body within its limits.

    Parameters
    ----------
    receive : callable
        The server's.
    limit : int
        Bytes.
    timeout_s : float
        How long may be waited for it, beside what its bytes take at `MIN_BYTES_PER_S`.
    """

    def __init__(self, receive: Receive, limit: int, timeout_s: float) -> None:
        self._receive, self.limit, self._timeout_s = receive, limit, timeout_s
        self._bytes, self._waited_s, self._is_over = 0, 0.0, False

    async def receive(self) -> Message:
        """Return the next part.

        Raises
        ------
        HTTPException
            413 when the body is too long, 408 when it comes too slowly.
        """
        if self._is_over:  # what comes now is that the client went away, which may take hours
            return await self._receive()
        begun = time.monotonic()
        left = self._timeout_s + self._bytes / MIN_BYTES_PER_S - self._waited_s
        try:
            with anyio.fail_after(max(left, 0.0)):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "the body comes too slowly", {"Connection": "close"}) from None
        self._waited_s += time.monotonic() - begun
        self._bytes += len(message.get("body", b""))
        self._is_over = not message.get("more_body", False)
        if self._bytes > self.limit:
            self._is_over = True
            raise HTTPException(413, f"the body must have at most {self.limit:,} bytes", {"Connection": "close"})
        return message


async def checked_json(reader: BodyReader) -> tuple[Receive, Response | None]:
    """Read a JSON body; return what gives it once more, and why it is refused (None where it is not).

    Text that is no JSON at all is left to the route, which says where it breaks.
    """
    parts: deque[Message] = deque()
    while True:
        message = await reader.receive()
        parts.append(message)
        if not message.get("more_body", False):
            break
    fault = fault_of(b"".join(part.get("body", b"") for part in parts))
    refused = None if fault is None else problem(422, "invalid_input", f"body: {fault}", field="body", rule=fault)

    async def receive() -> Message:
        return parts.popleft() if parts else await reader.receive()

    return receive, refused


def fault_of(body: bytes) -> str | None:
    """Return which rule a JSON body breaks beyond its grammar; None where it breaks none."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "must be text in UTF-8"
    if "\0" in text or text.startswith("\ufeff"):  # other parsers would take it for UTF-16, or go on behind the mark
        return "must be text in UTF-8, without zero bytes and byte order mark"
    brackets = _STRINGS.sub(b"", body).translate(None, _OTHERS)
    if any(depth > MAX_DEPTH for depth in accumulate(map(_STEP.__getitem__, brackets))):
        return f"must be at most {MAX_DEPTH} lists and objects deep"
    try:
        value = json.loads(text, parse_constant=_refuse)
    except _NoNumberError:
        return "must be JSON, which knows neither NaN nor Infinity"
    except json.JSONDecodeError:
        return None
    except ValueError:
        return "must hold no number of thousands of digits"
    # the database can write neither, and only an escape brings one into a valid body
    if b"\\u" in body and any("\0" in one or _has_surrogate(one) for one in _texts(value)):
        return "must hold neither zero characters nor halves of surrogate pairs"
    return None


class _NoNumberError(Exception):
    pass


def _refuse(_: str) -> Any:
    raise _NoNumberError


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for one in value.values() for text in _texts(one))]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []
