"""Purity: setups are a function of bars, side and parameters, and of nothing that happened before."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.leaks.compare import differences
from assay.leaks.findings import Finding, Looked
from assay.leaks.probe import RaisedError, first_of_each, fresh
from assay.threads import ordered_map
from assay.validation.null_bars import mirror

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.engine import Setups
    from assay.leaks.probe import Probe
    from assay.market import Bars
    from assay.strategies import Strategy

THREADS = 4
CALLS = 8
SEED = 0x1EA4
PRICES, VOLUMES = 2.0, 3.0

TWICE = "differs between two calls: two calls gave different rows"
BETWEEN = "differs after a call with other bars"
ORDER = "differs with the order of calls on the same bars"
ANOTHER = "differs in another instance that saw other bars first"
THREADED = "differs when other threads ask at the same time"
WRITTEN = "are written to"
GLOBAL_RANDOM = "are drawn from by a call"

Rows = list[tuple[int, "Setups"]]
"""Answers, each with the number of its question."""


def purity(probe: Probe) -> Looked:
    """Ask again, in another order, of another instance, from other threads; look for what a call leaves behind."""
    state = np.random.get_state()
    np.random.seed(SEED)  # a known state: calls before these may have left the one that they leave
    marked = _random_state()
    try:
        first, again = _asked(probe)
        drawn = _random_state() != marked
    except RaisedError as error:
        if isinstance(error.__cause__, ValueError) and _writes(probe):
            return Looked("one call", (Finding(what="the bars", why=WRITTEN),))
        raise
    finally:
        np.random.set_state(state)
    findings = [
        finding
        for why, answers in again.items()
        for number, rows in answers
        for finding in probe.findings(differences(first[number], rows), probe.questions[number], why)
    ]
    if drawn:
        findings.append(Finding(what="numpy's global random numbers", why=GLOBAL_RANDOM))
    rows = sum(map(len, first.values()))
    return Looked(f"{rows:,} rows, asked in {len(again)} more ways", first_of_each(findings))


def _asked(probe: Probe) -> tuple[dict[int, Setups], dict[str, Rows]]:
    other = _other(probe)
    first = dict(_answers(probe, probe.strategy, probe.bars))
    again = {why: ask(probe, other) for why, ask in _WAYS.items()}
    with probe.another() as strategy:
        again[ANOTHER] = _after_other_bars(replace(probe, strategy=strategy), other)
    return first, again


def _other(probe: Probe) -> Bars:
    """Return bars that are other ones by whatever a strategy may measure: mirrored, another price, another volume."""
    bars = mirror(probe.bars, 0)
    open_, high, low, close = (PRICES * x for x in (bars.open, bars.high, bars.low, bars.close))
    return bars.with_prices(open_, high, low, close, bars.volume * VOLUMES)


def _writes(probe: Probe) -> bool:
    """Whether a call changes bars that let it."""
    for question in probe.questions:
        with probe.another() as strategy:
            bars = fresh(probe.bars)
            columns: dict[str, Any] = {n: x.copy() for n, x in vars(bars).items() if isinstance(x, np.ndarray)}
            bars = replace(bars, **columns)
            for column in columns.values():
                column.flags.writeable = True
            with contextlib.suppress(RaisedError):
                question.of(strategy, bars)
            if any(column.tobytes() != getattr(probe.bars, name).tobytes() for name, column in columns.items()):
                return True
    return False


def _answers(probe: Probe, strategy: Strategy, bars: Bars) -> Rows:
    """Ask every question on bars of its own, so that nothing derived from them is shared."""
    return [(i, question.of(strategy, fresh(bars))) for i, question in enumerate(probe.questions)]


def _twice(probe: Probe, _: Bars) -> Rows:
    """Ask every question again on the very bars that it was asked on."""
    out: Rows = []
    for i, question in enumerate(probe.questions):
        bars = fresh(probe.bars)
        question.of(probe.strategy, bars)
        out.append((i, question.of(probe.strategy, bars)))
    return out


def _after_other_bars(probe: Probe, other: Bars) -> Rows:
    _answers(probe, probe.strategy, other)
    return _answers(probe, probe.strategy, probe.bars)


def _backwards(probe: Probe, _: Bars) -> Rows:
    """Ask on shared bars from the last question to the first: what one derives must not serve another."""
    shared = fresh(probe.bars)
    questions = list(enumerate(probe.questions))
    return [(i, question.of(probe.strategy, shared)) for i, question in reversed(questions)]


def _among_threads(probe: Probe, other: Bars) -> Rows:
    bars = fresh(probe.bars)
    questions = [(i, question) for i, question in enumerate(probe.questions) for _ in range(CALLS)]
    # threads in step set what they share in the order of the calls: the last of a step are now these bars, now others
    calls = [(i, question, bars if (k + k // THREADS) % 2 else other) for k, (i, question) in enumerate(questions)]
    answers = ordered_map(lambda call: call[1].of(probe.strategy, call[2]), calls, THREADS)
    return [(i, rows) for (i, _, on), rows in zip(calls, answers, strict=True) if on is bars]


_WAYS: dict[str, Callable[[Probe, Bars], Rows]] = {
    TWICE: _twice,
    BETWEEN: _after_other_bars,
    ORDER: _backwards,
    THREADED: _among_threads,
}


def _random_state() -> str:
    return repr(np.random.get_state())
