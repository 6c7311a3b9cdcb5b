"""A sweep too large for memory: its time estimated beforehand, kept as it goes, and resumed."""

from __future__ import annotations

import hashlib
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.compiled import result_digest
from assay.engine import TABLE, Combinations, from_sums
from assay.errors import FileFormatError, InputError
from assay.search import space
from assay.search.streaming import EDGES, Layout, Summary
from assay.sources import write_arrays
from assay.sources.arrays import read_arrays
from assay.store.location import home
from assay.store.parts import remove_left_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.service.reporter import Reporter
    from assay.service.sweeping import Sweep

SAMPLES = (2_000, 400_000)
"""Combinations that are run to tell how long all would take; the few only make what every sweep begins with."""

SAVE_EVERY_S = 1.0

MAX_STREAMED = 10**15
"""Combinations of a stream: a year at thirty million a second."""

MAX_CELLS = 20_000_000
"""Pairs of values of two axes: a few maps of 160 MB at a time."""

_COARSER = "Give the longest axes fewer values"


@dataclass(frozen=True, eq=False)
class Estimate:
    """What thinned grids say about the whole.

    Attributes
    ----------
    combinations, sample : int
    per_second : float
    longest : str
        The axis with most values.
    values : int
        How many it has.
    least : str or None
        The axis whose values differ least in their mean score in the sample.
    """

    combinations: int
    sample: int
    per_second: float
    longest: str
    values: int
    least: str | None

    @property
    def seconds(self) -> float:
        """Time that all combinations would take."""
        return self.combinations / self.per_second

    def sentence(self) -> str:
        """Return what to expect, and where to save."""
        text = (
            f"{self.combinations:,} combinations take about {duration(self.seconds)} ({self.per_second:,.0f} per "
            f"second in a sample of {self.sample:,}); {self.longest} has most values ({self.values})"
        )
        least = f", {self.least} matters least in the sample: thin it first" if self.least else ""
        return text + least


def duration(seconds: float) -> str:
    """Return seconds in the unit a person would use."""
    for unit, length in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.0f} seconds"


def estimate(sweep: Sweep, threads: int) -> Estimate:
    """Run an evenly thinned grid and tell what the whole one would take."""
    seconds = 0.0
    for most in SAMPLES:
        few = sweep.thinned(most)
        begun = time.perf_counter()
        summary = _streamed(few, threads)
        seconds = time.perf_counter() - begun
    values = sweep.space.values
    longest = max(values, key=lambda name: len(values[name]))
    return Estimate(
        combinations=sweep.space.size,
        sample=few.space.size,
        per_second=few.space.size / seconds,
        longest=longest,
        values=len(values[longest]),
        least=summary.least_influence(Layout.of(few.space.values)),
    )


def check_stream(sweep: Sweep) -> None:
    """Refuse a stream that no time would finish, or whose maps of pairs of axes no memory would hold."""
    sizes = [len(values) for values in sweep.space.values.values() if len(values) > 1]
    cells = sum(a * b for a, b in itertools.combinations(sizes, 2))
    if sweep.space.size > MAX_STREAMED:
        raise InputError("--grid", f"must have at most {MAX_STREAMED:,} combinations", sweep.space.size, _COARSER)
    if cells > MAX_CELLS:
        rule = f"must have at most {MAX_CELLS:,} pairs of values of two parameters, which are kept as maps"
        raise InputError("--grid", rule, cells, _COARSER)


def check_size(sweep: Sweep, threads: int) -> None:
    """Refuse a grid whose table no memory would hold, with what a stream of it would take."""
    if sweep.space.size > space.MAX_GRID:
        check_stream(sweep)
        expected = estimate(sweep, threads)
        raise InputError(
            "--grid",
            f"must have at most {space.MAX_GRID:,} combinations without --stream",
            sweep.space.size,
            f"With --stream {expected.sentence()}",
        )


def _streamed(
    sweep: Sweep,
    threads: int,
    before: Summary | None = None,
    on_block: Callable[[Summary, int], None] | None = None,
) -> Summary:
    """Run what is not in `before` yet; `on_block` is called with the summary so far and the block's points."""
    layout = Layout.of(sweep.space.values)
    summary = before or Summary.empty(layout)
    blocks = sweep.evaluator.scored(
        sweep.bars,
        [sweep.span],
        sweep.combinations,
        lambda _, position, measure, trades: Summary.of_block(layout, position, measure, trades),
        threads=threads,
        skip=summary.blocks,
    )
    for block in blocks:
        summary = summary.plus(block)
        if on_block is not None:
            on_block(summary, block.tried)
    return summary


