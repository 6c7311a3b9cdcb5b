"""After a search: what the strategy answered in it, on all the bars that it saw, against shortened histories.

The checks before a training look at the first 20,000 bars and at some shapes. What the search has used is one answer
per shape on all bars: these answers are compared here with those on histories cut short, so it does not matter how a
strategy tells a check from a training (by the number of bars, the parameters, who calls, what was asked before). An
answer that the check does not get again is itself a finding.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.evaluation import NO_PROCESS, SetupsQuestion, digest_of
from assay.evaluation.evaluator import loosest_thresholds
from assay.leaks.compare import differences
from assay.leaks.findings import Finding, Looked, NotRun
from assay.leaks.probe import ENOUGH_BARS, answer_to, first_of_each, fresh
from assay.leaks.report import Answer, Check, LeakReport
from assay.leaks.truncation import ROUNDING, WHY, cuts_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from collections.abc import Set as AbstractSet

    from assay.engine import Setups
    from assay.evaluation import FreshProcess
    from assay.leaks.compare import Slack
    from assay.market import Bars
    from assay.parameters import Value
    from assay.strategies import Strategy


OTHERS = "are others than those that it gave in the search"
TWICE = "are not the same whenever a training asks for them"
FRESH = "differs in a fresh process, in which nothing was asked before"
CUTS, FEWEST_CUTS = 16, 4
BAR_BUDGET = 6_000_000
PROCESS_QUESTIONS, PROCESS_CUTS = 4, 4
LABORATORY = tuple(n + by for n in (ENOUGH_BARS, 4 * ENOUGH_BARS) for by in (-1, 1))
"""Lengths beside those that the checks before a training look at."""


@dataclass(frozen=True, eq=False)
class SearchProbe:
    """What the checks after a search look at.

    Attributes
    ----------
    strategy : Strategy
    bars : Bars
        All that the search saw.
    questions : tuple of SetupsQuestion
        As the search asks them; the first is looked at most closely.
    answers : mapping
        Digests of what was answered in the search, by the questions' keys.
    seed : int
    fresh_process : FreshProcess, optional
    """

    strategy: Strategy
    bars: Bars
    questions: tuple[SetupsQuestion, ...]
    answers: Mapping[Hashable, AbstractSet[str]] = field(default_factory=dict)
    seed: int = 0
    fresh_process: FreshProcess | None = None

    def whole(self, question: SetupsQuestion) -> Setups:
        """Ask on all bars."""
        return answer_to(question, self.strategy, fresh(self.bars))

    def cuts(self, whole: Setups, number: int) -> list[int]:
        """Return the lengths on which a question is asked again."""
        n = len(self.bars)
        affordable = int(np.clip(BAR_BUDGET / (max(n, 1) * len(self.questions)), FEWEST_CUTS, CUTS))
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, 0x1EA4, 400 + number]))
        cuts = cuts_of(whole, n, CUTS if number == 0 else affordable, rng)
        return sorted({*cuts, *(m for m in LABORATORY if m < n)}) if number == 0 else cuts

    def compared(
        self, question: SetupsQuestion, alone: Setups, whole: Setups, cut: int, why: str, slack: Slack = ROUNDING
    ) -> list[Finding]:
        """Return where the rows of a shortened history are not those of the whole one."""
        known = whole.take(whole.bar < cut)
        return [
            Finding(
                what=one.what,
                why=why,
                time_ms=int(self.bars.time[one.bar]),
                expected=one.expected,
                found=one.found,
                side=side,
                shape=dict(question.shape),
            )
            for side in (1, -1)
            for one in differences(alone.take(alone.side == side), known.take(known.side == side), slack)
        ]


def search(probe: SearchProbe) -> Looked:
    """Ask again on all bars, and on histories cut short, and compare with what the search was given."""
    findings = [Finding(what="the rows", why=TWICE) for digests in probe.answers.values() if len(digests) > 1][:1]
    histories, rows = 0, 0
    for number, question in enumerate(probe.questions):
        whole = probe.whole(question)
        if probe.answers.get(question.key, {digest_of(whole)}) != {digest_of(whole)}:
            findings.append(Finding(what="the rows", why=OTHERS, shape=dict(question.shape)))
        for cut in probe.cuts(whole, number):
            alone = answer_to(question, probe.strategy, probe.bars.head(cut))
            findings += probe.compared(question, alone, whole, cut, WHY)
            histories, rows = histories + 1, rows + int(np.searchsorted(whole.bar, cut))
    compared = f"{histories:,} histories of up to {len(probe.bars):,} bars, {rows:,} rows"
    return Looked(compared, first_of_each(findings), histories)


def process(probe: SearchProbe) -> Looked | NotRun:
    """Ask in a fresh process: shortened histories first, so that no memory of the whole one can help."""
    if probe.fresh_process is None:
        return NotRun(NO_PROCESS)
    if refusal := probe.fresh_process.refusal(probe.strategy):
        return NotRun(refusal)
    questions = probe.questions[:PROCESS_QUESTIONS]
    wholes = [probe.whole(question) for question in questions]
    rng = np.random.default_rng(np.random.SeedSequence([probe.seed, 0x1EA4, 500]))
    n = len(probe.bars)
    cut = {(c, i) for i, whole in enumerate(wholes) for c in cuts_of(whole, n, PROCESS_CUTS, rng)}
    asked = [(i, c) for c, i in (*sorted(cut), *((n, i) for i in range(len(questions))))]
    answers = probe.fresh_process.answers(probe.strategy, probe.bars, [(questions[i], c) for i, c in asked])
    findings: list[Finding] = []
    rows = 0
    for (i, c), alone in zip(asked, answers, strict=True):
        findings += probe.compared(questions[i], alone, wholes[i], c, FRESH)
        rows += len(alone)
    return Looked(f"{len(asked)} histories, {rows:,} rows", first_of_each(findings), len(asked))


SEARCH = Check(
    "search",
    "What the strategy said in a search, on all bars, it says of shortened histories and when it is asked again.",
    "A rule may use bars up to its own, whatever the number of bars, the parameters, and whoever asks.",
    search,
)
PROCESS = Check(
    "process",
    "A fresh process, in which the strategy was asked nothing before, gives the same answers.",
    "Keep nothing between calls, in other modules and in the environment neither.",
    process,
)


def inspect_search(probe: SearchProbe, checks: tuple[Check, ...] = (SEARCH, PROCESS)) -> LeakReport:
    """Ask the checks that follow a search.

    Raises
    ------
    StrategyError
        When the strategy raises.
    """
    answers: list[Answer] = []
    for check in checks:
        held = not any(answer.findings for answer in answers)
        answers.append(Answer(check, check.look(probe) if held else NotRun("the answers do not hold in one process")))
    return LeakReport(probe.strategy.name, len(probe.bars), tuple(answers))


def search_questions(
    strategy: Strategy, space: Mapping[str, tuple[Value, ...]], sides: str
) -> tuple[SetupsQuestion, ...]:
    """Return what a search over a grid asks of a strategy for the defaults and for both ends."""
    defaults = strategy.parameters.defaults
    loosest = loosest_thresholds(strategy, {n: (*values, defaults[n]) for n, values in space.items()})
    shapes = [
        {n: values[n] for n in strategy.shape_names}
        for values in (defaults, *({n: axis[end] for n, axis in space.items()} for end in (0, -1)))
    ]
    questions = (SetupsQuestion(shape, loosest, sides) for shape in shapes)
    return tuple({question.key: question for question in questions}.values())


def inspect_fully(before: LeakReport, probe: SearchProbe) -> LeakReport:
    """Return the report of the checks before a search with those after it, which need answers that can be compared."""
    if "purity" in before.caught_by:
        reason = NotRun("purity does not hold: nothing can be compared")
        return replace(before, checks=(*before.checks, *(Answer(check, reason) for check in (SEARCH, PROCESS))))
    return replace(before, checks=(*before.checks, *inspect_search(probe).checks))
