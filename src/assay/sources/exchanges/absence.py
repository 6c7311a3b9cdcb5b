"""When a bar that did not come is believed not to be at the exchange.

An answer is a *witness* against a bar when it holds bars beside it but not the bar itself: every bar of its span that
is known from any answer is in it, at least one is, and what lies between its first and its last bar, or up to the
edge of its span where nothing known was cut off there, was left out by the exchange and not by a limit. An empty answer
shows nothing, nor does one that lacks a bar which another answer holds: the empty, the half and the wrong answer.

A bar is believed absent when

1. no answer ever held it, and two witnesses say so whose requests were cut differently (another start or end), each
   reaching an eighth of an answer into the bars that are known. So a span whose neighbours are there is never believed
   absent because of an empty answer, half a page or a broken one: the neighbours must come with it, twice;
2. and, where a whole day (UTC) is absent, or the hole is wider than two answers, bars of a longer timeframe are absent
   there by the same rule; one that is there contradicts it.

Before the first bar of all, and after the last, where no neighbour can be shown on one side, so far as an answer
reaches the rule is the same; beyond that one answer is enough, since a market is listed once.

Where bars stop short of now, behind 20 in a row that are there, the exchange may be behind: the rest is not believed
absent before a whole day of it is. What is not believed is left for a later try.

An answer that leaves out bars at an end may be cut off at a limit that nobody wrote down, so less is asked for; one
that does so again, though no more was asked for than came before, takes all belief away.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import AnswerError, ExchangeError
from assay.market.calendar import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Stamps = NDArray[np.int64]
    Fetch = Callable[[int, int, int], NDArray[np.float64]]

FULL_BARS = 20
"""So many bars in a row are a market that trades all the time."""

MOST_UNSOUND = 4
"""After so many answers that cannot be right an exchange is no witness at all."""

LEAST_WIDTH = 8
"""An exchange whose answers hold fewer bars than this proves nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One answer: span asked for, the stamps of all bars in it, in order, each once, and its rows as they came."""

    start: int
    stop: int
    stamps: Stamps
    candles: NDArray[np.float64]
    width: int
    """Bars that an answer was thought to hold when this one was asked for."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Bars around a stamp that did not come: the last known before, the first known behind, None where none is."""

    at: int
    before: int | None
    behind: int | None


