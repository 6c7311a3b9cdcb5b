"""Sections on what the parameters were judged with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from assay.documents.sections.base import Number, Section, SideName


class Costs(Section):
    """Costs per side."""

    fee: Number = Field(description="Fraction of the traded notional.")
    slippage: Number = Field(description="Fraction of the price, always adverse.")
    tick: Number = Field(description="Smallest price step in price units; 0 = unknown.")
    commission: Number = Field(description="Price points per side.")


class Sizing(Section):
    """How much of the equity a trade moves."""

    method: Literal["risk", "notional"]
    risk_fraction: Number
    leverage_cap: Number


class Terms(Section):
    """Costs, sizing and stop floor."""

    costs: Costs
    sizing: Sizing
    min_stop_costs: Number = Field(description="Stops stay at least this many round trips of cost away; 0 = off.")


class Execution(Terms):
    """Side, costs, sizing and stop floor: they belong to the configuration as the parameters do."""

    side: SideName


class NoExecution(Section):
    """Nothing is known of the terms of plain measures."""
