"""The shape of the V3 document, checked on every write and every read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from assay.documents.sections.base import Section, Setting, StageName
from assay.documents.sections.common import (
    CircuitBreakers,
    Context,
    Lifecycle,
    Metrics,
    PortfolioBreakers,
    TrainedContext,
)
from assay.documents.sections.evidence import Evidence, NoEvidence
from assay.documents.sections.execution import Execution, NoExecution
from assay.documents.sections.provenance import Provenance, UnverifiedProvenance
from assay.documents.sections.validation import NoValidation, Validation
from assay.errors import FileFormatError

SomeSection = TypeVar("SomeSection", bound=BaseModel)

VERSION = "3.0.0"


class Configuration(Section):
    """A configuration, version 3: one of its two kinds, `TrainedConfiguration` or `UnverifiedConfiguration`."""

    config_id: str = Field(alias="configId", pattern=r"^[A-Z0-9_]+_V3_\d{8}_\d{6}_[0-9a-f]{6}$")
    version: Literal["3.0.0"]
    strategy: str
    created_at: str = Field(alias="createdAt")
    context: Context
    parameters: Mapping[str, Setting]
    execution: Execution | NoExecution
    metrics: Metrics
    validation: Validation | NoValidation
    evidence: Evidence | NoEvidence
    lifecycle: Lifecycle
    circuit_breakers: CircuitBreakers
    portfolio_circuit_breakers: PortfolioBreakers
    provenance: Provenance | UnverifiedProvenance


class TrainedConfiguration(Configuration):
    """A trained configuration, version 3, with its evidence."""

    context: TrainedContext
    execution: Execution
    validation: Validation
    evidence: Evidence
    provenance: Provenance

    @model_validator(mode="before")
    @classmethod
    def _a_market_is_named(cls, document: Any) -> Any:
        context = _part(document, "context")
        if any(name in context and context[name] is None for name in ("exchange", "pair", "timeframe")):
            raise ValueError("a market must be named where there is evidence")
        return document


class UnverifiedConfiguration(Configuration):
    """Parameters, version 3, whose measures nothing proves: PAPER."""

    execution: NoExecution
    validation: NoValidation
    evidence: NoEvidence
    provenance: UnverifiedProvenance

    @model_validator(mode="before")
    @classmethod
    def _nothing_proven_is_paper(cls, document: Any) -> Any:
        if _part(document, "lifecycle").get("current_stage") in set(get_args(StageName)) - {"PAPER"}:
            raise ValueError("a configuration without evidence is PAPER")
        return document


def _part(document: object, name: str) -> Mapping[str, Any]:
    """Return a part of what may be a document; an empty one where there is none."""
    part = document.get(name) if isinstance(document, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def is_proven(document: Mapping[str, Any]) -> bool:
    """Whether a document says that it holds evidence."""
    return _part(document, "evidence").get("verified") is True


def content_digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document but for configId, createdAt and the digest itself: equal experiments have equal ones."""
    content = {name: value for name, value in document.items() if name not in ("configId", "createdAt")}
    content["provenance"] = {n: v for n, v in document["provenance"].items() if n != "document_digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a new document with the digest of its content, validated."""
    provenance = document["provenance"] | {"document_digest": content_digest(document)}
    return validate(document | {"provenance": provenance})


def parsed(model: type[SomeSection], value: object, where: str = "") -> SomeSection:
    """Return a part of a document as its model.

    Parameters
    ----------
    where : str
        The path of the part, for a message.

    Raises
    ------
    FileFormatError
        Naming the first fault.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in (where, *first["loc"]) if part != "")
        raise FileFormatError(f"configuration {path}", first["msg"], first.get("input")) from None


def validate(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document if it keeps the schema and is as it was written.

    Raises
    ------
    FileFormatError
        Naming the first fault, or that the content was changed after the digest was made.
    """
    found = parsed(TrainedConfiguration if is_proven(document) else UnverifiedConfiguration, document)
    digest = found.provenance.document_digest
    if digest != content_digest(document):
        raise FileFormatError(
            "configuration provenance.document_digest",
            "must be the digest of the document: it was changed after it was written",
            digest,
            "Train again, or export it again from the database",
        )
    return document


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the V3 document."""
    kinds: TypeAdapter[TrainedConfiguration | UnverifiedConfiguration] = TypeAdapter(
        TrainedConfiguration | UnverifiedConfiguration
    )
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **kinds.json_schema()}
