"""The workers: where they run, what they do, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from assay.store.database import now_ms
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.panels import empty
from assay.studio.tables import Column, PlainTable, plain_table
from assay.studio.values import duration, moment, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.api.models.training import WorkerBody

MOST_ROWS = 30
MOST_ENDED = 3
JUST_S, MINUTE_S, HOUR_S = 10, 60, 3_600

COLUMNS = (
    Column("Worker", note="Host and number of the process."),
    Column("Alive", note="Heard of within the last 30 s."),
    Column("Works on"),
    Column("Memory", is_number=True, note="What it may use."),
    Column("Since", note="UTC."),
    Column("Seen", is_number=True),
)


class Workers:
    """The workers of the last day, those that are alive first; each drawn once."""

    def __init__(self) -> None:
        self._rows: dict[str, WorkerRow] = {}
        with plain_table(COLUMNS) as self._table:
            pass
        self._more = ui.label("").classes("muted small pad")
        self._nothing = empty(
            "No worker is there",
            "Jobs wait until one comes. assay studio starts its own; assay worker starts one on any machine that "
            "reaches the database.",
        )

    def show(self, workers: Sequence[WorkerBody]) -> None:
        """Show what the workers do."""
        alive = [one for one in workers if one.is_alive]
        ordered = [*alive, *(one for one in workers if not one.is_alive)]
        shown = ordered[: min(len(alive) + MOST_ENDED, MOST_ROWS)]
        for gone in set(self._rows) - {one.id for one in shown}:
            self._rows.pop(gone).element.delete()
        for place, one in enumerate(shown):
            if one.id not in self._rows:
                with self._table.body:
                    self._rows[one.id] = WorkerRow(self._table, one)
                if place < len(self._rows) - 1:
                    self._rows[one.id].element.move(target_index=place)
            self._rows[one.id].show(one)
        self._nothing.set_visibility(not alive)
        left = len(ordered) - len(shown)
        self._more.set_text(f"and {left} more of the last day" if left else "")


class WorkerRow:
    """A worker, drawn once."""

    def __init__(self, table: PlainTable, worker: WorkerBody) -> None:
        with table.row() as self.element:
            table.text(f"{worker.host}:{worker.process}").tooltip(f"Version {worker.version}")
            self._alive = table.text("")
            with table.cell():
                self._work = ui.link("", "").classes("hidden")
                self._note = ui.label("").classes("muted")
            table.text("no limit" if worker.memory_limit is None else size(worker.memory_limit))
            table.text(moment(worker.started_at), tone="muted")
            self._seen = table.text("")

    def show(self, worker: WorkerBody) -> None:
        """Show what the worker does."""
        self._alive.set_text("\N{CHECK MARK} alive" if worker.is_alive else "\N{EN DASH} ended")
        works = worker.is_alive and worker.job is not None
        if works:
            self._work.set_text(f"task {worker.task} of job {str(worker.job)[:8]}")
            self._work.props["href"] = address(addresses.JOBS, job=worker.job)
        self._work.classes(add="" if works else "hidden", remove="hidden" if works else "")
        waits = "waits for tasks" if worker.is_alive and worker.job is None else ""
        self._note.set_text(worker.note or waits)
        self._seen.set_text(seen_words(worker.seen_at, now_ms()))


def seen_words(seen_ms: int, now: int) -> str:
    """Return how long ago something was seen."""
    seconds = max(now - seen_ms, 0) / 1000
    if seconds < JUST_S:
        return "just now"
    unit = 10 if seconds < MINUTE_S else MINUTE_S if seconds < HOUR_S else HOUR_S
    return f"{duration(seconds // unit * unit)} ago"
