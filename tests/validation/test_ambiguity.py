"""What finer bars say of ambiguous trades: by hand, and against a replay of the finer market."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Bracket, Costs, Money, Run, Setups, Signals, Sizing, Span, measure, replay
from assay.engine.trades import Trades
from assay.errors import InputError
from assay.market import Bars, Timeframe, resample
from assay.validation import Ambiguity, ambiguity
from engine.bridge import FAR, HOURLY, bars_of, random_bars, random_money

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = tuple[float, float, float, float, float]

QUARTERS = replace(HOURLY, timeframe=Timeframe.parse("15m"))
FREE = Money(Costs(0.0, 0.0), Sizing("notional"))
CALM: Row = (100.0, 100.5, 99.5, 100.0, 1.0)
SIGNAL = 2

BOTH = "both lie in one finer bar"
NEITHER = "tradable finer bars reach neither"
BETWEEN = "the first target was reached, the rest left at neither end"
UNCOVERED = "finer bars are absent"
CONTRADICTED = "finer bars have other prices"


def quarters_of(prices: Sequence[Sequence[float]], side: int = 1) -> list[Row]:
    """Four quarters from (open, high, low, close[, volume]); a short's are mirrored about 100."""
    rows = []
    for o, h, low, c, *volume in prices:
        if side < 0:
            o, h, low, c = 200.0 - o, 200.0 - low, 200.0 - h, 200.0 - c  # noqa: PLW2901
        rows.append((o, h, low, c, *(volume or [1.0])))
    return rows  # type: ignore[return-value]


def finer_market(hours: dict[int, Sequence[Sequence[float]]], side: int = 1) -> Bars:
    """Eight hours of quarters around 100, some hours replaced."""
    rows = [row for hour in range(8) for row in (quarters_of(hours[hour], side) if hour in hours else [CALM] * 4)]
    return bars_of(rows, market=QUARTERS, first_ms=0)


def one_trade(bars: Bars, bar: int, side: int, stop: float, target: float, partial: float | None, money: Money) -> Run:
    """Replay one signal whose stop and target are prices, the first target a multiple of the risk."""
    rows = Setups.build(bar=[bar], side=[side], features={}, stop_base=[stop], stop_unit=[1.0], target_limit=[target])
    bracket = Bracket(stop=0.0, target=FAR, partial=partial)
    span = Span(0, len(bars))
    return replay(bars, Signals.select(bars, rows, (), bracket, {}, span), money, span)


def seen(run: Run, bars: Bars, finer: Bars) -> str:
    """Return what is said of the only trade."""
    found = ambiguity(run, bars, finer)
    assert found.trades == 1
    assert found.finer_timeframe == "15m"
    m = measure(run, bars)
    assert found.pessimistic_net_profit_pct == m["net_profit_pct"]
    assert found.optimistic_net_profit_pct == m["optimistic_net_profit_pct"]
    assert found.pessimistic_net_profit_pct < found.optimistic_net_profit_pct
    at_target = found.to_target == 1
    end = found.optimistic_net_profit_pct if at_target else found.pessimistic_net_profit_pct
    assert found.resolved_net_profit_pct == end
    assert found.resolved + found.unresolved == 1
    if found.resolved:
        assert found.note == ""
        return "target" if at_target else "stop"
    ((why, number),) = found.reasons
    assert number == 1
    assert found.note == f"1 stay at the stop: 1 because {why}"
    return why


# --- one leg, by hand: stop 98, target 104, entered at 100 at the open of hour 3

