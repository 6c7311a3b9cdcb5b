"""Bars on this machine's disk, by their digest: a worker asks a database on another machine once for each.

What a file holds is believed only when its bars have the digest that is its name, so one that is torn, edited or of
another program is removed and read anew. Its columns are read, not mapped: a mapped file that another process cuts off
would end this one.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import InputError
from assay.market import Bars
from assay.market.bars import MAX_BARS
from assay.market.ohlcv import COLUMNS, OhlcvColumns
from assay.service.memory import parse_size
from assay.store.bars import present
from assay.store.location import home, setting
from assay.store.parts import part_beside, remove_left_over

if TYPE_CHECKING:
    from assay.market import Market
    from assay.store import Database

MAX_SIZE = 2 * 2**30
"""Bytes on the disk, where ASSAY_BAR_CACHE names no other number: 85 years of 1-minute bars."""

MAX_IN_MEMORY = 8
"""Bars that are kept in memory too, with the indicators that were computed on them."""

_ROW = 8 * len(COLUMNS)
_SUFFIX = ".bars"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class BarCache:
    """A folder of bars that several processes read and write at once.

    Attributes
    ----------
    folder : Path
        Made when something is first written.
    max_size : int
        Bytes that all files together may have; those that were not used for longest are removed.
    """

    folder: Path
    max_size: int = MAX_SIZE
    _memory: dict[tuple[str, Market], Bars] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _warned: list[str] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, database: Database) -> BarCache | None:
        """Return the cache of this machine for a database; None for a file, which is on this machine's disk itself.

        Raises
        ------
        InputError
            When ASSAY_BAR_CACHE is no size.
        """
        if database.is_sqlite:
            return None
        size = parse_size(setting("ASSAY_BAR_CACHE") or str(MAX_SIZE), "ASSAY_BAR_CACHE")
        return _opened(home() / "cache" / "bars", size) if size else None

    def load(self, digest: str, market: Market) -> Bars | None:
        """Return bars by their digest, as bars of a market; None when they are not here."""
        with self._lock:
            kept = self._memory.get((digest, market))
        if kept is not None or not _is_digest(digest):
            return kept
        path = self._path(digest)
        try:
            bars = _read(path, market)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn(error)
            return None
        if bars is None or bars.digest != digest:
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)  # when it was last used
        self._keep(bars)
        return bars

    def save(self, bars: Bars) -> None:
        """Keep bars; where that is impossible (no room, no right to write), the next reader asks the database again."""
        self._keep(bars)
        columns = present(bars)
        size = _ROW * len(columns.time)
        if size > self.max_size:
            return
        path = self._path(bars.digest)
        part = part_beside(path)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_left_over(self.folder)
            self._make_room(size)
            # not waited for until it is on the disk: what a power cut tears has another digest
            part.write_bytes(np.stack([columns[name].view(np.int64) for name in COLUMNS]).astype("<i8").tobytes())
            part.replace(path)
        except OSError as error:
            self._warn(error)
            with suppress(OSError):
                part.unlink()

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}{_SUFFIX}"

    def _keep(self, bars: Bars) -> None:
        with self._lock:
            self._memory[bars.digest, bars.market] = bars
            while len(self._memory) > MAX_IN_MEMORY:
                self._memory.pop(next(iter(self._memory)))

    def _make_room(self, size: int) -> None:
        """Remove files that were not used for longest until `size` more bytes are within the limit."""
        files = []
        for entry in os.scandir(self.folder):
            with suppress(OSError):  # another process has removed it
                if entry.name.endswith(_SUFFIX):
                    files.append((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path))
        total = size + sum(one[1] for one in files)
        for _, freed, path in sorted(files):
            if total <= self.max_size:
                return
            with suppress(OSError):
                Path(path).unlink()
            total -= freed

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned.append(str(error))
            reason = error.strerror or type(error).__name__
            _log.warning("bars are not kept in %s (%s): each task reads them from the database", self.folder, reason)


@cache
def _opened(folder: Path, size: int) -> BarCache:
    """Return the one cache of a folder: what it keeps in memory serves all tasks of a process."""
    return BarCache(folder, size)


def _is_digest(text: object) -> bool:
    """Whether a text from the database can be a file's name here."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{64}", text) is not None


def _read(path: Path, market: Market) -> Bars | None:
    """Return what a file holds; None when that cannot be bars."""
    size = path.stat().st_size
    if not size or size % _ROW or size > _ROW * MAX_BARS:
        return None
    table = np.fromfile(path, dtype="<i8")
    if 8 * len(table) != size:
        return None
    rows = table.astype(np.int64, copy=False).reshape(len(COLUMNS), -1)
    found = {name: row if name == "time" else row.view(np.float64) for name, row in zip(COLUMNS, rows, strict=True)}
    c = OhlcvColumns.of(found)
    try:
        return Bars.from_columns(market, c.time, c.open, c.high, c.low, c.close, c.volume if c.has_volume else None)
    except InputError:
        return None