class Evidence:
    """What the answers of one timeframe show.

    Parameters
    ----------
    step : int
        Milliseconds of a bar.
    bounded : bool
        An answer begins where it was asked to, so that nothing before its first bar was left out by a limit.
    width : int
        Most bars of an answer.
    """

    def __init__(self, step: int, *, bounded: bool, width: int) -> None:
        self.step, self.bounded, self.width, self.limit = step, bounded, width, width
        self.contradicted = False
        """Answers left out bars at their ends, which no limit explains: nothing is believed any more."""
        self.answers: dict[tuple[int, int], Answer] = {}
        self.known: Stamps = np.empty(0, dtype=np.int64)
        self.believed: list[tuple[int, int]] = []
        """Spans that a longer timeframe proves empty."""
        self.longer_bars: list[tuple[int, int]] = []
        """Spans in which a longer bar was traded: something of them must come."""

    def add(self, start: int, stop: int, candles: NDArray[np.float64]) -> None:
        """Take an answer into account; it also tells whether earlier ones were cut off."""
        stamps = np.unique(candles[candles[:, 0] % self.step == 0, 0].astype(np.int64))
        self.answers[start, stop] = Answer(start, stop, stamps, candles, self.width)
        self.known = np.union1d(self.known, stamps)
        for answer in self.answers.values():
            if len(answer.stamps) and self._is_cut(answer):
                self._mind_the_limit(answer)

    def tell(self, stamps: Stamps) -> None:
        """Take bars into account that must be there, though no answer held them."""
        self.known = np.union1d(self.known, stamps)

    def _is_cut(self, answer: Answer) -> bool:
        """Whether bars are known at an end of the span of an answer that did not come with it."""
        head = self._knows(answer.start, int(answer.stamps[0]))
        return (head and self.bounded) or self._knows(int(answer.stamps[-1]) + self.step, answer.stop)

    def _mind_the_limit(self, answer: Answer) -> None:
        """Learn from an answer that was cut off how many bars an answer holds; it is the same number every time."""
        rows = int(np.count_nonzero((answer.stamps >= answer.start) & (answer.stamps < answer.stop)))
        asked = (answer.stop - answer.start) // self.step
        if answer.width < self.limit and asked <= answer.width:
            self.contradicted = True
        elif rows >= self.limit // 16:
            self.width = max(LEAST_WIDTH, min(self.width, rows))

    def forget(self, before: int) -> None:
        """Drop what is further back than a new answer can reach; the last bar before stays known."""
        self.answers = {key: a for key, a in self.answers.items() if max(a.stop, *a.stamps[-1:], 0) > before}
        self.known = self.known[max(0, int(np.searchsorted(self.known, before)) - 1) :]
        self.believed = [span for span in self.believed if span[1] > before]
        self.longer_bars = [span for span in self.longer_bars if span[1] > before]

    def candles(self) -> NDArray[np.float64]:
        """Return the rows of all answers, float64 of shape (n, 6)."""
        return np.concatenate([np.empty((0, 6)), *(answer.candles for answer in self.answers.values())])

    def unproven(self, start: int, stop: int) -> Stamps:
        """Return the stamps of the grid in [start, stop) that neither came nor are proven absent."""
        grid = np.arange(start, stop, self.step, dtype=np.int64)
        grid = grid[~np.isin(grid, self.known)]
        for begin, end in self.believed:
            grid = grid[(grid < begin) | (grid >= end)]
        if not len(grid) or self.contradicted:
            return grid
        witnesses = np.zeros(len(grid), dtype=np.int64)
        for begin, end in filter(None, map(self._shown, self.answers.values())):
            witnesses += (grid >= begin) & (grid < end)
        for begin, end in self.longer_bars:
            if not self._knows(begin, end):
                witnesses[(grid >= begin) & (grid < end)] = 0
        if self.stops_short(int(grid[-1])):
            witnesses[grid > self.known[-1]] = 0
        return grid[witnesses < 2]

    def stops_short(self, at: int) -> bool:
        """Whether the newest bars known are all there and end before a stamp, without a whole day that proves why."""
        known = self.known
        if self.step >= DAY_MS or self.contradicted or len(known) <= FULL_BARS or at <= known[-1]:
            return False
        full = known[-1] - known[-1 - FULL_BARS] == FULL_BARS * self.step
        return bool(full) and not any(end - begin >= DAY_MS and begin >= known[-1] for begin, end in self.believed)

    def _shown(self, answer: Answer) -> tuple[int, int] | None:
        """Return the span in which an answer is a witness against whatever it does not hold."""
        if not len(answer.stamps):
            return None
        first, last = int(answer.stamps[0]), int(answer.stamps[-1])
        begin, end = first, last + self.step
        if self.bounded and not self._knows(answer.start, first):
            begin = min(begin, answer.start)
        if not self._knows(last + self.step, answer.stop):
            end = max(end, answer.stop)
        known = self.known[(self.known >= begin) & (self.known < end)]
        return (begin, end) if np.isin(known, answer.stamps).all() else None

    def _knows(self, start: int, stop: int) -> bool:
        return bool(np.searchsorted(self.known, start) < np.searchsorted(self.known, stop))

    def hole(self, at: int) -> Hole:
        """Return the hole around a stamp."""
        i = int(np.searchsorted(self.known, at))
        before = int(self.known[i - 1]) if i else None
        return Hole(at, before, int(self.known[i]) if i < len(self.known) else None)