UP = (100.0, 104.0, 99.9, 103.0)
DOWN = (100.0, 100.2, 98.0, 99.0)
ONE_LEG: dict[str, tuple[Sequence[Sequence[float]], str]] = {
    "the stop by a touch": ([DOWN, (99, 104.5, 98.5, 104), CALM, CALM], "stop"),
    "the target by a touch": ([UP, (103, 103, 97, 98.5), CALM, CALM], "target"),
    "an open beyond the target, before the range": ([CALM, (104.2, 104.5, 97, 100), CALM, CALM], "target"),
    "an open beyond the stop, before the range": ([CALM, CALM, (97.5, 104.5, 97, 100), CALM], "stop"),
    "an open at the target": ([CALM, (104, 104, 97, 100), CALM, CALM], "target"),
    "both in one quarter": ([CALM, (100, 104, 98, 100), UP, CALM], BOTH),
    "both in one quarter, after the target": ([CALM, UP, (100, 104, 98, 100), CALM], "target"),
    "a quarter without volume fills nothing": ([(*DOWN, 0.0), UP, CALM, CALM], "target"),
    "nor does an impossible one": ([(100, 100.2, 97, 101), UP, DOWN, CALM], "target"),
    "only such a quarter reached them": ([(100, 105, 97, 100, 0.0), CALM, CALM, CALM], NEITHER),
}


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("hour", [3, 5])
@pytest.mark.parametrize("name", ONE_LEG)
def test_one_leg(name: str, hour: int, side: int) -> None:
    prices, expected = ONE_LEG[name]
    finer = finer_market({hour: prices}, side)
    bars = resample(finer, HOURLY.timeframe)
    run = one_trade(bars, SIGNAL, side, 100 - 2 * side, 100 + 4 * side, None, FREE)
    assert run.trades.exit_bar[0] == hour
    assert seen(run, bars, finer) == expected


# --- two legs: R1 at 102, target 104, stop 98, break-even 100

HIGH = (101.0, 102.5, 100.5, 102.0)
BACK = (102.0, 102.2, 99.5, 101.0)
TOP = (102.0, 104.0, 101.0, 103.0)
FALL = (101.0, 101.0, 97.0, 98.0)
STEADY = (101.0, 101.5, 100.5, 101.0)
TWO_LEGS: dict[str, tuple[dict[int, Sequence[Sequence[float]]], str]] = {
    # the run has both legs at the stop
    "stop first": ({5: [DOWN, UP, CALM, CALM]}, "stop"),
    "both targets, then the stop": ({5: [STEADY, HIGH, TOP, FALL]}, "target"),
    "both targets in one quarter": ({5: [STEADY, (101, 104, 100.5, 103), FALL, CALM]}, "target"),
    "an open beyond both": ({5: [STEADY, (104.5, 105, 97, 98), CALM, CALM]}, "target"),
    "the first target, break-even, the stop": ({5: [STEADY, HIGH, BACK, FALL]}, BETWEEN),
    "the first target, break-even, the target, the stop": ({5: [HIGH, BACK, TOP, FALL]}, BETWEEN),
    "the first target only, then the stop": ({5: [HIGH, FALL, CALM, CALM]}, BETWEEN),
    "the stop, then the first target only": ({5: [DOWN, HIGH, CALM, CALM]}, "stop"),
    "the first target and the stop in one quarter": ({5: [(100, 102, 98, 100), TOP, CALM, CALM]}, BOTH),
    "the first target and break-even in one quarter": ({5: [(101, 102, 99.5, 101), TOP, FALL, CALM]}, BOTH),
    # the run has the first leg at its target and the rest at break-even
    "break-even after the first target": ({5: [STEADY, HIGH, BACK, TOP]}, "stop"),
    "the target after the first target": ({5: [STEADY, HIGH, TOP, BACK]}, "target"),
    "break-even after an open beyond the first": ({5: [STEADY, (102.1, 102.5, 99.9, 101), STEADY, STEADY]}, "stop"),
    "break-even after an open at the first": ({5: [STEADY, (102, 102.5, 99.9, 101), STEADY, STEADY]}, "stop"),
    "an open beyond the first, then both": ({5: [STEADY, (102.1, 104, 99.9, 101), STEADY, STEADY]}, BOTH),
    "the low before the first target: the rest stays": ({5: [CALM, STEADY, HIGH, STEADY]}, BETWEEN),
    # the first leg had left on an earlier bar, or leaves at this bar's open
    "break-even before the target": ({4: [STEADY, HIGH, STEADY, STEADY], 5: [STEADY, BACK, TOP, STEADY]}, "stop"),
    "the target before break-even": ({4: [STEADY, HIGH, STEADY, STEADY], 5: [STEADY, TOP, BACK, STEADY]}, "target"),
    "open beyond R1, break-even first": ({5: [(102.5, 103, 101, 102), BACK, TOP, STEADY]}, "stop"),
    "open beyond R1, target first": ({5: [(102.5, 103, 101, 102), TOP, BACK, STEADY]}, "target"),
    # on the entry bar break-even is not in force
    "entry bar: below entry, then the target": ({3: [HIGH, BACK, TOP, FALL]}, "target"),
    "entry bar: the first target, then the stop": ({3: [HIGH, BACK, FALL, STEADY]}, BETWEEN),
    "entry bar: the stop first": ({3: [DOWN, HIGH, TOP, STEADY]}, "stop"),
    "entry bar opens beyond R1, the stop first": ({3: [(102.5, 103, 101, 102), FALL, TOP, STEADY]}, "stop"),
    "entry bar opens beyond R1": ({3: [(102.5, 103, 101, 102), BACK, TOP, FALL]}, "target"),
}


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("name", TWO_LEGS)
def test_two_legs(name: str, side: int) -> None:
    hours, expected = TWO_LEGS[name]
    finer = finer_market(hours, side)
    bars = resample(finer, HOURLY.timeframe)
    run = one_trade(bars, SIGNAL, side, 100 - 2 * side, 100 + 4 * side, 1.0, FREE)
    assert run.trades.exit_bar[0] == max(hours)
    assert run.trades.first_target[0] == 100 + 2 * side
    assert seen(run, bars, finer) == expected


