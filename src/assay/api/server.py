"""`serve`: an app on a socket, from its first request to the end of its last one.

The first SIGTERM or Ctrl-C drains: nothing new is accepted, streams of events end with a hint when to come again,
requests that are under way may finish within `DRAIN_S`, and what runs beside the server (`on_end`) is told to end at
the same time. A second signal ends everything at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from assay.api.connections import BoundedProtocol
from assay.api.state import state_of
from assay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from fastapi import FastAPI

LOG = logging.getLogger("assay.server")

DRAIN_S = 20.0
"""How long requests may go on when the server ends."""

CANCEL_S = 0.5
"""How long a request's thread may go on when all else has ended."""

BACKLOG = 1_024
KEEP_ALIVE_S = 15
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_REFUSED = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "needs the rights of the administrator",
    errno.EADDRNOTAVAIL: "is no address of this machine",
}


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes one that is free.

    Raises
    ------
    InputError
        When the port is in use or not allowed, or the host is no address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (socket.gaierror, UnicodeError):
        raise InputError("--host", "must be an address or a name of this machine", host) from None
    except OSError as error:
        rule = _REFUSED.get(error.errno or 0, error.strerror or "cannot be used")
        if error.errno == errno.EADDRNOTAVAIL:
            raise InputError("--host", rule, host) from None
        raise InputError("--port", rule, port, "Give another --port; --port 0 takes one that is free") from None


def address_of(listener: socket.socket) -> str:
    """Return the address that a browser on this machine opens."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How an app is served.

    Attributes
    ----------
    drain_s : float
        How long requests may go on when the server ends.
    on_ready : callable
        Called when the first request can be answered.
    on_end : callable
        Called once, in a thread of its own, when the server begins to end; it is waited for.
    leave : callable
        Ends the process with an exit code, where a request would keep it.
    """

    drain_s: float = DRAIN_S
    on_ready: Callable[[], object] = lambda: None
    on_end: Callable[[], object] = lambda: None
    leave: Callable[[int], object] = os._exit


def serve(app: FastAPI, listener: socket.socket, serving: Serving) -> bool:
    """Serve an app until a signal ends it; return whether everything ended by itself.

    Parameters
    ----------
    app : FastAPI
        Of `create_app`.
    listener : socket
        Of `listening`.

    Returns
    -------
    bool
        False when a second signal forced it.
    """
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `Settings.trusted_proxies` says whom to believe
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(round(serving.drain_s), 1),
    )
    server, before = _Server(config, app, serving), set(threading.enumerate())
    server.run([listener])
    _leave_stuck(before, serving, 0 if server.ended_well else 1)
    return server.ended_well


def _leave_stuck(before: set[threading.Thread], serving: Serving, code: int) -> None:
    """End the process here where a request's thread goes on, which nobody can cancel and the process would wait for."""
    until = time.monotonic() + CANCEL_S
    threads = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0.0))
    stuck = sum(thread.is_alive() for thread in threads)
    if stuck:
        LOG.warning("requests that did not end are given up", extra={"requests": stuck})
        serving.leave(code)


class _Server(uvicorn.Server):
    """uvicorn's server with signals of our own."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, serving: Serving) -> None:
        super().__init__(config)
        self._operation, self._serving = state_of(app).operation, serving
        self.ended_well = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals meanwhile; unlike uvicorn's, they are not raised again afterwards: the server has ended well."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, end at once at the second."""
        if self.should_exit:
            self.force_exit, self.ended_well = True, False
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        if self.started:
            LOG.info("the server answers")
            self._serving.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain."""
        begun = time.monotonic()
        LOG.info("the server ends", extra={"requests": len(self.server_state.tasks)})
        self._operation.end()
        beside = self._end_beside()
        await super().shutdown(sockets)
        while not (beside.is_set() or self.force_exit):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(beside.wait(), 0.1)
        LOG.info("the server has ended", extra={"seconds": round(time.monotonic() - begun, 1)})

    def _end_beside(self) -> asyncio.Event:
        """Let what runs beside the server end; return the event that says that it has.

        The thread is one that no end of the process waits for.
        """
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            try:
                self._serving.on_end()
            finally:
                with contextlib.suppress(RuntimeError):  # a second signal has closed the loop
                    loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=end, name="assay-end", daemon=True).start()
        return ended
