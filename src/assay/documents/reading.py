"""The V3 document as a value: typed sections beside the mapping that is stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from assay.documents.schema import is_proven, parsed, validate
from assay.documents.sections.common import (
    CircuitBreakers,
    Context,
    Lifecycle,
    Metrics,
    PortfolioBreakers,
    TrainedContext,
)
from assay.documents.sections.evidence import Evidence
from assay.documents.sections.execution import Execution
from assay.documents.sections.provenance import Provenance, UnverifiedProvenance
from assay.documents.sections.validation import Validation
from assay.training.procedure import PROCEDURE_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.documents.sections.base import Measures, Setting


@dataclass(frozen=True, eq=False)
class Document:
    """A V3 configuration: `TrainedDocument` or `UnverifiedDocument`.

    A section is checked when it is first used, so that a list of a thousand documents costs nothing for what nobody
    looks at; `read` checks all of them. A section that does not keep the schema raises `FileFormatError`.

    Attributes
    ----------
    raw : mapping
        The document as it is stored, which no typed access changes.
    is_proven : bool
        Whether it holds evidence; `isinstance(document, TrainedDocument)` tells a type checker, too.
    """

    raw: Mapping[str, Any]

    is_proven: ClassVar[bool] = False

    @staticmethod
    def of(raw: Mapping[str, Any]) -> TrainedDocument | UnverifiedDocument:
        """Return a document whose sections are checked as they are used; its digest is not."""
        return TrainedDocument(raw) if is_proven(raw) else UnverifiedDocument(raw)

    @property
    def config_id(self) -> str:
        """The document's name."""
        return str(self.raw["configId"])

    @property
    def version(self) -> str:
        """Of the schema."""
        return str(self.raw["version"])

    @property
    def strategy(self) -> str:
        """Whose rules the parameters belong to."""
        return str(self.raw["strategy"])

    @property
    def created_at(self) -> str:
        """When it was made, ISO 8601 UTC."""
        return str(self.raw["createdAt"])

    @property
    def parameters(self) -> Mapping[str, Setting]:
        """The strategy's settings by name."""
        settings: Mapping[str, Setting] = self.raw["parameters"]
        return settings

    @property
    def measures(self) -> Measures:
        """All measures by name, as they are stored."""
        values: Measures = self.raw["metrics"]
        return values

    @cached_property
    def metrics(self) -> Metrics:
        """The measures that every document names."""
        return parsed(Metrics, self.raw["metrics"], "metrics")

    @cached_property
    def context(self) -> Context:
        """Market, side and span."""
        return parsed(Context, self.raw["context"], "context")

    @cached_property
    def lifecycle(self) -> Lifecycle:
        """How far it may be believed."""
        return parsed(Lifecycle, self.raw["lifecycle"], "lifecycle")

    @cached_property
    def circuit_breakers(self) -> CircuitBreakers:
        """Limits at which it is paused."""
        return parsed(CircuitBreakers, self.raw["circuit_breakers"], "circuit_breakers")

    @cached_property
    def portfolio_circuit_breakers(self) -> PortfolioBreakers:
        """Limits over all configurations that trade together."""
        return parsed(PortfolioBreakers, self.raw["portfolio_circuit_breakers"], "portfolio_circuit_breakers")

    @cached_property
    def provenance(self) -> Provenance | UnverifiedProvenance:
        """By what code it was stored, and where it comes from if that is known."""
        return parsed(UnverifiedProvenance, self.raw["provenance"], "provenance")


@dataclass(frozen=True, eq=False)
class TrainedDocument(Document):
    """A configuration with its evidence."""

    is_proven = True

    @cached_property
    def context(self) -> TrainedContext:
        """Market, side and span that it was trained on."""
        return parsed(TrainedContext, self.raw["context"], "context")

    @cached_property
    def execution(self) -> Execution:
        """What the parameters were judged with."""
        return parsed(Execution, self.raw["execution"], "execution")

    @cached_property
    def validation(self) -> Validation:
        """How it was tested on days that did not choose it."""
        return parsed(Validation, self.raw["validation"], "validation")

    @cached_property
    def evidence(self) -> Evidence:
        """What was searched, and what speaks for or against the result."""
        return parsed(Evidence, self.raw["evidence"], "evidence")

    @cached_property
    def provenance(self) -> Provenance:
        """Where it comes from."""
        return parsed(Provenance, self.raw["provenance"], "provenance")

    @property
    def is_of_this_procedure(self) -> bool:
        """Whether the procedure of today made it: only then can its statistics be compared with those of others."""
        return self.provenance.experiment.procedure_version == PROCEDURE_VERSION

    @property
    def canonical_experiment(self) -> Mapping[str, Any]:
        """The experiment's canonical form as it is stored, which `Experiment.from_canonical` reads."""
        terms: Mapping[str, Any] = self.raw["provenance"]["experiment"]
        return terms


@dataclass(frozen=True, eq=False)
class UnverifiedDocument(Document):
    """Parameters whose measures nothing proves: there is no execution, validation or evidence to look at."""

    @cached_property
    def provenance(self) -> UnverifiedProvenance:
        """By what code it was stored."""
        return parsed(UnverifiedProvenance, self.raw["provenance"], "provenance")


def read(raw: Mapping[str, Any]) -> TrainedDocument | UnverifiedDocument:
    """Return a V3 document whose every section and digest was checked.

    Raises
    ------
    FileFormatError
        Naming the first fault, or that the content was changed after the digest was made.
    """
    return Document.of(validate(dict(raw)))
