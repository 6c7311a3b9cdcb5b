"""The tables: one schema for SQLite and PostgreSQL. Times are milliseconds UTC; unknown is NULL."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from assay.validation.lifecycle import STAGES

REGIMES = ("bull", "bear", "sideways", "volatile")
TIMEFRAMES = ("1m", "5m", "15m", "1h", "4h", "1d")


class DeclarationKind(StrEnum):
    """How far an experiment is that has no entry yet.

    One that was started counts as a try, since whoever runs it sees what it finds; one that was withdrawn has told
    nobody anything, for it was refused or never begun.
    """

    DECLARED = "declared"
    STARTED = "started"
    WITHDRAWN = "withdrawn"


class JobStatus(StrEnum):
    """How far a job or a task of it is."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Role(StrEnum):
    """What a user may do: each may do what those before it may."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"


ROLES = tuple(str(role) for role in Role)
JOB_STATES = tuple(str(status) for status in JobStatus)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ExactJson = sa.JSON(none_as_null=True)
"""JSON as text on both kinds of database: keys keep their order and numbers their form, so bytes come back equal."""

Float: sa.types.TypeEngine[float] = sa.Double()
Time = sa.BigInteger()
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself under this very type only


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(v) for v in values)})"


markets = sa.Table(
    "markets",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("exchange", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("timeframe", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("tick_size", Float),
    sa.Column("point_value", Float),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("exchange", "symbol", "timeframe"),
)
"""`revision` counts the changes of a market's bars: what was read at a revision holds as long as it stands."""

bars = sa.Table(
    "bars",
    metadata,
    sa.Column("market_id", Id, sa.ForeignKey("markets.id", ondelete="CASCADE"), nullable=False),
    sa.Column("time", Time, nullable=False),
    sa.Column("open", Float, nullable=False),
    sa.Column("high", Float, nullable=False),
    sa.Column("low", Float, nullable=False),
    sa.Column("close", Float, nullable=False),
    sa.Column("volume", Float),
    sa.Column("quote_volume", Float),
    sa.Column("trade_count", sa.BigInteger),
    sa.PrimaryKeyConstraint("market_id", "time"),
    sqlite_with_rowid=False,
)

market_coverage = sa.Table(
    "market_coverage",
    metadata,
    sa.Column("market_id", Id, sa.ForeignKey("markets.id", ondelete="CASCADE"), nullable=False),
    sa.Column("start_ms", Time, nullable=False),
    sa.Column("stop_ms", Time, nullable=False),
    sa.PrimaryKeyConstraint("market_id", "start_ms"),
    sa.CheckConstraint("start_ms < stop_ms", name="order"),
)
"""Spans that were asked for and answered: inside them a missing bar is the source's, outside it was never fetched."""