def test_a_trailed_stop_is_the_one_in_force() -> None:
    # the close of hour 3 is 101.5: the stop trails to 100.5, which hour 4 reaches before 104; 98 it never does
    rise = [(100, 101, 99.5, 101), (101, 102, 101, 101.5), (101.5, 102, 101, 101.5), (101.5, 102, 101.2, 101.5)]
    for later, expected in (((101.5, 101.6, 100.5, 101), "stop"), ((101.5, 104, 101, 103.5), "target")):
        other = (101.5, 104, 101, 103.5) if expected == "stop" else (101.5, 101.6, 100.5, 101)
        finer = finer_market({3: rise, 4: [later, other, STEADY, STEADY]})
        bars = resample(finer, HOURLY.timeframe)
        rows = Setups.build(
            bar=[SIGNAL], side=[1], features={}, stop_base=[98.0], stop_unit=[1.0], target_limit=[104.0]
        )
        bracket = Bracket(stop=0.0, target=FAR, trail="distance", trail_activation=1.0, trail_distance=1.0)
        span = Span(0, len(bars))
        run = replay(bars, Signals.select(bars, rows, (), bracket, {}, span), FREE, span)
        assert run.trades.exit_raw[0] == 100.5
        assert seen(run, bars, finer) == expected


# --- bars that cannot be used


def ambiguous_hour() -> tuple[Run, Bars, Bars]:
    finer = finer_market({5: [UP, FALL, CALM, CALM]})
    bars = resample(finer, HOURLY.timeframe)
    return one_trade(bars, SIGNAL, 1, 98.0, 104.0, None, FREE), bars, finer


def from_quarter(finer: Bars, keep: np.ndarray[Any, Any]) -> Bars:
    names = ("time", "open", "high", "low", "close", "volume")
    return Bars.from_columns(finer.market, *(getattr(finer, name)[keep] for name in names))


def test_finer_bars_that_do_not_cover_the_hour_are_not_used() -> None:
    run, bars, finer = ambiguous_hour()
    every = np.arange(32)
    assert seen(run, bars, from_quarter(finer, every[20:24])) == "target"
    for kept in (every[21:], every[:23], every[:8], every[24:], every[every != 22]):
        assert seen(run, bars, from_quarter(finer, kept)) == UNCOVERED


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
def test_finer_bars_that_contradict_the_hour_are_not_used(name: str) -> None:
    run, bars, finer = ambiguous_hour()
    quarter = {"open": 20, "high": 20, "low": 21, "close": 23}[name]
    for factor, expected in ((1e-12, "target"), (1e-7, CONTRADICTED)):
        columns = {n: getattr(finer, n).copy() for n in ("open", "high", "low", "close")}
        columns[name][quarter] *= 1.0 + (factor if name != "low" else -factor)
        assert seen(run, bars, finer.with_prices(**columns)) == expected


