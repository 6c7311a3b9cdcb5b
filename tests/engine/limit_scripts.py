"""Runs under limits whose answers were found by hand.

Every bar opens and closes at 100 unless its script says otherwise, nothing costs anything and every trade moves the
whole equity. A trade leaves at the close after `hold` bars, so it returns 0 (a loss: it is not above 0), unless its
bar touches 75 (-1/4) or 125 (+1/4). All equities are exact in floats, so a tie is a tie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from assay.engine import Bracket, Costs, Limits, Money, Setups, Signals, Sizing, Span, layout
from assay.market import Market, Timeframe
from engine.bridge import FAR, HOUR_MS, HOURLY, Case, bars_of, quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.engine import Run

FREE = Money(Costs(0.0, 0.0), Sizing("notional"))
FIVE_MINUTES = Market("test", "BTC/USDT", Timeframe(HOUR_MS // 12))
HALF_DAYS = Market("test", "BTC/USDT", Timeframe(12 * HOUR_MS))
DAILY = Market("test", "BTC/USDT", Timeframe(24 * HOUR_MS))
FUTURE = Market("test", "ES", Timeframe(24 * HOUR_MS), kind="future")

Bar = tuple[float, float, float, float, float]
LOSS: Bar = (100.0, 100.5, 74.0, 100.0, 10.0)
WIN: Bar = (100.0, 126.0, 99.5, 100.0, 10.0)
NO_TRADE: Bar = (100.0, 100.5, 99.5, 100.0, 0.0)


def closing(price: float) -> Bar:
    return (100.0, max(100.0, price) + 0.5, min(100.0, price) - 0.5, price, 10.0)


DAY_LOSS, DRAWDOWN, LOSSES, TRADES, COOLDOWN, SHARPE = Limits.names()


@dataclass(frozen=True)
class Script:
    """Long signals at the closes of some bars; of each, whether it was traded or which limit held it back.

    An order of an `unsent` signal would fill after its flat bar. What is in none of the three was sent, not filled.
    """

    name: str
    limits: Limits
    signals: tuple[int, ...]
    bars: Mapping[int, Bar]
    traded: tuple[int, ...]
    held: Mapping[int, str] = field(default_factory=dict)
    market: Market = HOURLY
    length: int = 72
    hold: int = 1
    levels: tuple[float, float] = (75.0, 125.0)
    start: int = 0
    delay: int = 0
    unsent: tuple[int, ...] = ()

    def case(self) -> Case:
        bars = bars_of(quiet(self.length, self.bars), market=self.market, first_ms=0)
        bracket = Bracket(stop=0.0, target=FAR, max_bars=self.hold)
        count, (stop, target) = len(self.signals), self.levels
        rows = Setups.build(
            bar=self.signals,
            side=[1] * count,
            features={},
            flat_by=[t + self.delay if t in self.unsent else -1 for t in self.signals],
            stop_base=[stop] * count,
            stop_unit=[1.0] * count,
            target_limit=[target] * count,
        )
        span = Span(self.start, len(bars))
        signals = Signals.select(bars, rows, (), bracket, {}, span)
        return Case(bars, signals, (bracket,), FREE, span, self.delay, opposite=False, limits=self.limits)


def held_back(case: Case, run: Run) -> dict[int, str]:
    """Return the limit that held back the order of each signal bar."""
    names = Limits.names()
    fates = zip(case.signals.rows.bar.tolist(), (run.fates - layout.FATE_HELD_BACK).tolist(), strict=True)
    return {bar: names[fate] for bar, fate in fates if 0 <= fate < len(names)}


def above(value: float) -> float:
    """Return a limit that a tie with the value does not reach."""
    return value * (1.0 + 1e-12)


def pair(script: Script, idle: Limits) -> tuple[Script, Script]:
    """Return a script in which a limit binds, and the same under the nearest limits that do not."""
    return script, replace(script, name=f"{script.name}: not quite", limits=idle, traded=script.signals, held={})


def by(limit: str, *bars: int) -> dict[int, str]:
    return dict.fromkeys(bars, limit)


DAILY_LOSSES = (
    # Bar 3 leaves 3/4 of the morning's 1. The order of bar 23 fills on the next day.
    *pair(
        Script("daily loss", Limits(25.0), (2, 3, 22, 23, 30), {3: LOSS}, (2, 23, 30), by(DAY_LOSS, 3, 22)),
        Limits(above(25.0)),
    ),
    # Day 1 begins with 3/4; bar 34 leaves 15/16 of that, though 3/4 of the highest of the day.
    *pair(
        Script("daily loss since the morning", Limits(6.25), (2, 30, 33, 36), {3: LOSS, 31: WIN, 34: LOSS},
               (2, 30, 33), by(DAY_LOSS, 36)),
        Limits(above(6.25)),
    ),
    # The position of bar 20 is worth 2 in the evening, and 1 when it is closed on the next day.
    *pair(
        Script("daily loss since a marked evening", Limits(50.0), (20, 27, 40, 47), {23: closing(200.0)}, (20, 47),
               by(DAY_LOSS, 27, 40), hold=6, levels=(50.0, 250.0)),
        Limits(above(50.0)),
    ),
    # With fills two bars after their signals, bar 22 belongs to the next day.
    *pair(
        Script("daily loss, late fills", Limits(25.0), (2, 10, 22), {4: LOSS}, (2, 22), by(DAY_LOSS, 10), delay=1),
        Limits(above(25.0)),
    ),
)  # fmt: skip

DRAWDOWNS = (
    # Bar 3 makes 5/4, bar 6 leaves 15/16: a quarter is lost, for good.
    *pair(
        Script("drawdown", Limits(max_drawdown_pct=25.0), (2, 5, 6, 23, 30, 60), {3: WIN, 6: LOSS, 24: WIN, 31: WIN},
               (2, 5), by(DRAWDOWN, 6, 23, 30, 60)),
        Limits(max_drawdown_pct=above(25.0)),
    ),
    # A quarter was lost at bar 3; bar 4 has won more than that.
    *pair(
        Script("drawdown of the past", Limits(max_drawdown_pct=25.0), (2, 7), {3: closing(75.0), 4: closing(200.0)},
               (2,), by(DRAWDOWN, 7), hold=2, levels=(50.0, 250.0)),
        Limits(max_drawdown_pct=above(25.0)),
    ),
    # The close of bar 4 marks 3/4; the trade itself ends with nothing lost.
    *pair(
        Script("drawdown inside a trade", Limits(max_drawdown_pct=25.0), (2, 6, 30), {4: closing(75.0)}, (2,),
               by(DRAWDOWN, 6, 30), hold=3, levels=(50.0, 150.0)),
        Limits(max_drawdown_pct=above(25.0)),
    ),
    # The close of bar 4 marks 2, the end is 1 again.
    *pair(
        Script("drawdown from the highest mark", Limits(max_drawdown_pct=50.0), (2, 6, 30), {4: closing(200.0)}, (2,),
               by(DRAWDOWN, 6, 30), hold=3, levels=(50.0, 250.0)),
        Limits(max_drawdown_pct=above(50.0)),
    ),
)  # fmt: skip

STREAKS = (
    # The pause lasts for the day of the second loss. Then the count begins anew: bar 24 is the first, 27 the second.
    Script("two losses", Limits(max_consecutive_losses=2), (2, 5, 6, 22, 23, 26, 27, 46, 47),
           {3: LOSS, 6: LOSS, 24: LOSS}, (2, 5, 23, 26, 47), by(LOSSES, 6, 22, 27, 46)),
    Script("two losses are not three", Limits(max_consecutive_losses=3), (2, 5, 6, 23), {3: LOSS, 6: LOSS, 7: WIN},
           (2, 5, 6, 23)),
    Script("a win between losses", Limits(max_consecutive_losses=2), (2, 5, 8, 11, 14),
           {3: LOSS, 6: WIN, 9: LOSS, 12: LOSS}, (2, 5, 8, 11), by(LOSSES, 14)),
    Script("a return of nothing is a loss", Limits(max_consecutive_losses=1), (2, 5), {}, (2,), by(LOSSES, 5)),
    # The loss of bar 21 is closed at bar 25: its day is that of the exit.
    Script("a loss that ends a day later", Limits(max_consecutive_losses=1), (21, 25, 46, 47), {}, (21, 47),
           by(LOSSES, 25, 46), hold=4),
    Script("losses of two days", Limits(max_consecutive_losses=2), (10, 30, 33, 47), {}, (10, 30, 47), by(LOSSES, 33)),
    # With late fills, bar 22 belongs to the day after the loss.
    Script("a loss, late fills", Limits(max_consecutive_losses=1), (2, 21, 22), {}, (2, 22), by(LOSSES, 21), delay=1),
)  # fmt: skip

DAILY_TRADES = (
    # The order of bar 23 is the first of day 1.
    Script("two trades a day", Limits(daily_trade_limit=2), (2, 5, 8, 22, 23, 30, 33, 47), {}, (2, 5, 23, 30, 47),
           by(TRADES, 8, 22, 33)),
    Script("three trades a day", Limits(daily_trade_limit=3), (2, 5, 8, 23), {}, (2, 5, 8, 23)),
    # A trade counts on the day of its entry, though it ends on the next.
    Script("a trade over the night", Limits(daily_trade_limit=1), (20, 30, 36), {}, (20, 30), by(TRADES, 36), hold=6),
    # Bar 3 has no trades: the order is not filled, and does not count.
    Script("an order without a fill", Limits(daily_trade_limit=1), (2, 5, 8), {3: NO_TRADE}, (5,), by(TRADES, 8)),
    Script("trades, late fills", Limits(daily_trade_limit=1), (2, 21, 22, 30), {}, (2, 22),
           by(TRADES, 21, 30), delay=1),
)  # fmt: skip

COOLDOWNS = (
    # The loss ends at bar 3.
    Script("two bars", Limits(cooldown_after_loss_minutes=120), (2, 3, 4, 5), {3: LOSS}, (2, 5), by(COOLDOWN, 3, 4)),
    Script("two bars and a minute", Limits(cooldown_after_loss_minutes=121), (2, 3, 4, 5, 6), {3: LOSS}, (2, 6),
           by(COOLDOWN, 3, 4, 5)),
    Script("two bars and a half, of five minutes", Limits(cooldown_after_loss_minutes=12.5), (2, 3, 5, 6), {3: LOSS},
           (2, 6), by(COOLDOWN, 3, 5), market=FIVE_MINUTES),
    Script("no cooldown after a win", Limits(cooldown_after_loss_minutes=240), (2, 3, 4), {3: WIN, 4: WIN, 5: WIN},
           (2, 3, 4)),
    # The trade of bar 2 is closed at bar 5.
    Script("cooldown since the exit", Limits(cooldown_after_loss_minutes=120), (2, 6, 7), {}, (2, 7), by(COOLDOWN, 6),
           hold=3),
    # What counts is the bar of the signal, not that of the fill.
    Script("cooldown, late fills", Limits(cooldown_after_loss_minutes=120), (2, 5, 6), {4: LOSS}, (2, 6),
           by(COOLDOWN, 5), delay=1),
)  # fmt: skip


def one_return(days: float, count: int = 31) -> float:
    """Sharpe ratio, in a year of so many days, of `count` days of which one wins and nothing else moves.

    Mean over standard deviation is the root of 1 / count, however large the return.
    """
    return math.sqrt(days / count)


def every(start: int, stop: int, *left_out: int, step: int = 1) -> tuple[int, ...]:
    """Signal bars from one to another, the last included."""
    return tuple(bar for bar in range(start, stop + 1, step) if bar not in left_out)


# A signal at every close of daily bars: a trade a day from day 1 on, each of nothing but where a bar says otherwise. At
# the close of bar 29 30 days are over, and 29 trades; at that of bar 30, 31 and 30.
SHARPE_RATIOS = (
    # One loss in 31 days: -sqrt(365/31), in 32 -sqrt(365/32), which is above the limit again.
    *pair(
        Script("sharpe", Limits(min_sharpe_ratio=-one_return(364)), every(0, 34), {3: LOSS}, every(0, 34, 30),
               by(SHARPE, 30), market=DAILY),
        Limits(min_sharpe_ratio=-one_return(366)),
    ),
    # A win is forgotten as slowly: sqrt(365/31) is not reached again.
    Script("sharpe of a win", Limits(min_sharpe_ratio=one_return(366)), every(0, 34), {3: WIN}, every(0, 29),
           by(SHARPE, *every(30, 34)), market=DAILY),
    Script("sharpe of a win: not quite", Limits(min_sharpe_ratio=one_return(364)), every(0, 34), {3: WIN}, every(0, 30),
           by(SHARPE, *every(31, 34)), market=DAILY),
    # Futures trade on 252 days of a year.
    *pair(
        Script("sharpe of a future", Limits(min_sharpe_ratio=-one_return(251)), every(0, 34), {3: LOSS},
               every(0, 34, 30), by(SHARPE, 30), market=FUTURE),
        Limits(min_sharpe_ratio=-one_return(253)),
    ),
    # Days that are all the same have no ratio, and none that is below the limit.
    Script("sharpe of nothing", Limits(min_sharpe_ratio=5.0), every(0, 34), {}, every(0, 34), market=DAILY),
    # A position open in the evening is marked: day 3 loses 1/4, day 4 wins 1/3. The mean of 61 days is 1/732, the sum
    # of squares 25/144, the ratio .4854; of 63 days .4777.
    *pair(
        Script("sharpe of marks", Limits(min_sharpe_ratio=0.49), every(0, 62, step=2), {3: closing(75.0)},
               every(0, 58, step=2), by(SHARPE, 60, 62), market=DAILY, hold=2, levels=(50.0, 150.0)),
        Limits(min_sharpe_ratio=0.47),
    ),
    # Days 3 to 92 are the 90 before day 93, to which the order of bar 92 belongs; then the loss of day 3 is forgotten.
    Script("the last day of a loss", Limits(min_sharpe_ratio=0.0), every(0, 96), {3: LOSS},
           every(0, 29) + every(93, 96), by(SHARPE, *every(30, 92)), market=DAILY, length=99),
    # While entries are paused the shadow wins back on bar 40 what it lost: the mean is 0, and 0 is not below 0.
    Script("a win of the shadow", Limits(min_sharpe_ratio=0.0), every(0, 45), {3: LOSS, 40: WIN},
           every(0, 29) + every(40, 45), by(SHARPE, *every(30, 39)), market=DAILY),
    # And pauses again when it loses again.
    Script("a second pause", Limits(min_sharpe_ratio=0.0), every(0, 60), {3: LOSS, 40: WIN, 45: LOSS, 50: WIN},
           every(0, 29) + every(40, 44) + every(50, 60), by(SHARPE, *every(30, 39), *every(45, 49)), market=DAILY),
    # 30 days are over at the close of bar 59: the order of bar 58 belongs to day 29, that of bar 61 to day 31.
    Script("sharpe of thirty days", Limits(min_sharpe_ratio=-one_return(364, 30)), every(0, 64), {3: LOSS},
           every(0, 64, 59, 60), by(SHARPE, 59, 60), market=HALF_DAYS),
    # 29 trades in 51 days are too few, the thirtieth is closed on day 51.
    Script("sharpe of thirty trades", Limits(min_sharpe_ratio=0.0), (*every(0, 28), 50, 51, 52), {3: LOSS},
           (*every(0, 28), 50), by(SHARPE, 51, 52), market=DAILY),
    # They are counted from the start, not over the 90 days: 31 by day 102, of which day 12 and later saw 20.
    Script("trades of long ago", Limits(min_sharpe_ratio=0.0), (*every(0, 29), 100, 101), {101: LOSS},
           (*every(0, 29), 100), by(SHARPE, 101), market=DAILY, length=110),
    # The first return is against 1. Day 0 is one of the 90 days before day 90, and none of those before day 91.
    Script("a loss on the first day", Limits(min_sharpe_ratio=0.0), (*every(0, 62), *every(178, 183)), {1: LOSS},
           every(0, 58) + every(181, 183), by(SHARPE, *every(59, 62), *every(178, 180)), market=HALF_DAYS, length=190),
    # The loss of bar 60 is on the day of bar 61, which is not over at the close of bar 60.
    Script("today is not over", Limits(min_sharpe_ratio=0.0), every(0, 62), {60: LOSS}, every(0, 60),
           by(SHARPE, 61, 62), market=HALF_DAYS),
    # Days are counted from the first bar of the span.
    Script("sharpe of a later span", Limits(min_sharpe_ratio=-one_return(364)), every(5, 39), {8: LOSS},
           every(5, 39, 35), by(SHARPE, 35), market=DAILY, start=5),
    # Filled two bars after its signal, the order of bar 62 belongs to day 32; but day 31 is not over at its close, and
    # the shadow's win at bar 63 not known.
    Script("sharpe, late fills", Limits(min_sharpe_ratio=0.0), (*every(1, 61, step=2), 62, 63), {5: LOSS, 63: WIN},
           (*every(1, 59, step=2), 63), by(SHARPE, 61, 62), market=HALF_DAYS, delay=1),
    # At the close of bar 59 the shadow's thirtieth trade, which the cooldown kept from this run, is still open.
    Script("trades that are closed", Limits(cooldown_after_loss_minutes=2880, min_sharpe_ratio=5.0),
           (*every(0, 58, step=2), 59), dict.fromkeys(range(2, 60, 2), closing(101.0)) | {57: LOSS},
           (*every(0, 56, step=2), 59), by(COOLDOWN, 58), market=DAILY, hold=2),
    # The shadow trades twice a day, and alone makes the loss of bar 3.
    Script("no limit holds the shadow back", Limits(daily_trade_limit=1, min_sharpe_ratio=0.0), every(0, 62),
           {3: LOSS}, (0, *every(1, 57, step=2)), by(TRADES, *every(2, 58, step=2)) | by(SHARPE, *every(59, 62)),
           market=HALF_DAYS),
)  # fmt: skip

ONE_LOSS = {3: LOSS}
SEVERAL = (
    Script("all at once", Limits(25.0, 25.0, 1, 1, 60), (2, 3), ONE_LOSS, (2,), by(DAY_LOSS, 3)),
    Script("all but one", Limits(above(25.0), 25.0, 1, 1, 60), (2, 3), ONE_LOSS, (2,), by(DRAWDOWN, 3)),
    Script("all but two", Limits(math.nan, math.nan, 1, 1, 60), (2, 3), ONE_LOSS, (2,), by(LOSSES, 3)),
    Script("all but three", Limits(above(25.0), above(25.0), 2, 1, 60), (2, 3), ONE_LOSS, (2,), by(TRADES, 3)),
    Script("the cooldown alone", Limits(above(25.0), above(25.0), 2, 2, 60), (2, 3, 4), ONE_LOSS, (2, 4),
           by(COOLDOWN, 3)),
    # Every day wins 1 %, and the ratio is above 100, until the loss of bar 40.
    Script("sharpe is named last", Limits(cooldown_after_loss_minutes=1440, min_sharpe_ratio=5.0), every(0, 42),
           dict.fromkeys(range(1, 43), closing(101.0)) | {40: LOSS}, every(0, 39),
           by(COOLDOWN, 40) | by(SHARPE, 41, 42), market=DAILY),
)  # fmt: skip

# The order of bar 4 would fill after its flat bar: it is none, and no limit is asked.
NO_ORDER = Script(
    "an order that cannot be sent",
    Limits(cooldown_after_loss_minutes=240),
    (2, 4, 8),
    {4: LOSS},
    (2, 8),
    delay=1,
    unsent=(4,),
)

SCRIPTS = (
    *DAILY_LOSSES,
    *DRAWDOWNS,
    *STREAKS,
    *DAILY_TRADES,
    *COOLDOWNS,
    *SHARPE_RATIOS,
    *SEVERAL,
    NO_ORDER,
)


def script_failures(script: Script) -> list[tuple[object, object]]:
    """Whatever the replay of a script did and should not, or the other way round."""
    case = script.case()
    run = case.run()
    pairs = [
        (tuple(run.trades.signal_bar.tolist()), script.traded),
        (held_back(case, run), dict(script.held)),
        (run.orders_sent, len(script.signals) - len(script.held) - len(script.unsent)),
    ]
    return [(got, expected) for got, expected in pairs if got != expected]
