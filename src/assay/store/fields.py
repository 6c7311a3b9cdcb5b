"""Every field of a stored configuration: unit, meaning, where it comes from, and why it may be unknown.

One table for the writer, `assay configurations show` and `docs/registry.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Field:
    """One column of `trained_configurations`.

    Attributes
    ----------
    name : str
    unit : str
        Empty for texts. `fraction` is shown in percent; `%` is percent points already.
    meaning : str
    source : str
        Path in the V3 document; empty where the registry itself knows it, or nothing does.
    unknown : str
        Why nothing can know it yet: such a column is NULL on purpose.
    """

    name: str
    unit: str
    meaning: str
    source: str = ""
    unknown: str = ""

    def read(self, document: Mapping[str, Any]) -> Any:
        """Return the field's value in a document; None where it has none."""
        value: Any = document if self.source else None
        for part in self.source.split(".") if self.source else ():
            value = value.get(part) if isinstance(value, dict) else None
        return value


_FILLS = "needs live fills: a backtest has none"
_BOOK = "needs a recorded order book: bars have none"
_OTHERS = "depends on what else trades at the moment: the portfolio decides it, not a training"
_WATCH = "needs days after the training: monitoring fills it in"
_SOURCE = "no source of it is connected"

GROUPS: dict[str, tuple[Field, ...]] = {
    "identification": (Field("id", "", "the row's own number (UUID made from config_id)"),),
    "context": (
        Field("strategy_name", "", "whose rules the parameters belong to", "strategy"),
        Field("exchange", "", "where the bars came from", "context.exchange"),
        Field("pair", "", "what is traded", "context.pair"),
        Field("timeframe", "", "length of a bar", "context.timeframe"),
        Field("regime", "", "what the days of the training were: bull, bear, sideways or volatile", "context.regime"),
    ),
    "lifecycle": (
        Field("status", "", "how far it may be believed: PAPER (not at all) to MATURE", "lifecycle.current_stage"),
        Field("is_active", "", "whether programs load it; at most one per strategy, exchange, pair and timeframe"),
    ),
    "parameters": (Field("parameters_json", "", "the strategy's settings", "parameters"),),
    "performance": (
        Field("gross_win_rate", "fraction", "trades that won before costs", "metrics.gross_win_rate"),
        Field("avg_win", "%", "mean net return of a winning trade", "metrics.avg_win_pct"),
        Field("avg_loss", "%", "mean net return of a losing trade", "metrics.avg_loss_pct"),
        Field("net_profit", "quote currency", "profit after all costs on a balance of 10,000", "metrics.net_profit"),
        Field("sample_size", "trades", "closed trades behind every measure", "metrics.total_trades"),
    ),
    "costs": (
        Field("exchange_fees", "fraction", "fee per side that the measures paid", "execution.costs.fee"),
        Field("est_slippage", "fraction", "slippage per side that the measures paid", "execution.costs.slippage"),
        Field("actual_slippage", "fraction", "slippage of real fills", unknown=_FILLS),
    ),
    "statistics": (
        Field("sharpe_ratio", "annual", "mean over spread of daily returns", "metrics.sharpe_ratio"),
        Field("calmar_ratio", "", "annual return over the deepest drawdown", "metrics.calmar_ratio"),
        Field("sortino_ratio", "annual", "mean over spread of the losing days", "metrics.sortino_ratio"),
        Field(
            "p_value",
            "",
            "in sample: share of the searches of the same days on bars without an edge that found as much",
            "metrics.p_value",
        ),
        Field("z_score", "", "t statistic of the mean trade", "metrics.z_score"),
        Field("monte_carlo_var", "fraction", "loss of 30 days that only 5 % of months exceed",
              "metrics.monte_carlo_var"),
        Field("stability_score", "fraction", "how alike the test windows were", "metrics.stability_score"),
        Field("drawdown_duration", "days", "longest time below an earlier high", "metrics.drawdown_duration"),
        Field("trade_clustering", "", "dispersion of entries a day: 1 at random, more in clusters",
              "metrics.trade_clustering"),
        Field("rolling_30d_sharpe", "annual", "Sharpe ratio of the last 30 days", "metrics.rolling_30d_sharpe"),
        Field("lifetime_sharpe_ratio", "annual", "Sharpe ratio since the first test day",
              "metrics.lifetime_sharpe_ratio"),
    ),
    "execution": (
        Field("fill_rate", "fraction", "orders that were filled", "metrics.fill_rate"),
        Field("partial_fill_rate", "fraction", "orders filled in part", unknown=_FILLS),
        Field("time_to_fill_ms", "ms", "from order to fill", unknown=_FILLS),
        Field("slippage_vs_mid_bps", "bps", "fill price against the middle of bid and ask", unknown=_BOOK),
        Field("adverse_selection_score", "fraction", "excess of fills against which the price turned at once",
              "metrics.adverse_selection_score"),
        Field("post_trade_drift_1m", "bps", "move in its favour in the minute after a fill",
              "metrics.post_trade_drift_1m"),
        Field("post_trade_drift_5m", "bps", "move in its favour in 5 minutes after a fill",
              "metrics.post_trade_drift_5m"),
        Field("rejection_rate", "fraction", "orders that the exchange refused", unknown=_FILLS),
    ),
    "regime": (
        Field("regime_classification", "", "t, volatility and days behind the regime", "evidence.regime"),
        Field("alternative_data_signals", "", "news, flows, funding", unknown=_SOURCE),
    ),
    "adversarial": (
        Field("adversarial_score", "", "how strongly other traders exploit it", unknown=_BOOK),
        Field("trap_probability", "fraction", "signals that others had set as a trap", unknown=_BOOK),
        Field("smart_money_alignment", "", "agreement with large traders", unknown=_SOURCE),
    ),
    "risk": (
        Field("kelly_fraction", "fraction", "share of the capital to risk on a trade (MATURE only)",
              "metrics.kelly_fraction"),
        Field("correlation_adjusted_weight", "fraction", "weight beside the other configurations", unknown=_OTHERS),
        Field("regime_adjusted_size", "fraction", "size in the regime of today", unknown=_WATCH),
        Field("max_position_size", "fraction", "largest position, by stage"),
        Field("current_allocation", "fraction", "capital that it has now", unknown=_OTHERS),
        Field("var_95", "fraction", "loss that only 5 % of the days exceed", "metrics.var_95"),
        Field("cvar_95", "fraction", "mean loss of the worst 5 % of the days", "metrics.cvar_95"),
    ),
    "microstructure": (
        Field("avg_spread_bps", "bps", "mean spread", unknown=_BOOK),
        Field("book_depth_ratio", "", "depth of bids over asks", unknown=_BOOK),
        Field("book_imbalance", "", "which side of the book is heavier", unknown=_BOOK),
        Field("tick_size_impact", "", "what the price step costs beyond the slippage",
              unknown=_BOOK),
        Field("maker_rebate", "fraction", "what a resting order earns", unknown="no resting orders are simulated"),
        Field("taker_fee", "fraction", "fee of a market order, which all simulated orders are", "execution.costs.fee"),
        Field("level2_depth_score", "", "depth of the book", unknown=_BOOK),
        Field("microstructure_noise", "", "how much quotes jump around the price", unknown=_BOOK),
    ),
    "health": (
        Field("months_since_discovery", "months", "age", unknown="an age changes every day: count from discovery_date"),
        Field("performance_degradation", "fraction", "fall of the Sharpe ratio since", unknown=_WATCH),
        Field("degradation_velocity", "", "speed of that fall", unknown=_WATCH),
        Field("death_signals", "", "signs that the edge is gone", unknown=_WATCH),
        Field("death_signal_count", "", "how many", unknown=_WATCH),
        Field("resurrection_score", "", "signs that the edge is back", unknown=_WATCH),
    ),
    "metadata": (
        Field("model_version", "", "version of the document", "version"),
        Field("discovery_date", "time", "when it was trained", "createdAt"),
        Field("engine_hash", "", "fingerprint of the code that computed it", "provenance.engine_hash"),
        Field("runtime_env", "", "libraries and machine that stored it"),
    ),
    "timestamps": (
        Field("created_at", "time", "when it was stored"),
        Field("updated_at", "time", "last change of its row"),
        Field("last_activated_at", "time", "empty = never"),
        Field("last_deactivated_at", "time", "empty = never"),
    ),
}  # fmt: skip
"""The 70 columns of the contract."""

