"""Whether a document agrees with itself: what an edit that also makes the digest anew has to change as well.

Only what holds under every procedure is asked here, since documents of earlier ones are loaded, too. It proves nothing:
`assay configurations verify`, which trains again, does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.documents.reading import Document, TrainedDocument
from assay.training.circuit_breakers import CIRCUIT_BREAKERS, OF_THE_CAPITAL
from assay.training.experiment import digest_of
from assay.validation.lifecycle import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.documents.sections.common import Gate

_MEASURED = {
    "out-of-sample net profit above": "metrics.net_profit_pct",
    "out-of-sample Sharpe": "metrics.sharpe_ratio",
    "fill rate of": "metrics.fill_rate",
    "permutation p of": "metrics.p_value",
    "out-of-sample trades": "metrics.total_trades",
    "adverse selection below": "metrics.adverse_selection_score",
    "as frequent on permuted bars": "evidence.comparability.similarity",
    "p with all that was tried": "evidence.campaign.p_adjusted",
    "alpha over the market": "evidence.market.t",
    "holdout Sharpe above": "validation.holdout.metrics.sharpe_ratio",
}
"""Gates by a part of their name, and where the document has what each of them measures."""

_LADDER = ((Stage.DISCOVERY, Stage.PAPER), (Stage.VALIDATION, Stage.DISCOVERY), (Stage.MATURE, Stage.VALIDATION))
"""Each stage with the one that is left to who does not reach it."""


def contradiction(raw: Mapping[str, Any]) -> str:
    """Return the first thing in which a document disagrees with itself, in words; empty where there is none.

    Parameters
    ----------
    raw : mapping
        A document that keeps the schema.
    """
    return next(_contradictions(Document.of(raw)), "")


def _contradictions(document: Document) -> Iterator[str]:
    yield from _of_the_stage(document)
    if isinstance(document, TrainedDocument):
        for gate in document.lifecycle.gates:
            yield from _of_a_gate(gate, document.raw)
        yield from _of_the_experiment(document)


def supported_stage(gates: tuple[Gate, ...]) -> Stage:
    """Return the stage that the gates of a document support; what no gate speaks for is not reached."""
    for stage, below in _LADDER:
        asked = [gate.passed for gate in gates if gate.stage == stage]
        if not asked or not all(asked):
            return below
    return Stage.MATURE


def _of_the_stage(document: Document) -> Iterator[str]:
    life = document.lifecycle
    stage = Stage(life.current_stage)
    if stage is not Stage.DECAY:  # found by monitoring, and it gives no capital
        supported = supported_stage(life.gates)
        if stage.capped_by(supported) is not stage:
            yield f"its stage is {stage}, but its gates support {supported}"
        if life.requested_stage is not None and stage.capped_by(Stage(life.requested_stage)) is not stage:
            yield f"its stage is {stage}, but {life.requested_stage} was asked for"
    position = OF_THE_CAPITAL
    for name, value, most in (
        ("lifecycle.size_factor", life.size_factor, stage.size_factor),
        ("lifecycle.max_allocation_pct", life.max_allocation_pct, stage.max_allocation_pct),
        (
            f"circuit_breakers.{position}",
            document.circuit_breakers.max_position_size_pct,
            CIRCUIT_BREAKERS[stage][position],
        ),
    ):
        if value > most:
            yield f"{name} is {value:g}, but {stage} gives {most:g}"


def _of_a_gate(gate: Gate, raw: Mapping[str, Any]) -> Iterator[str]:
    path = next((path for part, path in _MEASURED.items() if part in gate.name), None)
    if path is None:
        return
    said = _at(raw, path)
    if gate.value != said:
        yield f"the gate {gate.name!r} says {gate.value}, and {path} is {said}"
    margin = gate.margin
    if gate.passed and (margin is None or margin < 0.0):
        yield f"the gate {gate.name!r} passed with {gate.value}"


def _at(raw: Mapping[str, Any], path: str) -> Any:
    """Return what a document has at a path; None where it has nothing there."""
    value: Any = raw
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _of_the_experiment(document: TrainedDocument) -> Iterator[str]:
    provenance, terms = document.provenance, document.canonical_experiment
    if digest_of(terms) != provenance.experiment_digest:
        yield "provenance.experiment_digest is not that of provenance.experiment"
    context = document.context
    for name, said, trained in (
        ("strategy", document.strategy, provenance.experiment.strategy),
        ("provenance.data_digest", provenance.data_digest, provenance.experiment.data_digest),
        *zip(
            ("context.exchange", "context.pair", "context.timeframe"),
            (context.exchange, context.pair, context.timeframe),
            provenance.experiment.market,
            strict=False,
        ),
    ):
        if said != trained:
            yield f"{name} is {said}, and its experiment is of {trained}"
