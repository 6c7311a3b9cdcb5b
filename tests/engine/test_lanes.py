"""The kernels of a grid can fail their tests: mistakes planted in their source, and properties of their parts."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine import (
    Bracket,
    Combinations,
    Costs,
    Money,
    Signals,
    Sizing,
    Span,
    Vote,
    at_least,
    at_most,
    equals,
    replay,
    sweep,
    sweep_kernels,
)
from assay.engine.bitsets import loosest, unpacked, words_of_axis
from assay.engine.rules import axes
from engine.test_sweep import Task, itself, random_task

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE = Path(sweep_kernels.__file__).read_text(encoding="utf-8")
SWEEP = import_module("assay.engine.sweep")


class Mutant(NamedTuple):
    name: str
    old: str
    new: str


MUTANTS = (
    Mutant(
        "free one bar early",
        "record[OUTCOME_EXIT_BAR] + exits[lane, EXIT_COOLDOWN]",
        "record[OUTCOME_EXIT_BAR] + exits[lane, EXIT_COOLDOWN] - 1.0",
    ),
    Mutant("cooldown ignored", "record[OUTCOME_EXIT_BAR] + exits[lane, EXIT_COOLDOWN]", "record[OUTCOME_EXIT_BAR]"),
    Mutant("busy on the bar that frees", "state[_NEXT * LANES + lane] <= t", "state[_NEXT * LANES + lane] < t"),
    Mutant("trades after ruin", " and state[SUM_EQUITY * LANES + lane] > 0.0\n", "\n"),
    Mutant("no day ends inside trades", "day_ends[k] = last - first", "day_ends[k] = 0"),
    Mutant(
        "day marks ignore the first leg", "if record[OUTCOME_PARTIAL_BAR] <= end else np.nan", "if False else np.nan"
    ),
    Mutant("marks of lanes that have left", "table[order, _LAST_DAY * LANES + lane] > day", "True"),
    Mutant("days closed while in a trade", "state[_LAST * LANES + lane] < first)", "True)"),
    Mutant("days never closed", "state[_LAST * LANES + lane] < first)", "False)"),
    Mutant("the last day is lost", "        _close_day(state, np.inf)\n", ""),
    Mutant("downside counts gains", "+= square if r < 0.0 else 0.0", "+= square"),
    Mutant(
        "drawdown ignores the path",
        "table[order, _MIN_MARK * LANES + lane]) / peak",
        "table[order, _FACTOR * LANES + lane]) / peak",
    ),
    Mutant("no drawdown inside a trade", "max(drawdown, inner, fall)", "max(drawdown, fall)"),
    Mutant("peak ignores the path", "equity * table[order, _MAX_MARK", "equity * table[order, _FACTOR"),
    Mutant("a flat trade wins", "won = take and net > 0.0", "won = take and net >= 0.0"),
    Mutant("refused lanes trade", "every & ~refused[order[row]] & ~taken", "every & ~taken"),
    Mutant("last row preferred", "every & ~refused[order[row]] & ~taken", "every & ~refused[order[row]]"),
    Mutant("both sides do not cancel", "both = long_lanes & short_lanes", "both = np.uint64(0)"),
    Mutant("unfilled orders trade", "if mask != 0 and filled[order[picked[j]]]:", "if mask != 0:"),
    Mutant("limits ignored", "if limited:", "if False:"),
    Mutant("limits one too many", "fills[lane] >= caps[lane]", "fills[lane] > caps[lane]"),
    Mutant("limits remember the last combination", "if stamp[slot] != k:", "if stamp[slot] < 0:"),
    Mutant("rows before the span", "if w * 64 < begin:", "if False:"),
    Mutant("rows after the span", "if w * 64 + 64 > end:", "if False:"),
    Mutant("days of the exit not counted", "max(state[_LAST * LANES + lane], last_span_day)", "last_span_day"),
    Mutant("orders of other levels shared", "same = same and (a == b", "same = same and (True"),
    Mutant("orders of other days shared", "same = flat_by[k] == flat_by[i]", "same = True"),
)


def interpreted(source: str) -> ModuleType:
    """Load the kernels' source as a module of plain Python."""
    plain = source.replace("from assay.compiled import compiled", "def compiled(function):\n    return function\n")
    assert plain != source
    module = ModuleType("mutated_sweep_kernels")
    exec(compile(plain, "mutated_sweep_kernels", "exec"), vars(module))  # noqa: S102  (our own source)
    return module


class Known(NamedTuple):
    """A sweep of some points in two spans, with the sums that replays give."""

    task: Task
    spans: list[Span]
    points: NDArray[np.int64]
    sums: NDArray[np.float64]

    def found(self) -> NDArray[np.float64]:
        """Return what the sweep gives, shape (spans, points, 11)."""
        t = self.task
        out = np.full(self.sums.shape, np.nan)
        combinations = Combinations(t.values, self.points)
        for block in sweep(t.bars, t.make_setups, t.rules, t.bracket, combinations, self.spans, t.money, itself):
            out[block.span, block.position] = block.sums
        return out


