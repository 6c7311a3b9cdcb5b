"""Serving over this process's stdin and stdout: lines of JSON, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator
from typing import Any, TextIO, cast

import anyio
from mcp.server.stdio import stdio_server

from assay.agents.server import AgentServer

LOG = logging.getLogger("assay.agents")

CHUNK = 1 << 16


class Lines:
    """The lines of a file descriptor, UTF-8, read by a thread that keeps nobody waiting: the process may end meanwhile.

    Parameters
    ----------
    descriptor : int
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield line after line until the other side is closed."""
        loop, parts = asyncio.get_running_loop(), asyncio.Queue[bytes]()

        def read() -> None:
            part = b"begin"
            while part:
                try:
                    part = os.read(self._descriptor, CHUNK)
                except OSError:
                    part = b""
                try:
                    loop.call_soon_threadsafe(parts.put_nowait, part)
                except RuntimeError:  # the loop is closed: nobody reads any more
                    return

        threading.Thread(target=read, name="assay-stdin", daemon=True).start()
        rest = b""
        while part := await parts.get():
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")


async def _serve(server: AgentServer, descriptor: int, stdout: TextIO) -> None:
    loop, task = asyncio.get_running_loop(), cast("asyncio.Task[Any]", asyncio.current_task())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    lines = cast("anyio.AsyncFile[str]", Lines(descriptor))
    async with stdio_server(lines, anyio.wrap_file(stdout)) as (read_stream, write_stream):
        await server.serve(read_stream, write_stream)


def serve_streams(server: AgentServer, stdin: TextIO, stdout: TextIO) -> None:
    """Serve one client until it closes its side or goes away, or until SIGTERM or Ctrl-C.

    Parameters
    ----------
    stdin, stdout : TextIO
        Their descriptors are read and written: UTF-8 with plain line ends, whatever this system's encoding is.
    """
    with os.fdopen(os.dup(stdout.fileno()), "w", encoding="utf-8", newline="\n") as own:
        try:
            asyncio.run(_serve(server, stdin.fileno(), own))
        except asyncio.CancelledError:
            return
        except BaseExceptionGroup as group:
            if group.split((BrokenPipeError, ConnectionError))[1] is not None:
                raise
            LOG.warning("the client has gone away")
