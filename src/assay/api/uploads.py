"""Files that are sent: to disk as they come, and gone when the request is over.

How long a body may be is seen to before (`assay.api.guards`).
"""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from assay.api.access import Trader
from assay.errors import InputError
from assay.sources import OpenedFile

__all__ = ["BODY", "Sent", "one_of_few"]

AT_ONCE = 2
"""Files that are read at once: a packed one is read in memory."""

MAX_NAME = 200
AS_CURL = "curl -F file=@BINANCE_BTCUSDT_5m.csv"

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "title": "Upload",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "Bars in any usual format, plain, .gz or .zip. Of the name only what it "
                            "says of the market is used: BINANCE_BTCUSDT_5m.parquet.",
                        }
                    },
                }
            }
        },
    }
}
"""The body of an upload, as OpenAPI declares it: it is read by hand, after it is known who sends it."""

_SLOTS = threading.BoundedSemaphore(AT_ONCE)


async def _sent(request: Request, _: Trader) -> AsyncIterator[OpenedFile]:
    """Give the file of a form, on disk where it is not small; it has no name there and is gone when it is closed."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a file is sent as multipart/form-data: {AS_CURL}")
    try:
        form = await request.form(max_files=1, max_fields=0)
    except ClientDisconnect:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the file ended too early") from None
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InputError("file", "must be a file in the field of this name", hint=f"Such as {AS_CURL}")
        yield OpenedFile(_plain_name(file.filename), file.file)
    finally:
        await form.close()


def _plain_name(name: str | None) -> str:
    """Return the last part of a file's name, in characters that any log can show."""
    last = re.split(r"[/\\]", name or "")[-1]
    return "".join(c for c in last if c.isprintable())[-MAX_NAME:] or "upload"


Sent = Annotated[OpenedFile, Depends(_sent)]
"""A route's argument: the file that was sent."""


@contextmanager
def one_of_few() -> Iterator[None]:
    """Keep the memory that files take within bounds: who comes while others are read is asked to come again."""
    if not _SLOTS.acquire(blocking=False):
        wait = {"Retry-After": "5"}
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "other files are being read at the moment", wait)
    try:
        yield
    finally:
        _SLOTS.release()
