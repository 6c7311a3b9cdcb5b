"""What tools are given: names, and the terms of a training."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""Texts of one line."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=PLAIN)]
Exchange = Annotated[str, Field(min_length=1, max_length=50, pattern=PLAIN, examples=["binance"])]
Symbol = Annotated[
    str, Field(min_length=1, max_length=50, pattern=PLAIN, description="In any usual spelling.", examples=["BTC/USDT"])
]
Timeframe = Annotated[str, Field(min_length=1, max_length=20, pattern=PLAIN, examples=["5m"])]
JobId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=36,
        pattern=PLAIN,
        description="Of a training, as start_training returned it.",
        examples=["0f8fad5b-d9cb-469f-a165-70867728950e"],
    ),
]
ConfigurationId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=PLAIN,
        description="Of what a training found, as training_results names it.",
        examples=["LIQUIDITY_SWEEP_V3_20260301_123456_f10cb7"],
    ),
]
Key = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        pattern=PLAIN,
        description="A name of your own for this request: sent again with the same one it starts nothing new.",
    ),
]
Fraction = Annotated[float | str, Field(description='A fraction, or a text with its unit: 0.001, "0.1%", "10bps".')]

MAX_NAMES = 1_000


class Terms(BaseModel):
    """Something with names, in which no unknown one stands."""

    model_config = ConfigDict(extra="forbid")


class SearchNumbers(Terms):
    """Numbers of the chosen method, and what is searched."""

    n_samples: int | None = Field(None, description="Points of a random search; 500 where not given.", examples=[500])
    n_iterations: int | None = Field(None, description="Points of a search that learns; 200 where not given.")
    parameter_grid: dict[Name, Any] | None = Field(
        None,
        description="Values by parameter: a list of choices, {low, high, step}, or one value. The strategy's own grid "
        "where not given. describe_strategy lists the parameters.",
        examples=[{"risk_reward_ratio": [2.0, 3.0, 4.0], "pierce_depth": {"low": 0.001, "high": 0.003, "step": 0.001}}],
    )


class ValidationNumbers(Terms):
    """Numbers of the chosen validation."""

    train_period_days: float | None = Field(None, description="Of the first train window; 60 where not given.")
    test_period_days: float | None = Field(None, description="Of each test window; 30 where not given.")
    gap_period_days: float | None = Field(None, description="At least so many days between them.")
    train_ratio: float | None = Field(None, description="Share of the days that a split trains on; 0.7.")


class TrainingChanges(Terms):
    """What is different in a training that repeats another; what is not named stays, and null takes a term away."""

    strategy: Name | None = Field(None, description="One strategy, by name.", examples=["LIQUIDITY_SWEEP"])
    strategies: list[Name] | None = Field(None, max_length=MAX_NAMES, description="Or several.")
    pairs: list[Name] | None = Field(None, max_length=MAX_NAMES)
    exchanges: list[Name] | None = Field(None, max_length=MAX_NAMES)
    timeframes: list[Name] | None = Field(None, max_length=MAX_NAMES)
    optimization_method: Name | None = Field(
        None, description="auto (a grid), grid, random, bayesian (gp), gp, tpe or cmaes.", examples=["random"]
    )
    optimization_params: SearchNumbers | None = None
    validation_method: Name | None = Field(
        None, description="walk_forward (anchored), rolling, or train_test_split.", examples=["walk_forward"]
    )
    validation_params: ValidationNumbers | None = None
    historical_period_months: float | None = Field(
        None, description="The newest so many months; 12 where neither this nor days, start or stop is given."
    )
    max_runtime: float | None = Field(None, description="Seconds from the first task on; what is done then stays.")
    parallel_workers: int | None = Field(None, description="With how many workers an estimate counts.")
    priority: int | None = Field(None, description="Tasks of a training with a higher one are taken first.")
    fetch: bool | None = Field(None, description="Whether missing bars are fetched from their exchange; true.")
    objective: Name | None = Field(None, description="What a search maximises.", examples=["sharpe_ratio"])
    seed: int | None = Field(None, description="Of sampling and permutations.")
    evidence: Name | None = Field(None, description="quick (39 permutations), standard (199) or thorough (999).")
    permutations: int | None = Field(None, description="Overrules evidence; 0 leaves p unknown.")
    fixed: dict[Name, Any] | None = Field(None, description="Values that take the place of those that are searched.")
    side: Name | None = Field(None, description="both, long or short.")
    fee: Fraction | None = Field(None, description="Of each fill; 0.001 where not given.")
    slippage: Fraction | None = Field(None, description="Of each fill; 0.0005 where not given.")
    sizing: Name | None = Field(None, description="risk or notional.")
    min_stop_costs: float | None = Field(None, description="Stops stay this many round trips of cost away.")
    days: float | None = Field(None, description="The newest so many days may signal.")
    start: int | str | None = Field(None, description="From here on; milliseconds UTC, or a moment in ISO form.")
    stop: int | str | None = Field(None, description="Before this moment.")
    allow_bad_data: bool | None = Field(None, description="Train below 70 % valid bars; recorded, and never promoted.")

    def given(self) -> dict[str, Any]:
        """Return what was given, null too."""
        return self.model_dump(exclude_unset=True)


class Training(TrainingChanges):
    """What to train, on which markets, and how."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "strategy": "LIQUIDITY_SWEEP",
                    "pairs": ["BTC/USDT"],
                    "exchanges": ["binance"],
                    "timeframes": ["5m"],
                    "optimization_method": "random",
                    "optimization_params": {"n_samples": 100},
                    "evidence": "quick",
                }
            ]
        }
    )

    pairs: list[Name] = Field(max_length=MAX_NAMES, description="In any usual spelling.", examples=[["BTC/USDT"]])
    exchanges: list[Name] = Field(max_length=MAX_NAMES, examples=[["binance"]])
    timeframes: list[Name] = Field(max_length=MAX_NAMES, examples=[["5m", "1h"]])

    def terms(self) -> dict[str, Any]:
        """Return what was given."""
        return self.model_dump(exclude_none=True, exclude_unset=True)
