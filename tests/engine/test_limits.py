"""Limits of the replay: runs worked out by hand, random runs against an independent oracle, planted mistakes."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.engine import Limits, Signals, Trades, kernels
from assay.errors import InputError
from assay.market import Market, Timeframe
from engine.bridge import HOUR_MS, HOURLY, Case, differences, random_case
from engine.limit_scripts import (
    DAILY,
    FIVE_MINUTES,
    HALF_DAYS,
    SCRIPTS,
    SHARPE,
    Script,
    held_back,
    script_failures,
)
from engine.mutation import REPLAY, SOURCE, Mutant, use, use_replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FOUR_HOURS = Market("test", "BTC/USDT", Timeframe(4 * HOUR_MS))
VALUES = {
    "max_daily_loss_pct": (0.1, 0.3, 0.5, 1.0, 2.0, 5.0),
    "max_drawdown_pct": (0.5, 1.0, 3.0, 6.0, 12.0),
    "max_consecutive_losses": (1, 2, 3, 4),
    "daily_trade_limit": (1, 2, 3),
    "cooldown_after_loss_minutes": (1, 59, 60, 61, 300, 1439, 1441, 4000),
    "min_sharpe_ratio": (-4.0, -2.0, -1.0, -0.3, 0.0, 0.5, 2.0),
}
ALL = Limits.names()
BUT_SHARPE = tuple(name for name in ALL if name != SHARPE)
NEVER = Limits(1e9, 1e9, 1e9, 1e9, min_sharpe_ratio=-1e9)
"""Limits that nothing reaches; any cooldown would hold back a signal on the exit bar itself."""


@dataclass(frozen=True)
class Group:
    """Random runs of one kind of market: `count` cases of so many bars, under some of the limits.

    A Sharpe ratio is judged after 30 trades: the runs that reach it are busy ones.
    """

    name: str
    market: Market
    count: int
    shortest: int
    longest: int
    limits: tuple[str, ...]
    delay: int = 0
    busy: bool = False

    @cache  # noqa: B019  (the groups are constants)
    def cases(self) -> list[Case]:
        return [self.case(seed) for seed in range(3_000_000, 3_000_000 + self.count)]

    def case(self, seed: int) -> Case:
        case = random_case(seed, shortest=self.shortest, longest=self.longest, market=self.market, busy=self.busy)
        limits = random_limits(np.random.default_rng(seed + 1_000_000), self.limits)
        return replace(case, delay=self.delay, limits=limits)


def random_limits(rng: np.random.Generator, names: tuple[str, ...]) -> Limits:
    """One of the limits, or each of them with even odds."""
    alone = rng.random() < 0.5
    chosen = [rng.choice(names)] if alone else [name for name in names if rng.random() < 0.5]
    return Limits(**{name: float(rng.choice(VALUES[name])) for name in chosen})


GROUPS = (
    Group("hours", HOURLY, 160, 20, 220, BUT_SHARPE),
    Group("five minutes", FIVE_MINUTES, 80, 20, 700, BUT_SHARPE),
    Group("days", DAILY, 60, 20, 150, BUT_SHARPE),
    Group("late fills", FIVE_MINUTES, 60, 20, 700, ALL, delay=2),
    Group("months of days", DAILY, 120, 100, 400, (SHARPE,), busy=True),
    Group("months of four hours", FOUR_HOURS, 60, 250, 900, (SHARPE,), busy=True),
    Group("months of hours", HOURLY, 15, 800, 2600, (SHARPE,), busy=True),
    Group("months of five minutes", FIVE_MINUTES, 3, 13_000, 14_000, (SHARPE,), busy=True),
    Group("months of days, all limits", DAILY, 120, 100, 400, ALL, busy=True),
    Group("months of four hours, all limits, late fills", FOUR_HOURS, 60, 250, 900, ALL, delay=2, busy=True),
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name.replace(" ", "-"))
def test_worked_out_by_hand(script: Script) -> None:
    assert not script_failures(script)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.name.replace(" ", "-"))
def test_the_oracle_agrees_with_the_hand(script: Script) -> None:
    answer = script.case().answer()
    assert tuple(trade.signal_bar for trade in answer.trades) == script.traded
    assert answer.held_back == script.held


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name.replace(" ", "-"))
def test_random_runs_agree(group: Group) -> None:
    wrong = {}
    for i, case in enumerate(group.cases()):
        run, answer = case.run(), case.answer()
        found = differences(run, answer, case.bars, case.orders())
        if (held := held_back(case, run)) != answer.held_back:
            found.append(("held back", held, answer.held_back))
        if found:
            wrong[i] = found[:5]
    assert not wrong


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    seed=st.integers(4_000_000, 5_000_000),
    sharpe=st.floats(-6.0, 3.0),
    delay=st.sampled_from([0, 1, 2]),
    opposite=st.booleans(),
    others=st.booleans(),
)
def test_the_limit_of_the_sharpe_ratio_is_that_of_the_oracle(
    seed: int, sharpe: float, delay: int, opposite: bool, others: bool
) -> None:
    case = random_case(seed, shortest=150, longest=400, market=HALF_DAYS, busy=True)
    more = random_limits(np.random.default_rng(seed), BUT_SHARPE) if others else Limits()
    case = replace(case, delay=delay, opposite=opposite, limits=replace(more, min_sharpe_ratio=sharpe))
    run, answer = case.run(), case.answer()
    assert not differences(run, answer, case.bars, case.orders())
    assert held_back(case, run) == answer.held_back


@given(
    returns=st.lists(st.sampled_from([0.0, 0.0, 0.01, -0.01, 0.05, -0.03]), min_size=1, max_size=150),
    trades=st.lists(st.integers(0, 149), min_size=20, max_size=60),
    year=st.sampled_from([252, 365]),
)
def test_the_rolling_ratio_by_the_textbook(returns: list[float], trades: list[int], year: int) -> None:
    values, exits = np.cumprod(1.0 + np.array(returns)), np.array(sorted(trades))
    found = kernels.rolling_sharpe(values, exits, year)
    assert len(found) == len(returns)
    for day, ratio in enumerate(found):
        window = returns[:day][-90:]
        if day < 30 or sum(t < day for t in trades) < 30 or set(window) == {0.0}:
            assert math.isnan(ratio)
        elif len(set(window)) > 1:  # products of equal returns are not quite equal
            expected = statistics.fmean(window) / statistics.stdev(window) * math.sqrt(year)
            assert ratio == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("group", [g for g in GROUPS if g.busy], ids=lambda group: group.name.replace(" ", "-"))
def test_no_limit_looks_ahead(group: Group) -> None:
    """Whether an order is held back is the same where the bars end at that of its fill."""
    judged = 0
    for seed, case in enumerate(group.cases()[:30]):
        held = held_back(case, case.run())
        rng = np.random.default_rng(seed)
        ends = np.flatnonzero(case.bars.tradable[case.span.start + 1 : case.span.stop]) + case.span.start + 2
        for end in rng.choice(ends, min(6, len(ends)), replace=False).tolist():
            rows = case.signals.rows.bar < end
            signals = Signals(case.signals.rows.take(rows), case.signals.exit_of[rows], case.signals.exits)
            cut = replace(case, bars=case.bars.head(end), signals=signals, span=replace(case.span, stop=end))
            last = end - 2 - case.delay
            before = {bar: name for bar, name in held_back(cut, cut.run()).items() if bar <= last}
            assert before == {bar: name for bar, name in held.items() if bar <= last}
            judged += SHARPE in before.values()
    assert judged


@pytest.mark.parametrize("group", [g for g in GROUPS if g.busy], ids=lambda group: group.name.replace(" ", "-"))
def test_what_prices_do_later_changes_no_decision(group: Group) -> None:
    """Of the shadow's open position, too, a late fill knows nothing that comes after the signal."""
    judged = 0
    for seed, case in enumerate(group.cases()[:30]):
        held, b = held_back(case, case.run()), case.bars
        rng = np.random.default_rng(seed)
        for bar in rng.choice(case.signals.rows.bar, 6).tolist() if len(case.signals.rows) else ():
            factor = np.where(np.arange(len(b)) > bar, rng.choice([0.6, 1.5]), 1.0)
            other = replace(case, bars=b.with_prices(*(factor * p for p in (b.open, b.high, b.low, b.close))))
            before = {t: name for t, name in held_back(other, other.run()).items() if t <= bar}
            assert before == {t: name for t, name in held.items() if t <= bar}
            judged += SHARPE in before.values()
    assert judged


