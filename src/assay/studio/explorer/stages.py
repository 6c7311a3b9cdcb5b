"""The stages of a funnel in a table that is drawn once and updated in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from assay.documents.explained import explained as in_words
from assay.service.funnels import lost_at
from assay.studio.explorer.describing import readable, shown
from assay.studio.tables import Column, PlainTable, plain_table
from assay.studio.values import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.engine.funnel import Funnel, Stage
    from assay.evaluation import SignalFunnel
    from assay.evaluation.funnel import Relaxed

ALWAYS = ("bars", "valid", "pattern", "sent", "filled")
"""Stages that are shown although nothing is lost there."""

STAGE_COLUMNS = (
    Column("Stage", note="A moment is one bar on one side. Each stage has the moments that pass it and all before it."),
    Column("Long", is_number=True),
    Column("Short", is_number=True),
    Column("Left", is_number=True, note="Moments left on both sides."),
    Column("Share of the pattern"),
    Column("Lost", is_number=True, note="Moments that the stage takes away."),
    Column("Alone", is_number=True, note="Moments of the pattern that meet this condition, whatever the others say."),
    Column("Without it", is_number=True, note="How many more would be signals, were this condition not asked."),
)

STEP_COLUMNS = (
    Column("One step looser", note="A looser threshold is another configuration, to be proven: train again."),
    Column("Is", is_number=True),
    Column("Looser", is_number=True),
    Column("Signals", is_number=True, note="How many more signals that would give."),
    Column("Trades", is_number=True, note="Trades can fall: each blocks those that come while it is open."),
    Column("Take it"),
)


class StageTable:
    """Where the moments of a pattern are lost."""

    def __init__(self) -> None:
        self._lines: list[StageLine] = []
        with plain_table(STAGE_COLUMNS) as self._table:
            pass
        with ui.element("div").classes("under"):
            self._exits = ui.label().classes("muted")

    def show(self, funnel: Funnel) -> None:
        """Show a funnel."""
        stages, lost = funnel.stages, lost_at(funnel)
        widest = max(funnel.pattern.passed, 1)
        while len(self._lines) < len(stages):
            with self._table.body:
                self._lines.append(StageLine(self._table))
        for line, stage, gone in zip(self._lines, stages, lost, strict=True):
            line.show(stage, gone, widest)
        ends = ", ".join(f"{reason.lower().replace('_', ' ')} {count(n)}" for reason, n in funnel.exits)
        self._exits.set_text(f"The trades ended by: {ends}" if ends else "No trade came of it.")


class StageLine:
    """One stage."""

    def __init__(self, table: PlainTable) -> None:
        with table.row() as self._row:
            with table.cell():
                self._name = ui.label()
                self._parts = ui.label().classes("muted parts")
            self._long, self._short, self._left = (table.text("") for _ in range(3))
            with table.cell(), ui.element("div").classes("share"):
                self._share = ui.element("span")
            self._lost, self._alone, self._without = (table.text("") for _ in range(3))

    def show(self, stage: Stage, lost: int, widest: int) -> None:
        """Show what is left after it."""
        self._row.set_visibility(bool(lost) or stage.alone is not None or stage.name in ALWAYS)
        self._name.set_text(readable(in_words(stage.name)))
        self._parts.set_text("\n".join(f"{readable(name)}: {count(n)}" for name, n in stage.parts))
        self._parts.set_visibility(bool(stage.parts))
        for label, value in ((self._long, stage.long), (self._short, stage.short), (self._left, stage.passed)):
            label.set_text(count(value))
        share = stage.passed / widest
        self._share.style(f"width: {100 * share:.2f}%" if share <= 1 else "width: 0")
        self._lost.set_text(count(-lost) if lost else "")
        for label, known in ((self._alone, stage.alone), (self._without, stage.without)):
            label.set_text("" if known is None else count(known))


class StepTable:
    """What a step of each threshold would add.

    Parameters
    ----------
    on_take : callable
        Called with a step that somebody wants to take.
    """

    def __init__(self, on_take: Callable[[Relaxed], None]) -> None:
        self._on_take = on_take
        self._lines: list[StepLine] = []
        with plain_table(STEP_COLUMNS) as self._table:
            pass

    def show(self, funnel: SignalFunnel) -> None:
        """Show the steps of a funnel."""
        while len(self._lines) < len(funnel.relaxed):
            with self._table.body:
                self._lines.append(StepLine(self._table, self._on_take))
        for i, line in enumerate(self._lines):
            step = funnel.relaxed[i] if i < len(funnel.relaxed) else None
            line.show(step, binds=step is not None and step == funnel.binding)


class StepLine:
    """One step."""

    def __init__(self, table: PlainTable, on_take: Callable[[Relaxed], None]) -> None:
        self._step: Relaxed | None = None
        with table.row() as self._row:
            with table.cell(), ui.element("div").classes("row"):
                self._name = ui.label().classes("mono")
                self._binds = ui.label("binds").classes("tag warn")
            self._is, self._looser, self._signals, self._trades = (table.text("") for _ in range(4))
            with table.cell():
                self._take = ui.button("Take", on_click=lambda: self._step and on_take(self._step))
                self._take.props("flat dense").classes("small")

    def show(self, step: Relaxed | None, *, binds: bool) -> None:
        """Show a step; none where there are fewer than before."""
        self._step = step
        self._row.set_visibility(step is not None)
        if step is None:
            return
        self._name.set_text(step.parameter)
        self._binds.set_visibility(binds)
        self._is.set_text(shown(step.value))
        self._looser.set_text(shown(step.looser))
        self._signals.set_text(f"{step.signals:+,d}")
        self._trades.set_text(f"{step.trades:+,d}")
        self._take.props["aria-label"] = f"Take {step.parameter} {shown(step.looser)}"