bar_conflicts = sa.Table(
    "bar_conflicts",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("market_id", Id, sa.ForeignKey("markets.id", ondelete="CASCADE"), nullable=False),
    sa.Column("time", Time, nullable=False),
    sa.Column("found_at", Time, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("held", Json, nullable=False),
    sa.Column("offered", Json, nullable=False),
    sa.UniqueConstraint("market_id", "time", "source"),
)
"""Bars that came again with other values: the first is kept, the second written down here."""

market_imports = sa.Table(
    "market_imports",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("market_id", Id, sa.ForeignKey("markets.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("data_digest", sa.Text, nullable=False),
    sa.Column("bars", sa.BigInteger, nullable=False),
    sa.Column("inserted", sa.BigInteger, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False),
    sa.Column("valid_pct", Float, nullable=False),
    sa.Column("quality", Json, nullable=False),
    sa.Index(None, "market_id", "at"),
)
"""Quality of a market after each import: a fall between two of them is an alert."""

training_configurations = sa.Table(
    "training_configurations",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("user_id", sa.String(50), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("config", Json, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.UniqueConstraint("user_id", "name"),
)

training_jobs = sa.Table(
    "training_jobs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("user_id", sa.String(50), nullable=False, index=True),
    sa.Column("strategy_name", sa.String(100), nullable=False),
    sa.Column("status", sa.String(20), nullable=False, index=True),
    sa.Column("config", Json, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("total_combinations", sa.BigInteger, nullable=False),
    sa.Column("completed_combinations", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("failed_combinations", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("configurations_created", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("best_net_profit", Float),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_token", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lease_expires_at", Time),
    sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False, index=True),
    sa.Column("started_at", Time),
    sa.Column("completed_at", Time),
    sa.Column("error_message", sa.Text),
    sa.Column("priority", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("parent_id", sa.String(36)),
    sa.Column("max_runtime_ms", sa.BigInteger),
    sa.Column("stop_at", Time),
    sa.Column("made_by", sa.Text),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("progress_at", Time, nullable=False, server_default="0"),
    sa.Column("pruned_to", sa.BigInteger, nullable=False, server_default="0"),
    sa.CheckConstraint(_one_of("status", JOB_STATES), name="status"),
    sa.Index("uq_training_jobs_user_id_idempotency_key", "user_id", "idempotency_key", unique=True),
)
"""`stop_at` is set when the first task is begun: waiting costs no time of `max_runtime_ms`. `made_by` is the version of
the code that made the job, which an older worker leaves alone. Of its events up to `pruned_to` only states are kept."""

training_tasks = sa.Table(
    "training_tasks",
    metadata,
    sa.Column("job_id", sa.String(36), sa.ForeignKey("training_jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("spec", Json, nullable=False),
    sa.Column("status", sa.String(20), nullable=False, index=True),
    sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_token", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lease_expires_at", Time),
    sa.Column("result", Json),
    sa.Column("error_message", sa.Text),
    sa.Column("started_at", Time),
    sa.Column("completed_at", Time),
    sa.Column("progress", Json),
    sa.PrimaryKeyConstraint("job_id", "number"),
    sa.CheckConstraint(_one_of("status", JOB_STATES), name="status"),
    sa.Index(
        "ix_training_tasks_waiting",
        "job_id",
        "number",
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    ),
    sa.Index(None, "job_id", "status", "number"),
)
"""One market and strategy each. A result is written once, under the lease's token; `lease_owner` is a worker's id, or
what a worker of before called itself. `error_message` of a task that is not over holds the last words of its worker."""

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("process", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("memory_limit", sa.BigInteger),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("seen_at", Time, nullable=False, index=True),
    sa.Column("ended_at", Time),
    sa.Column("job_id", sa.String(36)),
    sa.Column("task", sa.BigInteger),
    sa.Column("note", sa.Text),
)
"""Processes that run tasks: one row for each start of one, so that nobody inherits another's leases with its name.
`note` says why a worker takes nothing: "older than the job", say."""

calibrations = sa.Table(
    "calibrations",
    metadata,
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.PrimaryKeyConstraint("machine", "code"),
)
"""How fast a machine computes, by the digest of the code: what an estimate of a training's time is made from."""

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("disabled_at", Time),
    sa.UniqueConstraint("name"),
    sa.CheckConstraint(_one_of("role", ROLES), name="role"),
)

access_tokens = sa.Table(
    "access_tokens",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    sa.Column("last_used_at", Time),
    sa.Column("revoked_at", Time),
    sa.UniqueConstraint("secret_hash"),
)
"""Tokens of programs: of a token itself only the SHA-256 is kept."""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("secret_hash", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), index=True),
    sa.Column("csrf_hash", sa.String(64), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
)
"""Sessions of browsers; without a user: whoever had the token that a server on this machine printed when it started."""

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("at", Time, nullable=False, index=True),
    sa.Column("user_name", sa.String(50), nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
)
"""Who did what, append-only."""

training_events = sa.Table(
    "training_events",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.String(36), sa.ForeignKey("training_jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("task", sa.BigInteger),
    sa.Column("at", Time, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index(None, "job_id", "id"),
)

trials = sa.Table(
    "trials",
    metadata,
    sa.Column("experiment_digest", sa.String(64), primary_key=True),
    sa.Column("data_digest", sa.String(64), nullable=False),
    sa.Column("exchange", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("timeframe", sa.Text, nullable=False),
    sa.Column("start_ms", Time, nullable=False),
    sa.Column("stop_ms", Time, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("strategy_source", sa.Text),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("objective", sa.Text, nullable=False),
    sa.Column("combinations", sa.BigInteger, nullable=False),
    sa.Column("best", Float),
    sa.Column("distribution", Json, nullable=False),
    sa.Column("user_id", sa.String(50), nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("first_day", sa.BigInteger),
    sa.Column("day_closes", sa.LargeBinary),
    sa.Column("task", Json),
    sa.Index(None, "exchange", "symbol", "start_ms"),
)
"""The ledger: what was tried, once per experiment, for ever.

`first_day` and `day_closes` (float32, little-endian) are the closes by UTC day, which tell whether two experiments have
seen the same days; `task` is what the experiment is made again from. NULL in rows of before.
"""

trial_nulls = sa.Table(
    "trial_nulls",
    metadata,
    sa.Column("experiment_digest", sa.String(64), nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("statistic", Float, nullable=False),
    sa.Column("maxima", sa.LargeBinary, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.PrimaryKeyConstraint("experiment_digest", "first"),
)
"""Null statistics of experiments: the best score on the real bars and on permuted bars `first`, `first` + 1, ...
(float64, little-endian). They are functions of the experiment alone, whoever computes them."""

trial_declarations = sa.Table(
    "trial_declarations",
    metadata,
    sa.Column("experiment_digest", sa.String(64), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("exchange", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("timeframe", sa.Text, nullable=False),
    sa.Column("start_ms", Time, nullable=False),
    sa.Column("stop_ms", Time, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("first_day", sa.BigInteger, nullable=False),
    sa.Column("day_closes", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("user_id", sa.String(50), nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.PrimaryKeyConstraint("experiment_digest", "kind"),
    sa.CheckConstraint("kind IN ('declared', 'started', 'withdrawn')", name="kind"),
)
"""What somebody means to try (declared), has begun to (started), or has begun and learned nothing from (withdrawn)."""

holdout_openings = sa.Table(
    "holdout_openings",
    metadata,
    sa.Column("experiment_digest", sa.String(64), primary_key=True),
    sa.Column("exchange", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("timeframe", sa.Text, nullable=False),
    sa.Column("start_ms", Time, nullable=False),
    sa.Column("stop_ms", Time, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sharpe_ratio", Float),
    sa.Column("user_id", sa.String(50), nullable=False),
    sa.Column("at", Time, nullable=False),
)

ledger_identity = sa.Table(
    "ledger_identity",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(36), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("entries_before", sa.BigInteger, nullable=False),
    sa.CheckConstraint("number = 1", name="single"),
)
"""Which ledger this is, in one row: a random UUID, since when its entries are chained, and how many were there then."""

ledger_chain = sa.Table(
    "ledger_chain",
    metadata,
    sa.Column("position", Id, primary_key=True, autoincrement=False),
    sa.Column("entry_table", sa.Text, nullable=False),
    sa.Column("entry_key", sa.Text, nullable=False),
    sa.Column("content_digest", sa.String(64), nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.UniqueConstraint("entry_table", "entry_key"),
)
"""The order of the ledger's entries, from 1: each holds the digest of its entry and the hash of the one before."""

ledger_chain.add_is_dependent_on(ledger_identity)  # whoever copies tables: an identity stands before its chain

CHAINED = (trials, holdout_openings, trial_nulls, trial_declarations)
"""Tables whose entries are links of `ledger_chain`: they are written by `assay.store.chain.append` alone."""

APPEND_ONLY = (*(t.name for t in CHAINED), "ledger_chain", "ledger_identity", "audit_log")
"""Tables that nothing may rewrite: triggers refuse UPDATE, DELETE, TRUNCATE and, on SQLite, INSERT OR REPLACE."""

_RATES = (
    "gross_win_rate", "p_value", "stability_score", "fill_rate", "partial_fill_rate", "adverse_selection_score",
    "rejection_rate", "trap_probability", "confidence_score",
)  # fmt: skip

_GROUPS: dict[str, dict[str, Any]] = {
    "performance": {
        "gross_win_rate": Float, "avg_win": Float, "avg_loss": Float, "net_profit": Float, "sample_size": sa.BigInteger,
    },
    "costs": {"exchange_fees": Float, "est_slippage": Float, "actual_slippage": Float},
    "statistics": {
        "sharpe_ratio": Float, "calmar_ratio": Float, "sortino_ratio": Float, "p_value": Float, "z_score": Float,
        "monte_carlo_var": Float, "stability_score": Float, "drawdown_duration": Float, "trade_clustering": Float,
        "rolling_30d_sharpe": Float, "lifetime_sharpe_ratio": Float,
    },
    "execution": {
        "fill_rate": Float, "partial_fill_rate": Float, "time_to_fill_ms": Float, "slippage_vs_mid_bps": Float,
        "adverse_selection_score": Float, "post_trade_drift_1m": Float, "post_trade_drift_5m": Float,
        "rejection_rate": Float,
    },
    "regime": {"regime_classification": Json, "alternative_data_signals": Json},
    "adversarial": {"adversarial_score": Float, "trap_probability": Float, "smart_money_alignment": Float},
    "risk": {
        "kelly_fraction": Float, "correlation_adjusted_weight": Float, "regime_adjusted_size": Float,
        "max_position_size": Float, "current_allocation": Float, "var_95": Float, "cvar_95": Float,
    },
    "microstructure": {
        "avg_spread_bps": Float, "book_depth_ratio": Float, "book_imbalance": Float, "tick_size_impact": Float,
        "maker_rebate": Float, "taker_fee": Float, "level2_depth_score": Float, "microstructure_noise": Float,
    },
    "health": {
        "months_since_discovery": Float, "performance_degradation": Float, "degradation_velocity": Float,
        "death_signals": Json, "death_signal_count": sa.BigInteger, "resurrection_score": Float,
    },
}  # fmt: skip

trained_configurations = sa.Table(
    "trained_configurations",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("strategy_name", sa.String(100), nullable=False),
    sa.Column("exchange", sa.Text),
    sa.Column("pair", sa.Text),
    sa.Column("timeframe", sa.Text),
    sa.Column("regime", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean(create_constraint=True, name="is_active"), nullable=False),
    sa.Column("parameters_json", Json, nullable=False),
    *(sa.Column(name, kind) for group in _GROUPS.values() for name, kind in group.items()),
    sa.Column("model_version", sa.Text),
    sa.Column("discovery_date", Time),
    sa.Column("engine_hash", sa.Text),
    sa.Column("runtime_env", sa.Text),
    sa.Column("created_at", Time, nullable=False, index=True),
    sa.Column("updated_at", Time, nullable=False),
    sa.Column("last_activated_at", Time),
    sa.Column("last_deactivated_at", Time),
    # beyond the 70 of the contract
    sa.Column("config_id", sa.Text, nullable=False, unique=True),
    sa.Column("archived_at", Time),
    sa.Column("metadata_json", Json),
    sa.Column("data_filter_config", Json),
    sa.Column("job_id", sa.String(36), sa.ForeignKey("training_jobs.id", ondelete="SET NULL")),
    sa.Column("circuit_breakers", Json),
    sa.Column("confidence_score", Float),
    sa.Column("max_allocation_pct", Float),
    sa.Column("experiment_digest", sa.String(64)),
    sa.Column("config_json", ExactJson, nullable=False),
    sa.Column("ledger_length", sa.BigInteger),
    sa.Column("ledger_head", sa.String(64)),
    sa.Index(None, "strategy_name", "pair", "timeframe"),
    sa.Index(
        "uq_trained_configurations_active",
        *("strategy_name", "exchange", "pair", "timeframe"),
        unique=True,
        sqlite_where=sa.text("is_active"),
        postgresql_where=sa.text("is_active"),
    ),
    sa.CheckConstraint(_one_of("status", STAGES), name="status"),
    sa.CheckConstraint(_one_of("regime", REGIMES), name="regime"),
    sa.CheckConstraint(_one_of("timeframe", TIMEFRAMES), name="timeframe"),
    *(sa.CheckConstraint(f"{name} >= 0 AND {name} <= 1", name=name) for name in _RATES),
)
"""Configurations: the 70 columns of the contract, and what Assay adds. What nothing can know yet is NULL."""

configuration_figures = sa.Table(
    "configuration_figures",
    metadata,
    sa.Column(
        "configuration_id",
        sa.String(36),
        sa.ForeignKey("trained_configurations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("figures", sa.LargeBinary, nullable=False),
)
"""What the charts of a configuration draw: JSON in UTF-8, compressed by zlib. None for those stored from measures."""
