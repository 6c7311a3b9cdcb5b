"""Answers about configurations."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field, create_model

from assay.api.models.common import Answer
from assay.api.paging import Page
from assay.service.configurations import TIMES
from assay.store import schema
from assay.store.fields import FIELDS

_EXAMPLES = {
    "config_id": "LIQUIDITY_SWEEP_V3_20260301_123456_f10cb7",
    "strategy_name": "LIQUIDITY_SWEEP",
    "exchange": "binance",
    "pair": "BTC/USDT",
    "timeframe": "5m",
    "status": "VALIDATION",
    "sharpe_ratio": 1.23,
}
_KINDS: dict[type[Any], Any] = {sa.Boolean: bool, sa.BigInteger: int, sa.Double: float, sa.String: str}


def _kind(name: str) -> Any:
    """Return the Python type of a column as an answer holds it."""
    column = schema.trained_configurations.c[name]
    kind = next((python for sql, python in _KINDS.items() if isinstance(column.type, sql)), Any)
    kind = str if name in TIMES else kind
    return kind | None if column.nullable and kind is not Any else kind


def _field(name: str) -> Any:
    field = FIELDS[name]
    unit = f" ({field.unit})" if field.unit else ""
    why = f"; null: {field.unknown}" if field.unknown else ""
    return Field(description=f"{field.meaning}{unit}{why}", examples=[_EXAMPLES[name]] if name in _EXAMPLES else None)


_COLUMNS: dict[str, Any] = {name: (_kind(name), _field(name)) for name in FIELDS}
Row: type[Answer] = create_model("ConfigurationRow", __base__=Answer, __doc__="A configuration's row.", **_COLUMNS)
"""Every column of a stored configuration but its document; times are texts, what is unknown is null."""


class Changed(Answer):
    """A configuration that is not shown, since it was changed after it was stored."""

    configuration: str
    change: str = Field(examples=["its column sharpe_ratio is 9.9, its document gives 1.1"])


class ConfigurationPage(Page[Any]):
    """Configurations of a page; those that were changed after they were stored are named beside the others."""

    items: list[Row]  # type: ignore[valid-type]  # the model is made from the table of fields
    changed: list[Changed] = Field(default_factory=list)


class Brief(Answer):
    """A configuration in one line."""

    config_id: str
    strategy_name: str
    exchange: str | None
    pair: str | None
    timeframe: str | None
    status: str
    is_active: bool
    sharpe_ratio: float | None


class OfStrategy(Answer):
    """The configurations of a strategy."""

    strategy: str
    configurations: int
    active: int
    best_sharpe_ratio: float | None
    best_net_profit: float | None


class Summary(Answer):
    """How many configurations there are; archived ones are counted on their own and nowhere else."""

    total: int
    archived: int
    active: int
    newest_at: str | None
    by_stage: dict[str, int] = Field(examples=[{"PAPER": 12, "VALIDATION": 2}])
    by_strategy: list[OfStrategy]
    best: list[Brief] = Field(description="The five of the highest Sharpe ratio out of sample.")
    active_configurations: list[Brief]


class Standing(Answer):
    """What a configuration is worth today, with all that was tried on its days since."""

    stage: str
    p_adjusted: float | None
    experiments: int
    unknown: int
    reason: str | None


class Meaning(Answer):
    """A field explained."""

    field: str
    value: Any
    unit: str
    meaning: str


class Shown(Answer):
    """A configuration: its row, the V3 document as it was stored, and what it is worth today."""

    row: Row  # type: ignore[valid-type]  # the model is made from the table of fields
    configuration: dict[str, Any] = Field(description="The V3 document (docs/configuration-v3.schema.json).")
    standing: Standing
    why_not_promoted: str | None
    contradiction: str | None = Field(description="What in the document contradicts what; null where nothing does.")
    explained: dict[str, list[Meaning]] | None = Field(None, description="Every field by section; with explain=true.")


class Switched(Answer):
    """A configuration after it was activated."""

    configuration: Row  # type: ignore[valid-type]  # the model is made from the table of fields
    replaced: str | None = Field(description="The one that was active for its market until now.")


class Moved(Answer):
    """A configuration after it was deactivated, archived or brought back."""

    configuration: Row  # type: ignore[valid-type]  # the model is made from the table of fields
    changed: bool = Field(description="false where there was nothing to do.")


class Compared(Answer):
    """Fields of several configurations, a value for each of them."""

    configurations: list[str]
    fields: dict[str, list[Any]]


class Run(BaseModel):
    """What is stored of a run out of sample."""

    configuration: str


class Trades(Run):
    """The trades out of sample; docs/registry.md says what their columns are."""

    trades: list[dict[str, Any]]


class Equity(Run):
    """The equity out of sample at the end of each day, from 1 before the first."""

    equity: list[dict[str, Any]]
