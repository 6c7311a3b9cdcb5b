"""Filling what the database does not hold from an exchange, page by page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from assay.errors import AnswerError, ExchangeError
from assay.store.bars import Written, merged, uncovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from assay.market import Market, Timeframe
    from assay.sources.exchanges import Finding, Page
    from assay.store import Alert, BarStore, Imports
    from assay.store.bars import Span

MAX_WRONG = 3
"""Spans with wrong answers, after which an exchange is asked for no more of them."""

MAX_BEHIND_BARS = 20
"""An exchange that is fewer bars behind is only late."""


class Source(Protocol):
    """What is asked of an exchange; `assay.sources.Exchange` is one.

    `pages` yields the finished bars of a span, oldest first. Whatever lies in [start_ms, stop_ms) of a page and is not
    among its bars is absent at the exchange.
    """

    @property
    def name(self) -> str:
        """Name of the exchange, as in its markets."""
        ...

    def market(self, symbol: str, timeframe: Timeframe | str) -> Market:
        """Return the market that a user means; InputError where there is none."""
        ...

    def pages(self, market: Market, start_ms: int, stop_ms: int) -> Iterator[Page]:
        """Yield the finished bars that open in a span; ExchangeError where there is no answer, or a wrong one."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be fetched.

    Attributes
    ----------
    market : Market
    start_ms, stop_ms : int
        The span asked for.
    missing : tuple of (int, int)
        Its parts that were never fetched.
    """

    market: Market
    start_ms: int
    stop_ms: int
    missing: tuple[Span, ...]

    @property
    def bars(self) -> int:
        """Bars on the grid of what is missing."""
        return sum(b - a for a, b in self.missing) // self.market.timeframe.ms


@dataclass
class Collected:
    """What came of a plan, so far.

    Attributes
    ----------
    plan : Plan
    inserted, unchanged, changed : int
        New bars, bars that were stored with the same values, and with others, which stay.
    answered : list of (int, int)
        Spans that were answered and are stored.
    absent : int
        Bars of these spans that the exchange does not have.
    findings : list of Finding
        What was wrong with the answers, each kind summed up.
    trouble : ExchangeError or None
        Why it ended early; what was stored before stays.
    alert : Alert or None
        The market's quality fell.
    """

    plan: Plan
    inserted: int = 0
    unchanged: int = 0
    changed: int = 0
    absent: int = 0
    answered: list[Span] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    trouble: ExchangeError | None = None
    alert: Alert | None = None

    @property
    def left(self) -> list[Span]:
        """Spans that were asked for and not answered: gaps of the fetch, not of the exchange."""
        return [gap for start, stop in self.plan.missing for gap in uncovered(self.answered, start, stop)]


def collect(
    store: BarStore,
    imports: Imports,
    source: Source,
    plan: Plan,
    *,
    clock: Callable[[], float],
    on_bars: Callable[[int], None] | None = None,
) -> Collected:
    """Fetch what a plan misses and store every page before the next is asked for.

    An interruption, by an exception or the end of the process, costs nothing that was stored: the next plan is smaller.
    A wrong answer ends its span, and the first of them is the trouble; other spans are still asked for.

    Parameters
    ----------
    clock : callable
        Seconds since 1970.
    on_bars : callable, optional
        Called with the bars of the grid that each page answered.
    """
    found = Collected(plan)
    wrong = 0
    try:
        for start, stop in plan.missing:
            try:
                _fill(store, found, source.pages(plan.market, start, stop), start, clock, on_bars)
            except AnswerError as error:
                # A wrong answer about one span must not keep the others, such as the newest days, away for ever.
                found.trouble = found.trouble or error
                wrong += 1
                if wrong >= MAX_WRONG:
                    break
        found.trouble = found.trouble or _behind(source.name, found.findings)
    except ExchangeError as error:
        found.trouble = error
    finally:
        if found.inserted or found.changed or imports.is_behind(plan.market):
            written = Written(found.inserted, found.unchanged, found.changed)
            imported = imports.record(
                plan.market,
                written,
                found.answered,
                source=f"{source.name} API",
                at_ms=int(clock() * 1000),
                found={finding.kind: finding.count for finding in found.findings},  # one of each kind
            )
            found.alert = imported.alert
    return found


def _behind(exchange: str, findings: Sequence[Finding]) -> AnswerError | None:
    """Return the error of an exchange that stops so far short of now that it can be no delay."""
    for finding in findings:
        if finding.kind == "behind" and finding.count > MAX_BEHIND_BARS:
            rule = f"did not send the newest {finding.count:,} bars of a market that trades all the time"
            return AnswerError(exchange, rule, "They count as not fetched; the same command asks for them again")
    return None


def _fill(
    store: BarStore,
    found: Collected,
    pages: Iterator[Page],
    start_ms: int,
    clock: Callable[[], float],
    on_bars: Callable[[int], None] | None,
) -> None:
    """Store the pages of one span."""
    at = start_ms
    for page in pages:
        _store(store, found, page, int(clock() * 1000))
        if on_bars is not None:
            on_bars(max(page.stop_ms - at, 0) // found.plan.market.timeframe.ms)
        at = max(at, page.stop_ms)


def joined(findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding of each kind, from the first of its bars to the last."""
    kinds: dict[str, Finding] = {}
    for new in findings:
        old = kinds.get(new.kind, new)
        kinds[new.kind] = replace(
            new,
            start_ms=min(old.start_ms, new.start_ms),
            stop_ms=max(old.stop_ms, new.stop_ms),
            count=new.count + (old.count if new.kind in kinds else 0),
        )
    return list(kinds.values())


def _store(store: BarStore, found: Collected, page: Page, at_ms: int) -> None:
    found.findings = joined([*found.findings, *page.findings])
    if page.start_ms >= page.stop_ms:
        return
    market = found.plan.market
    covered = (page.start_ms, page.stop_ms)
    written = store.write(market, page.columns, source=f"{market.exchange} API", at_ms=at_ms, covered=covered)
    found.inserted += written.inserted
    found.unchanged += written.unchanged
    found.changed += written.changed
    found.absent += (page.stop_ms - page.start_ms) // market.timeframe.ms - len(page)
    found.answered = merged([*found.answered, covered])