def test_finer_bars_of_another_market_or_none_finer_are_refused() -> None:
    run, bars, finer = ambiguous_hour()
    for market, sentence in (
        (replace(QUARTERS, symbol="ETH/USDT"), "must be bars of test BTC/USDT"),
        (replace(QUARTERS, exchange="other"), "must be bars of test BTC/USDT"),
        (HOURLY, "must have a timeframe that divides 1h"),
        (replace(HOURLY, timeframe=Timeframe.parse("45m")), "must have a timeframe that divides 1h"),
    ):
        with pytest.raises(InputError, match=sentence):
            ambiguity(run, bars, replace(finer, market=market))


def test_without_finer_bars_there_is_an_interval_and_nothing_more() -> None:
    run, bars, finer = ambiguous_hour()
    told = ambiguity(run, bars).as_dict()
    expected = {
        "trades": 1, "pessimistic_net_profit_pct": 100 * (0.98 - 1.0), "optimistic_net_profit_pct": 100 * (1.04 - 1.0),
        "resolved": None, "resolved_net_profit_pct": None, "finer_timeframe": None, "to_target": None,
        "to_stop": None, "unresolved": 1, "note": "only finer bars of the same market can tell which came first",
    }  # fmt: skip
    assert told == expected | {key: pytest.approx(told[key]) for key in expected if key.endswith("stic_net_profit_pct")}
    assert told["pessimistic_net_profit_pct"] == pytest.approx(-2.0)
    assert told["optimistic_net_profit_pct"] == pytest.approx(4.0)
    resolved = ambiguity(run, bars, finer).as_dict()
    assert list(resolved) == list(expected)
    assert (resolved["resolved"], resolved["to_target"], resolved["to_stop"], resolved["note"]) == (1, 1, 0, "")
    assert list(ambiguity(run, bars).interval()) == list(expected)[:6]
    calm = one_trade(bars.head(5), SIGNAL, 1, 98.0, 104.0, None, FREE)
    assert ambiguity(calm, bars, finer).as_dict()["resolved_net_profit_pct"] == measure(calm, bars)["net_profit_pct"]
    assert ambiguity(calm, bars).note == ""


# --- a market made of a finer one: replaying the finer market tells the truth


def wandering(rng: np.random.Generator, hours: int) -> Bars:
    """Quarters without gaps, so that every level is passed at its own price, some of them on a grid."""
    grid = float(rng.choice([0.0, 0.25]))
    moves = np.concatenate(([0.0], rng.normal(0.0, 0.8, 4 * hours)))
    path = 100.0 + np.cumsum(moves)
    path = np.maximum(np.round(path / grid) * grid if grid else path, 50.0)
    rows = []
    for o, c in pairwise(path.tolist()):
        up, down = rng.exponential(0.4, 2) * (rng.random(2) < 0.8)
        if grid:
            up, down = np.ceil(up / grid) * grid, np.ceil(down / grid) * grid
        rows.append((o, max(o, c) + up, min(o, c) - down, c, 1.0))
    return bars_of(rows, market=QUARTERS, first_ms=0)


