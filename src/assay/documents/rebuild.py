"""From a document back to its experiment, and the proof that the document is what the experiment gives."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.documents.configuration import configuration
from assay.documents.reading import Document, TrainedDocument
from assay.errors import GateError
from assay.evaluation import NO_PROCESS
from assay.market import Bars, Market
from assay.training.experiment import Experiment
from assay.training.procedure import PROCEDURE_VERSION
from assay.training.train import train
from assay.validation import Campaign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.documents.sections.provenance import DataSpan
    from assay.evaluation import FreshProcess
    from assay.strategies import Strategy
    from assay.training.train import Progress

MAX_DIFFERENCES = 20

NOT_COMPARED = (
    "createdAt",
    "provenance.engine_hash",
    "provenance.code_version",
    "provenance.document_digest",
    "provenance.experiment.code_version",
)
"""Paths in which a document may differ from what its experiment gives today: moment and code, and what follows from
them. Of the configId the time is not compared."""

OF_THE_VERSION = ("configId", "provenance.experiment_digest")
"""Paths that hold a digest of the experiment, which another code version changes."""


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
        Byte for byte, but for the moment (configId, createdAt) and the identity of the code.
    differences : tuple of Difference
        The first of them.
    recomputed : dict
        The document as it is made today.
    other_code : bool
        Whether other code computed the document: its engine_hash or its code_version is not that of today.
    """

    equal: bool
    differences: tuple[Difference, ...]
    recomputed: dict[str, Any]
    other_code: bool


def _trained(raw: Mapping[str, Any]) -> TrainedDocument:
    """Return a document that can be made again.

    Raises
    ------
    GateError
        When it was stored without evidence.
    """
    document = Document.of(raw)
    if not isinstance(document, TrainedDocument):
        raise GateError(
            f"{document.config_id} cannot be recomputed: it was stored from measures without evidence. Train it, or "
            "save the metrics of WalkForwardValidator.validate or of train's Evidence as they are."
        )
    return document


def market_from(document: Mapping[str, Any]) -> Market:
    """Return the market that a document was trained on."""
    return Market.from_terms(_trained(document).provenance.experiment.market)


def span_from(document: Mapping[str, Any]) -> DataSpan:
    """Return first and last bar of the data that a document was trained on."""
    return _trained(document).provenance.data


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
    return Experiment.from_canonical(_trained(document).canonical_experiment, strategy)


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
    trained = _trained(document)
    market, span, digest = market_from(document), trained.provenance.data, trained.provenance.data_digest
    cut = bars.between(bars.index_at(span.from_ms), bars.index_at(span.to_ms + 1))
    same = replace(cut, market=market) if cut.market.timeframe == market.timeframe else cut
    if same.digest == digest:
        return same
    if cut.market.timeframe != market.timeframe:
        why = f"its bars are of {cut.market.timeframe}, not {market.timeframe}"
    elif len(cut) != span.bars:
        why = f"it holds {len(cut):,} of the {span.bars:,} bars of that span"
    else:
        why = f"all {len(cut):,} bars of that span are there, but prices, volumes or gaps are not those of then"
    raise GateError(
        f"{trained.config_id} cannot be recomputed from {where}: {why}. The data digest is {same.digest[:12]}, it "
        f"was trained on {digest[:12]} ({market}, {_day(span.from_ms)} to {_day(span.to_ms)})"
    )


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"


def differences(stored: Any, recomputed: Any, path: str = "") -> list[Difference]:
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
    fresh_process: FreshProcess | None = None,
) -> Verification:
    """Train the experiment of a document again and compare.

    Parameters
    ----------
    bars : Bars
        Those of `bars_for`.
    fresh_process : FreshProcess, optional
        As `train` takes it; not used where the document was trained without one.

    Raises
    ------
    GateError
        When an earlier procedure made the document: today's gives another one, which refutes nothing.
    """
    stored = _trained(document)
    if stored.provenance.experiment.procedure_version != PROCEDURE_VERSION:
        raise GateError(f"{stored.config_id} was made by the earlier procedure: train again")
    experiment = experiment_from(document, strategy)
    created = datetime.strptime(stored.created_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    asked = stored.provenance.leak_checks
    without = asked is not None and asked.not_in_fresh_process == NO_PROCESS
    recorded = recorded_campaign(stored)
    evidence = train(
        experiment,
        bars,
        on_progress,
        threads=threads,
        fresh_process=None if without else fresh_process,
        campaign=None if recorded is None else lambda _: recorded,
    )
    again = TrainedDocument(configuration(evidence, created, requested=stored.lifecycle.requested_stage))
    found = [d for d in differences(stored.raw, again.raw) if d.field not in _not_compared(stored, again)]
    before, now = stored.provenance, again.provenance
    other_code = (before.engine_hash, before.code_version) != (now.engine_hash, now.code_version)
    return Verification(not found, tuple(found[:MAX_DIFFERENCES]), dict(again.raw), other_code)


def recorded_campaign(document: TrainedDocument) -> Campaign | None:
    """Return the campaign as a document has it: what else was tried, only the ledger of then can tell."""
    found = document.evidence.campaign
    if found is None:
        return None
    return Campaign(
        ledger=found.ledger,
        experiments=found.experiments,
        unknown=found.unknown,
        permutations=found.permutations,
        p_adjusted=math.nan if found.p_adjusted is None else found.p_adjusted,
        digest=found.digest,
        needed=found.needed_permutations,
        members=found.members,
        declared=found.declared,
        declared_at=None if found.declared_at is None else _moment_ms(found.declared_at),
    )


def _moment_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _not_compared(stored: TrainedDocument, again: TrainedDocument) -> set[str]:
    """Return the paths in which these two may differ."""
    paths = set(NOT_COMPARED)
    if _timeless(stored.config_id) == _timeless(again.config_id):
        paths.add("configId")
    if stored.provenance.experiment.code_version != again.provenance.experiment.code_version:
        paths.update(OF_THE_VERSION)
    return paths


def _timeless(config_id: str) -> str:
    return re.sub(r"_V3_\d{8}_\d{6}_", "_V3_", config_id)
