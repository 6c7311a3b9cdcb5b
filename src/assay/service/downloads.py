"""Downloads that a server runs for those who look at its pages: begun, followed, ended early, told in sentences."""

from __future__ import annotations

import itertools
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.errors import AssayError, ConflictError, GateError
from assay.service.collector import BarCollector
from assay.service.describe import describe_market
from assay.service.error_facts import error_facts
from assay.service.times import iso_time
from assay.store.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from assay.service.collecting import Collected, Plan
    from assay.store import Database

MAX_RUNNING = 4
"""Downloads that run at once."""

MAX_KEPT = 20
"""Downloads that are over and still told of."""

WHY_OFFLINE = "this server asks no exchange: it was started with --offline. Import a file, or start it without"

LOG = logging.getLogger("assay.server")


class _EndedEarly(Exception):  # noqa: N818  (no error: somebody wanted it)
    """Goes through the collector, which records what has come so far."""


@dataclass(frozen=True, kw_only=True)
class DownloadTerms:
    """What is to be downloaded, as `BarCollector.plan` takes it.

    Attributes
    ----------
    symbol, exchange, timeframe : str
    since, until : str or None
        ISO, UTC.
    days : float or None
        Days before `until` in place of `since`.
    """

    symbol: str
    exchange: str
    timeframe: str
    since: str | None = None
    until: str | None = None
    days: float | None = None


@dataclass(eq=False)
class Download:
    """A download, as far as it is.

    Attributes
    ----------
    number : int
    terms : DownloadTerms
    user : str
        Who began it.
    status : str
        asking, running, ending, done, failed or ended early.
    done, total : int
        Bars of the grid that were answered, of those that were not stored.
    begun_ms, ended_ms : int or None
    sentences : list of str
        What came of it.
    """

    number: int
    terms: DownloadTerms
    user: str
    begun_ms: int
    status: str = "asking"
    done: int = 0
    total: int = 0
    ended_ms: int | None = None
    sentences: list[str] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.ended_ms is not None

    @property
    def name(self) -> str:
        """What is downloaded."""
        return f"{self.terms.symbol} {self.terms.timeframe} · {self.terms.exchange}"

    def end(self) -> None:
        """End it after the answer that is awaited; what has come stays stored."""
        self._end.set()
        if not self.is_over:
            self.status = "ending"

    def advance(self, bars: int) -> None:
        """Count bars that were answered.

        Raises
        ------
        _EndedEarly
            When it was to end.
        """
        self.done += bars
        if self._end.is_set():
            raise _EndedEarly

    def begin(self, plan: Plan) -> None:
        """Follow a plan from now on."""
        self.total = plan.bars
        if not self._end.is_set():
            self.status = "running"
        self.advance(0)

    def close(self, status: str, sentences: Sequence[str]) -> None:
        """Say what came of it."""
        self.status, self.sentences, self.ended_ms = status, list(sentences), now_ms()


class Downloads:
    """The downloads of a server, each on a thread of its own.

    Parameters
    ----------
    database : Database
    offline : bool
        Whether no exchange may be asked.
    collector : callable, optional
        Makes the collector of a download; replaced in tests.
    """

    def __init__(
        self, database: Database, *, offline: bool, collector: Callable[..., BarCollector] = BarCollector
    ) -> None:
        self.offline = offline
        self._database, self._collector = database, collector
        self._all: list[Download] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def all(self) -> list[Download]:
        """Return those that run and the last that are over, the newest first."""
        with self._lock:
            return self._all[::-1]

    def start(self, terms: DownloadTerms, user: str) -> Download:
        """Begin a download, and return at once.

        Raises
        ------
        GateError
            When this server asks no exchange.
        ConflictError
            When the same market is being downloaded, or too many are.
        """
        if self.offline:
            raise GateError(WHY_OFFLINE)
        with self._lock:
            running = [one for one in self._all if not one.is_over]
            if any(one.name == Download(0, terms, user, 0).name for one in running):
                raise ConflictError(
                    "download", "of this market runs already", terms.symbol, "Follow it, or end it first"
                )
            if len(running) >= MAX_RUNNING:
                raise ConflictError("download", f"{MAX_RUNNING} run already", hint="Wait for one of them, or end one")
            begun = Download(next(self._numbers), terms, user, now_ms())
            over = [one for one in self._all if one.is_over]
            self._all = [*over[-MAX_KEPT:], *running, begun]
        threading.Thread(target=self._run, args=(begun,), name=f"download {begun.number}", daemon=True).start()
        return begun

    def end(self, number: int) -> None:
        """End a download early; one that is over, or unknown since the server was started, is left alone."""
        for one in self.all():
            if one.number == number:
                one.end()

    def _run(self, one: Download) -> None:
        terms = one.terms
        try:
            with self._collector(database=self._database) as collector:
                plan = collector.plan(
                    terms.symbol, terms.exchange, terms.timeframe, terms.since, terms.until, terms.days
                )
                one.begin(plan)
                found = collector.collect(plan, one.advance)
            trouble = None if found.trouble is None else error_facts(found.trouble)
            sentences = list(collected_sentences(describe_collected(found, trouble)))
            one.close("done" if trouble is None else "failed", sentences)
        except _EndedEarly:
            one.close(
                "ended early", [f"{one.done:,} bars were answered and are stored; the same download goes on there."]
            )
        except AssayError as error:
            one.close("failed", [error_facts(error)["message"]])
        except Exception:
            LOG.exception("the download of %s failed", one.name)
            one.close("failed", ["It broke off by a fault of the program; the server's log says which."])


def describe_collected(found: Collected, trouble: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what came of a plan as plain values.

    Parameters
    ----------
    trouble : mapping or None
        Why it ended early, as plain values.
    """
    plan = found.plan
    left = [{"from": iso_time(a), "to": iso_time(b)} for a, b in found.left]
    return {
        **describe_market(plan.market),
        "from": iso_time(plan.start_ms),
        "to": iso_time(plan.stop_ms),
        "asked_bars": plan.bars,
        "inserted": found.inserted,
        "changed": found.changed,
        "absent_at_exchange": found.absent,
        "not_fetched": left,
        "findings": [str(finding) for finding in found.findings],
        "alert": None if found.alert is None else found.alert.as_dict() | {"message": str(found.alert)},
        "error": trouble,
    }


def collected_sentences(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what `describe_collected` gave in sentences; of what was not begun, why not."""
    name = f"{result['symbol']} {result['timeframe']} on {result['exchange']}"
    if "inserted" not in result:
        yield f"{name}: NOT FETCHED. {result['error']['message']}"
        return
    if not result["asked_bars"]:
        yield f"{name}: nothing to fetch, all of {result['from']} to {result['to']} is stored"
        return
    absent = f", {result['absent_at_exchange']:,} the exchange does not have" if result["absent_at_exchange"] else ""
    yield f"{name}: {result['inserted']:,} bars are new{absent}, {result['from']} to {result['to']}"
    for finding in result["findings"]:
        yield f"  {finding}"
    for gap in result["not_fetched"]:
        yield f"  not fetched: {gap['from']} to {gap['to']}"
    if result["error"]:
        yield f"  STOPPED. {result['error']['message']}"
    if result["alert"]:
        yield "  " + result["alert"]["message"]
