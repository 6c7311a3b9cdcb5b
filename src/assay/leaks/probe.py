"""`Probe`: a strategy on the bars on which it is asked."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Costs, Money, Side, Signals, Sizing, Span, replay
from assay.errors import AssayError, StrategyError, described
from assay.evaluation import SetupsQuestion
from assay.evaluation.evaluator import loosest_thresholds
from assay.leaks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.engine import Setups, Trades
    from assay.leaks.compare import Difference
    from assay.leaks.isolated_copy import Another
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy

FREE = Money(Costs(0.0, 0.0), Sizing("notional"))
"""Costs hide a leak: without them an honest trade earns nothing on bars without direction."""

ENOUGH_ROWS = 50
ENOUGH_BARS = 20_000
MOST_BETWEEN = 12
"""So many shapes between the ends are asked; of more, the middles and some at random."""
_LONGEST_MESSAGE = 120
_NAMES = {1: "long", -1: "short"}


@dataclass(frozen=True, slots=True)
class Question:
    """One question to `Strategy.setups`: a side, a shape, and the thresholds that a search would tell.

    Attributes
    ----------
    side : int
    shape : mapping
    loosest : mapping
    """

    side: int
    shape: Mapping[str, Value]
    loosest: Mapping[str, float]

    def of(self, strategy: Strategy, bars: Bars) -> Setups:
        """Ask a strategy.

        Raises
        ------
        RaisedError
            When it raises.
        """
        return ask(strategy, bars, self.shape, _NAMES[self.side], self.loosest)


class RaisedError(StrategyError):
    """A strategy raised when it was asked; the error is its cause."""


def ask(
    strategy: Strategy,
    bars: Bars,
    values: Mapping[str, Value],
    sides: str,
    loosest: Mapping[str, float] | None = None,
) -> Setups:
    """Return a strategy's rows, or say on which bars it raised, and where."""
    return answer_to(SetupsQuestion(values, loosest or {}, sides), strategy, bars)


def answer_to(question: SetupsQuestion, strategy: Strategy, bars: Bars) -> Setups:
    """Return a strategy's rows, asked as the search asks, or say on which bars it raised, and where."""
    try:
        return question.of(strategy, bars)
    except AssayError:
        raise
    except Exception as error:
        day = str(np.datetime64(int(bars.time[0]), "ms"))[:10] if len(bars) else "no day"
        history = f"on a history of {len(bars):,} bars from {day} on"
        where = f"{strategy.name} setups{_line(strategy, error)}"
        raise RaisedError(where, f"raised {described(error, _LONGEST_MESSAGE)} ({history})") from error


def _line(strategy: Strategy, error: Exception) -> str:
    """Return the last line of the strategy's own file that an error passed."""
    file = getattr(sys.modules.get(type(strategy).__module__), "__file__", None)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f", line {lines[-1]}" if lines else ""


