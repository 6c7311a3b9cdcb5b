"""From evidence to the section `validation`; the keys are those of `sections.validation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.documents.plain import iso, measures, plain
from assay.validation.walkforward import SEEN_BEFORE, broken_promises, overfitting_flags

if TYPE_CHECKING:
    from assay.training.evidence import Evidence
    from assay.validation import Matrix

SEARCHED_AGAIN = "out of sample: every window was searched on the days before it"


def _windows(e: Evidence) -> list[dict[str, Any]]:
    time = e.bars.time
    rows = []
    for w in e.walk_forward.windows:
        span = w.window
        rows.append(
            {
                "train_from": iso(time[span.train_start]),
                "train_to": iso(time[span.train_stop - 1]),
                "test_from": iso(time[span.test_start]),
                "test_to": iso(time[span.test_stop - 1]),
                "parameters": w.parameters,
                "train_score": plain(w.train_score),
                "train": measures(w.train),
                "test": measures(w.test),
            }
        )
    return rows


def _matrix(matrix: Matrix) -> dict[str, Any]:
    table = {
        "train_days": matrix.train_days,
        "test_days": matrix.test_days,
        "sharpe": matrix.sharpe,
        "net_profit_pct": matrix.net_profit_pct,
        "windows": matrix.windows,
    }
    return {name: plain(values) for name, values in table.items()}


def _holdout(e: Evidence) -> dict[str, Any]:
    s = e.splits
    return {
        "from": iso(e.bars.time[s.holdout_start]) if s.holdout_start < s.stop else None,
        "share": e.experiment.plan.holdout,
        "opened": e.validation.holdout is not None,
        "openings_of_this_run": e.holdout_openings,
        "metrics": measures(e.holdout_measures) if e.holdout_measures else None,
    }


def validation_section(e: Evidence) -> dict[str, Any]:
    """Return how the parameters were tested on days that did not choose them."""
    s, per_day = e.splits, e.bars.market.bars_per_day
    fixed = e.experiment.procedure == "fixed"
    promised = any(w.parameters is not None for w in e.walk_forward.windows)
    flags = (
        overfitting_flags([(w.train, w.test) for w in e.walk_forward.windows])
        if fixed
        else broken_promises(e.walk_forward.measures, promised=promised)
    )
    return {
        "method": "train_test_split" if s.mode == "split" else "walk_forward",
        "mode": s.mode,
        "reoptimised": not fixed,
        "label": SEEN_BEFORE if fixed else SEARCHED_AGAIN,
        "train_window_days": s.train_days,
        "test_window_days": s.test_days,
        "gap_days": s.gap_bars / per_day,
        "window_count": len(s.windows),
        "test_sharpe_ratio": plain(e.walk_forward.measures["sharpe_ratio"]),
        "overfitting_detected": bool(flags),
        "overfitting_flags": list(flags),
        "summary": plain(e.validation.summary),
        "notes": list(s.notes),
        "windows": _windows(e),
        "matrix": None if e.validation.matrix is None else _matrix(e.validation.matrix),
        "in_sample": measures(e.search.in_sample),
        "holdout": _holdout(e),
    }
