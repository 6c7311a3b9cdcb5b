"""What all sections of a document have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, WithJsonSchema

StageName = Literal["PAPER", "DISCOVERY", "VALIDATION", "MATURE", "DECAY"]
SideName = Literal["both", "long", "short"]
RegimeName = Literal["bull", "bear", "sideways", "volatile"]

Number = Annotated[float | int, WithJsonSchema({"type": "number"})]
"""A number that stays as it was written: 0 is not 0.0 in a digest."""

Setting = float | int | str | bool
"""The value of a parameter."""

Measures = Mapping[str, float | int | None]
"""Measures by name (see `assay.engine.glossary`): counts whole, unknown None."""


class Section(BaseModel):
    """A part of a document: frozen, without keys that nobody knows, without NaN and infinities."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    def by_key(self) -> dict[str, Any]:
        """Return the fields under the document's own keys."""
        return {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}
