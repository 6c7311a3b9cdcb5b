"""How often a strategy signals on recorded bars, and how its trades end: at the defaults, as Markdown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.report import Row, Table, markdown

from assay.engine import REASONS, Costs, Execution, Side, Span
from assay.engine.replay import eligible
from assay.engine.rules import passing
from assay.evaluation import backtest
from assay.market import measure_quality
from documentation.anatomy import signals_designed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.market import Bars
    from assay.strategies import Strategy

LIQUID_PCT = 95.0
"""Valid bars from which a market counts as liquid here."""


@dataclass(frozen=True)
class Rate:
    """Signals of one market per 10,000 recorded bars."""

    market: str
    bars: int
    valid_pct: float
    long: float
    short: float

    @property
    def row(self) -> Row:
        """A row of the table."""
        shown = {"valid %": self.valid_pct, "long": self.long, "short": self.short}
        return {"market": self.market, "bars": self.bars, **{name: round(x, 1) for name, x in shown.items()}}


def per_ten_thousand(strategy: Strategy, bars: Bars, side: str) -> float:
    """Return signals per 10,000 recorded bars at the defaults, shorts allowed, were no position ever open."""
    values = strategy.parameters.defaults
    values |= {"allow_short": True} if "allow_short" in values else {}
    rows = strategy.all_setups(bars, values, side)
    rows = eligible(bars, rows, Span(0, len(bars), strategy.warmup(values)))
    signals = np.unique(rows.bar[passing(strategy.rules, rows.features, values, len(rows))])
    return 10_000 * len(signals) / int((~bars.absent).sum())


def rate(strategy: Strategy, bars: Bars) -> Rate:
    """Return the rates of a market."""
    quality, market = measure_quality(bars), bars.market
    long, short = (per_ten_thousand(strategy, bars, side) for side in ("long", "short"))
    return Rate(f"{market.exchange} {market.symbol}", quality.recorded, quality.valid_pct, long, short)


def rate_table(strategy: Strategy, markets: Iterable[Bars]) -> str:
    """Return signal rates on all markets but futures, the cleanest first, and what they were designed to be."""
    rates = [rate(strategy, bars) for bars in markets if bars.market.kind != "future"]
    rates.sort(key=lambda r: (-round(r.valid_pct, 1), r.market))
    table = markdown(Table("Signals per 10,000 bars at the defaults, 5-minute bars", [r.row for r in rates]))
    designed = signals_designed(strategy)
    if designed is None:
        return f"{table}\n"
    low, high = designed
    found = [round(x) for r in rates if r.valid_pct >= LIQUID_PCT for x in (r.long, r.short)]
    inside = sum(low <= x <= high for x in found)
    said = (
        f"The rules were designed for {low} to {high} on liquid crypto markets; {inside} of the {len(found)} rates of "
        f"markets with at least {LIQUID_PCT:g} % valid bars lie there (as whole numbers)."
    )
    return f"{table}\n\n{said}\n"


def ends(strategy: Strategy, markets: Iterable[Bars]) -> str:
    """Say how long trades end at the defaults, and how large their risk is against the costs."""
    reasons: Counter[str] = Counter()
    risks, names = [], []
    for bars in markets:
        trades = backtest(strategy, bars, strategy.parameters.defaults, execution=Execution(Side.LONG)).trades
        reasons.update(REASONS[r] for r in trades.reason)
        close = bars.close[trades.signal_bar]
        risks.append(100.0 * np.abs(close - trades.stop) / close)
        names.append(bars.market.symbol)
    total = reasons.total()
    shares = ", ".join(
        f"{100 * n / total:.0f} % `{reason}`" for reason, n in reasons.most_common() if n >= 0.005 * total
    )
    risk = np.median(np.concatenate(risks))
    return (
        f"How {total:,} longs of {', '.join(names)} ended: {shares}. The median risk, from the signal's close to the "
        f"stop, is {risk:.2f} % of the price; a round trip costs {100 * Costs().round_trip:.2f} % by default.\n"
    )
