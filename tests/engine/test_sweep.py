"""The sweep gives the sums of a replay, and of a plain loop over every bar, for every combination."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from assay.engine import (
    TABLE,
    Bracket,
    Combinations,
    Costs,
    Execution,
    Money,
    Run,
    Setups,
    Side,
    Signals,
    Sizing,
    Span,
    Vote,
    at_least,
    at_most,
    equals,
    from_sums,
    layout,
    replay,
    sweep,
)
from assay.engine.replay import eligible
from assay.evaluation import backtest
from assay.sources import read_bars
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.testing.oracle import oracle_bars, oracle_costs, oracle_orders, simulate
from engine.bridge import SUMS, random_bars, random_bracket, random_money, random_rows
from oracle.dense import FEATURES, MEASURES, ORDER, dense_sweep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from assay.engine.rules import AnyRule
    from assay.engine.sweep import Block
    from assay.market import Bars
    from assay.parameters import Value

RULES: tuple[tuple[AnyRule, ...], ...] = (
    (),
    (at_least("a", "low_a"),),
    (at_least("a", "low_a"), at_most("b", "high_b"), equals("delay", "delay")),
    (at_least("a", "low_a"), at_most("a", "high_b"), at_least("b", 0.2)),
    (at_least("a", "low_a"), at_least("b", "low_a"), equals("delay", "delay")),  # one parameter, two rules
    (
        Vote(((30, at_least("a", "low_a")), (25, at_most("b", "high_b")), (45, at_least("c", 0.5))), "score"),
        equals("delay", "delay"),
    ),
    # the vote, and a rule that shares its parameter
    (Vote(((55, at_least("a", "low_a")), (45, at_most("b", "high_b"))), "score"), at_least("c", "low_a")),
)
LEVELS: dict[str, tuple[Value, ...]] = {
    "low_a": (0.0, 0.25, 0.6),
    "high_b": (1.0, 0.75, 0.4),
    "delay": (1, 2),
    "score": (0.3, 0.55, 0.75, 1.0),
}
EXITS: dict[str, tuple[Value, ...]] = {
    "stop": (0.75, 1.5, 2.5),
    "target": (0.5, 1.0, 3.0),
    "max_bars": (3, 12),
    "partial": (0.75, 1.5),
    "min_target_r": (0.0, 0.8, 1.5),
    "target_limited": (0, 1),
    "cooldown": (0, 4),
    "cap_a": (0, 1, 2),
    "cap_b": (1, 3),
}


def itself(block: Block) -> Block:
    return block


class Task(NamedTuple):
    """A random sweep."""

    bars: Bars
    rows: dict[Value, Setups]
    rules: tuple[AnyRule, ...]
    bracket: Bracket
    values: dict[str, tuple[Value, ...]]
    span: Span
    money: Money

    def make_setups(self, shape: Mapping[str, Value]) -> Setups:
        return self.rows[shape.get("shape", 0)]

    def sums(self, points: NDArray[np.int64] | None = None, threads: int = 1) -> NDArray[np.float64]:
        combinations = Combinations(self.values, points)
        blocks = list(
            sweep(
                self.bars,
                self.make_setups,
                self.rules,
                self.bracket,
                combinations,
                [self.span],
                self.money,
                itself,
                threads=threads,
            )
        )
        positions = np.concatenate([b.position for b in blocks])
        assert sorted(positions.tolist()) == list(range(len(combinations)))
        out = np.empty((len(combinations), layout.SUM_FIELDS))
        out[positions] = np.concatenate([b.sums for b in blocks])
        return out

    def replay(self, values: Mapping[str, Value]) -> Run:
        setups = self.make_setups(values)
        signals = Signals.select(self.bars, setups, self.rules, self.bracket, values, self.span)
        return replay(self.bars, signals, self.money, self.span)


def random_task(seed: int) -> Task:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 400))
    bars = random_bars(rng, n, grid=float(rng.choice([0.0, 0.25])))
    rules = RULES[seed % len(RULES)]
    names = dict.fromkeys(name for rule in rules for name in rule.parameters)
    values: dict[str, tuple[Value, ...]] = {name: LEVELS[name] for name in names}
    bracket = random_bracket(rng)
    for name in rng.choice(list(EXITS), int(rng.integers(0, 4)), replace=False).tolist():
        bracket = replace(bracket, **{name: name})
        values[name] = EXITS[name]
    if not values or rng.random() < 0.5:
        values["shape"] = (0, 1)
    order = rng.permutation(list(values)).tolist()
    begin = int(rng.integers(0, 20))
    return Task(
        bars=bars,
        rows={shape: feature_rows(rng, bars, int(rng.integers(1, n))) for shape in (0, 1)},
        rules=rules,
        bracket=bracket,
        values={name: values[name] for name in order},
        span=Span(begin, int(rng.integers(n // 2, n + 1)), int(rng.choice([0, 15]))),
        money=random_money(rng),
    )


def feature_rows(rng: np.random.Generator, bars: Bars, count: int) -> Setups:
    """Rows of which some are one order: the same bar, side and levels, other features."""
    features = {name: rng.random(count).round(2) for name in ("a", "b", "c")}
    features["a"][rng.random(count) < 0.1] = np.nan
    rows = random_rows(rng, bars, count, features=features | {"delay": rng.integers(1, 3, count)})
    twice = np.sort(np.r_[np.arange(count), rng.integers(0, count, count // 3)])
    again = rows.take(twice)
    return replace(again, features={name: rng.permutation(x) for name, x in again.features.items()})


@pytest.mark.parametrize("block", range(4))
def test_sweep_is_replay_is_oracle(block: int) -> None:
    trades = refused = 0
    for seed in range(20 * block, 20 * block + 20):
        task = random_task(seed)
        sums = task.sums()
        combinations = Combinations(task.values)
        chosen = np.random.default_rng(seed).permutation(len(combinations))[:60]
        other = oracle_bars(task.bars)
        for position in chosen.tolist():
            values = combinations.at(position)
            run = task.replay(values)
            assert np.array_equal(run.sums, sums[position]), (seed, values)
            trades += len(run.trades)
        for position in chosen[:6].tolist():
            values = combinations.at(position)
            fields: dict[str, Any] = {f: values[f] for f in EXITS if f in values}
            bracket = replace(task.bracket, **fields)
            rows = eligible(task.bars, task.make_setups(values), task.span)
            rows = rows.take(by_hand(task.rules, rows, values))
            orders = oracle_orders(task.bars, rows, [bracket] * len(rows), task.money)
            refused += len({*rows.bar.tolist()}) - len(orders)
            answer = simulate(other, orders, oracle_costs(task.money), task.span.start, task.span.stop)
            for name, field in SUMS.items():
                assert sums[position, field] == answer.sums[name], (seed, values, name)
            assert sums[position, layout.SUM_TRADES] == len(answer.trades)
    assert trades > 500
    assert refused > 20


def by_hand(rules: tuple[AnyRule, ...], rows: Setups, values: Mapping[str, Value]) -> NDArray[np.int64]:
    """Judge one row at a time, in whole hundredths where weights are summed."""

    def met(rule: Any, i: int) -> bool:
        limit = float(values[rule.limit]) if isinstance(rule.limit, str) else rule.limit
        x = float(rows.features[rule.feature][i])
        return {"at_least": x >= limit, "at_most": x <= limit, "equals": x == limit}[rule.comparison]

    def passes(rule: AnyRule, i: int) -> bool:
        if isinstance(rule, Vote):
            reached = sum(weight for weight, condition in rule.conditions if met(condition, i))
            return reached >= round(100 * float(values[rule.threshold]))
        return met(rule, i)

    return np.array([i for i in range(len(rows)) if all(passes(r, i) for r in rules)], dtype=np.int64)


@pytest.mark.parametrize("seed", range(100, 128))
def test_points_and_threads_change_nothing(seed: int) -> None:
    task = random_task(seed)
    grid = task.sums()
    assert task.sums(threads=2).tobytes() == grid.tobytes()
    rng = np.random.default_rng(seed)
    sizes = [len(v) for v in task.values.values()]
    total = int(np.prod(sizes))
    picked = rng.integers(0, total, min(total, 50))  # some twice
    points = np.array(np.unravel_index(picked, sizes), dtype=np.int64).T.reshape(len(picked), len(sizes))
    for threads in (1, 2):
        assert task.sums(points, threads).tobytes() == grid[picked].tobytes()


def test_blocks_come_in_an_order_of_their_own() -> None:
    task = random_task(2)
    blocks = {
        threads: list(
            sweep(
                task.bars,
                task.make_setups,
                task.rules,
                task.bracket,
                Combinations(task.values),
                [task.span],
                task.money,
                itself,
                threads=threads,
            )
        )
        for threads in (1, 2, 3)
    }
    whole = {t: np.concatenate([b.position for b in found]).tolist() for t, found in blocks.items()}
    assert whole[1] == whole[2] == whole[3]


def test_a_sweep_without_any_row_has_empty_runs() -> None:
    task = random_task(3)
    empty = {shape: rows.take(np.zeros(0, dtype=np.int64)) for shape, rows in task.rows.items()}
    sums = task._replace(rows=empty).sums()
    assert np.all(sums[:, layout.SUM_TRADES] == 0)
    assert np.all(sums[:, layout.SUM_EQUITY] == 1)
    assert np.all(sums[:, layout.SUM_DAYS] >= 1)


# LIQUIDITY_SWEEP against the loop over every bar

STRATEGY = LiquiditySweep()


def dense(
    bars: Bars, shape: dict[str, Any], sides: str, combos: NDArray[np.float64], span: Span, money: Money
) -> NDArray[np.float64]:
    rows = eligible(bars, STRATEGY.all_setups(bars, STRATEGY.parameters.complete(shape), sides), span)
    features = [rows.features[name] for name in FEATURES]
    found: NDArray[np.float64] = dense_sweep(
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.tradable,
        bars.day,
        np.searchsorted(rows.bar, np.arange(len(bars) + 1)),
        rows.side,
        np.stack(features, axis=1),
        np.ascontiguousarray(rows.levels[:, 1]),
        combos,
        money.costs.fee,
        money.costs.slippage,
        money.sizing.risk_fraction,
        money.sizing.leverage_cap,
        money.sizing.method == "risk",
        span.start,
        span.stop,
    )
    return found


def random_grid(rng: np.random.Generator) -> dict[str, tuple[Value, ...]]:
    options: dict[str, tuple[Value, ...]] = {
        "pierce_depth": (0.0001, 0.0005, 0.001, 0.002, 0.003),
        "volume_spike_threshold": (0.5, 1.0, 1.5, 2.0, 3.0),
        "reversal_candles": (1, 2, 3, 4, 5),
        "min_level_touches": (1, 2, 3),
        "reversal_candle_size": (0.0, 0.5, 1.0),
        "key_level_lookback": (20, 50, 100, 200),
        "atr_multiplier_sl": (0.5, 1.0, 1.5, 3.0),
        "risk_reward_ratio": (0.5, 1.5, 2.0, 4.0),
        "max_holding_periods": (1, 10, 30, 100),
        "min_distance_from_level": (0.0, 0.001, 0.003),
    }
    grid: dict[str, tuple[Value, ...]] = {}
    for name, values in options.items():
        count = int(rng.integers(1, 4)) if name in ORDER[:6] else int(rng.integers(1, 3))
        picked = np.sort(rng.choice(len(values), min(count, len(values)), replace=False))
        grid[name] = tuple(values[i] for i in picked)
    return grid


def check_against_the_loop(bars: Bars, seed: int) -> int:
    """Compare every combination of a random grid; return the number of trades."""
    rng = np.random.default_rng(seed)
    grid, sides = random_grid(rng), list(Side)[seed % 3]
    sizing = Sizing("risk" if rng.random() < 0.7 else "notional")
    money = Money(Costs(fee=float(rng.choice([0.0, 0.001]))), sizing)
    combinations = Combinations(grid)
    longest = max(STRATEGY.warmup({"key_level_lookback": x}) for x in grid["key_level_lookback"])
    span = Span(int(rng.integers(0, 400)), int(rng.integers(len(bars) // 2, len(bars) + 1)), longest)

    def make_setups(shape: Mapping[str, Value]) -> Setups:
        return STRATEGY.all_setups(bars, STRATEGY.parameters.complete(shape), sides)

    out = np.empty((len(combinations), layout.SUM_FIELDS))
    for block in sweep(
        bars, make_setups, STRATEGY.rules, STRATEGY.bracket, combinations, [span], money, itself, threads=1 + seed % 2
    ):
        out[block.position] = block.sums
    table = np.stack([from_sums(out, name, 365) for name in TABLE], axis=1)
    every = [combinations.at(i) for i in range(len(combinations))]
    shapes = product(grid["key_level_lookback"], grid["min_distance_from_level"])
    for lookback, distance in shapes:
        shape = {"key_level_lookback": lookback, "min_distance_from_level": distance}
        mine = [i for i, v in enumerate(every) if all(v[name] == x for name, x in shape.items())]
        combos = np.array([[float(every[i][name]) for name in ORDER] for i in mine])
        expected = dense(bars, shape, sides, combos, span, money)
        assert np.array_equal(table[mine], expected, equal_nan=True), (seed, shape)
    for i in rng.integers(0, len(every), 12).tolist():
        run = backtest(STRATEGY, bars, every[i], execution=Execution(sides, money.costs, money.sizing), span=span)
        assert np.array_equal(run.sums, out[i]), (seed, every[i])
    return int(out[:, layout.SUM_TRADES].sum())


def test_the_loop_measures_what_the_table_shows() -> None:
    assert MEASURES == TABLE


@pytest.mark.parametrize("market", ["BINANCE_SOLUSDT_5m", "BINANCE_ONGUSDT_5m", "BINANCEUS_BTCUSD_5m"])
def test_real_bars_agree_with_the_loop(shared_data: Path, market: str) -> None:
    bars = read_bars(shared_data / f"{market}.parquet").head(40_000)
    assert sum(check_against_the_loop(bars, seed) for seed in range(3)) > 500


def test_random_bars_agree_with_the_loop() -> None:
    trades = 0
    for seed in range(40, 64):
        bars = random_bars(np.random.default_rng(seed), 1500, grid=float(seed % 2) / 4)
        trades += check_against_the_loop(bars, seed)
    assert trades > 1000


def test_a_case_as_a_sweep_of_one() -> None:
    task = random_task(5)
    values = Combinations(task.values).at(0)
    one = task._replace(values={name: (v,) for name, v in values.items()})
    assert np.array_equal(one.sums()[0], task.replay(values).sums)
