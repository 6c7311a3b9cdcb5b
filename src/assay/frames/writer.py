"""`ConfigurationWriter`: keep what was found in the registry."""

from __future__ import annotations

import getpass
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from assay.documents import Document
from assay.documents.explained import why_not_promoted
from assay.documents.unverified import unverified
from assay.errors import InputError, StrategyError, wrong_choice
from assay.frames.inputs import StrategyLike, as_parameters, as_strategy, cores
from assay.market import Timeframe, canonical_symbol
from assay.service.campaign import LedgerCampaign, begin_campaign, complete_for_promoted
from assay.service.ledger import append_training
from assay.service.reporter import Silent
from assay.service.run import run_training
from assay.service.training import describe_training
from assay.store import Database, Registry
from assay.store.database import now_ms
from assay.store.location import database_url
from assay.training import settle
from assay.training.evidence import Evidence, Metrics
from assay.validation.lifecycle import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.strategies import Strategy

    Make = Callable[[datetime], tuple[dict[str, Any], dict[str, Any] | None]]
    """From the moment of a document to the document, and the figures of its report where there are any."""

REQUESTABLE = STAGES[:-1]
"""DECAY is found by monitoring."""

MAX_SECONDS = 5
"""How far an id may lie ahead of its time."""


class StageCappedWarning(UserWarning):
    """A configuration was stored with a lower stage than was asked for: the evidence supports no more."""


class ConfigurationWriter:
    """Writes configurations into the registry.

    Parameters
    ----------
    database : Database, path or URL, optional
        ASSAY_DATABASE_URL, else the file in the home folder, where not given.
    """

    def __init__(self, database: Database | Path | str | None = None) -> None:
        self._given = database

    def _registry(self) -> Registry:
        if not isinstance(self._given, Database):
            self._given = Database.open(database_url() if self._given is None else self._given)
        return Registry(self._given)

    def save_configuration(
        self,
        strategy: StrategyLike,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, Any] | Evidence,
        lifecycle_stage: str = "PAPER",
        *,
        exchange: str | None = None,
        pair: str | None = None,
        timeframe: str | None = None,
    ) -> str:
        """Store a configuration and return its id, ``STRATEGY_V3_YYYYMMDD_HHMMSS_xxxxxx``.

        Parameters
        ----------
        strategy : str, Strategy class or Strategy
        parameters : mapping
            Parameters, or a result that holds some.
        metrics : mapping or Evidence
            Those of `WalkForwardValidator.validate` or of `train`'s `Evidence` know what they were measured on: the
            market, the span, the windows. Plain numbers prove nothing and are stored as PAPER, unverified.
        lifecycle_stage : str
            What is asked for; the evidence caps it.
        exchange, pair, timeframe : str, optional
            The market of plain numbers.

        Raises
        ------
        InputError
            When the metrics were measured with another strategy, other parameters or on another market.

        Warns
        -----
        StageCappedWarning
            When the evidence supports a lower stage than is asked for.
        """
        stage = _stage(lifecycle_stage)
        market = (
            None if exchange is None else exchange.strip().lower(),
            None if pair is None else canonical_symbol(pair),
            None if timeframe is None else str(Timeframe.parse(timeframe)),
        )
        make: Make
        if isinstance(metrics, (Evidence, Metrics)):
            evidence = self._settled(_proof(strategy, parameters, metrics, market))
            make = _proven(evidence, stage)
        elif isinstance(metrics, Mapping):
            make = _unproven(strategy, parameters, metrics, stage, market)
        else:
            raise InputError("metrics", "must be a mapping of names to numbers", type(metrics).__name__)
        document = Document.of(self._save(make))
        life = document.lifecycle
        if life.current_stage != stage:
            why = why_not_promoted(document)
            message = f"{document.config_id} is stored as {life.current_stage}, not as {stage}: {why}"
            warnings.warn(message, StageCappedWarning, stacklevel=2)
        return document.config_id

    def _settled(self, evidence: Evidence) -> Evidence:
        """Return the evidence with all that was tried on its days counted in, and count it as well."""
        database, user = self._registry().database, getpass.getuser()
        others = begin_campaign(database, evidence.experiment, evidence.bars, user=user)
        settled = settle(evidence, LedgerCampaign(database, others, Silent(), cores())(evidence))
        database.write(lambda c: append_training(c, settled, user=user, at_ms=now_ms()))
        complete_for_promoted(database, settled, Silent(), threads=cores())
        return settled

    def _save(self, make: Make) -> dict[str, Any]:
        """Store a document of this moment, or of the next second where the id is taken by another stage of it."""
        registry, now = self._registry(), datetime.now(UTC)
        for later in range(MAX_SECONDS):
            document, drawn = make(now + timedelta(seconds=later))
            try:
                registry.save(document, at_ms=round(now.timestamp() * 1000), figures=drawn)
            except InputError as error:
                if error.field != "configId" or later == MAX_SECONDS - 1:
                    raise
            else:
                break
        return document


def _stage(requested: str) -> str:
    stage = str(requested).strip().upper()
    if stage == "DECAY":
        raise InputError("lifecycle_stage", "is found by monitoring, never asked for", requested)
    if stage not in REQUESTABLE:
        raise wrong_choice("lifecycle_stage", requested, REQUESTABLE)
    return stage


def _proof(
    strategy: StrategyLike,
    parameters: Mapping[str, Any],
    metrics: Evidence | Metrics,
    market: tuple[str | None, str | None, str | None],
) -> Evidence:
    """Return what measures rest on, or refuse what was not measured."""
    named = as_strategy(strategy).name
    if named != metrics.experiment.strategy.name:
        raise InputError("strategy", f"is not the one that was measured, {metrics.experiment.strategy.name}", named)
    evidence = metrics if isinstance(metrics, Evidence) else metrics.evidence
    if evidence is None:
        evidence = run_training(metrics.experiment, metrics.bars, threads=cores())
    given = evidence.experiment.strategy.parameters.complete(as_parameters(parameters))
    if given != evidence.parameters:
        nothing = evidence.search.result.best is None and evidence.experiment.procedure == "train"
        hint = "No point of the search was positive: the evidence stands for the defaults" if nothing else ""
        other = {n: v for n, v in given.items() if v != evidence.parameters[n]}
        raise InputError("parameters", "are not those that were measured", other, hint)
    traded = evidence.bars.market
    measured = (traded.exchange, traded.symbol, str(traded.timeframe))
    for name, value, known in zip(("exchange", "pair", "timeframe"), market, measured, strict=True):
        if value is not None and value != known:
            raise InputError(name, f"is not the one that was measured, {known}", value)
    return evidence


def _proven(evidence: Evidence, stage: str) -> Make:
    def make(at: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
        trained = describe_training(evidence, at, requested=stage)
        return trained.document, trained.figures

    return make


def _unproven(
    strategy: StrategyLike,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, Any],
    stage: str,
    market: tuple[str | None, str | None, str | None],
) -> Make:
    values = as_parameters(parameters)
    found: Strategy | None = None
    try:
        found = as_strategy(strategy)
    except StrategyError:
        if not isinstance(strategy, str):
            raise
    name = str(strategy).strip().upper().removesuffix("_V3") if found is None else found.name
    if not name.replace("_", "").isalnum():
        raise InputError("strategy", "must be a name of letters, digits and underscores", strategy)
    complete = dict(values) if found is None else found.parameters.complete(values)
    return lambda now: (unverified(name, complete, metrics, now, market=market, requested=stage), None)
