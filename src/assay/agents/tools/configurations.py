"""What trainings found: how far it may be believed, where its signals are lost, in what two of them differ."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from assay.agents.figures import Answer, Figure, Part
from assay.agents.inputs import ConfigurationId
from assay.agents.state import AgentState, Ctx, state_of
from assay.agents.tries import Tries, tries_of
from assay.documents import TrainedDocument
from assay.documents.explained import explained, gate_condition, why_not_promoted
from assay.documents.plain import plain
from assay.errors import ConflictError, InputError
from assay.store import Registered
from assay.validation import Stage

SHOWN = ("net_profit_pct", "sharpe_ratio", "win_rate", "profit_factor", "max_drawdown_pct", "total_trades")
"""Measures that a verdict shows, out of sample and in sample."""


class Measured(Part):
    """Measures of a run after costs; null where there is none."""

    net_profit_pct: Figure
    sharpe_ratio: Figure
    win_rate: Figure
    profit_factor: Figure
    max_drawdown_pct: Figure
    total_trades: int | None

    @classmethod
    def of(cls, measures: Any) -> Measured:
        """Return those of a document's measures that are shown."""
        return cls.model_validate({name: measures.get(name) for name in SHOWN})


class Gate(Part):
    """A condition of a stage."""

    stage: str
    condition: str
    value: Figure
    limit: Figure
    passed: bool


class Holdout(Part):
    """The newest days, which a training seals: only the training itself opens them, and only for MATURE."""

    from_: str | None = Field(alias="from")
    opened: bool
    measured: Measured | None = Field(description="null while it is sealed; no tool opens it.")


class Verdict(Answer):
    """How far a configuration may be believed."""

    config_id: str
    strategy: str
    market: str
    parameters: dict[str, Any]
    stage: str = Field(description="By the ledger of today: PAPER (nothing proven), DISCOVERY, VALIDATION or MATURE.")
    stage_when_stored: str
    why_not_promoted: str | None = Field(description="What failed, and the cheapest next step.")
    out_of_sample: Measured = Field(description="On days that did not choose the parameters, window by window.")
    in_sample: Measured | None = Field(description="On the days that chose the parameters: no evidence at all.")
    windows: int | None
    permutations: int | None
    gates: list[Gate]
    warnings: list[str]
    holdout: Holdout | None
    tries: Tries


MEANINGS = {
    Stage.PAPER: "Nothing is proven: it deserves no capital.",
    Stage.DISCOVERY: "Something is there by these tests, and little is proven: for a simulation, or little capital.",
    Stage.VALIDATION: "It held in most tests; its holdout is sealed or was not passed.",
    Stage.MATURE: "It passed every test, the holdout too, which its training opened once.",
}


def found(state: AgentState, config_id: str) -> Registered:
    """Return a configuration; a beginning or an end of its id will do where no other has it."""
    return state.registry.get(state.registry.resolve(config_id))


def trained(known: Registered) -> TrainedDocument:
    """Return the document of a configuration with evidence."""
    if not isinstance(known.typed, TrainedDocument):
        raise ConflictError("config_id", "was stored from plain numbers, which prove nothing", known.config_id)
    return known.typed


def verdict(ctx: Ctx, config_id: ConfigurationId) -> Verdict:
    """Say how far what a training found may be believed: its stage, why no further, its measures, p and p_adjusted.

    Judge by `tries.p_adjusted` and the stage alone. A good measure in sample is what every search finds.
    """
    state = state_of(ctx)
    known = found(state, config_id)
    document = trained(known)
    today, tries = state.registry.standing(known.config_id), tries_of(state, known)
    lowered = "" if today.stage == document.lifecycle.current_stage else f" Stored as {known.status}: {today.reason}."
    why = why_not_promoted(document) or None
    test, validation = document.evidence.permutation, document.validation
    summary = f"{today.stage.value}. {MEANINGS[today.stage]}{lowered} {tries.meaning}"
    return Verdict(
        summary=summary if why is None else f"{summary} Why no further: {why}",
        config_id=known.config_id,
        strategy=document.strategy,
        market=f"{document.context.exchange} {document.context.pair} {document.context.timeframe}",
        parameters=dict(document.parameters),
        stage=today.stage.value,
        stage_when_stored=known.status,
        why_not_promoted=why,
        out_of_sample=Measured.of(document.measures),
        in_sample=Measured.of(validation.in_sample) if validation.in_sample else None,
        windows=validation.window_count,
        permutations=test.done if test.method else 0,
        gates=[
            Gate(stage=g.stage, condition=gate_condition(g.name), value=g.value, limit=g.limit, passed=g.passed)
            for g in document.lifecycle.gates
        ],
        warnings=[explained(one) for one in document.evidence.warnings],
        holdout=_holdout(document),
        tries=tries,
    )


