"""The terms of a form: in an address and back, of a saved form, with a cheaper way, and where an error belongs."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.service.training_plan import TrainingPlan
from assay.studio.training.form import PRESET_FEES, preset_names, preset_words
from assay.studio.training.terms import (
    GRID,
    as_number,
    as_text,
    at,
    changed,
    compact,
    expand,
    field_of,
    put,
    readable,
    reason,
    without,
)
from assay.studio.words import as_page

TERMS = {
    "strategies": ["LIQUIDITY_SWEEP"],
    "pairs": ["BTC/USDT", "ETH/USDT"],
    "exchanges": ["binance"],
    "timeframes": ["5m"],
    "historical_period_months": 12,
}
PATHS = [
    ("strategies",),
    ("pairs",),
    ("fee",),
    ("optimization_params", "n_samples"),
    ("validation_params", "gap_period_days"),
]
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_an_address_holds_the_terms(terms: dict[str, object]) -> None:
    packed = compact(terms)
    assert expand(packed) == terms
    assert packed.replace("-", "").replace("_", "").isalnum(), "nothing in it needs an escape"


def test_an_address_is_short() -> None:
    assert len(compact(TERMS)) < 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "nonsense!",
        compact(TERMS)[:-6],
        base64.urlsafe_b64encode(zlib.compress(b"[1]")).decode(),
        base64.urlsafe_b64encode(zlib.compress(json.dumps({"pairs": "x" * 100_000}).encode())).decode(),
        base64.urlsafe_b64encode(zlib.compress(b"[" * 60_000)).decode(),
    ],
    ids=["empty", "letter", "signs", "cut", "list", "too long", "too deep"],
)
def test_an_address_that_was_changed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read from this address"):
        expand(text)


def test_a_saved_form_of_the_api_is_read_as_the_pages_write_it() -> None:
    given = {"strategy": "LIQUIDITY_SWEEP", "optimizationParams": {"nSamples": 9}, "maxRuntime": 60}
    expected = {"strategies": ["LIQUIDITY_SWEEP"], "optimization_params": {"n_samples": 9}, "max_runtime": 60}
    assert readable(given) == expected
    with pytest.raises(InputError, match="is not known here"):
        readable({"pear": 1})


def test_a_cheaper_way_keeps_the_grid_and_takes_what_belongs_to_the_other_method() -> None:
    grid = {"pierce_depth": [0.001, 0.002], "reversal_candles": [1, 2]}
    before = TERMS | {"optimization_method": "grid", "optimization_params": {"parameter_grid": grid}}
    after = changed(before, {"optimizationMethod": "random", "optimizationParams": {"nSamples": 1000}})
    assert after["optimization_params"] == {"n_samples": 1000, "parameter_grid": grid}
    TrainingPlan.from_dict(after)
    half = changed(before, {"optimizationParams": {"parameterGrid": {"pierce_depth": [0.001]}}})
    assert at(half, GRID) == grid | {"pierce_depth": [0.001]}
    assert changed(before, {"evidence": "quick"}) == before | {"evidence": "quick"}


def test_terms_are_put_and_taken_at_their_places() -> None:
    terms: dict[str, object] = {}
    put(terms, ("optimization_params", "n_samples"), 5)
    put(terms, ("seed",), None)
    assert terms == {"optimization_params": {"n_samples": 5}}
    assert at(terms, ("optimization_params", "n_samples")) == 5
    assert at({"optimization_params": 3}, ("optimization_params", "n_samples")) is None
    assert without(terms, [("optimization_params", "n_samples"), ("seed",)]) == {}
    assert terms == {"optimization_params": {"n_samples": 5}}, "the given terms stay"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (None, None),
        (" 500 ", 500),
        ("0.5", 0.5),
        ("1,000", 1000),
        ("1e3", 1000.0),
        ("abc", "abc"),
        ("0.1%", "0.1%"),
    ],
)
def test_a_number_is_read_and_anything_else_left_to_the_plan(text: str | None, value: object) -> None:
    assert as_number(text) == value
    assert type(as_number(text)) is type(value)


def test_a_number_is_shown_as_it_would_be_written() -> None:
    assert [as_text(value) for value in (None, 60.0, 0.0005, 12, "0.1%")] == ["", "60", "0.0005", "12", "0.1%"]


@pytest.mark.parametrize(
    ("terms", "path"),
    [
        ({"pairs": []}, ("pairs",)),
        ({"strategies": []}, ("strategies",)),
        ({"fee": "a lot"}, ("fee",)),
        ({"optimization_method": "random", "optimization_params": {"n_samples": "x"}}, PATHS[3]),
        ({"validation_params": {"gap_period_days": -1}}, PATHS[4]),
        ({"seed": "x"}, None),
    ],
)
def test_an_error_of_the_plan_belongs_to_its_field(terms: dict[str, object], path: tuple[str, ...] | None) -> None:
    with pytest.raises(InputError) as raised:
        TrainingPlan.from_dict(TERMS | terms)
    assert field_of(raised.value, PATHS) == path
    assert not reason(raised.value).startswith(raised.value.field)


def test_presets_are_named_with_their_fee_and_say_where_it_comes_from() -> None:
    assert set(preset_names()) == {"own", *PRESET_FEES}
    assert preset_names()["kraken taker"] == "Kraken taker, 0.4 %"
    assert "kraken.com" in preset_words("kraken taker")
    assert "as a taker's" in preset_words("binance maker")
    assert preset_words("own") == ""


@pytest.mark.parametrize(
    "sentence",
    [
        "--method random --samples 1000 draws 1,000 of the 18,432 combinations: about 2 minutes instead of 9 minutes.",
        "--evidence quick, a first look with 39 permutations and without the statistics",
        "draw 1,000 of them with --method random --samples 1000, or look at all of them with assay sweep --stream.",
        "is not stored. assay data import, or without --offline",
        "No bars are stored for this span; POST /api/bars/upload stores the bars of a file",
        "or say allowBadData (recorded)",
        "there is none with this id, got 'nope'. assay train --resume takes up the last one",
        "is not stored; stored are 5m. Give --timeframe 5m",
        "61.1 % are valid. See `assay quality`; choose a more liquid market, or pass --allow-bad-data (recorded)",
    ],
)
def test_a_sentence_of_the_command_line_is_said_without_options(sentence: str) -> None:
    said = as_page(sentence)
    assert "--" not in said
    assert "assay " not in said
    assert "/api/" not in said
    assert "allowBadData" not in said
