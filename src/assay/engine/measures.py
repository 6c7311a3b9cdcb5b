"""Measures of a run: one definition each, used by sweep, replay, files and pages alike.

`*_pct` is percent points, every other rate a fraction; NaN is 'undefined'.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import risk
from assay.engine.objectives import OBJECTIVES
from assay.engine.sums import TABLE, from_sums
from assay.engine.trades import Run
from assay.errors import require
from assay.market import require_bars
from assay.rounding import deviation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars

STARTING_BALANCE = 10_000.0
"""Quote currency from which `net_profit` is counted."""


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan


def compounded_pct(returns: NDArray[np.float64]) -> float:
    """Net profit of trades one after the other, from their size x return, shape (n,); ruin is final."""
    return 100.0 * (float(np.prod(np.maximum(1.0 + returns, 0.0))) - 1.0)


def drawdown_days(equity: NDArray[np.float64]) -> int:
    """Longest stretch of days below an earlier high, counted on day ends from a start of 1."""
    longest = current = 0
    peak = 1.0
    for value in equity.tolist():
        current = current + 1 if value < peak else 0
        peak = max(peak, value)
        longest = max(longest, current)
    return longest


def adverse_selection(run: Run, bars: Bars) -> float:
    """Return max(0, 2 x share of fills whose bar closed against them - 1); NaN below 30 trades.

    Measured from the open of the fill bar, without slippage, to its close: 0 none, 1 all.
    """
    t = run.trades
    if len(t) < 30:
        return math.nan
    against = t.side * (bars.close[t.entry_bar] - bars.open[t.entry_bar]) < 0
    return max(0.0, 2.0 * float(against.mean()) - 1.0)


def measure(run: Run, bars: Bars) -> dict[str, float]:
    """Compute every measure of a run.

    Returns
    -------
    dict of str to float
        NaN where undefined. See `docs/measures.md` for unit, formula and range of each.
    """
    require("run", run, Run)
    require_bars(bars)
    year = bars.market.days_per_year
    trades = run.trades
    names = dict.fromkeys((*TABLE, *OBJECTIVES))
    result = {name: float(from_sums(run.sums, name, year)) for name in names}
    net, days = trades.net_return, len(run.equity)
    wins, losses = net[net > 0], net[net <= 0]
    spread = float(deviation(net))
    daily = run.daily_returns
    result |= {
        "sample_size": result["total_trades"],
        "gross_win_rate": _mean((trades.gross_return > 0).astype(float)),
        "net_profit": STARTING_BALANCE * result["net_profit_pct"] / 100.0,
        "expectancy_r": _mean(trades.r_multiple),
        "avg_win_pct": 100.0 * _mean(wins),
        "avg_loss_pct": 100.0 * _mean(losses),
        "avg_holding_periods": _mean(trades.bars_held.astype(float)),
        "exposure": float(np.sum(trades.exit_bar - trades.entry_bar + 1)) / run.bars,
        "fill_rate": len(trades) / run.orders_sent if run.orders_sent else math.nan,
        "z_score": float(net.mean()) / (spread / math.sqrt(len(net))) if len(net) else math.nan,
        "drawdown_duration": float(drawdown_days(run.equity)),
        "adverse_selection_score": adverse_selection(run, bars),
        "var_95": risk.value_at_risk(daily),
        "cvar_95": risk.expected_shortfall(daily),
        "monte_carlo_var": risk.monte_carlo_value_at_risk(daily),
        "trade_clustering": risk.clustering(bars.day[trades.entry_bar], run.first_day, days),
        "rolling_30d_sharpe": risk.last_month_sharpe(daily, year),
        "lifetime_sharpe_ratio": result["sharpe_ratio"],
        "post_trade_drift_1m": risk.drift_bps(trades, bars, 1),
        "post_trade_drift_5m": risk.drift_bps(trades, bars, 5),
        "ambiguous_trades": float(np.count_nonzero(trades.ambiguous)),
        "optimistic_net_profit_pct": compounded_pct(trades.size * trades.optimistic_return),
        "capped_size_share": _mean((trades.size >= 1.0).astype(float)),
        "days": float(days),
    }
    return result
