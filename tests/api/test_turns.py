"""Short reads: two at once, not held up by what takes long, and answered even where their turn does not come."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest
from anyio.to_thread import current_default_thread_limiter, run_sync

from api.conftest import PRINTED
from assay.api import turns
from assay.api.turns import THREADS, in_turn, short
from assay.errors import StoreError
from assay.store.jobs import JobStore

if TYPE_CHECKING:
    from api.asgi import Client


def test_so_many_at_once_and_no_more() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def read(number: int, *, by: int = 1) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return by * number

    async def all_of_them() -> list[int]:
        return list(await asyncio.gather(*(in_turn(read, number, by=2) for number in range(20))))

    assert asyncio.run(all_of_them()) == [2 * number for number in range(20)]
    assert most == THREADS
    assert asyncio.run(all_of_them())[1] == 2, "another loop has turns of its own"


def test_what_takes_long_does_not_hold_them_up() -> None:
    go_on = threading.Event()

    async def beside() -> str:
        long = [asyncio.ensure_future(run_sync(go_on.wait, 30.0)) for _ in range(50)]
        await asyncio.sleep(0.05)
        limiter = current_default_thread_limiter()
        assert limiter.borrowed_tokens == limiter.total_tokens, "no other thread is free"
        try:
            return await asyncio.wait_for(short(lambda: "read")(), 5.0)
        finally:
            go_on.set()
            await asyncio.gather(*long)

    assert asyncio.run(beside()) == "read"


def test_an_error_of_a_read_is_its_own() -> None:
    def fail() -> None:
        raise TimeoutError("of the read")

    with pytest.raises(TimeoutError, match="of the read"):
        asyncio.run(in_turn(fail))


def test_a_read_whose_turn_does_not_come_is_answered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.05)
    go_on, find = threading.Event(), JobStore.find

    def held(self: JobStore, **options: object) -> object:
        go_on.wait(30.0)
        return find(self, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(JobStore, "find", held)

    async def crowd() -> list[int]:
        asked = [asyncio.ensure_future(someone._ask("GET", "/api/training/jobs")) for _ in range(THREADS + 3)]
        await asyncio.sleep(0.2)
        go_on.set()
        return sorted([(await one).status for one in asked])

    someone = client.signed_in(PRINTED)
    assert client.runner.run(crowd()) == [200] * THREADS + [503] * 3


def test_a_turn_that_has_come_is_never_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.02)

    def read() -> str:
        time.sleep(0.1)
        return "whole"

    assert asyncio.run(in_turn(read)) == "whole"
    with pytest.raises(StoreError, match="turn"):
        asyncio.run(_beside_two_that_hold())


async def _beside_two_that_hold() -> None:
    holding = [asyncio.ensure_future(in_turn(time.sleep, 0.2)) for _ in range(THREADS)]
    await asyncio.sleep(0.01)
    try:
        await in_turn(str)
    finally:
        await asyncio.gather(*holding)
