-- A database of the first revision of the schema, with one market of three bars.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE bar_conflicts (
	id INTEGER NOT NULL, 
	market_id INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	found_at BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	held JSON NOT NULL, 
	offered JSON NOT NULL, 
	CONSTRAINT pk_bar_conflicts PRIMARY KEY (id), 
	CONSTRAINT fk_bar_conflicts_market_id FOREIGN KEY(market_id) REFERENCES markets (id) ON DELETE CASCADE, 
	CONSTRAINT uq_bar_conflicts_market_id_time_source UNIQUE (market_id, time, source)
);
CREATE TABLE bars (
	market_id INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	open DOUBLE NOT NULL, 
	high DOUBLE NOT NULL, 
	low DOUBLE NOT NULL, 
	close DOUBLE NOT NULL, 
	volume DOUBLE, 
	quote_volume DOUBLE, 
	trade_count BIGINT, 
	CONSTRAINT pk_bars PRIMARY KEY (market_id, time), 
	CONSTRAINT fk_bars_market_id FOREIGN KEY(market_id) REFERENCES markets (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "bars" VALUES(1,1700000100000,100.0,102.0,99.0,101.5,1.0,NULL,NULL);
INSERT INTO "bars" VALUES(1,1700000400000,101.0,103.0,100.0,102.5,1.0,NULL,NULL);
INSERT INTO "bars" VALUES(1,1700000700000,102.0,104.0,101.0,103.5,1.0,NULL,NULL);
CREATE TABLE holdout_openings (
	experiment_digest VARCHAR(64) NOT NULL, 
	exchange TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	timeframe TEXT NOT NULL, 
	start_ms BIGINT NOT NULL, 
	stop_ms BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	sharpe_ratio DOUBLE, 
	user_id VARCHAR(50) NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_holdout_openings PRIMARY KEY (experiment_digest)
);
CREATE TABLE market_coverage (
	market_id INTEGER NOT NULL, 
	start_ms BIGINT NOT NULL, 
	stop_ms BIGINT NOT NULL, 
	CONSTRAINT pk_market_coverage PRIMARY KEY (market_id, start_ms), 
	CONSTRAINT ck_market_coverage_order CHECK (start_ms < stop_ms), 
	CONSTRAINT fk_market_coverage_market_id FOREIGN KEY(market_id) REFERENCES markets (id) ON DELETE CASCADE
);
INSERT INTO "market_coverage" VALUES(1,1700000100000,1700001000000);
CREATE TABLE market_imports (
	id INTEGER NOT NULL, 
	market_id INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	data_digest TEXT NOT NULL, 
	bars BIGINT NOT NULL, 
	inserted BIGINT NOT NULL, 
	changed BIGINT NOT NULL, 
	valid_pct DOUBLE NOT NULL, 
	quality JSON NOT NULL, 
	CONSTRAINT pk_market_imports PRIMARY KEY (id), 
	CONSTRAINT fk_market_imports_market_id FOREIGN KEY(market_id) REFERENCES markets (id) ON DELETE CASCADE
);
CREATE TABLE markets (
	id INTEGER NOT NULL, 
	exchange TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	timeframe TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	tick_size DOUBLE, 
	point_value DOUBLE, 
	revision BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_markets PRIMARY KEY (id), 
	CONSTRAINT uq_markets_exchange_symbol_timeframe UNIQUE (exchange, symbol, timeframe)
);
INSERT INTO "markets" VALUES(1,'binance','BTC/USDT','5m','spot',NULL,NULL,1);
CREATE TABLE trained_configurations (
	id VARCHAR(36) NOT NULL, 
	strategy_name VARCHAR(100) NOT NULL, 
	exchange TEXT NOT NULL, 
	pair TEXT NOT NULL, 
	timeframe TEXT NOT NULL, 
	regime TEXT, 
	status TEXT NOT NULL, 
	is_active BOOLEAN NOT NULL, 
	parameters_json JSON NOT NULL, 
	gross_win_rate DOUBLE, 
	avg_win DOUBLE, 
	avg_loss DOUBLE, 
	net_profit DOUBLE, 
	sample_size BIGINT, 
	exchange_fees DOUBLE, 
	est_slippage DOUBLE, 
	actual_slippage DOUBLE, 
	sharpe_ratio DOUBLE, 
	calmar_ratio DOUBLE, 
	sortino_ratio DOUBLE, 
	p_value DOUBLE, 
	z_score DOUBLE, 
	monte_carlo_var DOUBLE, 
	stability_score DOUBLE, 
	drawdown_duration DOUBLE, 
	trade_clustering DOUBLE, 
	rolling_30d_sharpe DOUBLE, 
	lifetime_sharpe_ratio DOUBLE, 
	fill_rate DOUBLE, 
	partial_fill_rate DOUBLE, 
	time_to_fill_ms DOUBLE, 
	slippage_vs_mid_bps DOUBLE, 
	adverse_selection_score DOUBLE, 
	post_trade_drift_1m DOUBLE, 
	post_trade_drift_5m DOUBLE, 
	rejection_rate DOUBLE, 
	regime_classification JSON, 
	alternative_data_signals JSON, 
	adversarial_score DOUBLE, 
	trap_probability DOUBLE, 
	smart_money_alignment DOUBLE, 
	kelly_fraction DOUBLE, 
	correlation_adjusted_weight DOUBLE, 
	regime_adjusted_size DOUBLE, 
	max_position_size DOUBLE, 
	current_allocation DOUBLE, 
	var_95 DOUBLE, 
	cvar_95 DOUBLE, 
	avg_spread_bps DOUBLE, 
	book_depth_ratio DOUBLE, 
	book_imbalance DOUBLE, 
	tick_size_impact DOUBLE, 
	maker_rebate DOUBLE, 
	taker_fee DOUBLE, 
	level2_depth_score DOUBLE, 
	microstructure_noise DOUBLE, 
	months_since_discovery DOUBLE, 
	performance_degradation DOUBLE, 
	degradation_velocity DOUBLE, 
	death_signals JSON, 
	death_signal_count BIGINT, 
	resurrection_score DOUBLE, 
	model_version TEXT, 
	discovery_date BIGINT, 
	engine_hash TEXT, 
	runtime_env TEXT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	last_activated_at BIGINT, 
	last_deactivated_at BIGINT, 
	config_id TEXT NOT NULL, 
	archived_at BIGINT, 
	metadata_json JSON, 
	data_filter_config JSON, 
	job_id VARCHAR(36), 
	circuit_breakers JSON, 
	confidence_score DOUBLE, 
	max_allocation_pct DOUBLE, 
	experiment_digest VARCHAR(64), 
	config_json JSON NOT NULL, 
	CONSTRAINT pk_trained_configurations PRIMARY KEY (id), 
	CONSTRAINT ck_trained_configurations_regime CHECK (regime IN ('bull', 'bear', 'sideways', 'volatile')), 
	CONSTRAINT ck_trained_configurations_status CHECK (status IN ('PAPER', 'DISCOVERY', 'VALIDATION', 'MATURE', 'DECAY')), 
	CONSTRAINT ck_trained_configurations_timeframe CHECK (timeframe IN ('1m', '5m', '15m', '1h', '4h', '1d')), 
	CONSTRAINT ck_trained_configurations_adverse_selection_score CHECK (adverse_selection_score >= 0 AND adverse_selection_score <= 1), 
	CONSTRAINT ck_trained_configurations_confidence_score CHECK (confidence_score >= 0 AND confidence_score <= 1), 
	CONSTRAINT ck_trained_configurations_fill_rate CHECK (fill_rate >= 0 AND fill_rate <= 1), 
	CONSTRAINT ck_trained_configurations_gross_win_rate CHECK (gross_win_rate >= 0 AND gross_win_rate <= 1), 
	CONSTRAINT ck_trained_configurations_p_value CHECK (p_value >= 0 AND p_value <= 1), 
	CONSTRAINT ck_trained_configurations_partial_fill_rate CHECK (partial_fill_rate >= 0 AND partial_fill_rate <= 1), 
	CONSTRAINT ck_trained_configurations_rejection_rate CHECK (rejection_rate >= 0 AND rejection_rate <= 1), 
	CONSTRAINT ck_trained_configurations_stability_score CHECK (stability_score >= 0 AND stability_score <= 1), 
	CONSTRAINT ck_trained_configurations_trap_probability CHECK (trap_probability >= 0 AND trap_probability <= 1), 
	CONSTRAINT fk_trained_configurations_job_id FOREIGN KEY(job_id) REFERENCES training_jobs (id) ON DELETE SET NULL, 
	CONSTRAINT uq_trained_configurations_config_id UNIQUE (config_id), 
	CONSTRAINT ck_trained_configurations_is_active CHECK (is_active IN (0, 1))
);
CREATE TABLE training_configurations (
	id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(50) NOT NULL, 
	name TEXT NOT NULL, 
	config JSON NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	CONSTRAINT pk_training_configurations PRIMARY KEY (id), 
	CONSTRAINT uq_training_configurations_user_id_name UNIQUE (user_id, name)
);
CREATE TABLE training_events (
	id INTEGER NOT NULL, 
	job_id VARCHAR(36) NOT NULL, 
	task BIGINT, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	body JSON NOT NULL, 
	CONSTRAINT pk_training_events PRIMARY KEY (id), 
	CONSTRAINT fk_training_events_job_id FOREIGN KEY(job_id) REFERENCES training_jobs (id) ON DELETE CASCADE
);
CREATE TABLE training_jobs (
	id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(50) NOT NULL, 
	strategy_name VARCHAR(100) NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	config JSON NOT NULL, 
	digest TEXT NOT NULL, 
	total_combinations BIGINT NOT NULL, 
	completed_combinations BIGINT DEFAULT '0' NOT NULL, 
	failed_combinations BIGINT DEFAULT '0' NOT NULL, 
	configurations_created BIGINT DEFAULT '0' NOT NULL, 
	best_net_profit DOUBLE, 
	seed BIGINT NOT NULL, 
	lease_owner TEXT, 
	lease_token BIGINT DEFAULT '0' NOT NULL, 
	lease_expires_at BIGINT, 
	attempts BIGINT DEFAULT '0' NOT NULL, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	completed_at BIGINT, 
	error_message TEXT, 
	CONSTRAINT pk_training_jobs PRIMARY KEY (id), 
	CONSTRAINT ck_training_jobs_status CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled'))
);
CREATE TABLE training_tasks (
	job_id VARCHAR(36) NOT NULL, 
	number BIGINT NOT NULL, 
	spec JSON NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	attempts BIGINT DEFAULT '0' NOT NULL, 
	lease_owner TEXT, 
	lease_token BIGINT DEFAULT '0' NOT NULL, 
	lease_expires_at BIGINT, 
	result JSON, 
	error_message TEXT, 
	started_at BIGINT, 
	completed_at BIGINT, 
	CONSTRAINT pk_training_tasks PRIMARY KEY (job_id, number), 
	CONSTRAINT ck_training_tasks_status CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')), 
	CONSTRAINT fk_training_tasks_job_id FOREIGN KEY(job_id) REFERENCES training_jobs (id) ON DELETE CASCADE
);
CREATE TABLE trials (
	experiment_digest VARCHAR(64) NOT NULL, 
	data_digest VARCHAR(64) NOT NULL, 
	exchange TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	timeframe TEXT NOT NULL, 
	start_ms BIGINT NOT NULL, 
	stop_ms BIGINT NOT NULL, 
	strategy TEXT NOT NULL, 
	strategy_source TEXT, 
	method TEXT NOT NULL, 
	objective TEXT NOT NULL, 
	combinations BIGINT NOT NULL, 
	best DOUBLE, 
	distribution JSON NOT NULL, 
	user_id VARCHAR(50) NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_trials PRIMARY KEY (experiment_digest)
);
CREATE INDEX ix_training_jobs_created_at ON training_jobs (created_at);
CREATE INDEX ix_training_jobs_status ON training_jobs (status);
CREATE INDEX ix_training_jobs_user_id ON training_jobs (user_id);
CREATE INDEX ix_trials_exchange_symbol_start_ms ON trials (exchange, symbol, start_ms);
CREATE INDEX ix_market_imports_market_id_at ON market_imports (market_id, at);
CREATE INDEX ix_trained_configurations_created_at ON trained_configurations (created_at);
CREATE INDEX ix_trained_configurations_strategy_name_pair_timeframe ON trained_configurations (strategy_name, pair, timeframe);
CREATE INDEX ix_training_events_job_id_id ON training_events (job_id, id);
CREATE VIEW market_data AS SELECT m.exchange, m.symbol, m.timeframe, strftime('%Y-%m-%dT%H:%M:%SZ', b.time / 1000, 'unixepoch') AS timestamp, b.open, b.high, b.low, b.close, b.volume FROM bars b JOIN markets m ON m.id = b.market_id;
CREATE TRIGGER trials_no_update BEFORE UPDATE ON trials BEGIN SELECT RAISE(ABORT, 'trials is append-only'); END;
CREATE TRIGGER trials_no_delete BEFORE DELETE ON trials BEGIN SELECT RAISE(ABORT, 'trials is append-only'); END;
CREATE TRIGGER holdout_openings_no_update BEFORE UPDATE ON holdout_openings BEGIN SELECT RAISE(ABORT, 'holdout_openings is append-only'); END;
CREATE TRIGGER holdout_openings_no_delete BEFORE DELETE ON holdout_openings BEGIN SELECT RAISE(ABORT, 'holdout_openings is append-only'); END;
COMMIT;