def test_the_random_runs_reach_every_limit() -> None:
    held: Counter[str] = Counter()
    later: Counter[str] = Counter()
    for group in GROUPS:
        for case in group.cases():
            run = case.run()
            reasons = held_back(case, run)
            held.update(set(reasons.values()))
            sent_last = max(run.trades.signal_bar, default=-1)
            later.update({reason for bar, reason in reasons.items() if bar < sent_last})
    assert min(held[name] for name in ALL) >= 20
    assert min(later[name] for name in ALL if name != "max_drawdown_pct") >= 10
    assert not later["max_drawdown_pct"]


def test_limits_that_never_bind_change_nothing() -> None:
    for case in (case for group in GROUPS for case in group.cases()[:25]):
        free = replace(case, limits=None).run()
        for limits in (NEVER, Limits()):
            run = replace(case, limits=limits).run()
            assert all(_same(getattr(free.trades, f.name), getattr(run.trades, f.name)) for f in fields(Trades))
            assert all(_same(getattr(free, name), getattr(run, name)) for name in ("equity", "sums", "fates"))
            assert free.orders_sent == run.orders_sent


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", BUT_SHARPE)
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_limit_must_be_above_0(name: str, value: float) -> None:
    for nothing in (None, "3", True):
        with pytest.raises(InputError, match=f"{name}: must be a number"):
            Limits(**{name: nothing})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"{name}.*above 0"):
        Limits(**{name: value})


