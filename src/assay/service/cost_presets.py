"""Fees of exchanges as starting values: what a form offers for the costs of a training.

They are about those of the lowest tier of spot trading, which everybody has who begins; who trades more pays less and
gives his own. Exchanges change them, and nothing here follows: whoever uses one is told to look it up.
"""

from __future__ import annotations

from dataclasses import dataclass

SLIPPAGE = 0.0005
"""Of each fill, where nothing better is known of a market: no exchange publishes it."""


@dataclass(frozen=True, kw_only=True)
class CostPreset:
    """What an exchange takes of a fill.

    Attributes
    ----------
    exchange : str
    maker, taker : float
        Fractions of the notional: of an order that waits in the book, and of one that is filled at once.
    tier : str
        Of which of its customers.
    source : str
        Where the exchange publishes what holds today.
    as_of : str
        The year whose fees these are, as far as is known here.
    """

    exchange: str
    maker: float
    taker: float
    tier: str
    source: str
    as_of: str


PRESETS = (
    CostPreset(
        exchange="binance",
        maker=0.001,
        taker=0.001,
        tier="regular user, spot",
        source="https://www.binance.com/en/fee/schedule",
        as_of="2025",
    ),
    CostPreset(
        exchange="kraken",
        maker=0.0025,
        taker=0.004,
        tier="Kraken Pro below $10,000 in 30 days, spot",
        source="https://www.kraken.com/features/fee-schedule",
        as_of="2025",
    ),
    CostPreset(
        exchange="coinbase",
        maker=0.006,
        taker=0.012,
        tier="Coinbase Advanced, lowest tier, spot",
        source="https://www.coinbase.com/advanced-fees",
        as_of="2025",
    ),
    CostPreset(
        exchange="bybit",
        maker=0.001,
        taker=0.001,
        tier="non-VIP, spot",
        source="https://www.bybit.com/en/help-center/article/Trading-Fee-Structure",
        as_of="2025",
    ),
)
"""One per exchange of the users' form."""

MAKER_NOTE = (
    "Every simulated order is filled at once, as a taker's: a maker's fee understates what such orders cost, unless "
    "yours wait in the book."
)
