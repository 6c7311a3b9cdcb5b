"""Sentences that documents store, as a trader reads them.

A stored sentence is part of a document's bytes: `verify` compares it, and one that was written years ago must still
compare. So its words stay, and what a person is shown is made from it here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.documents.reading import Document
    from assay.documents.sections.common import Gate

UNKNOWN = "unknown"
NO_CANDIDATE = "a combination with a positive objective exists"


@dataclass(frozen=True, slots=True)
class GateWords:
    """How a gate is called, and what is said where it fails.

    Attributes
    ----------
    stored : str
        Pattern of the whole name in documents.
    condition : str
        What must hold, with the groups of the pattern.
    failed : str
        What did not hold, with {value} and the groups.
    form : str
        Of the value; an unknown one is said to be unknown.
    """

    stored: str
    condition: str
    failed: str
    form: str = "{:.3g}"


GATES = (
    GateWords(
        "bars accepted without override",
        "the bars are good enough to train on",
        "the bars are below the quality gate and were used all the same (--allow-bad-data)",
    ),
    GateWords(
        NO_CANDIDATE,
        "at least one combination earns on the days that were searched",
        "no combination earns on the days that were searched",
    ),
    GateWords(
        r"out-of-sample net profit above (\S+) %",
        "net profit out of sample above {0} %",
        "the net profit out of sample is {value} % and must be above {0} %",
        "{:.2f}",
    ),
    GateWords(
        r"out-of-sample Sharpe of at least (\S+)",
        "Sharpe ratio out of sample at least {0}",
        "the Sharpe ratio out of sample is {value} and must be at least {0}",
        "{:.2f}",
    ),
    GateWords(
        r"out-of-sample Sharpe above (\S+)",
        "Sharpe ratio out of sample above {0}",
        "the Sharpe ratio out of sample is {value} and must be above {0}",
        "{:.2f}",
    ),
    GateWords(
        r"fill rate of at least (\S+)",
        "share of orders filled at least {0}",
        "the share of orders that were filled is {value} and must be at least {0}",
        "{:.2f}",
    ),
    GateWords(
        r"permutation p of at most (\S+)",
        "p of the permutation test at most {0}",
        "p of the permutation test is {value} and must be at most {0}",
    ),
    GateWords(
        r"the pattern is as frequent on permuted bars \(smaller over larger count\)",
        "real and permuted bars show the pattern about as often",
        "the pattern is not about as often on permuted bars as on the real ones (the smaller count is {value} of the "
        "larger and must be at least a third)",
    ),
    GateWords(
        r"p with all that was tried on these days of at most (\S+)",
        "p with all that was tried on these days at most {0}",
        "p with all that was tried on these days is {value} and must be at most {0}",
    ),
    GateWords(
        r"alpha over the market of (\S+) standard errors \(positions lean (\S+) % to one side\)",
        "more than the market itself gives, as {1} % of the positions lean to one side: alpha at least {0} standard "
        "errors above 0",
        "{1} % of the positions lean to one side, so it must earn more than the market itself gives: its alpha is "
        "{value} standard errors above 0 and must be at least {0}",
        "{:.2f}",
    ),
    GateWords(
        "a user's strategy answers the same in a fresh process",
        "your strategy answers the same in a fresh process",
        "your strategy was not checked in a fresh process",
    ),
    GateWords(
        r"at least (\S+) out-of-sample trades",
        "at least {0} trades out of sample",
        "there are {value} trades out of sample and must be at least {0}",
        "{:,.0f}",
    ),
    GateWords(
        r"more than (\S+) out-of-sample trades",
        "more than {0} trades out of sample",
        "there are {value} trades out of sample and must be more than {0}",
        "{:,.0f}",
    ),
    GateWords(
        "profit survives small changes",
        "the profit survives small changes (see Fragility)",
        "whether the profit survives small changes is unknown",
    ),
    GateWords(
        "profit survives (.+)",
        "the profit survives small changes ({0})",
        "the profit does not survive: {0}",
    ),
    GateWords(
        r"adverse selection below (\S+)",
        "adverse selection below {0} (0 = prices go on in favour after a fill)",
        "adverse selection is {value} and must be below {0}: prices turn against the position right after its fills",
        "{:.2f}",
    ),
    GateWords(
        r"holdout Sharpe above (\S+)",
        "Sharpe ratio on the holdout above {0}",
        "the Sharpe ratio on the holdout is {value} and must be above {0}",
        "{:.2f}",
    ),
)  # fmt: skip
"""Every gate there is or was; a name that is not here is shown as it is stored."""

SENTENCES = tuple(
    (re.compile(stored), shown)
    for stored, shown in (
        # the cheapest next step of a gate
        (
            r"a round trip may cost (\S+) % of the price, and costs (\S+) %\.",
            r"it could pay \1 % of the price for entry and exit together, and they cost \2 %.",
        ),
        (
            r"(\S+) other experiments were made on these days",
            r"\1 other experiments were made on these days (see assay ledger)",
        ),
        (
            r", (\S+) of them without null statistics, which cost in full",
            r"; \1 of them cannot be repeated and count as unrelated tries",
        ),
        (
            r": --permutations (\S+) or more could tell\.",
            r": run it with --permutations \1 or more; fewer cannot tell.",
        ),
        (
            r"What it earns the market gives at the same exposure:",
            r"Holding the market with the same mean position earns as much:",
        ),
        (
            r"(\S+) rows of the winner's pattern and (\S+) trades on the real bars, (\S+) and (\S+) on",
            r"the winner's pattern occurs \1 times with \2 trades on the real bars, \3 times with \4 on",
        ),
        (r"^p is not comparable:", r"p says nothing here:"),
        # what the signal funnel says of thresholds
        (
            r"(\w+) binds: at (\S+) instead of (\S+) there would be",
            r"The threshold to look at first is \1: at \2 instead of \3 there would be",
        ),
        (
            r"No threshold can be a step looser and add signals; the pattern occurs (\S+) times\.",
            r"No threshold adds signals when it is loosened by one step; the pattern itself occurs \1 times.",
        ),
        (r"^equity is left$", r"the account is not ruined"),
        (r"^group has fills left$", r"fewer trades of its group than allowed"),
        (r"^not both sides at once$", r"no signal of the other side at the same bar"),
        # warnings, signs of overfitting and notes
        (
            r"the median neighbour scores (\S+), below half of the peak (\S+): a lone peak",
            r"a lone peak: combinations a step beside the winner score \1 at the median, less than half its score, \2",
        ),
        (
            r"the median neighbour scores (\S+), below half of the peak, which has no loss: a lone peak",
            r"a lone peak: combinations one step beside the winner, which has no loss, score only \1 at the median",
        ),
        (
            r"the winner lies on the edge of the space in (.+)",
            r"the winner has the lowest or the highest value that was searched of \1: better ones may lie beyond",
        ),
        (r"a round trip costs (\S+) %", r"entry and exit together cost \1 %"),
        (r": every rule that needs volume is false", r": rules that need volume never hold"),
        (
            r"trained on bars below the quality gate by explicit override",
            r"trained on bars below the quality gate, as --allow-bad-data asks",
        ),
        (r"stitched (net profit|Sharpe ratio) is", r"\1 over all test windows in a row is"),
        (
            r"gap raised from (\S+) days to (\S+): the longest holding time",
            r"the gap between train and test was raised from \1 to \2 days, the longest time that a trade may last",
        ),
        (
            r": windows scaled to train (\S+), test (\S+) days",
            r": they were shortened to \1 days of train and \2 of test",
        ),
        # Sharpe statistics
        (
            r"beside it the 95 % band of combinations none of which is better: inside it nothing is shown",
            r"beside it its 95 % range where none is better than another: a value inside says nothing either way",
        ),
        (
            r"the same for the (\S+) independent trials whose luck equals",
            r"the same for \1 trials, whose best by luck equals",
        ),
        # why no stage was reached
        (
            r"^the measures came without evidence: save the metrics of (.+) or of (.+) as they are, not a copy$",
            r"it was saved from plain numbers, which prove nothing: give the metrics of \1 or of \2, not a copy",
        ),
        (r"^(\S+) was asked for$", r"no more than \1 was asked for"),
    )
)
"""Parts of stored sentences, and what is shown in their place."""


def explained(sentence: str) -> str:
    """Return a sentence of a document as a person is shown it; one that needs no other words stays."""
    for stored, shown in SENTENCES:
        sentence = stored.sub(shown, sentence)
    return sentence


def gate_condition(name: str) -> str:
    """Return what a gate asks, from its name in documents; a name that is not known stays."""
    for words in GATES:
        if found := re.fullmatch(words.stored, name):
            return words.condition.format(*found.groups())
    return name


def gate_failure(gate: Gate) -> str:
    """Return what did not hold of a gate, with what was measured and what is asked."""
    for words in GATES:
        if found := re.fullmatch(words.stored, gate.name):
            value = _number(gate, words.form)
            if gate.margin is not None and gate.margin > 0.0:  # a test that its time budget has stopped
                return f"{words.condition.format(*found.groups())}: not certain yet ({value} so far)"
            return words.failed.format(*found.groups(), value=value).replace(f"{UNKNOWN} %", UNKNOWN)
    return f"{gate.name}: {UNKNOWN if gate.value is None else f'{gate.value:.4g}'}"


def _number(gate: Gate, form: str) -> str:
    """Return what a gate measured; with more digits where rounding would make it the limit."""
    if gate.value is None:
        return UNKNOWN
    short = form.format(gate.value + 0.0)
    return short if float(short.replace(",", "")) != gate.limit else f"{gate.value:.6g}"


def why_not_promoted(document: Document) -> str:
    """Return why a configuration was not promoted further: what failed, and the cheapest next step; may be empty.

    Parameters
    ----------
    document : Document
        Of any age: it is said anew from the gates that it stores.
    """
    life = document.lifecycle
    failed = [gate for gate in life.gates if not gate.passed]
    if not failed or not life.why_not_promoted.startswith(failed[0].name):
        return explained(life.why_not_promoted)
    if failed[0].name == NO_CANDIDATE:
        del failed[1:]  # nothing was traded, so that all others are unknown
    reasons = "; ".join(gate_failure(gate) for gate in failed)
    return f"{reasons}. {explained(failed[0].next_step)}".rstrip()
