"""`assay self-check`: recompute the numbers that papers, libraries and hand calculations give."""

from typing import Any

import typer

from assay.cli.output import Column, Output
from assay.validation import reference_values
from assay.validation.sharpe import CONVENTION

FAILED = 1


def self_check(output: Output) -> None:
    """Recompute statistics whose values are published.

    The exit code is 1 when one differs.
    """
    with output.working("computing…"):
        rows = [_row(reference.check()) for reference in reference_values.REFERENCE_VALUES]
    failed = sum(not row["passes"] for row in rows)
    if output.json:
        output.document({"convention": CONVENTION, "anchors": rows, "failed": failed})
    else:
        columns = (
            Column("name", narrow=24),
            Column("computed"),
            Column("expected"),
            Column("tolerance", 2),
            Column("result"),
            Column("source", 1, narrow=24),
        )
        shown = [
            (
                row["name"],
                f"{row['computed']:.10g}",
                f"{row['expected']:.10g}",
                f"{row['tolerance']:.0e}",
                "pass" if row["passes"] else "FAIL",
                row["source"],
            )
            for row in rows
        ]
        output.table("", columns, shown)
        output.text(f"{len(rows) - failed} of {len(rows)} numbers agree. Convention: {CONVENTION}.")
    if failed:
        raise typer.Exit(FAILED)


def _row(checked: reference_values.Checked) -> dict[str, Any]:
    reference = checked.reference
    return {
        "name": reference.name,
        "computed": checked.computed,
        "expected": reference.expected,
        "tolerance": reference.tolerance,
        "passes": checked.passes,
        "source": reference.source,
    }
