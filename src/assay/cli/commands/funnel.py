"""`assay funnel`: where the moments of a pattern are lost on their way to trades."""

from typing import TYPE_CHECKING, Any

from assay.cli import options
from assay.cli.commands.quality import note_quality
from assay.cli.output import Output

if TYPE_CHECKING:
    from assay.engine.funnel import Stage
    from assay.evaluation.funnel import SignalFunnel

BAR_WIDTH = 24
_ALWAYS = ("bars", "valid", "pattern", "sent", "filled")
"""Stages that are shown although nothing is lost there."""


def funnel(
    output: Output,
    file: options.File,
    strategy: options.StrategyName = "LIQUIDITY_SWEEP",
    sets: options.Sets = None,
    days: options.Days = None,
    from_: options.From = None,
    to: options.To = None,
    side: options.Side = "both",
    fee: options.Fee = 0.001,
    slippage: options.Slippage = 0.0005,
    sizing: options.SizingMethod = "risk",
    min_stop_costs: options.MinStopCosts = 0.0,
    timeframe: options.Timeframe = None,
) -> None:
    """Count what passes each condition, and what one step of each threshold would add."""
    from assay.cli.kernels import compile_kernels  # noqa: PLC0415  (commands import when they run)
    from assay.engine import Span  # noqa: PLC0415
    from assay.evaluation import first_signal_bar, signal_funnel  # noqa: PLC0415
    from assay.sources.user_strategy import load_strategy  # noqa: PLC0415

    chosen, sides = load_strategy(strategy), options.check_side(side)
    values = chosen.parameters.complete(options.parse_sets(sets, chosen.parameters))
    bars, start, stop = options.read_span(file, timeframe, days, from_, to)
    warmup = chosen.warmup(values)
    options.check_warmup(bars, start, stop, warmup, chosen.name)
    start = first_signal_bar(bars, start, warmup)
    execution = options.make_execution(bars.market, sides, fee, slippage, sizing, min_stop_costs)
    compile_kernels(output, chosen, bars)
    found = signal_funnel(chosen, bars, values, execution=execution, span=Span(start, stop, warmup))
    note_quality(output, bars)
    if output.json:
        output.document(
            {
                "strategy": chosen.name,
                "parameters": values,
                "market": options.describe_market(bars.market),
                "span": options.describe_span(bars, start, stop),
                "side": sides,
                "costs": options.describe_money(execution.money) | {"min_stop_costs": min_stop_costs},
                "funnel": found.as_dict(),
            }
        )
        return
    described = options.describe_span(bars, start, stop)
    output.text(
        f"{chosen.name} on {bars.market.symbol} {bars.market.timeframe}, {described['from']} to {described['to']}; "
        "a moment is a bar on one side"
    )
    _show(output, found)


def _show(output: Output, found: "SignalFunnel") -> None:
    rows, before, widest = [], None, found.funnel.pattern.passed
    for stage in found.funnel.stages:
        if before is None or stage.passed < before or stage.alone is not None or stage.name in _ALWAYS:
            rows += _rows(stage, before, widest)
        before = stage.passed
    rows += [[f"  {reason}", "", "", n, "", "", "", ""] for reason, n in found.funnel.exits]
    output.table("", ("stage", "long", "short", "both", "lost", "", "alone", "if not asked"), rows)
    if found.relaxed:
        steps = [(r.parameter, r.value, r.looser, f"{r.signals:+,}", f"{r.trades:+,}") for r in found.relaxed]
        output.table("One step looser", ("parameter", "is", "looser", "signals", "trades"), steps)
    output.text(found.sentence)


def _rows(stage: "Stage", before: int | None, widest: int) -> list[list[Any]]:
    """Return the row of a stage and of the parts of its vote; the bar is a share of the pattern's moments."""
    share = 0.0 if not widest or stage.passed > widest else stage.passed / widest
    bar = "█" * max(round(BAR_WIDTH * share), int(share > 0))
    lost = "" if before in (None, stage.passed) else stage.passed - before
    alone, without = ("" if n is None else n for n in (stage.alone, stage.without))
    row = [stage.name, stage.long, stage.short, stage.passed, lost, bar, alone, without]
    return [row, *([f"  {name}", "", "", "", "", "", n, ""] for name, n in stage.parts)]