MUTANTS = (
    Mutant("a tie of the daily loss", "loss_today >= limits", "loss_today > limits"),
    Mutant("a tie of the drawdown", "drawdown >= limits", "drawdown > limits"),
    Mutant("one loss more", "streak >= limits", "streak > limits"),
    Mutant("one trade more", "fills_today >= limits", "fills_today > limits"),
    Mutant("one bar of cooldown more", "since_loss < limits", "since_loss <= limits"),
    Mutant("sharpe limit from above", "first_day] < limits[LIMIT_MIN", "first_day] > limits[LIMIT_MIN"),
    Mutant("a tie of the sharpe limit", "first_day] < limits[LIMIT_MIN", "first_day] <= limits[LIMIT_MIN"),
    Mutant("day of the signal", "today = day[entry_bar]", "today = day[bar[row]]"),
    Mutant("day of a fill on time", "today = day[entry_bar]", "today = day[bar[row] + 1]"),
    Mutant(
        "loss since the start",
        "morning = account.before if today == account.last_day else account.equity",
        "morning = 1.0",
    ),
    Mutant(
        "loss since yesterday's morning",
        "morning = account.before if today == account.last_day else account.equity",
        "morning = account.before",
    ),
    Mutant("loss since the highest", "1.0 - account.equity / morning", "1.0 - account.equity / account.peak"),
    Mutant("drawdown of now", "loss_today, account.drawdown,", "loss_today, 1.0 - account.equity / account.peak,"),
    Mutant(
        "streak not reset by a pause",
        "paused_day, streak = day[int(o[OUTCOME_EXIT_BAR])], 0",
        "paused_day = day[int(o[OUTCOME_EXIT_BAR])]",
    ),
    Mutant("streak not reset by a win", "                streak = 0\n", "                pass\n"),
    Mutant(
        "streak of nothing lost",
        "            if o[OUTCOME_NET] > 0.0:\n                streak",
        "            if o[OUTCOME_NET] >= 0.0:\n                streak",
    ),
    Mutant(
        "pause of the entry's day",
        "paused_day, streak = day[int(o[OUTCOME_EXIT_BAR])]",
        "paused_day, streak = day[int(o[OUTCOME_ENTRY_BAR])]",
    ),
    Mutant("pause without its day", "today <= paused_day", "today < paused_day"),
    Mutant(
        "trades of the exit's day",
        "fill_day = day[int(o[OUTCOME_ENTRY_BAR])]",
        "fill_day = day[int(o[OUTCOME_EXIT_BAR])]",
    ),
    Mutant("trades of all days", "fills_today if today == day_of_fills else 0", "fills_today"),
    Mutant(
        "orders count as trades",
        "            fates[row] = FATE_UNFILLED\n",
        "            fates[row] = FATE_UNFILLED\n            fills_today, day_of_fills = 1, today\n",
    ),
    Mutant("cooldown since the entry", "last_loss = o[OUTCOME_EXIT_BAR]", "last_loss = o[OUTCOME_ENTRY_BAR]"),
    Mutant("cooldown until the fill", "bar[row] - last_loss", "bar[row] + 1 + delay - last_loss"),
    Mutant(
        "cooldown after a win",
        "                streak = 0\n",
        "                streak, last_loss = 0, o[OUTCOME_EXIT_BAR]\n",
    ),
    Mutant("sharpe of 30 days", "SHARPE_DAYS = 90", "SHARPE_DAYS = 30"),
    Mutant("sharpe of 89 days", "SHARPE_DAYS = 90", "SHARPE_DAYS = 89"),
    Mutant("sharpe of 91 days", "SHARPE_DAYS = 90", "SHARPE_DAYS = 91"),
    Mutant("sharpe of all days", "max(0, today - SHARPE_DAYS)", "0"),
    Mutant("sharpe judged from 29 days on", "MIN_SHARPE_TRADES = 30, 30", "MIN_SHARPE_TRADES = 29, 30"),
    Mutant("sharpe judged from 31 days on", "MIN_SHARPE_TRADES = 30, 30", "MIN_SHARPE_TRADES = 31, 30"),
    Mutant("sharpe judged from 90 days on", "MIN_SHARPE_TRADES = 30, 30", "MIN_SHARPE_TRADES = 90, 30"),
    Mutant("sharpe judged without trades", "MIN_SHARPE_TRADES = 30, 30", "MIN_SHARPE_TRADES = 30, 0"),
    Mutant("sharpe judged from 29 trades on", "MIN_SHARPE_TRADES = 30, 30", "MIN_SHARPE_TRADES = 30, 29"),
    Mutant("sharpe judged from 31 trades on", "MIN_SHARPE_TRADES = 30, 30", "MIN_SHARPE_TRADES = 30, 31"),
    Mutant("trades of today", "exit_days[closed] < today", "exit_days[closed] <= today"),
    Mutant(
        "trades of the 90 days only",
        "closed >= MIN_SHARPE_TRADES",
        "closed - np.sum(exit_days < today - SHARPE_DAYS) >= MIN_SHARPE_TRADES",
    ),
    Mutant("trades that are open", "exit_days[closed] < today", "exit_days[closed] <= today + 1"),
    Mutant("sharpe with today", "day[bar[row] + 1] - first_day]", "day[bar[row] + 1] - first_day + 1]"),
    Mutant("sharpe without yesterday", "day[bar[row] + 1] - first_day]", "day[bar[row]] - first_day]"),
    Mutant("sharpe until the fill", "day[bar[row] + 1] - first_day]", "today - first_day]"),
    Mutant("sharpe of the population", "squares / (n - 1)", "squares / n"),
    Mutant("sharpe of 365 days", "np.sqrt(year)", "np.sqrt(365.0)"),
    Mutant("sharpe of days that do not vary", "return np.nan\n    return mean", "return 0.0\n    return mean"),
    Mutant("sharpe without the first day", "values[d - 1] if d > 0 else 1.0", "values[d - 1] if d > 0 else values[d]"),
    Mutant(
        "sharpe without marks",
        "values[d] = equity * mark_factor(days.mark[bar], o[OUTCOME_ENTRY], side, o[OUTCOME_SIZE], leg1, costs)",
        "values[d] = equity",
    ),
    Mutant(
        "sharpe for good once a day was weak",
        "weak = shadow_sharpe[day[bar[row] + 1] - first_day] < limits[LIMIT_MIN_SHARPE]",
        "weak = np.any(shadow_sharpe[: day[bar[row] + 1] - first_day + 1] < limits[LIMIT_MIN_SHARPE])",
    ),
    Mutant(
        "sharpe for good once it held an order back",
        "            if cause >= 0:\n",
        "            if cause == LIMIT_MIN_SHARPE:\n"
        "                shadow_sharpe = np.full(len(shadow_sharpe), -np.inf)\n"
        "            if cause >= 0:\n",
    ),
    Mutant(
        "sharpe of the run that it pauses",
        "weak = shadow_sharpe[day[bar[row] + 1] - first_day] < limits[LIMIT_MIN_SHARPE]",
        "own = daily_values(out, side[rows_out[:trades]], trades, days, costs, first_day, day[-1] - first_day + 1)\n"
        "                own_exits = day[out[:trades, OUTCOME_EXIT_BAR].astype(np.int64)] - first_day\n"
        "                own_sharpe = rolling_sharpe(own, own_exits, 365)\n"
        "                weak = own_sharpe[day[bar[row] + 1] - first_day] < limits[LIMIT_MIN_SHARPE]",
    ),
    Mutant("limits asked of what cannot be sent", "and not 0 <= flat_by < entry_bar", "and True"),
    Mutant(
        "drawdown named before the daily loss",
        "    if loss_today >=",
        "    if drawdown >= limits[LIMIT_MAX_DRAWDOWN]:\n        return LIMIT_MAX_DRAWDOWN\n    if loss_today >=",
    ),
    Mutant(
        "orders held back are sent",
        "fates[row] = FATE_HELD_BACK + cause\n",
        "fates[row] = FATE_HELD_BACK + cause\n                sent += 1\n",
    ),
)


