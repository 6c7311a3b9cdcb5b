"""Limits of the replay: runs worked out by hand, random runs against an independent oracle, planted mistakes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.engine import Limits, Trades
from assay.errors import InputError
from assay.market import Market, Timeframe
from engine.bridge import HOUR_MS, HOURLY, Case, differences, random_case
from engine.limit_scripts import (
    DAILY,
    FIVE_MINUTES,
    SCRIPTS,
    SHARPE,
    Script,
    held_back,
    script_failures,
)
from engine.mutation import SOURCE, Mutant, use

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
    """Random runs of one kind of market: `count` cases of so many bars, under some of the limits."""

    name: str
    market: Market
    count: int
    shortest: int
    longest: int
    limits: tuple[str, ...]
    delay: int = 0

    @cache  # noqa: B019  (the groups are constants)
    def cases(self) -> list[Case]:
        return [self.case(seed) for seed in range(3_000_000, 3_000_000 + self.count)]

    def case(self, seed: int) -> Case:
        case = random_case(seed, shortest=self.shortest, longest=self.longest, market=self.market)
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
    Group("months of days", DAILY, 100, 60, 200, (SHARPE,)),
    Group("months of four hours", FOUR_HOURS, 60, 250, 500, (SHARPE,)),
    Group("months of hours", HOURLY, 15, 800, 1200, (SHARPE,)),
    Group("months of five minutes", FIVE_MINUTES, 3, 9000, 10000, (SHARPE,)),
    Group("months of days, all limits", DAILY, 100, 60, 200, ALL),
    Group("late fills", FIVE_MINUTES, 60, 20, 700, ALL, delay=2),
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
    pauses = (name for name in ALL if name not in {"max_drawdown_pct", SHARPE})
    assert min(later[name] for name in pauses) >= 10


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
    Mutant("sharpe of days that do not vary", "return np.nan\n    total, squares", "return 0.0\n    total, squares"),
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


def failures() -> Iterator[object]:
    """Whatever the scripts object to; an exception objects too."""
    try:
        for script in SCRIPTS:
            yield from script_failures(script)
    except (IndexError, ZeroDivisionError, ValueError) as error:
        yield error


def test_plain_python_passes_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SOURCE)
    with np.errstate(all="ignore"):
        assert not list(failures())


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_mutant_is_caught(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    use(monkeypatch, mutant.source())
    with np.errstate(all="ignore"):
        assert next(failures(), None) is not None
