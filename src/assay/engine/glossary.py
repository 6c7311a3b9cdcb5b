"""Unit, meaning and NULL rule of every measure, once for documents, pages and the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """What a measure says.

    Attributes
    ----------
    unit : str
        ``%`` is percent points, ``fraction`` in [0, 1] where it is a share.
    meaning : str
    unknown : str
        When it is undefined; empty = never.
    """

    unit: str
    meaning: str
    unknown: str = ""


MEASURES: dict[str, Measure] = {
    "net_profit_pct": Measure("%", "profit after all costs, compounded: product of 1 + size x net return, less 1", ""),
    "net_profit": Measure("quote currency", "the same on a balance of 10,000", ""),
    "total_trades": Measure("count", "closed trades", ""),
    "sample_size": Measure("count", "the same number under another name", ""),
    "win_rate": Measure("fraction", "trades with a return above 0 after costs", "no trade"),
    "gross_win_rate": Measure("fraction", "trades with a return above 0 before costs", "no trade"),
    "profit_factor": Measure("ratio", "sum of size x return of wins over that of losses", "no loss"),
    "expectancy_pct": Measure("%", "mean net return of a trade", "no trade"),
    "expectancy_r": Measure("R", "mean of the trades' R (net result over the amount at risk)", "no trade"),
    "avg_win_pct": Measure("%", "mean net return of the wins", "no win"),
    "avg_loss_pct": Measure("%", "mean net return of the trades that did not win", "no loss"),
    "sharpe_ratio": Measure(
        "annual", "mean over sample std of daily marked returns, x sqrt(365) (252 for CME)", "returns do not vary"
    ),
    "sortino_ratio": Measure("annual", "mean over root mean square of negative daily returns", "no losing day"),
    "calmar_ratio": Measure("ratio", "annualised return over the largest drawdown", "no drawdown"),
    "max_drawdown_pct": Measure(
        "%",
        "largest fall of the equity from an earlier high, at bar closes, open positions included; never positive",
        "",
    ),
    "drawdown_duration": Measure("days", "longest time below an earlier high", ""),
    "exposure": Measure("fraction", "share of the bars of the run with an open position", ""),
    "avg_holding_periods": Measure("bars", "mean time in a trade", "no trade"),
    "fill_rate": Measure("fraction", "orders filled over orders sent", "no order"),
    "z_score": Measure("", "t statistic of the mean net return of a trade", "fewer than 2 trades, or they do not vary"),
    "p_value": Measure(
        "", "(1 + as good or better)/(1 + done) of the permutation test, on the days that were searched", "not run"
    ),
    "adverse_selection_score": Measure(
        "fraction", "max(0, 2 x share of fills whose bar closed against them - 1)", "below 30 trades"
    ),
    "stability_score": Measure(
        "fraction",
        ".4/(1 + std of test Sharpe) + .3/(1 + 10 std of test win rate) + .3 x profitable share",
        "fewer than 2 windows traded",
    ),
    "var_95": Measure(
        "fraction",
        "loss that 5 % of the days exceed: minus the 5 % quantile of the daily returns (linear)",
        "below 20 days",
    ),
    "cvar_95": Measure(
        "fraction",
        "mean loss of the worst 5 % of the days (a day that is only partly among them counts in part)",
        "below 20 days",
    ),
    "monte_carlo_var": Measure(
        "fraction",
        "loss of 30 days that 5 % of 2,000 resampled months exceed (days drawn with replacement, seeded)",
        "below 30 days",
    ),
    "trade_clustering": Measure(
        "ratio", "sample variance over mean of entries a day: 1 at random, more in clusters", "below 30 trades"
    ),
    "rolling_30d_sharpe": Measure("annual", "Sharpe ratio of the last 30 days", "below 30 days, or they do not vary"),
    "lifetime_sharpe_ratio": Measure(
        "annual", "Sharpe ratio of all days so far; right after a training that is sharpe_ratio", "returns do not vary"
    ),
    "kelly_fraction": Measure(
        "fraction",
        "max(0, W - (1 - W)/(average win/average loss)): capital to risk on a trade",
        "not MATURE, no win or no loss",
    ),
    "post_trade_drift_1m": Measure(
        "bps",
        "mean move in favour from the open of the fill bar to 1 minute later",
        "no trade, or bars coarser than 1 minute",
    ),
    "post_trade_drift_5m": Measure(
        "bps", "the same to 5 minutes later", "no trade, or bars that do not make 5 minutes"
    ),
    "ambiguous_trades": Measure("count", "trades whose last bar reached both stop and target: the stop is taken", ""),
    "optimistic_net_profit_pct": Measure("%", "net profit had every ambiguous trade reached its target first", ""),
    "capped_size_share": Measure("fraction", "trades whose size the leverage cap decides, not the risk", "no trade"),
    "days": Measure("count", "days of the run, also those without a trade", ""),
}
"""By name; `docs/measures.md` is its table."""


def markdown() -> str:
    """Return the table of `docs/measures.md`."""
    lines = ["| name | unit | meaning | unknown when |", "|---|---|---|---|"]
    lines += [f"| `{n}` | {m.unit} | {m.meaning} | {m.unknown} |" for n, m in MEASURES.items()]
    return "\n".join(lines) + "\n"
