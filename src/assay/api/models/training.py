"""Bodies and answers about trainings and their jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from assay.api.models.common import MaybeMoment, Moment
from assay.api.request_words import Words
from assay.store.schema import JobStatus

Text = Annotated[str, Field(min_length=1, max_length=200)]
Fraction = float | str
FRACTION = 'a fraction or a text with its unit (0.001, "0.1%", "10bps")'

MAX_NAMES = 1_000


class Body(BaseModel):
    """A body whose names are written in camelCase or in snake_case, and in which no unknown one stands."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True)


class OptimizationParams(Body):
    """Numbers of the chosen method."""

    n_samples: int | None = Field(None, description="Points of a random search; 500 where not given.", examples=[500])
    n_iterations: int | None = Field(None, description="Points of a search that learns; 200 where not given.")
    parameter_grid: dict[Text, Any] | None = Field(
        None,
        description="Values by parameter: a list of choices, {low, high, step}, or one value. The strategy's own grid "
        "where not given.",
        examples=[{"pierce_depth": [0.001, 0.002], "risk_reward_ratio": {"low": 1.5, "high": 4.0, "step": 0.5}}],
    )


class ValidationParams(Body):
    """Numbers of the chosen validation."""

    train_period_days: float | None = Field(None, description="Of the first train window; 60 where not given.")
    test_period_days: float | None = Field(None, description="Of each test window; 30 where not given.")
    gap_period_days: float | None = Field(None, description="At least so many days between them.")
    train_ratio: float | None = Field(None, description="Share of the days that a split trains on; 0.7.")


class TrainingConfig(Body):
    """What to train, on which markets, and how."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "strategy": "LIQUIDITY_SWEEP_V3",
                    "pairs": ["BTC/USDT"],
                    "exchanges": ["binance"],
                    "timeframes": ["5m"],
                    "optimizationMethod": "random",
                    "optimizationParams": {"nSamples": 100},
                    "validationMethod": "walk_forward",
                    "validationParams": {"trainPeriodDays": 60, "testPeriodDays": 30, "gapPeriodDays": 7},
                    "historicalPeriodMonths": 12,
                    "maxRuntime": 3600,
                }
            ]
        }
    )

    strategy: Text | None = Field(None, description="One strategy, by name.")
    strategies: list[Text] | None = Field(None, max_length=MAX_NAMES, description="Or several.")
    pairs: list[Text] = Field(max_length=MAX_NAMES, description="In any usual spelling.", examples=[["BTC/USDT"]])
    exchanges: list[Text] = Field(max_length=MAX_NAMES, description="Each of them, by name.", examples=[["binance"]])
    timeframes: list[Text] = Field(max_length=MAX_NAMES, description="Each of them.", examples=[["5m", "1h"]])
    optimization_method: Text | None = Field(
        None, description="auto (a grid), grid, random, bayesian (gp), gp, tpe or cmaes.", examples=["random"]
    )
    optimization_params: OptimizationParams | None = Field(None, description="Numbers of the optimization method.")
    validation_method: Text | None = Field(
        None, description="walk_forward (anchored), rolling, or train_test_split.", examples=["walk_forward"]
    )
    validation_params: ValidationParams | None = Field(None, description="Numbers of the validation method.")
    historical_period_months: float | None = Field(
        None, description="The newest so many months; 12 where neither this nor days, start or stop is given."
    )
    max_runtime: float | None = Field(None, description="Seconds from the first task on; what is left can go on later.")
    parallel_workers: int | None = Field(
        None, description="What an estimate counts with; how many workers there are is the operator's business."
    )
    priority: int | None = Field(None, description="Tasks of a job with a higher one are taken first.")
    fetch: bool | None = Field(None, description="Whether missing bars are fetched from their exchange; true.")
    objective: Text | None = Field(None, description="What a search maximises.", examples=["sharpe_ratio"])
    seed: int | None = Field(None, description="Of sampling and permutations.")
    evidence: Text | None = Field(None, description="quick (39 permutations), standard (199) or thorough (999).")
    permutations: int | None = Field(None, description="Overrules evidence; 0 leaves p unknown.")
    fixed: dict[Text, Any] | None = Field(None, description="Values that take the place of those that are searched.")
    side: Text | None = Field(None, description="both, long or short.")
    fee: Fraction | None = Field(None, description=f"Of each fill, {FRACTION}; 0.001 where not given.")
    slippage: Fraction | None = Field(None, description=f"Of each fill, {FRACTION}; 0.0005 where not given.")
    sizing: Text | None = Field(None, description="risk or notional.")
    min_stop_costs: float | None = Field(None, description="Stops stay this many round trips of cost away.")
    days: float | None = Field(None, description="The newest so many days may signal.")
    start: int | str | None = Field(None, description="From here on; milliseconds UTC, or a moment in ISO form.")
    stop: int | str | None = Field(None, description="Before this moment.")
    allow_bad_data: bool | None = Field(None, description="Train below 70 % valid bars; recorded, and never promoted.")

    def terms(self) -> dict[str, Any]:
        """Return what was given, in camelCase: errors name terms as they stand in OpenAPI."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)