class Prover:
    """Asks until what did not come is proven absent, or cannot be.

    Parameters
    ----------
    fetch : callable
        Asks the exchange for the candles of [start, stop) of a timeframe, all in milliseconds.
    evidence : Evidence
    newest : int
        End of the newest finished bar.
    coarser : tuple of int
        Longer timeframes that may be asked, in ms.
    traded : bool
        Only bars with volume count as being there.
    """

    def __init__(
        self, fetch: Fetch, evidence: Evidence, newest: int, coarser: tuple[int, ...] = (), *, traded: bool = False
    ) -> None:
        self.fetch, self.evidence, self.newest = fetch, evidence, newest
        self.step, self.coarser, self.traded = evidence.step, coarser, traded
        self._unsound = 0
        self._longer: dict[int, Prover] = {}

    def prove(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return the spans of [start, stop) whose bars neither came nor are proven absent."""
        self._compare_whole_days(start, stop)
        doubted: Stamps = np.empty(0, dtype=np.int64)
        tries = 40 + 6 * ((stop - start) // (self.evidence.limit * self.step))
        for _ in range(tries):
            if self.evidence.contradicted:
                break
            unproven = np.setdiff1d(self.evidence.unproven(start, stop), doubted)
            if not len(unproven):
                break
            hole = self.evidence.hole(self._nearest(unproven))
            if not self._look(hole, beyond=not len(doubted)):
                part = unproven if hole.behind is None else unproven[unproven < hole.behind]
                doubted = np.concatenate([doubted, part])
        return _spans(self.evidence.unproven(start, stop), self.step)

    def _reach(self) -> int:
        """Return how far from a known bar, in ms, an answer that holds enough of them can tell."""
        width = self.evidence.width
        return (width - 2 * (width // 8 + 1)) * self.step

    def _nearest(self, unproven: Stamps) -> int:
        """Return the first stamp within reach of a known bar, else the first: what is near tells of what is far."""
        known = self.evidence.known
        if len(known):
            i = np.searchsorted(known, unproven)
            before = unproven - known[np.maximum(i - 1, 0)]
            behind = known[np.minimum(i, len(known) - 1)] - unproven
            near = (before >= 0) & (before < self._reach()) | (behind >= 0) & (behind < self._reach())
            unproven = unproven[near] if near.any() else unproven
        return int(unproven[0])

    def _look(self, hole: Hole, *, beyond: bool) -> bool:
        """Send one more request about a hole; False when none is left that could tell more.

        `beyond`: what lies near the known bars is proven, so one empty answer is enough for what lies far before the
        first bar of all or after the last.
        """
        width, reach = self.evidence.width, self._reach()
        near = (hole.before is not None and hole.at - hole.before < reach) or (
            hole.behind is not None and hole.behind - hole.at < reach
        )
        if near:
            return self._ask_any(self._windows(hole, reach))
        if self._by_longer_bars(hole):
            return True
        covered = [a.stop for a in self.evidence.answers.values() if a.start <= hole.at < a.stop]
        if beyond and covered and not self.coarser and (hole.before is None) != (hole.behind is None):
            self.evidence.believed.append((hole.at, min([*covered, *([hole.behind] if hole.behind else [])])))
            return True
        around = hole.at - width // 8 * self.step
        return self._ask_any(
            [(around, around + width * self.step), (around - width * self.step, around + 2 * self.step)]
        )

    def _windows(self, hole: Hole, reach: int) -> list[tuple[int, int]]:
        """Return requests that reach into the bars known beside a hole, each cut differently."""
        width, eighth = self.evidence.width * self.step, self.evidence.width // 8 + 1
        spans: list[tuple[int, int]] = []
        for margin in (eighth, eighth + eighth // 2 + 1, eighth // 2 + 1):
            if hole.before is not None and hole.at - hole.before < reach:
                spans.append((hole.before - margin * self.step, hole.before - margin * self.step + width))
            if hole.behind is not None and hole.behind - hole.at < reach:
                spans.append((hole.behind + (margin + 1) * self.step - width, hole.behind + (margin + 1) * self.step))
        return spans

    def _ask_any(self, spans: list[tuple[int, int]]) -> bool:
        """Ask the first request that was not asked yet."""
        for start, end in spans:
            stop = min(end, self.newest)
            if start < stop and (start, stop) not in self.evidence.answers:
                self._ask(start, stop)
                return True
        return False

    def _ask(self, start: int, stop: int) -> None:
        try:
            candles = self.fetch(start, stop, self.step)
        except AnswerError:
            candles = np.empty((0, 6))  # no witness
            self._unsound += 1
            self.evidence.contradicted |= self._unsound >= MOST_UNSOUND
        if self.traded:
            candles = candles[candles[:, 5] > 0]  # a day that was only filled in does not tell that there were bars
        self.evidence.add(start, stop, candles)

    # longer bars

    def _compare_whole_days(self, start: int, stop: int) -> None:
        """Ask for the daily bars of every whole day without a bar; one that is there contradicts its absence."""
        if DAY_MS not in self.coarser:
            return
        inside = self.evidence.known[(self.evidence.known >= start) & (self.evidence.known < stop)]
        edges = [start - self.step, *inside.tolist(), stop]
        for before, behind in itertools.pairwise(edges):
            first, last = -(-(before + self.step) // DAY_MS) * DAY_MS, behind // DAY_MS * DAY_MS
            if first < last:
                self._ask_longer(DAY_MS, first, last)

    def _by_longer_bars(self, hole: Hole) -> bool:
        """Ask what lies too far from any bar for longer bars."""
        nearest = min(abs(hole.at - bar) for bar in (hole.before, hole.behind, hole.at - 10**15) if bar is not None)
        for longer in sorted(self.coarser, key=lambda ms: (ms != DAY_MS, ms)):
            begin = hole.at // longer * longer
            fits = (hole.before is None or hole.before < begin) and (
                hole.behind is None or hole.behind >= begin + longer
            )
            if not fits or (longer != DAY_MS and nearest > longer * self.evidence.width // 2):
                continue
            end = begin + longer if hole.behind is None else hole.behind // longer * longer
            if longer != DAY_MS:  # days tell of what lies further away, with fewer requests
                end = min(end, begin + longer * self.evidence.width // 2)
            if self._ask_longer(longer, begin, max(begin + longer, end)):
                return True
        return False

    def _ask_longer(self, longer: int, start: int, stop: int) -> bool:
        """Have the longer bars of [start, stop) proven absent; True when that told something new."""
        prover = self.longer(longer)
        candles = self.evidence.candles()
        prover.evidence.tell(candles[candles[:, 5] > 0, 0].astype(np.int64) // longer * longer)
        try:
            doubts = prover.prove(start, stop)
        except ExchangeError:
            if longer == DAY_MS:
                raise
            self.coarser = tuple(ms for ms in self.coarser if ms != longer)
            return False
        told = False
        known = prover.evidence.known
        for begin in known[(known >= start) & (known < stop)].tolist():
            self.evidence.longer_bars.append((begin, begin + longer))
            told = self._ask_any([(begin, begin + min(longer, self.evidence.width * self.step))]) or told
        empty = np.setdiff1d(np.arange(start, stop, longer, dtype=np.int64), known)
        for begin, end in doubts:
            empty = empty[(empty < begin) | (empty >= end)]
        for span in _spans(empty, longer):
            if len(self.evidence.unproven(*span)):
                self.evidence.believed.append(span)
                told = True
        return told

    def longer(self, step: int) -> Prover:
        """Return the prover of a longer timeframe."""
        if step not in self._longer:
            evidence = Evidence(step, bounded=self.evidence.bounded, width=self.evidence.width)
            self._longer[step] = Prover(self.fetch, evidence, -(-self.newest // step) * step, traded=True)
        return self._longer[step]


def _spans(stamps: Stamps, step: int) -> list[tuple[int, int]]:
    """Return the runs of stamps that follow each other as spans."""
    if not len(stamps):
        return []
    cuts = np.flatnonzero(np.diff(stamps) != step) + 1
    return [(int(run[0]), int(run[-1]) + step) for run in np.split(stamps, cuts)]
