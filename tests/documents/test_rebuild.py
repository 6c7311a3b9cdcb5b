"""From a document back to its experiment, and the proof that it gives the same bytes."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.documents import TrainedDocument, read, rebuild
from assay.documents.configuration import configuration
from assay.documents.rebuild import bars_for, differences, experiment_from, verify
from assay.documents.schema import sealed
from assay.engine import Execution
from assay.errors import GateError, InputError
from assay.evaluation import NO_PROCESS
from assay.market import Bars, Market, Timeframe
from assay.search import parse_space
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment, train
from assay.training.experiment import LATER_TERMS
from assay.training.procedure import PROCEDURE_VERSION
from store.documents import BARS, CREATED, evidence, experiment, trained
from validation.toys import SameProcess, Spike

POINT = parse_space({"hold": [3], "volume": [3.0]}, Spike.parameters)


def changed(column: str, row: int) -> Bars:
    values = getattr(BARS, column).copy()
    values[row] *= 1.0000001
    return replace(BARS, **{column: values})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"space": parse_space({"volume": (1.5, 5.0), "hold": (2, 9), "target": (1.0, 3.0, 0.5)}, Spike.parameters)},
        {"method": "random", "budget": 7},
        {"method": "gp"},
        {"objective": "net_profit", "seed": 7, "permutations": 0, "execution": Execution(min_stop_costs=2.0)},
        {"start_ms": int(BARS.time[50]), "stop_ms": int(BARS.time[-9]), "allow_bad_data": True},
        {"space": POINT, "procedure": "fixed"},
    ],
)
def test_an_experiment_comes_back_from_its_document(fields: dict[str, Any]) -> None:
    wanted = experiment(**fields)
    document = trained()
    document["provenance"]["experiment"] = json.loads(json.dumps(wanted.canonical(BARS)))
    found = experiment_from(document, Spike())
    assert found.digest(BARS) == wanted.digest(BARS)
    assert found.grid_space == wanted.grid_space


def test_a_document_is_what_its_experiment_gives() -> None:
    found = verify(trained(), Spike(), bars_for(trained(), BARS, "here"))
    assert (found.equal, found.differences) == (True, ())
    later = configuration(evidence(), datetime(2027, 1, 1, tzinfo=UTC))
    assert later["configId"] != trained()["configId"]
    assert verify(later, Spike(), BARS).equal


def test_a_users_strategy_says_what_it_was_asked() -> None:
    """A document is verified as it was trained: with a fresh process, or without one."""
    without = TrainedDocument(trained()).provenance.leak_checks
    assert without is not None
    assert (without.asked_in_fresh_process, without.not_in_fresh_process) == (False, NO_PROCESS)
    assert without.checks[-1] == "search"
    assert without.sentence.endswith(f"in a fresh process: no, {NO_PROCESS}).")
    assert verify(trained(), Spike(), BARS, fresh_process=SameProcess()).equal
    document = configuration(train(experiment(), BARS, fresh_process=SameProcess()), CREATED)
    asked = TrainedDocument(document).provenance.leak_checks
    assert asked is not None
    assert asked.checks == (*without.checks, "process")
    assert asked.sentence.endswith("in a fresh process: yes).")
    assert verify(document, Spike(), BARS, fresh_process=SameProcess()).equal
    fields = {d.field for d in verify(document, Spike(), BARS).differences}
    assert "provenance.leak_checks.asked_in_fresh_process" in fields


def test_one_that_ships_says_nothing_of_it() -> None:
    shipped = Experiment(LiquiditySweep(), plan=experiment().plan, permutations=0)
    document = configuration(train(shipped, BARS, fresh_process=SameProcess()), CREATED)
    assert "leak_checks" not in document["provenance"]
    assert not [gate for gate in document["lifecycle"]["gates"] if "fresh process" in gate["name"]]


def test_a_lower_stage_that_was_asked_for_is_given_again() -> None:
    low = configuration(evidence(), CREATED, requested="PAPER")
    assert (low["lifecycle"]["current_stage"], low["lifecycle"]["requested_stage"]) == ("PAPER", "PAPER")
    assert verify(low, Spike(), BARS, threads=2).equal


def test_fixed_parameters_are_replayed_and_never_believed() -> None:
    fixed = experiment(space=POINT, procedure="fixed", permutations=39)
    document = configuration(train(fixed, BARS), CREATED)
    assert document["parameters"]["hold"] == 3
    assert document["validation"]["label"].startswith("not out of sample")
    assert document["validation"]["reoptimised"] is False
    assert {w["parameters"]["hold"] for w in document["validation"]["windows"]} == {3}
    assert document["evidence"]["permutation"]["done"] == 0
    assert document["lifecycle"]["current_stage"] == "PAPER"
    assert verify(document, Spike(), BARS).equal
    assert experiment(space=POINT).digest(BARS) != replace(fixed, permutations=3).digest(BARS)
    with pytest.raises(InputError, match="a single point"):
        experiment(procedure="fixed")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metrics.sharpe_ratio", 99.0),
        ("parameters.hold", 6.0),
        ("evidence.search.distribution.counts.3", -1),
        ("circuit_breakers.daily_trade_limit", 6),
        ("context.regime", "bear"),
    ],
)
def test_a_field_that_was_changed_is_named(path: str, value: Any) -> None:
    document = copy.deepcopy(trained())
    *parents, name = path.split(".")
    at: Any = document
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at[part]
    at[int(name) if isinstance(at, list) else name] = value
    found = verify(document, Spike(), BARS)
    assert not found.equal
    assert [d.field for d in found.differences] == [path]
    assert found.differences[0].stored == value


@pytest.mark.parametrize("path", ["provenance.engine_hash", "provenance.code_version"])
def test_other_code_alone_is_no_difference(path: str) -> None:
    document = trained()
    document["provenance"][path.split(".")[1]] = "other"
    found = verify(document, Spike(), BARS)
    assert (found.equal, found.differences, found.other_code) == (True, (), True)
    document["metrics"]["sharpe_ratio"] = 9.9
    found = verify(document, Spike(), BARS)
    assert (found.equal, [d.field for d in found.differences], found.other_code) == (
        False,
        ["metrics.sharpe_ratio"],
        True,
    )


def test_another_version_of_the_code_gives_the_experiment_another_digest() -> None:
    document = trained()
    provenance = document["provenance"]
    provenance["experiment"]["code_version"] = provenance["code_version"] = "0.0.9"
    provenance["experiment_digest"] = "0" * 64
    document["configId"] = document["configId"][:-6] + "000000"
    found = verify(document, Spike(), BARS)
    assert (found.equal, found.other_code) == (True, True)
    provenance["experiment"]["code_version"] = trained()["provenance"]["code_version"]
    found = verify(document, Spike(), BARS)
    assert [d.field for d in found.differences] == ["configId", "provenance.experiment_digest"]


def test_a_document_of_an_earlier_procedure_loads_and_is_not_verified() -> None:
    document = trained()
    document["provenance"]["experiment"]["procedure_version"] = PROCEDURE_VERSION - 1
    found = read(sealed(document))
    assert isinstance(found, TrainedDocument)
    assert found.provenance.experiment.procedure_version == PROCEDURE_VERSION - 1
    with pytest.raises(GateError, match=r"_V3_.* was made by the earlier procedure: train again"):
        verify(document, Spike(), BARS)


@dataclass(frozen=True)
class WithOption(Experiment):
    """An experiment of a later release, which has an option more."""

    patience: int = 3


def test_a_new_option_leaves_stored_documents_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """They load and verify, and no digest moves; only another value than the default is another experiment."""
    stored, digest = trained(), experiment().digest(BARS)
    monkeypatch.setitem(LATER_TERMS, "patience", 3)
    monkeypatch.setattr(rebuild, "Experiment", WithOption)
    found = experiment_from(stored, Spike())
    assert isinstance(found, WithOption)
    assert (found.patience, found.digest(BARS)) == (3, digest)
    assert read(sealed(stored)).config_id == stored["configId"]
    checked = verify(stored, Spike(), BARS)
    assert (checked.equal, checked.differences, checked.other_code) == (True, (), False)

    other = replace(found, patience=4)
    assert other.digest(BARS) != digest
    again = WithOption.from_canonical(json.loads(json.dumps(other.canonical(BARS))), Spike())
    assert isinstance(again, WithOption)
    assert (again.patience, again.digest(BARS)) == (4, other.digest(BARS))


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=2), inside, max_size=3),
    max_leaves=8,
)


@given(a=TREES, b=TREES)
def test_differences_are_found_where_bytes_differ(a: Any, b: Any) -> None:
    assert not differences(a, copy.deepcopy(a))
    told = [json.dumps(v, sort_keys=True) for v in (a, b)]
    if told[0] != told[1] and None not in (a, b) and not missing(a, b):
        assert differences(a, b)
    if differences(a, b):
        assert told[0] != told[1]


def missing(a: Any, b: Any) -> bool:
    """Whether the trees differ by a None that stands for a missing entry."""
    return "null" in json.dumps([a, b])


def test_other_bars_are_refused_saying_how() -> None:
    document = trained()
    for column, row in (("close", 5), ("volume", 2000), ("open", -1)):
        with pytest.raises(GateError, match=r"all 3,120 bars of that span are there, but prices, volumes or gaps"):
            bars_for(document, changed(column, row), "here")
    with pytest.raises(GateError, match=r"from there: it holds 3,000 of the 3,120 bars"):
        bars_for(document, BARS.head(3000), "there")
    coarse = replace(BARS, market=replace(BARS.market, timeframe=Timeframe.parse("4h")))
    with pytest.raises(GateError, match="its bars are of 4h, not 1h"):
        bars_for(document, coarse, "here")


def test_more_history_on_both_sides_and_another_name_change_nothing() -> None:
    step = BARS.market.timeframe.ms
    n, more = len(BARS), 30
    time = np.arange(int(BARS.time[0]) - more * step, int(BARS.time[-1]) + (more + 1) * step, step)
    columns = {c: np.pad(getattr(BARS, c), more, mode="edge") for c in ("open", "high", "low", "close", "volume")}
    wider = Bars.from_columns(Market("other", "X/Y", BARS.market.timeframe), time, **columns)
    found = bars_for(trained(), wider, "here")
    assert (len(found), found.digest, found.market) == (n, BARS.digest, BARS.market)


def test_another_strategy_or_other_code_is_refused() -> None:
    with pytest.raises(InputError, match="must be the one of the experiment, SPIKE"):
        experiment_from(trained(), LiquiditySweep())

    class Other(Spike):
        name: ClassVar[str] = "SPIKE"

        def warmup(self, shape: Any) -> int:
            return int(shape["memory"]) + 1

    with pytest.raises(InputError, match="strategy source"):
        experiment_from(trained(), Other())


def test_the_twin_of_the_workbench_is_the_same_strategy() -> None:
    from assay import LiquiditySweepStrategy

    told = Experiment(LiquiditySweepStrategy()).canonical(BARS)
    assert told == Experiment(LiquiditySweep()).canonical(BARS)
