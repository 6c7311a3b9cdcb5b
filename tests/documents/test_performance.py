"""What figures say in numbers, against pandas, against the engine's measures, and against cases computed by hand."""

from __future__ import annotations

import json
import math
from dataclasses import astuple
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assay.documents.performance import WEEKDAYS, Performance, performance
from assay.engine.daily_paths import calendar_returns, path_measures, worst_falls
from assay.engine.measures import drawdown_days
from assay.engine.risk import last_month_sharpe
from assay.engine.trades import daily_returns

DAY_MS = 86_400_000
FIRST = pd.Timestamp("2023-11-17", tz="UTC")
DAYS, TRADES = 500, 240
REASONS = ("STOP_LOSS", "TAKE_PROFIT", "MAX_HOLDING")


def drawn(seed: int = 5) -> dict[str, Any]:
    """Figures of a run whose trades and days are random: 500 days over three calendar years."""
    random = np.random.default_rng(seed)
    minutes = np.sort(random.integers(0, DAYS * 288, TRADES)) * 5
    entered = [f"{FIRST + pd.Timedelta(minutes=int(m)):%Y-%m-%dT%H:%M:%SZ}" for m in minutes]
    net = random.normal(0.0005, 0.01, TRADES)
    columns = {name: random.random(TRADES) for name in ("mae", "mfe", "mae_r", "mfe_r")}
    return {
        "stitched": {
            "start_ms": int(FIRST.timestamp() * 1000),
            "equity": np.cumprod(1 + random.normal(0.0005, 0.01, DAYS)).tolist(),
            "market": np.cumprod(1 + random.normal(0.0, 0.03, DAYS)).tolist(),
            "same_exposure": np.cumprod(1 + random.normal(0.0, 0.01, DAYS)).tolist(),
        },
        "trades": {
            "entry_time": entered,
            "exit_time": entered,
            "side": random.choice(["long", "short"], TRADES).tolist(),
            "size": random.random(TRADES).tolist(),
            "return": net.tolist(),
            "R": (net * 80).tolist(),
            "reason": random.choice(REASONS, TRADES).tolist(),
            "ambiguous": [False] * TRADES,
            "window": [""] * TRADES,
        },
        "excursions": {n: c.tolist() for n, c in columns.items()} | {"bars": random.integers(1, 9, TRADES).tolist()},
    }


FIGURES = drawn()
FOUND = performance(FIGURES)
EQUITY = pd.Series(FIGURES["stitched"]["equity"], index=pd.date_range(FIRST, periods=DAYS, freq="D"))
RETURNS = EQUITY.pct_change().fillna(EQUITY.iloc[0] - 1)


def compounded(returns: pd.Series[float], rule: str) -> pd.Series[float]:
    return 100 * ((1 + returns).resample(rule).prod() - 1)


def test_months_and_years_are_those_of_pandas_and_compound_to_the_net_profit() -> None:
    months, years = compounded(RETURNS, "ME"), compounded(RETURNS, "YE")
    assert [y.year for y in FOUND.years] == [2023, 2024, 2025]
    assert [y.return_pct for y in FOUND.years] == pytest.approx(years.to_list(), rel=1e-9)
    told = {(y.year, i + 1): v for y in FOUND.years for i, v in enumerate(y.months_pct) if not math.isnan(v)}
    assert list(told) == [(t.year, t.month) for t in months.index]
    assert list(told.values()) == pytest.approx(months.to_list(), rel=1e-9)
    in_part = [(y.year, i + 1) for y in FOUND.years for i, part in enumerate(y.in_part) if part]
    assert in_part == [(2023, 11), (2025, 3)]
    whole = math.prod(1 + y.return_pct / 100 for y in FOUND.years)
    assert whole == pytest.approx(EQUITY.iloc[-1], rel=1e-12)
    run = FOUND.paths[0].measures
    assert FOUND.paths[0].name == "run"
    assert 100 * (whole - 1) == pytest.approx(run.net_profit_pct, rel=1e-9)
    held = math.prod(1 + y.return_pct / 100 for y in FOUND.market_years)
    assert held == pytest.approx(FIGURES["stitched"]["market"][-1], rel=1e-12)


def test_a_rolling_sharpe_is_that_of_pandas_and_ends_with_the_measure() -> None:
    assert [r.days for r in FOUND.rolling] == [30, 90]
    for rolling in FOUND.rolling:
        window = RETURNS.rolling(rolling.days)
        oracle = window.mean() / window.std() * math.sqrt(365)
        assert rolling.ratios == pytest.approx(oracle.to_list(), rel=1e-9, nan_ok=True)
    month = FOUND.rolling[0]
    assert month.ratios[-1] == last_month_sharpe(daily_returns(EQUITY.to_numpy()), 365)
    assert month.is_known
    flat = performance(FIGURES | {"stitched": FIGURES["stitched"] | {"equity": [1.0] * 40}})
    assert [(r.days, r.is_known) for r in flat.rolling] == [(30, False)]


