"""Serving over this process's stdin and stdout: lines of JSON, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator
from typing import Any, TextIO, cast

import anyio
from mcp.server.stdio import stdio_server

from assay.agents.server import AgentServer

LOG = logging.getLogger("assay.agents")


class Lines:
    """The lines of a stream, read by a thread that keeps nobody waiting: the process may end while it reads.

    Parameters
    ----------
    stream : TextIO
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield line after line until the stream ends."""
        loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

        def read() -> None:
            try:
                while line := self._stream.readline():
                    loop.call_soon_threadsafe(lines.put_nowait, line)
                loop.call_soon_threadsafe(lines.put_nowait, "")
            except (OSError, ValueError, RuntimeError):  # the stream or the loop is closed: nobody reads any more
                return

        threading.Thread(target=read, name="assay-stdin", daemon=True).start()
        while line := await lines.get():
            yield line


async def _serve(server: AgentServer, stdin: TextIO, stdout: TextIO) -> None:
    loop, task = asyncio.get_running_loop(), cast("asyncio.Task[Any]", asyncio.current_task())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    lines = cast("anyio.AsyncFile[str]", Lines(stdin))
    async with stdio_server(lines, anyio.wrap_file(stdout)) as (read_stream, write_stream):
        await server.serve(read_stream, write_stream)


def serve_streams(server: AgentServer, stdin: TextIO, stdout: TextIO) -> None:
    """Serve one client until it closes its side or goes away, or until SIGTERM or Ctrl-C.

    Parameters
    ----------
    stdin, stdout : TextIO
        UTF-8; nobody else may read or write them.
    """
    try:
        asyncio.run(_serve(server, stdin, stdout))
    except asyncio.CancelledError:
        return
    except BaseExceptionGroup as group:
        if group.split((BrokenPipeError, ConnectionError))[1] is not None:
            raise
        LOG.warning("the client has gone away")
