from __future__ import annotations

import math
from dataclasses import replace

import pytest

from assay.validation.reference_values import REFERENCE_VALUES, ReferenceValue


@pytest.mark.parametrize("anchor", REFERENCE_VALUES, ids=lambda a: a.name)
def test_every_number_known_from_elsewhere_is_found(anchor: ReferenceValue) -> None:
    checked = anchor.check()
    assert checked.passes, f"{checked.computed!r} is not {anchor.expected!r} ({anchor.source})"


@pytest.mark.parametrize("anchor", REFERENCE_VALUES, ids=lambda a: a.name)
def test_a_difference_beyond_the_tolerance_is_seen(anchor: ReferenceValue) -> None:
    assert not replace(anchor, expected=anchor.expected + 2.1 * anchor.tolerance + 1e-9).check().passes
    assert not replace(anchor, compute=lambda: math.nan).check().passes


def test_names_are_distinct() -> None:
    assert len({a.name for a in REFERENCE_VALUES}) == len(REFERENCE_VALUES)