def test_a_path_is_measured_as_a_run_is() -> None:
    for path in FOUND.paths:
        worth = pd.Series([1.0, *FIGURES["stitched"]["equity" if path.name == "run" else path.name]])
        returns, m = worth.pct_change().dropna(), path.measures
        assert m.sharpe_ratio == pytest.approx(returns.mean() / returns.std() * math.sqrt(365), rel=1e-9)
        assert m.annual_return_pct == pytest.approx(100 * (worth.iloc[-1] ** (365 / DAYS) - 1), rel=1e-9)
        assert m.max_drawdown_pct == pytest.approx(100 * (worth / worth.cummax() - 1).min(), rel=1e-9)
        assert (m.best_day_pct, m.worst_day_pct) == pytest.approx((100 * returns.max(), 100 * returns.min()), rel=1e-9)
        assert m.rising_days == pytest.approx((returns > 0).mean())


def test_falls_computed_by_hand() -> None:
    worth = np.array([1.1, 0.99, 1.045, 1.1, 1.2, 1.08, 0.9, 1.2, 1.3, 1.17])
    first, second, third = worst_falls(19_000, worth)  # 2022-01-08
    assert astuple(first) == (pytest.approx(-25.0), "2022-01-13", "2022-01-14", "2022-01-15", 2)
    assert astuple(second) == (pytest.approx(-10.0), "2022-01-09", "2022-01-09", "2022-01-11", 2)
    assert astuple(third) == (pytest.approx(-10.0), "2022-01-17", "2022-01-17", None, 1)
    assert worst_falls(19_000, np.array([0.9, 1.1]))[0].begin == "2022-01-08"  # below the 1 of before the first day
    assert worst_falls(19_000, np.array([1.0, 1.0 - 2.0**-53])) == ()  # rounding is no fall


def test_falls_of_a_long_run() -> None:
    every = worst_falls(0, EQUITY.to_numpy(), count=DAYS)
    assert max(fall.days for fall in every) == drawdown_days(EQUITY.to_numpy())
    assert FOUND.falls[0].depth_pct == FOUND.paths[0].measures.max_drawdown_pct
    below = np.maximum(EQUITY.cummax(), 1.0) > EQUITY
    assert sum(fall.days for fall in every) == below.sum()
    assert [f.depth_pct for f in every] == sorted(f.depth_pct for f in every)
    assert [f.depth_pct for f in FOUND.falls] == [f.depth_pct for f in every[:10]]


def test_groups_are_those_of_pandas_and_compound_to_all_trades() -> None:
    trades = pd.DataFrame(FIGURES["trades"])
    entered = pd.to_datetime(trades["entry_time"])
    keys = {
        "side": trades["side"],
        "hour": entered.dt.strftime("%H"),
        "weekday": entered.dt.day_name(),
        "reason": trades["reason"],
    }
    for split in FOUND.splits:
        oracle = trades.assign(grown=1 + trades["size"] * trades["return"]).groupby(keys[split.name])
        told = {group.name: group for group in split.groups if group.trades}
        assert set(told) == set(oracle.groups)
        for name, rows in oracle:
            group = told[str(name)]
            assert group.trades == len(rows)
            assert group.win_rate == pytest.approx((rows["return"] > 0).mean())
            assert group.mean_r == pytest.approx(rows["R"].mean())
            assert group.mean_net_pct == pytest.approx(100 * rows["return"].mean())
            assert group.net_profit_pct == pytest.approx(100 * (float(rows["grown"].to_numpy().prod()) - 1))
        whole = math.prod(1 + group.net_profit_pct / 100 for group in told.values())
        assert whole == pytest.approx((1 + trades["size"] * trades["return"]).prod(), rel=1e-12)
    names = {split.name: [group.name for group in split.groups] for split in FOUND.splits}
    assert (names["weekday"], len(names["hour"])) == (list(WEEKDAYS), 24)


def test_medians_of_excursions() -> None:
    table = pd.DataFrame(FIGURES["excursions"]).assign(won=np.array(FIGURES["trades"]["return"]) > 0)
    assert FOUND.excursions is not None
    for summary, won in zip(FOUND.excursions.summaries, (True, False), strict=True):
        rows = table[table["won"] == won]
        medians = rows[["mae_r", "mfe_r", "bars"]].median().to_list()
        assert astuple(summary)[1:] == (len(rows), *(pytest.approx(m) for m in medians))


def test_figures_of_before_and_of_no_trade_are_read() -> None:
    before = {k: v for k, v in FIGURES.items() if k != "excursions"}
    before["stitched"] = {k: v for k, v in FIGURES["stitched"].items() if k != "same_exposure"}
    found = performance(before)
    assert (found.excursions, [path.name for path in found.paths]) == (None, ["run", "market"])
    assert found.years == FOUND.years
    none = FIGURES | {name: {column: [] for column in FIGURES[name]} for name in ("trades", "excursions")}
    empty: Performance = performance(none)
    assert {group.trades for split in empty.splits for group in split.groups} == {0}
    json.dumps(empty.as_dict(), allow_nan=False)


def test_ruin_is_final() -> None:
    worth = np.array([0.5, 0.0, 0.0])
    (year,) = calendar_returns(0, worth)
    assert (year.year, year.return_pct, year.months_pct[0]) == (1970, -100.0, -100.0)
    assert path_measures(worth, 365).net_profit_pct == -100.0
    assert calendar_returns(0, np.array([])) == ()
