"""What the requirement says of the database, as it is written there: its SQL and its columns."""

from __future__ import annotations

QUALITY_QUERY = """
    SELECT
        symbol, exchange, timeframe,
        COUNT(*) as total,
        COUNT(*) FILTER (WHERE volume = 0) as zero_vol,
        COUNT(*) FILTER (WHERE high = low) as flat,
        (COUNT(*) FILTER (WHERE volume > 0))::float / COUNT(*) * 100 as valid_pct
    FROM market_data
    GROUP BY symbol, exchange, timeframe
    ORDER BY valid_pct ASC
"""
"""Quality of every market."""

CLEANUP = "DELETE FROM trained_configurations WHERE gross_win_rate < 0.10"

_NAMES = """
id strategy_name exchange pair timeframe regime status is_active parameters_json gross_win_rate avg_win
avg_loss net_profit sample_size exchange_fees est_slippage actual_slippage sharpe_ratio calmar_ratio
sortino_ratio p_value z_score monte_carlo_var stability_score drawdown_duration trade_clustering
rolling_30d_sharpe lifetime_sharpe_ratio fill_rate partial_fill_rate time_to_fill_ms slippage_vs_mid_bps
adverse_selection_score post_trade_drift_1m post_trade_drift_5m rejection_rate regime_classification
alternative_data_signals adversarial_score trap_probability smart_money_alignment kelly_fraction
correlation_adjusted_weight regime_adjusted_size max_position_size current_allocation var_95 cvar_95
avg_spread_bps book_depth_ratio book_imbalance tick_size_impact maker_rebate taker_fee level2_depth_score
microstructure_noise months_since_discovery performance_degradation degradation_velocity death_signals
death_signal_count resurrection_score model_version discovery_date engine_hash runtime_env created_at
updated_at last_activated_at last_deactivated_at
"""
SEVENTY = _NAMES.split()
"""Columns of the contract, in its order."""
