"""The market, the campaign and comparability in words: nothing is said of what is not known, and why it is not."""

from __future__ import annotations

from typing import Any

import pytest

from assay.documents import Document, TrainedDocument
from assay.reports import evidence_words as words
from reports.samples import sample

MARKET = {
    "days": 300, "market_pct": 40.0, "exposure": 0.125, "same_exposure_pct": 4.5, "lean": 0.4, "alpha_pct": 12.25,
    "beta": -0.0, "t": 1.8,
}  # fmt: skip
CAMPAIGN = {
    "ledger": "L", "experiments": 19, "unknown": 0, "permutations": 199, "p_adjusted": 0.043,
    "needed_permutations": None, "digest": "d", "members": [], "declared": None, "declared_at": None,
}  # fmt: skip
COUNTS = {
    "rows": 400, "permuted_rows": 380.0, "trades": 90, "permuted_trades": 88.0, "similarity": 0.95, "comparable": True,
}  # fmt: skip


def with_evidence(**sections: Any) -> TrainedDocument:
    document, _ = sample("promoted")
    for name, section in sections.items():
        document["evidence"][name] = section
    found = Document.of(document)
    assert isinstance(found, TrainedDocument)
    return found


def with_p(p: float | None, **campaign: Any) -> TrainedDocument:
    permutation = sample("promoted")[0]["evidence"]["permutation"] | {"p_value": p}
    return with_evidence(permutation=permutation, campaign=CAMPAIGN | campaign)


def test_the_market_in_one_line() -> None:
    assert words.market_line(with_evidence(market=MARKET)) == (
        "Beside the market, out of sample: buying and holding it gave +40.00 %, holding it with the mean position of "
        "the run (12.5 % long on average) +4.50 %; alpha, the return that the market does not explain, is +12.25 % a "
        "year (t 1.80). 40 % of the positions lean to one side (long or short), more than 20 %, so alpha decides too: "
        "its t must be at least 1.645, which holds."
    )
    assert dict(words.market_rows(with_evidence(market=MARKET)))["beta"] == "+0.000"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lean": None}, "buying and holding it gave +40.00 %; no trade was made."),
        ({"lean": 0.2}, "(long or short), not more than 20 %, so a promotion does not depend on alpha."),
        ({"days": 57, "alpha_pct": None, "t": None}, "cannot be computed (57 test days, at least 60 are needed)."),
        ({"alpha_pct": None, "t": None}, "cannot be computed (the daily returns do not vary enough)."),
        ({"t": None}, "its t must be at least 1.645, and is unknown, which fails."),
        ({"t": 1.6}, "its t must be at least 1.645, which fails."),
        ({"exposure": -0.05}, "(5.0 % short on average)"),
        ({"exposure": None, "same_exposure_pct": None}, "(unknown) unknown"),
    ],
)
def test_lean_and_what_is_unknown(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in words.market_line(with_evidence(market=MARKET | changes))


def test_nothing_is_said_where_the_document_has_nothing() -> None:
    old = with_evidence(market=None, campaign=None, comparability=None)
    assert [words.market_rows(old), words.campaign_rows(old)] == [[], []]
    assert [words.market_line(old), words.campaign_line(old), words.comparability_line(old)] == ["", "", ""]
    assert words.campaign_line(with_evidence(campaign=None)) == words.NO_LEDGER


@pytest.mark.parametrize(
    ("p", "campaign", "sentence"),
    [
        (0.005, {}, "19 other experiments on these days. p with all that was tried: 0.043."),
        (
            0.005,
            {"experiments": 1, "unknown": 1},
            "1 other experiment on these days (1 of them cannot be repeated). p with",
        ),
        (0.005, {"experiments": 0, "p_adjusted": 0.005}, "Nothing else was tried on these days. p with all that was "),
        (0.005, {"needed_permutations": 77}, "It takes --permutations 77 or more to get down to 0.05."),
        (0.3, {"p_adjusted": None}, "not computed, since p alone is already above 0.05."),
        (0.01, {"p_adjusted": None}, "not computed, since another gate failed already."),
        (None, {"p_adjusted": None}, "unknown, as p alone is."),
        (
            0.005,
            {"declared": "one idea", "declared_at": "2026-01-02T03:04:05Z"},
            'Declared before it was run, 2026-01-02 03:04 UTC: "one idea".',
        ),
        (0.005, {"declared": "", "declared_at": "2026-01-02T03:04:05Z"}, "03:04 UTC, without a note."),
    ],
)
def test_what_else_was_tried(p: float | None, campaign: dict[str, Any], sentence: str) -> None:
    assert sentence in words.campaign_line(with_p(p, **campaign))


def test_the_campaign_as_rows() -> None:
    rows = dict(words.campaign_rows(with_p(0.005, unknown=3, needed_permutations=77, ledger=None)))
    assert list(rows.values()) == ["19", "3", "0.005", "0.043", "77", "unknown"]


def test_whether_bars_are_comparable() -> None:
    assert words.comparability_line(with_evidence(comparability=COUNTS)) == (
        "Real and permuted bars can be compared: the winner's pattern occurs 400 times with 90 trades on the searched "
        "bars, 380 times with 88 on permuted ones (medians)."
    )
    line = words.comparability_line(with_evidence(comparability=COUNTS | {"comparable": False}))
    assert line.startswith("p says nothing here: ")
    assert line.endswith("Bars that hardly show a pattern cannot judge it.")
