from __future__ import annotations

from typing import Any

import pytest

from assay.validation import Holdout
from validation.toys import market


def test_before_the_holdout_there_is_no_later_bar() -> None:
    bars = market(1, 20)
    holdout = Holdout(bars, 300)
    before = holdout.before
    assert len(before) == 300
    assert before.time[-1] == bars.time[299]
    for name, column in vars(before).items():
        if hasattr(column, "__len__") and name != "market":
            assert len(column) == 300
    for derived in ("age", "mark", "day"):
        assert len(getattr(before, derived)) == 300
    assert before.digest != bars.digest
    assert holdout.openings == []


def test_what_was_derived_from_all_bars_does_not_pass_into_what_is_before_it() -> None:
    bars = market(1, 20)
    bars.derived("sum", lambda: float(bars.close.sum()))
    before = Holdout(bars, 300).before
    assert before.derived("sum", lambda: float(before.close.sum())) == float(bars.close[:300].sum())


def test_every_opening_is_recorded() -> None:
    bars = market(1, 20)
    holdout = Holdout(bars, 300)
    assert holdout.open("first") is bars
    assert holdout.open("again") is bars
    assert holdout.openings == ["first", "again"]


def test_columns_are_read_only() -> None:
    before: Any = Holdout(market(1, 20), 300).before
    with pytest.raises(ValueError, match="read-only"):
        before.close[0] = 1.0
