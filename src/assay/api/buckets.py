"""Token buckets: so many a minute of each key, with one minute's worth at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_KEYS = 20_000
"""Keys that are remembered: of more, those that were not seen for longest begin anew."""


class Buckets:
    """How much each key may still do; threads may share one.

    Parameters
    ----------
    per_minute : float
        What flows in, and the most that a bucket holds.
    clock : callable
        Seconds that never go back.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._per_second, self._clock = float(per_minute), per_minute / 60.0, clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, amount: float = 1.0) -> float:
        """Take from a key's bucket; return 0, or the seconds until there is enough (then nothing is taken)."""
        return self._use(key, amount, amount)

    def wait(self, key: str) -> float:
        """Return the seconds until one could be taken, and take nothing."""
        return self._use(key, 1.0, 0.0)

    def give_back(self, key: str) -> None:
        """Put back what was taken for nothing."""
        self._use(key, 0.0, -1.0)

    def _use(self, key: str, needed: float, taken: float) -> float:
        with self._lock:
            now = self._clock()
            left, since = self._left.pop(key, (self._size, now))
            left = min(self._size, left + (now - since) * self._per_second)
            enough = left >= needed
            self._left[key] = (min(self._size, left - taken) if enough else left, now)
            if len(self._left) > MAX_KEYS:
                self._left.popitem(last=False)
            return 0.0 if enough else (needed - left) / self._per_second
