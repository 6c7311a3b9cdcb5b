"""Run a training with progress and write what it found: shared by `train` and `demo`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from assay.cli.output import Advance, Output
    from assay.market import Bars
    from assay.store import Database
    from assay.training import Evidence, Experiment, Progress
    from assay.validation import Ambiguity

TITLES = {
    "search": "searching",
    "walk-forward": "searching again in every window",
    "matrix": "walking forward in other windows",
    "permutations": "searching bars without direction",
    "second opinion": "searching bars whose moves changed places",
}


@dataclass
class StageProgress:
    """Turns a training's progress into one bar per stage of work."""

    output: Output
    prefix: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)
    _stage: str = ""
    _done: int = 0
    _advance: Advance | None = None

    def __call__(self, progress: Progress) -> bool:
        """Show a step; never asks the training to stop."""
        if progress.stage != self._stage:
            self.close()
            self._stage, self._done = progress.stage, 0
            title = self.prefix + TITLES[progress.stage]
            self._advance = self._stack.enter_context(self.output.progress(title, progress.total))
        if self._advance is not None:
            self._advance(progress.done - self._done)
        self._done = progress.done
        return False

    def close(self) -> None:
        """Take the bar away."""
        self._stack.close()
        self._stack = ExitStack()


def run_training(output: Output, experiment: Experiment, bars: Bars, threads: int, prefix: str = "") -> Evidence:
    """Train with progress on stderr."""
    from assay.sources.clean_passes import StoredPasses  # noqa: PLC0415  (commands import when they run)
    from assay.training import train  # noqa: PLC0415

    progress = StageProgress(output, prefix)
    try:
        return train(experiment, bars, progress, threads=threads, passes=StoredPasses())
    finally:
        progress.close()


def check_folder(path: Path, option: str) -> None:
    """Make the folder of results, or refuse it before any work is done for it."""
    import tempfile  # noqa: PLC0415  (commands import when they run)

    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(option, f"must be a folder that can be written to ({error.strerror})", str(path)) from None


def write_results(
    out: Path, evidence: Evidence, inside: Ambiguity | None = None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Path]]:
    """Write the V3 document, the report, trades and equity; return the document, the figures and the paths.

    The document is written last: where it is, the others are complete. `inside` is what finer bars say of ambiguous
    trades.
    """
    from assay.documents import Document  # noqa: PLC0415
    from assay.documents.configuration import configuration  # noqa: PLC0415
    from assay.documents.figures import figures  # noqa: PLC0415
    from assay.engine.tables import equity_columns, trade_columns  # noqa: PLC0415
    from assay.reports import html  # noqa: PLC0415
    from assay.sources import write_table, write_text  # noqa: PLC0415

    document, drawn = configuration(evidence, datetime.now(UTC)), figures(evidence, inside)
    name = Document.of(document).config_id
    paths = {
        "trades": out / f"{name}-trades.csv",
        "equity": out / f"{name}-equity.csv",
        "report": out / f"{name}.html",
        "configuration": out / f"{name}.json",
    }
    run = evidence.walk_forward.run
    write_table(paths["trades"], trade_columns(evidence.bars, run, evidence.walk_forward.window_of_trade))
    write_table(paths["equity"], equity_columns(run))
    write_text(paths["report"], html(document, drawn))
    write_text(paths["configuration"], json.dumps(document, indent=2, allow_nan=False) + "\n")
    return document, drawn, paths


def keep(database: Database, evidence: Evidence, document: dict[str, Any], figures: dict[str, Any]) -> dict[str, Any]:
    """Save a configuration and what was tried for it; return what the ledger holds of these days by now."""
    import getpass  # noqa: PLC0415  (commands import when they run)

    from assay.service.tasks import save_evidence  # noqa: PLC0415
    from assay.store.database import now_ms  # noqa: PLC0415
    from assay.store.ledger import counted  # noqa: PLC0415
    from assay.validation.sharpe import expected_maximum  # noqa: PLC0415

    user, at = getpass.getuser(), now_ms()

    def write(c: sa.Connection) -> dict[str, Any]:
        entry = save_evidence(c, evidence, document, figures, created_ms=at, at_ms=at, user=user, job_id=None)
        tried = counted(c, entry.exchange, entry.symbol, entry.start_ms, entry.stop_ms)
        return {
            "experiments": tried.experiments,
            "combinations": tried.combinations,
            "holdout_openings": tried.openings,
            "expected_maximum": expected_maximum(tried.combinations),
        }

    return database.write(write)
