"""Spans of signal bars and values of parameters as a user writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.cli import options
from assay.errors import AssayError, InputError
from assay.market import Bars, Market, Timeframe
from assay.parameters import Parameter, Parameters
from assay.service.spaces import read_space

if TYPE_CHECKING:
    from pathlib import Path

    from assay.service.spans import SpanTerms

HOUR = 3_600_000
T0 = 1_704_088_800_000  # 2024-01-01T06:00Z
N = 240


def terms(days: float | None, from_: str | None, to: str | None) -> SpanTerms:
    return options.StrategyOptions(days=days, from_=from_, to=to).span


@pytest.fixture(scope="module")
def hourly() -> Bars:
    """Ten days of hourly bars from 06:00."""
    price = np.full(N, 10.0)
    market = Market("test", "A/B", Timeframe(HOUR))
    return Bars.from_columns(market, T0 + HOUR * np.arange(N), price, price + 1, price - 1, price, price)


@pytest.mark.parametrize(
    ("days", "from_", "to", "span"),
    [
        (None, None, None, (0, 240)),
        (10, None, None, (0, 240)),
        (1, None, None, (216, 240)),
        (0.5, None, None, (228, 240)),
        (None, "2024-01-02", None, (18, 240)),
        (None, "2024-01-01", None, (0, 240)),
        (None, None, "2024-01-02", (0, 18)),
        (None, None, "2024-01-12", (0, 240)),
        (None, "2024-01-02T01:00", "2024-01-02T03:00Z", (19, 21)),
        (None, "2024-01-02T03:00+02:00", "2024-01-02T02:30", (19, 21)),
        (2, "2024-01-03", None, (42, 90)),
        (2, None, "2024-01-05", (42, 90)),
    ],
)
def test_spans(hourly: Bars, days: float | None, from_: str | None, to: str | None, span: tuple[int, int]) -> None:
    assert terms(days, from_, to).on(hourly) == span


@pytest.mark.parametrize(
    ("days", "from_", "to", "field", "words"),
    [
        (0, None, None, "--days", "positive"),
        (-3, None, None, "--days", "positive"),
        (float("nan"), None, None, "--days", "positive"),
        (10.1, None, None, "--days", "10 days"),
        (None, "2024-01-05", "2024-01-04", "--from and --to", "in order"),
        (None, "2024-01-05", "2024-01-05", "--from and --to", "in order"),
        (None, "2023-12-31", None, "--from", "2024-01-01T06:00:00Z to 2024-01-11T06:00:00Z"),
        (None, "2024-02-01", None, "--from", "within the data"),
        (None, None, "2024-01-01", "--to", "within the data"),
        (None, None, "2025-01-01", "--to", "within the data"),
        (None, "yesterday", None, "--from", "2024-01-31"),
        (1, "2024-01-02", "2024-01-03", "--days", "combined"),
        (5, "2024-01-10", None, "--days", "beyond"),
        (5, None, "2024-01-02", "--days", "beyond"),
        (None, "2024-01-02T01:10", "2024-01-02T01:20", "--from and --to", "at least one bar"),
    ],
)
def test_spans_that_are_refused(
    hourly: Bars, days: float | None, from_: str | None, to: str | None, field: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        terms(days, from_, to).on(hourly)
    assert caught.value.field == field
    assert words in str(caught.value)


PARAMETERS = Parameters(
    Parameter(name="width", default=1.0, low=0.5, high=2.0, doc=""),
    Parameter(name="count", default=3, low=1, high=9, doc=""),
    Parameter(name="mode", default="fast", choices=("fast", "slow"), doc=""),
    Parameter(name="filtered", default=True, choices=(True, False), doc=""),
    aliases={"breadth": "width"},
    refused={"spread": "needs quotes"},
)


def test_values_take_the_kind_of_their_parameter() -> None:
    texts = ["breadth=2", "count = 4.0", "mode=slow", "filtered=False"]
    assert options.parse_sets(texts, PARAMETERS) == {"width": 2.0, "count": 4, "mode": "slow", "filtered": False}
    assert options.parse_sets(None, PARAMETERS) == {}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["widht=1"], "Did you mean 'width'?"),
        (["width"], "name=value"),
        (["width="], "name=value"),
        (["width=1", "breadth=2"], "twice"),
        (["width=7"], r"\[0.5, 2\]"),
        (["width=nan"], "finite"),
        (["width=wide"], "must be a number"),
        (["count=1.5"], "whole number"),
        (["mode=medium"], "one of"),
        (["spread=1"], "needs quotes"),
    ],
)
def test_values_that_are_refused(texts: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        options.parse_sets(texts, PARAMETERS)


def test_sides_and_threads() -> None:
    assert options.check_side("Long") == "long"
    assert options.check_threads(3) == 3
    assert options.check_threads(None) >= 1
    with pytest.raises(InputError, match="must be one of both, long, short"):
        options.check_side("up")
    with pytest.raises(InputError, match="at least 1"):
        options.check_threads(0)


@pytest.mark.parametrize("name", ["t.txt", "missing/t.csv", "folder.csv"])
def test_tables_that_could_not_be_written_are_refused_before(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="--out"):
        options.check_table(tmp_path / name, "--out")
    options.check_table(tmp_path / "t.csv.gz", "--out")
    options.check_table(None, "--out")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[space", "is not TOML"),
        ("[other]\na = 1", "table \\[space\\]"),
        ("[space]", "at least one"),
        ("seed = 1\n[space]\na = 1", "nothing but"),
    ],
)
def test_spaces_that_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "space.toml"
    path.write_text(text)
    with pytest.raises(AssayError, match=words):
        read_space(path)


def test_a_space_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_space(tmp_path / "space.toml")
