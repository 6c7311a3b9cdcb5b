"""A sweep too large for memory: its time told beforehand, kept as it goes, and taken up again."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import InputError
from assay.store.location import home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.cli.output import Output
    from assay.engine import Combinations, Span
    from assay.evaluation.evaluator import Evaluator
    from assay.market import Bars
    from assay.search import Space
    from assay.search.streaming import Summary

SAMPLES = (2_000, 400_000)
"""Combinations that are run to tell how long all would take; the few only make what every sweep begins with."""

SAVE_EVERY_S = 1.0


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


def estimate(evaluator: Evaluator, bars: Bars, span: Span, space: Space, threads: int) -> Estimate:
    """Run an evenly thinned grid and tell what the whole one would take."""
    from assay.engine import Combinations  # noqa: PLC0415  (commands import when they run)
    from assay.search.streaming import Layout  # noqa: PLC0415

    seconds = 0.0
    for most in SAMPLES:
        few = Combinations(space.thinned(most).values)
        begun = time.perf_counter()
        summary = _streamed(evaluator, bars, span, few, threads)
        seconds = time.perf_counter() - begun
    longest = max(space.values, key=lambda name: len(space.values[name]))
    return Estimate(
        combinations=space.size,
        sample=len(few),
        per_second=len(few) / seconds,
        longest=longest,
        values=len(space.values[longest]),
        least=summary.least_influence(Layout.of(few.values)),
    )


def _streamed(
    evaluator: Evaluator,
    bars: Bars,
    span: Span,
    combinations: Combinations,
    threads: int,
    before: Summary | None = None,
    on_block: Callable[[Summary, int], None] | None = None,
) -> Summary:
    """Run what is not in `before` yet; `on_block` is called with the summary so far and the block's points."""
    from assay.search.streaming import Layout, Summary  # noqa: PLC0415  (commands import when they run)

    layout = Layout.of(combinations.values)
    summary = before or Summary.empty(layout)
    blocks = evaluator.scored(
        bars,
        [span],
        combinations,
        lambda _, position, measure, trades: Summary.of_block(layout, position, measure, trades),
        threads=threads,
        skip=summary.blocks,
    )
    for block in blocks:
        summary = summary.plus(block)
        if on_block is not None:
            on_block(summary, block.tried)
    return summary


def state_file(identity: str) -> Path:
    """Return where the stream of this experiment and code is kept."""
    folder = home() / "streams"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--home", f"cannot keep a stream ({error.strerror})", str(folder)) from None
    return folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.npz"


def run_stream(
    output: Output,
    evaluator: Evaluator,
    bars: Bars,
    span: Span,
    combinations: Combinations,
    file: Path,
    *,
    threads: int,
    restart: bool,
) -> tuple[Summary, float]:
    """Run every combination in constant memory, kept in `file` every few seconds; return the summary and seconds.

    A file that holds a part of this very sweep is taken up where it ends: the result is the same.
    """
    from assay.search.streaming import Layout, Summary  # noqa: PLC0415  (commands import when they run)
    from assay.sources import read_arrays, write_arrays  # noqa: PLC0415

    before = None
    if file.exists() and not restart:
        before = Summary.from_arrays(read_arrays(file))
        output.note(f"going on after {before.tried:,} of {len(combinations):,} combinations ({file})")
    latest = before or Summary.empty(Layout.of(combinations.values))
    begun = time.monotonic()
    saved = 0.0  # the first block is kept at once: a folder that cannot be written to is found out now
    try:
        with output.progress("streaming", len(combinations), latest.tried) as advance:

            def on_block(summary: Summary, points: int) -> None:
                nonlocal latest, saved
                latest = summary
                advance(points)
                if not saved or time.monotonic() - saved > SAVE_EVERY_S:
                    write_arrays(file, summary.arrays())
                    saved = time.monotonic()

            latest = _streamed(evaluator, bars, span, combinations, threads, before, on_block)
    except KeyboardInterrupt:
        output.note(f"{latest.tried:,} of {len(combinations):,} combinations are kept: the same command goes on")
        raise
    finally:
        write_arrays(file, latest.arrays())
    return latest, time.monotonic() - begun


def best_rows(
    evaluator: Evaluator, bars: Bars, span: Span, combinations: Combinations, summary: Summary
) -> list[dict[str, Any]]:
    """Measure the kept points in full."""
    import numpy as np  # noqa: PLC0415  (commands import when they run)

    from assay.engine import TABLE, Combinations, from_sums  # noqa: PLC0415

    if not len(summary.position):
        return []
    sizes = [len(v) for v in combinations.values.values()]
    points = np.stack(np.unravel_index(summary.position, sizes), axis=1).astype(np.int64)
    chosen = Combinations(combinations.values, points)
    sums = np.empty((len(points), 11))
    for block in evaluator.blocks(bars, [span], chosen, lambda block: block):
        sums[block.position] = block.sums
    year = bars.market.days_per_year
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


def describe(summary: Summary, combinations: Combinations, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what was kept, as plain values."""
    from assay.search.streaming import EDGES, Layout  # noqa: PLC0415  (commands import when they run)

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


def bar(value: float, low: float, high: float, width: int = 24) -> str:
    """Draw a number between two others as a bar of blocks."""
    if not high > low or value != value:  # noqa: PLR0124  (NaN)
        return ""
    eighths = round(8 * width * (value - low) / (high - low))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
