"""Events of jobs as they happen: one question to the database for all who listen, and every event once for each.

A listener reads from the database what it has missed, and from memory what comes meanwhile. Both are in the order of
the events' ids, so it goes over from one to the other by the last id that it has sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi.sse import format_sse_event

from assay.api.operation import GOODBYE, RETRY_MS
from assay.api.request_words import as_request
from assay.api.turns import in_turn
from assay.errors import StoreError
from assay.store.events import Event, EventKind, EventStore
from assay.store.queue_terms import ACTIVE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from assay.api.operation import Operation
    from assay.store.database import Database

LOG = logging.getLogger("assay.api")

LOOK_S = 0.5
"""Between two questions for new events."""
WAIT_S = 5.0
COMMENT_S = 15.0
"""A stream in which nothing happens says that it is alive so often."""
SIGNED_IN_S = 60.0
"""Between two questions whether whoever listens may still do so."""
REMEMBERED = 1_000
"""Events of a job in memory; who is further behind reads the database."""
AT_ONCE = 500
"""Events that are read of the database at once."""

COMMENT = format_sse_event(comment="still here")


class Channel:
    """What happened to one job since somebody began to listen."""

    def __init__(self, newest: int) -> None:
        self.last = self._floor = newest
        self._events: deque[Event] = deque(maxlen=REMEMBERED)
        self._changed = asyncio.Event()
        self.listeners = 0

    def add(self, events: list[Event]) -> None:
        """Remember events, and wake those that wait."""
        for event in events:
            if len(self._events) == REMEMBERED:
                self._floor = self._events[0].id
            self._events.append(event)
            self.last = event.id
        if events:
            self.wake()

    def wake(self) -> None:
        """Let those that wait look."""
        self._changed.set()
        self._changed = asyncio.Event()

    def after(self, last: int) -> list[Event] | None:
        """Return the events that follow one; None where they are not all in memory."""
        return None if last < self._floor else [event for event in self._events if event.id > last]

    async def wait(self, seconds: float) -> float:
        """Wait until something happens, and so long at most; return for how long."""
        begun = time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        return time.monotonic() - begun


class EventHub:
    """Looks for new events of the jobs that somebody listens to.

    Parameters
    ----------
    database : Database
    operation : Operation
        Of the server: when it ends, so do the streams, and their readers come again and miss nothing.
    limit : int
        Streams that may be open at once.
    """

    def __init__(self, database: Database, operation: Operation, limit: int) -> None:
        self.store = EventStore(database)
        self.operation, self.limit, self.sent = operation, limit, 0
        self._channels: dict[str, Channel] = {}
        self._task: asyncio.Task[None] | None = None
        operation.when_ending(self._wake)

    @property
    def is_full(self) -> bool:
        """Whether there is no place for another stream."""
        return self.operation.streams >= self.limit

    def _wake(self) -> None:
        for channel in self._channels.values():
            channel.wake()

    @asynccontextmanager
    async def listening(self, job: str) -> AsyncIterator[Channel]:
        """Give the channel of a job while somebody listens to it."""
        with self.operation.stream():
            if job not in self._channels:
                newest = (await in_turn(self.store.newest, [job])).get(job, 0)
                self._channels.setdefault(job, Channel(newest))
            channel = self._channels[job]
            channel.listeners += 1
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._look())
            try:
                yield channel
            finally:
                channel.listeners -= 1
                if not channel.listeners:
                    self._channels.pop(job, None)

    async def _look(self) -> None:
        """Read what is new of all jobs that somebody listens to, until nobody does."""
        while self._channels and not self.operation.is_ending:
            try:
                newest = await in_turn(self.store.newest, list(self._channels))
                for job, last in newest.items():
                    channel = self._channels.get(job)
                    if channel is not None and channel.last < last:
                        channel.add(await in_turn(self.store.after, job, channel.last, AT_ONCE))
            except StoreError as error:  # the streams stay open: the database may be back soon
                LOG.warning("%s", error)
            await asyncio.sleep(LOOK_S)

    async def stream(
        self, job: str, last: int, *, is_over: bool, pruned: bool, signed_in: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """Yield what follows an event of a job, in the form of server-sent events, until the job is over.

        Parameters
        ----------
        last : int
            Id of the last event that the reader has.
        is_over : bool
            Whether the job is over now.
        pruned : bool
            Whether events after it are kept no more.
        signed_in : callable
            Whether whoever listens may still do so.
        """
        yield format_sse_event(comment="events of this job", retry=RETRY_MS)
        if pruned:
            yield format_sse_event(event="pruned", data_str='{"message": "older events are kept no more"}')
        quiet = asked = 0.0
        try:
            async with self.listening(job) as channel:
                while not self.operation.is_ending:
                    for event in (events := await self._following(channel, job, last)):
                        yield encoded(event)
                        last, is_over = event.id, ended(event, is_over=is_over)
                        self.sent += 1
                    if events:
                        quiet = 0.0
                        continue
                    if is_over:
                        yield format_sse_event(event="end", data_str="{}")
                        return
                    waited = await channel.wait(WAIT_S)
                    quiet, asked = quiet + waited, asked + waited
                    if quiet >= COMMENT_S:
                        yield COMMENT
                        quiet = 0.0
                    if asked >= SIGNED_IN_S:
                        if not await signed_in():
                            return
                        asked = 0.0
        except StoreError as error:  # the database is away: whoever listens comes again, and misses nothing
            LOG.warning("%s", error)
        yield GOODBYE

    async def _following(self, channel: Channel, job: str, last: int) -> list[Event]:
        """Return the events that follow one: of memory, or of the database where they are not all there."""
        events = channel.after(last)
        return await in_turn(self.store.after, job, last, AT_ONCE) if events is None else events


def ended(event: Event, *, is_over: bool) -> bool:
    """Whether a job is over after an event."""
    return event.body["status"] not in ACTIVE if event.kind == EventKind.STATE else is_over


def encoded(event: Event) -> bytes:
    """Return an event as it is sent."""
    body = {"at": event.at_ms, "task": event.task, **event.body}
    if isinstance(message := body.get("message"), str):
        body["message"] = as_request(message)
    return format_sse_event(event=event.kind, id=str(event.id), data_str=json.dumps(body, allow_nan=False))