def rarely_met(seed: int) -> Task:
    """What random sweeps do not meet: ruin, runs without costs that rise, one bar with several flat-by bars."""
    task = random_task(seed)
    if seed % 3 == 0:
        return task
    n, b = len(task.bars), task.bars
    steps = np.ones(n)
    if seed % 3 == 1:
        steps[n // 4 :: n // 4] = 4.0  # a short that is held over such a gap loses more than all
    else:
        steps[:] = 1.004
    path = np.cumprod(steps)
    costs = Costs(fee=0.0, slippage=0.0) if seed % 2 else Costs()
    rows = {}
    for shape, setups in task.rows.items():
        twice = setups.take(np.repeat(np.arange(len(setups)), 2))
        rng = np.random.default_rng(seed)
        twice = replace(
            twice,
            features={name: rng.permutation(x) for name, x in twice.features.items()},
            levels=twice.levels * path[twice.bar, None],
        )
        later = twice.bar + 2 + np.arange(len(twice)) % 2 * 3
        rows[shape] = replace(twice, flat_by=later) if seed % 4 == 1 else twice
    return task._replace(
        bars=b.with_prices(b.open * path, b.high * path, b.low * path, b.close * path),
        rows=rows,
        money=Money(costs, Sizing("notional")),
    )


@pytest.fixture(scope="module")
def known() -> list[Known]:
    """Sweeps of few combinations, each told by the replay, whose own mutants are caught elsewhere."""
    found = []
    for seed in range(300, 372):
        task = rarely_met(seed)
        rng = np.random.default_rng(seed)
        sizes = [len(v) for v in task.values.values()]
        picked = np.unique(rng.integers(0, int(np.prod(sizes)), 12))
        points = np.array(np.unravel_index(picked, sizes), dtype=np.int64).T.reshape(len(picked), len(sizes))
        combinations = Combinations(task.values, points)
        middle = len(task.bars) // 3
        spans = [Span(middle, 2 * middle, task.span.warmup), task.span]
        sums = [
            [task._replace(span=span).replay(combinations.at(i)).sums for i in range(len(points))] for span in spans
        ]
        found.append(Known(task, spans, points, np.array(sums)))
    return found


def disagree(known: list[Known]) -> bool:
    """Whether any sweep differs from its replays; an exception differs too."""
    try:
        return any(k.found().tobytes() != k.sums.tobytes() for k in known)
    except (IndexError, OverflowError, ValueError):
        return True


def test_plain_python_computes_the_same(monkeypatch: pytest.MonkeyPatch, known: list[Known]) -> None:
    monkeypatch.setattr(SWEEP, "sweep_kernels", interpreted(SOURCE))
    with np.errstate(all="ignore"):
        assert not disagree(known)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_mutant_is_caught(monkeypatch: pytest.MonkeyPatch, known: list[Known], mutant: Mutant) -> None:
    assert mutant.old in SOURCE, "the source has changed: bring the mutant up to date"
    monkeypatch.setattr(SWEEP, "sweep_kernels", interpreted(SOURCE.replace(mutant.old, mutant.new)))
    with np.errstate(all="ignore"):
        assert disagree(known)


# Several spans of one sweep, and sweeps that go on


def blocks(task: Task, spans: list[Span], skip: int = 0, threads: int = 1) -> list[tuple[int, bytes, bytes]]:
    found = sweep(
        task.bars, task.make_setups, task.rules, task.bracket, Combinations(task.values), spans, task.money, itself,
        threads=threads, skip=skip,
    )  # fmt: skip
    return [(b.span, b.position.tobytes(), b.sums.tobytes()) for b in found]


@pytest.mark.parametrize("seed", range(400, 412))
def test_spans_of_one_sweep_are_sweeps_of_their_own(seed: int) -> None:
    task = random_task(seed)
    n, warmup = len(task.bars), task.span.warmup
    spans = [Span(a, b, warmup) for a, b in ((0, n // 3), (0, n), (n // 3, n - 5), (n // 2, n // 2 + 1))]
    together = blocks(task, spans, threads=1 + seed % 2)
    for number, span in enumerate(spans):
        alone = [found[1:] for found in blocks(task, [span])]
        assert [found[1:] for found in together if found[0] == number] == alone


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sweep_goes_on_where_it_was_interrupted(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(SWEEP, "RUNS", 7)
    monkeypatch.setattr(SWEEP, "SHAPES", 1)
    task = random_task(2)
    whole = blocks(task, [task.span])
    assert len(whole) > 5
    for skip in (0, 1, 3, len(whole) - 1, len(whole), len(whole) + 3):
        assert blocks(task, [task.span], skip, threads) == whole[skip:]


# Bitsets

FEATURES = st.integers(0, 2**31 - 1)


@given(
    seed=FEATURES,
    weights=st.lists(st.integers(0, 60), min_size=1, max_size=5),
    thresholds=st.lists(st.integers(-10, 130), min_size=1, max_size=4),
    rows=st.integers(0, 150),
)
def test_a_vote_is_the_or_of_its_minimal_subsets(
    seed: int, weights: list[int], thresholds: list[int], rows: int
) -> None:
    rng = np.random.default_rng(seed)
    features = {f"f{i}": rng.integers(0, 4, rows).astype(float) for i in range(len(weights))}
    kinds = (at_least, at_most, equals)
    vote = Vote(tuple((w, kinds[i % 3](f"f{i}", f"p{i}")) for i, w in enumerate(weights)), "score")
    levels = [
        {f"p{i}": int(rng.integers(0, 4)) for i in range(len(weights))} | {"score": t / 100}
        for t in thresholds
        for _ in range(3)
    ]
    words = words_of_axis((vote,), features, levels, rows)
    could = loosest((vote,), features, levels, rows)
    for level, row in zip(levels, words, strict=True):
        met = sum(
            w * np.array([_met(i % 3, x, float(level[f"p{i}"])) for x in features[f"f{i}"]], dtype=int)
            for i, w in enumerate(weights)
        )
        passed = np.flatnonzero(np.broadcast_to(met >= round(100 * float(level["score"])), rows))
        assert unpacked(row, rows).tolist() == passed.tolist()
        assert could[passed].all()
        assert not np.unpackbits(row.view(np.uint8), bitorder="little")[rows:].any()


def _met(kind: int, x: float, limit: float) -> bool:
    return (x >= limit, x <= limit, x == limit)[kind]


def test_minimal_subsets_of_a_climax() -> None:
    """Weights 30, 25, 20, 15, 10: what reaches 60 hundredths, counted by hand."""
    weights = (30, 25, 20, 15, 10)
    vote = Vote(tuple((w, at_least(f"f{i}", 0.0)) for i, w in enumerate(weights)), "score")
    found = [{weights[i] for i in subset} for subset in vote.minimal_subsets(60)]
    expected = [{30, 25, 20}, {30, 25, 15}, {30, 25, 10}, {30, 20, 15}, {30, 20, 10}, {25, 20, 15}]
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
    assert vote.minimal_subsets(0) == [()]
    assert vote.minimal_subsets(101) == []


def test_a_threshold_in_floats_is_judged_in_hundredths() -> None:
    vote = Vote(((30, at_least("a", 0.0)), (15, at_least("b", 0.0)), (10, at_least("c", 0.0))), "score")
    one = {name: np.zeros(1) for name in "abc"}
    assert 0.30 + 0.15 + 0.10 < 0.55
    assert unpacked(words_of_axis((vote,), one, [{"score": 0.55}], 1)[0], 1).tolist() == [0]


def test_points_that_are_asked_twice_are_answered_twice() -> None:
    task = random_task(2)
    sizes = [len(v) for v in task.values.values()]
    points = np.zeros((40, len(sizes)), dtype=np.int64)
    points[10:, 0] = np.arange(30) % sizes[0]
    grid = task.sums()
    index = np.ravel_multi_index(tuple(points.T), sizes)
    assert task.sums(points).tobytes() == grid[index].tobytes()


def test_one_binary_serves_every_strategy() -> None:
    """Rules are data: no strategy makes the kernel compile again."""
    for seed in range(6):
        random_task(seed).sums()
    for kernel in (sweep_kernels.sweep, sweep_kernels.outcomes, sweep_kernels.vote, sweep_kernels.distinct_orders):
        assert len(kernel.signatures) == 1  # type: ignore[attr-defined]


def test_lanes_beyond_the_exits_repeat_the_last() -> None:
    """17 exit combinations are one full table and one lane of another."""
    task = random_task(2)
    bracket = Bracket(stop="stop", target=1.5, max_bars=20)
    stops = tuple(0.5 + 0.1 * i for i in range(17))
    thresholds = {name for names, _ in axes(task.rules) for name in names}
    values = {name: v for name, v in task.values.items() if name in thresholds}
    one = task._replace(bracket=bracket, values={**values, "stop": stops})
    sums = one.sums()
    combinations = Combinations(one.values)
    for position in range(0, len(combinations), 5):
        point = combinations.at(position)
        signals = Signals.select(one.bars, one.make_setups(point), one.rules, bracket, point, one.span)
        assert np.array_equal(replay(one.bars, signals, one.money, one.span).sums, sums[position])
