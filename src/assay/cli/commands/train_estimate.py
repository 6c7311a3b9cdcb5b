"""`assay train --estimate`: what a training would compute, take, find and cost, instead of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.cli import options
from assay.cli.bars import file_bars
from assay.cli.output import Column
from assay.plurals import plural
from assay.service.database import open_database
from assay.service.estimate import Estimator
from assay.service.estimate_parts import time_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from assay.cli.bars import BarsOptions
    from assay.cli.output import Output
    from assay.service.estimate_parts import Estimate, TaskEstimate
    from assay.service.request import TrainingRequest

COLUMNS = (
    Column("market", narrow=13),
    Column("strategy", narrow=10),
    Column("days"),
    Column("combinations"),
    Column("windows"),
    Column("backtests at most", 1),
    Column("time, likely", narrow=8),
    Column("time at most", 2, narrow=8),
    Column("memory MB", 3),
    Column("trades out of sample", 4),
)
"""Of each task."""


def estimate_training(
    output: Output, given: BarsOptions, requests: Sequence[TrainingRequest], *, threads: int, offline: bool
) -> None:
    """Show what the training that the options name would compute, take, find and cost; nothing of it is run."""
    bars = None if given.file is None else file_bars(output, given)
    with open_database(given.database) as opened:
        estimator = Estimator(opened)
        if bars is not None:
            found = estimator.of_bars(bars, requests[0], threads=threads)
        else:
            markets = options.markets_of(given.exchange, given.symbol, given.timeframe)
            found = estimator.estimate(markets, requests, workers=threads, offline=offline)
    if output.json:
        output.document(found.to_dict())
    else:
        show_estimate(output, found)


def show_estimate(output: Output, estimate: Estimate) -> None:
    """Print one line per task, and in sentences what they have in common."""
    output.table("", COLUMNS, [_row(task) for task in estimate.tasks])
    total, run = estimate.total, [task for task in estimate.tasks if task.refused is None]
    if total.seconds is not None:
        at_once = f"on {plural(estimate.workers, 'worker')}" if estimate.workers > 1 else "on this machine"
        output.text(
            f"{plural(total.backtests, 'backtest')} at most, {total.seconds.sentence} {at_once}: the least where "
            "nothing is found, the most where everything is run."
        )
    elif run:
        output.text(f"{plural(total.backtests, 'backtest')} at most; how long they take is not known.")
    for tip in estimate.cheaper:
        output.text(tip.sentence)
    _said(output, run, ((task, f"{task.windows_sentence}.") for task in run if task.windows_sentence))
    _said(output, run, ((task, note[:1].upper() + note[1:] + ".") for task in run for note in task.notes))
    _said(output, run, ((task, task.data.sentence) for task in run if task.data.sentence is not None))
    _said(output, run, ((task, task.power.sentence) for task in run if task.power is not None))
    _said(output, run, ((task, task.campaign.sentence) for task in run if task.campaign is not None))
    _said(output, (), ((task, task.refused) for task in estimate.tasks if task.refused is not None))


def _row(task: TaskEstimate) -> tuple[object, ...]:
    market, seconds, memory = task.market, task.seconds, task.memory_bytes
    return (
        f"{market.exchange} {market.symbol} {market.timeframe}",
        task.strategy,
        None if task.data.days is None else round(task.data.days),
        task.combinations,
        task.windows,
        task.backtests,
        "-" if seconds is None else time_words(seconds.likely),
        "-" if seconds is None else time_words(seconds.high),
        None if memory is None else memory >> 20,
        task.trades,
    )


def _said(output: Output, all_of: Iterable[TaskEstimate], sentences: Iterable[tuple[TaskEstimate, str]]) -> None:
    """Print each sentence once, with the tasks that it is said of; without them where that are all.

    Parameters
    ----------
    all_of : iterable of TaskEstimate
        Of whom a sentence is said without naming them.
    """
    said: dict[str, list[str]] = {}
    for task, sentence in sentences:
        said.setdefault(sentence, []).append(f"{task.market.symbol} {task.market.timeframe} {task.strategy}")
    everybody = len(list(all_of))
    for sentence, names in said.items():
        output.text(sentence if len(names) == everybody else f"{'; '.join(names)}: {sentence}")
