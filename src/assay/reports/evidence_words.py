"""What stands beside the profit and the p of a verdict, in words: the market, the campaign, whether p is comparable.

Documents of the first release have none of it, and nothing is said of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.plurals import plural
from assay.validation.lifecycle import ALPHA_T, MAX_LEAN, MAX_P
from assay.validation.market_alpha import MIN_DAYS

if TYPE_CHECKING:
    from assay.documents import TrainedDocument
    from assay.documents.sections.evidence import CampaignFacts, MarketComparison

UNKNOWN = "unknown"

ALPHA = (
    "Alpha is the part of the daily returns that those of the market do not explain, a year (regression with 5 lags, "
    "Newey and West); t is alpha over its standard error."
)

SEARCHED = "the days that were searched (in sample)"


def market_rows(document: TrainedDocument) -> list[tuple[str, str]]:
    """Return the run beside its market as names and values; none where the document does not know."""
    found = document.evidence.market
    if found is None:
        return []
    return [
        ("the market, bought and held over these days", _number(found.market_pct, "{:+.2f} %")),
        (
            f"the market, held with the mean position of the run ({exposure_words(found)})",
            _number(found.same_exposure_pct, "{:+.2f} %"),
        ),
        ("this configuration", _number(document.measures.get("net_profit_pct"), "{:+.2f} %")),
        ("alpha a year", _number(found.alpha_pct, "{:+.2f} %")),
        ("beta", _number(found.beta, "{:+.3f}")),
        ("t of alpha", _number(found.t, "{:.2f}")),
    ]


def exposure_words(found: MarketComparison) -> str:
    """Return the mean position of a run, in words."""
    if found.exposure is None:
        return "unknown"
    side = "long" if found.exposure >= 0 else "short"
    return f"{100 * abs(found.exposure):.1f} % {side} on average"


def lean_sentence(found: MarketComparison) -> str:
    """Return how far the positions of a run lean to one side, and whether alpha is therefore a gate."""
    limit, asked = f"{100 * MAX_LEAN:.0f} %", f"its t must be at least {ALPHA_T:g}"
    if found.lean is None:
        return "There was no trade, so a promotion does not depend on alpha."
    leaning = f"{100 * found.lean:.0f} % of the positions lean to one side (long or short)"
    if found.lean <= MAX_LEAN:
        return f"{leaning}, not more than {limit}, so a promotion does not depend on alpha."
    if found.t is None:
        return f"{leaning}, more than {limit}, so alpha decides too: {asked}, and is unknown, which fails."
    holds = "holds" if found.t >= ALPHA_T else "fails"
    return f"{leaning}, more than {limit}, so alpha decides too: {asked}, which {holds}."


def market_line(document: TrainedDocument) -> str:
    """Return the run beside its market in one line; empty where the document does not know."""
    found = document.evidence.market
    if found is None:
        return ""
    if found.lean is None:
        held = _number(found.market_pct, "{:+.2f} %")
        return f"Beside the market, out of sample: buying and holding it gave {held}; no trade was made."
    return (
        f"Beside the market, out of sample: buying and holding it gave {_number(found.market_pct, '{:+.2f} %')}, "
        f"holding it with the mean position of the run ({exposure_words(found)}) "
        f"{_number(found.same_exposure_pct, '{:+.2f} %')}; {_alpha_words(found)}. {lean_sentence(found)}"
    )


def _alpha_words(found: MarketComparison) -> str:
    """Return what was earned beyond the market, or why that cannot be said."""
    if found.alpha_pct is None:
        few = f"{plural(found.days, 'test day')}, at least {MIN_DAYS} are needed"
        why = few if found.days < MIN_DAYS else "the daily returns do not vary enough"
        return f"alpha, the return that the market does not explain, cannot be computed ({why})"
    t = _number(found.t, "{:.2f}")
    return f"alpha, the return that the market does not explain, is {found.alpha_pct:+.2f} % a year (t {t})"


def campaign_rows(document: TrainedDocument) -> list[tuple[str, str]]:
    """Return what else was tried on the same days as names and values; none where no ledger was asked."""
    found = document.evidence.campaign
    if found is None:
        return []
    rows = [
        ("other experiments on these days", f"{found.experiments:,}"),
        ("of them impossible to repeat: they count as unrelated tries", f"{found.unknown:,}"),
        ("p of this experiment alone", _number(document.evidence.permutation.p_value, "{:.3g}")),
        ("p with all that was tried", _adjusted(document, found)),
    ]
    if found.needed_permutations is not None:
        rows.append((f"permutations without which p cannot get down to {MAX_P:g}", f"{found.needed_permutations:,}"))
    return [*rows, ("ledger", found.ledger or UNKNOWN)]


def campaign_line(document: TrainedDocument) -> str:
    """Return in one line what else was tried on the same days; empty where the document cannot know."""
    found = document.evidence.campaign
    if found is None:
        return "" if document.evidence.market is None else NO_LEDGER
    blind = f" ({found.unknown:,} of them cannot be repeated)" if found.unknown else ""
    others = f"{plural(found.experiments, 'other experiment')} on these days{blind}" if found.experiments else NO_OTHER
    if not found.experiments and found.p_adjusted is None:
        return f"{others}. {declared_sentence(found)}".rstrip()
    line = f"{others}. p with all that was tried: {_adjusted(document, found)}."
    if found.needed_permutations is not None:
        line += f" It takes --permutations {found.needed_permutations} or more to get down to {MAX_P:g}."
    return f"{line} {declared_sentence(found)}".rstrip()


NO_OTHER = "Nothing else was tried on these days"

NO_LEDGER = "What else was tried on these days is not known (no ledger was asked): p is that of this experiment alone."


def declared_sentence(found: CampaignFacts) -> str:
    """Return with which note and when an experiment was declared before it was run; empty where it was not."""
    if found.declared_at is None:
        return ""
    note = f': "{found.declared}"' if found.declared else ", without a note"
    return f"Declared before it was run, {found.declared_at[:16].replace('T', ' ')} UTC{note}."


def _adjusted(document: TrainedDocument, found: CampaignFacts) -> str:
    """Return p with all that was tried; where the others were not counted in, why."""
    if found.p_adjusted is not None:
        return f"{found.p_adjusted:.3g}"
    p = document.evidence.permutation.p_value
    if p is None:
        return "unknown, as p alone is"
    return (
        f"not computed, since {f'p alone is already above {MAX_P:g}' if p > MAX_P else 'another gate failed already'}"
    )


def comparability_line(document: TrainedDocument) -> str:
    """Return whether permuted bars show the winner's pattern as often; empty where it was not looked at."""
    found = document.evidence.comparability
    if found is None:
        return ""
    counts = (
        f"the winner's pattern occurs {found.rows:,} times with {found.trades:,} trades on the searched bars, "
        f"{found.permuted_rows:,.0f} times with {found.permuted_trades:,.0f} on permuted ones (medians)"
    )
    if found.comparable:
        return f"Real and permuted bars can be compared: {counts}."
    return f"p says nothing here: {counts}. Bars that hardly show a pattern cannot judge it."


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else form.format(value + 0.0)