MUTANTS_OF_THE_REPLAY = (
    Mutant(
        "the shadow under the other limits",
        "shadow, day = self.trade(NO_PAUSES)",
        "shadow, day = self.trade(Pauses(vector, NO_PAUSES.shadow_sharpe))",
    ),
    Mutant("trades counted by their entries", "OUTCOME_EXIT_BAR].astype", "kernels.OUTCOME_ENTRY_BAR].astype"),
    Mutant("a year of 365 days", "year = self.bars.market.days_per_year", "year = 365"),
    Mutant("no shadow", "if np.isnan(limits.min_sharpe_ratio):", "if True:"),
)


def failures() -> Iterator[object]:
    """Whatever the scripts object to; an exception objects too."""
    try:
        for script in SCRIPTS:
            yield from script_failures(script)
    except (IndexError, ZeroDivisionError, ValueError) as error:
        yield error


def test_the_replay_s_source_passes_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    use_replay(monkeypatch, REPLAY)
    assert not list(failures())


@pytest.mark.parametrize("mutant", MUTANTS_OF_THE_REPLAY, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_mutant_of_the_replay_is_caught(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    use_replay(monkeypatch, mutant.source(REPLAY))
    assert next(failures(), None) is not None


def test_plain_python_passes_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SOURCE)
    with np.errstate(all="ignore"):
        assert not list(failures())


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_mutant_is_caught(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    use(monkeypatch, mutant.source())
    with np.errstate(all="ignore"):
        assert next(failures(), None) is not None
