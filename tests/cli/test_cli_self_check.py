"""`assay self-check` recomputes the known numbers and fails when one differs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from assay.validation import reference_values

if TYPE_CHECKING:
    import pytest

    from cli.conftest import Assay


def test_all_known_numbers_agree(assay: Assay) -> None:
    ran = assay("self-check", "--json")
    assert ran.code == 0
    rows = ran.document["anchors"]
    assert [row["name"] for row in rows] == [a.name for a in reference_values.REFERENCE_VALUES]
    assert all(row["passes"] for row in rows)
    assert ran.document["failed"] == 0
    assert "2012" in ran.document["convention"]


def test_a_number_that_differs_fails(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    right = reference_values.REFERENCE_VALUES[0]
    wrong = replace(right, name="wrong on purpose", expected=0.5)
    monkeypatch.setattr(reference_values, "REFERENCE_VALUES", (right, wrong))
    ran = assay("self-check")
    assert ran.code == 1
    assert "1 of 2 numbers agree" in ran.out
    lines = [line for line in ran.out.splitlines() if "wrong on purpose" in line]
    assert "FAIL" in lines[0]
    assert "0.5" in lines[0]
    assert assay("self-check", "--json").document["failed"] == 1
