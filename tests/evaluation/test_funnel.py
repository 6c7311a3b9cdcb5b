"""The signal funnel against a count bar by bar, and its steps against backtests of their own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from assay.engine import REASONS, Bracket, Execution, Setups, Side, Span, at_least, at_most, equals
from assay.engine.rules import Rule
from assay.errors import ParameterError
from assay.evaluation import PreparedFunnel, backtest, signal_funnel
from assay.parameters import Parameter, Parameters
from assay.strategies import STRATEGIES, Strategy, find_strategy
from engine.bridge import bars_of, quiet
from strategies.markets import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value

NAMES = sorted(STRATEGIES)
LOOSE: dict[str, Value] = {"allow_short": True, "min_level_touches": 1, "catalyst_strength_minimum": 0.3}


def values_of(strategy: Strategy) -> dict[str, Value]:
    return strategy.parameters.complete({k: v for k, v in LOOSE.items() if k in strategy.parameters.names})


@pytest.fixture(scope="module")
def history(shared_data: Path) -> Bars:
    return load(shared_data / "BINANCE_SOLUSDT_5m.parquet").head(12_000)


def meets(rule: Rule, row: Mapping[str, float], values: Mapping[str, Any]) -> bool:
    limit = values[rule.limit] if isinstance(rule.limit, str) else rule.limit
    x = row[rule.feature]
    return bool({"at_least": x >= limit, "at_most": x <= limit, "equals": x == limit}[rule.comparison])


def passes(rule: AnyRule, row: Mapping[str, float], values: Mapping[str, Any]) -> bool:
    if isinstance(rule, Rule):
        return meets(rule, row, values)
    weight = sum(w for w, one in rule.conditions if meets(one, row, values))
    return bool(weight >= round(100 * values[rule.threshold]))


@pytest.mark.parametrize("side", sorted(Side))
@pytest.mark.parametrize("name", NAMES)
def test_every_count_is_that_of_a_plain_loop(history: Bars, name: str, side: str) -> None:
    strategy = find_strategy(name)()
    values = values_of(strategy)
    span = Span(3000, 11_000, strategy.warmup(values))
    found = signal_funnel(strategy, history, values, execution=Execution(Side(side)), span=span).funnel
    setups = strategy.all_setups(history, values, side)
    usable = history.valid & (history.age >= span.warmup)
    moments: dict[tuple[int, int], list[dict[str, float]]] = {}
    for i in range(len(setups)):
        t = int(setups.bar[i])
        if span.start <= t < span.stop and usable[t]:
            row = {feature: float(column[i]) for feature, column in setups.features.items()}
            moments.setdefault((t, int(setups.side[i])), []).append(row)

    def left(*rules: AnyRule) -> list[int]:
        return [
            sum(
                key[1] == one and any(all(passes(r, row, values) for r in rules) for row in rows)
                for key, rows in moments.items()
            )
            for one in (1, -1)
        ]

    sides = Side(side).signs
    assert [found.stages[0].long, found.stages[0].short] == [8000 * (one in sides) for one in (1, -1)]
    good = int(usable[3000:11_000].sum())
    assert [found.stages[1].long, found.stages[1].short] == [good * (one in sides) for one in (1, -1)]
    assert [found.pattern.long, found.pattern.short] == left()
    for i, stage in enumerate(found.conditions):
        assert [stage.long, stage.short] == left(*strategy.rules[: i + 1])
        others = [rule for j, rule in enumerate(strategy.rules) if j != i]
        assert stage.alone == sum(left(strategy.rules[i]))
        assert stage.without == sum(left(*others)) - sum(left(*strategy.rules))
        rule = strategy.rules[i]
        if not isinstance(rule, Rule):
            assert [n for _, n in stage.parts] == [sum(left(one)) for _, one in rule.conditions]


@pytest.mark.parametrize("name", NAMES)
def test_the_counts_add_up_to_the_run(history: Bars, name: str) -> None:
    strategy = find_strategy(name)()
    values = values_of(strategy)
    found = signal_funnel(strategy, history, values).funnel
    run = backtest(strategy, history, values)
    passed = [stage.passed for stage in found.stages]
    assert passed == sorted(passed, reverse=True)
    named = {stage.name: stage.passed for stage in found.stages}
    assert named["not both sides at once"] == run.signals
    assert named["sent"] == run.orders_sent
    assert found.trades == len(run.trades) == sum(n for _, n in found.exits) > 0
    assert dict(found.exits) == {
        REASONS[r]: int(n) for r, n in zip(*np.unique(run.trades.reason, return_counts=True), strict=True)
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_step_adds_what_a_backtest_with_it_adds(history: Bars, name: str) -> None:
    strategy = find_strategy(name)()
    values = values_of(strategy)
    found = signal_funnel(strategy, history, values)
    before = backtest(strategy, history, values)
    assert found.relaxed
    assert [r.signals for r in found.relaxed] == sorted((r.signals for r in found.relaxed), reverse=True)
    for step in found.relaxed:
        after = signal_funnel(strategy, history, {**values, step.parameter: step.looser})
        assert step.signals == after.funnel.signals - found.funnel.signals >= 0
        trades = len(backtest(strategy, history, {**values, step.parameter: step.looser}).trades)
        assert step.trades == trades - len(before.trades)
    assert found.binding == found.relaxed[0]
    assert found.relaxed[0].parameter in found.sentence


class Scripted(Strategy):
    """Rows as they are given."""

    name = "SCRIPTED"
    parameters = Parameters(
        Parameter(name="least", default=2.0, low=1.0, high=3.0, grid=(1.0, 2.0, 3.0), doc="Of a."),
        Parameter(name="most", default=5.0, low=1.0, high=9.0, doc="Of b."),
        Parameter(name="delay", default=1, low=1, high=3, choices=(1, 2, 3), doc="Of c."),
    )
    rules: ClassVar[tuple[AnyRule, ...]] = (at_least("a", "least"), at_most("b", "most"), equals("c", "delay"))
    bracket = Bracket(stop=1.0, max_bars=2, cooldown=1, cap_a=1)
    rows: ClassVar[list[tuple[int, int, float, float, float, float, int]]] = []

    def warmup(self, shape: Mapping[str, Value]) -> int:
        return 0

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        chosen = [row for row in self.rows if row[1] == side]
        bar, sides, a, b, c, unit, group = (list(column) for column in zip(*chosen, strict=True))
        features = {"a": a, "b": b, "c": c}
        return Setups.build(bar=bar, side=sides, features=features, stop_unit=unit, group_a=group)


class Told(Scripted):
    """Each row meets another fate."""

    rows: ClassVar[list[tuple[int, int, float, float, float, float, int]]] = [
        # bar, side, a, b, c, unit, group
        (1, 1, 1.5, 1.0, 1.0, 1.0, -1),  # fails a
        (2, 1, 2.0, 6.0, 1.0, 1.0, -1),  # fails b
        (3, 1, 2.0, 5.0, 2.0, 1.0, -1),  # fails c
        (4, 1, 2.0, 5.0, 1.0, math.nan, -1),  # no stop
        (5, 1, 9.0, 1.0, 1.0, 1.0, -1),  # both sides
        (5, -1, 9.0, 1.0, 1.0, 1.0, -1),
        (6, 1, 0.0, 1.0, 1.0, 1.0, 7),  # this row fails ...
        (6, 1, 9.0, 1.0, 1.0, 1.0, 7),  # ... and this one is filled at 7 and leaves at the close of 8
        (6, 1, 9.0, 1.0, 1.0, 1.0, 7),  # behind the one that was chosen: not lost
        (7, -1, 9.0, 1.0, 1.0, 1.0, -1),  # in the position
        (8, 1, 9.0, 1.0, 1.0, 1.0, -1),  # cooling down
        (9, 1, 9.0, 1.0, 1.0, 1.0, 7),  # the group had its fill
        (10, 1, 9.0, 1.0, 1.0, 1.0, -1),  # sent; bar 11 does not trade
        (14, 1, 9.0, 1.0, 1.0, 1.0, -1),  # filled at 15, out at 16
        (19, -1, 9.0, 1.0, 1.0, 1.0, -1),  # no bar is left
    ]


def test_each_fate_is_counted_where_it_belongs() -> None:
    untraded = (100.0, 100.5, 99.5, 100.0, 0.0)
    bars = bars_of(quiet(20, {11: untraded, 12: untraded}))
    found = signal_funnel(Told(), bars, {}).funnel
    assert [(s.name, s.long, s.short) for s in found.stages] == [
        ("bars", 20, 20),
        ("valid", 18, 18),
        ("pattern", 10, 3),
        ("a >= 2 (least)", 9, 3),
        ("b <= 5 (most)", 8, 3),
        ("c = 1 (delay)", 7, 3),
        ("stop and target make sense", 6, 3),
        ("a bar is left to fill on", 6, 2),
        ("not both sides at once", 5, 1),
        ("equity is left", 5, 1),
        ("not in a position", 5, 0),
        ("not cooling down", 4, 0),
        ("group has fills left", 3, 0),
        ("sent", 3, 0),
        ("filled", 2, 0),
    ]
    assert found.exits == (("MAX_HOLDING", 2),)
    assert [(s.alone, s.without) for s in found.conditions] == [(12, 1), (12, 1), (12, 1)]


def test_steps_stay_in_the_search_range_or_the_given_space() -> None:
    bars = bars_of(quiet(20, {}))
    relaxed = {r.parameter: r.looser for r in signal_funnel(Told(), bars, {"most": 8.9}).relaxed}
    assert relaxed == {"least": 1.0, "most": 9.0}  # a delay has no looser value
    relaxed = {r.parameter: r.looser for r in signal_funnel(Told(), bars, {"least": 1.0, "most": 9.0}).relaxed}
    assert relaxed == {}
    space: dict[str, tuple[Value, ...]] = {"least": (1.7, 1.9, 2.0), "most": (4.0, 5.0)}
    given = signal_funnel(Told(), bars, {}, space=space)
    assert {r.parameter: r.looser for r in given.relaxed} == {"least": 1.9}
    assert given.binding is None
    assert given.sentence == "No threshold can be a step looser and add signals; the pattern occurs 13 times."


def test_a_limit_from_both_sides_has_no_looser_value() -> None:
    class Between(Told):
        rules = (at_least("a", "least"), at_most("b", "least"), at_most("b", "most"))

    assert {r.parameter for r in signal_funnel(Between(), bars_of(quiet(20, {})), {"most": 8.9}).relaxed} == {"most"}


def test_what_makes_no_sense_is_refused(history: Bars) -> None:
    breakdown = find_strategy("FAILED_BREAKDOWN")()
    with pytest.raises(ParameterError, match="risk_reward_ratio is off"):
        signal_funnel(
            breakdown, history, {"target_mode": "range_high", "risk_reward_ratio": 3.0}, execution=Execution()
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_prepared_funnel_gives_what_one_of_its_own_gives(history: Bars, name: str) -> None:
    """Thresholds and exits are moved at random: counts, moments and trades are those of a replay from the start."""
    strategy = find_strategy(name)()
    values = values_of(strategy)
    prepared = PreparedFunnel.of(strategy, history, values)
    rng = np.random.default_rng(5)
    free = [p for p in strategy.parameters if p.name not in strategy.shape_names and (p.grid or p.choices)]
    for _ in range(3):
        moved = {p.name: (p.grid or p.choices)[rng.integers(len(p.grid or p.choices))] for p in free}
        if strategy.constraint(strategy.parameters.complete({**values, **moved})) is not None:
            continue
        found = prepared.follow(moved)
        assert found.funnel == signal_funnel(strategy, history, {**values, **moved}).funnel
        assert len(found.bar) == found.funnel.signals
        run = backtest(strategy, history, {**values, **moved})
        trades = [*zip(run.trades.signal_bar.tolist(), run.trades.side.tolist(), strict=True)]
        moments = [*zip(found.bar.tolist(), found.side.tolist(), strict=True)]
        assert moments == sorted(set(moments), key=lambda moment: (moment[0], -moment[1]))
        assert [one for one, filled in zip(moments, found.filled, strict=True) if filled] == trades


def test_a_prepared_funnel_refuses_another_shape_and_what_makes_no_sense(history: Bars) -> None:
    prepared = PreparedFunnel.of(find_strategy("LIQUIDITY_SWEEP"), history, {})
    with pytest.raises(ParameterError, match="key_level_lookback"):
        prepared.follow({"key_level_lookback": 50})
    prepared = PreparedFunnel.of(find_strategy("FAILED_BREAKDOWN"), history, {})
    with pytest.raises(ParameterError, match="risk_reward_ratio is off"):
        prepared.follow({"target_mode": "range_high", "risk_reward_ratio": 3.0})
