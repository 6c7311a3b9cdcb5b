"""Fractions in every way that people write them, and costs that nobody can have meant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine import Costs, Execution
from assay.errors import InputError, ParameterError
from assay.fractions import has_unit, parse_fraction, percent
from assay.parameters import Parameter, Parameters
from assay.search import parse_space

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.001", 0.001), ("1e-3", 0.001), ("0.1%", 0.001), ("0.1 %", 0.001), ("10bps", 0.001), (" 10 BPS ", 0.001),
        ("1bp", 0.0001), (".5%", 0.005), ("0.07%", 0.0007), ("5.bps", 0.0005), ("0", 0.0), ("-0%", 0.0), (1, 1.0),
    ],
)  # fmt: skip
def test_one_number_in_many_forms(text: str | float, value: float) -> None:
    assert repr(parse_fraction("fee", text)) == repr(value)


@pytest.mark.parametrize("given", ["", "%", "0,1%", "ten", "nan", "inf", "1e999", "0.1%%", "10bpm", None, True, [0.1]])
def test_what_is_no_fraction_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match=r"^fee: must be a .*number.* such as 0\.001, 0\.1% or 10bps"):
        parse_fraction("fee", given)


@given(st.just(0.0) | st.floats(1e-6, 0.49))
def test_percent_come_back_as_the_same_float(value: float) -> None:
    assert parse_fraction("fee", percent(value)) == value
    assert has_unit(percent(value))
    assert not has_unit(str(value))


@pytest.mark.parametrize("fee", [0.01, 0.1, "0.1", "0.010"])
def test_one_percent_or_more_is_taken_only_with_its_unit(fee: Any) -> None:
    """A tenth of a percent that was written as 0.1 would be a hundred times as dear."""
    makers: list[Callable[[], Costs]] = [lambda: Costs.of(fee), lambda: Costs.of(0.0, fee), lambda: Costs(float(fee))]
    for make in makers:
        with pytest.raises(InputError, match="of 1 % or more a side is taken only with its unit"):
            make()
    meant = Costs.of(percent(float(fee)), "0%")
    assert meant == Costs(float(fee), 0.0, allow_high=True)
    for kept in (
        replace(meant, tick=0.5),
        meant.times(1.5),
        Execution.from_terms(Execution(costs=meant).terms()).costs,
    ):
        assert kept.fee >= 0.01


@pytest.mark.parametrize("fee", [-0.1, "-1%", 0.5, "50%", 10, "1000bps0", float("nan"), float("inf")])
def test_costs_beyond_all_measure_are_refused_with_and_without_a_unit(fee: Any) -> None:
    with pytest.raises(InputError, match=r"^fee: must be a"):
        Costs.of(fee)


def test_only_texts_are_for_the_other_way_to_make_costs() -> None:
    with pytest.raises(InputError, match=r"Costs\.of takes texts such as 10bps"):
        Costs("10bps")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="min_stop_costs: must be finite"):
        Execution(min_stop_costs=float("inf"))


def test_parameters_that_are_fractions_are_read_in_percent() -> None:
    """And no others: 2 % of an ATR would be a riddle."""
    parameters = Parameters(
        Parameter(name="depth", default=0.002, low=0.001, high=0.01, unit="fraction of the level", doc=""),
        Parameter(name="stop", default=2.0, low=1.0, high=3.0, unit="ATR", doc=""),
    )
    assert parameters.complete({"depth": "0.5%"})["depth"] == 0.005
    space = parse_space({"depth": {"low": "0.1%", "high": "50bps", "step": "0.2%"}}, parameters)
    assert space.values["depth"] == (0.001, 0.003, 0.005)
    for wrong in ({"depth": "5%"}, {"depth": "0.005"}, {"stop": "200%"}):
        with pytest.raises(ParameterError):
            parameters.complete(wrong)