class Changes(Body):
    """What is different in a job that repeats another; as in TrainingConfig, whose other values stay."""

    model_config = ConfigDict(extra="allow")


class Retry(Body):
    """Under which limit what is left of a job goes on."""

    max_runtime: float | None = Field(None, description="Seconds from the first task on; without a limit if null.")


class LeftOut(BaseModel):
    """A market that a job leaves out."""

    market: str
    reason: Words


class Started(BaseModel):
    """A job that waits for workers."""

    job_id: str = Field(examples=["0f8fad5b-d9cb-469f-a165-70867728950e"])
    status: JobStatus
    total_combinations: int = Field(description="Tasks: one per market and strategy, once the trainings are made.")
    left_out: list[LeftOut]


class JobRow(BaseModel):
    """A job in a listing."""

    id: str
    user: str
    strategy_name: str
    status: JobStatus
    priority: int
    parent_id: str | None
    total_combinations: int
    completed_combinations: int
    failed_combinations: int
    configurations_created: int
    best_net_profit: float | None = Field(description="In account currency.")
    created_at: Moment
    started_at: MaybeMoment
    completed_at: MaybeMoment
    stop_at: MaybeMoment
    error_message: Words | None = Field(description="Why it failed or was stopped: of several reasons the first.")


class TaskProgress(BaseModel):
    """How far a task is."""

    stage: str
    done: int
    total: int
    rate: float | None = Field(None, description="Units a second.")
    eta_s: float | None = None
    note: str | None = None


class TaskRow(BaseModel):
    """A task of a job."""

    number: int
    work: Literal["prepare", "train"]
    market: str | None
    strategy: str | None
    status: JobStatus
    attempts: int
    worker: str | None = Field(description="Id of the worker that has it.")
    progress: TaskProgress | None
    config_id: str | None
    error: Words | None = Field(description="Why it failed, or how its last worker ended.")
    started_at: MaybeMoment
    completed_at: MaybeMoment


class JobStatusBody(JobRow):
    """How far a job is, with each of its tasks."""

    request: dict[str, Any] | None = Field(description="The TrainingConfig; null of jobs of the command line.")
    max_runtime: float | None
    left_out: list[LeftOut]
    rate: float | None = Field(description="Tasks a second.")
    eta_s: float | None
    tasks: list[TaskRow]


class ResultRow(BaseModel):
    """What became of a training."""

    model_config = ConfigDict(extra="allow")

    market: str
    strategy: str
    status: JobStatus
    error: Words | None
    config_id: str | None = None
    stage: str | None = None
    net_profit: float | None = None
    sharpe_ratio: float | None = None
    in_sample_sharpe_ratio: float | None = None
    total_trades: int | None = None
    p_value: float | None = None
    p_adjusted: float | None = Field(None, description="With all that was tried on the same days.")
    q_value: float | None = Field(None, description="False discovery rate over the markets of the job.")
    why_not_promoted: Words | None = None


class Results(BaseModel):
    """What became of a job's trainings."""

    job: str
    status: JobStatus
    error_message: Words | None = Field(description="Why the job failed or was stopped: of several reasons the first.")
    tasks: list[ResultRow]
    tried: list[dict[str, Any]] = Field(description="What the ledger has by now of the days of each market.")
    left_out: list[LeftOut]
    documents: list[dict[str, Any]] | None = Field(None, description="V3 documents, where they are asked for.")


class LogLine(BaseModel):
    """A line of a job's log."""

    id: int
    at: Moment
    level: str
    message: Words
    task: int | None


class WorkerBody(BaseModel):
    """A process that runs tasks, or did within the last day."""

    id: str
    host: str
    process: int
    version: str
    is_alive: bool
    memory_limit: int | None
    started_at: Moment
    seen_at: Moment
    ended_at: MaybeMoment
    job: str | None
    task: int | None
    note: str | None = Field(description="Why it takes nothing, or how it ended.")