def test_the_answer_is_that_of_the_finer_market() -> None:
    counts: Counter[tuple[bool, str]] = Counter()
    for seed in range(120):
        rng = np.random.default_rng(seed)
        finer = wandering(rng, 60)
        bars = resample(finer, HOURLY.timeframe)
        money = random_money(rng)
        for bar in range(0, 50, 2):
            side, close = int(rng.choice([1, -1])), float(bars.close[bar])
            terms: dict[str, Any] = {
                "side": side,
                "stop": close - side * float(rng.choice([1.0, 1.5, 2.5])),
                "target": close + side * float(rng.choice([1.5, 3.0])),
                "partial": float(rng.choice([0.5, 1.0])) if rng.random() < 0.75 else None,
                "money": money,
            }
            run = one_trade(bars, bar, **terms)
            coarse, fine = run.trades, one_trade(finer, 4 * bar + 3, **terms).trades
            if not (len(coarse) and len(fine) and coarse.ambiguous[0]):
                continue
            hour, two_legs = int(coarse.exit_bar[0]), terms["partial"] is not None
            # break-even is asked from the bar after the entry bar, which the finer market takes for its own
            if two_legs and coarse.entry_bar[0] in (hour, coarse.partial_bar[0], fine.partial_bar[0] // 4):
                continue
            said, truth = seen(run, bars, finer), "unresolved"
            if fine.exit_bar[0] // 4 == hour and not fine.ambiguous[0]:
                ends = {"stop": coarse.net_return[0], "target": coarse.optimistic_return[0]}
                same = (end for end, net in ends.items() if fine.net_return[0] == pytest.approx(net, abs=1e-12))
                truth = next(same, truth)
            assert (said if said in ("stop", "target") else "unresolved") == truth, (seed, bar, said)
            counts[two_legs, said] += 1
    expected = {(legs, said) for legs in (False, True) for said in ("stop", "target", BOTH)} | {(True, BETWEEN)}
    assert min(counts[one] for one in expected) >= 5, counts


def alone(run: Run, trade: int) -> Run:
    columns = {f.name: getattr(run.trades, f.name)[trade : trade + 1] for f in fields(Trades)}
    return replace(run, trades=Trades(**columns))


def test_a_run_is_its_trades_one_after_the_other() -> None:
    totals: Counter[str] = Counter()
    for seed in range(25):
        rng = np.random.default_rng(seed)
        rough = random_bars(rng, 800)
        columns = {name: getattr(rough, name)[~rough.absent] for name in ("open", "high", "low", "close", "volume")}
        stamps = rough.time[~rough.absent] // 4
        finer = Bars.from_columns(QUARTERS, stamps, **columns)
        bars = resample(finer, HOURLY.timeframe)
        t = np.flatnonzero(bars.valid)[::2]
        rows = Setups.build(bar=t, side=rng.choice([1, -1], len(t)), features={}, stop_unit=np.full(len(t), 1.0))
        bracket = Bracket(stop=1.0, target=1.5, partial=1.0 if seed % 2 else None, max_bars=9)
        span = Span(0, len(bars))
        run = replay(bars, Signals.select(bars, rows, (), bracket, {}, span), random_money(rng), span)
        whole = ambiguity(run, bars, finer)
        equity, found = 1.0, Counter[str]()
        for i in range(len(run.trades)):
            one = ambiguity(alone(run, i), bars, finer)
            equity *= 1.0 + one.resolved_net_profit_pct / 100.0
            found.update({"stop": one.to_stop, "target": one.to_target, **dict(one.reasons)})
        assert whole.resolved_net_profit_pct == pytest.approx(100.0 * (equity - 1.0), rel=1e-9, abs=1e-9)
        assert (whole.to_stop, whole.to_target) == (found["stop"], found["target"])
        assert {why: n for why, n in found.items() if n and why not in ("stop", "target")} == dict(whole.reasons)
        assert whole.trades == measure(run, bars)["ambiguous_trades"]
        ends = sorted((whole.pessimistic_net_profit_pct, whole.optimistic_net_profit_pct))
        assert ends[0] <= whole.resolved_net_profit_pct <= ends[1]
        totals += found
    assert min(totals["stop"], totals["target"], totals[UNCOVERED]) >= 5, totals


def test_an_empty_result_is_one() -> None:
    assert Ambiguity(0, 1.0, 1.0, "1m", resolved_net_profit_pct=1.0).as_dict()["unresolved"] == 0
    assert math.isnan(Ambiguity(0, 1.0, 1.0).resolved_net_profit_pct)
