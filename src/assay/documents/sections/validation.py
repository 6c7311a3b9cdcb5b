"""The section `validation`: windows, the walk-forward over them, and the sealed holdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from assay.documents.sections.base import Measures, Section, Setting


class Window(Section):
    """One train and test window: moments are first and last bar, ISO 8601 UTC."""

    train_from: str
    train_to: str
    test_from: str
    test_to: str
    parameters: Mapping[str, Setting] | None = Field(description="null where no combination earned.")
    train_score: float | None
    train: Measures
    test: Measures


class WindowSummary(Section):
    """Measures over windows: shown, never a gate."""

    mean_test_sharpe: float | None
    mean_train_sharpe: float | None
    efficiency: float | None
    profitable_windows: float | None = Field(description="Share of the windows.")
    std_test_sharpe: float | None
    sampling_std_sharpe: float | None
    std_test_win_rate: float | None
    stability_score: float | None


class Matrix(Section):
    """The walk-forward under other window lengths: rows by `train_days`, columns by `test_days`."""

    train_days: tuple[float, ...]
    test_days: tuple[float, ...]
    sharpe: tuple[tuple[float | None, ...], ...]
    net_profit_pct: tuple[tuple[float | None, ...], ...]
    windows: tuple[tuple[int | None, ...], ...]


class Holdout(Section):
    """The sealed last part of the span."""

    from_: str | None = Field(alias="from", description="Its first bar, ISO 8601 UTC; null where there is none.")
    share: float
    opened: bool
    openings: int = Field(alias="openings_of_this_run")
    metrics: Measures | None = Field(description="null while it is sealed.")


class Validation(Section):
    """How the parameters were tested on days that did not choose them."""

    method: Literal["walk_forward", "train_test_split"]
    mode: Literal["anchored", "rolling", "split"]
    reoptimised: bool = Field(description="Whether every window was searched again.")
    label: str
    train_window_days: float
    test_window_days: float
    gap_days: float
    window_count: int
    test_sharpe_ratio: float | None
    overfitting_detected: bool
    overfitting_flags: tuple[str, ...]
    summary: WindowSummary
    notes: tuple[str, ...] = Field(description="What was scaled or raised, in words.")
    windows: tuple[Window, ...]
    matrix: Matrix | None = None
    in_sample: Measures = Field(description="Of the days that chose the parameters; empty without a candidate.")
    holdout: Holdout


class NoValidation(Section):
    """Plain measures were not validated."""

    method: Literal["none"]
