"""`assay funnel`: where the moments of a pattern are lost on their way to trades."""

from typing import Any

from assay.cli.output import Column, Output
from assay.cli.prelude import PointOptions, note_gate, prepare_point
from assay.documents.explained import explained
from assay.engine.funnel import Stage
from assay.evaluation import SignalFunnel, signal_funnel

BAR_WIDTH = 24
_ALWAYS = ("bars", "valid", "pattern", "sent", "filled")
"""Stages that are shown although nothing is lost there."""


def funnel(output: Output, given: PointOptions) -> None:
    """Show which condition of a strategy costs most signals.

    And what loosening each threshold by a step adds.
    """
    point = prepare_point(output, given)
    found = signal_funnel(point.strategy, point.bars, point.values, execution=point.execution, span=point.signal_bars)
    note_gate(output, point.bars)
    document = point.document() | {"funnel": found.as_dict()}
    if output.json:
        output.document(document)
        return
    market, span = point.bars.market, document["span"]
    output.text(
        f"{point.strategy.name} on {market.symbol} {market.timeframe}, {span['from']} to {span['to']}; "
        "a moment is one bar on one side (long or short)"
    )
    _show(output, found)


def _show(output: Output, found: SignalFunnel) -> None:
    rows, before, widest = [], None, found.funnel.pattern.passed
    for stage in found.funnel.stages:
        if before is None or stage.passed < before or stage.alone is not None or stage.name in _ALWAYS:
            rows += _rows(stage, before, widest)
        before = stage.passed
    rows += [[f"  {reason}", "", "", n, "", "", "", ""] for reason, n in found.funnel.exits]
    columns = (
        Column("stage", narrow=24),
        Column("long", 3),
        Column("short", 3),
        Column("both"),
        Column("lost", 2),
        Column("share of the pattern", 4, name="bar"),
        Column("alone", 1),
        Column("without it", 1),
    )
    output.table("", columns, rows)
    output.text(
        "alone: moments of the pattern that meet this condition, whatever the others say; without it: moments that "
        "would be won if it were dropped; sent: orders of the signals that are left, one position at a time."
    )
    output.text("")
    steps = [
        (r.parameter, r.value, r.looser, f"{r.signals:+,}", f"{r.trades:+,}")
        for r in found.relaxed
        if r.signals or r.trades
    ]
    if steps:
        heads = (Column("parameter", narrow=24), "is", "looser", "signals", "trades")
        output.table("One step looser", heads, steps)
    output.text(explained(found.sentence))


def _rows(stage: Stage, before: int | None, widest: int) -> list[list[Any]]:
    """Return the row of a stage and of the parts of its vote; the bar is a share of the pattern's moments."""
    share = 0.0 if not widest or stage.passed > widest else stage.passed / widest
    bar = "█" * max(round(BAR_WIDTH * share), int(share > 0))
    lost = "" if before in (None, stage.passed) else stage.passed - before
    alone, without = ("" if n is None else n for n in (stage.alone, stage.without))
    row = [explained(stage.name), stage.long, stage.short, stage.passed, lost, bar, alone, without]
    return [row, *([f"  {name}", "", "", "", "", "", n, ""] for name, n in stage.parts)]
