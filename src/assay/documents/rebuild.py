"""From a document back to its experiment, and the proof that the document is what the experiment gives."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.documents.configuration import configuration
from assay.errors import GateError
from assay.market import Bars, Market
from assay.training.experiment import Experiment
from assay.training.train import train

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.strategies import Strategy
    from assay.training.train import Progress

MAX_DIFFERENCES = 20

NOT_COMPARED = ("configId", "createdAt")
"""What two runs of one experiment may differ in; of the configId only the time."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two documents differ; a missing one is None.

    Attributes
    ----------
    field : str
        Its path, such as ``metrics.sharpe_ratio`` or ``evidence.search.distribution.counts.3``.
    stored, recomputed : object
    """

    field: str
    stored: Any
    recomputed: Any


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a document is what its experiment gives.

    Attributes
    ----------
    equal : bool
        Byte for byte, but for the time in configId and createdAt.
    differences : tuple of Difference
        The first of them.
    recomputed : dict
        The document as it is made today.
    """

    equal: bool
    differences: tuple[Difference, ...]
    recomputed: dict[str, Any]


def _experiment_of(document: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] | None = document["provenance"].get("experiment")
    if told is None:
        raise GateError(
            f"{document['configId']} cannot be recomputed: it was stored from measures without evidence. Train it, or "
            "save the metrics of WalkForwardValidator.validate or of train's Evidence as they are."
        )
    return told


def market_from(document: Mapping[str, Any]) -> Market:
    """Return the market that a document was trained on."""
    return Market.from_terms(_experiment_of(document)["market"])


def experiment_from(document: Mapping[str, Any], strategy: Strategy) -> Experiment:
    """Return the experiment of a document.

    Parameters
    ----------
    strategy : Strategy
        The document holds its name and, of a user's own, the digest of its code.

    Raises
    ------
    InputError
        When the strategy is another one, or its code is not that of the document.
    """
    return Experiment.from_canonical(_experiment_of(document), strategy)


def bars_for(document: Mapping[str, Any], bars: Bars, where: str) -> Bars:
    """Return the bars of a document out of a history that holds them.

    Parameters
    ----------
    where : str
        Where the history comes from, for a message.

    Raises
    ------
    GateError
        When they are not the bars of then, saying how they differ.
    """
    market, span, digest = market_from(document), document["provenance"]["data"], document["provenance"]["data_digest"]
    cut = bars.between(bars.index_at(span["from_ms"]), bars.index_at(span["to_ms"] + 1))
    same = replace(cut, market=market) if cut.market.timeframe == market.timeframe else cut
    if same.digest == digest:
        return same
    if cut.market.timeframe != market.timeframe:
        why = f"its bars are of {cut.market.timeframe}, not {market.timeframe}"
    elif len(cut) != span["bars"]:
        why = f"it holds {len(cut):,} of the {span['bars']:,} bars of that span"
    else:
        why = f"all {len(cut):,} bars of that span are there, but prices, volumes or gaps are not those of then"
    raise GateError(
        f"{document['configId']} cannot be recomputed from {where}: {why}. The data digest is {same.digest[:12]}, it "
        f"was trained on {digest[:12]} ({market}, {_day(span['from_ms'])} to {_day(span['to_ms'])})"
    )


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"


def differences(stored: Any, recomputed: Any, path: str = "") -> list[Difference]:  # noqa: ANN401  (any tree)
    """Return the fields in which two trees of plain values differ, a number's kind included."""
    if isinstance(stored, dict) and isinstance(recomputed, dict):
        names = list(dict.fromkeys((*stored, *recomputed)))
        pairs = [(str(n), stored.get(n), recomputed.get(n)) for n in names]
    elif isinstance(stored, list) and isinstance(recomputed, list):
        longest = range(max(len(stored), len(recomputed)))
        at = [(v[i] if i < len(v) else None) for v in (stored, recomputed) for i in longest]
        pairs = [(str(i), at[i], at[len(longest) + i]) for i in longest]
    else:
        # the text of a float is exact and tells 1 from 1.0 and 0.0 from -0.0
        return [] if repr(stored) == repr(recomputed) else [Difference(path, stored, recomputed)]
    return [d for n, a, b in pairs for d in differences(a, b, f"{path}.{n}" if path else n)]


def verify(
    document: Mapping[str, Any],
    strategy: Strategy,
    bars: Bars,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    threads: int = 1,
) -> Verification:
    """Train the experiment of a document again and compare.

    Parameters
    ----------
    bars : Bars
        Those of `bars_for`.
    """
    experiment = experiment_from(document, strategy)
    created = datetime.strptime(document["createdAt"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    evidence = train(experiment, bars, on_progress, threads=threads)
    again = configuration(evidence, created, requested=document["lifecycle"]["requested_stage"])
    found = differences(_comparable(document), _comparable(again))
    return Verification(not found, tuple(found[:MAX_DIFFERENCES]), again)


def _comparable(document: Mapping[str, Any]) -> dict[str, Any]:
    timeless = re.sub(r"_V3_\d{8}_\d{6}_", "_V3_", document["configId"])
    return {k: v for k, v in document.items() if k not in NOT_COMPARED} | {"configId": timeless}
