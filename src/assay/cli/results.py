"""The files that a training leaves in a folder."""

from __future__ import annotations

import json
import tempfile
from typing import TYPE_CHECKING

from assay.documents import Document
from assay.engine.tables import equity_columns, trade_columns
from assay.errors import InputError
from assay.reports import html
from assay.sources import write_table, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from assay.service.training import Trained


def check_folder(path: Path, name: str) -> None:
    """Make the folder of results, or refuse it before any work is done for it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(name, f"must be a folder that can be written to ({error.strerror})", str(path)) from None


def write_results(folder: Path, trained: Trained) -> dict[str, Path]:
    """Write the V3 document, the report, trades and equity; return the path of each.

    The document is written last: where it is, the others are complete.
    """
    evidence, name = trained.evidence, Document.of(trained.document).config_id
    paths = {
        "trades": folder / f"{name}-trades.csv",
        "equity": folder / f"{name}-equity.csv",
        "report": folder / f"{name}.html",
        "configuration": folder / f"{name}.json",
    }
    run = evidence.walk_forward.run
    write_table(paths["trades"], trade_columns(evidence.bars, run, evidence.walk_forward.window_of_trade))
    write_table(paths["equity"], equity_columns(run))
    write_text(paths["report"], html(trained.document, trained.figures))
    write_text(paths["configuration"], json.dumps(trained.document, indent=2, allow_nan=False) + "\n")
    return paths
