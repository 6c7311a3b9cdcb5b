"""The first schema: bars, configurations, jobs and the ledger.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("trials", "holdout_openings")


def upgrade() -> None:
    """Make every table, the view of bars and the guards of the ledger."""
    op.create_table(
        "holdout_openings",
        sa.Column("experiment_digest", sa.String(length=64), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("stop_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sharpe_ratio", sa.Double(), nullable=True),
        sa.Column("user_id", sa.String(length=50), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("experiment_digest", name=op.f("pk_holdout_openings")),
    )
    op.create_table(
        "markets",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tick_size", sa.Double(), nullable=True),
        sa.Column("point_value", sa.Double(), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_markets")),
        sa.UniqueConstraint("exchange", "symbol", "timeframe", name=op.f("uq_markets_exchange_symbol_timeframe")),
    )
    op.create_table(
        "training_configurations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=50), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("config", JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_configurations")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_training_configurations_user_id_name")),
    )
    op.create_table(
        "training_jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=50), nullable=False),
        sa.Column("strategy_name", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("config", JSON, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("total_combinations", sa.BigInteger(), nullable=False),
        sa.Column("completed_combinations", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed_combinations", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("configurations_created", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("best_net_profit", sa.Double(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'failed', 'cancelled')", name=op.f("ck_training_jobs_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_jobs")),
    )
    op.create_index(op.f("ix_training_jobs_created_at"), "training_jobs", ["created_at"], unique=False)
    op.create_index(op.f("ix_training_jobs_status"), "training_jobs", ["status"], unique=False)
    op.create_index(op.f("ix_training_jobs_user_id"), "training_jobs", ["user_id"], unique=False)
    op.create_table(
        "trials",
        sa.Column("experiment_digest", sa.String(length=64), nullable=False),
        sa.Column("data_digest", sa.String(length=64), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("stop_ms", sa.BigInteger(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("strategy_source", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("objective", sa.Text(), nullable=False),
        sa.Column("combinations", sa.BigInteger(), nullable=False),
        sa.Column("best", sa.Double(), nullable=True),
        sa.Column("distribution", JSON, nullable=False),
        sa.Column("user_id", sa.String(length=50), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("experiment_digest", name=op.f("pk_trials")),
    )
    op.create_index(
        op.f("ix_trials_exchange_symbol_start_ms"), "trials", ["exchange", "symbol", "start_ms"], unique=False
    )
    op.create_table(
        "bar_conflicts",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("market_id", ID, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("held", JSON, nullable=False),
        sa.Column("offered", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.id"], name=op.f("fk_bar_conflicts_market_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bar_conflicts")),
        sa.UniqueConstraint("market_id", "time", "source", name=op.f("uq_bar_conflicts_market_id_time_source")),
    )
    op.create_table(
        "bars",
        sa.Column("market_id", ID, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=True),
        sa.Column("quote_volume", sa.Double(), nullable=True),
        sa.Column("trade_count", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_bars_market_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("market_id", "time", name=op.f("pk_bars")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "market_coverage",
        sa.Column("market_id", ID, nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("stop_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("start_ms < stop_ms", name=op.f("ck_market_coverage_order")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.id"], name=op.f("fk_market_coverage_market_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("market_id", "start_ms", name=op.f("pk_market_coverage")),
    )
    op.create_table(
        "market_imports",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("market_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("data_digest", sa.Text(), nullable=False),
        sa.Column("bars", sa.BigInteger(), nullable=False),
        sa.Column("inserted", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("valid_pct", sa.Double(), nullable=False),
        sa.Column("quality", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.id"], name=op.f("fk_market_imports_market_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_imports")),
    )
    op.create_index(op.f("ix_market_imports_market_id_at"), "market_imports", ["market_id", "at"], unique=False)
    op.create_table(
        "trained_configurations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("strategy_name", sa.String(length=100), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=False),
        sa.Column("regime", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(create_constraint=True, name="is_active"), nullable=False),
        sa.Column("parameters_json", JSON, nullable=False),
        sa.Column("gross_win_rate", sa.Double(), nullable=True),
        sa.Column("avg_win", sa.Double(), nullable=True),
        sa.Column("avg_loss", sa.Double(), nullable=True),
        sa.Column("net_profit", sa.Double(), nullable=True),
        sa.Column("sample_size", sa.BigInteger(), nullable=True),
        sa.Column("exchange_fees", sa.Double(), nullable=True),
        sa.Column("est_slippage", sa.Double(), nullable=True),
        sa.Column("actual_slippage", sa.Double(), nullable=True),
        sa.Column("sharpe_ratio", sa.Double(), nullable=True),
        sa.Column("calmar_ratio", sa.Double(), nullable=True),
        sa.Column("sortino_ratio", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("z_score", sa.Double(), nullable=True),
        sa.Column("monte_carlo_var", sa.Double(), nullable=True),
        sa.Column("stability_score", sa.Double(), nullable=True),
        sa.Column("drawdown_duration", sa.Double(), nullable=True),
        sa.Column("trade_clustering", sa.Double(), nullable=True),
        sa.Column("rolling_30d_sharpe", sa.Double(), nullable=True),
        sa.Column("lifetime_sharpe_ratio", sa.Double(), nullable=True),
        sa.Column("fill_rate", sa.Double(), nullable=True),
        sa.Column("partial_fill_rate", sa.Double(), nullable=True),
        sa.Column("time_to_fill_ms", sa.Double(), nullable=True),
        sa.Column("slippage_vs_mid_bps", sa.Double(), nullable=True),
        sa.Column("adverse_selection_score", sa.Double(), nullable=True),
        sa.Column("post_trade_drift_1m", sa.Double(), nullable=True),
        sa.Column("post_trade_drift_5m", sa.Double(), nullable=True),
        sa.Column("rejection_rate", sa.Double(), nullable=True),
        sa.Column("regime_classification", JSON, nullable=True),
        sa.Column("alternative_data_signals", JSON, nullable=True),
        sa.Column("adversarial_score", sa.Double(), nullable=True),
        sa.Column("trap_probability", sa.Double(), nullable=True),
        sa.Column("smart_money_alignment", sa.Double(), nullable=True),
        sa.Column("kelly_fraction", sa.Double(), nullable=True),
        sa.Column("correlation_adjusted_weight", sa.Double(), nullable=True),
        sa.Column("regime_adjusted_size", sa.Double(), nullable=True),
        sa.Column("max_position_size", sa.Double(), nullable=True),
        sa.Column("current_allocation", sa.Double(), nullable=True),
        sa.Column("var_95", sa.Double(), nullable=True),
        sa.Column("cvar_95", sa.Double(), nullable=True),
        sa.Column("avg_spread_bps", sa.Double(), nullable=True),
        sa.Column("book_depth_ratio", sa.Double(), nullable=True),
        sa.Column("book_imbalance", sa.Double(), nullable=True),
        sa.Column("tick_size_impact", sa.Double(), nullable=True),
        sa.Column("maker_rebate", sa.Double(), nullable=True),
        sa.Column("taker_fee", sa.Double(), nullable=True),
        sa.Column("level2_depth_score", sa.Double(), nullable=True),
        sa.Column("microstructure_noise", sa.Double(), nullable=True),
        sa.Column("months_since_discovery", sa.Double(), nullable=True),
        sa.Column("performance_degradation", sa.Double(), nullable=True),
        sa.Column("degradation_velocity", sa.Double(), nullable=True),
        sa.Column("death_signals", JSON, nullable=True),
        sa.Column("death_signal_count", sa.BigInteger(), nullable=True),
        sa.Column("resurrection_score", sa.Double(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("discovery_date", sa.BigInteger(), nullable=True),
        sa.Column("engine_hash", sa.Text(), nullable=True),
        sa.Column("runtime_env", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("last_activated_at", sa.BigInteger(), nullable=True),
        sa.Column("last_deactivated_at", sa.BigInteger(), nullable=True),
        sa.Column("config_id", sa.Text(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("metadata_json", JSON, nullable=True),
        sa.Column("data_filter_config", JSON, nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("circuit_breakers", JSON, nullable=True),
        sa.Column("confidence_score", sa.Double(), nullable=True),
        sa.Column("max_allocation_pct", sa.Double(), nullable=True),
        sa.Column("experiment_digest", sa.String(length=64), nullable=True),
        sa.Column("config_json", JSON, nullable=False),
        sa.CheckConstraint(
            "regime IN ('bull', 'bear', 'sideways', 'volatile')", name=op.f("ck_trained_configurations_regime")
        ),
        sa.CheckConstraint(
            "status IN ('PAPER', 'DISCOVERY', 'VALIDATION', 'MATURE', 'DECAY')",
            name=op.f("ck_trained_configurations_status"),
        ),
        sa.CheckConstraint(
            "timeframe IN ('1m', '5m', '15m', '1h', '4h', '1d')", name=op.f("ck_trained_configurations_timeframe")
        ),
        sa.CheckConstraint(
            "adverse_selection_score >= 0 AND adverse_selection_score <= 1",
            name=op.f("ck_trained_configurations_adverse_selection_score"),
        ),
        sa.CheckConstraint(
            "confidence_score >= 0 AND confidence_score <= 1", name=op.f("ck_trained_configurations_confidence_score")
        ),
        sa.CheckConstraint("fill_rate >= 0 AND fill_rate <= 1", name=op.f("ck_trained_configurations_fill_rate")),
        sa.CheckConstraint(
            "gross_win_rate >= 0 AND gross_win_rate <= 1", name=op.f("ck_trained_configurations_gross_win_rate")
        ),
        sa.CheckConstraint("p_value >= 0 AND p_value <= 1", name=op.f("ck_trained_configurations_p_value")),
        sa.CheckConstraint(
            "partial_fill_rate >= 0 AND partial_fill_rate <= 1",
            name=op.f("ck_trained_configurations_partial_fill_rate"),
        ),
        sa.CheckConstraint(
            "rejection_rate >= 0 AND rejection_rate <= 1", name=op.f("ck_trained_configurations_rejection_rate")
        ),
        sa.CheckConstraint(
            "stability_score >= 0 AND stability_score <= 1", name=op.f("ck_trained_configurations_stability_score")
        ),
        sa.CheckConstraint(
            "trap_probability >= 0 AND trap_probability <= 1", name=op.f("ck_trained_configurations_trap_probability")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["training_jobs.id"], name=op.f("fk_trained_configurations_job_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trained_configurations")),
        sa.UniqueConstraint("config_id", name=op.f("uq_trained_configurations_config_id")),
    )
    op.create_index(
        op.f("ix_trained_configurations_created_at"), "trained_configurations", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_trained_configurations_strategy_name_pair_timeframe"),
        "trained_configurations",
        ["strategy_name", "pair", "timeframe"],
        unique=False,
    )
    op.create_table(
        "training_events",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("task", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["training_jobs.id"], name=op.f("fk_training_events_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_events")),
    )
    op.create_index(op.f("ix_training_events_job_id_id"), "training_events", ["job_id", "id"], unique=False)
    op.create_table(
        "training_tasks",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("spec", JSON, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("result", JSON, nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_training_tasks_status"),
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["training_jobs.id"], name=op.f("fk_training_tasks_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_training_tasks")),
    )
    if op.get_bind().dialect.name == "sqlite":
        _finish_sqlite()
    else:
        _finish_postgresql()


def _finish_sqlite() -> None:
    op.execute(
        "CREATE VIEW market_data AS SELECT m.exchange, m.symbol, m.timeframe,"
        " strftime('%Y-%m-%dT%H:%M:%SZ', b.time / 1000, 'unixepoch') AS timestamp,"
        " b.open, b.high, b.low, b.close, b.volume FROM bars b JOIN markets m ON m.id = b.market_id"
    )
    for table in APPEND_ONLY:
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _finish_postgresql() -> None:
    op.execute(
        "CREATE VIEW market_data AS SELECT m.exchange, m.symbol, m.timeframe,"
        " to_timestamp(b.time / 1000.0) AS timestamp,"
        " b.open, b.high, b.low, b.close, b.volume FROM bars b JOIN markets m ON m.id = b.market_id"
    )
    op.execute(
        "CREATE FUNCTION assay_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION assay_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION assay_append_only()"
        )
