"""What a training and a job of trainings print when they are over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.cli.output import Column, Output
from assay.documents import TrainedDocument
from assay.documents.explained import explained, why_not_promoted
from assay.plurals import plural
from assay.reports.evidence_words import SEARCHED, campaign_line, comparability_line, market_line
from assay.reports.power import usual_sentence
from assay.store.ids import short_ids
from assay.store.schema import JobStatus
from assay.validation.false_discovery import expected_without_edge
from assay.validation.lifecycle import MAX_P

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def tried_sentence(prefix: str, facts: Mapping[str, Any]) -> str:
    """Return what was tried on the same days, in one sentence."""
    return f"{_tried(prefix, facts)}; {_OF_ONE}"


_OF_ONE = "2 would convince where only one was tried."


def _tried(prefix: str, facts: Mapping[str, Any]) -> str:
    return (
        f"{prefix}{facts['experiments']} experiments tried {facts['combinations']:,} combinations on these days. By "
        f"luck alone the best of so many looks {facts['expected_maximum']:.1f} standard errors better than nothing"
    )


JOB_COLUMNS = (
    Column("market", narrow=13),
    Column("strategy", narrow=10),
    Column("stage"),
    Column("Sharpe in sample", 5),
    Column("Sharpe out of sample"),
    Column("trades", 1),
    Column("p", 2),
    Column("p, all tries", 3),
    Column("q", 4),
    Column("id", 1),
)
"""Of each task of a job."""


def show_job(output: Output, document: dict[str, Any], ids: Sequence[str]) -> None:
    """Print one line per task, and why those that have no configuration have none.

    Parameters
    ----------
    ids : sequence of str
        Of all configurations: what is shown of one must be taken as it stands.
    """
    shown = ("in_sample_sharpe_ratio", "sharpe_ratio", "total_trades", "p_value", "p_adjusted", "q_value")
    short = short_ids(ids) if output.is_narrow else {}
    rows = [
        (
            t["market"],
            t["strategy"],
            t.get("stage") or t["status"],
            *map(t.get, shown),
            short.get(t.get("config_id", ""), t.get("config_id") or ""),
        )
        for t in document["tasks"]
    ]
    output.table("", JOB_COLUMNS, rows)
    said: dict[str, list[str]] = {}
    for task in document["tasks"]:
        name, why = f"{task['market']} {task['strategy']}", task["error"] or task.get("why_not_promoted")
        if why:
            said.setdefault(why, []).append(name if task["error"] else f"{name}, {task['stage']}")
    for why, names in said.items():
        output.text(f"{'; '.join(names)}: {why}")
    for task in document["tasks"]:
        show_inside(output, task.get("ambiguity"), f"{task['market']} {task['strategy']}: ")
    tested = sum(t.get("p_value") is not None for t in document["tasks"])
    if tested > 1:
        output.text(
            f"Over all markets: {expected_without_edge(tested)}; q is the share of false finds to expect among "
            "the markets with a q as small (false discovery rate)."
        )
    if tested:
        output.text(f"p, alone and with all tries, is about {SEARCHED}.")
    several = [days for days in document["tried"] if days["experiments"] > 1]
    for i, days in enumerate(several, 1):
        found = _tried(f"{days['market']}: ", days)
        output.text(f"{found}; {_OF_ONE}" if i == len(several) else f"{found}.")
    for one in document["left_out"]:
        output.text(f"{one['market']}: {one['reason']}")
    kept, total = sum(t["status"] == JobStatus.COMPLETED for t in document["tasks"]), len(document["tasks"])
    output.text(f"{kept} of {total} trained and saved in {document['seconds']:.1f} s: assay configurations list")


def show_inside(output: Output, ambiguity: dict[str, Any] | None, prefix: str = "") -> None:
    """Print what finer bars say of ambiguous trades, where there are any of both."""
    if not ambiguity or not ambiguity["trades"] or ambiguity["finer_timeframe"] is None:
        return
    a = ambiguity
    output.text(
        f"{prefix}In {a['trades']} trades the last bar reached both stop and target. By {a['finer_timeframe']} bars "
        f"inside it {a['to_target']} of them reached the target first, {a['to_stop']} the stop: net profit "
        f"{a['resolved_net_profit_pct']:+.2f} % instead of {a['pessimistic_net_profit_pct']:+.2f} % (at best "
        f"{a['optimistic_net_profit_pct']:+.2f} %)."
    )
    if a["note"]:
        output.note(f"note: {prefix}{a['note']}")


def _in_its_unit(name: str, value: float | None) -> float | None:
    return 100.0 * value if name == "win_rate" and value is not None else value


def show(output: Output, document: dict[str, Any]) -> None:
    """Print the verdict: what was promised in sample, what came of it, and what stood in the way."""
    d = TrainedDocument(document)
    context, life, validation, p = d.context, d.lifecycle, d.validation, d.evidence.permutation
    output.text(
        f"{d.strategy} on {context.pair} {context.timeframe} ({context.exchange}), "
        f"{context.from_[:10]} to {context.to[:10]}"
    )
    names = {
        "sharpe_ratio": "Sharpe ratio",
        "net_profit_pct": "net profit %",
        "win_rate": "net win rate %",
        "profit_factor": "profit factor",
        "max_drawdown_pct": "max drawdown %",
        "total_trades": "trades",
    }
    columns = (validation.in_sample, d.measures)
    rows = [(label, *(_in_its_unit(name, found.get(name)) for found in columns)) for name, label in names.items()]
    output.table("", ("", "in sample", "out of sample"), rows)
    output.text(
        f"{plural(d.evidence.search.combinations, 'combination')}, {plural(validation.window_count, 'window')}."
    )
    if validation.matrix is not None:
        profits = [profit for row in validation.matrix.net_profit_pct for profit in row if profit is not None]
        kept = sum(profit > 0 for profit in profits)
        output.text(
            f"With other lengths of train and test windows {kept} of {len(profits)} end with a net profit (it decides "
            "nothing)."
        )
    if p.done:
        early = " (stopped early)" if p.stopped_early else ""
        output.text(
            f"{p.exceedances} of {plural(p.done, 'search')} on bars without direction, made from {SEARCHED}, found as "
            f"much{early}: p = {p.p_value:.3f} (at most {MAX_P:g} is asked for)"
        )
    else:
        output.text("The permutation test was not run: p is unknown.")
    for line in (comparability_line(d), campaign_line(d), market_line(d)):
        if line:
            output.text(line)
    output.text(f"Verdict: {life.current_stage}")
    if d.provenance.leak_checks is not None:
        output.text(d.provenance.leak_checks.sentence)
    if why := why_not_promoted(d):
        output.text(f"Why not promoted: {why}")
    if usual := usual_sentence(d):
        output.text(usual)
    for warning in d.evidence.warnings:
        output.note(f"note: {explained(warning)}")