@dataclass(frozen=True, eq=False)
class Probe:
    """What the checks look at.

    Attributes
    ----------
    strategy : Strategy
    another : callable
        Gives a copy that was asked nothing; made before the strategy was asked anything.
    bars : Bars
    space : mapping of str to tuple
        Values of each parameter: both ends are asked, of shapes those between them too.
    sides : {"both", "long", "short"}
    seed : int
        Of everything that is chosen at random.
    effort : float
        Scales how often each question is asked; 1 takes a few seconds on 20,000 bars.
    """

    strategy: Strategy
    another: Another
    bars: Bars
    space: Mapping[str, tuple[Value, ...]]
    sides: str
    seed: int
    effort: float = 1.0

    def with_enough_rows(self) -> Probe:
        """Return the probe on its first 20,000 bars, or on more where the strategy has hardly a row there.

        Rows are counted by a copy: purity has to meet the strategy as it was handed over.
        """
        n, state = ENOUGH_BARS, np.random.get_state()  # a strategy may draw from it
        try:
            with self.another() as other:
                while n < len(self.bars) and self._rows(other, n) < ENOUGH_ROWS:
                    n *= 4
        except Exception:  # noqa: BLE001, S110  (the checks will meet it too, and say which of them did)
            pass
        finally:
            np.random.set_state(state)
        return replace(self, bars=self.bars.head(n))

    def _rows(self, strategy: Strategy, n: int) -> int:
        return sum(len(question.of(strategy, self.bars.head(n))) for question in self.questions)

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """Both ends of the shapes and every mode on every side, the ends as they are and as a search asks for them."""
        loosest = loosest_thresholds(self.strategy, self.space)
        first, last = ({n: self.space[n][end] for n in self.strategy.shape_names} for end in (0, -1))
        modes = [n for n in first if not self.strategy.parameters[n].is_number]
        between = [first | {n: value} for n in modes for value in self.space[n][1:-1]]
        shapes = [(shape, limits) for shape in (first, last) for limits in ({}, loosest)]
        questions: list[Question] = []
        for side in Side.parse(self.sides).signs:
            for shape, limits in (*shapes, *((shape, {}) for shape in between)):
                one = Question(side, shape, limits)
                if one not in questions:
                    questions.append(one)
        return tuple(questions)

    @cached_property
    def every_question(self) -> tuple[Question, ...]:
        """The questions, and the shapes between the ends, as they are."""
        between = [Question(side, shape, {}) for side in Side.parse(self.sides).signs for shape in self._between()]
        return (*self.questions, *(one for one in between if one not in self.questions))

    def _between(self) -> list[dict[str, Value]]:
        """Each number between the ends of its axis, the other shape parameters at their first value."""
        first = {n: self.space[n][0] for n in self.strategy.shape_names}
        axes = {n: self.space[n] for n in first if self.strategy.parameters[n].is_number and len(self.space[n]) > 2}
        found = [first | {n: value} for n, axis in axes.items() for value in axis[1:-1]]
        if len(found) <= MOST_BETWEEN:
            return found
        middles = [first | {n: axis[len(axis) // 2]} for n, axis in axes.items()]
        drawn = self.rng(50).permutation(len(found)).tolist()
        return (middles + [found[i] for i in drawn if found[i] not in middles])[: max(MOST_BETWEEN, len(middles))]

    @cached_property
    def points(self) -> tuple[dict[str, Value], ...]:
        """Parameters under which trades are looked at: the defaults and both ends of the space, where sensible."""
        ends = [{name: values[end] for name, values in self.space.items()} for end in (0, -1)]
        points: list[dict[str, Value]] = []
        for given in ({}, *ends):
            point = self.strategy.parameters.complete(given)
            if point not in points and self.strategy.constraint(point) is None:
                points.append(point)
        return tuple(points)

    @cached_property
    def row_count(self) -> int:
        """Rows of all questions."""
        return self._rows(self.strategy, len(self.bars))

    @cached_property
    def warmup(self) -> int:
        """The longest warm-up of what is asked."""
        shapes = [self.strategy.parameters.complete(question.shape) for question in self.every_question]
        return max(self.strategy.warmup(shape) for shape in (*shapes, *self.points))

    def rng(self, salt: int) -> np.random.Generator:
        """Return the random numbers of one check."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, 0x1EA4, salt]))

    def times(self, bar_budget: int, questions: int, least: int, most: int) -> int:
        """Return how often each of so many questions is asked, so that all of a check reads about so many bars."""
        often = self.effort * bar_budget / (max(len(self.bars), 1) * questions)
        return int(np.clip(often, least, most))

    def trades(self, bars: Bars, setups: Setups, values: Mapping[str, Value]) -> Trades:
        """Replay setups without costs."""
        span = Span(0, len(bars), self.warmup)
        rules, bracket = self.strategy.rules, self.strategy.bracket
        return replay(bars, Signals.select(bars, setups, rules, bracket, values, span), FREE, span).trades

    def findings(self, found: list[Difference], question: Question, why: str, begin: int = 0) -> Iterator[Finding]:
        """Turn differences, their bars counted from `begin`, into findings."""
        for one in found:
            yield Finding(
                what=one.what,
                why=why,
                time_ms=int(self.bars.time[begin + one.bar]),
                expected=one.expected,
                found=one.found,
                side=question.side,
                shape=dict(question.shape),
            )


def first_of_each(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return the first finding of each column: the same leak shows at every cut."""
    return tuple({(f.what, f.why): f for f in reversed(findings)}.values())[::-1]


def fresh(bars: Bars) -> Bars:
    """Return the same bars without anything that was derived from them before."""
    return replace(bars)
