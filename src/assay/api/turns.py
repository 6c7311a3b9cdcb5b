"""Short reads take turns: two threads for all of them, beside those of the requests that take long.

Threads that compute share one interpreter with the server's loop. Where forty run at once the loop gets every fortieth
turn: on two cores a server then saturates at 350 requests a second, with two at 450 to 500, and below that it answers
in milliseconds. And a page of jobs does not wait behind forty reports that are drawn.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from assay.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2
"""Short reads that run at once."""

TURN_S = 30.0
"""How long one waits for its turn: as long as for a database that is away, which is what all the others wait for."""

_LIMITER: RunVar[anyio.CapacityLimiter] = RunVar("assay_short_reads")


async def in_turn(read: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
    """Return what a short read of the database returns, in one of the threads that are kept for such.

    Raises
    ------
    StoreError
        When its turn did not come.
    """
    limiter = _LIMITER.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(THREADS)
        _LIMITER.set(limiter)
    with anyio.move_on_after(TURN_S):
        return await anyio.to_thread.run_sync(partial(read, *args, **options), limiter=limiter)
    raise StoreError("reads", f"did not get their turn within {TURN_S:.0f} s", hint="Try again")


def short(endpoint: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make a route whose work is a few rows of the database one that takes turns (`in_turn`)."""

    @wraps(endpoint)
    async def taken(*args: P.args, **options: P.kwargs) -> T:
        return await in_turn(endpoint, *args, **options)

    return taken
