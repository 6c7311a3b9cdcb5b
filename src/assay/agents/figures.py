"""Numbers and answers as tools give them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from assay.documents.plain import plain

DIGITS = 4


def rounded(value: float | None) -> float | None:
    """Return a number to four digits; None for one that is unknown or no number."""
    known = plain(value)
    return None if known is None else float(f"{known:.{DIGITS}g}")


Figure = Annotated[float | None, AfterValidator(rounded)]
"""A number to four digits: more would be noise to who reads it."""


class Part(BaseModel):
    """A part of an answer: what stands in it is declared."""

    model_config = ConfigDict(extra="forbid")


class Answer(Part):
    """What a tool answers."""

    summary: str = Field(description="The answer in plain words.")


class MarketName(Part):
    """Which market."""

    exchange: str
    symbol: str
    timeframe: str

    def __str__(self) -> str:
        return f"{self.exchange} {self.symbol} {self.timeframe}"