def _holdout(document: TrainedDocument) -> Holdout:
    one = document.validation.holdout
    measured = Measured.of(one.metrics) if one.opened and one.metrics else None
    return Holdout.model_validate({"from": one.from_, "opened": one.opened, "measured": measured})


class FunnelStage(Part):
    """Moments (a bar on one side) that are left after one question."""

    name: str
    left: int
    alone: int | None = Field(description="Moments of the pattern that pass this condition, whatever the others say.")
    without: int | None = Field(description="How many more would pass, were this condition not asked.")


class Relaxed(Part):
    """What one threshold a step looser would add."""

    parameter: str
    value: Figure
    looser: Figure
    signals: int
    trades: int


class Funnel(Answer):
    """Where the moments of a pattern are lost on their way to trades."""

    config_id: str
    parameters: str = Field(description="Whose moments are counted.")
    days: str = Field(description="On which days: those that chose the parameters, never those of the holdout.")
    stages: list[FunnelStage]
    exits: dict[str, int] = Field(description="Trades by the way they ended.")
    relaxed: list[Relaxed]
    tries: Tries


def funnel(ctx: Ctx, config_id: ConfigurationId) -> Funnel:
    """Show which condition of a configuration costs most signals, as its training counted them.

    The counts are of the days that were searched, which its training has counted as a try. What you change because of
    them is a further try on these days.
    """
    state = state_of(ctx)
    known = found(state, config_id)
    counts = trained(known).evidence.funnel
    if counts is None:
        raise ConflictError("config_id", "was stored without its funnel: train again", known.config_id)
    return Funnel(
        summary=explained(counts.sentence),
        config_id=known.config_id,
        parameters=explained(counts.of),
        days=explained(counts.on),
        stages=[
            FunnelStage(name=explained(one.name), left=one.passed, alone=one.alone, without=one.without)
            for one in counts.stages
        ],
        exits=dict(counts.exits),
        relaxed=[
            Relaxed(parameter=r.parameter, value=r.value, looser=r.looser, signals=r.signals, trades=r.trades)
            for r in counts.relaxed
        ],
        tries=tries_of(state, known),
    )


MAX_COMPARED = 10
LEFT_OUT = ("id", "config_id", "created_at", "updated_at", "runtime_env", "data_filter_config")
"""Fields that differ always and say nothing; the last counts bars of the holdout."""


class Compared(Part):
    """A configuration that is compared."""

    config_id: str
    stage: str = Field(description="By the ledger of today.")
    tries: Tries


class Difference(Part):
    """A field in which they differ, with a value for each in their order."""

    field: str
    values: list[Any]


class Comparison(Answer):
    """In what configurations differ."""

    configurations: list[Compared]
    differences: list[Difference]


def compare_configurations(
    ctx: Ctx,
    config_ids: Annotated[list[ConfigurationId], Field(min_length=2, max_length=MAX_COMPARED)],
) -> Comparison:
    """Show the fields in which configurations differ, each with its p_adjusted and tries.

    The best of several is not better for being chosen: whoever chooses by these numbers has made a larger search.
    """
    state = state_of(ctx)
    names = list(dict.fromkeys(state.registry.resolve(one) for one in config_ids))
    if len(names) < 2:
        raise InputError("config_ids", "must name two different configurations at least", config_ids)
    rows = [
        Compared(
            config_id=name,
            stage=state.registry.standing(name).stage.value,
            tries=tries_of(state, state.registry.get(name)),
        )
        for name in names
    ]
    differing = [
        Difference(field=name, values=[_shown(value) for value in values])
        for name, values in state.registry.compare(names).items()
        if name not in LEFT_OUT and len({json.dumps(v, sort_keys=True) for v in values}) > 1
    ]
    said = "; ".join(f"{one.config_id} is {one.stage} with p_adjusted {one.tries.p_adjusted}" for one in rows)
    return Comparison(
        summary=f"They differ in {len(differing)} fields. {said}.", configurations=rows, differences=differing
    )


def _shown(value: Any) -> Any:
    known = plain(value)
    return float(f"{known:.4g}") if isinstance(known, float) else known
