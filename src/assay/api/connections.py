"""Connections as bytes: how long the head of a request may be before anybody looks at it.

uvicorn's parser collects a header until it ends, however long it is, and in a time that grows with its square: 50 MB of
one header keep every other request waiting for seconds, and need no token.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_UNPARSED = 65_536
"""Bytes of one line, header or trailer after another without a request that is known, or a part of its body."""

_REFUSED = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 24\r\nconnection: close\r\n\r\nThe headers are too long"
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol that ends a connection whose headers, or trailers behind a body, do not end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unparsed = 0

    def data_received(self, data: bytes) -> None:
        """Take what came; end the connection where too much came to no request."""
        if self.transport.is_closing():
            return
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > MAX_UNPARSED and not self.transport.is_closing():
            self.logger.warning("The headers of a request are too long.")
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_REFUSED)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._unparsed = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer a request."""
        self._unparsed = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, which has limits of its own."""
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._unparsed = 0
        super().on_message_complete()