def state_file(sweep: Sweep) -> Path:
    """Return where the stream of this experiment and code is kept."""
    identity = sweep.experiment.digest(sweep.bars) + result_digest()
    folder = home() / "streams"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--home", f"cannot keep a stream ({error.strerror})", str(folder)) from None
    remove_left_over(folder)
    return folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.npz"


def run_stream(reporter: Reporter, sweep: Sweep, file: Path, *, threads: int, restart: bool) -> tuple[Summary, float]:
    """Run every combination in constant memory, kept in `file` every few seconds; return the summary and seconds.

    A file that holds a part of this very sweep is resumed where it ends: the result is the same.
    """
    total = sweep.space.size
    before = None
    if file.exists() and not restart:
        before = _read(file, Layout.of(sweep.space.values))
        reporter.note(f"going on after {before.tried:,} of {total:,} combinations ({file})")
    latest = before or Summary.empty(Layout.of(sweep.space.values))
    begun = time.monotonic()
    saved = 0.0  # the first block is kept at once: a folder that cannot be written to is found out now
    try:
        with reporter.progress("streaming", total, latest.tried) as advance:

            def on_block(summary: Summary, points: int) -> None:
                nonlocal latest, saved
                latest = summary
                advance(points)
                if not saved or time.monotonic() - saved > SAVE_EVERY_S:
                    _keep(file, summary)
                    saved = time.monotonic()

            latest = _streamed(sweep, threads, before, on_block)
    except KeyboardInterrupt:
        reporter.note(f"{latest.tried:,} of {total:,} combinations are kept: the same command goes on")
        raise
    finally:
        _keep(file, latest)
    return latest, time.monotonic() - begun


def _keep(file: Path, summary: Summary) -> None:
    try:
        write_arrays(file, summary.arrays())
    except InputError as error:
        hint = "Free some space there, or name another folder with --home (ASSAY_HOME)"
        raise InputError(str(file.parent), f"cannot keep the stream, it {error.rule}", hint=hint) from None


def _read(file: Path, layout: Layout) -> Summary:
    """Return what a stream's file holds, if it is of this layout: a file may be torn, or another one."""
    fresh = Summary.empty(layout).arrays()
    try:
        found = read_arrays(file)
        fits = {name: (array.dtype, array.ndim) for name, array in found.items()} == {
            name: (array.dtype, array.ndim) for name, array in fresh.items()
        } and all(found[name].shape == fresh[name].shape for name in ("count", "total", "best", "pairs", "histogram"))
    except FileFormatError as error:
        raise FileFormatError(str(file), error.rule, hint=_ANEW) from None
    if not fits:
        raise FileFormatError(str(file), "is not the file of this stream", hint=_ANEW)
    return Summary.from_arrays(found)


_ANEW = "--restart begins anew"


def best_rows(sweep: Sweep, summary: Summary) -> list[dict[str, Any]]:
    """Measure the kept points in full."""
    combinations = sweep.combinations
    if not len(summary.position):
        return []
    sizes = [len(v) for v in combinations.values.values()]
    points = np.stack(np.unravel_index(summary.position, sizes), axis=1).astype(np.int64)
    chosen = Combinations(combinations.values, points)
    sums = np.empty((len(points), 11))
    for block in sweep.evaluator.blocks(sweep.bars, [sweep.span], chosen, lambda block: block):
        sums[block.position] = block.sums
    year = sweep.bars.market.days_per_year
    table = {name: from_sums(sums, name, year).tolist() for name in TABLE}
    return [
        {
            "position": position,
            "parameters": chosen.at(i),
            "metrics": {name: column[i] for name, column in table.items()}
            | {"total_trades": int(table["total_trades"][i])},
        }
        for i, position in enumerate(summary.position.tolist())
    ]


def best_columns(rows: list[dict[str, Any]], combinations: Combinations) -> dict[str, list[Any]]:
    """Return parameters and measures of the kept points as columns."""
    columns = {name: [row["parameters"][name] for row in rows] for name in combinations.values}
    return columns | {name: [row["metrics"][name] for row in rows] for name in TABLE}


def describe(summary: Summary, combinations: Combinations, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what was kept, as plain values."""
    layout = Layout.of(combinations.values)
    marginals = summary.marginals(layout)
    return {
        "refused": summary.refused,
        "best": rows,
        "marginals": {
            name: [{"value": value} | row for value, row in zip(combinations.values[name], rows_of_axis, strict=True)]
            for name, rows_of_axis in marginals.items()
        },
        "maps": [{"x": b, "y": a, "best": grid.tolist()} for (a, b), grid in summary.maps(layout).items()],
        "histogram": {"edges": EDGES.tolist(), "counts": summary.histogram.tolist()},
        "matters_least": summary.least_influence(layout),
    }