OWN = (
    Field("config_id", "", "the document's name", "configId"),
    Field("archived_at", "time", "empty = in use"),
    Field("metadata_json", "", "whatever the writer adds"),
    Field("data_filter_config", "", "how bad bars were treated"),
    Field("job_id", "", "the training job that made it"),
    Field("circuit_breakers", "", "limits at which it is paused, and those of the portfolio"),
    Field(
        "confidence_score",
        "fraction",
        "trades, Sharpe, win rate and stability in one number",
        "lifecycle.confidence_score",
    ),
    Field("max_allocation_pct", "%", "most capital that its stage may have", "lifecycle.max_allocation_pct"),
    Field(
        "experiment_digest", "", "fingerprint of everything that the result depends on", "provenance.experiment_digest"
    ),
    Field("ledger_length", "entries", "how many the ledger had when it was stored, its own search among them"),
    Field("ledger_head", "", "hash of the newest of them, which fixes all before it"),
)
"""What Assay adds; `config_json` holds the document itself."""

CONTRACT = tuple(f for group in GROUPS.values() for f in group)
FIELDS = {f.name: f for f in (*CONTRACT, *OWN)}


def markdown() -> str:
    """Return the tables of `docs/registry.md`."""
    lines = []
    for title, fields in {**GROUPS, "added by Assay": OWN}.items():
        lines += [f"**{title}**", "", "| field | unit | meaning | from, or why unknown |", "|---|---|---|---|"]
        for f in fields:
            origin = f"`{f.source}`" if f.source else f"NULL: {f.unknown}" if f.unknown else ""
            lines.append(f"| `{f.name}` | {f.unit} | {f.meaning} | {origin} |")
        lines.append("")
    return "\n".join(lines)
