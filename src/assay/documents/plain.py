"""Values as a document holds them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTS = ("total_trades", "sample_size", "drawdown_duration", "ambiguous_trades", "days")
"""Measures that are whole numbers."""


def plain(value: Any) -> Any:
    """Return a tree of values as JSON knows them: NaN and infinities become None, arrays lists."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def measures(values: Mapping[str, float]) -> dict[str, float | int | None]:
    """Return measures as a document holds them: counts whole, unknown None."""
    cleaned: dict[str, float | int | None] = plain(dict(values))
    for name in COUNTS:
        if cleaned.get(name) is not None:
            cleaned[name] = int(cleaned[name])  # type: ignore[arg-type]
    return cleaned


def iso(ms: int) -> str:
    """Return a moment in milliseconds UTC as ISO 8601 with Z."""
    return f"{datetime.fromtimestamp(int(ms) / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
