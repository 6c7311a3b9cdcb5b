"""How usual a refusal is: the sentence quotes the table, the table the study, and no document either of them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studies.honesty_figures import EDGE_MARKETS, MARKETS
from studies.power_rows import is_whole, power_counts, power_module
from studies.simulated import Terms

from assay.documents import Document
from assay.reports import html, power, power_table
from assay.reports.power import usual_sentence
from assay.training.procedure import PROCEDURE_VERSION
from reports.samples import sample
from store.documents import gates_of

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "honesty.md").read_text()
FAILED = {"name": "out-of-sample Sharpe of at least 0.5", "value": 0.1, "limit": 0.5, "passed": False,
          "stage": "DISCOVERY", "next_step": "", "at_most": False}  # fmt: skip
SWITCH = {"name": "a user's strategy answers the same in a fresh process", "value": 0.0, "limit": 1.0, "passed": False,
          "stage": "DISCOVERY", "next_step": "", "at_most": False}  # fmt: skip


def paper(fee: float = 0.001, slippage: float = 0.0005, days: float = 365.0, **changes: Any) -> dict[str, Any]:
    document, _ = sample("refused")
    document["execution"]["costs"] |= {"fee": fee, "slippage": slippage}
    document["strategy"] = power_table.STRATEGY
    document["evidence"]["search"]["combinations"] = power_table.COMBINATIONS
    document["context"]["timeframe"] = "5m"
    span = document["context"]
    span["to"] = (datetime.fromisoformat(span["from"]) + timedelta(days=days)).isoformat()
    for path, value in changes.items():
        section, name = path.split("__")
        document[section][name] = value
    return document


def sentence(document: dict[str, Any]) -> str:
    return usual_sentence(Document.of(document))


def test_the_sentence_is_that_of_the_costs() -> None:
    first = (
        "That is usual: of simulated histories of 365 days of 5m bars at exchange costs, 32 % with an edge of 0.1 R "
        "(after costs a trade earns 0.1 times what it risks) are not promoted, and 99.5 % of those without any edge. "
        "An edge of 0.2 R is promoted in 94 % of them (LIQUIDITY_SWEEP, 18,432 combinations"
    )
    rows = [(costs, edge, promoted) for costs, edge, *_, promoted in power_table.ROWS]
    if ("exchange", 0.1, 34) in rows:  # the numbers of the first release
        assert sentence(paper()).startswith(first)
    for level, fee in (("exchange", 0.0009), ("zero", 0.0), ("zero", 0.0003)):
        shares = {row.edge_r: row.promoted_pct for row in power.ROWS if row.costs == level}
        said = sentence(paper(fee=fee, slippage=0.0))
        assert f"at {level} costs" in said
        assert f"{100 - shares[0.1]:.3g} % with an edge" in said
        assert f"{100 - shares[0.0]:.3g} % of those without" in said
        assert f"promoted in {shares[0.2]:.3g} %" in said


def test_the_sentence_says_when_it_is_of_another_procedure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_table, "PROCEDURE_VERSION", PROCEDURE_VERSION)
    assert "procedure" not in sentence(paper())
    monkeypatch.setattr(power_table, "PROCEDURE_VERSION", PROCEDURE_VERSION - 1)
    assert "measured with an earlier version of the procedure" in sentence(paper())


def test_a_short_history_is_said_to_find_less() -> None:
    assert sentence(paper(days=120)).endswith("This training saw 120 days: fewer days find less.")
    assert "fewer days" not in sentence(paper(days=300))


def test_it_describes_no_other_strategy_and_no_search_of_another_size() -> None:
    other = paper()
    other["strategy"] = "SUPPLY_SHOCK"
    assert sentence(other) == ""
    for combinations, is_like in ((96, False), (4_607, False), (4_608, True), (1_000_000, False)):
        searched = paper()
        searched["evidence"]["search"]["combinations"] = combinations
        assert bool(sentence(searched)) is is_like
    assert sentence(paper(context__timeframe="1h")).endswith("Nothing was measured for 1h bars.")


def test_nothing_is_usual_where_nothing_was_measured() -> None:
    assert sentence(sample("promoted")[0]) == ""
    assert sentence(sample("plain")[0]) == ""
    assert sentence(paper(provenance__data_override=True)) == ""
    found = paper(lifecycle__gates=[SWITCH])
    found["evidence"]["search"]["candidate_found"] = True
    assert sentence(found) == ""
    found["lifecycle"]["gates"] = [FAILED | {"value": None}]  # a p that nobody asked for
    assert sentence(found) == ""
    found["lifecycle"]["gates"] = [SWITCH, FAILED]
    assert sentence(found).startswith("That is usual")
    found["lifecycle"]["gates"] = gates_of("PAPER")
    found["evidence"]["search"]["candidate_found"] = False
    assert sentence(found).startswith("That is usual")


def test_a_table_without_such_costs_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "ROWS", [row for row in power.ROWS if row.costs == "zero"])
    assert sentence(paper()) == ""
    assert sentence(paper(fee=0.0, slippage=0.0))


def test_the_page_shows_it_after_the_reason() -> None:
    source = html(paper())
    assert source.index("Why not promoted:") < source.index("That is usual: of simulated histories")
    assert "That is usual" not in html(*sample("promoted"))


# --- the table


def study_rows(counts: tuple[tuple[str, float, int, str, int, int], ...]) -> list[dict[str, Any]]:
    return [
        {"costs": costs, "edge_r": edge, "stage": "VALIDATION" if i < promoted else "DISCOVERY"}
        for costs, edge, _, _, markets, promoted in counts
        for i in range(markets)
    ]


def test_the_module_is_what_the_study_writes() -> None:
    rows = study_rows(power_table.ROWS)
    assert power_counts(rows, Terms()) == list(power_table.ROWS)
    written = power_module(power_table.ROWS, power_table.PERMUTATIONS, procedure_version=power_table.PROCEDURE_VERSION)
    assert written == Path(str(power_table.__file__)).read_text()
    assert f"PROCEDURE_VERSION = {PROCEDURE_VERSION}\n" in power_module(power_table.ROWS, 199)


def test_the_table_is_that_of_the_page() -> None:
    for costs, edge, _, _, markets, promoted in power_table.ROWS:
        (line,) = re.findall(rf"^\| {costs} \| {edge:g} \| {markets} \|.*$", PAGE, flags=re.MULTILINE)
        assert f"| {100 * promoted / markets:.1f} % (" in line


def test_a_trial_is_no_table() -> None:
    rows = study_rows((("zero", 0.0, 365, "5m", MARKETS, 3), ("zero", 0.1, 365, "5m", EDGE_MARKETS, 3)))
    assert is_whole(rows)
    assert not is_whole(rows[:-1])
    assert not is_whole(rows[:MARKETS])
