"""Counts in sentences."""

from __future__ import annotations

from assay.plurals import plural


def test_one_is_no_plural() -> None:
    assert [plural(1, "set"), plural(0, "set"), plural(2, "entry"), plural(3, "day")] == [
        "1 set",
        "0 sets",
        "2 entries",
        "3 days",
    ]
    assert plural(1_200, "search") == "1,200 searches"
