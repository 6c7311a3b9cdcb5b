"""vectorbt's six measures reconciled with ours, on combinations whose every trade is equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.engine import TABLE, from_sums
from benchmarks import peer_vectorbt
from benchmarks.plan import own, own_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market import Bars
    from benchmarks.plan import Plan
    from benchmarks.report import Row


def _money_factor(net: NDArray[np.float64]) -> float:
    """Profit factor of money: each return times the equity it was earned on."""
    money = net * np.concatenate(([1.0], np.cumprod(1.0 + net)))[:-1]
    lost = -float(money[money <= 0].sum())
    return float(money[money > 0].sum()) / lost if lost > 0 else float("nan")


def table(bars: Bars, plans: list[Plan]) -> tuple[list[Row], dict[str, bool]]:
    """Its six measures beside ours where every trade is equal: no time stop, cooldown of a bar, no costs."""
    columns = peer_vectorbt.columns(bars, plans)
    portfolio = peer_vectorbt.run(bars, columns, "numba", fee=0.0, slip=0.0)
    theirs = np.array(
        [np.broadcast_to(np.asarray(m, dtype=float), len(plans)) for m in peer_vectorbt.measures(portfolio)]
    )
    runs = [own_run(bars, p, hold=False, cooldown=1, fee=0.0, slip=0.0) for p in plans]
    sums = np.array([run.sums for run in runs])
    ends = np.append(np.flatnonzero(np.diff(bars.day)), len(bars) - 1)
    values = np.vstack([np.full(len(plans), peer_vectorbt.CASH), portfolio.value().to_numpy()[ends]])
    daily = np.diff(values, axis=0) / values[:-1]
    with np.errstate(all="ignore"):
        theirs_daily = daily.mean(axis=0) / daily.std(axis=0, ddof=1) * np.sqrt(365)
    compounded = np.array([_money_factor(run.trades.net_return) for run in runs])
    count, rate, net, factor, drawdown, sharpe = (from_sums(sums, name, 365) for name in TABLE)
    tick = 1e-5  # one step of the price, as a fraction of it, is well below
    compared = (
        ("total_trades", count, theirs[0], 0.0, "equal"),
        ("win_rate", rate, theirs[1], 1e-12, "equal"),
        ("net_profit", net / 100, theirs[2], 1e-9, "equal to rounding"),
        ("profit_factor", factor, theirs[3], None, "theirs sums money, which compounds; ours sums returns"),
        ("profit_factor of money", compounded, theirs[3], 1e-9, "equal to rounding once ours sums money, too"),
        ("max_drawdown", drawdown / 100, theirs[4], tick, "theirs marks at the close before the fill, too: a tick"),
        ("sharpe_ratio", sharpe, theirs[5], None, "theirs is of bar returns, ours of daily ones"),
        ("sharpe_ratio of days", sharpe, theirs_daily, 1e-3, "equal but for that tick once theirs is daily, too"),
    )
    rows: list[Row] = []
    checks: dict[str, bool] = {}
    for name, mine, peer, tolerance, reason in compared:
        both = np.isfinite(mine) & np.isfinite(peer)
        largest = float(np.abs(mine - peer)[both].max()) if both.any() else 0.0
        value = float(np.abs(mine[both]).max()) if both.any() else 0.0
        rows.append(
            {
                "measure": name,
                "combinations": int(both.sum()),
                "largest_difference": largest,
                "largest_value": value,
                "reason": reason,
            }
        )
        if tolerance is not None:
            checks[f"vectorbt without costs: {name}"] = largest <= tolerance
    fee = 0.001
    paid = peer_vectorbt.run(bars, columns, "numba", fee=fee, slip=0.0).total_return().to_numpy()
    nets = [own(bars, p, hold=False, cooldown=1, fee=fee, slip=0.0).net_return for p in plans]
    expected = np.array([np.prod(1.0 + net / (1.0 + fee)) - 1.0 for net in nets])
    checks["vectorbt with a fee: equity as if each trade moved 1 / (1 + fee)"] = bool(
        np.allclose(paid, expected, atol=1e-9)
    )
    return rows, checks
