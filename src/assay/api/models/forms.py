"""Saved forms."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from assay.api.models.common import PLAIN, Answer

MAX_BYTES = 64 * 1024
"""Of a form."""

MAX_DEPTH = 32
"""Levels of lists and objects in a form."""

_EXAMPLE = {"strategy": "LIQUIDITY_SWEEP", "exchanges": ["binance"], "pairs": ["BTC/USDT"], "timeframes": ["5m"]}


def validate(config: dict[str, Any]) -> dict[str, Any]:
    """Return what a form says if it can be stored: plain JSON of a bounded size.

    Raises
    ------
    ValueError
        Saying what is asked.
    """
    try:
        content = json.dumps(config, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("must be plain JSON without NaN and without halves of characters") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"must be at most {MAX_BYTES:,} bytes")
    _check(config, 0)
    return config


def _check(value: Any, depth: int) -> None:
    """Refuse what no database holds, and what is too deep to be answered again."""
    if depth > MAX_DEPTH:
        raise ValueError(f"must not be deeper than {MAX_DEPTH} levels")
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("must not hold the character NUL")
    if isinstance(value, (dict, list)):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(part, depth + 1)


class FormBody(BaseModel):
    """A form to be saved."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=PLAIN,
        description="None of your others has it.",
        examples=["Every evening"],
    )
    config: Annotated[dict[str, Any], AfterValidator(validate)] = Field(
        description="The TrainingConfig, complete or not: it is checked when a training is started with it.",
        examples=[_EXAMPLE],
    )


class FormAnswer(Answer):
    """A saved form."""

    id: str
    name: str
    config: dict[str, Any] = Field(examples=[_EXAMPLE])
    created_at: str = Field(examples=["2026-01-02T03:04:05Z"])
    updated_at: str
